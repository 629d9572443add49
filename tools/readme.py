"""Keep the README true: fill in what its commands print and the table of claims, or check them.

    python tools/readme.py           # write
    python tools/readme.py --check   # exit 1 and say what differs

A fenced block whose first line is `$ cutaway …` holds that command's output below it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from cutaway.verify.claims import markdown

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"```\n\$ (cutaway [^\n]*)\n.*?```", re.DOTALL)
TABLE = re.compile(r"\| what \| figure \|\n(?:\|[^\n]*\n)+")


def output_of(command: str) -> str:
    """Run a command as a user would, 80 columns wide; return what it prints."""
    env = {**os.environ, "COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}
    words = f"{sys.executable} -m {command}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True, env=env)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def renewed(text: str) -> str:
    """Return the README with every output and the table as they are now."""
    filled = BLOCK.sub(lambda found: f"```\n$ {found[1]}\n{output_of(found[1])}```", text)
    return TABLE.sub(lambda found: markdown(), filled)


if __name__ == "__main__":
    before = README.read_text(encoding="utf-8")
    after = renewed(before)
    if sys.argv[1:] != ["--check"]:
        README.write_text(after, encoding="utf-8")
    elif before != after:
        pairs = zip(before.splitlines(), after.splitlines(), strict=False)
        sys.exit("\n".join(f"- {old}\n+ {new}" for old, new in pairs if old != new))
