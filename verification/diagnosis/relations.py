"""Relations between the code's gradient and the derived one: a factor, a shape, a transpose, an exchange."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from sympy import Expr

from .case import Case, Cause, are, names, samples_with
from .evidence import Array, same
from .scales import at_one, factor, ratios


def zero(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    found = [
        g
        for g in left
        if samples_with(case, g)
        and all(not np.any(s.got[g]) for s in samples_with(case, g))
        and any(np.any(s.exact[g]) for s in samples_with(case, g))
    ]
    if found:
        yield Cause("detached", f"{names(found)} {are(found)} zero everywhere: nothing flows back", "", tuple(found))


def scaled(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    groups: dict[Expr, list[str]] = {}
    for g in left:
        found = ratios(samples_with(case, g), g)
        q = factor(found, case.derivation.dims, case.numbers) if found else None
        if q is not None and q != 1:
            groups.setdefault(q, []).append(g)
    for q, gradients in groups.items():
        yield _scale(case, q, gradients)


def _scale(case: Case, q: Expr, gradients: list[str]) -> Cause:
    proved = all(case.prove_scale(g, q) for g in gradients)
    roughly = not proved and all(case.prove_scale_roughly(g, q) for g in gradients)
    shown = case.write(q)
    all_of_them = len(gradients) == len(case.results)
    subject = f"every gradient ({', '.join(gradients)})" if all_of_them and len(gradients) > 1 else names(gradients)
    if q == -1:
        message = f"{subject} {'have' if subject == names(gradients) and len(gradients) > 1 else 'has'} the wrong sign"
    elif len(gradients) == 1:
        message = f"{gradients[0]} = {shown} · true"
    else:
        message = f"{subject} {'is' if all_of_them else 'are'} {shown} times the true one"
    known = case.known(proved)
    known = f"{case.known(True)}, apart from a small constant that is added" if roughly else known
    hidden = at_one(q)
    hint = f"; invisible at {', '.join(f'{d} = 1' for d in hidden)}" if hidden else ""
    kind = "sign" if q == -1 else "scale"
    contract = _contract(case, q) if all_of_them and q != -1 else ""
    if contract:
        kind, message = "contract", f"{message}: {contract}"
    fix = "change the sign" if q == -1 else f"multiply by {case.write(1 / q)}"
    return Cause(kind, f"{message}, {known}{hint}", fix, tuple(gradients), q, (), proved)


def _contract(case: Case, q: Expr) -> str:
    """Why gradients that are all off by one factor are the gradients of another loss; empty where they are not."""
    if not case.is_loss:
        return ""
    if case.reported is not None and case.reported == q:
        return f"the loss itself is {case.write(q)} times that of the reference"
    if case.reported == 1:
        return "it is not the gradient of the loss that forward returns (a mean against a sum)"
    if case.autograd:
        return "it is the gradient of another loss (a mean against a sum, or over other axes)"
    if q.free_symbols and (1 / q).is_polynomial(*q.free_symbols):
        return f"it is the gradient of a loss that is divided by {case.write(1 / q)} as well"
    return ""


def shaped(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The right numbers in the wrong shape."""
    for g in left:
        pairs = [(s.got[g], s.exact[g]) for s in samples_with(case, g)]
        if not pairs or all(a.shape == b.shape for a, b in pairs):
            continue
        dims = case.results[g].dims if g in case.results else ()
        shape = "(" + ", ".join(map(str, dims)) + ("," if len(dims) == 1 else "") + ")"
        different = [(a, b) for a, b in pairs if a.shape != b.shape]
        a, b = different[-1]
        if all(x.ndim == y.ndim >= 2 and same(x.T, y) for x, y in pairs if x.shape != y.shape):
            yield Cause(
                "transpose", f"{g} is transposed: its shape is {a.shape}, not {shape} = {b.shape}", f"{g}.T", (g,)
            )
        elif all(x.size == y.size and same(x.ravel(), y.ravel()) for x, y in different):
            yield Cause(
                "shape",
                f"{g} has the right entries in shape {a.shape}; its variable has {shape} = {b.shape}",
                f"{g}.reshape{b.shape}",
                (g,),
            )
        elif all(_reduces(x, y) for x, y in different):
            yield Cause(
                "broadcast",
                f"{g} has shape {a.shape}, its variable {shape} = {b.shape}: "
                "the sum over the axes along which it was broadcast is missing",
                f"{g}.sum(axis=0)",
                (g,),
            )
        else:
            yield Cause("shape", f"{g} has shape {a.shape}; its variable has {shape} = {b.shape}", "", (g,))


def _reduces(wide: Array, narrow: Array) -> bool:
    if wide.ndim <= narrow.ndim and wide.shape == narrow.shape:
        return False
    axes = (
        tuple(range(wide.ndim - narrow.ndim))
        if wide.ndim > narrow.ndim
        else tuple(a for a in range(wide.ndim) if narrow.shape[a] == 1 != wide.shape[a])
    )
    return wide.ndim >= narrow.ndim and same(np.asarray(wide.sum(axis=axes)).reshape(-1), narrow.reshape(-1))


def swapped(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    for a, b in combinations(left, 2):
        both = [s for s in case.samples if a in s.got and b in s.got]
        if both and all(same(s.got[a], s.exact[b]) and same(s.got[b], s.exact[a]) for s in both):
            yield Cause("swapped", f"{a} and {b} are swapped", f"return {b} where {a} is returned", (a, b))


def transposed(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    for g in left:
        pairs = [(s.got[g], s.exact[g]) for s in samples_with(case, g) if s.got[g].ndim >= 2]
        flipped = [(np.swapaxes(x, -1, -2), y) for x, y in pairs]
        if pairs and any(x.shape[-1] > 1 for x, _ in pairs) and all(same(x, y) for x, y in flipped):
            yield Cause("transpose", f"{g} is transposed", f"{g}.T", (g,))
