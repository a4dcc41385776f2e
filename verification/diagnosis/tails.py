"""Wrong exactly where a dimension is no multiple of a power of two: the last block of a kernel is not masked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .case import Case, Cause, are, names
from .evidence import closeness, same

#: A block this small is no block: every odd size would be its tail.
SMALLEST = 8
BLOCKS = (16, 32, 64, 128, 256, 512, 1024)
#: Sizes on either side that a claim needs.
WITNESSES = 2

Tried = Sequence[tuple[Mapping[str, int], bool]]


def sizes_of(comparisons: Iterable[Any], gradients: Sequence[str], dtype: str) -> Mapping[str, Tried]:
    """For every gradient the sizes at which it was compared on ordinary input, and whether it was right there.

    Right means up to a few hundred roundings of its largest entry: the error that is allowed grows with the length of
    sums, and a mask that is missing in one of a thousand terms could hide in it.
    """
    found: dict[str, list[tuple[Mapping[str, int], bool]]] = {g: [] for g in gradients}
    with closeness(dtype):
        for c in comparisons:
            if c.gradient in found and c.dtype == dtype and c.ordinary and not c.kink and c.got is not None:
                found[c.gradient].append((dict(c.sizes), c.finite and same(c.got.astype(float), c.exact)))
    return found


def tails(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """One cause for all gradients with the same dimension and block."""
    groups: dict[tuple[str, str], list[str]] = {}
    for g in left:
        tried = case.by_size.get(g, ())
        found = next((claim for d in case.derivation.dims if (claim := _claim(tried, str(d)))), None)
        if found is not None:
            groups.setdefault(found, []).append(g)
    for (dim, said), gradients in groups.items():
        message = f"{names(gradients)} {are(gradients)} wrong wherever {dim} {said}, and right elsewhere"
        fix = f"mask loads and stores by the index along {dim}, with a value that leaves sums and maxima as they are"
        yield Cause("mask", f"{message}: the end of the last block is not masked", fix, tuple(gradients))


def _claim(tried: Tried, dim: str) -> tuple[str, str] | None:
    """Whether the size of one dimension decides, and how."""
    by_size: dict[int, set[bool]] = {}
    for sizes, ok in tried:
        if dim in sizes:
            by_size.setdefault(sizes[dim], set()).add(ok)
    wrong = {s for s, said in by_size.items() if said == {False}}
    right = {s for s, said in by_size.items() if said == {True}}
    mixed = {s for s, said in by_size.items() if len(said) > 1}
    large = {s for s in right if s > SMALLEST}
    if mixed or len(wrong) < WITNESSES or len(large) < WITNESSES:
        return None
    if all(_is_power(s) for s in right) and not any(_is_power(s) for s in wrong):
        return dim, "is no power of two"
    for block in BLOCKS:
        if all(s % block == 0 for s in right) and all(s % block for s in wrong):
            return dim, f"is no multiple of {block}"
    return None


def _is_power(size: int) -> bool:
    return size & (size - 1) == 0
