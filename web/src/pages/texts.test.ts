import { describe, expect, it } from "vitest";
import { TEXTS } from "./texts";

const places = (room: keyof typeof TEXTS) => TEXTS[room].sources.map((one) => one.where);
const noteOf = (room: keyof typeof TEXTS, where: string) => TEXTS[room].sources.find((one) => one.where === where)?.note ?? "";

describe("the sources of the rooms", () => {
  it("are the right ones", () => {
    expect(places("tokenization")).toEqual(
      expect.arrayContaining(["arXiv:1508.07909", "arXiv:1609.08144", "arXiv:1804.10959", "huggingface.co/docs/transformers/tokenizer_summary"]),
    );
    expect(places("embeddings")).toEqual(expect.arrayContaining(["arXiv:1301.3781", "arXiv:1310.4546", "nlp.stanford.edu/projects/glove"]));
    expect(places("recurrent")).toEqual(
      expect.arrayContaining([
        "doi:10.1162/neco.1997.9.8.1735",
        "doi:10.1162/089976600300015015",
        "arXiv:1406.1078",
        "colah.github.io/posts/2015-08-Understanding-LSTMs",
      ]),
    );
    expect(places("transformers")).toEqual(
      expect.arrayContaining(["arXiv:1706.03762", "arXiv:1810.04805", "arXiv:1907.11692", "jalammar.github.io/illustrated-bert"]),
    );
  });

  it("say where readers will have met the wrong one", () => {
    expect(noteOf("tokenization", "arXiv:1508.07909")).toMatch(/1907\.11692.*RoBERTa/);
    expect(noteOf("transformers", "arXiv:1907.11692")).toMatch(/subwords/);
    expect(noteOf("recurrent", "doi:10.1162/neco.1997.9.8.1735")).toMatch(/1406\.1078.*GRU/);
    expect(noteOf("recurrent", "arXiv:1406.1078")).toMatch(/LSTM/);
    expect(noteOf("recurrent", "colah.github.io/posts/2015-08-Understanding-LSTMs")).toMatch(/2015-09-NN-Types-FP.*types/);
    expect(noteOf("embeddings", "arXiv:1301.3781")).toMatch(/Negative sampling.*1310\.4546/);
  });
});
