"""Relations between the code's gradient and the derived one that involve another array: an extra term or factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...calculus.tensors import Tensor
from .case import Case, Cause, samples_with, values_of
from .evidence import Array, Sample, same
from .scales import factor, ratios
from .variants import formulas

#: What an array may have become in a factor that does not belong there.
_FACTORS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("{0}", lambda a: a),
    ("{0}·(1 − {0})", lambda a: a * (1 - a)),
    ("(1 − {0}²)", lambda a: 1 - a * a),
    ("(1 − {0})", lambda a: 1 - a),
    ("[{0} > 0]", lambda a: (a > 0).astype(float)),
    ("1/{0}", lambda a: 1 / np.where(a == 0, np.nan, a)),
)


def extra(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """A residual that is a multiple of an array of the derivation."""
    if not case.evaluations:
        return
    for g in left:
        residuals = [(s, s.got[g] - s.exact[g]) for s in samples_with(case, g) if s.got[g].shape == s.exact[g].shape]
        if len(residuals) < len(samples_with(case, g)) or not residuals:
            continue
        for definition_or_given in (*case.derivation.givens, *(d.tensor for d in formulas(case.derivation))):
            found = _multiples(case, g, definition_or_given)
            if found is None:
                continue
            q = factor(found, case.derivation.dims, case.numbers)
            if q is not None:
                name = definition_or_given.name
                shown = name if q == 1 else f"{case.write(q)} · {name}"
                yield Cause("extra-term", f"{g} has the extra term {shown}", f"subtract {shown} from {g}", (g,))
                break
        else:
            flat = [r for _, r in residuals]
            value = float(flat[0].flat[0])
            if value and all(np.allclose(r, value, rtol=1e-5, atol=0) for r in flat):
                yield Cause(
                    "constant", f"{g} is off by the constant {value:.3g} in every entry", f"{g} - ({value:.3g})", (g,)
                )


def _multiples(case: Case, gradient: str, tensor: Tensor) -> list[tuple[Sample, float]] | None:
    found: list[tuple[Sample, float]] = []
    for sample, evaluation in case.evaluations:
        residual = sample.got[gradient] - sample.exact[gradient]
        array = values_of(case, sample, evaluation, tensor)
        if array.shape != residual.shape:
            return None
        if not np.any(residual) and not np.any(array):
            continue
        one = Sample(sample.regime, sample.sizes, sample.inputs, {gradient: residual}, {gradient: array})
        q = ratios([one], gradient)
        if q is None:
            return None
        found += [(sample, q[0][1])]
    return found if any(q for _, q in found) else None


def quotient(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The derived gradient times an array, or its usual derivative, entry by entry."""
    for g in left:
        for tensor in (*case.derivation.givens, *(d.tensor for d in formulas(case.derivation))):
            for factors, make in _FACTORS:
                if _is_product(case, g, tensor, make):
                    shown = factors.format(tensor.name)
                    yield Cause(
                        "chain-factor",
                        f"{g} = {shown} · true: a factor too many, at every size that was tried",
                        f"leave out {shown}",
                        (g,),
                    )
                    break
            else:
                continue
            break


def _is_product(case: Case, gradient: str, tensor: Tensor, make: Callable[[Array], Array]) -> bool:
    told = False
    for sample, evaluation in case.evaluations:
        got, exact = sample.got[gradient], sample.exact[gradient]
        array = values_of(case, sample, evaluation, tensor)
        if array.shape != got.shape or not array.ndim or exact.shape != got.shape:
            return False
        product = make(array) * exact
        if not np.isfinite(product).all() or not same(got, product, float(np.abs(exact).max(initial=0))):
            return False
        told |= not same(got, exact)
    return told


def patterned(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """A residual that is constant along one axis: a mean or a sum that is missing, or too many."""
    for g in left:
        residuals = [s.got[g] - s.exact[g] for s in samples_with(case, g) if s.got[g].shape == s.exact[g].shape]
        residuals = [r for r in residuals if r.ndim and min(r.shape) > 1 and np.any(r)]
        yield from _per_row(case, g)
        for axis in range(residuals[0].ndim) if residuals else ():
            if len({r.ndim for r in residuals}) == 1 and all(
                np.abs(r - r.mean(axis=axis, keepdims=True)).max() <= 1e-7 * np.abs(r).max() for r in residuals
            ):
                dim = case.results[g].dims[axis]
                yield Cause(
                    "missing-term",
                    f"{g} is off by a term that is constant along {dim}: "
                    f"a mean or a sum over {dim} is missing or has a wrong factor",
                    "",
                    (g,),
                )
                break


def _per_row(case: Case, gradient: str) -> Iterator[Cause]:
    """A quotient that is constant along one axis, and not a constant: a factor for each row or column."""
    pairs = [(s.got[gradient], s.exact[gradient]) for s in samples_with(case, gradient)]
    pairs = [(a, b) for a, b in pairs if a.shape == b.shape and a.ndim and min(a.shape) > 1 and np.all(b != 0)]
    for axis in range(pairs[0][0].ndim) if pairs else ():
        quotients = [a / b for a, b in pairs]
        if all(np.abs(q - q.mean(axis=axis, keepdims=True)).max() <= 1e-7 * np.abs(q).max() for q in quotients):
            dim = case.results[gradient].dims[axis]
            yield Cause(
                "chain-factor",
                f"{gradient} is off by a factor that is constant along {dim}: "
                "a factor for each of the other axes is missing or too many",
                "",
                (gradient,),
            )
            return
