// Stacked bars of memory: one bar a model, one piece a component, all on one scale.

// Weights in blues and greys, what sequences keep in warm colours.
const kPieceColours = {
  embedding: '#b8c4d0',
  attention: '#0072b2',
  compressors: '#7f6fb8',
  indexer: '#3dbb94',
  experts: '#56b4e9',
  shared_experts: '#1b4f8a',
  feed_forward: '#2f7f86',
  router: '#8a98a8',
  hyper_connections: '#6b7785',
  norms: '#d5dce3',
  head: '#93a9bf',
  mtp: '#3c4a59',
};
const kKvColours = ['#d55e00', '#e69f00', '#f0c94a', '#cc79a7',
  '#a8441f', '#8c5a2b', '#e8836b', '#b5487f'];

export function colourOf(key, kvKeys) {
  if (key === 'kv_rest') return '#6d4c41';
  return kPieceColours[key] ?? kKvColours[kvKeys.indexOf(key) % kKvColours.length];
}

function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

// {key: name} of all pieces: weights, then what sequences keep.
function namesOf(bars) {
  const names = new Map(bars.flatMap(({ parts }) => parts.map((part) => [part.key, part.name])));
  const kept = ([key]) => key.startsWith('kv_');
  return new Map([...names].sort((a, b) => kept(a) - kept(b)));
}

// bars: [{name, parts: [{key, name, bytes}]}], bytes as BigInt; format: bytes to text.
export function drawBars(element, legend, bars, format) {
  const totals = bars.map(({ parts }) => parts.reduce((sum, part) => sum + Number(part.bytes), 0));
  const most = Math.max(...totals);
  const names = namesOf(bars);
  const kvKeys = [...names.keys()].filter((key) => key.startsWith('kv_') && key !== 'kv_rest');
  element.replaceChildren(
    ...bars.map(({ name, parts }, at) => {
      const row = make('div', 'bar-row');
      const bar = make('div', 'bar');
      for (const part of parts) {
        const piece = make('span', 'piece');
        piece.style.width = `${(100 * Number(part.bytes)) / most}%`;
        piece.style.background = colourOf(part.key, kvKeys);
        piece.title = `${name}, ${part.name}: ${format(part.bytes)}`;
        piece.dataset.key = part.key;
        piece.dataset.value = part.bytes;
        bar.append(piece);
      }
      row.append(make('span', 'bar-name', name), bar,
          make('span', 'bar-total', format(totals[at])));
      return row;
    }),
  );
  legend.replaceChildren(
    ...[...names].map(([key, name]) => {
      const item = make('span', 'legend-item', name);
      const swatch = make('i', 'swatch');
      swatch.style.background = colourOf(key, kvKeys);
      item.prepend(swatch);
      return item;
    }),
  );
}

// The same figures as a table, a row a component, a column a model.
export function drawBarTable(table, bars, format) {
  const names = namesOf(bars);
  const head = make('tr', '');
  head.append(make('th', '', 'component'), ...bars.map(({ name }) => make('th', '', name)));
  const rows = [...names].map(([key, name]) => {
    const row = make('tr', '');
    row.append(make('th', '', name));
    for (const { parts } of bars) {
      const part = parts.find((candidate) => candidate.key === key);
      const cell = make('td', '', part ? format(part.bytes) : '-');
      if (part) cell.title = `${part.bytes} bytes`;
      row.append(cell);
    }
    return row;
  });
  table.replaceChildren(head, ...rows);
}
