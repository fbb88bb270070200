/** Bytes, hashes and signatures, by the browser's own WebCrypto. */

export type Bytes = Uint8Array<ArrayBuffer>;

/** What was looked at does not hold. Its message says what. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** What this browser, or this connection, cannot look at. */
export class CannotCheck extends Error {
  override readonly name = 'CannotCheck';
}

export function need(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Refused(what);
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

/** Strict: bytes that are no UTF-8 are refused, and nothing is left out. */
export function text(bytes: Bytes): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused('a text is not UTF-8');
  }
}

/** Standard base64 in its one spelling. */
export function base64(encoded: string, what: string): Bytes {
  need(typeof encoded === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(encoded), `${what} is not base64`);
  let binary: string;
  try {
    binary = atob(encoded);
  } catch {
    throw new Refused(`${what} is not base64`);
  }
  need(btoa(binary) === encoded, `${what} is not base64 in its one spelling`);
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

export const hex = (bytes: Bytes): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export function unhex(digits: string, what: string): Bytes {
  need(/^([0-9a-f]{2})*$/.test(digits), `${what} is not hexadecimal`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function concat(...parts: Bytes[]): Bytes {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export const equal = (a: Bytes, b: Bytes): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

function subtle(): SubtleCrypto {
  // Browsers keep WebCrypto from pages that came over plain HTTP from another machine: they could have been changed on the way.
  const found = globalThis.crypto?.subtle;
  if (!found) throw new CannotCheck('this page came over an unprotected connection, where the browser offers no cryptography: use https');
  return found;
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await subtle().digest('SHA-256', bytes));
}

/** Points of small order, the sign of x left out: for them signatures can be made without a key. */
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);

const keys = new Map<string, Promise<CryptoKey>>();

/** The 32 bytes of a public key, `ed25519:` and base64. */
export function keyBytes(key: string): Bytes {
  need(typeof key === 'string' && key.startsWith('ed25519:'), `\`${String(key).slice(0, 60)}\` is no Ed25519 key`);
  const bytes = base64(key.slice(8), 'a key');
  need(bytes.length === 32, 'a key is not 32 bytes long');
  const plain = bytes.slice();
  plain[31] = (plain[31] ?? 0) & 0x7f;
  need(!SMALL_ORDER.has(hex(plain)), 'a key is a weak point, for which anybody can sign');
  return bytes;
}

async function imported(key: string): Promise<CryptoKey> {
  const bytes = keyBytes(key);
  let found = keys.get(key);
  if (!found) {
    found = subtle().importKey('raw', bytes, 'Ed25519', false, ['verify']);
    keys.set(key, found);
  }
  try {
    return await found;
  } catch (cause) {
    keys.delete(key);
    if (cause instanceof DOMException && cause.name === 'NotSupportedError') {
      throw new CannotCheck('this browser does not know Ed25519 signatures: Chrome 137, Firefox 129 and Safari 17 do');
    }
    throw new Refused('a key is no point of the curve');
  }
}

/** Whether `key` made `signature` over `message`. */
export async function signed(key: string, message: Bytes, signature: Bytes): Promise<boolean> {
  if (signature.length !== 64) return false;
  return subtle().verify('Ed25519', await imported(key), signature, message);
}
