import { describe, expect, it } from "vitest";
import { byWord, heightOf, roots, spelled, trees } from "./forest";

// "low": l + o by rank 7, lo + w by rank 2.
const rows = [
  { word: 0, order: -3, rank: null, left: null, right: null, node: 0, piece: "l" },
  { word: 0, order: -2, rank: null, left: null, right: null, node: 1, piece: "o" },
  { word: 0, order: -1, rank: null, left: null, right: null, node: 2, piece: "w" },
  { word: 0, order: 0, rank: 7, left: 0, right: 1, node: 3, piece: "lo" },
  { word: 0, order: 1, rank: 2, left: 3, right: 2, node: 4, piece: "low" },
];

describe("merge forest", () => {
  const tree = trees(rows, 100)[0]!;

  it("puts a node over the middle of the two that it joins", () => {
    expect(tree.leaves).toBe(3);
    expect(tree.nodes.map((node) => node.x)).toEqual([0, 1, 2, 0.5, 1.25]);
    expect(tree.nodes[4]).toMatchObject({ from: 0, to: 3 });
  });

  it("fuses what the cut allows, and nothing over a pair that is not there yet", () => {
    expect(roots(tree, 0).map((node) => node.piece)).toEqual(["l", "o", "w"]);
    expect(roots(tree, 3).map((node) => node.piece)).toEqual(["l", "o", "w"]);
    expect(roots(tree, 8).map((node) => node.piece)).toEqual(["low"]);
  });

  it("grows with the rank", () => {
    expect(heightOf(null, 100)).toBe(0);
    expect(heightOf(5, 100)).toBeLessThan(heightOf(50, 100));
    expect(heightOf(100, 100)).toBeCloseTo(1);
  });
});

describe("a lattice over a text", () => {
  it("is cut before each ▁, places counted from there", () => {
    const rows = [
      { word: 0, start: 0, end: 2, piece: "▁a" },
      { word: 0, start: 2, end: 3, piece: "▁" },
      { word: 0, start: 3, end: 5, piece: "bc" },
    ];
    const found = byWord([{ text: "▁a▁bc" }], rows);
    expect(found.words).toEqual(["▁a", "▁bc"]);
    expect(found.steps.map((row) => [row["word"], row["start"], row["end"]])).toEqual([[0, 0, 2], [1, 0, 1], [1, 1, 3]]);
  });

  it("shows white space as the house does", () => {
    expect(spelled("Ġthe")).toBe("·the");
    expect(spelled("▁the")).toBe("·the");
  });
});
