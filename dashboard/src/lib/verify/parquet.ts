/** Reads a release's file: Parquet, compressed with LZ4. Fetched by the page only when somebody compares figures. */
import { parquetReadObjects } from 'hyparquet';
import { decompressLz4Raw } from 'hyparquet-compressors';
import { Refused } from './bytes';
import type { Row } from './figures';

// A page of nulls alone is compressed to nothing, which the library does not expect.
const LZ4_RAW = (input: Uint8Array, length: number) => (length === 0 ? new Uint8Array() : decompressLz4Raw(input, length));

export async function readRows(bytes: Uint8Array<ArrayBuffer>): Promise<Row[]> {
  try {
    return (await parquetReadObjects({ file: bytes.buffer, compressors: { LZ4_RAW } })) as Row[];
  } catch (cause) {
    throw new Refused(`the file cannot be read: ${String(cause)}`);
  }
}
