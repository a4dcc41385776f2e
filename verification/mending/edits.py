"""Changes of an expression in the source by which shapes may come to fit: transposes, axes, letters, sizes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

#: Functions and methods that multiply two matrices.
PRODUCTS = ("matmul", "dot", "mm", "bmm", "inner")
#: Those that reduce, of which a call without an axis may lack one.
REDUCTIONS = ("sum", "mean", "max", "min", "amax", "amin", "prod", "var", "std", "norm", "logsumexp", "softmax")
#: Those whose second argument, or the first of the method, is an axis.
ALONG = (*REDUCTIONS, "unsqueeze", "squeeze", "expand_dims", "cumsum", "log_softmax", "argmax")
RESHAPES = ("reshape", "view")
MODULES = ("np", "numpy", "torch", "F", "jnp", "xp")
_ELEMENTWISE = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_AXES: tuple[int | tuple[int, ...], ...] = (0, 1, 2, -1, -2, (0, 1), (0, 2), (1, 2))
#: Of an operand of einsum with more letters than this, they are not permuted.
MOST_LETTERS = 4


@dataclass(frozen=True)
class CodeEdit:
    """One expression in the place of another, on a line. kind: of the finding that it is."""

    kind: str
    old: ast.expr
    new: ast.expr
    before: str
    after: str
    line: int
    file: str = ""

    @classmethod
    def made(cls, kind: str, old: ast.expr, new: ast.expr) -> CodeEdit:
        for node in ast.walk(new):
            if not hasattr(node, "lineno"):
                ast.copy_location(node, old)
        ast.copy_location(new, old)
        return cls(kind, old, new, ast.unparse(old), ast.unparse(new), old.lineno)


@dataclass(frozen=True)
class Style:
    """Whether the function is torch code, and its arguments."""

    torch: bool
    names: tuple[str, ...]

    def axis(self, call: ast.Call | None = None) -> str:
        """What an axis is called: as in the call, or else as in the function."""
        return "dim" if self._is_torch(call) else "axis"

    def keep(self, call: ast.Call) -> str:
        return "keepdim" if self._is_torch(call) else "keepdims"

    def _is_torch(self, call: ast.Call | None) -> bool:
        given = {w.arg for w in call.keywords} if call is not None else set()
        return bool(given & {"dim", "keepdim"}) or (self.torch and not given & {"axis", "keepdims"})


def edits(node: ast.expr, style: Style) -> Iterator[CodeEdit]:
    """The changes at the root of an expression, the likeliest first."""
    seen = {ast.unparse(node)}
    for rule in _RULES:
        for kind, new in rule(node, style):
            edit = CodeEdit.made(kind, node, new)
            if edit.after not in seen:
                seen.add(edit.after)
                yield edit


def summed(node: ast.expr, style: Style) -> Iterator[CodeEdit]:
    """A value that may lack its sum, or be transposed as a whole."""
    for flipped in _transposes(node):
        yield CodeEdit.made("transpose", node, flipped)
    for axis in _AXES:
        call = ast.Call(ast.Attribute(_copy(node), "sum", ast.Load()), [], [ast.keyword(style.axis(), _constant(axis))])
        yield CodeEdit.made("broadcast", node, call)


_Found = Iterator[tuple[str, ast.expr]]
_Node = TypeVar("_Node", bound=ast.expr)


# -- products ----------------------------------------------------------------------------------------------------------


def operands(node: ast.expr) -> tuple[ast.expr, ast.expr, Callable[[ast.expr, ast.expr], ast.expr]] | None:
    """The factors of a matrix product, and how others are put in their place."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return node.left, node.right, lambda a, b: ast.BinOp(a, ast.MatMult(), b)
    if isinstance(node, ast.Call) and not node.keywords and _name(node) in PRODUCTS:
        function = node.func
        if len(node.args) == 2 and (isinstance(function, ast.Name) or _is_module(function)):
            return node.args[0], node.args[1], lambda a, b: ast.Call(_copy(function), [a, b], [])
        if len(node.args) == 1 and isinstance(function, ast.Attribute):
            method = function.attr
            return function.value, node.args[0], lambda a, b: ast.Call(ast.Attribute(a, method, ast.Load()), [b], [])
    return None


def _product(node: ast.expr, style: Style) -> _Found:
    found = operands(node)
    if found is None:
        return
    left, right, build = found
    flips = [(a, b) for a in _transposes(left)[:1] for b in _transposes(right)[:1]]
    flips += [(a, b) for a in _transposes(left)[1:] for b in _transposes(right)[1:]]
    for a, b in flips:
        yield "transpose", build(_copy(left), b)
        yield "transpose", build(a, _copy(right))
    for a, b in flips:
        yield "transpose", build(b, a)  # the product as a whole, transposed
        yield "swapped", build(_copy(right), _copy(left))
        yield "swapped", build(_copy(right), a)
        yield "swapped", build(b, _copy(left))
        yield "transpose", build(a, b)


