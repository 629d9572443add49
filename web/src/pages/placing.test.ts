import { describe, expect, it } from "vitest";
import { placed } from "./placing";

const at = (x: number, y: number, width = 40) => ({ x, y, width });

describe("placed", () => {
  it("puts a name that stands alone above its point", () => {
    expect(placed([at(100, 100)], 200, 200)).toEqual([{ dx: 0, dy: -12, anchor: "middle" }]);
  });

  it("keeps names of two close points apart", () => {
    const points = [at(100, 100), at(104, 98)];
    const [first, second] = placed(points, 200, 200);
    expect(first).not.toEqual(second);
    expect(Math.abs((first?.dy ?? 0) - (second?.dy ?? 0) + 2)).toBeGreaterThanOrEqual(14);
  });

  it("stays inside the drawing", () => {
    expect(placed([at(4, 4, 60)], 200, 200)[0]).toEqual({ dx: 9, dy: 17, anchor: "start" });
  });
});
