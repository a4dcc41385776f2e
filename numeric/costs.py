"""What array programs cost in NumPy, in a table: an estimate that is the same on every machine.

The figures are nanoseconds for each entry, of arrays in float32 that stay in the cache. Those of NumPy's own functions
are as benchmarks/operation_costs.py measured them once, NumPy 2.4 on an AMD EPYC with AVX-512; those of helpers are
sums. They only rank forms of one formula: ratios count.
"""

from __future__ import annotations

from collections.abc import Iterable

from .program import Node

#: Of elementwise functions. With a number for one side, np.maximum and np.minimum are as slow as an exponential.
CALLS = {
    **dict.fromkeys(("exp", "maximum", "minimum", "relu", "sign"), 0.35),
    **dict.fromkeys(("log", "log1p", "expm1"), 0.28),
    "abs": 0.07,
    "sqrt": 0.3,
    "tanh": 0.18,
    **dict.fromkeys(("clip", "finite"), 0.1),
    "beyond": 0.05,
    "where": 1.0,
    "sigmoid": 0.9,
    "sech2": 0.9,
    "softplus": 1.2,
    "exp_polynomial": 1.6,
    "exp_product": 1.3,
    "exp_quotient": 1.3,
    "erfcx": 2.4,
    "normal_tail": 1.2,
    "erf": 5.0,
    "erfc": 4.5,
}

#: Any other function; a sum, or a product, of an array and an array or a number; a quotient; a truth value as a factor.
OTHER, ARITHMETIC, QUOTIENT, CHOICE = 1.0, 0.07, 0.1, 0.18


def cost(roots: Iterable[Node]) -> float:
    """The cost of some programs, in nanoseconds for each entry: what they share is computed once."""
    seen: set[Node] = set()
    stack, total = list(roots), 0.0
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += node.args
            total += _own(node)
    return total


def _own(node: Node) -> float:
    if node.is_atom or node.kind == "python":
        return 0.0
    if node.op == "call":
        return CALLS.get(str(node.data[0]), OTHER)
    if node.op == "mul":
        split: int = node.data[0]  # type: ignore[assignment]
        choices = sum(a.kind == "bool" for a in node.args) * (CHOICE - ARITHMETIC)
        return max(split - 1, 0) * ARITHMETIC + (len(node.args) - split) * QUOTIENT + choices
    if node.op == "add":
        return (len(node.args) - 1) * ARITHMETIC
    return CHOICE / 2 if node.op == "cast" else ARITHMETIC
