"""From array programs to C functions: the kernels that compute given nodes, and their text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..lower import Unsupported
from ..plans import GeneratedFunction
from ..program import Node
from .loops.accumulate import MODE, accumulated, accumulation, alone
from .loops.accumulator import Accumulator
from .loops.emit import Emitter
from .loops.kernels import Cut, Kernel, Target, Uncovered, schedule
from .loops.text import c_name
from .lowering.entries import Lowering, axes_for
from .lowering.products import NeedsArray
from .matrices.matrix_products import MODE as MATRIX
from .matrices.matrix_products import MatrixProduct, matched
from .rewriting.cheapest import cheapest
from .rewriting.moments import in_one_pass
from .rewriting.row_moments import in_fewer_passes
from .rewriting.scale_at_need import scaled_at_need
from .scalars import Axis, Scalar, Shape, closure, dimension, load, replaced

#: What writes a kernel, by its mode; all others the Emitter.
WRITERS: Mapping[str, type[Emitter]] = {MODE: Accumulator, MATRIX: MatrixProduct}

#: Compilers take minutes for a function with more of them.
MAX_OPERATIONS = 2000
ENTANGLED = "its loops depend on each other in a way that has no C form yet"


@dataclass(frozen=True)
class CFunction:
    """A function of a C module as it is called: sizes, then arrays, parameters and outputs by name, with shapes.

    function: what it computes; None for a part of a function. Arrays tell whether they are integers. defined: the sizes
    that follow from others, each with its equation. in_place: every entry is read before it is written, so that an
    output may be the array of an input. functions: arguments that are functions of one number.
    """

    name: str
    function: GeneratedFunction | None
    sizes: tuple[str, ...]
    arrays: tuple[tuple[str, Shape, bool], ...]
    parameters: tuple[str, ...]
    outputs: tuple[tuple[str, Shape], ...]
    elementwise: bool
    defined: tuple[tuple[str, str], ...] = ()
    in_place: bool = False
    functions: tuple[str, ...] = ()


def kernels_for(
    roots: Sequence[Node],
    outputs: Sequence[tuple[str, Shape]],
    arrays: Mapping[Node, tuple[str, Shape]],
    real: str,
    defined: frozenset[str] = frozenset(),
    positive: frozenset[str] = frozenset(),
) -> tuple[list[Kernel], dict[str, Shape]]:
    """The kernels that compute these nodes, in order, and the arrays that go from one kernel to another.

    outputs: the C names and shapes of the nodes. arrays: nodes that are in memory. real: float or double. defined: the
    dimensions that follow from others. positive: parameters that are. Raises ``Unsupported`` and ``Cut``.
    """
    lowering = Lowering(arrays, real, positive)
    temporaries: dict[str, Shape] = {}
    products: dict[Scalar, Scalar] = {}
    kernels: list[Kernel] = []

    def lower_all(nodes: Sequence[Node], names: Sequence[str], shapes: Sequence[Shape]) -> list[Target]:
        found = []
        for node, text, shape in zip(nodes, names, shapes, strict=True):
            while True:
                try:
                    place = axes_for(shape)
                    own = len(lowering.shape(node))
                    value = lowering.entry(node, place[len(place) - own :] if own else ())
                    break
                except NeedsArray as missing:
                    fresh = f"temporary{len(temporaries) + 1}"
                    own_shape = temporaries[fresh] = lowering.shape(missing.node)
                    inner = lower_all([missing.node], [fresh], [own_shape])
                    kernels.extend(_fused(inner, temporaries, products, real, defined))
                    lowering.store(missing.node, fresh)
            found.append(Target(text, value, place))
        return found

    targets = lower_all(roots, [o for o, _ in outputs], [s for _, s in outputs])
    kernels += _fused(targets, temporaries, products, real, defined)
    kernels = in_one_pass(kernels, temporaries, real)
    kernels = [_less_read(k, real) for k in kernels]
    if sum(len(k.values) for k in kernels) > MAX_OPERATIONS:
        raise Unsupported(f"it has more than {MAX_OPERATIONS} operations")
    return kernels, temporaries


def _fused(
    targets: Sequence[Target],
    temporaries: dict[str, Shape],
    products: dict[Scalar, Scalar],
    real: str,
    defined: frozenset[str],
) -> list[Kernel]:
    """Kernels for these targets: as few as can be; what they need first is stored in temporaries.

    products: sums that earlier kernels have stored, and where.
    """
    before, current = _accumulations(targets, temporaries, products, defined)
    if not current:
        return before
    for _ in range(12):
        domains = {t: _domain(t) for t in current}
        small = [t for t in current if domains[t] < frozenset().union(*domains.values())]
        for t in small:  # in loops that it does not run through it would be computed again and again
            before += _fused([t], temporaries, products, real, defined)
        current = [t for t in current if t not in small]
        if not current:
            return before
        try:
            kernel = schedule(current)
            if left := _needed_after(kernel):
                raise Cut(*left)
            return [*before, _cheap(kernel, real)]
        except Uncovered:
            for t in current:
                before += _fused([t], temporaries, products, real, defined)
            return before
        except Cut as cut:
            stored = {}
            made = []
            for value in cut.values:
                place = tuple(sorted(value.axes, key=lambda a: _position(a, current)))
                shape = tuple(dimension(a) for a in place)
                if not place and value in (t.value for t in current):
                    raise Unsupported(ENTANGLED) from None
                fresh = f"temporary{len(temporaries) + 1}"
                temporaries[fresh] = shape
                made.append(Target(fresh, value, place))
                stored[value] = load(fresh, shape, place)
            before += _fused(made, temporaries, products, real, defined)
            current = [Target(t.name, replaced(t.value, stored), t.place) for t in current]
    raise Unsupported(ENTANGLED)


def _accumulations(
    targets: Sequence[Target], temporaries: dict[str, Shape], products: dict[Scalar, Scalar], defined: frozenset[str]
) -> tuple[list[Kernel], list[Target]]:
    """Kernels for products and scattered sums, each one's own, and the targets that are left, which read them."""
    uses = Counter(r for t in targets for r in accumulated(t))
    single = [t for t in targets if alone(t) and all(uses[r] == 1 and not matched(r) for r in accumulated(t))]
    kernels = []
    for r in uses:
        if r in products or any(r in accumulated(t) for t in single):
            continue
        place: tuple[Axis, ...] = r.data[-1]  # type: ignore[assignment]
        fresh = f"temporary{len(temporaries) + 1}"
        temporaries[fresh] = tuple(map(dimension, place))
        kernels.append(_product(Target(fresh, r, place), defined))
        products[r] = load(fresh, temporaries[fresh], place)
    kernels += [accumulation(t, defined) for t in single]
    return kernels, [Target(t.name, replaced(t.value, products), t.place) for t in targets if t not in single]


