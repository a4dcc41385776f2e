"""Which change of the source makes shapes fit: tried one by one on arrays whose sizes all differ."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from types import CodeType, FrameType
from typing import Any

from ..probing.oracle import Exact
from ..probing.prober import Point, Prober
from ..subjects.sandbox import remaining
from ..tracing.session import is_persons
from .clash import Clash, clash_of
from .edits import REDUCTIONS, CodeEdit, Style, edits, operands, summed
from .slices import Site, sites
from .source import Function, Source, replace_node

#: Calls of the code in all; places that are changed together; of the changes at one place, those that are followed.
TRIALS, DEEPEST, FOLLOWED = 900, 3, 3
#: The rank of changes that are no slip of the pen, and are tried after all others.
LAST = 4
#: What torch says of a gradient that a Function returns in another shape than its input.
_INVALID = re.compile(r"returned an invalid gradient at index (\d+) - got \[([\d, ]*)\]")


@dataclass(frozen=True)
class Outcome:
    """What a call gave: where it raised, the gradients that are right, those of a wrong shape, and the shapes."""

    clash: Clash | None
    failed: bool
    right: frozenset[str] = frozenset()
    misshapen: frozenset[str] = frozenset()
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def fits(self) -> bool:
        return not self.failed and not self.misshapen

    @property
    def score(self) -> tuple[bool, bool, int]:
        """How far the code gets, to be compared."""
        return self.fits, not self.failed, len(self.right)

    def further(self, before: Outcome) -> bool:
        """Whether a change that leads here from another outcome is a step forward."""
        if before.clash is not None:
            return not self.failed or (self.clash is not None and before.clash.precedes(self.clash))
        gained = len(self.right) > len(before.right) or self.misshapen != before.misshapen
        return not self.failed and gained and before.right <= self.right


@dataclass(frozen=True)
class Changed:
    """Changes of the source, each with the outcome of what stood before it, and the outcome of all of them."""

    edits: tuple[CodeEdit, ...]
    before: tuple[Outcome, ...]
    outcome: Outcome
    sources: tuple[Source, ...]
    order: tuple[str, ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While it lasts, the code is the changed one."""
        with applied(self.sources, self.edits):
            yield


