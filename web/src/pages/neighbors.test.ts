import { describe, expect, it } from "vitest";
import { nearest } from "./neighbors";

describe("nearest", () => {
  it("sorts by cosine and leaves the word itself out", () => {
    const truth = [
      [1, 0.2, 0.9],
      [0.2, 1, -0.5],
      [0.9, -0.5, 1],
    ];
    expect(nearest(truth, 2)).toEqual([
      [2, 1],
      [0, 2],
      [0, 1],
    ]);
    expect(nearest(truth, 1)).toEqual([[2], [0], [0]]);
  });
});
