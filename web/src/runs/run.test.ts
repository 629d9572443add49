import { describe, expect, it } from "vitest";
import { flat, lossCurves, matches, said, type Summary } from "./run";

const run = { id: "0a1b2c", name: "Rate <b>", kind: "finetune", status: "finished", data: "imdb, train split", settings: { model: "m", loop: { optimizer: { rate: 0.0005 } } } } as unknown as Summary;

describe("runs", () => {
  it("are found by every word that was typed", () => {
    expect(matches(run, "")).toBe(true);
    expect(matches(run, "rate finished IMDB")).toBe(true);
    expect(matches(run, "loop.optimizer.rate=0.0005")).toBe(true);
    expect(matches(run, "finetune failed")).toBe(false);
  });

  it("have settings by dotted names", () => {
    expect(flat(run.settings)).toEqual([["model", "m"], ["loop.optimizer.rate", 0.0005]]);
    expect([said(null), said("x"), said([1]), said(0.5)]).toEqual(["–", "x", "[1]", "0.5"]);
  });

  it("have curves, with a gap where a loss is missing", () => {
    const [training, held] = lossCurves([{ epoch: 1, training_loss: 2, validation: {}, seconds: 1, best: true }]);
    expect([training?.points, held?.points]).toEqual([[{ x: 1, y: 2 }], [{ x: 1, y: null }]]);
  });
});
