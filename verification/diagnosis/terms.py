"""Whole terms of the derived formula: which of them the code scales, leaves out, or multiplies by another array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from sympy import Add, Expr, Integer, Mul

from ...calculus.derivation import Definition
from ...calculus.tensors import Element, Tensor
from .case import Case, Cause, values_of
from .evidence import Array, same
from .scales import factor, ratios
from .variants import formulas

#: Formulas with more terms than this are not taken apart.
MOST_TERMS = 5


def rescaled(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """Some terms are multiplied by one number: zero where they are missing."""
    for gradient in left:
        terms = _terms(case, gradient)
        for count in range(1, len(terms)):
            found = next((c for c in combinations(terms, count) if _scale(case, gradient, c) is not None), None)
            if found is not None:
                yield _rescaled(case, gradient, found)
                break


def _rescaled(case: Case, gradient: str, terms: Sequence[Expr]) -> Cause:
    q = _scale(case, gradient, terms)
    assert q is not None
    shown = " and ".join(case.write(t) for t in terms)
    some = f"the term {shown}" if len(terms) == 1 else f"the terms {shown}"
    is_, are = ("is", "it") if len(terms) == 1 else ("are", "them")
    if q == 0:
        message, kind, fix = f"{some} {is_} missing", "missing-term", f"add {are}"
    elif q == -1:
        message, kind, fix = f"{some} {'has' if len(terms) == 1 else 'have'} the wrong sign", "sign", "change the sign"
    else:
        message, kind = f"{some} {is_} multiplied by {case.write(q)}", "scale"
        fix = f"multiply {are} by {case.write(1 / q)}"
    return Cause(kind, f"{gradient}: {message}, at every size that was tried", fix, (gradient,))


def _scale(case: Case, gradient: str, terms: Sequence[Expr]) -> Expr | None:
    """The number q with code = true + (q − 1)·terms at every sample."""
    found = []
    for sample, evaluation in case.evaluations:
        values = evaluation.arrays([*formulas(case.derivation), *_parts(case, gradient, terms)], ["part"]).get("part")
        got, exact = sample.got[gradient], sample.exact[gradient]
        if values is None or values.shape != got.shape:
            return None
        scale = float(np.abs(values).max(initial=0))
        if scale <= 1e-6 * float(np.abs(exact).max(initial=0)):
            if not same(got, exact):
                return None
            continue
        residual = got - exact
        one = type(sample)(
            sample.regime, sample.sizes, sample.inputs, {gradient: residual + values}, {gradient: values}
        )
        q = [(sample, 0.0)] if same(residual, -values, scale) else ratios([one], gradient)
        if q is None or same(got, exact):
            return None
        found += [(sample, q[0][1])]
    if len(found) < 2:
        return None
    if all(q == 0.0 for _, q in found):
        return Integer(0)
    return factor(found, case.derivation.dims, case.numbers)


def _parts(case: Case, gradient: str, terms: Sequence[Expr]) -> list[Definition]:
    result = case.results[gradient].definition
    return [Definition(Tensor("part", result.tensor.dims), result.indices, Add(*terms))]


def _terms(case: Case, gradient: str) -> list[Expr]:
    return terms_of(case.results[gradient].definition.body) if gradient in case.results else []


def terms_of(body: Expr) -> list[Expr]:
    """The terms of a formula, with a factor in front of a bracket taken inside; none where they are one or too many."""
    terms: list[Expr] = []
    for term in Add.make_args(body):
        inner = next((f for f in Mul.make_args(term) if isinstance(f, Add) and f.atoms(Element)), None)
        outer = Mul(*(f for f in Mul.make_args(term) if f is not inner))
        terms += [outer * t for t in inner.args] if inner is not None else [term]
    return terms if 1 < len(terms) <= MOST_TERMS else []


def refactored(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """One term is divided or multiplied, entry by entry, by an array of the derivation."""
    for gradient in left:
        found = next(_refactored(case, gradient), None)
        if found is not None:
            yield found


def _refactored(case: Case, gradient: str) -> Iterator[Cause]:
    for term in _terms(case, gradient):
        for tensor in (*case.derivation.givens, *(d.tensor for d in case.derivation.definitions if not d.pairing)):
            if not tensor.rank or tensor.domain.below is not None:
                continue
            for missing in (True, False):
                if _is_refactored(case, gradient, term, tensor, missing):
                    what = "is missing" if missing else "enters once too often"
                    message = f"in the term {case.write(term)} the factor {tensor.name} {what}"
                    fix = f"{'multiply' if missing else 'divide'} the term by {tensor.name}"
                    yield Cause("chain-factor", f"{gradient}: {message}, {case.known(False)}", fix, (gradient,))


def _is_refactored(case: Case, gradient: str, term: Expr, tensor: Tensor, missing: bool) -> bool:
    told = False
    for sample, evaluation in case.evaluations:
        names = [*formulas(case.derivation), *_parts(case, gradient, [term])]
        part = evaluation.arrays(names, ["part"]).get("part")
        array = values_of(case, sample, evaluation, tensor)
        got, exact = sample.got[gradient], sample.exact[gradient]
        if part is None or array.shape != got.shape or part.shape != got.shape:
            return False
        other = _over(part, array) if missing else part * array
        scale = float(np.abs(other).max(initial=0))
        if not np.isfinite(other).all() or not same(got, exact - part + other, scale):
            return False
        told |= not same(got, exact)
    return told


def _over(part: Array, array: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.where((part == 0) & (array == 0), 0.0, part / array)
