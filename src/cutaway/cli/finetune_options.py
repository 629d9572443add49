"""The options of `cutaway finetune`, each with the name that a user of the HF Trainer would type."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cutaway.cli.resuming import RESUME_HELP, STEPS_HELP

DEVICE_HELP = "Where to train: auto (a GPU where one is at hand), cpu, cuda or cuda:N."
COMPILE_HELP = "On a GPU: let torch's compiler fuse the blocks first; it takes the better part of a minute."

Data = Annotated[
    str,
    typer.Argument(
        help="A .csv, .tsv, .jsonl, .parquet or .arrow file, a folder per class, - for standard input, a "
        "catalog name such as imdb, or hub:owner/name."
    ),
]
Text = Annotated[str | None, typer.Option(help="The column of texts; found if not given.")]
Label = Annotated[str | None, typer.Option(help="The column of labels; found if not given.")]
Model = Annotated[
    str,
    typer.Option(
        "--model", "--model-name-or-path", help="The encoder: a catalog name or a checkpoint folder."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "--output-dir", help="The run folder; by default runs/<time>.")
]
Learns = Annotated[
    str,
    typer.Option(
        help="What learns: lora (adapters and head), full (every weight, saved as a checkpoint folder that "
        "others load), head (the head alone)."
    ),
]
Rank = Annotated[int, typer.Option(help="Rank of the LoRA adapters; 0 trains the head alone.")]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        "--learning-rate",
        help="Peak learning rate; by default 5e-4 (lora), 5e-5 (full), 1e-3 (head); see --find-rate.",
    ),
]
Schedule = Annotated[
    str,
    typer.Option(
        "--schedule",
        "--lr-scheduler-type",
        help="How the rate falls behind the warm-up: linear, cosine or constant.",
    ),
]
Warmup = Annotated[
    float,
    typer.Option("--warmup", "--warmup-ratio", help="Share of the steps over which the rate climbs."),
]
Decay = Annotated[
    float, typer.Option("--weight-decay", help="Weight decay; biases and norms are left alone.")
]
LayerDecay = Annotated[
    float, typer.Option(help="Each layer below the head learns at so many times the rate of the one above.")
]
Unfreeze = Annotated[
    str, typer.Option(help="all; or gradual: the head first, and one layer more in each epoch that follows.")
]
Clip = Annotated[float, typer.Option("--clip", "--max-grad-norm", help="Largest norm of the gradient.")]
Accumulate = Annotated[
    int,
    typer.Option(
        "--accumulate",
        "--gradient-accumulation-steps",
        help="Batches whose gradients make one step, each example weighing the same.",
    ),
]
Smoothing = Annotated[
    float,
    typer.Option(
        "--smoothing", "--label-smoothing-factor", help="Share of each label spread over all classes."
    ),
]
Weights = Annotated[
    str, typer.Option("--class-weights", help="none; or balanced: rare classes weigh more in the loss.")
]
Device = Annotated[str, typer.Option(help=DEVICE_HELP)]
Compile = Annotated[bool, typer.Option("--compile", "--torch-compile", help=COMPILE_HELP)]
Precision = Annotated[str, typer.Option(help="Of the products: auto, float32, bfloat16 or int16.")]
Epochs = Annotated[int, typer.Option("--epochs", "--num-train-epochs", help="Epochs, at most.")]
Patience = Annotated[
    int,
    typer.Option(
        "--patience", "--early-stopping-patience", help="Stop after so many epochs without a better one."
    ),
]
BestBy = Annotated[
    str,
    typer.Option(
        "--best-by",
        "--metric-for-best-model",
        help="What tells the best epoch, which is kept: loss, accuracy, f1, mcc or calibration_error.",
    ),
]
HeldOut = Annotated[float, typer.Option(help="Rows held out: a count, or a share below 1.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", "--max-train-samples", help="Use so many rows only, drawn by the seed."),
]
Duplicates = Annotated[str, typer.Option(help="Rows that repeat an earlier text: keep or drop.")]
Undecodable = Annotated[str, typer.Option(help="Bytes that are not UTF-8: strict, or replace and count.")]
MaxTokens = Annotated[
    int,
    typer.Option("--max-tokens", "--max-seq-length", help="Tokens read of a text, at most."),
]
Truncation = Annotated[str, typer.Option(help="What is read of a longer text: head, tail, head+tail.")]
BatchTokens = Annotated[
    int,
    typer.Option(
        help="Tokens in a training batch, at most: texts of similar length together, so that none is padded."
    ),
]
Seed = Annotated[int, typer.Option(help="Of every random choice.")]
FindRate = Annotated[
    bool,
    typer.Option("--find-rate", help="Train nothing: let the rate grow for 100 steps and suggest one."),
]
Sweep = Annotated[
    list[str] | None,
    typer.Option(
        help="Try settings, optuna drawing them: NAME=LOW..HIGH or NAME=A,B,C, again for each NAME (rate, "
        "epochs, batch-tokens, rank, truncation, max-tokens, method, schedule, warmup, weight-decay, "
        "layer-decay, unfreeze, accumulate, smoothing, class-weights). The same command with the same "
        "--out goes on, or helps from another process."
    ),
]
Trials = Annotated[int, typer.Option(help="Of a sweep, by all processes together.")]
Baseline = Annotated[
    str | None,
    typer.Option(
        help="Fine-tune nothing: show what majority, tfidf, nb, bag, frozen (all of them: all) or lstm reach "
        "on the held-out rows."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", "--resume-from-checkpoint", help=RESUME_HELP)]
SaveSteps = Annotated[int | None, typer.Option(help=STEPS_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
