"""Array programs in the operations that NumPy is best at: inner products instead of products that are summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from .. import program
from ..program import Node


def with_inner_products(roots: Sequence[Node], names: Sequence[str] = (), vectors: bool = False) -> list[Node]:
    """The same programs, where ``(a * b).sum(axis)`` along an axis is an inner product, and BLAS adds rows.

    names: those of the first programs, which the others may read. vectors: also that of two vectors, and sums of one
    where no array has more axes, which pays, and needs a helper, where they are long. The largest along the last axis
    is found by its place, which takes NumPy a third of the time.
    """
    uses = program.uses(roots)
    known = dict(zip(names, roots, strict=False))
    fewest = 1 if vectors and max(n.rank for n in uses) == 1 else 2

    def better(old: Node, new: Node) -> Node | None:
        return (
            _inner(old, new, uses, vectors)
            or _sum_along_rows(new, known, fewest)
            or _sum_of_rows(new)
            or _divided_early(new)
            or _largest(new)
        )

    return list(map(program.rebuilder(better), roots))


def _inner(old: Node, node: Node, uses: Counter[Node], vectors: bool) -> Node | None:
    """An inner product; None where a sum is none, or where something else needs the product too."""
    if node.op != "reduce" or node.data[0] != "sum" or uses[old.args[0]] != 1:
        return None
    factors = _two_factors(node.args[0])
    axes, keepdims = node.data[1:]
    if factors is None:
        return None
    rank = node.args[0].rank
    if len(axes) == rank >= 2 and not keepdims:  # type: ignore[arg-type]
        rows = Node("call", factors, ("vecdot",), rank - 1, "float")
        return program.reduce("sum", rows, tuple(range(rank - 1)))
    if rank == 1 and vectors and not keepdims:
        return Node("call", factors, ("inner",), 0, "float")
    if (rank, axes) == (2, (0,)):
        columns = Node("call", factors, ("sum_products",), 1, "float")
        return program.expand(columns, (False, True)) if keepdims else columns
    if rank < 2 or axes != (rank - 1,):
        return None
    dot = Node("call", factors, ("vecdot",), rank - 1, "float")
    return program.expand(dot, (True,) * (rank - 1) + (False,)) if keepdims else dot


def _sum_of_rows(node: Node) -> Node | None:
    """A sum over the first axis: NumPy adds row after row, and the rounding errors of all of them. The others first."""
    if node.op != "reduce" or node.data[0] != "sum":
        return None
    x, axes = node.args[0], sorted(node.data[1])  # type: ignore[call-overload]
    if axes[0] != 0 or len(axes) == x.rank or x.kind != "float" or x.op == "cast":  # a count is exact
        return None
    rows = program.reduce("sum", x, tuple(axes[1:])) if axes[1:] else x
    total = Node("call", (rows,), ("sum_rows",), rows.rank - 1, "float")
    return program.expand(total, tuple(at not in axes for at in range(x.rank))) if node.data[2] else total


def _sum_along_rows(node: Node, known: Mapping[str, Node], fewest: int) -> Node | None:
    """A sum over the last axis, of arrays that have so many axes at least.

    None of a row of exponentials is negative: what order they are added in matters little.
    """
    if node.op != "reduce" or node.data[0] != "sum" or node.args[0].kind != "float":
        return None
    x, axes, rank = node.args[0], node.data[1], node.args[0].rank
    if rank < fewest or axes != (rank - 1,) or x.op == "cast":
        return None
    made = known.get(str(x.data[0]), x) if x.op == "name" else x
    name = "sum_exponentials" if rank > 1 and (made.op, made.data) == ("call", ("exp",)) else "sum_each_row"
    total = Node("call", (x,), (name,), rank - 1, "float")
    return program.expand(total, (True,) * (rank - 1) + (False,)) if node.data[2] else total


def _largest(node: Node) -> Node | None:
    if node.op != "reduce" or node.data[0] != "max" or singletons(node.args[0]):
        return None
    rank = node.args[0].rank
    if rank < 2 or node.data[1] != (rank - 1,):
        return None
    found = Node("row_max", node.args, (), rank - 1)
    return program.expand(found, (True,) * (rank - 1) + (False,)) if node.data[2] else found


def _divided_early(node: Node) -> Node | None:
    """``c[:, None] * x / n`` as ``(c / n)[:, None] * x``: what has fewer entries is divided."""
    if node.op != "mul" or len(node.args) == node.data[0]:
        return None
    split: int = node.data[0]  # type: ignore[assignment]
    over, under = node.args[:split], node.args[split:]
    fewer = (a for a in over if a.kind == "float" and (singletons(a) or (0 < a.rank < node.rank and not a.is_atom)))
    rows = next(fewer, None)
    if rows is None or len(over) < 2 or any(a.op not in ("dim", "const") for a in under):
        return None
    if rows.op == "expand":
        divided = program.expand(program.mul(rows.args, under), rows.data)  # type: ignore[arg-type]
    else:
        divided = program.mul((rows,), under)
    return program.mul(tuple(divided if a is rows else a for a in over))


def small_results_first(names: Sequence[str], nodes: Sequence[Node]) -> list[int]:
    """An order of named values: what has fewer axes, and shares what it reads with the last large one, comes before it.

    What they share may then be overwritten by the large one. Every value still comes after what it reads.
    """
    order = list(range(len(names)))
    deepest = max((n.rank for n in nodes), default=0)
    at = max((k for k in order if nodes[k].rank == deepest), default=0)
    reads = [{m.data[0] for m in program.all_nodes([n]) if m.op == "name"} & {*names} for n in nodes]
    after = {names[k] for k in order[at:]}
    moved = [k for k in order[at + 1 :] if nodes[k].rank < deepest and reads[k] & reads[at] and not reads[k] & after]
    return [*order[:at], *moved, *(k for k in order[at:] if k not in moved)]


def _two_factors(product: Node) -> tuple[Node, Node] | None:
    """a and b of ``a * b`` or ``a**2``, as arrays of floats with all axes."""
    factors = product.args if product.op == "mul" and product.data == (2,) else ()
    if product.op == "pow" and product.data == (2,):
        factors = (product.args[0], product.args[0])
    if len(factors) != 2 or any(f.kind != "float" or f.rank != product.rank or singletons(f) for f in factors):
        return None
    return factors  # type: ignore[return-value]


def singletons(node: Node) -> frozenset[int]:
    """The axes of length one that a node has for broadcasting."""
    if node.op == "expand":
        return frozenset(at for at, own in enumerate(node.data) if not own)
    if node.op == "reduce":
        return frozenset(node.data[1]) if node.data[2] else frozenset()  # type: ignore[call-overload]
    if node.op in ("add", "mul", "neg", "pow", "cast") or (node.op == "call" and node.data[0] != "vecdot"):
        full = [a for a in node.args if a.rank == node.rank]
        return frozenset.intersection(*map(singletons, full)) if full else frozenset()
    return frozenset()
