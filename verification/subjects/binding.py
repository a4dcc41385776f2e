"""Which tensor goes to which parameter of the code, and which of the returned gradients belongs to which tensor."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from sympy import Symbol

from ...calculus.derivation import Derivation
from ...calculus.parser import parse_givens
from ...calculus.tensors import REAL, Domain, Tensor, dimension
from ...numeric.checking.regimes import REGIMES, Regime, draw
from ..probing.observations import as_array
from .naming import is_upstream, matching, predicted
from .protocol import Array, Subject, SubjectError
from .returned import gradients_of
from .sandbox import Endless, Outcome, guarded

#: With more parameters than this left over, orders are not tried out.
MOST_ORDERS = 4
TRIAL = next(r for r in REGIMES if r.name == "unequal sizes")
TRIAL_ALIKE = next(r for r in REGIMES if r.name == "equal sizes")
TRIAL_ELEMENTWISE = next(r for r in REGIMES if r.name == "typical")
LETTERS = "n d h c k m p q r s".split()


@dataclass(frozen=True)
class Binding:
    """tensors[k] is given to the parameter arguments[k]. gradient_of: for every returned value its tensor, or None.

    upstream: the tensor of the upstream gradient; None where the code takes none. source: where the shapes come from.
    """

    tensors: tuple[Tensor, ...]
    arguments: tuple[str, ...]
    upstream: Tensor | None
    gradient_of: tuple[Tensor | None, ...]
    source: str

    def __str__(self) -> str:
        parts = [
            (f"{a} = {declared(t)}" if a != t.name else declared(t))
            for a, t in zip(self.arguments, self.tensors, strict=True)
        ]
        if self.upstream is not None:
            parts.append(f"upstream gradient {declared(self.upstream)}")
        gradients = ", ".join(f"d{t.name}" if t is not None else "(not a gradient)" for t in self.gradient_of)
        return f"{', '.join(parts)} → {gradients or 'nothing'} ({self.source})"

    @property
    def elementwise(self) -> bool:
        return all(t.rank == 0 for t in self.tensors)


def declared(t: Tensor) -> str:
    """A tensor as one types it: ``z: n C``, ``y: n int<C``."""
    domain = t.domain
    if domain.below is not None:
        words = f"int<{domain.below}"
    else:
        flags = ("positive", "nonnegative", "onehot", "rows", "mask", "sign", "unit", "function")
        found = [f for f in flags if getattr(domain, f)]
        words = "onehot" if "onehot" in found else " ".join(found) or ("" if t.rank else "real")
    return f"{t.name}: {' '.join(filter(None, (*map(str, t.dims), words)))}"


def bind(
    subject: Subject,
    *,
    inputs: str | tuple[Any, ...] | None = None,
    entry_tensors: Sequence[Tensor] | None = None,
    wanted: Sequence[str] | None = None,
) -> Binding:
    """Bind the parameters of a subject.

    **Arguments**: inputs: ``"z: n C, y: n int<C"`` or a tuple of example arrays, in the order of the parameters;
    entry_tensors: the givens of the reference; wanted: the names of those whose gradient the reference has.

    **Raises** :class:`SubjectError` with what to type, where a parameter could be several tensors or none.
    """
    inputs = inputs or None
    if inputs is not None or entry_tensors is None:
        stated, source = stated_tensors(subject, inputs)
    else:
        stated, source = (), "from the reference"
    if entry_tensors is None:
        entry_tensors = stated
    pairs, upstream = _assign(subject, stated, tuple(entry_tensors))
    tensors, arguments = tuple(pairs.values()), tuple(pairs)
    trial = Trial(subject, tensors, arguments, upstream)
    if upstream is None and subject.upstream_name is not None and subject.upstream_name not in arguments:
        upstream = trial.learn_upstream()
    unused = [t for t in entry_tensors if t not in tensors and t != upstream]
    ran = trial.run(upstream)
    if ran.error is not None:  # code whose shapes do not fit tells what it returns where all sizes are equal
        alike = Trial(subject, tensors, arguments, upstream, TRIAL_ALIKE)
        again = alike.run(upstream)
        ran, trial = (again, alike) if again.error is None else (ran, trial)
    of = gradients_of(subject, pairs, ran, trial.sizes, wanted, unused)
    return Binding(tensors, arguments, upstream, of, source)


# -- where shapes come from ------------------------------------------------------------------------------------------


def stated_tensors(subject: Subject, inputs: str | tuple[Any, ...] | None) -> tuple[tuple[Tensor, ...], str]:
    """What a person says of the arrays, and where: declarations, examples, annotations, an example in the file.

    **Raises** :class:`SubjectError` with what to type.
    """
    if isinstance(inputs, str):
        return parse_givens(inputs), "from --inputs"
    if inputs is not None:
        return from_arrays(subject, inputs), "from the example arrays"
    return _from_code(subject)


def from_arrays(subject: Subject, arrays: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Tensors for example arrays: equal sizes are one dimension, integer arrays are labels below a dimension."""
    found = [as_array(a) for a in arrays]
    names = subject.parameter_names[: len(arrays)]
    if len(names) < len(arrays) or any(a is None for a in found):
        raise SubjectError(
            f"{len(arrays)} example arrays were given, and {subject.name} takes {', '.join(subject.parameter_names)}; "
            f"give one numeric array for each, or {what_to_type(subject, ())}"
        )
    shapes = [a for a in found if a is not None]
    sizes = list(dict.fromkeys(s for a in shapes for s in a.shape))
    dims = {s: dimension(LETTERS[k] if k < len(LETTERS) else f"d{k}") for k, s in enumerate(sizes)}
    return tuple(
        Tensor(name, tuple(dims[s] for s in a.shape), _domain(a, shapes, dims))
        for name, a in zip(names, shapes, strict=True)
    )


