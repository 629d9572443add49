/** A trace as the API sends it, and its arrays as numbers that figures can draw. */

import type { Packed, Rows, Trace } from "../api";

export type { Answer, Packed, Source, Term, Trace, Why } from "../api";

export type Plain = Rows["rows"][number][number];

const READERS: Record<string, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  float32: (bytes) => new Float32Array(bytes),
  float64: (bytes) => new Float64Array(bytes),
  int32: (bytes) => new Int32Array(bytes),
  uint8: (bytes) => new Uint8Array(bytes),
  bool: (bytes) => new Uint8Array(bytes),
  // Ids fit in 53 bits.
  int64: (bytes) => Array.from(new BigInt64Array(bytes), Number),
};

/** The values of an array, in its own order. */
export function unpack(packed: Packed): ArrayLike<number> {
  const text = atob(packed.base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const read = READERS[packed.dtype];
  if (!read) throw new Error(`the array ${packed.name} has numbers of type ${packed.dtype}`);
  return read(bytes.buffer);
}

/** An array of two axes as rows; one of one axis is a single row. */
export function grid(trace: Trace, name: string): number[][] {
  const packed = trace.arrays[name];
  if (!packed) return [];
  const values = unpack(packed);
  const columns = packed.shape.at(-1) ?? 1;
  const rows = packed.shape.length > 1 ? (packed.shape[0] ?? 0) : 1;
  return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => values[row * columns + column] ?? NaN));
}

/** The largest size among numbers, for a scale that is symmetric about zero. */
export function largest(values: readonly (readonly number[])[]): number {
  let most = 0;
  for (const row of values) for (const value of row) most = Math.max(most, Math.abs(value));
  return most || 1;
}

/** A column of a table. */
export function column(trace: Trace, table: string, name: string): Plain[] {
  const found = trace.tables[table];
  const at = found?.columns.indexOf(name) ?? -1;
  return at < 0 || !found ? [] : found.rows.map((row) => row[at] ?? null);
}

/** A table's rows as objects. */
export function rowsOf(trace: Trace, table: string): Record<string, Plain>[] {
  const found = trace.tables[table];
  if (!found) return [];
  return found.rows.map((row) => Object.fromEntries(found.columns.map((name, at) => [name, row[at] ?? null])));
}
