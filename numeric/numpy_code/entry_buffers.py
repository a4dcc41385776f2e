"""Buffers used again in functions computed entry by entry: ``y = e * (b / u) * e`` becomes ``y = b; y /= u; …``.

An array that a line reads for the last time, as the first operand of a sum or product, is overwritten with the result.
Then fewer arrays share the cache. Nothing is overwritten with what depends on another argument: that may have another
shape or dtype.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from .in_place import OPERATORS, Chain
from .lines import Line, parsed

#: So many operations at least are done in place; for one alone, the line is easier to read.
FEWEST = 2


def reuse_entries(lines: Sequence[str], arguments: Collection[str], floats: Collection[str]) -> list[str]:
    """The lines with buffers used again. floats: names of arrays of floats that the lines make."""
    found = [parsed(line) for line in lines]
    inputs = {name: {name} for name in arguments}
    out: list[str] = []
    for at, line in enumerate(found):
        if line.target:
            inputs[line.target] = _inputs(line.text, inputs)
        out += _in_place(line, found[at + 1 :], inputs, floats) or [str(line)]
    return out


def _in_place(
    line: Line, later: Sequence[Line], inputs: dict[str, set[str]], floats: Collection[str]
) -> list[str] | None:
    """One line as several that overwrite an array; None where there is none to overwrite."""
    value = ast.parse(line.text, mode="eval").body
    first, chain = flattened(value)
    if line.op != "=" or not chain:
        return None
    choices = [(first, chain)]
    if isinstance(chain[0][0], ast.Add | ast.Mult):
        choices.append((chain[0][1], [(chain[0][0], first), *chain[1:]]))
    for left, rest in choices:
        if not isinstance(left, ast.Name) or left.id not in floats:
            continue
        elsewhere = [ast.unparse(right) for _, right in rest] + [x.text for x in later]
        if any(left.id in _names(text) for text in elsewhere):
            continue
        alike = [_inputs(ast.unparse(right), inputs) <= inputs[left.id] for _, right in rest]
        count = alike.index(False) if False in alike else len(rest)
        if count < FEWEST:
            continue
        steps = [(OPERATORS[type(op)][0], _source(line.text, right)) for op, right in rest]  # type: ignore[index]
        done = [f"{line.target} {sign}= {text}" for sign, text in steps[:count]]
        apart = [f"{line.target} = {line.target} {sign} {_operand(text)}" for sign, text in steps[count:]]
        return [f"{line.target} = {left.id}", *done, *apart]
    return None


def flattened(value: ast.expr) -> tuple[ast.expr, Chain]:
    """The first operand of ``a * (b / c) * d``, here b, and the operations on it in order: / c, * a, * d."""
    chain: Chain = []
    while isinstance(value, ast.BinOp) and type(value.op) in OPERATORS:
        commutes = isinstance(value.op, ast.Mult | ast.Add) and not isinstance(value.left, ast.BinOp)
        if commutes and isinstance(value.right, ast.BinOp) and type(value.right.op) in OPERATORS:
            chain.append((value.op, value.left))
            value = value.right
        else:
            chain.append((value.op, value.right))
            value = value.left
    return value, chain[::-1]


def _inputs(text: str, inputs: dict[str, set[str]]) -> set[str]:
    return set().union(*(inputs.get(name, set()) for name in _names(text)))


def _names(text: str) -> set[str]:
    return {x.id for x in ast.walk(ast.parse(text, mode="eval")) if isinstance(x, ast.Name)}


def _source(text: str, e: ast.expr) -> str:
    return ast.get_source_segment(text, e) or ast.unparse(e)


def _operand(text: str) -> str:
    return f"({text})" if isinstance(ast.parse(text, mode="eval").body, ast.BinOp) else text
