"""Whether a formula in matrix notation says how long every sum in it is."""

from __future__ import annotations

from itertools import pairwise

from .notation import (
    Apply,
    Diag,
    Fill,
    Hadamard,
    Identity,
    Inner,
    MatMul,
    Notation,
    OneHot,
    Ones,
    Plus,
    Power,
    Quotient,
    Scaled,
    Softmax,
    SquaredNorm,
    Times,
    Trace,
    Transpose,
    parts,
)


def sizes_known(node: Notation) -> tuple[bool, bool]:
    """Whether the formula itself says how many rows and columns it has; a column of ones leaves its length open."""
    match node:
        case Ones():
            return False, True
        case Fill() | Identity():
            return False, False
        case OneHot():
            return True, False
        case Transpose(of):
            rows, columns = sizes_known(of)
            return columns, rows
        case MatMul(factors):
            return sizes_known(factors[0])[0], sizes_known(factors[-1])[1]
        case Hadamard(parts) | Plus(parts):
            known = [sizes_known(p) for p in parts]
            return any(rows for rows, _ in known), any(columns for _, columns in known)
        case Quotient(over, under):
            return sizes_known(Hadamard((over, under)))
        case Diag(of):
            return sizes_known(of)[0], sizes_known(of)[0]
        case Scaled(_, of) | Times(_, of) | Apply(_, of) | Softmax(of) | Power(of):
            return sizes_known(of)
    return True, True


def is_determined(node: Notation) -> bool:
    """False where a length that is summed over cannot be read off, as in 1ᵀ 1: such a formula says nothing."""
    if isinstance(node, MatMul):
        known = [sizes_known(f) for f in node.factors]
        if not all(left[1] or right[0] for left, right in pairwise(known)):
            return False
    if isinstance(node, SquaredNorm) and not all(sizes_known(node.of)):
        return False
    if isinstance(node, Trace) and not (sizes_known(node.of)[0] or sizes_known(node.of)[1]):
        return False
    if isinstance(node, Inner) and not all(sizes_known(Hadamard((node.left, node.right)))):
        return False
    return all(map(is_determined, parts(node)))
