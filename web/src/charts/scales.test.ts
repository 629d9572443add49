import { describe, expect, it } from "vitest";
import { channels, inkOn, luminance, signed, unsigned } from "./scales";

describe("scales", () => {
  it("pass through their stops in both schemes", () => {
    expect(signed.color(-1, "light")).toBe("rgb(179, 71, 0)");
    expect(signed.color(0, "light")).toBe("rgb(245, 244, 241)");
    expect(signed.color(1, "dark")).toBe("rgb(140, 200, 255)");
    expect(unsigned.color(0, "dark")).toBe("rgb(28, 31, 38)");
    expect(unsigned.color(1 / 3, "light")).toBe("rgb(159, 211, 199)");
  });

  it("stay at their ends beyond the domain", () => {
    expect(signed.color(1.0000001, "light")).toBe(signed.color(1, "light"));
    expect(unsigned.color(-0.1, "light")).toBe(unsigned.color(0, "light"));
  });

  it("are symmetric about zero in their domain", () => {
    expect(signed.stops.map((stop) => -stop).reverse().map((stop) => stop + 0)).toEqual(signed.stops);
  });

  it("get steadily darker in light and lighter in dark", () => {
    const at = [0, 0.2, 0.4, 0.6, 0.8, 1];
    const light = at.map((value) => luminance(unsigned.color(value, "light")));
    const dark = at.map((value) => luminance(unsigned.color(value, "dark")));
    expect(light).toEqual([...light].sort((a, b) => b - a));
    expect(dark).toEqual([...dark].sort((a, b) => a - b));
  });
});

describe("inkOn", () => {
  const contrast = (a: number, b: number) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

  it("takes the better of black and white everywhere on the scales, and that reads well", () => {
    for (const scheme of ["light", "dark"] as const) {
      for (let value = -1; value <= 1; value += 0.05) {
        for (const color of [signed.color(value, scheme), unsigned.color(value, scheme)]) {
          const fill = luminance(color);
          const other = inkOn(color) === "#000" ? 1 : 0;
          expect(contrast(fill, 1 - other)).toBeGreaterThanOrEqual(contrast(fill, other));
          expect(contrast(fill, 1 - other)).toBeGreaterThan(4.5);
        }
      }
    }
  });
});

it("reads the channels of a color", () => {
  expect(channels("rgb(1, 20, 255)")).toEqual([1, 20, 255]);
});
