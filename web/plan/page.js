// The page: reads its data, listens to its controls, draws everything anew when one moves.
import { decodeMacs, flops, kvBytes, memoryParts } from './formulas.js';
import { modelFromJson, readBytes, stateBytes, weightBytes } from './formulas.js';
import { formatBytes, formatContext, formatCount, formatFlops, parseTokens } from './format.js';
import { LineChart, contextGrid, nearestIndex } from './charts.js';
import { drawBarTable, drawBars } from './bars.js';

const find = (id) => document.getElementById(id);
const data = JSON.parse(find('data').textContent);
const models = data.models.map(modelFromJson);
const labels = models.map(({ name, key }) =>
  models.filter((other) => other.name === name).length > 1 ? `${name} (${key})` : name,
);
const grid = contextGrid(data.first_context, data.last_context);
const kMaxSequences = 65536n;
const bytesText = (bytes) => formatBytes(bytes, data.binary_units);

const chosen = { tokens: BigInt(data.context), sequences: 1n, kv: data.kv, flops: data.flops };
const accounting = () => data.accountings.find(({ name }) => name === chosen.flops);

// The rows of the first table: key of the JSON, title, the value of a model, its text.
const kRows = [
  ['kv_bytes', 'KV cache of a sequence', (m) => kvBytes(m, chosen.tokens, chosen.kv),
   bytesText, true],
  ['gflops', 'FLOPs of a decoded token',
   (m) => flops(decodeMacs(m, chosen.tokens), accounting().weights) / 1e9,
   (v) => formatFlops(v * 1e9), true],
  ['read_bytes', 'read to decode a token', (m) => readBytes(m, chosen.tokens, chosen.kv),
   bytesText, true],
  ['weight_bytes', 'weights', weightBytes, bytesText, true],
  ['state_bytes', 'memory of a sequence', (m) => stateBytes(m, chosen.tokens, chosen.kv),
   bytesText, true],
  ['all_state_bytes', 'memory of all sequences',
   (m) => stateBytes(m, chosen.tokens, chosen.kv) * chosen.sequences,
   bytesText, true],
  ['memory_bytes', 'weights and all sequences',
   (m) => weightBytes(m) + stateBytes(m, chosen.tokens, chosen.kv) * chosen.sequences,
   bytesText, true],
  ['max_context', "the model's own limit",
   (m) => m.max_context, (v) => `${formatContext(v)} tokens`, false],
];

function cellOf(tag, text) {
  const cell = document.createElement(tag);
  cell.textContent = text;
  return cell;
}

function drawFigures() {
  const head = document.createElement('tr');
  head.append(cellOf('th', ''), ...labels.map((label) => cellOf('th', label)));
  const rows = kRows.map(([key, title, valueOf, textOf, compared]) => {
    const row = document.createElement('tr');
    row.append(cellOf('th', title));
    const values = models.map(valueOf);
    values.forEach((value, at) => {
      const cell = cellOf('td', textOf(value));
      cell.dataset.key = key;
      cell.dataset.model = models[at].key;
      cell.dataset.value = value;
      cell.title = typeof value === 'bigint' ? formatCount(value) : String(value);
      if (compared && at > 0) {
        const share = document.createElement('small');
        share.textContent = `${((100 * Number(value)) / Number(values[0])).toFixed(1)}%`;
        cell.append(share);
      }
      if (key === 'max_context' && value < chosen.tokens) cell.className = 'beyond';
      row.append(cell);
    });
    return row;
  });
  find('figures').replaceChildren(head, ...rows);
}

const kvChart = new LineChart({ element: find('kv-chart'), names: labels,
    format: bytesText, binary: data.binary_units });
const flopsChart = new LineChart({ element: find('flops-chart'),
    names: labels, format: formatFlops });

// The chosen context is a point of the lines, whether it is one of the grid or not.
function drawLines() {
  const at = Number(chosen.tokens);
  const contexts = [...new Set([...grid, at])].sort((a, b) => a - b);
  const weights = accounting().weights;
  const lines = (valueOf) => models.map((m) => contexts.map((n) => Number(valueOf(m, BigInt(n)))));
  kvChart.update(contexts, lines((m, n) => kvBytes(m, n, chosen.kv)), at);
  flopsChart.update(contexts, lines((m, n) => flops(decodeMacs(m, n), weights)), at);
}

function drawMemory() {
  const bars = models.map((m, at) => ({
    name: labels[at],
    parts: memoryParts(m, data.components, chosen.tokens, chosen.sequences, chosen.kv),
  }));
  drawBars(find('bars'), find('bars-legend'), bars, bytesText);
  drawBarTable(find('bars-table'), bars, bytesText);
}

function draw() {
  find('context-text').textContent = `${formatCount(chosen.tokens)} tokens`;
  find('sequences-text').textContent = formatCount(chosen.sequences);
  find('memory-title').textContent =
    `Memory: weights and ${formatCount(chosen.sequences)} sequence${chosen.sequences === 1n ? '' : 's'} ` +
    `of ${formatContext(chosen.tokens)} tokens`;
  find('accounting').textContent = `FLOPs: ${accounting().about}.`;
  drawFigures();
  drawLines();
  drawMemory();
}

// A slider and a field for one number; the slider holds places, `numbers` what they stand for.
function bindNumber(name, numbers, set) {
  const slider = find(name);
  const field = find(`${name}-field`);
  const show = (value) => (field.value = formatContext(value).replaceAll(',', ''));
  slider.max = numbers.length - 1;
  slider.value = nearestIndex(numbers.map(Number), chosen[set]);
  show(chosen[set]);
  slider.addEventListener('input', () => {
    chosen[set] = BigInt(numbers[slider.value]);
    field.setCustomValidity('');
    show(chosen[set]);
    draw();
  });
  field.addEventListener('change', () => {
    const value = parseTokens(field.value);
    const good = value !== null && (set === 'tokens' || value <= kMaxSequences);
    field.setCustomValidity(good ? '' : 'a whole number of at least 1, such as 4096, 128K or 1M');
    if (!good) return field.reportValidity();
    chosen[set] = value;
    slider.value = nearestIndex(numbers.map(Number), value);
    draw();
  });
}

function bindChoice(id, names, set) {
  const select = find(id);
  select.append(...names.map((name) => new Option(name, name, false, name === chosen[set])));
  select.addEventListener('change', () => {
    chosen[set] = select.value;
    draw();
  });
}

const kSequences = Array.from({ length: 17 }, (_, power) => 2 ** power);
bindNumber('context', grid, 'tokens');
bindNumber('sequences', kSequences, 'sequences');
bindChoice('kv', data.kv_formats, 'kv');
bindChoice('flops', data.accountings.map(({ name }) => name), 'flops');
document.title = `hadal plan: ${labels.join(', ')}`;
find('title').textContent = labels.join(', ');
draw();
