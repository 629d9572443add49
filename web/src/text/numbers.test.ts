import { expect, it } from "vitest";
import { count, plural, three } from "./numbers";

it.each([
  [0, "0"],
  [-0, "0"],
  [1, "1.00"],
  [0.78391, "0.784"],
  [-0.0421, "−0.0421"],
  [0.001, "0.00100"],
  [0.000999, "9.99e−4"],
  [-1.5e-7, "−1.50e−7"],
  [12.345, "12.3"],
  [999.4, "999"],
  [999.9, "1.00e3"],
  [1234.5, "1.23e3"],
  [Number.NaN, "–"],
])("shows %d as %s", (value, text) => {
  expect(three(value)).toBe(text);
});

it("groups counts and knows one from many", () => {
  expect(count(1203)).toBe("1,203");
  expect(plural(1, "piece")).toBe("1 piece");
  expect(plural(2, "more try", "more tries")).toBe("2 more tries");
});
