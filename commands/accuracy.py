"""``nnmath accuracy``: its options, and what it does with them. Imports nothing heavy before it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .options import add_formula, add_parameters, page
from .usage import WrongUsage

if TYPE_CHECKING:
    from ..accuracies import Accuracy

DTYPES = ("float64", "float32")

EPILOG = """examples:
  nnmath accuracy silu
  nnmath accuracy silu --against torch --dtype float32 --plot silu.svg
  nnmath accuracy layernorm --against torch
  nnmath accuracy elu --set alpha=0.5
  nnmath accuracy silu --candidates
  nnmath accuracy "x*sigmoid(1.7*x)" --given "x:"
  nnmath accuracy --all --against torch

A function of one variable is measured over the whole finite range, a loss or a layer on declared inputs. The command
fails with 1 where the generated code returns NaN, an infinity or 0 although the exact value is an ordinary number, and
where a function of one variable is more than 1000 ULP off, or more than --bound."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help="an id, FILE.py:FUNCTION, or with --given a formula")
    parser.add_argument("--all", action="store_true", help="the whole catalogue")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes for --all; default: one for each core")
    parser.add_argument("--dtype", action="append", default=[], metavar="D", help="float64, float32; default: both")
    parser.add_argument("--target", default="numpy", metavar="T", help="which generated code; default: numpy")
    text = "measure it as well: torch, jax, or naive (NumPy of the formula as it stands)"
    parser.add_argument("--against", action="append", default=[], metavar="CODE", help=text)
    text = "measure also the forms that the code might have had, with what they cost"
    parser.add_argument("--candidates", action="store_true", help=text)
    parser.add_argument("--bound", type=float, metavar="ULP", help="fail also above this, away from roots")
    parser.add_argument("--thorough", action="store_true", help="ten times the points, and other parameters")
    parser.add_argument("--plot", metavar="FILE", help="draw error over x: FILE.svg, FILE.png or FILE.pdf")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_formula(parser)
    add_parameters(parser)


def run(arguments: argparse.Namespace, width: int) -> tuple[list[Accuracy], str]:
    """Measure what the arguments say; returns what was found, and what to print.

    **Raises** ``WrongUsage``, and what making the page and measuring raise.
    """
    if arguments.all == (arguments.id is not None):
        raise WrongUsage("accuracy takes one id, or --all for the whole catalogue: nnmath accuracy silu")
    if arguments.jobs is not None and arguments.jobs < 1:
        raise WrongUsage(f"--jobs {arguments.jobs} leaves no process to measure with. Give 1 or more: --jobs 2")
    if arguments.candidates and (arguments.all or arguments.plot or arguments.target != "numpy"):
        raise WrongUsage("--candidates goes with the NumPy code of one formula: nnmath accuracy silu --candidates")
    if arguments.all and (arguments.plot or arguments.set or arguments.given):
        raise WrongUsage("--plot, --set and --given go with one formula: nnmath accuracy silu --plot silu.svg")
    dtypes = _listed(arguments.dtype, DTYPES, "is not a dtype that is measured") or DTYPES
    from .. import accuracies, accuracy_table

    _listed([arguments.target], accuracies.OURS, "is no target that is measured")
    against = _listed(arguments.against, (*accuracies.OTHERS, *accuracies.OURS), "is nothing to measure against")
    options = {"code": arguments.target, "against": against, "thorough": arguments.thorough}
    if arguments.all:
        found = accuracies.measure_all(dtypes, jobs=arguments.jobs, **options)
    else:
        found = [_measure(arguments, dtypes, options)]
    found = accuracies.within(found, arguments.bound)
    return found, accuracy_table.as_json(found) if arguments.json else accuracy_table.as_table(found, width)


def _listed(texts: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",")))
    for name in names:
        if name not in known:
            raise WrongUsage(f"{name!r} {what}. Known: {', '.join(known)}")
    return names


def _measure(arguments: argparse.Namespace, dtypes: Sequence[str], options: dict[str, Any]) -> Accuracy:
    from .. import accuracies
    from . import accuracy_plot

    if arguments.plot:
        accuracy_plot.check(arguments.plot)
    arguments.set, fixed = accuracies.numbers(arguments.id, arguments.set)
    made = page(arguments)
    options |= {"points": bool(arguments.plot), "candidates": arguments.candidates}
    accuracy: Accuracy = made.accuracy(dtypes, fixed=fixed, **options)
    if arguments.plot:
        accuracy_plot.plot(accuracy, arguments.plot)
    return accuracy
