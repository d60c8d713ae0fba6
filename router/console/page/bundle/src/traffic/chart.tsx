import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { clock } from '../format';
import { useScheme, useSize } from '../hooks';

export interface Series {
  label: string;
  values: (number | null)[];
  /** The name of a CSS variable. */
  color: string;
  fill?: boolean;
}

interface Props {
  title: string;
  times: number[];
  series: Series[];
  format: (value: number | null | undefined) => string;
  /** The highest value of the axis, such as 1 for shares. */
  top?: number;
}

/** The steps between the times of the axis, in seconds. */
const steps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600];

/** The height of a chart of this width, in CSS pixels. */
const heightOf = (width: number) => Math.round(Math.min(190, Math.max(130, width / 4)));

/** Lines over time. The legend has the values under the cursor, or else the newest. */
export function Chart({ title, times, series, format, top }: Props) {
  const [attach, size] = useSize<HTMLDivElement>();
  const scheme = useScheme();
  const target = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [index, setIndex] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(() => [times, ...series.map((each) => each.values)], [times, series]);
  const latest = useRef(data);
  latest.current = data;
  const shape = series.map((each) => each.label).join();

  useEffect(() => {
    if (!target.current || size.width === 0) return;
    const made = new uPlot(options(target.current, size.width, series, format, top, setIndex), latest.current, target.current);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = undefined;
    };
  }, [size.width === 0, shape, scheme, top]);
  useEffect(() => plot.current?.setSize({ width: size.width, height: heightOf(size.width) }), [size.width]);
  useEffect(() => plot.current?.setData(data), [data]);

  const at = index ?? times.length - 1;
  return (
    <figure class="chart">
      <figcaption>
        <span class="title">{title}</span>
        <span class="legend">
          {series.map((each) => (
            <span key={each.label}>
              <i style={{ background: `var(${each.color})` }} aria-hidden="true" />
              {series.length > 1 && each.label} <b>{format(each.values[at])}</b>
            </span>
          ))}
          <span class="muted when">{index !== null && times[index] !== undefined ? clock(times[index]) : ''}</span>
        </span>
      </figcaption>
      <div ref={attach} class="plot" style={{ minHeight: `${size.width > 0 ? heightOf(size.width) : 190}px` }} role="img" aria-label={`${title}: ${series.map((each) => summary(each, format)).join('; ')}`}>
        <div ref={target} />
      </div>
    </figure>
  );
}

function summary(series: Series, format: Props['format']): string {
  const values = series.values.filter((value): value is number => value !== null);
  if (values.length === 0) return `${series.label}, no values`;
  let most = values[0] ?? 0;
  for (const value of values) most = Math.max(most, value);
  return `${series.label} now ${format(series.values.at(-1))}, at most ${format(most)}`;
}

/** The indexes of the values without neighbors. */
function lone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const found: number[] = [];
  for (let index = 0; index < values.length; index++) {
    if (values[index] != null && values[index - 1] == null && values[index + 1] == null) found.push(index);
  }
  return found;
}

/** Reports whether the label of a time is not cut off by the right edge of the chart. */
const fits = (plot: uPlot, tick: number): boolean => plot.width - plot.bbox.left / devicePixelRatio - plot.valToPos(tick, 'x') >= (tick % 60 === 0 ? 16 : 26);

function options(target: HTMLElement, width: number, series: Series[], format: Props['format'], top: number | undefined, hover: (index: number | null) => void): uPlot.Options {
  // A variable may depend on the color scheme; the color of an element that uses it does not.
  const style = getComputedStyle(target);
  const color = (name: string) => {
    target.style.color = `var(${name})`;
    return style.color;
  };
  const font = `11px ${style.fontFamily}`;
  const axis: uPlot.Axis = { stroke: color('--muted'), font, ticks: { show: false } };
  return {
    width,
    height: heightOf(width),
    padding: [8, 2, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'traffic' }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, top ?? (max > 0 ? max * 1.1 : 1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 64, incrs: steps, size: 28, gap: 9, values: (plot, ticks) => ticks.map((tick) => (fits(plot, tick) ? clock(tick).slice(0, tick % 60 === 0 ? 5 : 8) : null)) },
      { ...axis, grid: { stroke: color('--line'), width: 1 }, space: 30, size: 62, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      {},
      ...series.map((each) => ({
        label: each.label,
        stroke: color(each.color),
        width: 1.5,
        spanGaps: false,
        // A value between two gaps has no line.
        points: { size: 4, fill: color(each.color), filter: lone },
        fill: each.fill ? `color-mix(in srgb, ${color(each.color)} 14%, transparent)` : undefined,
      })),
    ],
    hooks: { setCursor: [(plot) => hover(plot.cursor.idx ?? null)] },
  };
}
