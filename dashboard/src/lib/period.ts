/** SDMX periods: where they lie on a time axis, and which of them are neighbours. */

export type Frequency = 'A' | 'S' | 'Q' | 'M' | 'W' | 'D';

export interface Period {
  text: string;
  frequency: Frequency;
  /** Count of whole periods of this frequency; neighbours differ by one. */
  index: number;
  /** First instant, UTC. */
  start: Date;
}

const DAY_MS = 86_400_000;

const utc = (year: number, month: number, day = 1) => {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date;
};

const days = (date: Date) => Math.round(date.getTime() / DAY_MS);

/** Monday of ISO week `week`: the week that holds 4 January is the first. */
function weekStart(year: number, week: number): Date {
  const fourth = utc(year, 0, 4);
  const weekday = (fourth.getUTCDay() + 6) % 7;
  return new Date(fourth.getTime() + ((week - 1) * 7 - weekday) * DAY_MS);
}

/** Reads `2020`, `2020-S1`, `2020-Q3`, `2020-01`, `2020-W05`, `2020-01-31` and the `2020-A1`, `2020-M01` forms; null otherwise. */
export function parsePeriod(text: string): Period | null {
  const match = /^(\d{4})(?:-(?:([ASQMW])(\d{1,2})|(\d{2})(?:-(\d{2}))?))?$/.exec(text);
  if (!match) return null;
  const year = Number(match[1]);
  const part = Number(match[3] ?? match[4] ?? 1);
  const day = match[5] === undefined ? null : Number(match[5]);
  const letter = match[2] ?? (day !== null ? 'D' : match[4] !== undefined ? 'M' : 'A');
  const period = (frequency: Frequency, limit: number, index: number, start: Date) =>
    part >= 1 && part <= limit ? { text, frequency, index, start } : null;
  switch (letter) {
    case 'A':
      return period('A', 1, year, utc(year, 0));
    case 'S':
      return period('S', 2, year * 2 + part - 1, utc(year, (part - 1) * 6));
    case 'Q':
      return period('Q', 4, year * 4 + part - 1, utc(year, (part - 1) * 3));
    case 'M':
      return period('M', 12, year * 12 + part - 1, utc(year, part - 1));
    case 'W': {
      const start = weekStart(year, part);
      return period('W', 53, Math.floor((days(start) + 3) / 7), start);
    }
    default: {
      const start = utc(year, part - 1, day ?? 1);
      return start.getUTCMonth() === part - 1 ? period('D', 12, days(start), start) : null;
    }
  }
}

/** Earlier first; periods that cannot be read go last, by their text. */
export function comparePeriods(a: string, b: string): number {
  const left = parsePeriod(a);
  const right = parsePeriod(b);
  if (left && right) return left.start.getTime() - right.start.getTime() || a.localeCompare(b);
  return left ? -1 : right ? 1 : a.localeCompare(b);
}
