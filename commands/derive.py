"""``nnmath derive`` and ``nnmath code``: their options, and what they do. Imports nothing heavy before they run."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .options import TARGETS, add_formula, add_parameters, page, width
from .output import write
from .usage import WrongUsage

FORMATS = ("terminal", "text", "latex", "markdown", "json")

EPILOG = """examples:
  nnmath derive softmax-ce
  nnmath derive softmax-ce --document -o softmax-ce.tex
  nnmath derive "mean((X @ w - y)**2)" --given "X: n d, w: d, y: n" --wrt w --order 2
  nnmath derive "P = softmax(X @ W); -sum(Y*log(P))" --given "X: n d, W: d C, Y: n C rows"
  nnmath derive mymodel.py:loss --inputs "X: n d, w: d, y: n" --wrt w

The code of FILE.py runs in this process."""

CODE_EPILOG = """examples:
  nnmath code softmax-ce -o softmax_ce.py
  nnmath code softmax-ce --joint
  nnmath code softmax-ce --target torch -o softmax_ce_torch.py
  nnmath code "mean((X @ w - y)**2)" --given "X: n d, w: d, y: n" --wrt w
  nnmath code softmax-ce --target c -o softmax_ce.c
  nnmath code mymodel.py:loss --inputs "X: n d, w: d, y: n" --wrt w"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of ``nnmath derive``."""
    parser.add_argument(
        "--format", choices=FORMATS, help="default: terminal on a terminal, else text; latex: a fragment"
    )
    parser.add_argument("--document", action="store_true", help="a whole LaTeX file, ready for pdflatex")
    parser.add_argument("--brief", action="store_true", help="results without the steps")
    parser.add_argument("--detail", action="store_true", help="also the single rewritings behind each step")
    _add_formula_and_file(parser)
    add_formula(parser)
    add_parameters(parser)


def add_code_options(parser: argparse.ArgumentParser) -> None:
    """Those of ``nnmath code``."""
    _add_formula_and_file(parser)
    parser.add_argument("--target", choices=TARGETS, default="numpy", help="the language of the code; default: numpy")
    parser.add_argument("--joint", action="store_true", help="one function that returns the value and all gradients")
    add_formula(parser)
    add_parameters(parser)


def _add_formula_and_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="an id of the catalogue, FILE.py:FUNCTION, or with --given a formula")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file, all of it or nothing")


def run(arguments: argparse.Namespace) -> Any:
    """Write the derivation that the arguments ask for; returns its page.

    **Raises** ``WrongUsage``, ``UnwritableOutput``, and what deriving raises.
    """
    to_file = arguments.output not in (None, "-")
    plain = "latex" if arguments.document else "text" if to_file or not sys.stdout.isatty() else "terminal"
    format = arguments.format or plain
    if arguments.document and format != "latex":
        raise WrongUsage(f"--document makes a LaTeX file, but --format says {format}. Leave --format out")
    made = page(arguments)
    options = {"brief": arguments.brief, "detail": arguments.detail, "width": None if to_file else width()}
    if format == "latex":
        options["document"] = arguments.document
    write(made.render(format, **options), arguments.output)
    return made


def run_code(arguments: argparse.Namespace) -> None:
    """Write the code that the arguments ask for. **Raises** what deriving and generating raise."""
    write(page(arguments).source(arguments.target, joint=arguments.joint), arguments.output)
