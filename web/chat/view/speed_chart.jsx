// Lines over the last minutes, drawn by uPlot in the colours of the theme.
import { useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

const kHeight = 170;

function timeText(seconds) {
  if (seconds === 0) return 'now';
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

// With no pointer over it, the chart's legend says what is now.
function showLatest(plot) {
  if (plot.cursor.idx === null || plot.cursor.idx === undefined)
    plot.setLegend({ idx: plot.data[0].length - 1 }, false);
}

function optionsOf(element, names, format) {
  const colour = (name) => getComputedStyle(element).getPropertyValue(name);
  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  const colours = ['--accent', '--second'];
  return {
    width: element.clientWidth,
    height: kHeight,
    scales: {
      x: { time: false, range: [-300, 0] },
      y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        splits: () => [-300, -240, -180, -120, -60, 0],
        values: (_, at) => at.map(timeText),
      },
      { ...axis, size: 52, values: (_, at) => at.map((value) => (value % 1 ? '' : format(value))) },
    ],
    series: [
      { label: 'at', value: (_, at) => (at === null ? '' : timeText(at)) },
      ...names.map((label, at) => ({
        label,
        stroke: colour(colours[at]),
        fill: at === 0 ? colour('--accent-faint') : undefined,
        width: 1.5,
        points: { show: false },
        value: (_, value) => (value === null || value === undefined ? '' : format(value)),
      })),
    ],
    cursor: { y: false, drag: { x: false, y: false } },
    hooks: { setData: [showLatest], setCursor: [showLatest] },
  };
}

// lines: an array of values for each name, as long as times. theme: draws anew when it changes.
export function SpeedChart({ title, names, times, lines, format, theme }) {
  const place = useRef(null);
  const plot = useRef(null);
  useLayoutEffect(() => {
    const element = place.current;
    plot.current = new uPlot(optionsOf(element, names, format), [times, ...lines], element);
    const sized = new ResizeObserver(() =>
      plot.current.setSize({ width: element.clientWidth, height: kHeight }),
    );
    sized.observe(element);
    return () => {
      sized.disconnect();
      plot.current.destroy();
    };
  }, [theme]);
  useLayoutEffect(() => plot.current.setData([times, ...lines]));
  return (
    <section>
      <h2>{title}</h2>
      <div
        class="speed-chart"
        ref={place}
        role="img"
        aria-label={`${title}, the last five minutes`}
      />
    </section>
  );
}
