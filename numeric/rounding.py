"""Fewer roundings in functions that are computed entry by entry: array programs that are the same but for the last bit.

NumPy's elementary functions of float32 are up to 2.4 units off. In a function that is one of them, times parameters and
on one side of a border, that is nearly all of the error: there it is computed in float64 and rounded once. Parameters
are multiplied with each other first: they are numbers, of which float64 has more digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import program
from .program import Node

#: Functions that are computed in float64, and rounded, where nothing else adds to their error.
IN_DOUBLE = frozenset("exp expm1 log log1p tanh sinh cosh sin cos arctan sigmoid softplus".split())

#: What else counts as an elementary function; these have their own way to be accurate.
OTHERS = frozenset(
    "erf erfc erfcx normal_tail sech2 tanh_remainder exp_polynomial exp_product exp_quotient power xlogx".split()
)


def with_fewer_roundings(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The programs of the values of one function, by name."""
    found = with_parameters_first(nodes)
    return {name: _in_double(node) if _is_one_chain(_calls(node)) else node for name, node in found.items()}


def with_parameters_first(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The programs of some values, by name, in which numbers are multiplied with each other first."""
    visit = program.rebuilder(_parameters_first)
    return {name: visit(node) for name, node in nodes.items()}


def _parameters_first(_: Node, node: Node) -> Node | None:
    if node.op != "mul":
        return None
    split: int = node.data[0]  # type: ignore[assignment]
    over, under = node.args[:split], node.args[split:]
    numbers = tuple(a for a in over if a.kind == "python")
    if len(numbers) > 1 and len(numbers) < len(over):
        over = (*numbers, *(a for a in over if a.kind != "python"))
    return program.mul(over, under)


def _calls(node: Node) -> list[Node]:
    """The elementary functions on all ways through a program: one that is used twice comes twice."""
    own = [node] if node.op == "call" and node.data[0] in IN_DOUBLE | OTHERS else []
    return own + [c for a in node.args for c in _calls(a)]


def _is_one_chain(calls: list[Node]) -> bool:
    """Whether there is one elementary function, and all others stand in its argument."""
    return bool(calls) and len(calls) == len(_calls(calls[0]))


def _in_double(node: Node) -> Node:
    """The one elementary function in float64, where the value is a multiple of it, plus something."""
    if node.op == "call" and node.data[0] in IN_DOUBLE:
        (x,) = node.args
        return WRITTEN_OUT[node.data[0]](x) if node.data[0] in WRITTEN_OUT else _called(str(node.data[0]), x)
    if not (node.op in ("add", "neg", "cast") or _is_multiple(node) or (node.op == "call" and node.data[0] == "where")):
        return node
    return Node(node.op, tuple(map(_in_double, node.args)), node.data, node.rank, node.kind)


def _called(function: str, x: Node) -> Node:
    return Node("call", (x,), (function, "in double"), x.rank)


def _decaying(x: Node) -> Node:
    """exp(−|x|)."""
    return _called("exp", program.negative(program.call("abs", x.args[0] if x.op == "neg" else x)))


def _sigmoid(x: Node) -> Node:
    """1/(1 + e) where x > 0, e/(1 + e) elsewhere, with e = exp(−|x|)."""
    e = _decaying(x)
    variable, signs = (x.args[0], ("<", ">=")) if x.op == "neg" else (x, (">", "<="))
    above, below = (Node("compare", (variable, program.const(0)), (sign,), x.rank, "bool") for sign in signs)
    over = program.add(((1, above), (1, program.mul((below, e)))))
    return program.mul((over,), (program.add(((1, e), (1, program.const(1)))),))


def _softplus(x: Node) -> Node:
    """max(x, 0) + log(1 + exp(−|x|))."""
    return program.add(((1, program.call("relu", x)), (1, _called("log1p", _decaying(x)))))


#: Functions that are none of NumPy's own: in terms of those.
WRITTEN_OUT: Mapping[object, Callable[[Node], Node]] = {"sigmoid": _sigmoid, "softplus": _softplus}


def _is_multiple(node: Node) -> bool:
    """A product in which one factor only is an elementary function."""
    return node.op == "mul" and sum(bool(_calls(a)) for a in node.args) == 1
