"""The shape of the code: who may import whom, how long things may be, and which names say nothing."""

import ast
import re
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import headstart

ROOT = Path(headstart.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60  # lines
SAYS_NOTHING = {"done", "dones", "util", "utils", "misc", "manager", "cfg", "helper", "helpers"}


def words(identifier: str) -> set[str]:
    """Splits `snake_case` and `CamelCase` into lower-case words."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)}


def given_names(tree: ast.AST) -> list[tuple[str, int]]:
    """Lists every name that a file gives to something, with its line. What others called their things is not ours."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append((node.id, node.lineno))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.append((node.attr, node.lineno))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append((node.name, node.lineno))
        elif isinstance(node, ast.arg):
            found.append((node.arg, node.lineno))
        elif isinstance(node, ast.alias) and node.asname:
            found.append((node.asname, node.lineno))
    return found


def place(file: Path) -> str:
    return str(file.relative_to(ROOT.parent))


def test_layers_import_only_from_below():
    assert lint_imports(str(ROOT.parent / "pyproject.toml"), no_cache=True, no_logo=True) == 0, "see the output above"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_files_and_functions_are_short_enough_to_read(file):
    text = file.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{place(file)}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_names_say_something(file):
    assert not words("/".join(file.relative_to(ROOT).parts)) & SAYS_NOTHING
    for name, line in given_names(ast.parse(file.read_text())):
        assert not words(name) & SAYS_NOTHING, f"{place(file)}:{line}: {name}"


def test_every_kind_of_name_is_seen():
    source = (
        "import a as b\ndef c(d, *e, f=0, **g): h = i.j = 1\nclass k: l: int\nfor m in n: pass\nwith o as p: q(r=s)"
    )
    assert "".join(sorted(name for name, _ in given_names(ast.parse(source)))) == "bcdefghjklmp"


@pytest.mark.parametrize("name", ["is_done", "Done", "MyHelper", "cfg2", "HTTPManager", "utils"])
def test_words_are_found_inside_names(name):
    assert words(name) & SAYS_NOTHING


@pytest.mark.parametrize("name", ["abandoned", "utility", "helpful", "undone", "manage"])
def test_words_are_not_found_inside_words(name):
    assert not words(name) & SAYS_NOTHING
