import { describe, expect, it } from "vitest";
import { bounds, nearest, runningMean, thinned } from "./curves";

const points = [3, 1, null, 5].map((y, x) => ({ x, y }));

describe("curves", () => {
  it("have bounds without missing numbers", () => {
    expect(bounds([{ name: "a", points, look: 0 }], null)).toEqual({ x: [0, 3], y: [1, 5] });
    expect(bounds([{ name: "a", points, look: 0 }], 0).y).toEqual([0, 5]);
    expect(bounds([], null)).toEqual({ x: [0, 1], y: [0, 1] });
  });

  it("have a running mean of what was there", () => {
    expect(runningMean(points, 2)).toEqual([{ x: 0, y: 3 }, { x: 1, y: 2 }, { x: 3, y: 3 }]);
  });

  it("keep a spike when they are thinned", () => {
    const many = Array.from({ length: 10_000 }, (_, x) => ({ x, y: x === 4_321 ? 99 : 1 }));
    const few = thinned(many, 400);
    expect(few.length).toBeLessThanOrEqual(400);
    expect(few).toContainEqual({ x: 4_321, y: 99 });
  });

  it("give the nearest point that has a number", () => {
    expect(nearest(points, 2.1)).toEqual({ x: 3, y: 5 });
    expect(nearest([], 1)).toBeNull();
  });
});
