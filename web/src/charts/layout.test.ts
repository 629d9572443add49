import { describe, expect, it } from "vitest";
import { COSINE_WIDTH, WEIGHT_WIDTH, cellAt, columnCells, labelWidth, labelledCells, runs, squareCells } from "./layout";

describe("squareCells", () => {
  it("shows numbers while they fit, then ever smaller squares, and never leaves the room", () => {
    const cells = (count: number) => squareCells(count, 640, COSINE_WIDTH);
    expect(cells(5)).toMatchObject({ width: 72, numbers: true });
    expect(cells(12)).toMatchObject({ width: 51, numbers: true });
    expect(cells(20)).toMatchObject({ width: 28, numbers: false, labels: true });
    expect(cells(40)).toMatchObject({ width: 14, labels: true });
    expect(cells(64)).toMatchObject({ width: 8, gap: 0, labels: false });
    for (let count = 1; count <= 320; count += 1) {
      const { width, gap } = squareCells(count, 640, WEIGHT_WIDTH);
      expect(count * (width + gap)).toBeLessThanOrEqual(640);
    }
  });

  it("prints no numbers where none are asked for", () => {
    expect(squareCells(4, 640, null)).toMatchObject({ width: 28, numbers: false });
  });

  it("leaves room for the longest number of its kind", () => {
    expect(COSINE_WIDTH + 2).toBeGreaterThanOrEqual(Math.floor(labelWidth("−0.0421")));
    expect(WEIGHT_WIDTH + 2).toBeGreaterThanOrEqual(Math.floor(labelWidth("1.31e−10")));
  });
});

it("an enlarged map keeps its labels, whatever its size", () => {
  expect(labelledCells(5, 640, null)).toEqual(squareCells(5, 640, null));
  expect(labelledCells(200, 640, null)).toMatchObject({ width: 14, labels: true });
});

it("columns scroll before their labels get lost", () => {
  expect(columnCells(64, 640)).toMatchObject({ width: 20, labels: true });
  expect(columnCells(3, 640).width).toBe(104);
});

it("finds the cell under a point, and none outside", () => {
  const cells = squareCells(20, 640, null);
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
