"""Times deriving: how the equations of a deep network grow, and three gradients side by side with other tools.

python benchmarks/derivations.py
python benchmarks/derivations.py --depths 2 4 8 --repeats 3 --json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import growth
import ours
from cases import CASES, Case

import nnmath

PACKAGES = ("sympy", "numpy", "python-flint")
GROWTH_REPEATS = 3
PEERS = ("peer_tensorgrad", "peer_pytensor")
INSTALL = {"tensorgrad": "pip install torch==2.13.0 tensorgrad", "pytensor": "pip install pytensor"}


@dataclass(frozen=True)
class Timing:
    """The median in seconds, or why there is none."""

    median: float | None = None
    status: str = "right"


@dataclass(frozen=True)
class Row:
    """One tool's way to a gradient, timed on every case."""

    tool: str
    what: str
    timings: dict[str, Timing]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, then print; exit code 1 where a gradient of this project is wrong."""
    arguments = _arguments(argv)
    ours.prove(ours.ENTRIES["softmax-ce"])  # what is imported late is imported now
    depths = [
        growth.measure(depth, min(arguments.repeats, GROWTH_REPEATS))
        for depth in _told("mlp-deep at depth", sorted(set(arguments.depths)))
    ]
    rows = [*peers(arguments.repeats), *this_project(arguments.repeats)]
    if arguments.json:
        print(json.dumps(_data(depths, rows, arguments.repeats), indent=2, ensure_ascii=False))
    else:
        _print(depths, rows, arguments.repeats)
    ok = all(d.proved for d in depths) and all(
        t.status == "right" for row in rows if row.tool.startswith("nnmath") for t in row.timings.values()
    )
    return 0 if ok else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="derivations.py",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Other tools are measured where they are installed; a missing one is said on stderr.",
    )
    parser.add_argument("--depths", type=_positive, nargs="+", default=[2, 4, 8, 16], metavar="N", help="of mlp-deep")
    parser.add_argument("--repeats", type=_positive, default=7, metavar="N", help="calls per median (default: 7)")
    parser.add_argument("--json", action="store_true", help="as JSON, with unrounded seconds")
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 64")
    return int(text)


def _told(what: str, items: Sequence[Any]) -> Any:
    for item in items:
        print(f"{what} {item} …", file=sys.stderr, flush=True)
        yield item


# -- measuring -------------------------------------------------------------------------------------------------------


def this_project(repeats: int) -> list[Row]:
    """Deriving, and deriving and proving. Both give the same equations, so one verification serves both."""
    name = f"nnmath {nnmath.__version__}"
    ways: tuple[tuple[str, Callable[[Case], Any]], ...] = (
        ("derive", lambda case: ours.derive(ours.ENTRIES[case.id])),
        ("derive + prove", lambda case: ours.prove(ours.ENTRIES[case.id])),
    )
    return [_row(name, what, way, ours.gradient, repeats) for what, way in ways]


def peers(repeats: int) -> list[Row]:
    """The other tools, as far as they are installed."""
    out: list[Row] = []
    for module in PEERS:
        try:
            peer: Any = import_module(module)
        except ImportError as error:
            package = module.removeprefix("peer_")
            print(f"{package} is not measured ({error}). Type: {INSTALL[package]}", file=sys.stderr)
            out.append(Row(package, "gradient", {case.id: Timing(status="not installed") for case in CASES}))
            continue
        name = f"{peer.NAME} {peer.VERSION}"
        out.append(_row(name, "gradient", peer.derive, peer.gradient, repeats))
        if hasattr(peer, "compiled"):
            out.append(_row(name, "gradient + compile", peer.compiled, peer.gradient, repeats))
    return out


def _row(tool: str, what: str, way: Callable[[Case], Any], gradient: Callable[[Case], Any], repeats: int) -> Row:
    timings = {}
    for case in _told(f"{tool}, {what}:", CASES):
        timings[case.id] = _timing(case, way, gradient, repeats)
    return Row(tool, what, timings)


def _timing(case: Case, way: Callable[[Case], Any], gradient: Callable[[Case], Any], repeats: int) -> Timing:
    """Verified first, which also fills the caches: no call that is timed pays for imports."""
    try:
        if not case.agrees(gradient(case)):
            return Timing(status="wrong")
    except Exception as error:
        print(f"{case.id}: {type(error).__name__}: {error}".splitlines()[0], file=sys.stderr)
        return Timing(status="failed")
    return Timing(median(growth.seconds(way, case) for _ in range(repeats)))


# -- output ----------------------------------------------------------------------------------------------------------


def _data(depths: Sequence[growth.Depth], rows: Sequence[Row], repeats: int) -> dict[str, Any]:
    found = growth.law(depths)
    return {
        "machine": machine(),
        "growth": {
            "entry": growth.ENTRY,
            "depths": [asdict(d) for d in depths],
            "nodes_per_layer": [float(i) for i in growth.increments(depths)],
            "exactly_linear": found is not None,
        },
        "side_by_side": {"repeats": repeats, "rows": [asdict(row) for row in rows]},
    }


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES if _installed(name)},
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed(package: str) -> bool:
    try:
        version(package)
    except ImportError:
        return False
    return True


def _print(depths: Sequence[growth.Depth], rows: Sequence[Row], repeats: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    sizes = Table(
        title=f"Adjoint equations of {growth.ENTRY}, times: median of {min(repeats, GROWTH_REPEATS)}",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    for heading in ("depth", "equations", "nodes", "nodes per layer added", "steps", "derive", "derive + prove"):
        sizes.add_column(heading, justify="right")
    for cells in growth.table_rows(depths):
        sizes.add_row(*(_time(cell) if isinstance(cell, float) else str(cell) for cell in cells))
    console.print(sizes)
    console.print(growth.sentence(depths) + "\n")
    times = Table(
        title=f"Time to the gradient: median of {repeats} call{'s' * (repeats > 1)}",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    times.add_column("tool")
    times.add_column("what")
    for case in CASES:
        times.add_column(case.title, justify="right")
    for row in rows:
        times.add_row(row.tool, row.what, *(_cell(row.timings[case.id]) for case in CASES))
    console.print(times)
    console.print(", ".join(f"{name} {value}" if name != "cpu" else value for name, value in machine().items()))


def _cell(timing: Timing) -> str:
    return timing.status if timing.median is None else _time(timing.median)


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{seconds * 1e3:.3g} ms"


if __name__ == "__main__":
    sys.exit(main())