class Search:
    """The changes of one subject's source."""

    def __init__(self, prober: Prober, point: Point) -> None:
        self.prober, self.point = prober, point
        self.exact: dict[str, Exact] = prober.exact(point)
        self.trials = 0
        self.sources: dict[str, Source] = {}
        self._torch: dict[Function, bool] = {}
        self.order = tuple(prober.oracle.result(t).name for t in prober.targets if t is not None)
        self.wanted = frozenset(self.order)
        self.functions = [f for code in self._executed() if (f := self._function(code)) is not None]

    # -- one call ------------------------------------------------------------------------------------------------------

    def outcome(self, point: Point | None = None) -> Outcome:
        """What the code gives as it stands now."""
        chosen = point or self.point
        ran = self.prober.call(chosen)
        if ran.error is not None:
            refused = self._refused(ran.error)
            return refused or Outcome(clash_of(ran.error) if isinstance(ran.error, Exception) else None, True)
        exact = self.exact if point is None else self.prober.exact(chosen)
        comparisons, errors = self.prober.compare(chosen, ran.value, exact)
        if any(e.kind in ("count", "none") for e in errors):
            return Outcome(None, True)
        right = frozenset(c.gradient for c in comparisons if c.ok)
        misshapen = frozenset(c.gradient for c in comparisons if not c.shape_ok)
        shapes = tuple((c.gradient, c.got.shape) for c in comparisons if c.got is not None)
        return Outcome(None, False, right, misshapen, shapes)

    def _refused(self, error: BaseException) -> Outcome | None:
        """A gradient whose shape torch refuses, by the place of its input."""
        said = _INVALID.search(str(error))
        given = dict(zip(self.prober.binding.arguments, self.prober.binding.tensors, strict=True))
        names = self.prober.subject.parameter_names
        tensor = given.get(names[int(said[1])]) if said is not None and int(said[1]) < len(names) else None
        if said is None or tensor is None or tensor not in self.prober.targets:
            return None
        gradient = self.prober.oracle.result(tensor).name
        shape = tuple(int(s) for s in said[2].split(",") if s.strip())
        return Outcome(None, False, frozenset(), frozenset({gradient}), ((gradient, shape),))

    def is_complete(self, outcome: Outcome) -> bool:
        return outcome.fits and outcome.right == self.wanted

    def _executed(self) -> list[CodeType]:
        """The person's functions that a call goes through."""
        found: dict[CodeType, None] = {}

        def note(frame: FrameType, event: str, argument: Any) -> None:
            if event == "call" and is_persons(frame.f_code.co_filename):
                found.setdefault(frame.f_code)

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            self.prober.call(self.point)
        finally:
            sys.setprofile(before)
        return list(found)

    def _function(self, code: CodeType) -> Function | None:
        source = self._source(code.co_filename)
        return None if source is None else source.enclosing(code.co_firstlineno)

    def _source(self, file: str) -> Source | None:
        if file not in self.sources:
            try:
                self.sources[file] = Source(file)
            except (OSError, SyntaxError, ValueError):
                return None
        return self.sources[file]

    # -- the search ----------------------------------------------------------------------------------------------------

    def changes(self) -> Changed | None:
        """The changes that get furthest, as few as possible; None where none makes all shapes fit."""
        start = self.outcome()
        if start.fits or not self.functions:
            return None
        found = self._best((), (), start, DEEPEST)
        if not found[0] or found[2].failed:
            return None
        return Changed(*found, tuple(self.sources.values()), self.order)

    def _best(
        self, done: tuple[CodeEdit, ...], before: tuple[Outcome, ...], now: Outcome, depth: int
    ) -> tuple[tuple[CodeEdit, ...], tuple[Outcome, ...], Outcome]:
        top = (done, before, now)
        if now.fits or not depth:
            return top
        steps: list[tuple[Outcome, CodeEdit]] = []
        for edit in self._candidates(now):
            new = self._tried(edit)
            if new is not None and self.is_complete(new):
                return (*done, edit), (*before, now), new
            if new is not None and new.further(now):
                steps.append((new, edit))
        # The order among those that lead equally far is that in which they were tried: the likeliest first.
        steps.sort(key=lambda s: s[0].score, reverse=True)
        for new, edit in steps[:FOLLOWED]:
            with self._in_place(edit):
                found = self._best((*done, edit), (*before, now), new, depth - 1)
            if self.is_complete(found[2]):
                return found
            top = found if found[2].score > top[2].score else top
        return top

    def _tried(self, edit: CodeEdit) -> Outcome | None:
        self.trials += 1
        if self.trials > TRIALS or remaining() <= 0:
            return None
        with ExitStack() as stack:
            try:
                stack.enter_context(self._in_place(edit))
            except (SyntaxError, ValueError):
                return None
            return self.outcome()

    @contextmanager
    def _in_place(self, edit: CodeEdit) -> Iterator[None]:
        with applied(tuple(self.sources.values()), (edit,)):
            yield

    def _candidates(self, now: Outcome) -> list[CodeEdit]:
        """The changes that may help, the likeliest first."""
        ranked: list[tuple[int, int, int, CodeEdit]] = []
        for at, site in enumerate(self._sites(now)):
            style = Style(self._is_torch(site.function, site.file), site.names)
            is_clash = now.clash is not None and now.clash.at.file == site.file and now.clash.at.holds(site.node)
            ranks = [(e, _rank(site.node, e, is_clash, now.clash is not None)) for e in edits(site.node, style)]
            ranks += [(e, LAST) for e in (summed(site.node, style) if site.is_value else ())]
            ranked += [(rank, site.distance, at, replace(e, file=site.file)) for e, rank in ranks]
        return [e for _, _, _, e in sorted(ranked, key=lambda r: r[:3])]

    def _sites(self, now: Outcome) -> list[Site]:
        names: set[str] = set()
        for t, own in zip_longest(self.prober.targets, self.prober.subject.gradient_names):
            name = self.prober.oracle.result(t).name if t is not None else ""
            if name in now.misshapen:
                names |= {name, *([own] if own else [])}
        return sites(self.functions, self._files(), now.clash, names)

    def _files(self) -> dict[Function, str]:
        return {
            node: file
            for file, source in self.sources.items()
            for node in ast.walk(source.tree)
            if isinstance(node, Function)
        }

    def _is_torch(self, function: Function, file: str) -> bool:
        """Whether axes are called dim: by the calls of the function, else by the names in the file."""
        if function not in self._torch:
            given = {w.arg for n in ast.walk(function) if isinstance(n, ast.Call) for w in n.keywords}
            names = {n.id for n in ast.walk(self.sources[file].tree) if isinstance(n, ast.Name)}
            in_file = "torch" in names and not names & {"np", "numpy"}
            is_torch = bool(given & {"dim", "keepdim"}) or (in_file and not given & {"axis", "keepdims"})
            self._torch[function] = is_torch
        return self._torch[function]


def _rank(node: ast.expr, edit: CodeEdit, is_clash: bool, clashes: bool) -> int:
    """Where a person would look first: the place itself, then sums on the way to it, then everything else."""
    if isinstance(node, ast.Subscript) and edit.kind == "broadcast":
        return 1
    is_whole = operands(node) is not None or (isinstance(node, ast.Call) and edit.kind != "broadcast")
    if is_clash and is_whole:
        return 0
    if isinstance(node, ast.Call) and _called(node) in REDUCTIONS and edit.kind in ("wrong-axis", "broadcast", "shape"):
        return 1
    if is_clash or (not clashes and is_whole):
        return 2 if clashes else 1
    return 3


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@contextmanager
def applied(sources: Sequence[Source], changed: Sequence[CodeEdit]) -> Iterator[None]:
    """The trees changed and their functions compiled; afterwards everything is as it was.

    Raises ValueError and SyntaxError where that cannot be done, with everything as it was.
    """
    done: list[tuple[Source, CodeEdit]] = []
    with ExitStack() as stack:
        try:
            for edit in changed:
                source = next(s for s in sources if s.file == edit.file)
                root = source.top_level(edit.old)
                if root is None or not replace_node(root, edit.old, edit.new):
                    raise ValueError(f"{edit.before} is not in {edit.file}")
                done.append((source, edit))
            for source in dict.fromkeys(s for s, _ in done):
                own = [s.top_level(e.new) for s, e in done if s is source]
                stack.enter_context(source.compiled([s for s in own if s is not None]))
            yield
        finally:
            for source, edit in reversed(done):
                replace_node(source.top_level(edit.new) or source.tree, edit.new, edit.old)
