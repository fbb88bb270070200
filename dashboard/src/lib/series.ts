/** From the node's answer to what is drawn: choices per dimension, lines with their gaps, rows of the table. */
import { comparePeriods, parsePeriod } from './period';
import type { Code, Observation, Series } from './types';

/** The choice that keeps every code of a dimension apart, one line each. */
export const SEPARATE = '*';

/** SDMX's code for "all", the sensible first choice of a breakdown. */
const TOTAL = '_T';

export type Meaning = 'value' | 'suppressed' | 'missing';

const SUPPRESSED_OBS = new Set(['Q']);
const SUPPRESSED_CONF = new Set(['A', 'C', 'D']);

/** Why a figure is or is not there. A withheld figure and a missing one are never zero, and never the same. */
export function meaning(observation: Observation): Meaning {
  if (observation.value !== null) return 'value';
  if (SUPPRESSED_OBS.has(observation.obs_status ?? '')) return 'suppressed';
  return SUPPRESSED_CONF.has(observation.conf_status ?? '') ? 'suppressed' : 'missing';
}

export interface Choice {
  dimension: string;
  codes: Code[];
  chosen: string;
}

/**
 * The dimensions that still leave more than one series for one reporter, each with its codes and the one in force:
 * the wished one if it occurs, else the total, else the code that most series have.
 */
export function choices(dimensions: string[], series: Series[], wished: Record<string, string>): Choice[] {
  const found: Choice[] = [];
  for (const dimension of dimensions) {
    const counts = new Map<string, { code: Code; count: number }>();
    for (const { key, labels } of series) {
      const id = key[dimension];
      if (id === undefined) continue;
      const entry = counts.get(id) ?? { code: { id, name: labels[dimension] ?? id }, count: 0 };
      entry.count += 1;
      counts.set(id, entry);
    }
    if (counts.size < 2) continue;
    const codes = [...counts.values()].map((entry) => entry.code).sort(byTotalThenName);
    const wish = wished[dimension];
    const commonest = [...counts.values()].sort((a, b) => b.count - a.count)[0]?.code.id ?? '';
    const chosen =
      wish !== undefined && (counts.has(wish) || (wish === SEPARATE && dimension !== 'FREQ'))
        ? wish
        : counts.has(TOTAL)
          ? TOTAL
          : commonest;
    found.push({ dimension, codes, chosen });
  }
  return found;
}

const byTotalThenName = (a: Code, b: Code) =>
  Number(b.id === TOTAL) - Number(a.id === TOTAL) || a.name.localeCompare(b.name);

/** The series that agree with every choice. */
export function chosenSeries(series: Series[], made: Choice[]): Series[] {
  return series.filter(({ key }) =>
    made.every(({ dimension, chosen }) => chosen === SEPARATE || key[dimension] === chosen),
  );
}

/** The dimensions in which the given series differ: what a legend must name. */
export function differing(dimensions: string[], series: Series[]): string[] {
  return dimensions.filter((dimension) => new Set(series.map(({ key }) => key[dimension])).size > 1);
}

export const seriesId = (series: Series, dimensions: string[]) =>
  dimensions.map((dimension) => series.key[dimension] ?? '').join('.');

/** Every period any of the series speaks of, earliest first. */
export function allPeriods(series: Series[]): string[] {
  const periods = new Set(series.flatMap(({ observations }) => observations.map(({ period }) => period)));
  return [...periods].sort(comparePeriods);
}

export interface Point {
  period: string;
  date: Date;
  index: number;
  value: number;
}

export interface Line {
  /** Runs of neighbouring figures. A line is drawn within a run, never between two. */
  runs: Point[][];
  suppressed: { period: string; date: Date }[];
}

/**
 * Splits a series where a figure is withheld, missing, or where a period is skipped. A skipped period is one
 * further away than the usual step of the series, so figures every five years are joined and a lost year of a yearly series is not.
 */
export function toLine(observations: Observation[]): Line {
  const placed = observations
    .flatMap((observation) => {
      const period = parsePeriod(observation.period);
      return period ? [{ observation, period }] : [];
    })
    .sort((a, b) => a.period.start.getTime() - b.period.start.getTime());
  const step = usualStep(placed.map(({ period }) => period.index));
  const line: Line = { runs: [], suppressed: [] };
  let run: Point[] = [];
  let last: number | null = null;
  for (const { observation, period } of placed) {
    if (meaning(observation) === 'suppressed') line.suppressed.push({ period: period.text, date: period.start });
    if (observation.value === null || (last !== null && period.index - last > step)) {
      if (run.length > 0) line.runs.push(run);
      run = [];
    }
    last = period.index;
    if (observation.value !== null) {
      run.push({ period: period.text, date: period.start, index: period.index, value: observation.value });
    }
  }
  if (run.length > 0) line.runs.push(run);
  return line;
}

/** The commonest distance between neighbours; of equally common ones the shortest. One when there is nothing to measure. */
export function usualStep(indices: number[]): number {
  const counts = new Map<number, number>();
  indices.forEach((index, i) => {
    const before = indices[i - 1];
    if (before !== undefined && index > before) counts.set(index - before, (counts.get(index - before) ?? 0) + 1);
  });
  const [first] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return first?.[0] ?? 1;
}

export interface Cell {
  observation: Observation;
  meaning: Meaning;
}

/** Per period, one cell per series; undefined where a series says nothing of that period. */
export function tableRows(series: Series[]): { period: string; cells: (Cell | undefined)[] }[] {
  const columns = series.map(
    ({ observations }) => new Map(observations.map((observation) => [observation.period, observation])),
  );
  return allPeriods(series).map((period) => ({
    period,
    cells: columns.map((column) => {
      const observation = column.get(period);
      return observation && { observation, meaning: meaning(observation) };
    }),
  }));
}
