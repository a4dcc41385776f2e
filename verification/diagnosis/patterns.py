"""Errors that show where they are, and how large: repeated labels, and a passage through a smaller dtype."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .case import Case, Cause, are, names, samples_with
from .evidence import same

#: Units of rounding of the dtypes through which values may pass, and how many of them an error may be.
ROUNDED = (("float32", 2.0**-24), ("float16", 2.0**-11), ("bfloat16", 2.0**-8))
UNITS = 4.0


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
    """Every entry has the right value but for the rounding of a smaller dtype, up and down."""
    groups: dict[str, list[str]] = {}
    for gradient in left:
        errors = _relative_errors(case, gradient)
        if not len(errors) or not (errors.min() < 0 < errors.max()):
            continue
        largest = float(np.abs(errors).max())
        dtype = next((d for d, unit in ROUNDED if unit / UNITS < largest <= UNITS * unit), None)
        if dtype is not None:
            groups.setdefault(dtype, []).append(gradient)
    for dtype, gradients in groups.items():
        yield Cause(
            "dtype",
            f"{names(gradients)} {are(gradients)} right to the precision of {dtype} only, in float64: "
            f"some value on the way is rounded to {dtype}",
            "keep the dtype of the inputs all the way",
            tuple(gradients),
        )


def _relative_errors(case: Case, gradient: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = []
    for sample in samples_with(case, gradient):
        got, exact = sample.got[gradient], sample.exact[gradient]
        if got.shape != exact.shape:
            return np.zeros(0)
        there = exact != 0
        found.append(((got - exact)[there] / exact[there]).ravel())
    return np.concatenate(found) if found else np.zeros(0)
