/** Whether the figures that a page shows are those in the signed files: read from the files here, and compared one by one. */
import type { Figures } from '../types';

export type Row = Record<string, unknown>;

export interface Compared {
  /** Figures shown that the file has, with the same value and marks. */
  same: number;
  /** What differs, in words; at most a few. */
  differences: string[];
}

const MOST_SHOWN = 5;

const said = (value: unknown): string => (value === null || value === undefined ? 'nothing' : String(value));

/** Compares what is shown as of `release` with the rows of its file. `place`: the codes that the page asked for. */
export function compare(figures: Figures, release: string, rows: Row[], place: Record<string, string>): Compared {
  const keyOf = (of: (dimension: string) => unknown, period: unknown) => JSON.stringify([...figures.dimensions.map(of), period]);
  const signed = new Map(rows.map((row) => [keyOf((dimension) => row[dimension], row.TIME_PERIOD), row]));
  const differences: string[] = [];
  let same = 0;
  const seen = new Set<string>();
  for (const { key, observations } of figures.series) {
    for (const one of observations.filter((observation) => observation.release === release)) {
      const name = keyOf((dimension) => key[dimension], one.period);
      seen.add(name);
      const row = signed.get(name);
      if (!row) {
        differences.push(`${one.period} ${Object.values(key).join('.')}: shown ${said(one.value)}, not in the file`);
        continue;
      }
      const pairs: [unknown, unknown][] = [
        [one.value, row.OBS_VALUE],
        [one.obs_status, row.OBS_STATUS],
        [one.conf_status, row.CONF_STATUS],
      ];
      const other = pairs.find(([shown, held]) => (shown ?? null) !== (held ?? null));
      if (other) differences.push(`${one.period} ${Object.values(key).join('.')}: shown ${said(other[0])}, signed ${said(other[1])}`);
      else same += 1;
    }
  }
  if (!figures.truncated) {
    const asked = Object.entries(place);
    for (const [name, row] of signed) {
      if (!seen.has(name) && asked.every(([dimension, code]) => row[dimension] === code)) differences.push(`${said(row.TIME_PERIOD)}: signed ${said(row.OBS_VALUE)}, not shown`);
    }
  }
  const more = differences.length - MOST_SHOWN;
  return { same, differences: more > 0 ? [...differences.slice(0, MOST_SHOWN), `and ${more} more`] : differences };
}
