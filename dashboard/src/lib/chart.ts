/** Where things lie on the trend chart. Laid out for a given width in CSS pixels; nothing is ever scaled afterwards. */
import { extent } from 'd3-array';
import { scaleLinear, scaleUtc, type ScaleLinear, type ScaleTime } from 'd3-scale';
import { line as d3Line, symbol, symbolCircle, symbolDiamond, symbolSquare, symbolStar, symbolTriangle, symbolWye } from 'd3-shape';
import { formatAxis, formatPeriod } from './format';
import { parsePeriod } from './period';
import { toLine, type Line, type Point } from './series';
import type { Series } from './types';

/** More lines than this cannot be told apart by colour and marker. */
export const MAX_LINES = 8;

const MARKERS = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond, symbolWye, symbolStar, symbolCircle, symbolSquare];

/** Average advance of a digit at the axis's 13 px text; tick labels are short, so this is near enough for a margin. */
const CHAR_PX = 7.6;
const YEAR_MS = 31_557_600_000;

export interface Layout {
  width: number;
  height: number;
  plot: { left: number; right: number; top: number; bottom: number };
  xTicks: { at: number; label: string }[];
  yTicks: { at: number; label: string }[];
  lines: { paths: string[]; points: (Point & { x: number; y: number })[]; suppressed: { x: number; y: number }[]; marker: string }[];
  /** Every period the lines speak of, for the inspector. */
  stops: { period: string; x: number }[];
  low: number;
  high: number;
}

/** Null where there is no value to draw. */
export function layOut(series: Series[], periods: string[], width: number): Layout | null {
  const lines = series.map(({ observations }) => toLine(observations));
  const values = lines.flatMap(({ runs }) => runs.flat().map(({ value }) => value));
  const [low, high] = extent(values);
  const placed = periods.flatMap((text) => parsePeriod(text) ?? []);
  const [from, to] = [placed[0]?.start, placed.at(-1)?.start];
  if (low === undefined || high === undefined || !from || !to) return null;

  const height = Math.round(Math.min(420, Math.max(230, width * 0.4)));
  const y = scaleLinear().domain([Math.min(0, low), high > 0 ? high : 1]).nice(height > 300 ? 6 : 4);
  const yLabels = y.ticks(height > 300 ? 6 : 4).map((value) => ({ value, label: formatAxis(value) }));
  const left = Math.ceil(Math.max(...yLabels.map(({ label }) => label.length)) * CHAR_PX) + 14;
  const plot = { left, right: width - 16, top: 14, bottom: height - 30 };
  y.range([plot.bottom, plot.top]);
  // One period alone would have no width: it stands in the middle of two years.
  const single = from.getTime() === to.getTime();
  const domain = single ? [new Date(from.getTime() - YEAR_MS), new Date(to.getTime() + YEAR_MS)] : [from, to];
  const x = scaleUtc(domain, [plot.left + 6, plot.right]);

  return {
    width,
    height,
    plot,
    xTicks: single ? [{ at: x(from), label: formatPeriod(placed[0]?.text ?? '') }] : timeTicks(x, placed[0]?.frequency === 'A', plot.right - plot.left),
    yTicks: yLabels.map(({ value, label }) => ({ at: y(value), label })),
    lines: lines.map((line, i) => draw(line, i, x, y, plot, placed.length)),
    stops: placed.map(({ text, start }) => ({ period: text, x: x(start) })),
    low,
    high,
  };
}

type X = ScaleTime<number, number>;
type Y = ScaleLinear<number, number>;

function timeTicks(x: X, annual: boolean, width: number): Layout['xTicks'] {
  const room = Math.max(2, Math.floor(width / 84));
  const years = (dates: Date[]) => dates.every((date) => date.getUTCMonth() === 0 && date.getUTCDate() === 1);
  const january = (date: Date) => date.getUTCMonth() === 0 && date.getUTCDate() === 1;
  const ticks = annual ? x.ticks(room).filter(january) : x.ticks(room);
  const label = (date: Date) => (years(ticks) ? String(date.getUTCFullYear()) : formatPeriod(date.toISOString().slice(0, 7)));
  return ticks.map((date) => ({ at: x(date), label: label(date) }));
}

function draw(line: Line, index: number, x: X, y: Y, plot: Layout['plot'], periods: number): Layout['lines'][number] {
  const spacing = (plot.right - plot.left) / Math.max(1, periods);
  const area = Math.min(52, Math.max(9, spacing * spacing * 0.35));
  const path = d3Line<Point>(
    ({ date }) => x(date),
    ({ value }) => y(value),
  );
  return {
    paths: line.runs.flatMap((run) => (run.length > 1 ? (path(run) ?? []) : [])),
    points: line.runs.flat().map((point) => ({ ...point, x: x(point.date), y: y(point.value) })),
    suppressed: line.suppressed.map(({ date }) => ({ x: x(date), y: plot.bottom - 7 - 11 * index })),
    marker: symbol(MARKERS[index % MARKERS.length], area)() ?? '',
  };
}

/** The marker of line `index` at legend size. */
export const legendMarker = (index: number) => symbol(MARKERS[index % MARKERS.length], 52)() ?? '';

/** The stop nearest to a place on the time axis. */
export function nearestStop(stops: { x: number }[], x: number): number {
  let best = 0;
  stops.forEach((stop, i) => {
    if (Math.abs(stop.x - x) < Math.abs((stops[best]?.x ?? 0) - x)) best = i;
  });
  return best;
}
