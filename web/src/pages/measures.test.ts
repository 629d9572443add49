import { describe, expect, it } from "vitest";
import { sorted } from "./measures";

describe("sorted", () => {
  it("puts the largest first and keeps the model's order among equals", () => {
    const order = sorted([
      [0.2, 0.9],
      [0.2, 0.5],
    ]).map(({ layer, head }) => [layer, head]);
    expect(order).toEqual([
      [0, 1],
      [1, 1],
      [0, 0],
      [1, 0],
    ]);
  });
});
