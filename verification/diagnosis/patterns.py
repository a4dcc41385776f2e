"""Errors that show where they are, and how large: repeated labels, and a passage through a smaller dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...calculus.tensors import Domain, Tensor
from ..subjects.binding import declared
from .case import Case, Cause, are, names, samples_with
from .evidence import Array, Evaluation, close, same
from .variants import formulas

#: Fewer entries than this may be equal by chance.
MIN_CLIPPED = 3


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


def one_hot_alone(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """Right where each row of the targets is one-hot: labels were taken from them, as by argmax."""
    for t in case.derivation.givens:
        if not t.domain.rows or t.domain.onehot:
            continue
        found = tuple(g for g in left if _only_one_hot(case, g, t.name))
        if found:
            stated = declared(Tensor(case.called.get(t.name, t.name), t.dims, Domain(onehot=True)))
            message = f"{names(found)} {are(found)} right where the rows of {t.name} are one-hot, and only there"
            fix = f'use {t.name} as it is, without its labels; or, if its rows are always one-hot, --inputs "{stated}"'
            yield Cause("contract", message, fix, found)


def _only_one_hot(case: Case, gradient: str, rows: str) -> bool:
    told = {True: False, False: False}
    for sample in samples_with(case, gradient):
        got, exact = sample.got[gradient], sample.exact[gradient]
        given = np.asarray(sample.inputs.get(rows, ()))
        if got.shape != exact.shape or not given.size:
            return False
        is_one_hot, right = bool(np.isin(given, (0, 1)).all()), same(got, exact)
        if is_one_hot and not right:
            return False
        told[is_one_hot] |= given.shape[-1] > 1 if is_one_hot else not right
    return all(told.values())


def limited(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """Right but for entries beyond bounds, or for a norm beyond one: a gradient that is clipped where it is made."""
    for gradient in left:
        taken = [s for s in (*case.samples, *case.beyond) if gradient in s.got]
        pairs = [(s.got[gradient], s.exact[gradient]) for s in taken]
        if any(got.shape != exact.shape or not np.isfinite(exact).all() for got, exact in pairs):
            continue
        bounds, norm = _bounds(pairs), _largest_norm(pairs)
        if bounds is not None:
            what = f"its entries are clipped at {' and '.join(bounds)}"
        elif norm is not None:
            what = f"it is scaled down to a norm of {norm:.6g} where its norm is larger"
        else:
            continue
        fix = "return the gradient as it is, and clip it in the update, where all gradients are known"
        yield Cause("contract", f"{gradient}: {what}, at every point that was tried", fix, (gradient,))


def _bounds(pairs: Sequence[tuple[Array, Array]]) -> list[str] | None:
    """``-5 from below``, ``5 from above``: what all entries that differ are, if they are one number each."""
    differ = [(g, e) for got, exact in pairs if not same(got, exact) for g, e in zip(got.flat, exact.flat, strict=True)]
    size = max((abs(e) for _, e in differ), default=0.0)
    off = [(g, e) for g, e in differ if abs(g - e) > close() * size]
    lows, highs = [g for g, e in off if g > e], [g for g, e in off if g < e]
    if len(off) < MIN_CLIPPED or any(max(side) - min(side) > close() * size for side in (lows, highs) if side):
        return None
    low, high = (lows[0] if lows else -np.inf), (highs[0] if highs else np.inf)
    if low >= high or not all(same(got, np.clip(exact, low, high)) for got, exact in pairs):
        return None
    return [f"{b:.6g} from {side}" for b, side in ((low, "below"), (high, "above")) if np.isfinite(b)]


def _largest_norm(pairs: Sequence[tuple[Array, Array]]) -> float | None:
    """The norm that every gradient has whose exact norm is larger."""
    norms = [(float(np.linalg.norm(got)), float(np.linalg.norm(exact))) for got, exact in pairs]
    cut = [g for g, e in norms if abs(g - e) > close() * e]
    if len(cut) < 2 or max(cut) - min(cut) > close() * max(cut) or not min(cut) > 0:
        return None
    scaled = [exact * min(1.0, cut[0] / e) if e else exact for (_, exact), (_, e) in zip(pairs, norms, strict=True)]
    return cut[0] if all(same(got, fits) for (got, _), fits in zip(pairs, scaled, strict=True)) else None


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
