import { describe, expect, it } from "vitest";
import { empty, overfitsFrom, take } from "./job";

describe("a training's events", () => {
  it("become curves, epochs and a result", () => {
    const view = empty();
    take(view, { kind: "began", seconds: 0, title: "t", x: "step", curves: ["loss"] });
    take(view, { kind: "progress", seconds: 1, done: 2, of: 9, note: "fast", points: [["loss", 1, 3], ["loss", 2, null]] });
    take(view, { kind: "progress", seconds: 1.5, points: [["other", 1, 4]] });
    take(view, { kind: "epoch", seconds: 2, epoch: 1, step: 2, loss: 0.5 });
    take(view, { kind: "done", seconds: 3, result: { words: 4 } });
    expect(view.curves).toEqual({ loss: [{ x: 1, y: 3 }, { x: 2, y: null }], other: [{ x: 1, y: 4 }] });
    expect([view.done, view.of, view.note, view.seconds]).toEqual([2, 9, "fast", 3]);
    expect(view.epochs[0]?.loss).toBe(0.5);
    expect(view.result).toEqual({ words: 4 });
  });

  it("replace what was told before by a training that went on from an earlier state", () => {
    const view = empty();
    for (const x of [1, 2, 3]) take(view, { kind: "progress", seconds: x, points: [["loss", x, x]] });
    take(view, { kind: "progress", seconds: 4, points: [["loss", 2, 9]] });
    expect(view.curves["loss"]).toEqual([{ x: 1, y: 1 }, { x: 2, y: 9 }]);
  });

  it("tell why there is no result", () => {
    const view = empty();
    take(view, { kind: "failed", seconds: 0, error: "<b>no</b>" });
    expect([view.error, view.result]).toEqual(["<b>no</b>", null]);
  });
});

describe("the over-fitting point", () => {
  it("is the lowest held-out loss before it rises", () => {
    expect(overfitsFrom([0.7, 0.5, 0.6, 0.8].map((y, x) => ({ x, y })))).toEqual({ x: 1, y: 0.5 });
  });

  it("is not there while the loss still falls, nor where a number is missing at the end", () => {
    expect(overfitsFrom([0.7, 0.5, 0.4].map((y, x) => ({ x, y })))).toBeNull();
    expect(overfitsFrom([{ x: 1, y: 0.4 }, { x: 2, y: null }])).toBeNull();
    expect(overfitsFrom([])).toBeNull();
  });
});
