"""The kernel decorator: numba with a signature, a private cache, and a lock around compilation.

`kernel(signature)` compiles when its module is imported, or loads what an earlier process compiled.
The signature is part of the source: what goes in is read there, and a wrong dtype is an error
instead of a second compilation. The plain function stays at `.py_func`, for stepping and for tests.

Numba's cache is not safe for processes that race on one folder, and it ignores NUMBA_BOUNDSCHECK.
So the folder is ours (0700, one for each version of Cutaway, Python, numba and bounds checking), and
compiling holds a file lock.
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numba
import numba.core.config

from cutaway.core.home import cache_home
from cutaway.core.version import VERSION

Sums = Literal["in order", "any order"]
Calls = Literal["as calls", "inlined"]
Arrays = Literal["counted", "borrowed"]
Callers = Literal["anyone", "kernels"]
# LLVM's names for it, without the flags that assume that there is no NaN and no infinity.
FAST_SUMS = {"reassoc", "contract", "nsz", "arcp"}

SLOW_COMPILE_SECONDS = 0.5

# Called with (kernel name, seconds) after a compilation that was worth a line of progress.
on_compile: list[Callable[[str, float], None]] = []


def kernel(
    signature: str,
    *,
    sums: Sums = "in order",
    calls: Calls = "as calls",
    arrays: Arrays = "counted",
    callers: Callers = "anyone",
) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for flat arrays, without the GIL, cached on disk.

    Args:
        signature: numba's notation, `"int64(int32[::1], int64)"`.
        sums: "any order" lets the compiler regroup sums and fuse products with them, so that a loop
            over a dot product uses whole vector registers; NaN and infinity keep their meaning.
        calls: "inlined" copies the body into every kernel that calls this one. A call hands over each
            array as seven words and counts a reference, which a function of nanoseconds feels.
        arrays: "borrowed" counts no references to arrays, for a kernel that makes none: threads that
            share arrays would wait for each other at every count.
        callers: "kernels" leaves out the function that takes Python's objects apart, a tenth of what there is
            to compile: only other kernels may call it. Called from Python it ends the process. "inlined" as
            well, it is not compiled by itself at all.

    Returns:
        A decorator; what it returns is numba's dispatcher, with the plain function at `.py_func`.
    """

    def compile_it(function: Callable[..., Any]) -> Any:
        started = time.perf_counter()
        with _cache_folder() as folder, _no_collection():
            # A cache locator is chosen when the function is decorated, from this one global.
            config: Any = numba.core.config
            before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
            try:
                options: dict[str, Any] = {
                    "_nrt": arrays == "counted",
                    "no_cfunc_wrapper": True,  # nothing takes a kernel's address
                    "no_cpython_wrapper": callers == "kernels",
                }
                never_alone = calls == "inlined" and callers == "kernels"
                compiled = numba.njit(
                    None if never_alone else signature,
                    cache=not never_alone,
                    nogil=True,
                    error_model="numpy",
                    inline="always" if calls == "inlined" else "never",
                    **options,
                    fastmath=FAST_SUMS if sums == "any order" else False,
                )(function)
            finally:
                config.CACHE_DIR = before
        seconds = time.perf_counter() - started
        if seconds > SLOW_COMPILE_SECONDS:
            for listener in on_compile:
                listener(function.__name__, seconds)
        return compiled

    return compile_it


@contextmanager
def _cache_folder() -> Iterator[Path]:
    """Yield this version's folder, holding its lock; a temporary one where home cannot be written."""
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    checked = "-boundscheck" if os.environ.get("NUMBA_BOUNDSCHECK") == "1" else ""
    name = f"{VERSION}-{python}-numba{numba.__version__}{checked}"
    folder = cache_home() / "kernels" / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("w")
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"cutaway-kernels-{os.getuid()}" / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for cycles: a compilation makes millions of objects, and few of them."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
