import { describe, expect, it } from "vitest";
import { cellAt, columnCells, labelWidth, runs, squareCells } from "./layout";

describe("squareCells", () => {
  it("shows numbers while they fit, then ever smaller squares, and never leaves the room", () => {
    expect(squareCells(5, 640)).toMatchObject({ width: 72, numbers: true });
    expect(squareCells(13, 640)).toMatchObject({ width: 47, numbers: true });
    expect(squareCells(20, 640)).toMatchObject({ width: 28, numbers: false, labels: true });
    expect(squareCells(40, 640)).toMatchObject({ width: 14, labels: true });
    expect(squareCells(64, 640)).toMatchObject({ width: 8, gap: 0, labels: false });
    for (let count = 1; count <= 320; count += 1) {
      const { width, gap } = squareCells(count, 640);
      expect(count * (width + gap)).toBeLessThanOrEqual(640);
    }
  });

  it("keeps to the largest size asked for", () => {
    expect(squareCells(4, 640, 28)).toMatchObject({ width: 28, numbers: false });
  });
});

it("columns scroll before their labels get lost", () => {
  expect(columnCells(64, 640)).toMatchObject({ width: 20, labels: true });
  expect(columnCells(3, 640).width).toBe(104);
});

it("finds the cell under a point, and none outside", () => {
  const cells = squareCells(20, 640);
  expect(cellAt(cells, 0, "x", 20)).toBe(0);
  expect(cellAt(cells, 31, "x", 20)).toBe(1);
  expect(cellAt(cells, 600, "x", 20)).toBeNull();
  expect(cellAt(cells, -1, "x", 20)).toBeNull();
});

it("joins neighboring indices", () => {
  expect(runs([1, 2, 3, 7])).toEqual([
    [1, 4],
    [7, 8],
  ]);
  expect(runs([])).toEqual([]);
});

it("takes wide characters for two", () => {
  expect(labelWidth("東")).toBe(labelWidth("ab"));
});
