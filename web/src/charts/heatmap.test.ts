import { describe, expect, it } from "vitest";
import { geometry, moved, type HeatmapData } from "./heatmap";
import { squareCells } from "./layout";
import { unsigned } from "./scales";

const labels = (...texts: string[]) => texts.map((text) => ({ text, mark: null }));
const data = (columns: string[]): HeatmapData => ({
  name: "test",
  values: [columns.map(() => 0)],
  rows: labels("row"),
  columns: labels(...columns),
  scale: unsigned,
  path: () => "",
});

describe("geometry", () => {
  it("stands labels upright when one is wider than its cell", () => {
    const cells = squareCells(2, 640, 48);
    expect(geometry(data(["ab", "cd"]), cells)).toMatchObject({ upright: false, top: 20 });
    expect(geometry(data(["ab", "unforgettably"]), cells).upright).toBe(true);
  });
});

describe("moved", () => {
  it("stays within the grid", () => {
    expect(moved({ row: 0, column: 0 }, "ArrowUp", 3, 3)).toEqual({ row: 0, column: 0 });
    expect(moved({ row: 2, column: 1 }, "ArrowDown", 3, 3)).toEqual({ row: 2, column: 1 });
    expect(moved({ row: 1, column: 1 }, "ArrowRight", 3, 3)).toEqual({ row: 1, column: 2 });
    expect(moved({ row: 1, column: 1 }, "End", 3, 5)).toEqual({ row: 1, column: 4 });
    expect(moved({ row: 1, column: 1 }, "x", 3, 5)).toBeNull();
  });
});
