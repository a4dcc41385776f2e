"""Buffers used again: ``e = np.exp(x - m); P = e / t`` becomes ``P = x - m; np.exp(P, out=P); P /= t``.

A pass over the lines of a generated function. An array of full shape that a line reads for the last time, as the first
operand of a sum or product, is overwritten with the result; so is a fresh array inside an elementary function. That
saves allocating, and first touching, arrays that do not fit into the cache, which costs more than the arithmetic.
Lines of ``if`` statements stay; what they read counts as read, and they are renamed with the others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from .lines import Line, parsed

#: Helpers that overwrite their first argument with what they return.
OVERWRITING = ("_zero_sum", "_row_minus")

#: Elementary functions with ``out=``.
UNARY = ("exp", "log", "sqrt", "tanh", "log1p", "expm1")

OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "add"),
    ast.Sub: ("-", "subtract"),
    ast.Mult: ("*", "multiply"),
    ast.Div: ("/", "divide"),
}


def reuse_buffers(
    lines: Sequence[str],
    full: Mapping[str, int],
    said: set[str],
    returned_rank: int | None,
    given: Mapping[str, int] | None = None,
) -> list[str]:
    """The lines with buffers used again.

    full: names that hold a fresh array of their own with all of its axes, and the number of these. said: names of
    definitions, which keep them; other names may change. returned_rank: that of the only array returned, if it is one.
    given: the number of axes of each argument, and of other names that have all of theirs.
    """
    deepest = max(full.values(), default=0)
    found = [parsed(x) for x in lines]
    ranks = {n: r for n, r in full.items() if r == deepest}
    made = {**(given or {}), **full}
    at = 0
    while at < len(found):
        line = found[at]
        if not line.is_plain:
            at += 1
            continue
        if line.op == "=" and line.target in ranks and (apart := _product_first(line, made, ranks, deepest)):
            found[at : at + 1] = apart
        step = _rewritten(found, at, ranks, said, deepest == returned_rank, made)
        if step is None:
            at += 1
            continue
        found, at = step
    return [str(x) for x in found]


def _product_first(line: Line, ranks: Mapping[str, int], fresh: Collection[str], deepest: int) -> list[Line]:
    """``Z = X @ W + b`` as ``Z = X @ W`` and ``Z += b``: what is computed on the spot has a buffer of its own.

    NumPy itself uses that again for a number, or a term of the same shape, and not for one with fewer axes.
    """
    value = ast.parse(line.text, mode="eval").body
    chain, first = _chain(value)
    choices = [(first, chain)]
    if chain and isinstance(chain[0][0], ast.Add | ast.Mult):
        choices.append((chain[0][1], [(chain[0][0], first), *chain[1:]]))
    if isinstance(first, ast.Name) and first.id not in fresh:
        choices.append((_innermost(value), chain[1:]))
    for inner, rest in choices:
        short = all(_is_short(right, ranks, deepest) for _, right in rest) and any(_spreads(r, ranks) for _, r in rest)
        if isinstance(inner, ast.BinOp) and short and _rank(inner, ranks) == deepest:
            texts = [(op, _source(line.text, right)) for op, right in rest]
            return [Line(line.target, "=", _source(line.text, inner)), *(_step(o, line.target, t) for o, t in texts)]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        for inner, other in ((value.right, value.left), (value.left, value.right)):
            if _is_matrix_product(inner) and _rank(inner, ranks) == deepest and not _is_matrix_product(other):
                matrix, factor = _source(line.text, inner), _source(line.text, other)
                return [Line(line.target, "=", matrix), Line(line.target, "*=", factor)]
    return []


def _is_matrix_product(e: ast.expr) -> bool:
    return isinstance(e, ast.BinOp) and isinstance(e.op, ast.MatMult)


def _innermost(value: ast.expr) -> ast.expr:
    """``a - b`` of ``(a - b) * c``."""
    while isinstance(value, ast.BinOp) and isinstance(value.left, ast.BinOp) and type(value.left.op) in OPERATORS:
        value = value.left
    return value


def _is_short(e: ast.expr, ranks: Mapping[str, int], deepest: int) -> bool:
    """Whether e is made of numbers, and of names of what has fewer axes."""
    if isinstance(e, ast.Subscript) and any(isinstance(x, ast.Constant) and x.value is None for x in ast.walk(e.slice)):
        return True
    if isinstance(e, ast.BinOp) and not isinstance(e.op, ast.MatMult):
        return _is_short(e.left, ranks, deepest) and _is_short(e.right, ranks, deepest)
    return isinstance(e, ast.Constant) or (isinstance(e, ast.Name) and ranks.get(e.id, 0) < deepest)


def _spreads(e: ast.expr, ranks: Mapping[str, int]) -> bool:
    """Whether e is an array with fewer axes."""
    return any(isinstance(x, ast.Subscript) or (isinstance(x, ast.Name) and ranks.get(x.id, 0)) for x in ast.walk(e))


def _rank(e: ast.expr, ranks: Mapping[str, int]) -> int:
    """The number of axes of sums and products of arrays that have all of theirs; 0 where that is not known."""
    if isinstance(e, ast.Name):
        return ranks.get(e.id, 0)
    if isinstance(e, ast.Attribute) and e.attr == "T":
        return _rank(e.value, ranks)
    if isinstance(e, ast.Call) and isinstance(e.func, ast.Attribute) and e.func.attr == "transpose":
        return _rank(e.func.value, ranks)
    if not isinstance(e, ast.BinOp):
        return 0
    left, right = _rank(e.left, ranks), _rank(e.right, ranks)
    return max(left, right) if not isinstance(e.op, ast.MatMult) or min(left, right) > 1 else 0


def _rewritten(
    lines: list[Line],
    at: int,
    full: Mapping[str, int],
    said: set[str],
    returns_array: bool,
    ranks: Mapping[str, int],
) -> tuple[list[Line], int] | None:
    """The lines with line ``at`` rewritten, and where to go on; None where nothing can be reused in it."""
    line = lines[at]
    value = ast.parse(line.text, mode="eval").body
    if line.op == "=" and _is_fresh_over(value):  # the quotient apart: what it divides has a buffer of its own
        x, scale = (_source(line.text, a) for a in value.args)  # type: ignore[attr-defined]
        made, divided = Line(line.target, "=", x), Line(line.target, "=", f"_over({line.target}, {scale})")
        return [*lines[:at], made, divided, *lines[at + 1 :]], at
    if line.op not in ("=", "return"):
        return None
    if not (line.target in full if line.op == "=" else returns_array):
        return _argument_in_place(lines, at, value, full, said)
    inner = _inside_function(value)
    if inner is not None and line.op == "=":
        made = Line(line.target, "=", _source(line.text, inner[1]))
        applied = Line("", "", f"np.{inner[0]}({line.target}, out={line.target})")
        return [*lines[:at], made, applied, *lines[at + 1 :]], at
    if (inside := _name_inside_function(value)) is not None and line.op == "=" and _may_go(inside[1], lines, at, full):
        function, name = inside
        if name in said or sum(name in _names(x.text) for x in lines[:at]):
            applied = Line(line.target, "=", f"np.{function}({name}, out={name})")
            return [*lines[:at], applied, *lines[at + 1 :]], at + 1
        applied = Line("", "", f"np.{function}({line.target}, out={line.target})")
        return [*_with_name(lines[:at], name, line.target), applied, *lines[at + 1 :]], at + 1
    chain, first = _chain(value)
    if not chain:
        return _argument_in_place(lines, at, value, full, said)
    choices = [(first, chain)]
    if isinstance(chain[0][0], ast.Add | ast.Mult):  # these commute
        choices.append((chain[0][1], [(chain[0][0], first), *chain[1:]]))
    for left, rest in choices:
        if isinstance(left, ast.Name) and _may_go(left.id, lines, at, full) and not _viewed(left.id, line.text, rest):
            return _emitted(left.id, rest, lines, at, said, full)
    if (
        line.op == "="
        and len(chain) == 1
        and (step := _into_right(lines, at, first, *chain[0], full, ranks)) is not None
    ):
        return step
    return _argument_in_place(lines, at, value, full, said)


def _into_right(
    lines: list[Line],
    at: int,
    left: ast.expr,
    op: ast.operator | ast.Call,
    right: ast.expr,
    full: Mapping[str, int],
    ranks: Mapping[str, int],
) -> tuple[list[Line], int] | None:
    """``C = a - B`` as ``C = np.subtract(a, B, out=B)``; a product with B is first computed in its place."""
    line = lines[at]
    if isinstance(op, ast.Call) or not isinstance(op, ast.Sub | ast.Div):
        return None
    product = _product_in_place("", right, [left], lines, at, full) if isinstance(op, ast.Sub) else None
    if product and not _spreads(product[1], ranks):
        return None
    name = right.id if isinstance(right, ast.Name) and _may_go(right.id, lines, at, full) else product and product[0]
    if not name or _reads(name, left):
        return None
    before = [Line(name, "*=", _source(line.text, product[1]))] if product else []
    made = f"np.{OPERATORS[type(op)][1]}({_source(line.text, left)}, {name}, out={name})"
    return [*lines[:at], *before, Line(line.target, "=", made), *lines[at + 1 :]], at + len(before) + 1


def _argument_in_place(
    lines: list[Line], at: int, value: ast.expr, full: Mapping[str, int], said: set[str]
) -> tuple[list[Line], int] | None:
    """``np.vecdot(x - a, y)`` as ``x -= a`` and ``np.vecdot(x, y)``, where nothing else reads x."""
    line = lines[at]
    for call in ast.walk(value):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in ("np.vecdot", "np.vdot"):
            continue
        for argument in call.args:
            chain, first = _chain(argument)
            if not chain or not isinstance(first, ast.Name) or first.id in said or isinstance(chain[0][0], ast.Call):
                continue
            alone = sum(isinstance(x, ast.Name) and x.id == first.id for x in ast.walk(value)) == 1
            if alone and len(chain) == 1 and _may_go(first.id, lines, at, full):
                (operator, right), name = chain[0], first.id
                step = _step(operator, name, _source(line.text, right))
                changed = Line(line.target, line.op, line.text.replace(_source(line.text, argument), name))
                return [*lines[:at], step, changed, *lines[at + 1 :]], at + 1
    return None


def _elementary(value: ast.expr) -> str:
    """f for ``np.f(x)`` with an elementary function f; otherwise nothing."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and len(value.args) == 1:
        named = value.func.attr if isinstance(value.func.value, ast.Name) and value.func.value.id == "np" else ""
        return named if named in UNARY and not value.keywords else ""
    return ""