def _domain(a: Array, others: Sequence[Array], dims: Mapping[int, Symbol]) -> Domain:
    if a.dtype.kind == "b":
        return Domain(mask=True)
    if a.dtype.kind in "iu":
        classes = next((b.shape[-1] for b in others if b.dtype.kind == "f" and b.ndim > a.ndim), None)
        if classes is not None and a.size and a.min() >= 0 and a.max() < classes:
            return Domain(below=dims[classes])
        return Domain()
    one = a.ndim and a.size and np.allclose(a.sum(axis=-1), 1, atol=1e-6) and np.all(a >= 0) and a.shape[-1] > 1
    if one:
        return Domain(rows=True, onehot=bool(np.all((a == 0) | (a == 1))))
    return Domain()


def _from_code(subject: Subject) -> tuple[tuple[Tensor, ...], str]:
    """Annotations in jaxtyping's form, or an example call in the file."""
    function = subject.forward or subject.raw
    if isinstance(subject.raw, type) and subject.kind == "torch function":
        function = getattr(subject.raw, "forward")  # noqa: B009
    annotations = getattr(function, "__annotations__", {})
    lines = []
    for name in subject.parameter_names:
        note = annotations.get(name)
        text = note if isinstance(note, str) else f"{getattr(note, 'dtype', note)} {getattr(note, 'dim_str', '')!r}"
        dims = re.search(r"""["']([A-Za-z0-9_ ]*)["']""", text) if note is not None else None
        if dims:
            lines.append(f"{name}: {dims[1]}" if dims[1].strip() else f"{name}: real")
    if lines and len(lines) >= len([n for n in subject.parameter_names if n not in subject.optional]) - 1:
        return parse_givens(", ".join(lines)), "from annotations"
    module = inspect.getmodule(subject.raw[0] if isinstance(subject.raw, tuple) else subject.raw)
    for name in ("example", "EXAMPLE", "example_inputs", "EXAMPLE_INPUTS"):
        example = getattr(module, name, None)
        if callable(example):
            example = guarded(example).value
        if isinstance(example, tuple) and example:
            return from_arrays(subject, example), f"from {name} in the file"
    raise SubjectError(f"the shapes of {subject.name} are not known; {what_to_type(subject, ())}")


def what_to_type(subject: Subject, tensors: Sequence[Tensor]) -> str:
    """``type --inputs "z: n C, y: n int<C"``, with the tensors as far as they go."""
    names = [n for n in subject.parameter_names if n not in subject.optional and n != subject.upstream_name]
    of = {t.name: t for t in tensors}
    if tensors and set(of) < set(names):  # some are known by name
        tensors = [of.get(n, Tensor(n, tuple(map(dimension, "nd" if k == 0 else "n")))) for k, n in enumerate(names)]
    shown = [declared(Tensor(n, t.dims, t.domain)) for n, t in zip(names, tensors, strict=False)] or [
        f"{n}: n {'d' if k == 0 else ''}".strip() for k, n in enumerate(names or ["z"])
    ]
    return f'type --inputs "{", ".join(shown)}"'


