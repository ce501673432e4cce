"""Help texts as they are shown: the docstring behind each option, folded into one line.

Tyro reads these docstrings too, but takes each of their line breaks behind which there is an indent for one of its own,
so that a sentence would break wherever the source does.
"""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Annotated, TypeVar

import tyro

Options = TypeVar("Options", bound=type)


def folded(options: Options) -> Options:
    """Gives each option of a class its docstring as help; to be applied before `dataclass`."""
    for field, text in pairwise(_classes(options.__module__)[options.__name__].body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                kind = options.__annotations__[name]
                options.__annotations__[name] = Annotated[kind, tyro.conf.arg(help=" ".join(words.split()))]
            case _:
                pass
    return options


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module's source by name; the module may still be at its beginning."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
