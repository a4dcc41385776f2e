"""The page of one formula: its derivation, and everything that can be made of it by a method call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import rendering
from .calculus.derivation import Derivation, Result, Step, Verdict
from .derivations import Entry, find
from .derivations.build import derive_entry
from .derivations.expression import entry_from_expression
from .derivations.options import Value


class NoCode(ValueError):
    """Code was asked for of an entry that only states something."""


@dataclass(frozen=True, repr=False)
class Page:
    """A catalogue entry and its derivation. Shows itself in notebooks, in terminals (rich) and as text."""

    entry: Entry
    derivation: Derivation

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every line: left side, right side, rule, verdict."""
        return self.derivation.steps

    @property
    def results(self) -> tuple[Result, ...]:
        """The derived formulas, those met on the way included."""
        return self.derivation.results

    @property
    def verdict(self) -> Verdict:
        return self.derivation.verdict

    @property
    def proved(self) -> bool:
        """True when every step is proved."""
        return self.derivation.proved

    def latex(self, *, document: bool = False, brief: bool = False) -> str:
        """A LaTeX fragment (``align*`` with a column of reasons), or a whole document."""
        return self.render("latex", document=document, brief=brief)

    def markdown(self, *, brief: bool = False) -> str:
        return self.render("markdown", brief=brief)

    def render(self, format: str, **options: Any) -> str:
        """The page as ``terminal``, ``text``, ``latex``, ``markdown`` or ``json``."""
        return rendering.render(self.derivation, format, **options)

    @property
    def has_code(self) -> bool:
        """False for an entry that only states something: there is nothing to compute."""
        return bool(self.entry.wanted)

    def numpy_source(self) -> str:
        """The source of a NumPy module that computes the value and the derivatives.

        **Raises** ``NoCode`` for an entry that is a statement.
        """
        self._need_code()
        from . import numeric

        return numeric.generate(self.derivation).source

    def check(self, device: str = "cpu", dtypes: Sequence[str] = ("float64", "float32")) -> Any:
        """Run the generated code against PyTorch's autograd of an independently written forward, on every regime.

        **Arguments**: device, ``cpu``, ``cuda`` or ``auto``; dtypes, among ``float64``, ``float32`` and, on a GPU,
        ``bfloat16`` and ``float16``.

        **Raises** ``MissingTorch`` where torch is not installed, ``NoCuda`` where there is no such device, ``NoCode``
        for an entry that is a statement.
        """
        self._need_code()
        from . import numeric

        return numeric.check(self.derivation, self.entry.torch, device=device, dtypes=tuple(dtypes))

    def _need_code(self) -> None:
        if not self.has_code:
            raise NoCode(
                f"{self.entry.id} is a statement and computes nothing, so it has no code; "
                f"for its proof type: nnmath derive {self.entry.id}"
            )

    def _repr_latex_(self) -> str:
        return self.render("latex")

    def _repr_markdown_(self) -> str:
        return self.render("markdown")

    def __rich__(self) -> Any:
        from rich.text import Text

        return Text.from_ansi(self.render("terminal"))

    def __str__(self) -> str:
        return self.render("text")

    def __repr__(self) -> str:
        return f"<{self.entry.id}: {self.entry.title}, {len(self.steps)} steps, {self.verdict}>"


def derive(
    id: str, *, given: str | None = None, wrt: str | Sequence[str] = (), order: int = 1, **parameters: Value
) -> Page:
    """Derive a formula of the catalogue, or a formula of your own.

    ``derive("softmax-ce")``; ``derive("mlp-deep", depth=4)``; ``derive("mse", reduction="sum")``;
    ``derive("mean((X @ w - y)**2)", given="X: n d, w: d, y: n", wrt="w", order=2)``.

    **Arguments**: id, an id of the catalogue, or with ``given`` a formula over the arrays described there; wrt, the
    names to differentiate by (all real arrays where none is named); order, 1 or 2; parameters of the entry.

    **Raises** ``UnknownEntry`` with suggestions; ``ParameterError`` for a parameter that the entry does not have;
    ``ParseError`` and ``EntryError`` for a formula that cannot be read or differentiated.
    """
    if given is None:
        return of_entry(id, parameters)
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    entry = entry_from_expression(id, given, names, order)
    return Page(entry, derive_entry(entry))


def of_entry(id: str, parameters: Mapping[str, Value]) -> Page:
    """The page of a catalogue entry at some parameters."""
    entry = find(id).at(**parameters)
    return Page(entry, derive_entry(entry))
