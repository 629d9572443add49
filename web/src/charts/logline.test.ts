import { describe, expect, it } from "vitest";
import { logPlot, power, spread } from "./logline";

const frame = { width: 120, height: 100, left: 10, right: 10, top: 0, bottom: 0 };

describe("logPlot", () => {
  it("puts equal factors at equal distances", () => {
    const plot = logPlot([[1, 0.1, 0.01]], frame, 1e-12);
    expect([plot.y(1), plot.y(0.1), plot.y(0.01)].map(Math.round)).toEqual([0, 50, 100]);
    expect([plot.x(0), plot.x(2)]).toEqual([10, 110]);
  });

  it("draws what is below the floor on it, and zero too", () => {
    const plot = logPlot([[1, 0, 1e-40]], frame, 1e-4);
    expect(plot.y(0)).toBe(plot.y(1e-4));
    expect(plot.path([1, 0])).not.toContain("NaN");
    expect(plot.ticks.map(power)).toEqual(["1", "10⁻¹", "10⁻²", "10⁻³", "10⁻⁴"]);
  });
});

describe("spread", () => {
  it("keeps labels apart, in order and inside", () => {
    expect(spread([50, 50, 10], 12, 0, 100)).toEqual([50, 62, 10]);
    expect(spread([99, 98], 12, 0, 100)).toEqual([100, 88]);
  });
});
