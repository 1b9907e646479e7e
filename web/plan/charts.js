// Lines over context on logarithmic axes, drawn by uPlot; its legend shows the values under the
// pointer, or else those at the chosen context.
import { formatContext } from './format.js';

const kColours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const kHeight = 340;

// 16 contexts a doubling, and both ends.
export function contextGrid(first, last) {
  const grid = [];
  for (let i = 0; ; ++i) {
    const tokens = Math.round(Number(first) * 2 ** (i / 16));
    if (tokens >= Number(last)) break;
    if (tokens !== grid.at(-1)) grid.push(tokens);
  }
  return [...grid, Number(last)];
}

export function nearestIndex(grid, tokens) {
  const distance = (at) => Math.abs(Math.log(grid[at] / Number(tokens)));
  return grid.reduce((best, _, at) => (distance(at) < distance(best) ? at : best), 0);
}

// Powers of two on x; on y 1, 2 and 5 of each power of ten, or the powers alone if those are many.
function powersOfTwo(low, high) {
  const splits = [];
  for (let n = 1; n <= high * 1.001; n *= 2) if (n >= low * 0.999) splits.push(n);
  return splits;
}

function oneTwoFive(low, high) {
  const steps = high / low > 1000 ? [1] : [1, 2, 5];
  const splits = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const step of steps)
      if (step * power >= low * 0.999 && step * power <= high * 1.001) splits.push(step * power);
  return splits;
}

// 64 KiB, 1 MiB, 16 MiB, ...: round in binary units.
function powersOfSixteen(low, high) {
  const splits = [];
  for (let n = 1; n <= high; n *= 16) if (n >= low) splits.push(n);
  return splits;
}

function withMargin(low, high) {
  return [low / 1.25, high * 1.25];
}

// {element, names, format, binary}: `format` makes a value's text, in binary units or not.
// update(contexts, lines, chosen) redraws it with lines[model][i] at contexts[i], and an upright
// line at the chosen one of these contexts.
export class LineChart {
  constructor({ element, names, format, binary = false }) {
    this.element = element;
    this.chosen = null;
    const style = getComputedStyle(element);
    const stroke = style.color;
    const grid = { stroke: style.getPropertyValue('--line') || '#e4e7eb' };
    const axis = { stroke, grid, ticks: grid };
    const value = (_, v) => (v == null ? '-' : format(v));
    this.plot = new uPlot(
      {
        width: this.width(),
        height: kHeight,
        scales: {
          x: { time: false, distr: 3, log: 2, range: (_, low, high) => [low, high] },
          y: { distr: 3, log: 10, range: (_, low, high) => withMargin(low, high) },
        },
        axes: [
          {
            ...axis,
            splits: (_, index, low, high) => powersOfTwo(low, high),
            values: (_, splits) => splits.map((n) => formatContext(n)),
            filter: (_, splits) => splits,
          },
          {
            ...axis,
            splits: (_, index, low, high) => (binary ? powersOfSixteen : oneTwoFive)(low, high),
            values: (_, splits) => splits.map((v) => format(v).replace(/\.0+ /, ' ')),
            filter: (_, splits) => splits,
            size: 92,
          },
        ],
        series: [
          { label: 'context', value: (_, v) => (v == null ? '-' : formatContext(v)) },
          ...names.map((name, i) => ({
            label: name,
            stroke: kColours[i % kColours.length],
            width: 2,
            pxAlign: 0,
            dash: i < kColours.length ? [] : [8, 4],
            points: { show: false },
            value,
          })),
        ],
        cursor: { y: false, drag: { x: false, y: false } },
        hooks: { draw: [(plot) => this.drawChosen(plot)], setCursor: [() => this.showValues()] },
      },
      [[], ...names.map(() => [])],
      element,
    );
    new ResizeObserver(() => this.plot.setSize({ width: this.width(), height: kHeight })).observe(
      element,
    );
  }

  width() {
    return Math.max(320, this.element.clientWidth);
  }

  update(contexts, lines, chosen) {
    this.chosen = chosen;
    // A logarithmic axis has no zero: a point without a value is left out.
    this.plot.setData([contexts, ...lines.map((line) => line.map((v) => (v > 0 ? v : null)))]);
    this.showValues();
  }

  // With no pointer over the chart: the values at the chosen context.
  showValues() {
    if (this.chosen === null || this.plot.cursor.idx != null) return;
    this.plot.setLegend({ idx: this.plot.data[0].indexOf(this.chosen) }, false);
  }

  drawChosen(plot) {
    if (this.chosen === null) return;
    const x = plot.valToPos(this.chosen, 'x', true);
    const { top, height } = plot.bbox;
    plot.ctx.save();
    plot.ctx.strokeStyle = '#8892a0';
    plot.ctx.lineWidth = devicePixelRatio;
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, top);
    plot.ctx.lineTo(x, top + height);
    plot.ctx.stroke();
    plot.ctx.restore();
  }
}
