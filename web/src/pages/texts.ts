/** What the rooms' pages say: the idea, what to see, what to try, and where it comes from. */

export interface Reference {
  title: string;
  where: string;
  /** Where readers will have met another label or link for it. */
  note?: string;
}

export interface RoomText {
  title: string;
  aha: string;
  insights: string[];
  tries: string[];
  sources: Reference[];
}

export const TEXTS: Record<"tokenization" | "embeddings" | "recurrent" | "transformers" | "finetuning" | "catalog", RoomText> = {
  tokenization: {
    title: "1 Tokenization",
    aha: "Byte pairs are not looked up: encoding replays merges in the order in which they were learned. A word is a tree, and the height of a branch is the rank of its merge.",
    insights: [
      "Lower the cut and the most frequent pairs fuse first, wherever they stand; tokens are the trees that are left when no merge applies.",
      "WordPiece takes the longest piece from the left, and gives the whole word up as [UNK] where none fits.",
      "Unigram weighs every way to cut a word and takes the likeliest path through its lattice.",
      "Fewer tokens a word means shorter sequences, and a larger vocabulary to pay for it.",
    ],
    tries: [
      "Write one word with a typing error and see how far its tree is cut down.",
      "Switch the tokenizer: the same text, another vocabulary, another cut.",
      "Paste an emoji or another script: byte pairs fall back to bytes, WordPiece to [UNK].",
    ],
    sources: [
      { title: "Sennrich, Haddow, Birch 2016: byte pairs for rare words", where: "arXiv:1508.07909", note: "Reading lists often give arXiv:1907.11692 for subwords: that is RoBERTa." },
      { title: "Schuster and Nakajima 2012; Wu et al. 2016: WordPiece", where: "arXiv:1609.08144" },
      { title: "Kudo 2018: Unigram and subword regularization", where: "arXiv:1804.10959" },
      { title: "Hugging Face: summary of the tokenizers", where: "huggingface.co/docs/transformers/tokenizer_summary" },
    ],
  },
  embeddings: {
    title: "2 Embeddings",
    aha: "A word's meaning is the residue of many small pulls and pushes. In each step a few words pull one vector towards themselves, or push it away, and how hard they do is how wrong the model was.",
    insights: [
      "An arrow is as long as rate × |σ(s) − y| × ‖u‖: where the model is already right, nobody pulls.",
      "What stands together pulls, what was drawn as noise pushes; the same word may do both in different sentences.",
      "An analogy without leaving out its own words mostly answers with one of them: the map shows both.",
      "A flat map of 50 dimensions lies: the tint says how many of a word's true neighbors it kept near.",
    ],
    tries: [
      "Scrub through the training: the arrows grow while vectors are still short, and shrink as the answers come right.",
      "Put a noise word into the sentence: it is now pulled and pushed at once.",
      "Ask paris − france + italy, then switch on the query words.",
    ],
    sources: [
      { title: "Mikolov et al. 2013: word2vec's models", where: "arXiv:1301.3781", note: "Negative sampling is not in it: that is arXiv:1310.4546." },
      { title: "Mikolov et al. 2013: negative sampling, subsampling", where: "arXiv:1310.4546" },
      { title: "Pennington, Socher, Manning 2014: GloVe", where: "nlp.stanford.edu/projects/glove" },
      { title: "Bojanowski et al. 2017: subword vectors", where: "arXiv:1607.04606" },
    ],
  },
  recurrent: {
    title: "3 Recurrent networks",
    aha: "An LSTM's cell is a sum of old writes, each worn down by the forget gates it has passed. Laid out as a triangle it looks like attention: that is the door to room 4.",
    insights: [
      "Row t is the memory after word t; its cells say how much each earlier word's write still weighs, and they sum exactly to the cell's state.",
      "A forget gate near 1 lets a write live on, near 0 it ends everything before it.",
      "The gates themselves depend on earlier states: the triangle says what the memory consists of, not what caused it.",
      "A gradient is multiplied at every step back: below 1 it vanishes, above it explodes; an open forget gate passes it on.",
      "Each step waits for the one before it. On a processor with few cores that costs nothing: an LSTM keeps its pace at every length, and attention slows down as texts grow (benchmarks/recurrent.py measures both). On a GPU, which computes a thousand steps at once if none has to wait, it is why transformers took over.",
    ],
    tries: [
      "Put “not” before “good” and see which unit keeps it.",
      "Choose another unit: some write all the time, some only for a few words.",
      "Click a cell of the triangle: a write, times every forget gate since.",
    ],
    sources: [
      { title: "Hochreiter and Schmidhuber 1997: the LSTM", where: "doi:10.1162/neco.1997.9.8.1735", note: "arXiv:1406.1078, often given for it, is Cho et al. 2014: the GRU." },
      { title: "Gers, Schmidhuber, Cummins 2000: the forget gate", where: "doi:10.1162/089976600300015015" },
      { title: "Cho et al. 2014: the GRU, and the encoder-decoder", where: "arXiv:1406.1078", note: "Often linked as the LSTM's paper, which it is not." },
      { title: "Bengio, Simard, Frasconi 1994: vanishing gradients", where: "doi:10.1109/72.279181" },
      { title: "Pascanu, Mikolov, Bengio 2013: why they vanish and explode", where: "arXiv:1211.5063" },
      { title: "Olah 2015: Understanding LSTM networks", where: "colah.github.io/posts/2015-08-Understanding-LSTMs", note: "The post 2015-09-NN-Types-FP, often linked as a guide to RNNs, is about types and functional programming." },
      { title: "Levy et al. 2018: LSTMs as weighted sums", where: "arXiv:1805.03716" },
    ],
  },
  transformers: {
    title: "4 Transformers",
    aha: "Attention is a weighted mean that you can follow cell by cell: every number here is a short sum, and each of its terms can be seen.",
    insights: [
      "A score is a dot product of one token's query and another's key, divided by √d so that it does not grow with their length.",
      "Softmax turns a row of scores into shares that sum to 1; the output is the mean of the values, weighted by them.",
      "Many heads do something simple: look at the token before, at the first token, at the separator.",
      "An answer is a sum of what heads and feed-forward layers wrote; without a part it need not change by what the part wrote.",
      "A high weight is not yet a reason: what counts is what the value carries, and what later layers make of it.",
    ],
    tries: [
      "Click any cell: operands, products, sum, and the line of Python.",
      "Look for a head that looks at the token before (a stripe beside the diagonal).",
      "Write a sentence with the same word twice and see whether the two find each other.",
    ],
    sources: [
      { title: "Vaswani et al. 2017: Attention is all you need", where: "arXiv:1706.03762" },
      { title: "Devlin et al. 2019: BERT", where: "arXiv:1810.04805" },
      { title: "Alammar: The illustrated BERT", where: "jalammar.github.io/illustrated-bert" },
      { title: "Liu et al. 2019: RoBERTa", where: "arXiv:1907.11692", note: "Reading lists often give this number for subwords: those are room 1's." },
      { title: "Clark et al. 2019: what heads look at", where: "arXiv:1906.04341" },
      { title: "Abnar and Zuidema 2020: attention rollout", where: "arXiv:2005.00928" },
      { title: "Kobayashi et al. 2021: the ledger through norms", where: "arXiv:2109.07152" },
      { title: "Michel, Levy, Neubig 2019: heads taken out one by one", where: "arXiv:1905.10650" },
      { title: "Jain and Wallace 2019: Attention is not explanation", where: "arXiv:1902.10186" },
    ],
  },
  finetuning: {
    title: "5 Fine-tuning",
    aha: "A fine-tuning is an experiment: the same model, your examples, a few settings. It is only worth something if you can read it afterwards: what changed, when it began to learn by heart, and on which examples it is wrong.",
    insights: [
      "The training loss always falls. The model over-fits from the epoch in which the held-out loss turns; its weights are the ones to keep.",
      "The rate decides more than anything else: a factor of ten too low learns nothing, a factor of ten too high forgets everything.",
      "LoRA trains two thin matrices beside each frozen one. Their product has few directions, and those are enough.",
      "Accuracy says how often, calibration says whether you may believe it: an over-fitted model is most of all too sure.",
      "Two runs differ by chance too. Only examples that flipped count, and McNemar's test says whether they are too uneven for luck.",
    ],
    tries: [
      "Change one word of the sentence and see which tokens change sides.",
      "Click the upper right of the confusion matrix: are these reviews really negative?",
      "Fine-tune on your own table below, then compare two rates on the page of runs.",
    ],
    sources: [
      { title: "Devlin et al. 2019: BERT, fine-tuned", where: "arXiv:1810.04805" },
      { title: "Hu et al. 2021: LoRA", where: "arXiv:2106.09685" },
      { title: "Sundararajan, Taly, Yan 2017: integrated gradients", where: "arXiv:1703.01365" },
      { title: "Guo et al. 2017: calibration", where: "arXiv:1706.04599" },
      { title: "McNemar 1947; Dietterich 1998: comparing two classifiers", where: "doi:10.1162/089976698300017197" },
      { title: "Hugging Face: fine-tuning guide", where: "huggingface.co/docs/transformers/training" },
    ],
  },
  catalog: {
    title: "Catalog",
    aha: "What Cutaway knows by name. Every file is checked by its sha256, wherever it comes from.",
    insights: [],
    tries: [],
    sources: [],
  },
};