def _inside_function(value: ast.expr) -> tuple[str, ast.expr] | None:
    """(f, x) for ``np.f(x)`` where x is computed on the spot."""
    named = _elementary(value)
    x = value.args[0] if named else None  # type: ignore[attr-defined]
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub) and isinstance(x.operand, ast.Call):
        return named, x
    return (named, x) if isinstance(x, ast.BinOp) and type(x.op) in OPERATORS else None


def _name_inside_function(value: ast.expr) -> tuple[str, str] | None:
    """(f, x) for ``np.f(x)`` where x is a name."""
    named = _elementary(value)
    x = value.args[0] if named else None  # type: ignore[attr-defined]
    return (named, x.id) if isinstance(x, ast.Name) else None


def _with_name(lines: Sequence[Line], old: str, new: str) -> list[Line]:
    """The lines with a name replaced."""
    return [replace(x, target=new if x.target == old else x.target, text=_renamed(x.text, old, new)) for x in lines]


def _is_fresh_over(value: ast.expr) -> bool:
    """``_over(a * b, s)``."""
    named = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "_over"
    return named and isinstance(value.args[0], ast.BinOp)  # type: ignore[attr-defined]


#: Operators with their right sides, and calls that overwrite their first argument with their other arguments.
Chain = list[tuple[ast.operator | ast.Call, ast.expr]]


