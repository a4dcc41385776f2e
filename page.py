"""The page of one formula: its derivation, and everything that can be made of it by a method call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import rendering
from .calculus.derivation import Derivation, Result, Step, Verdict
from .derivations import Entry, find
from .derivations.build import derive as derive_formulas
from .derivations.build import derive_entry
from .derivations.expression import EXPRESSION, OWN, entry_from_expression

if TYPE_CHECKING:
    from .accuracies import Accuracy
    from .verification.own_function import OwnFunction
from .derivations.options import Value


class NoCode(ValueError):
    """Code was asked for of an entry that only states something."""


@dataclass(frozen=True, repr=False)
class Page:
    """A formula and its derivation. Shows itself in notebooks, in terminals (rich) and as text.

    entry: of the catalogue, or made on the spot. function: the code that the formula was read from, if any.
    """

    entry: Entry
    derivation: Derivation
    function: OwnFunction | None = None

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
        return bool(self.entry.wanted or self.entry.state)

    def _rule(self) -> Any:
        """The entry as an update rule."""
        from .numeric.checking.updates import Rule

        assert not callable(self.entry.state) and not callable(self.entry.start)
        return Rule(self.derivation, self.entry.state, self.entry.start)

    def source(self, target: str = "numpy", *, joint: bool = False) -> str:
        """The source of a module that computes the value and the derivatives, in a target language.

        joint: one function that returns the value and all gradients, as a training step needs them. Of a function of
        one variable it takes the upstream gradient as well.

        **Raises** ``NoCode`` for an entry that is a statement, ``UnknownTarget``, and ``Unsupported`` for a
        formula that the target cannot express, or that has no gradients to return beside its value.
        """
        self._need_code()
        from . import numeric

        if joint:
            if self.entry.state:
                raise NoCode(f"{self.entry.id} is an update rule: its one function returns the step, and no gradients")
            from .numeric.joint import joint as joined
            from .numeric.targets import assemble

            derivation, plan = joined(self.derivation)
            return assemble(derivation, (plan,), target).source
        if self.entry.state:
            return numeric.generate_update(self._rule(), target).source
        return numeric.generate(self.derivation, target).source

    def numpy_source(self) -> str:
        """The source of a NumPy module that computes the value and the derivatives.

        **Raises** ``NoCode`` for an entry that is a statement.
        """
        return self.source()

    def check(self, device: str = "cpu", dtypes: Sequence[str] = ("float64", "float32"), target: str = "numpy") -> Any:
        """Run the generated code against exact values and PyTorch's autograd of an independently written forward.

        A function of your own has no such forward: its derivatives are compared with exact values only, and the value
        also with what the function itself returns. All on every regime. An update rule runs for 100 steps against
        ``torch.optim`` and against its exact course.

        **Arguments**: device, ``cpu``, ``cuda`` or ``auto``; dtypes, among ``float64``, ``float32`` and, on a GPU,
        ``bfloat16`` and ``float16``; target, the language of the code: ``numpy``, ``c``, or ``torch`` and ``jax``,
        whose derivatives are then what reverse mode makes of them.

        **Raises** ``MissingTorch`` where torch is not installed, ``NoCuda`` where there is no such device, ``NoCode``
        for an entry that is a statement, ``Unsupported`` for a formula that the target cannot express, ``NoCompiler``
        where the C target finds no compiler.
        """
        self._need_code()
        from . import numeric

        if self.entry.state and target in ("numpy", "c"):
            return self._check_update(device, dtypes, target)
        if target != "numpy":
            return self._check_emitted(device, dtypes, target)
        own = self.entry.topic in (EXPRESSION, OWN)
        report = numeric.check(self.derivation, self.forward, device=device, dtypes=tuple(dtypes), may_be_undefined=own)
        if self.function is None:
            return report
        from .verification.own_check import beside_the_function

        return beside_the_function(report, self.function, self.derivation)

    def _check_update(self, device: str, dtypes: Sequence[str], target: str) -> Any:
        from . import numeric

        rule, forward = self._rule(), self.entry.torch
        if target == "numpy":
            return numeric.check_update(rule, forward, device=device, dtypes=tuple(dtypes))
        from .numeric.native.checkable import checkable_step

        step, long = checkable_step(rule)
        report = numeric.check_update(rule, forward, device=device, dtypes=tuple(dtypes), function=step, long=long)
        return replace(report, code="compiled C")

    def _check_emitted(self, device: str, dtypes: Sequence[str], target: str) -> Any:
        from .numeric.checking.crosscheck import check

        if target == "c":
            from .numeric.native.checkable import checkables

            emitted: Any = checkables(self.derivation)
        else:
            from .numeric.targets.checkable import checkable

            emitted = (checkable(self.derivation, target),)
        options: dict[str, Any] = {"device": device, "dtypes": tuple(dtypes)}
        options["may_be_undefined"] = self.entry.topic in (EXPRESSION, OWN)
        first, *beside = emitted
        report = check(self.derivation, self.forward, **vars(first), beside=beside, **options)
        return replace(report, code="compiled C" if target == "c" else f"{target} code")

    def accuracy(
        self,
        dtypes: Sequence[str] = ("float64", "float32"),
        *,
        code: str = "numpy",
        against: Sequence[str] = (),
        fixed: Mapping[str, float] | None = None,
        thorough: bool = False,
        points: bool = False,
        candidates: bool = False,
    ) -> Accuracy:
        """The errors of the generated code in ULP: over the whole range of a function of one variable, else by regime.

        **Arguments**: dtypes, ``float64`` and ``float32``; code, what is measured; against, what is measured beside it:
        ``torch``, ``jax``, ``naive``; fixed, numbers for scalar givens; thorough, ten times the points and other
        parameters; points, keep the errors at all points; candidates, measure the forms that were not taken too.

        **Raises** ``NoCode`` for a statement, ``NotMeasurable`` for a formula that cannot be measured, ``ImportError``
        for what is not installed.
        """
        self._need_code()
        from .accuracies import accuracy_of

        options: dict[str, Any] = {"fixed": fixed, "thorough": thorough, "points": points, "candidates": candidates}
        return accuracy_of(self, dtypes, code=code, against=against, **options)

    @property
    def forward(self) -> Callable[..., Any] | None:
        """The independent forward for torch: of the entry, or a formula's own text read once more, by torch.

        A torch function of your own is its own counterpart. None for one in NumPy: its derivatives are compared with
        exact values only.
        """
        if self.entry.torch is not None or self.entry.topic != EXPRESSION:
            return self.entry.torch
        from .numeric.checking.torch_text import text_forward

        assert isinstance(self.entry.given, str) and isinstance(self.entry.define, str)
        return text_forward(self.entry.given, self.entry.define)

    def _need_code(self) -> None:
        if not self.has_code:
            raise NoCode(
                f"{self.entry.id} is a statement and computes nothing, so it has no code; "
                f"for its proof type: nnmath derive {self.entry.id}"
            )

    def _repr_latex_(self) -> str:
        from .rendering.notebook import latex_fragment

        return latex_fragment(self.derivation)

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
    id: str | Callable[..., Any],
    *,
    given: str | None = None,
    inputs: str | tuple[Any, ...] | None = None,
    wrt: str | Sequence[str] = (),
    order: int = 1,
    **parameters: Value,
) -> Page:
    """Derive a formula of the catalogue, a formula of your own, or what your own function in NumPy or torch computes.

    ``derive("softmax-ce")``; ``derive("mlp-deep", depth=4)``;
    ``derive("mean((X @ w - y)**2)", given="X: n d, w: d, y: n", wrt="w", order=2)``;
    ``derive(loss, inputs="X: n d, w: d, y: n", wrt="w")``, also as ``derive("mymodel.py:loss", …)``.

    **Arguments**: id, an id of the catalogue, with ``given`` a formula over the arrays described there, or a function;
    inputs, the arrays that a function takes, described or as a tuple of examples, where annotations do not;
    wrt, the names to differentiate by (all real arrays where none is named); order, 1 or 2; parameters of the entry.

    **Raises** ``UnknownEntry`` with suggestions; ``ParameterError`` for a parameter that the entry does not have;
    ``ParseError`` and ``EntryError`` for a formula that cannot be read or differentiated; ``SubjectError`` for a
    function that cannot be found or read, with the line and what to type.
    """
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    if not isinstance(id, str) or is_place(id):
        return _of_function(id, inputs if inputs is not None else given, names, order)
    if given is None:
        return of_entry(id, parameters)
    entry = entry_from_expression(id, given, names, order)
    return Page(entry, derive_entry(entry))


def _of_function(
    function: str | Callable[..., Any], inputs: str | tuple[Any, ...] | None, wrt: Sequence[str], order: int
) -> Page:
    from .verification.own_function import read_function

    with redirect_stdout(sys.stderr):  # what a person's code prints is no part of the page
        own = read_function(function, inputs)
    entry = own.entry(wrt, order)
    return Page(entry, derive_formulas(entry, own.formulas.givens, own.formulas.definitions), own)


def is_place(text: str) -> bool:
    """Whether a text names an object in a file: ``FILE.py:OBJECT``."""
    return ".py:" in text


def of_entry(id: str, parameters: Mapping[str, Value]) -> Page:
    """The page of a catalogue entry at some parameters."""
    entry = find(id).at(**parameters)
    return Page(entry, derive_entry(entry))
