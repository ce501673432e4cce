"""Help texts as they are shown: the docstring behind each option, folded into one line.

Tyro reads these docstrings too, but takes each of their line breaks behind which there is an indent for one of its own,
so that a sentence would break wherever the source does.
"""

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Annotated, TypeVar

import tyro

Options = TypeVar("Options", bound=type)


def folded(options: Options) -> Options:
    """Gives each option of a class its docstring as help; to be applied before `dataclass`."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(options))).body
    for field, text in pairwise(getattr(tree, "body", ())):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                kind = options.__annotations__[name]
                options.__annotations__[name] = Annotated[kind, tyro.conf.arg(help=" ".join(words.split()))]
            case _:
                pass
    return options