# -- which tensor goes where -----------------------------------------------------------------------------------------


def _assign(
    subject: Subject, stated: Sequence[Tensor], entry: tuple[Tensor, ...]
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Parameters to tensors, and the tensor of the upstream gradient."""
    names = [n for n in subject.parameter_names if n != subject.upstream_name]
    tensors = [t for t in entry if not t.domain.function]
    upstream = _upstream(subject, names, tensors)
    if upstream is None and subject.upstream_name in subject.parameter_names:
        names = list(subject.parameter_names) if _named_for(subject.upstream_name, tensors) else names
    tensors = [t for t in tensors if t != upstream]
    pairs: dict[str, Tensor] = {}
    if stated and tuple(stated) != entry:
        pairs = _stated(subject, names, stated, tensors)
    by_name = {t.name: t for t in tensors}

    def take(some: Iterable[str], aliases: bool) -> None:
        for n in some:
            free = [t for t in by_name if by_name[t] not in pairs.values()]
            last = n.rpartition(".")[2]
            real = [t for t in free if not by_name[t].domain.is_discrete] if aliases else []
            if n not in pairs and (found := matching(last, free, aliases=aliases) or predicted(last, real)):
                pairs[n] = by_name[found]

    must = [n for n in names if n not in subject.optional]
    take(must, False)
    take([n for n in names if n in subject.optional], False)
    take(must, True)
    take([n for n in names if n in subject.optional], True)
    left = [n for n in must if n not in pairs]
    rest = [t for t in tensors if t not in pairs.values() and (t.domain.value is None or len(left) == 1)]
    if left:
        pairs |= _by_order(subject, pairs, left, rest, upstream, entry)
    elif rest:
        free = [n for n in names if n in subject.optional and n not in pairs and "." in n + "."]
        arrays = [t for t in rest if t.domain.value is None]
        if subject.kind in ("class", "torch callable") and arrays:
            pairs |= _by_order(subject, pairs, free[: len(arrays)], arrays, upstream, entry)
    order = [n for n in subject.parameter_names if n in pairs]
    return {n: pairs[n] for n in order}, upstream


def _named_for(name: str | None, tensors: Sequence[Tensor]) -> bool:
    return name is not None and matching(name, [t.name for t in tensors], aliases=False) is not None


def _upstream(subject: Subject, names: Sequence[str], tensors: Sequence[Tensor]) -> Tensor | None:
    """The given that is an upstream gradient, where the code takes one: called dY, and no parameter is called that.

    A given with a value, or with a sign, is a setting of the formula, whatever it is called: the δ of the Huber loss.
    """
    if subject.upstream_name is None:
        return None
    tensors = [t for t in tensors if t.domain == REAL]
    same = matching(subject.upstream_name, [t.name for t in tensors], aliases=False)
    others = [t for t in tensors if is_upstream(t.name) and not matching(t.name, names, aliases=False)]
    if same and is_upstream(same) and (len(same) > 1 or not others):  # g may be a gain
        return next(t for t in tensors if t.name == same)
    return others[-1] if others else None


def _stated(
    subject: Subject, names: Sequence[str], stated: Sequence[Tensor], tensors: Sequence[Tensor]
) -> dict[str, Tensor]:
    """What a person declared, parameter by parameter, matched with the tensors of the reference by name or by shape."""
    pairs: dict[str, Tensor] = {}
    for s in stated:
        # The grammar has words of its own, such as cos and mask; there a parameter is written cos_.
        if s.name not in names and s.name.endswith("_") and s.name[:-1] in names:
            s = Tensor(s.name[:-1], s.dims, s.domain)
        if s.name not in subject.parameter_names:
            known = ", ".join(subject.parameter_names)
            raise SubjectError(f"--inputs names {s.name}, which {subject.name} does not take; it takes {known}")
        if s.name not in names:
            continue
        free = [t for t in tensors if t not in pairs.values()]
        same = [t for t in free if t.name == s.name] or [t for t in free if (t.dims, t.domain) == (s.dims, s.domain)]
        if not same and s.domain != REAL:  # one-hot rows are rows
            same = [t for t in free if t.rank == s.rank and t.domain != REAL and s.domain.is_within(t.domain)]
        alike = same or [t for t in free if t.dims == s.dims] or [t for t in free if t.rank == s.rank]
        if not alike:
            raise SubjectError(
                f"--inputs says {declared(s)}, and no tensor of the reference has that shape; it has "
                f"{', '.join(map(declared, tensors))}"
            )
        pairs[s.name] = alike[0]
    return pairs


def paired_with(subject: Subject, stated: Sequence[Tensor], entry: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """What a person declared, with the tensors of a reference that it stands for. Raises :class:`SubjectError`."""
    names = [n for n in subject.parameter_names if n != subject.upstream_name]
    tensors = [t for t in entry if not t.domain.function]
    upstream = _upstream(subject, names, tensors)
    of = _stated(subject, names, stated, [t for t in tensors if t != upstream])
    if upstream is not None and subject.upstream_name is not None:
        of[subject.upstream_name] = upstream
    return [(s, of[s.name]) for s in stated if s.name in of]


def _by_order(
    subject: Subject,
    pairs: Mapping[str, Tensor],
    left: Sequence[str],
    rest: Sequence[Tensor],
    upstream: Tensor | None,
    entry: Sequence[Tensor],
) -> dict[str, Tensor]:
    """The parameters that no name decides: the one order in which the code runs; several or none are an error."""
    if len(left) == len(rest) == 1:
        return {left[0]: rest[0]}
    runs: list[dict[str, Tensor]] = []
    if len(left) == len(rest) <= MOST_ORDERS:
        for order in permutations(rest):
            found = dict(zip(left, order, strict=True))
            both = {**pairs, **found}
            trial = Trial(subject, tuple(both.values()), tuple(both), upstream)
            if trial.run(upstream or trial.learn_upstream()).error is None:
                runs.append(found)
    if len(runs) == 1:
        return runs[0]
    what = (
        f"{subject.name} takes {', '.join(left)}, the reference has {', '.join(map(declared, rest)) or 'nothing left'}"
    )
    why = "several orders are possible" if runs else "they do not match"
    raise SubjectError(f"{what}, and {why}; {what_to_type(subject, [t for t in entry if t != upstream])}")


# -- what the code returns -------------------------------------------------------------------------------------------


class Trial:
    """One run at sizes that are all different, or in another regime, to see what the code returns."""

    def __init__(
        self,
        subject: Subject,
        tensors: tuple[Tensor, ...],
        arguments: tuple[str, ...],
        upstream: Tensor | None,
        sized: Regime | None = None,
    ) -> None:
        self.subject, self.arguments = subject, arguments
        given = (*tensors, *([upstream] if upstream is not None else []))
        derivation = Derivation("", "", tuple(dict.fromkeys(given)), (), ())
        self.elementwise = all(t.rank == 0 for t in given)
        regime: Regime = TRIAL_ELEMENTWISE if self.elementwise else sized or TRIAL
        case = draw(derivation, regime, np.dtype(float), 0, self.elementwise)
        self.sizes: Mapping[Symbol, int] = case.sizes
        self.values = case.values
        self.inputs = {a: case.values[t.name] for a, t in zip(arguments, tensors, strict=True)}

    def learn_upstream(self) -> Tensor | None:
        """An upstream gradient has the shape of what forward returns."""
        ran = _ended(guarded(lambda: self.subject.start(self.inputs, None)))
        out = as_array(ran.value.out) if ran.error is None else None
        if self.elementwise or out is None:
            return Tensor("dout", ())
        by_size = {s: d for d, s in reversed(tuple(self.sizes.items()))}
        return Tensor("dout", tuple(by_size.get(s, s) for s in out.shape))

    def run(self, upstream: Tensor | None) -> Outcome:
        """The gradients by name."""

        def backward() -> Any:
            started = self.subject.start(self.inputs, None)
            value = None
            if upstream is not None:
                value = self.values.get(upstream.name)
                if value is None:
                    shape = tuple(int(d.xreplace(dict(self.sizes))) for d in upstream.dims)
                    first = next(iter(self.inputs.values()), np.ones(()))
                    value = np.ones(np.shape(first) if self.elementwise else shape)
            return started.backward(value)

        return _ended(guarded(backward))


def _ended(ran: Outcome) -> Outcome:
    if ran.hung:
        raise Endless(str(ran.error))
    return ran