def _chain(value: ast.expr) -> tuple[Chain, ast.expr]:
    """The operations of ``((a - b) / c) * d`` from the inside, and a."""
    found: Chain = []
    while True:
        if isinstance(value, ast.BinOp) and type(value.op) in OPERATORS:
            found.append((value.op, value.right))
            value = value.left
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in OVERWRITING:
            found.append((value, value.args[1]))
            value = value.args[0]
        else:
            return found[::-1], value


def _may_go(name: str, lines: Sequence[Line], at: int, full: Mapping[str, int]) -> bool:
    """Whether an array may be overwritten in line ``at``: nothing reads it, or a view of it, afterwards."""
    if name not in full:
        return False
    if any(name in _names(x.text) or x.target == name for x in lines[at + 1 :]):
        return False
    return not any(x.op == "=" and name in _names(x.text) and _is_view(x.text) for x in lines)


def _viewed(name: str, text: str, chain: Chain) -> bool:
    """Whether a later operation reads the array itself, or a view of it, and not a sum or product of it."""
    return any(_reads(name, right) and _is_view(_source(text, right)) for _, right in chain[1:])


def _reads(name: str, e: ast.expr) -> bool:
    return any(isinstance(x, ast.Name) and x.id == name for x in ast.walk(e))


def _names(text: str) -> set[str]:
    return {x.id for x in ast.walk(ast.parse(text, mode="eval")) if isinstance(x, ast.Name)}


