/** Which corridor of a dataflow is shown, and which edition of its figures. */
import type { Corridor, DataflowDetail, Release } from './types';

/** The wished corridor if it exists; else the nearest one; else the one that most members report, between members if possible. */
export function chooseCorridor(flow: DataflowDetail, origin: string | undefined, destination: string | undefined): Corridor | null {
  const members = new Set(flow.members);
  const rank = (corridor: Corridor) =>
    (corridor.origin === origin ? 1000 : 0) +
    (origin === undefined && corridor.destination === destination ? 1000 : 0) +
    (corridor.origin === origin && corridor.destination === destination ? 1000 : 0) +
    corridor.members.length * 10 +
    Number(members.has(corridor.origin)) +
    Number(members.has(corridor.destination));
  let best: Corridor | null = null;
  for (const corridor of flow.corridors) if (best === null || rank(corridor) > rank(best)) best = corridor;
  return best;
}

export interface Edition {
  member: string;
  /** When the revision that ended this edition came out. */
  until: string;
  /** A time at which the edition was in force. */
  asOf: string;
}

/** The earlier editions of a dataflow's figures: one per replaced release, newest first. */
export function editions(releases: Release[]): Edition[] {
  const byId = new Map(releases.map((release) => [release.id, release]));
  return releases
    .flatMap((old) => {
      const next = old.replaced_by ? byId.get(old.replaced_by) : undefined;
      if (!next) return [];
      const before = Math.max(Date.parse(old.issued_at), Date.parse(next.issued_at) - 1000);
      const asOf = new Date(before).toISOString().replace(/\.\d+Z$/, 'Z');
      return [{ member: old.member_name, until: next.issued_at, asOf }];
    })
    .sort((a, b) => b.until.localeCompare(a.until));
}
