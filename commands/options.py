"""Options that several commands share, and what they stand for: a page, parameters, dtypes. Imports nothing heavy."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from typing import Any

from ..derivations import find
from .usage import WrongUsage

DEVICES = ("cpu", "cuda", "auto")
TARGETS = ("numpy", "c", "torch", "jax")
DTYPES = ("float64", "float32", "bfloat16", "float16")


def add_formula(parser: argparse.ArgumentParser) -> None:
    """The options of a formula of the person's own."""
    parser.add_argument(
        "--given", "--inputs", metavar="ARRAYS", help='arrays of a formula or function: "X: n d, w: d, y: n int<C"'
    )
    parser.add_argument("--wrt", action="append", default=[], metavar="NAME", help="differentiate by it; else by all")
    parser.add_argument("--order", type=int, choices=(1, 2), default=1, help="1: gradients, 2: also Hessians")


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """The option of an entry's parameters."""
    text = "a parameter, such as depth=4 or reduction=sum"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)


def page(arguments: argparse.Namespace) -> Any:
    """The page of an id, with --given of a formula, or of FILE.py:FUNCTION.

    **Raises** ``WrongUsage``, and what finding the entry and deriving raise.
    """
    chosen = parameters(arguments.set)
    if not is_own(arguments.id, arguments):
        find(arguments.id).at(**chosen)
    elif chosen:
        raise WrongUsage("--set is for entries of the catalogue; a formula has no parameters")
    from ..page import derive

    wrt = [name.strip() for text in arguments.wrt for name in text.split(",") if name.strip()]
    return derive(arguments.id, given=arguments.given, wrt=wrt, order=arguments.order, **chosen)  # type: ignore[arg-type]


def is_own(id: str, arguments: argparse.Namespace) -> bool:
    """Whether a formula or a function of the person's own is meant, and no entry. **Raises** ``WrongUsage``."""
    if arguments.given is not None or ".py:" in id:
        return True
    if id.endswith(".py"):
        raise WrongUsage(f"{id} is a file; which function in it? Write {id}:FUNCTION")
    for option, used in {"--wrt": arguments.wrt, "--order": arguments.order != 1}.items():
        if used:
            raise WrongUsage(f'{option} goes with a formula of your own. Add its arrays: --given "X: n d, w: d"')
    return False


def parameters(texts: Sequence[str]) -> dict[str, str]:
    """``depth=4`` as a mapping; the entry reads the value. **Raises** ``WrongUsage``."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise WrongUsage(f"--set {text} is not a parameter with a value. Write --set depth=4")
        found[name] = value
    return found


def dtypes(texts: Sequence[str]) -> tuple[str, ...]:
    """``float64,float32`` and more of them as names, each once. **Raises** ``WrongUsage``."""
    names = tuple(dict.fromkeys(name for text in texts for name in text.split(",")))
    for name in names:
        if name not in DTYPES:
            raise WrongUsage(f"{name!r} is not a dtype that can be checked. Known: {', '.join(DTYPES)}")
    return names


def width() -> int:
    """The columns of the terminal, or of a page where there is none."""
    return max(40, shutil.get_terminal_size((120, 24)).columns)
