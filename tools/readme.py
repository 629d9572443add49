"""Keep the README true: fill in what its commands print, the tables of claims and speeds, or check them.

    python tools/readme.py           # write
    python tools/readme.py --check   # exit 1 and say what differs

A fenced block whose first line is `$ cutaway …` holds that command's output below it. Speeds are those of the
newest record of a room in benchmarks/results.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from cutaway.verify.claims import markdown

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"```\n\$ (cutaway [^\n]*)\n.*?```", re.DOTALL)
RESULTS = README.with_name("benchmarks") / "results"
SPEEDS = re.compile(r"\| tokenization, one core \|[^\n]*\n(?:\|[^\n]*\n)+")
TABLE = re.compile(r"\| what \| figure \|\n(?:\|[^\n]*\n)+")


def output_of(command: str) -> str:
    """Run a command as a user would, 80 columns wide; return what it prints."""
    env = {**os.environ, "COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}
    words = f"{sys.executable} -m {command}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True, env=env)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def speeds() -> str:
    """Return the table of what the newest record of room 1 says of speeds against peers."""
    newest = max(RESULTS.glob("tokenization-*.json"))
    rows = []
    for row in json.loads(newest.read_text())["results"]:
        rate, ratios = row.get("megabytes_per_second"), row.get("ratios", {})
        peers = ", ".join(f"{_times(ratio)} {peer.split()[0]}" for peer, ratio in ratios.items())
        if rate and peers and "threads" not in row["work"] and "open path" not in row["work"]:
            rows.append((rate, f"| {row['work'].split(', ')[0]} | {rate:.0f} MB/s | {peers} |"))
    fastest_first = [line for _, line in sorted(rows, reverse=True)]
    head = ["| tokenization, one core | speed | times the peer's |", "|---|---|---|"]
    return "\n".join([*head, *fastest_first]) + "\n"


def _times(ratio: float) -> str:
    """One place; two below one, so that less than the peer's is not rounded up."""
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def renewed(text: str) -> str:
    """Return the README with every output and the table as they are now."""
    filled = BLOCK.sub(lambda found: f"```\n$ {found[1]}\n{output_of(found[1])}```", text)
    return SPEEDS.sub(lambda found: speeds(), TABLE.sub(lambda found: markdown(), filled))


if __name__ == "__main__":
    before = README.read_text(encoding="utf-8")
    after = renewed(before)
    if sys.argv[1:] != ["--check"]:
        README.write_text(after, encoding="utf-8")
    elif before != after:
        pairs = zip(before.splitlines(), after.splitlines(), strict=False)
        sys.exit("\n".join(f"- {old}\n+ {new}" for old, new in pairs if old != new))
