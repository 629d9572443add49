import { describe, expect, it } from "vitest";
import { markOf } from "../marks/marks.svelte";
import { groupTokens, mostCut, mostTries } from "./tokenization/group";
import { queryOf, strongest } from "./transformers/head";

const token = (text: string, start: number, end: number, word: number | null) => ({ token: text, start, end, word });

describe("groupTokens", () => {
  it("puts the pieces of a word together and leaves special tokens alone", () => {
    const tokens = [token("[CLS]", 0, 0, null), token("ll", 0, 2, 0), token("##ms", 2, 4, 0), token("[SEP]", 0, 0, null)];
    expect(groupTokens(tokens).map((group) => [group.at, group.tokens.length])).toEqual([
      [0, 1],
      [1, 2],
      [3, 1],
    ]);
  });
});

describe("tries", () => {
  const one = (word: number | null, found: boolean) => ({ word, found, start: 0, end: 1, piece: "x" });

  it("shows first the word that fell into most pieces", () => {
    expect(mostCut([one(0, true), one(1, false), one(1, true), one(1, true), one(null, true)])).toBe(1);
    expect(mostCut([])).toBeNull();
  });

  it("leaves room for the word with most tries", () => {
    expect(mostTries([one(0, true), one(1, false), one(1, true), one(1, true)])).toBe(3);
  });
});

describe("heads", () => {
  it("ranks the keys of a query", () => {
    expect(strongest([0.1, 0.6, 0.1, 0.2], 3)).toEqual([1, 3, 0]);
  });

  it("falls back to the first token that stands for text", () => {
    const labels = [token("[CLS]", 0, 0, null), token("a", 0, 1, 0), token("b", 2, 3, 1)].map((one) => ({
      text: one.token,
      mark: markOf(one.token, one, one.word),
    }));
    expect(queryOf(labels, null)).toBe(1);
    expect(queryOf(labels, markOf("b", { start: 2, end: 3 }))).toBe(2);
  });
});
