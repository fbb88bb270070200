/** A release's file: each piece of it against the hash that was signed, so that only one piece is held at a time. */
import { hex, need, sha256, type Bytes } from './bytes';
import type { SignedArtefact } from './release';

/** Largest piece: what the program that makes releases uses is a mebibyte. */
const MAX_CHUNK = 16 << 20;

export async function checkArtefact(stream: ReadableStream<Bytes>, { bytes, chunk_bytes: length, chunks }: SignedArtefact): Promise<void> {
  need(Number.isSafeInteger(length) && length > 0 && length <= MAX_CHUNK, 'the signed pieces of the file are too long');
  need(chunks.length === Math.ceil(bytes / length), 'the signed hashes do not cover the file');
  const reader = stream.getReader();
  const piece = new Uint8Array(length);
  let [filled, index, total] = [0, 0, 0];
  const close = async () => {
    need(index < chunks.length && hex(await sha256(piece.slice(0, filled))) === chunks[index], `piece ${index + 1} of the file is not the one that was signed`);
    [filled, index] = [0, index + 1];
  };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      total += value.length;
      need(total <= bytes, 'the file is longer than the one that was signed');
      for (let at = 0; at < value.length; ) {
        const part = value.subarray(at, at + length - filled);
        piece.set(part, filled);
        [filled, at] = [filled + part.length, at + part.length];
        if (filled === length) await close();
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
  need(total === bytes, `the file has ${total} bytes, ${bytes} were signed: it was cut short`);
  if (filled > 0) await close();
}
