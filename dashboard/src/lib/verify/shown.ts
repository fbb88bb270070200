/** Whether what the page shows of a release is what was signed. */
import type { Release as Shown } from '../types';
import type { Release } from './release';

/** Each thing the node says otherwise than the signed record; none if all agrees. Which release it replaces may not be shown here: a node names
 *  none that it does not hold, or that the reader may not know of. */
export function differences(shown: Shown, { id, issuer, issued_at, body }: Release): string[] {
  const { intent } = body;
  const audience = typeof intent.audience === 'string' ? intent.audience : intent.audience.members.join(',');
  const told = Array.isArray(shown.audience) ? shown.audience.join(',') : shown.audience;
  const sum = (of: (artefact: { bytes: number; rows: number }) => number) => intent.artefacts.reduce((all, one) => all + of(one), 0);
  const files = (list: { sha256: string; bytes: number; rows: number }[]) => list.map(({ sha256, bytes, rows }) => `${sha256} ${bytes} ${rows}`).join('; ');
  const pairs: [string, unknown, unknown][] = [
    ['id', shown.id, id],
    ['member', shown.member, issuer],
    ['title', shown.title, intent.title],
    ['dataflow', shown.dataflow, /:([^(]+)\(/.exec(intent.dataflow)?.[1]],
    ['time', shown.issued_at, issued_at],
    ['audience', told, audience],
    ['replaces', shown.replaces ?? body.replaces ?? null, body.replaces ?? null],
    ['rows', shown.rows, sum(({ rows }) => rows)],
    ['bytes', shown.bytes, sum(({ bytes }) => bytes)],
    ['files', files(shown.artefacts), files(intent.artefacts)],
  ];
  return pairs.filter(([, said, signed]) => said !== signed).map(([what, said, signed]) => `${what}: shown ${String(said)}, signed ${String(signed)}`);
}
