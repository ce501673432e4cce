"""Documentation: everything public says what it is, and every example in a docstring is true."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import headstart

ROOT = Path(headstart.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def place(file: Path) -> str:
    return str(file.relative_to(ROOT.parent))


def module(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_public(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")


def undocumented(tree: ast.Module) -> list[str]:
    """Lists the public functions and classes of a file that have no docstring."""
    missing = [] if ast.get_docstring(tree) else ["the module"]
    missing += [node.name for node in tree.body if is_public(node) and not ast.get_docstring(node)]
    return missing


@pytest.mark.parametrize("file", FILES, ids=place)
def test_everything_public_has_a_docstring(file):
    assert not undocumented(ast.parse(file.read_text()))


@pytest.mark.parametrize("file", [file for file in FILES if ">>> " in file.read_text()], ids=place)
def test_examples_in_docstrings_are_true(file):
    results = doctest.testmod(importlib.import_module(module(file)), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted > 0 and results.failed == 0
