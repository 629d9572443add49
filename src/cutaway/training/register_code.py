"""Vector registers of 16 numbers in LLVM's own terms: the words that the code of kernels is written in.

numba leaves a loop to LLVM, which takes half a register here, none at all there (a maximum, a rounding), and
must reckon with arrays that overlap. Intrinsics are built from these instead.

A kernel's cache does not notice a change here: delete it after an edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

LANES = 16

FLOAT, SHORT, INT, LONG = ir.FloatType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)
FLOATS, SHORTS, INTS = (ir.VectorType(kind, LANES) for kind in (FLOAT, SHORT, INT))


def data(context: Any, b: Any, signature: Any, given: Any, at: int) -> Any:
    """Return the pointer to the first number of an intrinsic's argument, an array."""
    return context.make_array(signature.args[at])(context, b, given[at]).data


def load(b: Any, base: Any, at: Any, kind: Any = FLOATS) -> Any:
    """Return the register of numbers that begins at base[at]."""
    return b.load(b.bitcast(b.gep(base, [at]), kind.as_pointer()), align=2)


def store(b: Any, base: Any, at: Any, value: Any) -> None:
    """Write a register to base[at] and behind it."""
    b.store(value, b.bitcast(b.gep(base, [at]), value.type.as_pointer()), align=2)


def every(kind: Any, value: float) -> Any:
    """Return a register that holds a constant in every lane."""
    return ir.Constant(kind, [value] * LANES)


def splat(b: Any, value: Any, kind: Any = FLOATS) -> Any:
    """Return a register that holds a value in every lane."""
    nothing = ir.Constant(kind, ir.Undefined)
    mask = ir.Constant(INTS, [0] * LANES)
    return b.shuffle_vector(b.insert_element(nothing, value, INT(0)), nothing, mask)


def kept(b: Any, value: Any) -> Any:
    """Return a place for a loop's running value, which LLVM turns into a register."""
    place = cgutils.alloca_once(b, value.type)  # type: ignore[no-untyped-call]
    b.store(value, place)
    return place


def called(b: Any, name: str, arguments: list[Any]) -> Any:
    """Return what one of LLVM's functions gives for values of the type that it returns."""
    kind = arguments[0].type
    known = b.module.globals.get(name)
    function = known or ir.Function(b.module, ir.FunctionType(kind, [kind] * len(arguments)), name)
    return b.call(function, arguments)


def fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x · y + z."""
    return called(b, "llvm.fma.v16f32", [x, y, z])


def nearest(b: Any, x: Any) -> Any:
    """Return whole numbers, halves to the even one."""
    return called(b, "llvm.rint.v16f32", [x])


def larger(b: Any, x: Any, y: Any) -> Any:
    """Return the larger of each two; y where one of them is NaN."""
    return b.select(b.fcmp_ordered(">", x, y), x, y)


def polynomial(b: Any, x: Any, numbers: list[float]) -> Any:
    """Return Σ numbers[k] xᵏ by Horner's rule."""
    total = every(FLOATS, numbers[-1])
    for number in reversed(numbers[:-1]):
        total = fma(b, total, x, every(FLOATS, number))
    return total


def across(b: Any, x: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Return one number from all lanes, halves joined with halves."""
    nothing = ir.Constant(x.type, ir.Undefined)
    for half in (8, 4, 2, 1):
        mask = ir.Constant(INTS, [(lane + half) % LANES for lane in range(LANES)])
        x = join(x, b.shuffle_vector(x, nothing, mask))
    return b.extract_element(x, INT(0))