def _product(t: Target, defined: frozenset[str]) -> Kernel:
    if matched(t.value):
        return Kernel((t,), MATRIX, (), (), (), (t.value,), {}, frozenset())
    return accumulation(t, defined)


def _needed_after(kernel: Kernel) -> list[Scalar]:
    """Sums of single rows that targets need which are complete after the loops only, where no row is at hand."""
    found: dict[Scalar, None] = {}
    stack = [t.value for t in kernel.targets if t.value in kernel.late]
    seen: set[Scalar] = set()
    while stack:
        v = stack.pop()
        if v in seen or kernel.is_late(v):
            continue
        seen.add(v)
        if v.is_reduction and v not in kernel.late:
            found[v] = None
        else:
            stack += v.args
    return list(found)


def _less_read(kernel: Kernel, real: str) -> Kernel:
    """A kernel that reads its rows less often, as a rule."""
    moments = in_fewer_passes(kernel) if real == "float" else kernel
    if moments.shortcuts:
        return moments
    plain = scaled_at_need(kernel, real)
    return plain if plain.shortcuts else moments


def _cheap(kernel: Kernel, real: str) -> Kernel:
    """A kernel with its values in the form that costs least."""
    return schedule(cheapest(kernel.targets, kernel.moving, real))


def _domain(t: Target) -> frozenset[Axis]:
    """The loop variables of everything that a target needs."""
    return t.axes.union(*(v.axes.union(v.over) for v in closure([t.value])))


def _position(a: Axis, targets: Sequence[Target]) -> tuple[int, str]:
    for t in targets:
        if a in t.place:
            return t.place.index(a), a
    return 99, a


