"""Errors that show where they are, and how large: repeated labels, and a passage through a smaller dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from .case import Case, Cause, are, names, samples_with
from .evidence import Array, Evaluation, same
from .variants import formulas


def repeated(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """Right but for the rows whose label occurs more than once."""
    labels = [t for t in case.derivation.givens if t.domain.below is not None and t.rank == 1]
    for gradient in left:
        dims = case.results[gradient].dims if gradient in case.results else ()
        for t in labels:
            if dims[:1] == (t.domain.below,) and _only_repeated(case, gradient, t.name):
                yield Cause(
                    "missing-term",
                    f"{gradient}: where a label of {t.name} occurs more than once, not all of its rows are added up",
                    f"np.add.at(out, {t.name}, rows), or a product with the one-hot matrix",
                    (gradient,),
                )
                break


def _only_repeated(case: Case, gradient: str, labels: str) -> bool:
    told = False
    for sample in samples_with(case, gradient):
        got, exact = sample.got[gradient], sample.exact[gradient]
        if got.shape != exact.shape or labels not in sample.inputs:
            return False
        counts = np.bincount(np.asarray(sample.inputs[labels]).ravel(), minlength=len(exact))
        once = counts <= 1
        if not same(got[once], exact[once]):
            return False
        told |= not same(got, exact)
    return told


def rounded(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The derived gradient where it, or what goes into it, has passed through a smaller dtype."""
    for dtype, shorten in SHORTENED.items():
        givens = [t.name for t in case.derivation.givens if not t.domain.is_discrete and not t.domain.function]
        for names_ in (None, *((n,) for n in givens), tuple(givens)):
            found = tuple(g for g in left if _is_shortened(case, g, names_, shorten))
            if found:
                what = "it" if len(found) == 1 else "they"
                passed = what if names_ is None else " and ".join(names_)
                verb = "passes" if passed == "it" or (names_ is not None and len(names_) == 1) else "pass"
                yield Cause(
                    "dtype",
                    f"{names(found)} {are(found)} the derived gradient, but {passed} {verb} through {dtype}, "
                    "at every point that was tried",
                    "keep the dtype of the inputs all the way",
                    found,
                )
                left = tuple(g for g in left if g not in found)


def _is_shortened(case: Case, gradient: str, givens: Sequence[str] | None, shorten: Callable[[Array], Array]) -> bool:
    """Whether the code gives what the formula does with the result (None) or these givens in a smaller dtype."""
    told = False
    for sample, _ in case.evaluations:
        got, exact = sample.got[gradient], sample.exact[gradient]
        if givens is None:
            other = shorten(exact)
        else:
            short = {n: shorten(np.asarray(v, dtype=float)) if n in givens else v for n, v in sample.inputs.items()}
            values = Evaluation(case.derivation, replace(sample, inputs=short))
            other = values.arrays(formulas(case.derivation), [gradient]).get(gradient, np.zeros(0))
        if not same(got, other):
            return False
        told |= not same(got, exact)
    return told


def _bfloat16(a: Array) -> Array:
    """Rounded to the upper half of a float32, ties to even."""
    bits = np.atleast_1d(a.astype(np.float32)).view(np.uint32)
    kept = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return kept.view(np.float32).astype(float).reshape(a.shape)


SHORTENED: dict[str, Callable[[Array], Array]] = {
    "float32": lambda a: a.astype(np.float32).astype(float),
    "float16": lambda a: a.astype(np.float16).astype(float),
    "bfloat16": _bfloat16,
}