def _is_view(text: str) -> bool:
    """A name, a slice or transpose of one, or what a function that was given made: the buffer may be shared."""
    e = ast.parse(text, mode="eval").body
    while isinstance(e, ast.Subscript | ast.Attribute) or (
        isinstance(e, ast.Call) and isinstance(e.func, ast.Attribute)
    ):
        if isinstance(e, ast.Call):
            if e.func.attr != "transpose":  # type: ignore[attr-defined]
                return False
            e = e.func
        e = e.value  # type: ignore[attr-defined]
    return isinstance(e, ast.Name) or (
        isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and not e.func.id.startswith("_")
    )


def _emitted(
    name: str, chain: Chain, lines: list[Line], at: int, said: set[str], full: Mapping[str, int]
) -> tuple[list[Line], int]:
    """Line ``at`` as steps that overwrite an array, each of them after what it reads was computed."""
    line = lines[at]
    before, after = lines[:at], lines[at + 1 :]
    taken = {n for x in lines for n in (*_names(x.text), x.target)}
    texts = [_source(line.text, right) for _, right in chain]
    for k in range(1, len(chain)):
        if _reads(name, chain[k][1]):  # a mean of what is overwritten
            base = "top" if ".argmax(" in texts[k] else "shift"
            fresh = next(n for n in (base, *(f"{base}{i}" for i in range(2, 99))) if n not in taken)
            taken.add(fresh)
            before.append(Line(fresh, "=", texts[k]))
            texts[k] = fresh
    for k, (_, right) in enumerate(chain):
        others = [right for j, (_, right) in enumerate(chain) if j != k]
        if (found := _product_in_place(name, right, others, lines, at, full)) is not None:
            before.append(Line(found[0], "*=", _source(line.text, found[1])))
            texts[k] = found[0]
    target = name if line.op == "return" else line.target
    if line.op == "return" or name not in said:
        steps = [_step(op, target, _renamed(text, name, target)) for (op, _), text in zip(chain, texts, strict=True)]
        before = _with_name(before, name, target)
    else:
        first, rest = chain[0][0], list(zip(chain, texts, strict=True))[1:]
        made = _call(first, name, texts[0])
        if not isinstance(first, ast.Call):
            made = f"np.{OPERATORS[type(first)][1]}({name}, {texts[0]}, out={name})"
        steps = [Line(target, "=", made), *(_step(op, target, text) for (op, _), text in rest)]
    if line.op == "return":
        steps.append(Line("", "return", name))
    return [*before, *steps, *after], len(before) + len(steps)


def _product_in_place(
    name: str, product: ast.expr, others: Sequence[ast.expr], lines: Sequence[Line], at: int, full: Mapping[str, int]
) -> tuple[str, ast.expr] | None:
    """(x, a) for ``a * x`` that is subtracted from something, where x may be overwritten by it."""
    if not isinstance(product, ast.BinOp) or not isinstance(product.op, ast.Mult):
        return None
    for x, a in ((product.right, product.left), (product.left, product.right)):
        if isinstance(x, ast.Name) and x.id != name and _may_go(x.id, lines, at, full):
            if not any(_reads(x.id, e) for e in others):
                return x.id, a
    return None


def _step(op: ast.operator | ast.Call, target: str, text: str) -> Line:
    return (
        Line("", "", _call(op, target, text))
        if isinstance(op, ast.Call)
        else Line(target, OPERATORS[type(op)][0] + "=", text)
    )


def _call(op: ast.operator | ast.Call, name: str, text: str) -> str:
    """A helper that overwrites an array, with its keywords."""
    if not isinstance(op, ast.Call):
        return ""
    return f"{ast.unparse(op.func)}({', '.join((name, text, *(ast.unparse(k) for k in op.keywords)))})"


def _renamed(text: str, old: str, new: str) -> str:
    return re.sub(rf"\b{re.escape(old)}\b", new, text)


def _source(text: str, e: ast.expr) -> str:
    return ast.get_source_segment(text, e) or ""
