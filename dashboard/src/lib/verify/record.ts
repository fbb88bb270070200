/** Records: DSSE envelopes over canonical JSON (RFC 8785) without fractions. */
import { base64, concat, hex, need, Refused, sha256, signed, text, utf8, type Bytes } from './bytes';

export interface Envelope {
  payloadType: string;
  payload: string;
  signatures: { keyid: string; sig: string }[];
}

export interface Payload<Body> {
  forum: string;
  issuer: string;
  issued_at: string;
  kind: string;
  body: Body;
}

/** A record that was read, with the keys whose signature over it holds. */
export interface Opened<Body> extends Payload<Body> {
  id: string;
  /** `issued_at`, unix seconds. */
  at: number;
  signers: Set<string>;
}

const MAX_SIGNATURES = 256;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Unix seconds of an RFC 3339 UTC time with whole seconds. */
export function seconds(time: unknown): number {
  const at = typeof time === 'string' && TIME.test(time) ? Date.parse(time) : Number.NaN;
  need(Number.isFinite(at), `\`${String(time).slice(0, 60)}\` is not a time`);
  return at / 1000;
}

/** JSON in its one spelling. */
export function canonical(value: unknown): string {
  if (typeof value === 'number') {
    need(Number.isSafeInteger(value) && !Object.is(value, -0), 'a number is not a whole one');
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** DSSE's pre-authentication encoding: what is signed. */
export const pae = (type: string, payload: Bytes): Bytes =>
  concat(utf8(`DSSEv1 ${utf8(type).length} ${type} ${payload.length} `), payload);

export const payloadType = (kind: string): string => `application/vnd.chancery.${kind}.v1+json`;

/** Reads a record of `kind` and finds which signatures hold. */
export async function open<Body>(envelope: Envelope, kind: string): Promise<Opened<Body>> {
  need(envelope?.payloadType === payloadType(kind), `a record is not a ${kind}`);
  need(Array.isArray(envelope.signatures) && envelope.signatures.length <= MAX_SIGNATURES, `a ${kind} has too many signatures`);
  const bytes = base64(envelope.payload, `the payload of a ${kind}`);
  const spelled = text(bytes);
  let payload: Payload<Body>;
  try {
    payload = JSON.parse(spelled) as Payload<Body>;
  } catch {
    throw new Refused(`the payload of a ${kind} is not JSON`);
  }
  // Two fields of one name, or another spelling, would let two programs read two things.
  need(canonical(payload) === spelled, `the payload of a ${kind} is not in canonical form`);
  need(payload.kind === kind, `a ${kind} says that it is a \`${String(payload.kind).slice(0, 40)}\``);
  const message = pae(envelope.payloadType, bytes);
  const signers = new Set<string>();
  for (const { keyid, sig } of envelope.signatures) {
    need(!signers.has(keyid), `a signature of a ${kind} is there twice`);
    if (await signed(keyid, message, base64(sig, `a signature of a ${kind}`))) signers.add(keyid);
  }
  return { ...payload, id: hex(await sha256(bytes)), at: seconds(payload.issued_at), signers };
}
