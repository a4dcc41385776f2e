"""Times verifying three hand-written gradients at growing sizes, beside torch's gradcheck.

python benchmarks/verify_cost.py
python benchmarks/verify_cost.py --sizes 100 1000 --repeats 3 --json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from checkers import GRADIENTS, judged, layer_of
from growth import seconds

from nnmath.derivations import find
from nnmath.derivations.build import derive_entry
from nnmath.derivations.expression import entry_from_expression
from nnmath.numeric import generate
from nnmath.numeric.execution import load_source

#: A row of 10 classes or features, and 10 positions: what the functions do is then linear in the number of elements.
WIDTH = 10
#: gradcheck runs the function twice for every element, and its Jacobian has elements² entries.
GRADCHECK_UP_TO = 1000
#: An exponent this far above 1 is the noise of a clock.
NOISE = 0.05


@dataclass(frozen=True)
class Row:
    """Seconds, medians. verify: which uses small sizes of its own. compare: the person's code and the derived code are
    both run on arrays of this size, and their values compared; agrees: up to rounding. gradcheck: None where too large.
    """

    gradient: str
    elements: int
    verdict: str
    verify: float
    compare: float
    agrees: bool
    gradcheck: float | None

    @property
    def total(self) -> float:
        return self.verify + self.compare


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, then print; exit code 1 where a gradient is not proved or differs from the derived code."""
    parser = argparse.ArgumentParser(prog="verify_cost.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**2, 10**3, 10**4, 10**6], metavar="N")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="calls per median (default: 5)")
    parser.add_argument("--json", action="store_true", help="as JSON, with unrounded seconds")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(name, elements, arguments.repeats, Path(folder))
            for name in SHAPES
            for elements in sorted(set(arguments.sizes))
        ]
    if arguments.json:
        print(json.dumps([asdict(r) for r in rows], indent=2, ensure_ascii=False))
    else:
        _print(rows)
    return int(not all(r.agrees and r.verdict == "proved" for r in rows))


def _rows_of(n: int, c: int, rng: np.random.Generator) -> Any:
    weights = rng.uniform(0.1, 1.0, size=(n, c))
    return weights / weights.sum(axis=1, keepdims=True)


#: The arrays of each gradient for a number of elements in its first.
SHAPES: dict[str, Callable[[int, np.random.Generator], dict[str, Any]]] = {
    "softmax_ce": lambda e, rng: {
        "Z": rng.normal(size=(e // WIDTH, WIDTH)),
        "Y": _rows_of(e // WIDTH, WIDTH, rng),
    },
    "layernorm": lambda e, rng: {
        "X": rng.normal(size=(e // WIDTH, WIDTH)),
        "g": rng.normal(size=WIDTH),
        "b": rng.normal(size=WIDTH),
        "dY": rng.normal(size=(e // WIDTH, WIDTH)),
    },
    "attention": lambda e, rng: {n: rng.normal(size=(WIDTH, e // WIDTH)) for n in ("Q", "K", "V", "dO")},
}


def measure(name: str, elements: int, repeats: int, folder: Path) -> Row:
    """One gradient at one size."""
    print(f"{name}, {elements} elements …", file=sys.stderr, flush=True)
    gradient = GRADIENTS[name]
    values = SHAPES[name](elements, np.random.default_rng(0))
    report = judged(gradient, gradient.text, folder, name)
    verify = median(seconds(judged, gradient, gradient.text, folder, name) for _ in range(repeats))
    own, derived = _own(name, folder), _derived(name)
    pairs = zip(_several(own(**values)), _several(derived(**values)), strict=False)
    agrees = all(np.allclose(a, b, rtol=1e-6, atol=1e-9 * float(np.abs(b).max())) for a, b in pairs)

    def compare() -> None:
        for a, b in zip(_several(own(**values)), _several(derived(**values)), strict=False):
            np.abs(a - b).max()

    checked = _gradcheck(name, values, repeats, folder) if elements <= GRADCHECK_UP_TO else None
    return Row(
        name, elements, report.verdict, verify, median(seconds(compare) for _ in range(repeats)), agrees, checked
    )


def _own(name: str, folder: Path) -> Callable[..., Any]:
    from checkers import load, written

    return load(written(GRADIENTS[name].text, folder, f"{name}_own"))


def _derived(name: str) -> Callable[..., Any]:
    """The code that nnmath generates from the derived gradients."""
    gradient = GRADIENTS[name]
    entry = entry_from_expression(gradient.against, gradient.inputs) if gradient.inputs else find(gradient.against)
    module = generate(derive_entry(entry))
    function = next(f for f in module.functions if f.role == "derivative")
    return load_source(module.source)[function.name]


def _several(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


def _gradcheck(name: str, values: dict[str, Any], repeats: int, folder: Path) -> float | None:
    try:
        from peer_torch import objects
    except ImportError:
        return None
    layer = layer_of(name, GRADIENTS[name].text, folder, f"{name}_peer")
    layer = replace(layer, values={n: values[n] for n in layer.values})
    return median(seconds(objects, layer) for _ in range(min(repeats, 3)))


# -- output ----------------------------------------------------------------------------------------------------------


def exponent(times: Sequence[tuple[int, float]]) -> float:
    """The steepest growth between neighbouring sizes, as the power of the size: 1 is linear."""
    return max(math.log(b / a) / math.log(m / n) for (n, a), (m, b) in pairwise(times))


def sentence(rows: Sequence[Row]) -> str:
    """What the times of one gradient say about growth."""
    if len(rows) < 2:
        return f"{rows[0].gradient}: one size says nothing about growth."
    total, compare = (exponent([(r.elements, getattr(r, what)) for r in rows]) for what in ("total", "compare"))
    growth = "at most linear" if total <= 1 + NOISE else "faster than linear"
    return (
        f"{rows[0].gradient}: growth is {growth}, at most size^{total:.2f} between two sizes; "
        f"the comparison alone size^{compare:.2f}."
    )


def _print(rows: Sequence[Row]) -> None:
    print(f"{'gradient':<12}{'elements':>10}{'verdict':>10}{'verify':>11}{'compare':>11}{'both':>11}{'gradcheck':>12}")
    for r in rows:
        checked = "–" if r.gradcheck is None else _time(r.gradcheck)
        cells = f"{_time(r.verify):>11}{_time(r.compare):>11}{_time(r.total):>11}{checked:>12}"
        print(f"{r.gradient:<12}{r.elements:>10}{r.verdict:>10}{cells}{'' if r.agrees else '  DIFFERS'}")
    print()
    for name in SHAPES:
        print(sentence([r for r in rows if r.gradient == name]))


def _time(value: float) -> str:
    return f"{value:.3g} s" if value >= 0.9995 else f"{value * 1e3:.3g} ms"


if __name__ == "__main__":
    sys.exit(main())
