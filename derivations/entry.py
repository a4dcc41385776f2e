"""What a catalogue entry is: plain text data. Importing an entry imports neither SymPy nor torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..calculus.goal import Example, Statement
from .options import LARGEST_PARAMETER, Kind, ParameterError, Value, default, read, stated

__all__ = ["LARGEST_PARAMETER", "Entry", "Example", "ParameterError", "Statement"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One formula of the catalogue.

    id, title: what a user types, and what a page is headed. The id never changes.
    names: what else people call it, for those who do not know the id: ``("linear", "fully connected")``.
    given: one tensor a line, ``NAME: dimensions domain = value  # description``; domains are ``positive``,
        ``nonnegative``, ``rows`` (last axis sums to 1), ``onehot``, ``mask`` (0 or 1), ``sign`` (−1 or 1), ``unit``
        (between 0 and 1), ``int<C``, ``function``; default real.
        A random given states its law: ``W: n m random independent mean=0 var=s2`` (see docs/statements.md).
        A line ``O = (H - U + 2)//2 + 1`` defines a dimension by others.
    define: one definition a line, in index form (``P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)``) or in array
        form (``A = tanh(X @ W + b)``).
    wanted: what to derive, if anything: ``dL/dZ``, ``dP/dZ``, ``d2L/dZ2``, or an identity ``D = H - S``.
    claim: closed forms that the entry states and the prover decides, by wanted: in array form (``"(P - Y)/n"``) or by
        the entry at named axes (``"i, c: (P[i, c] - Y[i, c])/n"``). The key ``dy/dx in output`` claims a form in y.
    rules: for an identity, the rules to apply, in order, to the left side.
    assume: hypotheses by name, ``"smooth": "f1 <= f0 + g @ (x1 - x0) + L/2*sum((x1 - x0)**2)  # in words"``. An
        equation that gives the entries of a given is its definition.
    proof: the statements that are proved, in order (see :class:`.Statement`). An entry may have nothing else to derive.
    examples: points at which the hypotheses hold, where random ones never do.
    torch: an independent forward: takes ``torch`` and the givens as tensors, by name, and returns the differentiated
        value; or several, by name, where the entry differentiates several. For an update rule: a function of the
        gradient, or of nothing, that makes one step and returns what the first state is then. It may also take
        parameters, with the default that the entry states.
    parameters: what a user may set, with its default: a whole number (``depth=3``), a decimal, a switch (``False``), or
        choices, the default first (``("mean", "sum")``). given, define, wanted, claim, assume and proof may then be
        functions of the parameters; :meth:`at` fills them in.
    state, start: of an update rule: the definition that replaces each given after a step, ``{"w": "w1", "m": "m1"}``,
        what PyTorch updates first; and where a state starts if not at 0: a number or the name of a given. A given ``t``
        counts the steps from 1, or from what ``start`` says.
    variants: settings of the parameters that are checked as well as the defaults: ``({"reduction": "sum"},)``.
    jax: the same as people write it in JAX, to measure its accuracy: takes ``jax`` and the givens by name, and returns
        the value of a function of one variable, or else the outputs by name, with what is differentiated as ``L``. A
        parameter that it does not take has its default.
    regimes: inputs on which accuracy is measured, by name: for each given that is not drawn as usual, how, in words
        (see numeric/accuracy/fills.py): ``{"hard labels": {"z": "normal 30", "t": "hard"}}``.
    against: what the code is checked against, in words, where the name of the torch function in the forward misleads.
    uses: ids of the entries this one builds on. generalises: ids of entries that are special cases of it.
    topic: the folder, filled in by the catalogue.
    """

    id: str
    title: str
    names: tuple[str, ...] = ()
    given: str | Callable[..., str] = ""
    define: str | Callable[..., str] = ""
    wanted: tuple[str, ...] | Callable[..., tuple[str, ...]] = ()
    claim: Mapping[str, str] | Callable[..., Mapping[str, str]] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    assume: Mapping[str, str] | Callable[..., Mapping[str, str]] = field(default_factory=dict)
    proof: tuple[Statement, ...] | Callable[..., tuple[Statement, ...]] = ()
    examples: tuple[Example, ...] = ()
    torch: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    regimes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    variants: tuple[Mapping[str, Value], ...] = ()
    state: Mapping[str, str] | Callable[..., Mapping[str, str]] = field(default_factory=dict)
    start: Mapping[str, float | str] | Callable[..., Mapping[str, float | str]] = field(default_factory=dict)
    kind: str = "gradient"
    conventions: tuple[str, ...] = ()
    pitfalls: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    against: str = ""
    uses: tuple[str, ...] = ()
    generalises: tuple[str, ...] = ()
    topic: str = ""

    def at(self, **parameters: Value) -> Entry:
        """The entry with its parameters filled in: given, define, wanted and claim are then plain data, and torch takes
        the givens only.

        **Raises** :class:`ParameterError` for a parameter it does not have, or a value that it cannot take.
        """
        values = {name: default(kind) for name, kind in self.parameters.items()}
        for name, value in parameters.items():
            if name not in self.parameters:
                has = stated(dict(self.parameters))
                raise ParameterError(f"{self.id} has no parameter {name}; its parameters: {has}")
            values[name] = read(self.id, name, self.parameters[name], value)
        filled: dict[str, Any] = {
            part: value(**values)
            for part in ("given", "define", "wanted", "claim", "assume", "proof", "state", "start")
            if callable(value := getattr(self, part))
        }
        if self.torch is not None and values:
            takes = inspect.signature(self.torch).parameters
            filled["torch"] = partial(self.torch, **{name: v for name, v in values.items() if name in takes})
        return replace(self, parameters={}, variants=(), **filled)
