"""What the source says about itself, read by its syntax tree: docstrings, errors, shape comments."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "src" / "cutaway"
SHAPE = re.compile(r"#\s*\(([\w*·+\- ]+(?:,[\w*·+\- ]*)*)\)\s*$")
SECTION = re.compile(r"^(\w[\w ]*):$")
ITEM = re.compile(r"^    (\*{0,2}\w[\w, *]*): ")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(kw_only=True)
class Function:
    """A function or method: where it stands, what its docstring tells, what its body raises."""

    module: str
    name: str
    node: FunctionNode
    sections: dict[str, list[str]]
    raises: set[str]
    calls: set[str]

    @property
    def public(self) -> bool:
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def arguments(self) -> list[str]:
        given = self.node.args
        names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        names += [argument.arg for argument in (given.vararg, given.kwarg) if argument]
        return [name for name in names if name not in ("self", "cls")]


@dataclass(kw_only=True)
class Module:
    """A file of the package."""

    name: str
    path: Path
    tree: ast.Module
    functions: dict[str, Function] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)


class Claim(NamedTuple):
    """A shape comment: on which lines the assignment stands, to what, of which shape."""

    first: int
    last: int
    target: str
    shape: tuple[str, ...]


@cache
def modules() -> dict[str, Module]:
    """Every file of the package by its dotted name."""
    return {module.name: module for module in map(_read, sorted(PACKAGE.rglob("*.py")))}


def reachable(function: Function, *, only_private_here: bool = False) -> set[str]:
    """The errors that a function may raise: its own, and those of what it calls in the package.

    With `only_private_here` no further than private helpers of the same file. Calls are followed by
    name, so a method's name reaches every method of that name: too many rather than too few.
    """
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    ahead = [function]
    while ahead:
        at = ahead.pop()
        if (at.module, at.name) in seen:
            continue
        seen.add((at.module, at.name))
        found |= at.raises
        ahead += [
            called
            for called in _known_calls(at.module, at.name)
            if not only_private_here or (called.module == function.module and _private(called))
        ]
    return found


def claims(module: Module) -> tuple[list[Claim], list[int]]:
    """The shape comments of a file, and the lines where one stands behind no simple assignment."""
    lines = module.path.read_text(encoding="utf-8").splitlines()
    commented = {at: SHAPE.search(line) for at, line in enumerate(lines, start=1)}
    found = []
    for node in ast.walk(module.tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        match = commented.get(node.end_lineno or 0)
        if match and isinstance(target, ast.Name):
            shape = tuple(part.strip() for part in match[1].split(",") if part.strip())
            found.append(Claim(node.lineno, node.end_lineno or 0, target.id, shape))
    ends = {claim.last for claim in found}
    return found, [at for at, match in commented.items() if match and at not in ends]


def _read(path: Path) -> Module:
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    name = ".".join(inside[:-1] if inside[-1] == "__init__" else inside)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = Module(name=name, path=path, tree=tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cutaway"):
            for alias in node.names:
                module.imported[alias.asname or alias.name] = f"{node.module}:{alias.name}"
    for qualified, node in _definitions(tree, ""):
        module.functions[qualified] = Function(
            module=name,
            name=qualified,
            node=node,
            sections=_sections(ast.get_docstring(node) or ""),
            raises=_raised(node),
            calls=_names_called(node),
        )
    return module


def _definitions(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    for node in parent.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _definitions(node, f"{prefix}{node.name}.")


def _sections(docstring: str) -> dict[str, list[str]]:
    """Section name to the names that it lists: one `name: ...` an item, `a, b: ...` two."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in docstring.splitlines():
        if section := SECTION.match(line):
            current = section[1]
            found[current] = []
        elif current and (item := ITEM.match(line)):
            found[current] += [name.strip(" *") for name in item[1].split(",")]
        elif line and not line.startswith(" "):
            current = ""
    return found


def _raised(function: FunctionNode) -> set[str]:
    """Names of error classes in raise statements; a bare `raise` and a raised variable tell nothing."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id.endswith(("Error", "Exception")):
                found.add(raised.id)
    return found


def _names_called(function: FunctionNode) -> set[str]:
    """Every name and attribute that is mentioned: a function handed on may be called later."""
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}


@cache
def _known_calls(module: str, name: str) -> tuple[Function, ...]:
    """What a function may call: asked again and again, as paths from many functions meet."""
    return tuple(_called(modules()[module].functions[name]))


def _private(function: Function) -> bool:
    last = function.name.split(".")[-1]
    return last.startswith("_") and not last.startswith("__")


def _called(function: Function) -> Iterator[Function]:
    here = modules()[function.module]
    for name in function.calls:
        if name in here.imported:
            where, _, symbol = here.imported[name].partition(":")
            there = modules().get(where)
            yield from _matching(there, symbol) if there else ()
        if not hasattr(builtins, name):
            for module in modules().values():
                yield from _methods(module, name)
        yield from _matching(here, name)


def _matching(module: Module, name: str) -> Iterator[Function]:
    """The function of that name, or what making an object of the class of that name runs."""
    for qualified in (name, f"{name}.__init__", f"{name}.__post_init__"):
        if qualified in module.functions:
            yield module.functions[qualified]


def _methods(module: Module, name: str) -> Iterator[Function]:
    for qualified, function in module.functions.items():
        if "." in qualified and qualified.split(".")[-1] == name:
            yield function
