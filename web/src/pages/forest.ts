/** The merge forest: where each node of each word's tree stands, and which trees a cut leaves. */

import type { Plain } from "../figures/trace";

export interface Node {
  word: number;
  node: number;
  piece: string;
  /** The merge's rank; null for a leaf, and for a word that the vocabulary has whole. */
  rank: number | null;
  left: number | null;
  right: number | null;
  x: number;
  /** Height from 0 for a leaf to 1 for the last rank of the vocabulary. */
  height: number;
  from: number;
  to: number;
}

export interface Tree {
  word: number;
  leaves: number;
  nodes: Node[];
}

/** Heights are logarithmic in the rank: half of all merges of a text come from the first few hundred. */
export function heightOf(rank: number | null, ranks: number): number {
  if (rank === null) return 0;
  return 0.12 + 0.88 * (Math.log2(rank + 2) / Math.log2(ranks + 2));
}

export function trees(rows: readonly Record<string, Plain>[], ranks: number): Tree[] {
  const found = new Map<number, Tree>();
  for (const row of rows) {
    const word = Number(row["word"]);
    const tree = found.get(word) ?? { word, leaves: 0, nodes: [] };
    found.set(word, tree);
    const left = whole(row["left"]);
    const right = whole(row["right"]);
    const rank = whole(row["rank"]);
    const of = (at: number | null) => tree.nodes.find((one) => one.node === at);
    const a = of(left);
    const b = of(right);
    const leaf = !a || !b;
    // A word that is taken whole stands over all its symbols, without merges between.
    const entire = leaf && Number(row["order"]) >= 0;
    const at = tree.leaves;
    if (leaf && !entire) tree.leaves += 1;
    tree.nodes.push({
      word,
      node: Number(row["node"]),
      piece: String(row["piece"]),
      rank,
      left,
      right,
      x: a && b ? (a.x + b.x) / 2 : entire ? (tree.leaves - 1) / 2 : at,
      height: entire ? 1 : heightOf(rank, ranks),
      from: a ? a.from : entire ? 0 : at,
      to: b ? b.to : entire ? tree.leaves : at + 1,
    });
  }
  return [...found.values()];
}

/** The nodes that stand as tokens when merges up to a rank are allowed. */
export function roots(tree: Tree, cut: number): Node[] {
  const alive = new Map<number, Node>();
  for (const node of tree.nodes) {
    if (node.left === null || node.right === null) {
      if (node.height === 1) {
        // Whole words are found at once, whatever the cut.
        return [node];
      }
      alive.set(node.node, node);
    } else if (node.rank !== null && node.rank < cut && alive.has(node.left) && alive.has(node.right)) {
      alive.delete(node.left);
      alive.delete(node.right);
      alive.set(node.node, node);
    }
  }
  return [...alive.values()].sort((a, b) => a.from - b.from);
}

/** A piece in the alphabet of byte-level models, its white space as the house shows it. */
export function spelled(piece: string): string {
  return piece.replaceAll("Ġ", "·").replaceAll("Ċ", "¶").replaceAll("▁", "·");
}

/** A lattice over a whole text, cut before each ▁ into the lattices of its words. */
export function byWord(
  wholes: readonly Record<string, Plain>[],
  rows: readonly Record<string, Plain>[],
): { words: string[]; steps: Record<string, Plain>[] } {
  const words: string[] = [];
  const steps: Record<string, Plain>[] = [];
  wholes.forEach((one, word) => {
    const letters = Array.from(String(one["text"]));
    const starts = letters.flatMap((letter, at) => (at === 0 || (letter === "▁" && letters[at - 1] !== "▁") ? [at] : []));
    const before = words.length;
    starts.forEach((start, at) => words.push(letters.slice(start, starts[at + 1]).join("")));
    for (const row of rows) {
      if (row["word"] !== word) continue;
      const part = starts.findLastIndex((start) => start <= Number(row["start"]));
      const from = starts[part] ?? 0;
      steps.push({ ...row, word: before + part, start: Number(row["start"]) - from, end: Number(row["end"]) - from });
    }
  });
  return { words, steps };
}

function whole(value: Plain | undefined): number | null {
  return typeof value === "number" ? value : null;
}
