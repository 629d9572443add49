/** The true neighbors of words on a map, and the map's numbers as a table. */

import { number, text, type Numbers } from "../charts/table";

/** Each word's nearest others by true cosine, nearest first. */
export function nearest(truth: readonly (readonly number[])[], most: number): number[][] {
  return truth.map((line, word) =>
    line
      .map((_, other) => other)
      .filter((other) => other !== word)
      .sort((a, b) => (line[b] ?? 0) - (line[a] ?? 0) || a - b)
      .slice(0, most),
  );
}

export function mapNumbers(words: readonly string[], places: readonly (readonly number[])[], kept: readonly number[], truth: readonly (readonly number[])[]): Numbers {
  return {
    columns: [text("word"), number("x"), number("y"), number("kept near"), ...words.map((word) => number(word))],
    rows: () =>
      words.map((word, i) => [
        word,
        { value: places[i]?.[0] ?? NaN, path: `map.${i}.0` },
        { value: places[i]?.[1] ?? NaN, path: `map.${i}.1` },
        { value: kept[i] ?? NaN, path: `kept.${i}` },
        ...words.map((_, j) => ({ value: truth[i]?.[j] ?? NaN, path: `truth.${i}.${j}` })),
      ]),
    cells: words.length * (words.length + 4),
  };
}
