"""``nnmath verify``: its options, and what it does with them. Imports nothing heavy before it runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import DEVICES, dtypes

if TYPE_CHECKING:
    from ..verifying import Report

EPILOG = """examples:
  nnmath verify mylayer.py:backward --against layernorm
  nnmath verify net.py:Network --against mlp-softmax --json
  nnmath verify loss.py:grad --against "mean((X @ w - y)**2)" --inputs "X: n d, w: d, y: n"

The code of FILE.py runs in this process."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", metavar="FILE.py:OBJECT", help="a function, a class, or a torch Function")
    parser.add_argument("--against", metavar="REF", help="an id, a formula, or FILE.py:FUNCTION; else its own forward")
    parser.add_argument("--inputs", metavar="ARRAYS", help='its arrays: "z: n C, y: n int<C"')
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="for torch code; default: cpu")
    parser.add_argument("--dtype", action="append", default=[], metavar="D", help="default: float64,float32; or half")
    parser.add_argument("--sizes", action="append", default=[], metavar="S", help='also try these: "n=512, C=1000"')
    text = "for running the code, all in all; default: 60"
    parser.add_argument("--time-limit", metavar="SECONDS", type=float, default=60.0, help=text)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> Report:
    """Judge what the arguments name. **Raises** ``WrongUsage``, and what ``nnmath.verify`` raises."""
    kinds = dtypes(arguments.dtype)
    from ..verification.probing.stated import parse_sizes
    from ..verifying import verify

    return verify(
        arguments.subject,
        against=arguments.against,
        inputs=arguments.inputs,
        device=arguments.device,
        dtypes=kinds or None,
        sizes=[parse_sizes(text) for text in arguments.sizes],
        seconds=arguments.time_limit,
    )