def _arguments(node: ast.expr, style: Style) -> _Found:
    """Arguments of another function in another order, or one of them transposed."""
    if not isinstance(node, ast.Call) or _name(node) in (*PRODUCTS, "einsum", "len", "range", "zip"):
        return
    first = 1 if isinstance(node.args[0] if node.args else None, ast.Constant) else 0
    for at in range(first, len(node.args) - 1):
        new = _copy(node)
        new.args[at : at + 2] = reversed(new.args[at : at + 2])
        yield "swapped", new
    for at in range(first, len(node.args)):
        if isinstance(node.args[at], ast.Name | ast.Attribute | ast.Subscript):
            for flipped in _transposes(node.args[at]):
                new = _copy(node)
                new.args[at] = flipped
                yield "transpose", new


def _transposes(node: ast.expr) -> list[ast.expr]:
    """An operand transposed: without its ``.T`` where it has one, with one otherwise."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        return [_copy(node.value)]
    if isinstance(node, ast.Call) and _name(node) in ("transpose", "t", "swapaxes"):
        inner = _transposed(node)
        if inner is not None:
            return [_copy(inner)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        for side in ("left", "right"):  # 2 * X.T for (2 * X).T
            other = node.right if side == "left" else node.left
            if isinstance(other, ast.Constant):
                return [_with_side(node, side, flipped) for flipped in _transposes(getattr(node, side))]
    swap = ast.Call(ast.Attribute(_copy(node), "swapaxes", ast.Load()), [_constant(-1), _constant(-2)], [])
    return [ast.Attribute(_copy(node), "T", ast.Load()), swap]


def _with_side(node: ast.BinOp, side: str, new: ast.expr) -> ast.expr:
    changed = _copy(node)
    setattr(changed, side, new)
    return changed


def _transposed(node: ast.Call) -> ast.expr | None:
    """What a call of transpose is applied to, where it exchanges two axes."""
    if not isinstance(node.func, ast.Attribute):
        return None
    on_module = _is_module(node.func)
    arguments = node.args[1:] if on_module else node.args
    if node.keywords or len(arguments) not in (0, 2) or (on_module and not node.args):
        return None
    return node.args[0] if on_module else node.func.value


def _untransposed(node: ast.expr, style: Style) -> _Found:
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "transpose", _copy(node.value)
    elif isinstance(node, ast.Call) and _name(node) in ("transpose", "t", "swapaxes"):
        inner = _transposed(node)
        if inner is not None:
            yield "transpose", _copy(inner)


# -- axes --------------------------------------------------------------------------------------------------------------


def _kept(node: ast.expr, style: Style) -> _Found:
    """An axis that is kept, or not."""
    if not (isinstance(node, ast.Call) and _name(node) in REDUCTIONS):
        return
    at = next((k for k, w in enumerate(node.keywords) if w.arg in ("keepdims", "keepdim")), None)
    new = _copy(node)
    if at is not None:
        del new.keywords[at]
    else:
        new.keywords.append(ast.keyword(style.keep(node), _constant(True)))
    yield "broadcast", new


def _unsummed(node: ast.expr, style: Style) -> _Found:
    """A sum or a mean that does not belong there."""
    if isinstance(node, ast.Call) and _name(node) in ("sum", "mean"):
        on_module = isinstance(node.func, ast.Name) or _is_module(node.func)
        if on_module and node.args:
            yield "shape", _copy(node.args[0])
        elif not on_module and isinstance(node.func, ast.Attribute):
            yield "shape", _copy(node.func.value)


def _axis(node: ast.expr, style: Style) -> _Found:
    """Another axis, or one where there is none."""
    if not isinstance(node, ast.Call):
        return
    name = _name(node)
    at = next((k for k, w in enumerate(node.keywords) if w.arg in ("axis", "dim")), None)
    first = 1 if isinstance(node.func, ast.Name) or _is_module(node.func) else 0
    if at is not None:
        now = _number(node.keywords[at].value)
        for axis in _others(now):
            new = _copy(node)
            new.keywords[at].value = _constant(axis)
            yield "wrong-axis", new
            yield from (("wrong-axis", other) for _, other in _kept(new, style))
    elif name in ALONG and len(node.args) > first and _number(node.args[first]) is not None:
        for axis in _others(_number(node.args[first])):
            new = _copy(node)
            new.args[first] = _constant(axis)
            yield "wrong-axis", new
    elif name in REDUCTIONS and len(node.args) == first:
        for axis in _AXES:
            new = _copy(node)
            new.keywords.insert(0, ast.keyword(style.axis(node), _constant(axis)))
            yield "wrong-axis", new


def _others(now: int | tuple[int, ...] | None) -> Sequence[int | tuple[int, ...]]:
    """Other axes; as the code counts them, from the front or from the back, first."""
    back = isinstance(now, int) and now < 0
    found = [a for a in _AXES if a != now]
    return sorted(found, key=lambda a: (isinstance(a, tuple) != isinstance(now, tuple), (_least(a) < 0) != back))


def _least(axis: int | tuple[int, ...]) -> int:
    return axis if isinstance(axis, int) else min(axis)


def _spread(node: ast.expr, style: Style) -> _Found:
    """An operand of an elementwise operation with an axis more, or transposed."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, _ELEMENTWISE)):
        return
    for side in ("right", "left"):
        own = getattr(node, side)
        if isinstance(own, ast.Constant):
            continue
        yield from ((kind, _with_side(node, side, new)) for kind, new in _reshaped(own))