def c_text(
    signature: CFunction,
    kernels: Sequence[Kernel],
    temporaries: Mapping[str, Shape],
    real: str,
    taken: set[str],
    used: dict[str, None],
) -> str:
    """The C function of these kernels for floats or doubles (real). used collects the functions that it calls."""
    suffix = "f32" if real == "float" else "f64"
    ints = frozenset(c_name(a) for a, _, whole in signature.arrays if whole)
    texts = []
    arguments = c_arguments(signature, real)
    extra = [f"double *restrict {t}" for t in temporaries]
    single = len(kernels) == 1 and not temporaries
    called = f"{signature.name}_{suffix}"
    for at, kernel in enumerate(kernels, 1):
        cname = f"int {called}" if single else f"static int {called}_{at}"
        writer = WRITERS.get(kernel.mode, Emitter)
        emitter = writer(kernel, real, ints, taken | set(temporaries), used, frozenset(temporaries))
        if isinstance(emitter, Accumulator):
            emitter.defined = frozenset(d for d, _ in signature.defined)
        lines = emitter.body()
        lines = [*_unused(signature, temporaries, single), *lines]
        texts.append(head(cname, [*arguments, *extra]) + "\n{\n" + "\n".join(lines) + "\n}")
    if single:
        return texts[0]
    own = (*(a for a, *_ in signature.arrays), *signature.functions, *signature.parameters)
    own = (*own, *(o for o, _ in signature.outputs))
    passed = ", ".join([*signature.sizes, *map(c_name, own), *temporaries])
    calls = " || ".join(_called(kernel, f"{called}_{at}({passed})") for at, kernel in enumerate(kernels, 1))
    if not temporaries:
        texts.append(head(f"int {called}", arguments) + f"\n{{\n    return {calls};\n}}")
        return "\n\n".join(texts)
    total = " + ".join(" * ".join(s) or "1" for s in temporaries.values()) or "1"
    lines = [
        f"    double *const memory = aligned_alloc(64, (size_t)({total} + 7) / 8 * 8 * sizeof(double));",
        "    if (!memory)",
        "        return 1;",
    ]
    start = "memory"
    for t, shape in temporaries.items():
        lines.append(f"    double *restrict const {t} = {start};")
        start = f"{t} + {' * '.join(shape) or '1'}"
    lines += [f"    const int failed = {calls};", "    free(memory);", "    return failed;"]
    texts.append(head(f"int {called}", arguments) + "\n{\n" + "\n".join(lines) + "\n}")
    return "\n\n".join(texts)


def c_arguments(signature: CFunction, real: str) -> list[str]:
    """What a C function takes: sizes, arrays, functions, parameters, outputs."""
    alone = "" if signature.in_place else "restrict "
    found = [f"ptrdiff_t {s}" for s in signature.sizes]
    found += [f"const {'int64_t' if whole else real} *{alone}{c_name(a)}" for a, _, whole in signature.arrays]
    found += [f"double (*{c_name(f)})(double)" for f in signature.functions]
    found += [f"double {c_name(p)}" for p in signature.parameters]
    return found + [f"{real} *{alone}{c_name(o)}" for o, _ in signature.outputs]


def _called(kernel: Kernel, call: str) -> str:
    return f"({kernel.only_if}[0] > 0.0 && {call})" if kernel.only_if else call


def _unused(signature: CFunction, temporaries: Mapping[str, Shape], single: bool) -> list[str]:
    names = [*signature.sizes, *(c_name(a) for a, *_ in signature.arrays)]
    names += map(c_name, (*signature.functions, *signature.parameters))
    if not single:
        names += [*(c_name(o) for o, _ in signature.outputs), *temporaries]
    return [f"    {' '.join(f'(void){n};' for n in names)}"] if names else []


def head(cname: str, arguments: Sequence[str]) -> str:
    """The head of a C function, on as many lines as it needs."""
    lines, line = [], f"{cname}("
    for at, a in enumerate(arguments):
        piece = a + (", " if at < len(arguments) - 1 else ")")
        if len(line) + len(piece) > 116:
            lines.append(line.rstrip())
            line = "    "
        line += piece
    return "\n".join([*lines, line])
