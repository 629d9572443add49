"""Take a trained model into the package: copy its files into the assets, renew the catalog's hashes.

python tools/ship.py runs/sentiment sentiment
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "cutaway"
ENTRIES = PACKAGE / "catalog" / "entries.toml"
SHIPPED = ("model.safetensors", "config.json", "card.md")
MOST_BYTES = 4_000_000


def copy(run: Path, name: str) -> list[Path]:
    """Copy what is shipped of a run; return the copies."""
    folder = PACKAGE / "assets" / name
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for file in SHIPPED:
        if run.resolve() != folder and (run / file).is_file():
            shutil.copyfile(run / file, folder / file)
        if (folder / file).is_file():
            copies.append(folder / file)
    size = sum(file.stat().st_size for file in copies)
    if size > MOST_BYTES:
        sys.exit(f"{folder} has {size} bytes: {MOST_BYTES} at most are shipped")
    return copies


def renew(name: str, files: list[Path]) -> None:
    """Write the files' sizes and hashes into the catalog."""
    rows = [
        f'  {{ name = "{file.name}", bytes = {file.stat().st_size}, '
        f'sha256 = "{hashlib.sha256(file.read_bytes()).hexdigest()}" }},\n'
        for file in files
        if file.suffix != ".md"
    ]
    text = ENTRIES.read_text(encoding="utf-8")
    pattern = re.compile(rf"(\[\[{re.escape(name)}\.sources\]\]\n(?:[^\[]*\n)?files = \[\n)[^\]]*(\]\n)")
    renewed, count = pattern.subn(lambda found: found[1] + "".join(rows) + found[2], text)
    if count != 1:
        sys.exit(f"{ENTRIES.name} has {count} lists of files for {name}: expected one")
    ENTRIES.write_text(renewed, encoding="utf-8")


if __name__ == "__main__":
    run_folder, asset = Path(sys.argv[1]), sys.argv[2]
    renew(asset, copy(run_folder, asset))
