/** What a head may do, as the API measures it, and heads in the order of it. */

export const MEASURES = [
  { name: "previous", said: "the token before" },
  { name: "next", said: "the token behind" },
  { name: "first", said: "the first token" },
  { name: "separator", said: "the separator" },
  { name: "same", said: "the same token" },
  { name: "entropy", said: "many tokens at once (entropy, nats)" },
] as const;

export interface Measured {
  layer: number;
  head: number;
  value: number;
}

/** All heads, the largest value first; equal ones in the order of the model. */
export function sorted(values: readonly (readonly number[])[]): Measured[] {
  return values
    .flatMap((row, layer) => row.map((value, head) => ({ layer, head, value })))
    .sort((a, b) => b.value - a.value || a.layer - b.layer || a.head - b.head);
}
