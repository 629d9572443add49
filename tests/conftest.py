"""What tests share: the data folder, real model files, a kernel cache for each worker."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors

ROOT = Path(__file__).parents[1]
BESIDE = ROOT.parent / "shared" / "data"

# Set before any test imports a kernel. Workers never race on one compile cache.
if "CUTAWAY_DATA" not in os.environ and BESIDE.is_dir():
    os.environ["CUTAWAY_DATA"] = str(BESIDE)
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ.setdefault("CUTAWAY_CACHE", str(ROOT / ".pytest_cache" / f"cutaway-{_WORKER}"))
os.environ["HF_HUB_OFFLINE"] = "1"
# Runs are recorded here, whatever the machine's own store of runs is.
os.environ["CUTAWAY_RUNS"] = tempfile.mkdtemp(prefix="cutaway-runs-")
os.environ.pop("CUTAWAY_RUNS_URL", None)
atexit.register(shutil.rmtree, os.environ["CUTAWAY_RUNS"], ignore_errors=True)
# A suite started in a script's background inherits "ignore interrupts", and so would every process it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


# No test is timed: a first call compiles, and machines are shared. Examples are the same in every run, so that
# a change lands or fails for what it changes; CUTAWAY_NEW_EXAMPLES=1 draws others, to look for more.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CUTAWAY_NEW_EXAMPLES") != "1",
)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("CUTAWAY_DATA", "").split(":")[0] or "absent")
    if not (folder / "imdb").is_dir():
        pytest.skip("needs the data folder: set CUTAWAY_DATA")
    return folder


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """all-MiniLM-L6-v2's files, verified."""
    from cutaway.catalog.resolve import resolve

    return resolve("all-MiniLM-L6-v2").folder


@pytest.fixture(scope="session")
def glove() -> WordVectors:
    """GloVe 6B, 50 dimensions."""
    from cutaway.embeddings.vectors import WordVectors

    return WordVectors.load("glove-6b-50d")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No data folder, an empty cache, no network; the cache folder."""
    monkeypatch.delenv("CUTAWAY_DATA", raising=False)
    monkeypatch.setenv("CUTAWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CUTAWAY_OFFLINE", "1")
    return tmp_path / "cache"
