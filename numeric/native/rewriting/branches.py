"""Masks in sums of a kernel as choices: [x > 0] a + [x ≤ 0] b is a where x > 0, else b.

A choice costs one instruction, and the divisions of its branches can be one (:mod:`.divisions`). Where x is NaN the
mask of either is 0, and the choice takes its second branch: it must depend on x, too, so that NaN comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..scalars import Axis, Scalar, closure, negative, rewritten, signed_sum

OPPOSITE = {">": "<=", "<": ">=", "<=": ">", ">=": "<"}

#: A sum as numbers by the values that they multiply; None stands for 1.
Combination = dict[Scalar | None, float]


def chosen(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """Sums with masks in them as choices, where these are no longer."""
    return rewritten(roots, lambda v, before: _complementary(v) or _one_mask(v) or v)


def _complementary(v: Scalar) -> Scalar | None:
    """[c] a + [not c] b."""
    if v.op != "add" or len(v.args) != 2:
        return None
    one, other = map(_masked, v.args)
    if one is None or other is None:
        return None
    (first, a), (second, b) = one, other
    if OPPOSITE.get(str(first.data[0])) != second.data[0] or first.args != second.args:
        return None
    a, b = (t if sign == 1 else negative(t) for sign, t in zip(v.data, (a, b), strict=True))
    if first.data[0] in (">=", "<="):  # a NaN goes to the branch that is not named
        first, a, b = second, b, a
    return _choice(first, a, b)


def _one_mask(v: Scalar) -> Scalar | None:
    """[c] a + b, where a + b has fewer terms."""
    if v.op != "add":
        return None
    found = [(at, part) for at, part in enumerate(map(_masked, v.args)) if part is not None]
    if len(found) != 1:
        return None
    at, (mask, a) = found[0]
    terms = list(zip(v.data, v.args, strict=True))
    sign = int(terms.pop(at)[0])  # type: ignore[call-overload]
    rest = _signed(terms)  # type: ignore[arg-type]
    total, more = _combination(rest), _combination(a)
    before = len(total) + len(more)
    for base, times in more.items():
        total[base] = total.get(base, 0.0) + sign * times
    total = {base: times for base, times in total.items() if times}
    return _choice(mask, _written(total), rest) if 0 < len(total) < before else None


def _choice(mask: Scalar, a: Scalar, b: Scalar) -> Scalar | None:
    variable = [x for x in mask.args if x.op != "const"]
    if len(variable) != 1 or variable[0] not in closure([b]):
        return None
    return Scalar("call", (mask, a, b), ("where",), mask.axes | a.axes | b.axes)


def _masked(v: Scalar) -> tuple[Scalar, Scalar] | None:
    """A product with one mask above the bar: the mask, and the rest."""
    if v.op == "compare":
        return v, Scalar("const", (), (1.0,))
    if v.op != "mul":
        return None
    split: int = v.data[0]  # type: ignore[assignment]
    masks = [a for a in v.args[:split] if a.op == "compare"]
    if len(masks) != 1 or len(v.args) < 2:
        return None
    over = [a for a in v.args[:split] if a is not masks[0]]
    if len(over) == 1 and split == len(v.args):
        return masks[0], over[0]
    args = (*over, *v.args[split:])
    return masks[0], Scalar("mul", args, (len(over),), frozenset().union(*(a.axes for a in args)))


def _signed(terms: Sequence[tuple[int, Scalar]]) -> Scalar:
    if len(terms) == 1:
        sign, value = terms[0]
        return value if sign == 1 else negative(value)
    return signed_sum(*terms)


def _combination(v: Scalar) -> Combination:
    if v.op == "const":
        return {None: float(v.data[0])}  # type: ignore[arg-type]
    if v.op == "neg":
        return {base: -times for base, times in _combination(v.args[0]).items()}
    if v.op == "mul" and v.data[0] == len(v.args) == 2 and v.args[0].op == "const":
        times = float(v.args[0].data[0])  # type: ignore[arg-type]
        return {base: times * t for base, t in _combination(v.args[1]).items()}
    if v.op != "add":
        return {v: 1.0}
    total: Combination = {}
    for sign, a in zip(v.data, v.args, strict=True):
        for base, times in _combination(a).items():
            total[base] = total.get(base, 0.0) + sign * times  # type: ignore[operator]
    return total


def _written(total: Combination) -> Scalar:
    terms: list[tuple[int, Scalar]] = []
    for base, times in total.items():
        sign, size = (1, times) if times > 0 else (-1, -times)
        if base is None:
            terms.insert(0, (sign, Scalar("const", (), (size,))))
        elif size == 1.0:
            terms.append((sign, base))
        else:
            terms.append((sign, Scalar("mul", (Scalar("const", (), (size,)), base), (2,), base.axes)))
    return _signed(terms)


__all__ = ["chosen"]
