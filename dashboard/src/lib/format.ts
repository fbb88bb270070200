/** Numbers, sizes, times and periods as words, in the page's language. */
import { parsePeriod } from './period';
import { LOCALE } from './text';

const number = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const clock = new Intl.DateTimeFormat(LOCALE, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZone: 'UTC',
});
const month = new Intl.DateTimeFormat(LOCALE, { month: 'short', year: 'numeric', timeZone: 'UTC' });

export const formatNumber = (value: number) => number.format(value);

/** Short form for an axis: `12k`. Small values stay whole. */
export const formatAxis = (value: number) => (Math.abs(value) < 10_000 ? number.format(value) : compact.format(value));

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const shown = unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10;
  return `${number.format(shown)}\u00a0${units[unit] ?? ''}`;
}

const readTime = (time: string | null | undefined) => {
  const date = time ? new Date(time) : null;
  return date && !Number.isNaN(date.getTime()) ? date : null;
};

export function formatDay(time: string | null | undefined): string {
  const date = readTime(time);
  return date ? day.format(date) : '–';
}

export function formatClock(time: string | null | undefined): string {
  const date = readTime(time);
  return date ? `${clock.format(date)} UTC` : '';
}

export function formatTime(time: string | null | undefined): string {
  const date = readTime(time);
  return date ? `${day.format(date)}, ${clock.format(date)} UTC` : '–';
}

/** `2020-03` as `Mar 2020`, a day as a date; other periods stay as SDMX writes them. */
export function formatPeriod(text: string): string {
  const period = parsePeriod(text);
  if (period?.frequency === 'M') return month.format(period.start);
  if (period?.frequency === 'D') return day.format(period.start);
  return text;
}

/** Enough of an id to tell it from another by eye; the whole stays in the title and the link. */
export const shortId = (id: string) => id.slice(0, 10);

/** A `datetime-local` value (taken as UTC) as RFC 3339, or undefined when it is empty or no time. */
export function inputToTime(value: string): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(value)) return undefined;
  const full = value.length === 16 ? `${value}:00` : value;
  return Number.isNaN(Date.parse(`${full}Z`)) ? undefined : `${full}Z`;
}

export function timeToInput(time: string | undefined): string {
  const date = readTime(time);
  return date ? date.toISOString().slice(0, 19) : '';
}
