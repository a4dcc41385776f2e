"""Functions with matrix products: NumPy multiplies matrices, and C kernels compute all that is between the products.

So it is with functions that are arguments: they are called with whole arrays, as the NumPy code calls them.

What needs no product is stage 0; stage k needs the products of the stages before it. An operand of a product that is
more than a view of an array in memory is computed by the stage before, once, and read by all later ones. Where all
steps go through stacks of matrices slice by slice, C can make the products too (:mod:`.slices`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...array_function import ArrayFunction
from ...lower import Unsupported
from ...plans import fresh_name
from ...program import Node, all_nodes
from ..build import CFunction, kernels_for
from ..loops.text import c_name
from ..lowering.entries import Lowering, axes_for
from ..lowering.products import VIEWS, WINDOWS, NeedsArray
from ..scalars import Shape, loads
from .matrix_products import Factors, matched
from .slices import in_stack
from .steps import OTHERWISE, Driver, Product, Stage

#: Operations that stay with NumPy, and those that are a view of their operand.
PRODUCTS = ("matmul", "einsum", "apply")
REALS = ("float", "double")

#: Sums of so few products in all are made sooner by ``einsum`` than by matrices, which take some calls of Python.
FEW = 2**14


def split(function: ArrayFunction, signature: CFunction, roots: Sequence[Node]) -> Driver | None:
    """The steps of a function; None where it has no matrix product. Raises ``Unsupported`` and ``Cut``."""
    nodes = all_nodes(roots)
    if not any(map(is_product, nodes)):
        return None
    return in_stack(_Splitter(function, signature, roots).driver())


class _Splitter:
    def __init__(self, function: ArrayFunction, signature: CFunction, roots: Sequence[Node]) -> None:
        self.function, self.signature, self.roots = function, signature, roots
        self.levels: dict[Node, int] = {}
        shapes = {text: shape for text, shape, _ in signature.arrays}
        self.whole = {text: whole for text, _, whole in signature.arrays}
        names = [n for n in all_nodes(roots) if n.op == "name" and n.data[0] in shapes]
        self.arrays = {n: (str(n.data[0]), shapes[str(n.data[0])]) for n in names}
        self.taken = {*function.taken, *shapes, *signature.sizes, *signature.parameters, "kind", "steps", "failed"}
        self.products: list[Node] = []
        self.stored: dict[int, list[Node]] = {}

    def driver(self) -> Driver:
        for root in self.roots:
            self._collect(root)
        for product in self.products:
            for operand in product.args:
                self._store(operand)
        wanted = dict(zip(self.roots, self.signature.outputs, strict=True))
        for root in self.roots:
            if _base(root) not in self.products:
                self._store(root, whole=True)
        lowering = Lowering(dict(self.arrays))
        for nodes in self.stored.values():
            for node in nodes:
                name, shape = wanted.get(node) or (fresh_name("step", self.taken), lowering.shape(node))
                self.arrays[node] = (name if node not in wanted else fresh_name(name, self.taken), shape)
        for product in self.products:
            self.arrays[product] = (fresh_name("product", self.taken), lowering.shape(product))
        steps: list[Product | Stage] = []
        known = {n: a for n, a in self.arrays.items() if n.op == "name"}
        for level in range(max(self.levels.values()) + 1):
            for product in self.products:
                if self.levels[product] == level:
                    steps.append(self._step(product, known))
                    known[product] = self.arrays[product]
            if self.stored.get(level):
                steps.append(self._stage(level, self.stored[level], known))
                known.update({n: self.arrays[n] for n in self.stored[level]})
        needed = tuple(dict.fromkeys(self.arrays[_array(root, self.arrays)][0] for root in self.roots))
        return Driver(self.signature, tuple(steps), tuple(map(self._returned, self.roots)), needed)

    def _collect(self, root: Node) -> None:
        """The level of each node, and the products in an order in which they can be computed."""
        for node in _operands_first(root):
            if node not in self.levels:
                below = max((self.levels[a] for a in node.args), default=0)
                self.levels[node] = below + is_product(node)
                if is_product(node):
                    self.products.append(node)

    def _store(self, node: Node, whole: bool = False) -> None:
        """Have a stage compute a node, or what it is a view of."""
        base = node if whole else _base(node)
        if base not in self.arrays and not is_product(base):
            level = self.stored.setdefault(self.levels[base], [])
            if base not in level:
                level.append(base)

    def _stage(self, level: int, nodes: Sequence[Node], known: dict[Node, tuple[str, Shape]]) -> Stage:
        outputs = [self.arrays[n] for n in nodes]
        memory = {n: (c_name(name), shape) for n, (name, shape) in known.items()}
        named = [(c_name(o), s) for o, s in outputs]
        defined = frozenset(d for d, _ in self.signature.defined)
        made = {real: kernels_for(nodes, named, memory, real, defined) for real in REALS}
        read = {str(v.data[0]) for kernels, _ in made.values() for k in kernels for v in loads(k.values)}
        arrays = [(name, shape, self.whole.get(name, False)) for name, shape in known.values() if c_name(name) in read]
        function = CFunction(
            f"{self.function.name}_part{level}",
            None,
            self.signature.sizes,
            tuple(dict.fromkeys(arrays)),
            self.signature.parameters,
            tuple(outputs),
            self.signature.elementwise,
            self.signature.defined,
        )
        return Stage(function, made)

    def _step(self, node: Node, known: dict[Node, tuple[str, Shape]]) -> Product:
        """A product, or what an argument gives; that may be no array of the same kind."""
        name, shape = self.arrays[node]
        lines = [f"{name} = {'contiguous' if shape else 'asarray'}({self._product(node)})"]
        if node.op == "apply":
            expected = f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
            lines += [f"if {name}.dtype is not kind or {name}.shape != {expected}:", f"    {OTHERWISE}"]
        return Product(name, shape, tuple(lines), self._factors(node, known))

    def _factors(self, node: Node, known: dict[Node, tuple[str, Shape]]) -> Factors | None:
        """A product as one of stacks of matrices in C, where it is one."""
        lowering = Lowering({n: (c_name(name), shape) for n, (name, shape) in known.items()})
        if node.op == "apply":
            return None
        try:
            value = lowering.entry(node, axes_for(lowering.shape(node)))
        except (NeedsArray, Unsupported):
            return None
        return matched(value) if value.op == "product" else None

    def _product(self, node: Node) -> str:
        operands = [self._view(a) for a in node.args]
        if node.op == "matmul":
            return " @ ".join(operands)
        if node.op == "apply":
            return f"{node.data[0]}({operands[0]})"
        spec = str(node.data[0])
        text = f'einsum("{spec}", {", ".join(operands)}, optimize={len(operands) > 2})'
        matrices = as_matrices(spec, operands)
        if matrices is None:
            return text
        lowering = Lowering(self.arrays)
        letters = "".join(spec.split("->")[0].split(","))
        sizes = dict(zip(letters, (d for a in node.args for d in lowering.shape(a)), strict=True))
        return f"{matrices} if {' * '.join(sizes.values())} > {FEW} else {text}"

    def _view(self, node: Node) -> str:
        if node in self.arrays:
            return self.arrays[node][0]
        inner = self._view(node.args[0])
        if node.op == "transpose":
            return f"{inner}.transpose({', '.join(map(str, node.data))})"
        return f"{inner}[{', '.join(':' if own else 'None' for own in node.data)}]"

    def _returned(self, root: Node) -> str:
        text = self._view(root)
        return f"{text}[()]" if not self.signature.outputs[self.roots.index(root)][1] else text


def is_product(node: Node) -> bool:
    """Whether NumPy computes a node. Not a product with windows: for BLAS each window would be copied first."""
    return node.op in PRODUCTS and not any(_base(a).op in WINDOWS for a in node.args)


def _base(node: Node) -> Node:
    """What a node is a view of."""
    while node.op in VIEWS:
        node = node.args[0]
    return node


def as_matrices(spec: str, operands: Sequence[str]) -> str | None:
    """A sum over several axes as one product of matrices, where each axis is summed or belongs to one operand.

    BLAS makes these; ``einsum`` adds up term by term.
    """
    given, out = spec.split("->")
    parts = given.split(",")
    if len(parts) != 2 or any(len(set(p)) < len(p) for p in parts):
        return None
    left, right = parts
    summed = [c for c in left if c in right]
    free = [c for c in left + right if c not in summed]
    if not summed or any(c in out for c in summed) or sorted(free) != sorted(out):
        return None
    axes = tuple(tuple(p.index(c) for c in summed) for p in parts)
    text = f"tensordot({', '.join(operands)}, {axes})"
    order = [free.index(c) for c in out]
    return text if order == sorted(order) else f"{text}.transpose({', '.join(map(str, order))})"


def _array(node: Node, arrays: Collection[Node]) -> Node:
    """The array in memory that a node is, or is a view of."""
    while node not in arrays:
        node = node.args[0]
    return node


def _operands_first(root: Node) -> list[Node]:
    """All nodes under a root, each after its operands."""
    order: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in order:
            for a in node.args:
                visit(a)
            order[node] = None

    visit(root)
    return list(order)
