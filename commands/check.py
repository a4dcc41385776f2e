"""``nnmath check``: its options, and what it does with them. Imports nothing heavy before it runs."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from ..derivations import catalogue, find
from .options import DEVICES, DTYPES, TARGETS, add_formula, add_parameters, dtypes, is_own, page, parameters
from .usage import WrongUsage

if TYPE_CHECKING:
    from ..checks import Row

DESCRIPTION = """prove every step and cross-check the generated code against PyTorch

The code runs on families of inputs, and as it computes long arrays (in blocks, in threads,
by forms for moderate entries), against exact values and an independent forward in PyTorch."""

EPILOG = """examples:
  nnmath check softmax-ce layernorm
  nnmath check --all
  nnmath check softmax-ce --target torch
  nnmath check softmax-ce --target c
  nnmath check "mean((X @ w - y)**2)" --given "X: n d, w: d, y: n" --wrt w
  nnmath check mymodel.py:loss --inputs "X: n d, w: d, y: n" --wrt w"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("ids", metavar="ID", nargs="*", help="ids of the catalogue, a formula, or FILE.py:FUNCTION")
    add_formula(parser)
    parser.add_argument("--all", action="store_true", help="the whole catalogue")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes; default: one for each core")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="default: cpu")
    parser.add_argument("--dtype", action="append", metavar="D", help=f"one of {', '.join(DTYPES)}; may be repeated")
    parser.add_argument("--target", choices=TARGETS, default="numpy", help="the language of the code; default: numpy")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_parameters(parser)


def run(arguments: argparse.Namespace, width: int) -> tuple[list[Row], str]:
    """Check what the arguments say; returns a row for each entry, and what to print.

    **Raises** ``WrongUsage``, and what finding an entry raises.
    """
    if arguments.all == bool(arguments.ids):
        raise WrongUsage("check takes ids, or --all for the whole catalogue: nnmath check softmax-ce")
    if arguments.jobs is not None and arguments.jobs < 1:
        raise WrongUsage(f"--jobs {arguments.jobs} leaves no process to check with. Give 1 or more: --jobs 2")
    ids = list(catalogue()) if arguments.all else list(dict.fromkeys(arguments.ids))
    chosen = parameters(arguments.set)
    arguments.id = ids[0] if ids else ""
    own = not arguments.all and [id for id in ids if is_own(id, arguments)]
    if own and len(ids) > 1:
        raise WrongUsage(
            f"check takes one formula of your own at a time, and {len(ids)} names were given: {' '.join(ids)}"
        )
    for id in ids if not own else ():
        find(id).at(**chosen)
    kinds = dtypes(arguments.dtype or ["float64,float32"])
    from .. import checks
    from . import check_table

    device, target = arguments.device, arguments.target
    rows = (
        [checks.check_page(lambda: page(arguments), device, kinds, target=target)]
        if own
        else checks.run(ids, chosen, device, kinds, arguments.jobs, partial(checks.check_one, target=target))
    )
    return rows, check_table.as_json(rows) if arguments.json else check_table.as_table(rows, kinds, width)
