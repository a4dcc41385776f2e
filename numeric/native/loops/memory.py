"""Long arrays and memory: results that go past the cache, and rows that are read ahead.

Before an ordinary store writes to a line of the cache, the line is read; stores that go past the cache save that.
While a row is worked on in the cache, the next one can come from memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..scalars import Axis, Scalar, dimension, loads
from .kernels import Target
from .text import bare, loop_name, offset

STREAM = """
/* Where its arrays are longer than a cache, a loop writes past it: so no line is read before it is written. */
#if defined(__AVX512F__)
#include <immintrin.h>
#define NN_LINE(to, from) _mm512_stream_si512((__m512i *)(to), _mm512_loadu_si512(from))
#elif defined(__AVX__)
#include <immintrin.h>
#define NN_HALF(to, from) _mm256_stream_si256((__m256i *)(to), _mm256_loadu_si256((const __m256i *)(from)))
#define NN_LINE(to, from) (NN_HALF(to, from), NN_HALF((to) + 32, (from) + 32))
#endif
double nn_cache_bytes = 24e6;
static inline int nn_long(double bytes) {
#ifdef NN_LINE
    return bytes > nn_cache_bytes;
#else
    (void)bytes;
    return 0;
#endif
}
static inline void nn_stream(void *restrict to, const void *restrict from, size_t bytes) {
    char *a = to;
    const char *b = from;
#ifdef NN_LINE
    const size_t before = (64 - (uintptr_t)a % 64) % 64;
    if (before < bytes) {
        memcpy(a, b, before);
        for (a += before, b += before, bytes -= before; bytes >= 64; a += 64, b += 64, bytes -= 64)
            NN_LINE(a, b);
    }
#endif
    memcpy(a, b, bytes);
}
static inline void nn_streamed(void) {
#ifdef NN_LINE
    _mm_sfence();
#endif
}
"""

AHEAD = """
/* These bytes are needed soon. */
static inline void nn_ahead(const void *from, size_t bytes) {
#ifdef __GNUC__
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *)from + at);
#else
    (void)from; (void)bytes;
#endif
}
"""


#: Shorter rows are not read ahead: the hardware does it as well. Nor are rows of which an entry costs little, where it
#: is ahead by itself, and asking for each line costs a twentieth of the time: unless so many arrays are read, for
#: while results are written, nobody reads. That is a twentieth of layernorm's backward pass where memory is idle, and
#: a third where others use it too.
SHORT, STREAMS = 512, 2


class Memory:
    """The part of an emitter that knows about the cache.

    past, ahead: the C names of whether results go past it, and whether rows are read ahead. rows: where rows of
    such results are computed first. written: to where the loops at hand write them. coming: what is read ahead, and
    reading: whether the loops at hand do that.
    """

    past: str
    ahead: str
    rows: dict[Target, str]
    written: dict[Target, str]
    coming: tuple[Scalar, ...] = ()
    reading: bool = False

    def _choose_memory(self: Any, nests: dict[tuple[int, tuple[Axis, ...]], list[object]]) -> None:
        """Which results go past the cache, and which rows are read ahead, once the arrays are long."""
        k = self.k
        every = (*k.outer, *k.inner)
        whole = [t for t in k.targets if t.place == every and t.value not in k.late and t.name not in self.temporaries]
        read = {v: _place(v) for v in loads(k.values) if v.data[0] not in self.temporaries}
        first = set()
        for (level, _), items in nests.items():
            if level == 0:
                roots = [i.args[0] if isinstance(i, Scalar) else i.value for i in items]  # type: ignore[attr-defined]
                first |= set(self._inner_closure(roots))
        staged = len([axes for _, axes in nests if axes == k.inner]) > 1
        coming = tuple(v for v, place in read.items() if place == every and v in first) if whole or staged else ()
        if len(coming) < STREAMS and not k.costs_much():
            coming = ()
        if not k.inner or not k.outer or not (whole or coming):
            return
        self.coming = coming
        self.past = self.fresh("past")
        for t in whole:
            self.rows[t] = self.fresh(f"{t.name}_row")
            self.scratch.append((self.rows[t], dimension(k.inner[-1])))
            if self.real == "float":
                self.floats.add(self.rows[t])
        moved = len({v.data[0] for v, place in read.items() if place == every}) + len(whole)
        self.used["stream"] = None
        entries = " * (double)".join(self._dims(every))
        self.put(f"const int {self.past} = nn_long((double){entries} * {moved} * sizeof({self.real}));")
        if self.coming:
            self.used["ahead"] = None
            self.ahead = self.fresh("ahead")
            self.put(f"const int {self.ahead} = {self.past} && {self._product(k.inner)} >= {SHORT};")

    def _reads_ahead(self: Any, nests: Sequence[tuple[int, tuple[Axis, ...]]]) -> object:
        """Which loops over a row do: the second ones, which have this row in the cache."""
        needed = {self.k.levels[r.args[0]] for r in self.k.shortcuts}
        whole = [nest for nest in nests if nest[1] == self.k.inner and nest[0] not in needed]
        return whole[:2][-1] if whole and self.coming else None

    def _read_ahead(self: Any, vector: Axis, low: str, high: str) -> None:
        """Call for the same part of the next row."""
        k = self.k
        self.open(f"if ({self.ahead} && row + 1 < rows) {{")
        for v in self.coming:
            at = offset([low if a == vector else loop_name(a) for a in (*k.outer, *k.inner)], v.data[1])
            part = f"({high} - {low}) * sizeof({self.real})"
            self.put(f"nn_ahead({v.data[0]} + {at} + {self._product(k.inner)}, {part});")
        self.close()

    def _open_rows(self: Any, targets: Iterable[Target], vector: Axis) -> None:
        """Where the loop writes: into the array, or into a buffer that is streamed to it."""
        for t in targets:
            row = self.rows[t]
            to = self.written[t] = self.fresh(f"{t.name}_to")
            self.put(f"{self.real} *restrict const {to} = {self.past} ? {row} : {_start(t, vector)};")

    def _close_rows(self: Any, targets: Sequence[Target], vector: Axis) -> None:
        if not targets:
            return
        self.open(f"if ({self.past}) {{")
        for t in targets:
            size = f"(size_t){dimension(vector)} * sizeof({self.real})"
            self.put(f"nn_stream({_start(t, vector)}, {self.written.pop(t)}, {size});")
        self.close()


def _place(v: Scalar) -> tuple[Axis | None, ...]:
    return tuple(s.data[0] if s.op == "counter" else None for s in v.args)  # type: ignore[misc]


def _start(t: Target, vector: Axis) -> str:
    places = ["0" if a == vector else loop_name(str(a)) for a in t.place]
    return f"{t.name} + {bare(offset(places, tuple(dimension(str(a)) for a in t.place)))}"
