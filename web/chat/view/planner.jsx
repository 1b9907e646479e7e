// The planner of `hadal plan ... --html` as a tab: the same elements and modules, with data from
// the server. Its elements are not this page's to render; they are put in once.
import { useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import controls from '../../plan/planner.html';
import { Planner as PlannerOf } from '../../plan/planner.js';
import { usePlan } from './machine.jsx';

globalThis.uPlot = uPlot; // web/plan/charts.js finds it there, as in the page of one file

function Elements({ plan }) {
  const place = useRef(null);
  useLayoutEffect(() => {
    place.current.innerHTML = controls; // a file of ours
    new PlannerOf(plan);
  }, [plan]);
  return <div class="board" ref={place} />;
}

export function Planner({ api, theme }) {
  const { plan, error } = usePlan(api);
  if (!plan) return <p class="soon">{error ? `No planner: ${error}.` : 'Loading the models.'}</p>;
  return (
    <div class="scrolling" tabIndex={0} role="region" aria-label="Planner">
      <h1 class="unseen">Planner</h1>
      <Elements key={theme} plan={plan} />
    </div>
  );
}
