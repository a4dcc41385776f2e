"""The C text of one kernel: outer loops in threads, stages of inner loops, and what is complete after them."""

from __future__ import annotations

from collections.abc import Sequence

from ...plans import fresh_name
from ..scalars import Axis, Scalar, closure, dimension
from .kernels import COSTLY, Kernel, Target, stages
from .lines import Lines
from .memory import Memory
from .nests import Nests
from .short_rows import ShortRows
from .text import RESERVED, Expressions, bare, loop_name, offset
from .totals import Totals
from .unchanging import Unchanging

#: Entries of a vector that one iteration of the outer loop takes, where there is no other outer loop.
CHUNK = 4096


class Emitter(Lines, Nests, ShortRows, Totals, Memory, Unchanging):
    """Writes one kernel as the body of a C function. real: float or double."""

    def __init__(
        self,
        kernel: Kernel,
        real: str,
        ints: frozenset[str],
        taken: set[str],
        used: dict[str, None],
        temporaries: frozenset[str] = frozenset(),
    ) -> None:
        self.k, self.real, self.used, self.temporaries = kernel, real, used, temporaries
        super().__init__()
        self.taken = set(taken)
        self.scopes: list[dict[Scalar, str]] = [{}]
        flat = "e" if kernel.flat else None
        self.text = Expressions(self._known, ints, flat, used, real, temporaries)
        self.text.moving = kernel.moving
        self.buffers: dict[Scalar, str] = {}
        self.scratch: list[tuple[str, str]] = []
        self.floats: set[str] = set()
        self.partials: dict[str, str] = {}
        self.grouped: dict[Scalar, list[str]] = {}
        self.unchanging = {}
        self.rows, self.written = {}, {}
        self.uses: dict[Scalar, int] = {}
        for v in kernel.values:
            for a in v.args:
                self.uses[a] = self.uses.get(a, 0) + 1
        #: What is evaluated only where a place is in its array.
        self.guarded = {x for v in kernel.values if v.op == "inside" for x in closure(v.args[2:])}

    def body(self) -> list[str]:
        """The lines of the function after its head."""
        k = self.k
        chunked = k.mode == "chunk" or k.flat
        nests = stages(k)
        if not chunked:
            self._choose_unchanging(nests)
            self._choose_buffers(nests)
            self._choose_memory(nests)
            self._choose_side(nests)
        late = [v for v in k.values if k.is_late(v)]
        totals = self.totals = {v: self._accumulator(v) for v in late}
        everything = self._product((*k.outer, *k.inner))
        if chunked:
            count = f"({everything} + {CHUNK - 1}) / {CHUNK}"
        else:
            count = self._product(k.outer) or "1"
        self.put(f"const ptrdiff_t rows = {count};")
        self.put(f"const ptrdiff_t threads = nn_threads(rows, {self._work()});")
        if self.scratch:
            each = " + ".join(length for _, length in self.scratch)
            self.put(f"const ptrdiff_t each = ({each} + 7) / 8 * 8;")
            self.put("double *const scratch = aligned_alloc(64, (size_t)(threads * each) * sizeof(double));")
            self.put("if (!scratch)")
            self.put("    return 1;")
            for v in late:
                self._clear(v, totals[v])
        self.used["threads"] = None
        self.put("#ifdef _OPENMP")
        self.put("#pragma omp parallel num_threads((int)threads) if (threads > 1)")
        self.put("#else")
        self.put("(void)threads;")
        self.put("#endif")
        self.open("{")
        self.put("const ptrdiff_t me = nn_thread(), team = nn_team();")
        if self.scratch:
            self.put("double *const own = scratch + me * each;")
            for name, at in self._positions().items():
                kind, cast = ("float", "(float *)") if name in self.floats else ("double", "")
                place = "own" if at == "0" else f"own + {at}"
                self.put(f"{kind} *restrict const {name} = {cast}{f'({place})' if cast else place};")
        self.scopes.append(self._settle())
        self._open_group(nests)
        if chunked:
            self.put(f"const ptrdiff_t first = row * {CHUNK};")
            self.put(f"const ptrdiff_t last = {everything} - first < {CHUNK} ? {everything} : first + {CHUNK};")
        else:
            self._outer_variables()
        self._stages(nests, totals, chunked)
        self._close_group()
        if self.rows:
            self.put("nn_streamed();")
        self.scopes.pop()
        self.close()
        self._after(late, totals)
        if self.scratch:
            self.put("free(scratch);")
        self.put("return 0;")
        return self.lines

    # --- loops ---

    def _work(self) -> str:
        """How many entries there are, where what is done once for a row counts as some: rows may be short."""
        k = self.k
        rows = [
            v
            for v in k.values
            if v not in k.late and not k.inside(v) and (v.is_reduction or (v.op == "call" and v.data[0] in COSTLY))
        ]
        outer, inner = (" * ".join(f"(double){d}" for d in self._dims(axes)) for axes in (k.outer, k.inner))
        if not k.outer or not k.inner:
            return inner if k.inner else outer
        return f"{outer} * ({inner} + {16.0 * len(rows)})" if rows else f"{outer} * {inner}"

    def _choose_buffers(self, nests: dict[tuple[int, tuple[Axis, ...]], list[object]]) -> None:
        seen: dict[Scalar, int] = {}
        places: dict[Scalar, tuple[Axis, ...]] = {}
        for (_, axes), items in nests.items():
            roots = [i.args[0] if isinstance(i, Scalar) else i.value for i in items]  # type: ignore[attr-defined]
            for v in self._inner_closure(roots):
                seen[v] = seen.get(v, 0) + 1
                places.setdefault(v, axes)
        for v, times in seen.items():
            if times > 1 and v.op == "call" and v.data[0] in COSTLY and set(places[v]) == set(self.k.inside(v)):
                if any(v in closure(b.args) for b in self.buffers):
                    continue
                name = self.fresh("kept")
                self.buffers[v] = name
                if self.text.narrow(v):
                    self.floats.add(name)
                self.scratch.append((name, self._product(self.k.inside(v))))

    def _inner_closure(self, roots: Sequence[Scalar]) -> list[Scalar]:
        """What the loops over inner variables evaluate: no further than to what is one number there."""
        found: dict[Scalar, None] = {}
        stack = list(roots)
        while stack:
            v = stack.pop()
            if v in found or v in self.unchanging or not self.k.inside(v) or v.is_reduction:
                continue
            found[v] = None
            stack += v.args
        return list(found)

    def _stages(
        self, nests: dict[tuple[int, tuple[Axis, ...]], list[object]], totals: dict[Scalar, list[str]], chunked: bool
    ) -> None:
        self.scopes.append({})
        reading = self._reads_ahead(list(nests))
        for (level, axes), items in nests.items():
            self.reading = (level, axes) == reading
            reductions = [i for i in items if isinstance(i, Scalar)]
            targets = [i for i in items if isinstance(i, Target)]
            roots = [r.args[0] for r in reductions] + [t.value for t in targets]  # type: ignore[attr-defined]
            self._row_values(roots)
            if not axes and not chunked:
                for r in reductions:
                    self._one_row(r, totals)
                for t in targets:
                    self.put(f"{self._element(t)} = {self._stored(t)};")
                continue
            if any(r in self.k.shortcuts for r in reductions):
                self._nest_if_needed(axes, reductions, totals)
            else:
                self._nest(axes, reductions, targets, totals, chunked)
        self.scopes.pop()

    def _row_values(self, roots: Sequence[Scalar]) -> None:
        """Names for what is one number in the inner loops."""
        for v in closure(roots):
            if self.k.inside(v) or v.op in ("const", "dim", "parameter", "counter") or v in self.k.late:
                continue
            if v in self.guarded or self.text.is_whole(v):
                continue
            if self._known(v) is None and not v.is_reduction:
                if (v.axes or not self.k.outer) and (v.op in ("load", "call", "mul", "add") or self.uses.get(v, 0) > 1):
                    self._name(v)

    # --- small things ---

    def _outer_variables(self) -> None:
        left = "row"
        outer = self.k.outer
        for at, a in enumerate(outer):
            rest = self._product(outer[at + 1 :])
            text = f"{left} / ({rest})" if rest else left
            if at:
                text = f"{text} % {dimension(a)}"
            self.put(f"const ptrdiff_t {loop_name(a)} = {text};")

    def _ordered(self, axes: frozenset[Axis]) -> tuple[Axis, ...]:
        return tuple(a for a in self.k.order if a in axes)

    def _dims(self, axes: Sequence[Axis]) -> list[str]:
        return [dimension(a) for a in axes] or ["1"]

    def _product(self, axes: Sequence[Axis]) -> str:
        return " * ".join(dimension(a) for a in axes)

    def _offset(self, axes: Sequence[Axis]) -> str:
        return offset([loop_name(a) for a in axes], tuple(dimension(a) for a in axes))

    def _buffer(self, v: Scalar) -> str:
        if self.side:
            return f"{self.buffers[v]}[{loop_name(self.k.inner[0])} * NN_SIDE + {self.side}]"
        return f"{self.buffers[v]}[{self._offset(self.k.inside(v))}]"

    def _element(self, t: Target) -> str:
        if self.text.flat is not None:
            return f"{t.name}[{self.text.flat}]"
        if t in self.written:
            return f"{self.written[t]}[{loop_name(str(t.place[-1]))}]"
        places = ["0" if a is None else loop_name(a) for a in t.place]
        return f"{t.name}[{offset(places, tuple('1' if a is None else dimension(a) for a in t.place))}]"

    def _stored(self, t: Target) -> str:
        text = self.text.value(t.value)
        plain = self.real == "double" or t.name in self.temporaries or self.text.narrow(t.value)
        return bare(text) if plain else f"(float){text}"

    def _name(self, v: Scalar) -> str:
        name = self.fresh("x" if v.op == "load" else str(v.data[0]) if v.op == "call" else "v")
        kind = "float" if self.text.narrow(v) else "double"
        if self.side and not self.inside_side and set(self.k.outer) & v.axes:
            self.scopes[-1][v] = self._of_each(name, kind, self.text.value(v))
            return self.scopes[-1][v]
        self.put(f"const {kind} {name} = {bare(self.text.value(v))};")
        self.scopes[-1][v] = name
        return name

    def _known(self, s: Scalar) -> str | None:
        for scope in reversed(self.scopes):
            if scope.get(s):
                return scope[s]
        return None

    def fresh(self, base: str) -> str:
        return fresh_name("chosen" if base == "where" else base, self.taken, RESERVED)
