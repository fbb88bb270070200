/** The log: signed head (C2SP signed-note and tlog-checkpoint), inclusion (RFC 6962), cosignatures (C2SP tlog-cosignature). */
import { base64, concat, equal, keyBytes, need, sha256, signed, utf8, type Bytes } from './bytes';
import { states } from './charter';
import type { Trust } from './trust';

export interface Head {
  origin: string;
  size: number;
  root: Bytes;
  /** What is signed. */
  text: Bytes;
  lines: { name: string; id: Bytes; signature: Bytes }[];
}

const MAX_NOTE = 32 * 1024;
const MAX_PROOF = 128;

export function readHead(note: string): Head {
  need(typeof note === 'string' && note.length <= MAX_NOTE, 'the head is too long');
  const split = note.lastIndexOf('\n\n');
  need(split > 0 && note.endsWith('\n'), 'the head is no signed note');
  const body = note.slice(0, split + 1);
  const [origin = '', size = '', root = ''] = body.split('\n');
  need(/^(0|[1-9]\d{0,12})$/.test(size), 'the head has no size');
  const hash = base64(root, 'the root of the head');
  need(hash.length === 32, 'the root of the head is no hash');
  const lines = note.slice(split + 2, -1).split('\n').map((line) => {
    const [, name = '', blob = ''] = /^\u2014 ([^ +]+) ([^ ]+)$/.exec(line) ?? [];
    const bytes = base64(blob, 'a signature of the head');
    need(name !== '' && bytes.length > 4, 'a signature line of the head is malformed');
    return { name, id: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
  return { origin, size: Number(size), root: hash, text: utf8(body), lines };
}

const keyId = async (name: string, algorithm: number, key: string): Promise<Bytes> =>
  (await sha256(concat(utf8(`${name}\n`), Uint8Array.of(algorithm), keyBytes(key)))).slice(0, 4);

/** Checks that the head is of the issuer's log, and signed by a key delegated for it. */
export async function checkHead(head: Head, trust: Trust, issuer: string): Promise<string[]> {
  const origin = `chancery/${trust.chain.forum}/${issuer}`;
  need(head.origin === origin, 'the head is of another log');
  const found: string[] = [];
  for (const key of trust.keys(issuer, 'log')) {
    const id = await keyId(origin, 1, key);
    for (const line of head.lines.filter((one) => one.name === origin && equal(one.id, id))) {
      need(await signed(key, head.text, line.signature), 'the signature of the head does not hold');
      found.push(key);
    }
  }
  need(found.length > 0, 'no delegated log key signed the head');
  return found;
}

/** Member states other than the issuer that have cosigned the head, each once. */
export async function cosigners(head: Head, trust: Trust, issuer: string): Promise<string[]> {
  const found: string[] = [];
  for (const { id: of } of states(trust.chain.current).filter(({ id }) => id !== issuer)) {
    const name = `chancery/${trust.chain.forum}/${of}/witness`;
    for (const { id, signature } of head.lines.filter((line) => line.name === name && line.signature.length === 72)) {
      const at = Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0));
      const message = concat(utf8(`cosignature/v1\ntime ${at}\n`), head.text);
      for (const key of trust.keys(of, 'witness').filter((one) => trust.inForce(of, 'witness', one, at))) {
        const holds = equal(id, await keyId(name, 4, key)) && (await signed(key, message, signature.slice(8)));
        if (holds && !found.includes(of)) found.push(of);
      }
    }
  }
  return found;
}

/** Checks that the proof leads from the leaf to the root: RFC 9162, 2.1.3.2. */
export async function checkInclusion(leaf: Bytes, index: number, head: Head, proof: Bytes[]): Promise<void> {
  need(Number.isSafeInteger(index) && index >= 0 && index < head.size, 'the leaf is beyond the tree');
  need(proof.length <= MAX_PROOF, 'the inclusion proof is too long');
  const half = (n: number) => Math.floor(n / 2);
  let [hash, place, last] = [await sha256(concat(Uint8Array.of(0), leaf)), index, head.size - 1];
  for (const sibling of proof) {
    need(last > 0 && sibling.length === 32, 'the inclusion proof is too long');
    if (place % 2 === 1 || place === last) {
      hash = await sha256(concat(Uint8Array.of(1), sibling, hash));
      while (place % 2 === 0 && place > 0) [place, last] = [half(place), half(last)];
    } else hash = await sha256(concat(Uint8Array.of(1), hash, sibling));
    [place, last] = [half(place), half(last)];
  }
  need(last === 0, 'the inclusion proof is too short');
  need(equal(hash, head.root), 'the inclusion proof leads to another root than the signed head');
}
