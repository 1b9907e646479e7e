// The page of `hadal plan ... --html`: the planner over the data that it holds.
import { Planner } from './planner.js';

const planner = new Planner(JSON.parse(document.getElementById('data').textContent));
document.title = `hadal plan: ${planner.labels.join(', ')}`;
document.getElementById('title').textContent = planner.labels.join(', ');