def _reshaped(own: ast.expr) -> _Found:
    colon, none, dots = ast.Slice(), ast.Constant(None), ast.Constant(...)
    for index in ([colon, none], [none, colon], [dots, none], [colon, none, colon]):
        yield "broadcast", ast.Subscript(_copy(own), ast.Tuple([_copy(i) for i in index], ast.Load()), ast.Load())
    for flipped in _transposes(own):
        yield "transpose", flipped


def _inserted(node: ast.expr, style: Style) -> _Found:
    """``x[:, None]`` for ``x[None, :]``."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple)):
        return
    own = node.slice.elts
    if not any(_is_new(e) for e in own):
        return
    for order in dict.fromkeys(permutations(range(len(own)))):
        new = _copy(node)
        assert isinstance(new.slice, ast.Tuple)
        new.slice.elts = [new.slice.elts[k] for k in order]
        yield "broadcast", new
    yield "broadcast", _copy(node.value)


def _is_new(e: ast.expr) -> bool:
    return (isinstance(e, ast.Constant) and e.value is None) or (isinstance(e, ast.Attribute) and e.attr == "newaxis")


# -- einsum, sizes -----------------------------------------------------------------------------------------------------


def _letters(node: ast.expr, style: Style) -> _Found:
    """One operand of an einsum, or its output, with other letters."""
    if not (isinstance(node, ast.Call) and _name(node) == "einsum" and node.args):
        return
    text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    if not isinstance(text, str) or "->" not in text:
        return
    inputs, _, output = text.replace(" ", "").partition("->")
    terms = [*inputs.split(","), output]
    known = sorted({c for c in text if c.isalpha()})
    for kind, vary in (("transpose", _permuted), ("wrong-axis", lambda t: _relettered(t, known))):
        for at, term in enumerate(terms):
            for other in vary(term):
                changed = [*terms[:at], other, *terms[at + 1 :]]
                new = _copy(node)
                new.args[0] = _constant(f"{','.join(changed[:-1])}->{changed[-1]}")
                yield kind, new


def _permuted(term: str) -> Iterator[str]:
    if "." not in term and len(term) <= MOST_LETTERS:
        yield from ("".join(p) for p in permutations(term) if "".join(p) != term)


def _relettered(term: str, known: Sequence[str]) -> Iterator[str]:
    for at, letter in enumerate(term):
        yield from (term[:at] + c + term[at + 1 :] for c in known if c != letter and letter.isalpha())


def _measured(node: ast.expr, style: Style) -> _Found:
    """Another size: ``X.shape[1]`` for ``X.shape[0]``, of another array, and −1 in a reshape."""
    if isinstance(node, ast.Subscript) and _is_shape(node.value) and isinstance(_number(node.slice), int):
        for axis in (0, 1, 2, -1):
            other = _copy(node)
            other.slice = _constant(axis)
            yield "shape", other
    if isinstance(node, ast.Attribute) and _is_shape(node):
        yield from (("shape", _of(node, name)) for name in style.names)
    if not isinstance(node, ast.Call):
        return
    if _name(node) in RESHAPES:
        first = 1 if _is_module(node.func) else 0
        for at in range(len(_sizes(node, first))):
            new = _copy(node)
            _sizes(new, first)[at] = _constant(-1)
            yield "shape", new
    if _name(node).endswith("_like") and node.args and isinstance(node.args[0], ast.Name):
        for name in style.names:
            new = _copy(node)
            new.args[0] = ast.Name(name, ast.Load())
            yield "shape", new


def _sizes(call: ast.Call, first: int) -> list[ast.expr]:
    """The list of the sizes in a reshape, which may be written into: those of a tuple, or the arguments."""
    inner = call.args[first] if len(call.args) == first + 1 else None
    if isinstance(inner, ast.Tuple | ast.List):
        return inner.elts
    return call.args if first == 0 else []


def _of(node: ast.Attribute, name: str) -> ast.expr:
    return ast.Attribute(ast.Name(name, ast.Load()), node.attr, ast.Load())


def _is_shape(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "shape" and isinstance(node.value, ast.Name)


# -- parts of trees ----------------------------------------------------------------------------------------------------


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_module(function: ast.expr) -> bool:
    """Whether a function is called on a module, as in ``np.sum(x)``, and not as a method."""
    while isinstance(function, ast.Attribute):
        function = function.value
        if isinstance(function, ast.Name):
            return function.id in MODULES
    return False


def _number(node: ast.expr) -> int | tuple[int, ...] | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, int | tuple) else None


def _constant(value: object) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _copy(node: _Node) -> _Node:
    return copy.deepcopy(node)


_RULES = (_product, _untransposed, _kept, _axis, _unsummed, _letters, _measured, _inserted, _spread, _arguments)
