import { describe, expect, it } from "vitest";
import { column, grid, largest, rowsOf, unpack, type Packed, type Trace } from "./trace";

const base64 = (numbers: Float32Array | BigInt64Array) => btoa(String.fromCharCode(...new Uint8Array(numbers.buffer)));
const packed: Packed = { name: "w", axes: ["a", "b"], shape: [2, 3], dtype: "float32", base64: base64(new Float32Array([1, 2, 3, -4, 5, 0.5])) };
const trace: Trace = {
  title: "t",
  arrays: { w: packed },
  tables: { t: { name: "t", columns: ["x", "y"], rows: [["a", 1], ["b", null]] } },
  steps: [],
  labels: {},
  facts: {},
};

describe("arrays of a trace", () => {
  it("are read in the order of their bytes", () => {
    expect(grid(trace, "w")).toEqual([[1, 2, 3], [-4, 5, 0.5]]);
    expect(grid(trace, "none")).toEqual([]);
  });

  it("may be 64-bit integers", () => {
    expect(Array.from(unpack({ ...packed, dtype: "int64", shape: [2], base64: base64(new BigInt64Array([7n, -2n])) }))).toEqual([7, -2]);
  });

  it("of an unknown type are an error, not zeros", () => {
    expect(() => unpack({ ...packed, dtype: "complex64" })).toThrow("complex64");
  });

  it("give the size of a symmetric scale", () => {
    expect(largest([[1, -4], [2, 0]])).toBe(4);
    expect(largest([[0]])).toBe(1);
  });
});

describe("tables of a trace", () => {
  it("give columns and rows", () => {
    expect(column(trace, "t", "y")).toEqual([1, null]);
    expect(rowsOf(trace, "t")[0]).toEqual({ x: "a", y: 1 });
  });
});
