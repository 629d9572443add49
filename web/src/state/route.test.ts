import { describe, expect, it } from "vitest";
import { pageOf } from "./route.svelte";

describe("pageOf", () => {
  it("knows the rooms, with and without a slash at the end", () => {
    expect(pageOf("/")).toBe("tour");
    expect(pageOf("/embeddings")).toBe("embeddings");
    expect(pageOf("/runs/")).toBe("runs");
  });

  it("knows no other page", () => {
    expect(pageOf("/secret")).toBeNull();
    expect(pageOf("/runs/../catalog")).toBeNull();
  });
});
