"""A kernel that only kernels may call has no door for Python: a call from there would end the process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cutaway

SOURCE = Path(cutaway.__file__).parent
TESTS = Path(__file__).parents[1]


def decorator(function: ast.FunctionDef) -> ast.Call | None:
    calls = (node for node in function.decorator_list if isinstance(node, ast.Call))
    return next((call for call in calls if getattr(call.func, "id", "") == "kernel"), None)


def module_of(path: Path) -> str:
    return ".".join(["cutaway", *path.relative_to(SOURCE).with_suffix("").parts])


def closed_kernels() -> set[tuple[str, str]]:
    """Module and name of each kernel with `callers="kernels"`."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = decorator(node) if isinstance(node, ast.FunctionDef) else None
            if call and any(
                word.arg == "callers" and ast.literal_eval(word.value) == "kernels" for word in call.keywords
            ):
                assert isinstance(node, ast.FunctionDef)
                found.add((module_of(path), node.name))
    return found


def calls_from_python(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and decorator(node):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from calls_from_python(node)


def called(path: Path) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield what a file's Python calls, by module and name, with the line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = module_of(path) if SOURCE in path.parents else ""
    names = {node.name: (own, node.name) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    for call in calls_from_python(tree):
        if isinstance(call.func, ast.Name) and call.func.id in names:
            yield names[call.func.id], call.lineno
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            package, module = names.get(call.func.value.id, ("", ""))
            yield (f"{package}.{module}", call.func.attr), call.lineno


def test_kernels_without_a_door_are_called_by_kernels_alone() -> None:
    closed = closed_kernels()
    assert len(closed) > 40
    wrong = [
        f"{path.name}:{line} calls {kernel[1]}"
        for folder in (SOURCE, TESTS)
        for path in folder.rglob("*.py")
        for kernel, line in called(path)
        if kernel in closed
    ]
    assert not wrong
