"""Planted errors in hand-written gradients: how many nnmath verify, torch's gradcheck and jax's check_grads find.

python benchmarks/checkers.py
python benchmarks/checkers.py --gradients softmax_ce layernorm --json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from mutants import GRADIENTS, MUTANTS, judged, written

from nnmath.verification.subjects.adapters import SubjectError, load

INSTALL = {"gradcheck": "pip install torch", "check_grads": "pip install jax"}


@dataclass(frozen=True)
class Trial:
    """One source before one tool. said: what the tool says, in a line. named: by the right kind; nnmath alone tells."""

    tool: str
    gradient: str
    kind: str
    change: str
    found: bool
    named: bool
    seconds: float
    said: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run, then print; exit code 1 where nnmath accuses a correct gradient."""
    parser = argparse.ArgumentParser(prog="checkers.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--gradients", nargs="+", choices=sorted(GRADIENTS), default=sorted(GRADIENTS), metavar="NAME")
    parser.add_argument("--json", action="store_true", help="as JSON, one record for each source and tool")
    arguments = parser.parse_args(argv)
    tools = {"nnmath verify": _verify, **_installed()}
    with tempfile.TemporaryDirectory() as folder:
        trials = [t for name in arguments.gradients for t in _tried(name, tools, Path(folder))]
    if arguments.json:
        print(json.dumps([asdict(t) for t in trials], indent=2, ensure_ascii=False))
    else:
        _print(trials, list(tools))
    return int(any(t.found for t in trials if t.tool == "nnmath verify" and not t.kind))


def _installed() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tool, module in (("gradcheck", "torch"), ("check_grads", "jax")):
        try:
            import_module(module)
        except ImportError:
            print(f"{tool}: not installed. Type: {INSTALL[tool]}", file=sys.stderr)
        else:
            import_module(f"peer_{module}")
            found[tool] = import_module(f"peer_{module}").check
    return found


def _tried(name: str, tools: dict[str, Any], folder: Path) -> list[Trial]:
    """The correct source (of no kind), and every mutant of it, before every tool."""
    print(f"{name} …", file=sys.stderr, flush=True)
    own = [(m.id, m.kinds, m.text) for m in MUTANTS if m.gradient == name]
    sources: list[tuple[str, tuple[str, ...], str]] = [("", (), GRADIENTS[name].text), *own]
    trials = []
    for number, (change, kinds, text) in enumerate(sources):
        for tool, check in tools.items():
            start = time.perf_counter()
            found, said = check(name, text, folder, f"{name}_{number}")
            seconds = time.perf_counter() - start
            named = tool == "nnmath verify" and bool(set(said.split()) & set(kinds))
            trials.append(Trial(tool, name, kinds[0] if kinds else "", change, found, named, seconds, said))
    return trials


def _verify(name: str, text: str, folder: Path, file: str) -> tuple[bool, str]:
    try:
        report = judged(GRADIENTS[name], text, folder, file)
    except SubjectError as error:  # it says what to type, and nothing about the gradient
        return False, f"undecided: {error}"[:120]
    return not report.passed, " ".join(dict.fromkeys(report.kinds())) or report.verdict


# -- what the checkers by finite differences are given ---------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A source as one forward function of NumPy arrays that returns its value and the backward function.

    values: a point, by parameter; moving: those with a gradient, in the order in which backward returns them.
    """

    run: Callable[..., tuple[Any, Callable[[Any], tuple[Any, ...]]]]
    values: dict[str, Any]
    moving: tuple[str, ...]
    torch_function: Any = None


def layer_of(name: str, text: str, folder: Path, file: str) -> Layer:
    """The source of a gradient, loaded; a function without a forward pass of its own gets that of ``peer_forwards``."""
    from peer_forwards import FORWARDS, point

    obj = load(written(text, folder, file))
    values = point(GRADIENTS[name])
    known = FORWARDS[name]
    moving = tuple(known.wrt.split())
    given = {n: v for n, v in values.items() if n != known.upstream}
    if isinstance(obj, type) and not hasattr(obj, "apply"):
        return Layer(_of_class(obj, known.parameters), given, moving)
    if isinstance(obj, type):
        return Layer(lambda *a: (None, lambda d: ()), given, moving, obj)
    if "def forward" in text:
        forward = obj.__globals__["forward"]

        def pair(*arrays: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
            out, cache = forward(*arrays)
            return out, lambda d: _several(obj(d, cache))

        return Layer(pair, given, moving)

    def function(*arrays: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        assert known.value is not None
        out = known.value(*arrays)
        if known.upstream is None:
            return out, lambda d: tuple(d * g for g in _several(obj(*arrays)))
        return out, lambda d: _several(obj(*arrays, d))

    return Layer(function, given, moving)


def _of_class(layer: Any, parameters: tuple[str, ...]) -> Callable[..., Any]:
    """A class is made once, as in training; its parameters are its own, and the gradients are returned or stored."""
    made: list[Any] = []

    def run(*arrays: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        at = len(arrays) - len(parameters)
        rest, held = arrays[:at], arrays[at:]
        if not made:
            made.append(layer(*held))
        one = made[0]
        for attribute, value in zip(parameters, held, strict=True):
            setattr(one, attribute, value)
        out = one.forward(*rest)

        def backward(d: Any) -> tuple[Any, ...]:
            if not np.ndim(d):
                return tuple(d * g for g in _several(one.backward()))
            first = _several(one.backward(d))
            return (*first, *(getattr(one, f"d{p}") for p in parameters))

        return out, backward

    return run


def _several(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


# -- output ----------------------------------------------------------------------------------------------------------


def rows(trials: Sequence[Trial], tools: Sequence[str]) -> list[tuple[str, int, dict[str, int], int]]:
    """Class, how many mutants, how many found by each tool, how many named by nnmath; the last row is the sum."""
    mutants = [t for t in trials if t.kind]
    out = []
    for kind in (*sorted({t.kind for t in mutants}), ""):
        own = [t for t in mutants if not kind or t.kind == kind]
        by = {tool: sum(t.found for t in own if t.tool == tool) for tool in tools}
        count = sum(t.tool == "nnmath verify" for t in own)
        out.append((kind or "all", count, by, sum(t.named for t in own)))
    return out


def _print(trials: Sequence[Trial], tools: Sequence[str]) -> None:
    print(f"{'class':<14}{'mutants':>8}{''.join(f'{t:>16}' for t in tools)}{'named by nnmath':>18}")
    for kind, count, by, named in rows(trials, tools):
        print(f"{kind:<14}{count:>8}{''.join(f'{by[t]:>16}' for t in tools)}{named:>18}")
    correct = [t for t in trials if not t.kind]
    accused = {tool: sum(t.found for t in correct if t.tool == tool) for tool in tools}
    print(f"\n{'correct':<14}{len(correct) // len(tools):>8}{''.join(f'{accused[t]:>16}' for t in tools)}")
    for t in trials:
        if t.found != bool(t.kind) and t.tool == "nnmath verify":
            print(f"nnmath {'missed' if t.kind else 'accused'} {t.gradient} {t.kind} {t.change}: {t.said}")
    seconds = ", ".join(f"{tool} {sum(t.seconds for t in trials if t.tool == tool):.0f} s" for tool in tools)
    print(f"time for all: {seconds}")


if __name__ == "__main__":
    sys.modules.setdefault("checkers", sys.modules[__name__])
    sys.exit(main())
