"""Times the whole of verifying three hand-written gradients at stated sizes, beside torch's gradcheck.

python benchmarks/verify_cost.py
python benchmarks/verify_cost.py --sizes 100 10000 --repeats 1 --json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from checkers import GRADIENTS, Layer
from growth import seconds

import nnmath

#: A row of 10 classes or features, and 10 positions of 10 features: what the functions do is then linear in elements.
WIDTH = 10
#: gradcheck keeps a Jacobian with an entry for each pair of an input and an output, and runs the function twice for
#: each input.
JACOBIAN, RUNS = 10**7, 10**5
#: An exponent this far above 1 is the noise of a clock.
NOISE = 0.05

ATTENTION = """S[r, i, j] = sum(Q[r, i, k]*K[r, j, k] for k in d)/sqrt(d)
A[r, i, j] = exp(S[r, i, j])/sum(exp(S[r, i, k]) for k in m)
O[r, i, c] = sum(A[r, i, j]*V[r, j, c] for j in m)
L = upstream(dO, O)"""


def attention(Q: Any, K: Any, V: Any, dO: Any) -> Any:
    """The backward pass of attention over a batch."""
    d = Q.shape[-1]
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(d)
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    A = E / E.sum(axis=-1, keepdims=True)
    dV = A.transpose(0, 2, 1) @ dO
    dA = dO @ V.transpose(0, 2, 1)
    dS = A * (dA - (dA * A).sum(axis=-1, keepdims=True))
    dQ = dS @ K / np.sqrt(d)
    dK = dS.transpose(0, 2, 1) @ Q / np.sqrt(d)
    return dQ, dK, dV


def _attend(Q: Any, K: Any, V: Any) -> Any:
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(Q.shape[-1])
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True) @ V


@dataclass(frozen=True)
class Subject:
    """code: the gradient. shapes: of its arrays, in order, for a number of elements in the first. sizes: the same for
    nnmath. forward, moving: for gradcheck, the forward pass and how many leading arrays are differentiated."""

    code: Callable[..., Any]
    against: str
    inputs: str
    shapes: Callable[[int], Sequence[tuple[int, ...]]]
    sizes: Callable[[int], dict[str, int]]
    forward: Callable[..., Any]
    moving: int


def _subjects() -> dict[str, Subject]:
    from peer_forwards import FORWARDS

    rows = lambda e: (e // WIDTH, WIDTH)  # noqa: E731
    loss, norm = FORWARDS["softmax_ce"].value, FORWARDS["layernorm"].value
    found = {}
    for name, shapes, forward, moving in (
        ("softmax_ce", lambda e: (rows(e), rows(e)), loss, 1),
        ("layernorm", lambda e: (rows(e), (WIDTH,), (WIDTH,), rows(e)), norm, 3),
    ):
        g = GRADIENTS[name]
        namespace: dict[str, Any] = {"np": np}
        exec(compile(g.text, f"<{name}>", "exec"), namespace)
        letters = "nC" if name == "softmax_ce" else "nD"
        sizes = lambda e, letters=letters: dict(zip(letters, rows(e), strict=True))  # noqa: E731
        found[name] = Subject(namespace["grad"], g.against, g.inputs, shapes, sizes, forward, moving)
    batch = lambda e: max(e // WIDTH**2, 1)  # noqa: E731
    found["attention"] = Subject(
        attention,
        ATTENTION,
        "Q: b n d, K: b m d, V: b m e, dO: b n e",
        lambda e: ((batch(e), WIDTH, WIDTH),) * 4,
        lambda e: {"b": batch(e), **dict.fromkeys("nmde", WIDTH)},
        _attend,
        3,
    )
    return found


@dataclass(frozen=True)
class Row:
    """Seconds, medians. gradcheck: None where it was not run, for the reason in ``why``."""

    gradient: str
    elements: int
    verdict: str
    tried: bool
    verify: float
    gradcheck: float | None
    why: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, then print; exit code 1 where a gradient is not proved, or the sizes were not tried."""
    parser = argparse.ArgumentParser(prog="verify_cost.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**2, 10**4, 10**6], metavar="N")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="calls per median (default: 3)")
    parser.add_argument("--gradients", nargs="+", default=list(NAMES), choices=NAMES, metavar="NAME")
    parser.add_argument("--json", action="store_true", help="as JSON, with unrounded seconds")
    arguments = parser.parse_args(argv)
    subjects = _subjects()
    rows = [
        measure(name, subjects[name], elements, arguments.repeats)
        for name in arguments.gradients
        for elements in sorted(set(arguments.sizes))
    ]
    if arguments.json:
        print(json.dumps([asdict(r) for r in rows], indent=2, ensure_ascii=False))
    else:
        _print(rows)
    return int(not all(r.tried and r.verdict == "proved" for r in rows))


NAMES = ("softmax_ce", "layernorm", "attention")


def measure(name: str, subject: Subject, elements: int, repeats: int) -> Row:
    """One gradient at one size."""
    print(f"{name}, {elements} elements …", file=sys.stderr, flush=True)
    sizes = subject.sizes(elements)

    def verify() -> Any:
        return nnmath.verify(subject.code, against=subject.against, inputs=subject.inputs, sizes=sizes)

    report = verify()
    words = ", ".join(f"{d} = {s}" for d, s in sizes.items())
    tried = any(words in text and "float64" in text and "float32" in text for text in report.covered)
    checked, why = _gradcheck(subject, elements, repeats)
    return Row(name, elements, report.verdict, tried, median(seconds(verify) for _ in range(repeats)), checked, why)


def _gradcheck(subject: Subject, elements: int, repeats: int) -> tuple[float | None, str]:
    try:
        from peer_torch import objects
    except ImportError:
        return None, "torch is not installed"
    shapes = subject.shapes(elements)
    inputs = sum(math.prod(s) for s in shapes[: subject.moving])
    outputs = 1 if subject.moving == 1 else math.prod(shapes[-1])
    if inputs * outputs > JACOBIAN:
        return None, f"its Jacobian has {inputs * outputs:.0e} entries"
    if 2 * inputs > RUNS:
        return None, f"it runs the function {2 * inputs:.0e} times"
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in shapes]
    if subject.moving == 1:  # targets: rows that sum to 1
        arrays[1] = np.exp(arrays[1]) / np.exp(arrays[1]).sum(axis=1, keepdims=True)
    taken = arrays if subject.moving == 1 else arrays[:-1]
    names = tuple(f"x{k}" for k in range(len(taken)))

    def run(*given: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        def backward(d: Any) -> tuple[Any, ...]:
            found = subject.code(*given) if subject.moving == 1 else subject.code(*given, d)
            return found if isinstance(found, tuple) else (d * found,)

        return np.asarray(subject.forward(*given)), backward

    layer = Layer(run, dict(zip(names, taken, strict=True)), names[: subject.moving])
    wrong, said = objects(layer)
    if wrong:
        return None, f"gradcheck objects: {said}"
    return median(seconds(objects, layer) for _ in range(repeats)), ""


# -- output ----------------------------------------------------------------------------------------------------------


def exponent(times: Sequence[tuple[int, float]]) -> float:
    """The steepest growth between neighbouring sizes, as the power of the size: 1 is linear."""
    return max(math.log(b / a) / math.log(m / n) for (n, a), (m, b) in pairwise(times))


def sentence(rows: Sequence[Row]) -> str:
    """What the times of one gradient say about growth."""
    if len(rows) < 2:
        return f"{rows[0].gradient}: one size says nothing about growth."
    total = exponent([(r.elements, r.verify) for r in rows])
    growth = "at most linear" if total <= 1 + NOISE else "faster than linear"
    parts = [
        f"size^{exponent([(a.elements, a.verify), (b.elements, b.verify)]):.2f} from {a.elements} to {b.elements}"
        for a, b in pairwise(rows)
    ]
    return f"{rows[0].gradient}: growth is {growth}: {', '.join(parts)}."


def _print(rows: Sequence[Row]) -> None:
    print(f"{'gradient':<12}{'elements':>10}{'verdict':>10}{'verify':>11}{'gradcheck':>12}{'ratio':>8}")
    for r in rows:
        checked = "" if r.gradcheck is None else _time(r.gradcheck)
        ratio = "" if r.gradcheck is None else f"{r.verify / r.gradcheck:.2g}"
        note = "" if r.tried else "  NOT TRIED AT THIS SIZE"
        why = f"  {r.why}" if r.why else ""
        print(f"{r.gradient:<12}{r.elements:>10}{r.verdict:>10}{_time(r.verify):>11}{checked:>12}{ratio:>8}{why}{note}")
    print()
    for name in dict.fromkeys(r.gradient for r in rows):
        print(sentence([r for r in rows if r.gradient == name]))


def _time(value: float) -> str:
    return f"{value:.3g} s" if value >= 0.9995 else f"{value * 1e3:.3g} ms"


if __name__ == "__main__":
    sys.exit(main())
