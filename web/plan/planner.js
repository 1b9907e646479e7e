// The planner over the elements of planner.html: listens to its controls, draws everything anew
// when one moves. Of the page of `hadal plan ... --html`, and of a tab of the server's page.
import { decodeMacs, flops, kvBytes, memoryParts } from './formulas.js';
import { modelFromJson, readBytes, stateBytes, weightBytes } from './formulas.js';
import { formatBytes, formatContext, formatCount, formatFlops, parseTokens } from './format.js';
import { LineChart, contextGrid, nearestIndex } from './charts.js';
import { drawBarTable, drawBars } from './bars.js';

const find = (id) => document.getElementById(id);
const kMaxSequences = 65536n;
const kSequences = Array.from({ length: 17 }, (_, power) => 2 ** power);

function cellOf(tag, text) {
  const cell = document.createElement(tag);
  cell.textContent = text;
  return cell;
}

export class Planner {
  // data: what `hadal plan compare ... --html` puts into its page (src/plan/page.cc).
  constructor(data) {
    this.data = data;
    this.models = data.models.map(modelFromJson);
    this.labels = this.models.map(({ name, key }) =>
      this.models.filter((other) => other.name === name).length > 1 ? `${name} (${key})` : name,
    );
    this.grid = contextGrid(data.first_context, data.last_context);
    this.bytesText = (bytes) => formatBytes(bytes, data.binary_units);
    this.chosen = {
      tokens: BigInt(data.context),
      sequences: 1n,
      kv: data.kv,
      flops: data.flops,
    };
    this.kvChart = new LineChart({
      element: find('kv-chart'),
      names: this.labels,
      format: this.bytesText,
      binary: data.binary_units,
    });
    this.flopsChart = new LineChart({
      element: find('flops-chart'),
      names: this.labels,
      format: formatFlops,
    });
    find('controls').addEventListener('submit', (event) => event.preventDefault());
    this.bindNumber('context', this.grid, 'tokens');
    this.bindNumber('sequences', kSequences, 'sequences');
    this.bindChoice('kv', data.kv_formats, 'kv');
    this.bindChoice(
      'flops',
      data.accountings.map(({ name }) => name),
      'flops',
    );
    this.draw();
  }

  accounting() {
    return this.data.accountings.find(({ name }) => name === this.chosen.flops);
  }

  // The rows of the first table: key of the JSON, title, the value of a model, its text, and
  // whether it is compared with the first model's.
  rows() {
    const { tokens, sequences, kv } = this.chosen;
    const bytes = this.bytesText;
    const { weights } = this.accounting();
    return [
      ['kv_bytes', 'KV cache of a sequence', (m) => kvBytes(m, tokens, kv), bytes, true],
      [
        'gflops',
        'FLOPs of a decoded token',
        (m) => flops(decodeMacs(m, tokens), weights) / 1e9,
        (v) => formatFlops(v * 1e9),
        true,
      ],
      ['read_bytes', 'read to decode a token', (m) => readBytes(m, tokens, kv), bytes, true],
      ['weight_bytes', 'weights', weightBytes, bytes, true],
      ['state_bytes', 'memory of a sequence', (m) => stateBytes(m, tokens, kv), bytes, true],
      [
        'all_state_bytes',
        'memory of all sequences',
        (m) => stateBytes(m, tokens, kv) * sequences,
        bytes,
        true,
      ],
      [
        'memory_bytes',
        'weights and all sequences',
        (m) => weightBytes(m) + stateBytes(m, tokens, kv) * sequences,
        bytes,
        true,
      ],
      [
        'max_context',
        "the model's own limit",
        (m) => m.max_context,
        (v) => `${formatContext(v)} tokens`,
        false,
      ],
    ];
  }

  rowOf([key, title, valueOf, textOf, compared]) {
    const row = document.createElement('tr');
    row.append(cellOf('th', title));
    const values = this.models.map(valueOf);
    values.forEach((value, at) => {
      const cell = cellOf('td', textOf(value));
      cell.dataset.key = key;
      cell.dataset.model = this.models[at].key;
      cell.dataset.value = value;
      cell.title = typeof value === 'bigint' ? formatCount(value) : String(value);
      if (compared && at > 0)
        cell.append(cellOf('small', `${((100 * Number(value)) / Number(values[0])).toFixed(1)}%`));
      if (key === 'max_context' && value < this.chosen.tokens) cell.className = 'beyond';
      row.append(cell);
    });
    return row;
  }

  drawFigures() {
    const head = document.createElement('tr');
    head.append(cellOf('th', ''), ...this.labels.map((label) => cellOf('th', label)));
    find('figures').replaceChildren(head, ...this.rows().map((row) => this.rowOf(row)));
  }

  // The chosen context is a point of the lines, whether it is one of the grid or not.
  drawLines() {
    const at = Number(this.chosen.tokens);
    const contexts = [...new Set([...this.grid, at])].sort((a, b) => a - b);
    const { weights } = this.accounting();
    const lines = (valueOf) =>
      this.models.map((m) => contexts.map((n) => Number(valueOf(m, BigInt(n)))));
    this.kvChart.update(
      contexts,
      lines((m, n) => kvBytes(m, n, this.chosen.kv)),
      at,
    );
    this.flopsChart.update(
      contexts,
      lines((m, n) => flops(decodeMacs(m, n), weights)),
      at,
    );
  }

  drawMemory() {
    const { tokens, sequences, kv } = this.chosen;
    const bars = this.models.map((m, at) => ({
      name: this.labels[at],
      parts: memoryParts(m, this.data.components, tokens, sequences, kv),
    }));
    drawBars(find('bars'), find('bars-legend'), bars, this.bytesText);
    drawBarTable(find('bars-table'), bars, this.bytesText);
  }

  draw() {
    const { tokens, sequences } = this.chosen;
    find('context-text').textContent = `${formatCount(tokens)} tokens`;
    find('sequences-text').textContent = formatCount(sequences);
    find('memory-title').textContent =
      `Memory: weights and ${formatCount(sequences)} sequence${sequences === 1n ? '' : 's'} ` +
      `of ${formatContext(tokens)} tokens`;
    find('accounting').textContent = `FLOPs: ${this.accounting().about}.`;
    this.drawFigures();
    this.drawLines();
    this.drawMemory();
  }

  // A slider and a field for one number; the slider holds places, `numbers` what they stand for.
  bindNumber(name, numbers, set) {
    const slider = find(name);
    const field = find(`${name}-field`);
    const show = (value) => (field.value = formatContext(value).replaceAll(',', ''));
    slider.max = numbers.length - 1;
    slider.value = nearestIndex(numbers.map(Number), this.chosen[set]);
    show(this.chosen[set]);
    slider.addEventListener('input', () => {
      this.chosen[set] = BigInt(numbers[slider.value]);
      field.setCustomValidity('');
      show(this.chosen[set]);
      this.draw();
    });
    field.addEventListener('change', () => {
      const value = parseTokens(field.value);
      const good = value !== null && (set === 'tokens' || value <= kMaxSequences);
      field.setCustomValidity(good ? '' : 'a whole number of at least 1, such as 4096, 128K or 1M');
      if (!good) return field.reportValidity();
      this.chosen[set] = value;
      slider.value = nearestIndex(numbers.map(Number), value);
      this.draw();
    });
  }

  bindChoice(id, names, set) {
    const select = find(id);
    select.append(...names.map((name) => new Option(name, name, false, name === this.chosen[set])));
    select.addEventListener('change', () => {
      this.chosen[set] = select.value;
      this.draw();
    });
  }
}
