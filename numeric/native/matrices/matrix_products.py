"""C text of products of matrices: tiles of the result in registers, panels of the operands in the caches.

A tile is NN_TALL rows by two vectors of doubles. Panels hold what the tiles of a row, or of a column, read: NN_DEEP
terms of the sums, one behind the other. Threads pack the panels of the right operand together; each packs its own rows
of the left one. Operands are floats or doubles; panels are doubles, so sums of floats lose nothing.

Source of the arrangement: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM Transactions
on Mathematical Software 34 (2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..loops.emit import Emitter
from ..scalars import Axis, Scalar, dimension

MODE = "matrix"

#: Of the result of a product: as NN_AXES below.
AXES = 6

#: What the products of slices (:mod:`.team_products`) have too.
TILES = r"""
/* Products of matrices. Bytes of a vector, and rows of a tile: as many as the registers hold. */
#if defined __AVX512F__
enum { NN_VECTOR = 64, NN_TALL = 14 };
#elif defined __AVX__
enum { NN_VECTOR = 32, NN_TALL = 6 };
#else
enum { NN_VECTOR = 16, NN_TALL = 6 };
#endif
/* Terms of a sum, and rows and columns, that are taken at a time: panels stay in the caches. */
enum { NN_DEEP = 256, NN_HIGH = 8 * NN_TALL, NN_BROAD = 2048 };
#define NN_UNROLL _Pragma("GCC unroll 14")
"""

TEXT = r"""
enum { NN_LANES = NN_VECTOR / sizeof(double), NN_WIDE = 2 * NN_LANES, NN_AXES = 6 };
#ifdef __GNUC__
typedef double nn_vector __attribute__((vector_size(NN_VECTOR), aligned(sizeof(double)), may_alias));
#endif

/* A tile of c, whose rows are cm apart, is set to the sum of k terms, or grows by it. high, wide: how much is there. */
static void nn_tile(ptrdiff_t k, const double *a, const double *b, double *c, ptrdiff_t cm, int grows,
    ptrdiff_t high, ptrdiff_t wide)
{
    double part[NN_TALL][NN_WIDE];
#ifdef __GNUC__
    nn_vector left[NN_TALL], right[NN_TALL];
    NN_UNROLL
    for (int i = 0; i < NN_TALL; i++)
        left[i] = right[i] = (nn_vector){0};
    for (ptrdiff_t p = 0; p < k; p++) {
        const nn_vector x = *(const nn_vector *)(b + p * NN_WIDE);
        const nn_vector y = *(const nn_vector *)(b + p * NN_WIDE + NN_LANES);
        __builtin_prefetch(b + (p + 8) * NN_WIDE);
        __builtin_prefetch(b + (p + 8) * NN_WIDE + NN_LANES);
        NN_UNROLL
        for (int i = 0; i < NN_TALL; i++) {
            left[i] += a[p * NN_TALL + i] * x;
            right[i] += a[p * NN_TALL + i] * y;
        }
    }
    NN_UNROLL
    for (int i = 0; i < NN_TALL; i++) {
        *(nn_vector *)part[i] = left[i];
        *(nn_vector *)(part[i] + NN_LANES) = right[i];
    }
#else
    memset(part, 0, sizeof part);
    for (ptrdiff_t p = 0; p < k; p++)
        for (int i = 0; i < NN_TALL; i++)
            for (int j = 0; j < NN_WIDE; j++)
                part[i][j] += a[p * NN_TALL + i] * b[p * NN_WIDE + j];
#endif
    for (ptrdiff_t i = 0; i < high; i++)
        for (ptrdiff_t j = 0; j < wide; j++)
            c[i * cm + j] = grows ? c[i * cm + j] + part[i][j] : part[i][j];
}

/* An operand: floats or doubles, and how far apart they are along each axis of the product, 0 where all of it shares
   one; the last of these is for the terms of the sums. */
typedef struct {
    const float *floats;
    const double *doubles;
    ptrdiff_t apart[NN_AXES + 1];
} nn_operand;

NN_INLINE double nn_at(const nn_operand *x, ptrdiff_t place) {
    return x->floats ? (double)x->floats[place] : x->doubles[place];
}

/* Matrices with few rows, or few columns: for each of these the n entries of c along the other axis, which are sums of
   k terms of the operand with the long axis and the one with the short. */
static void nn_few(ptrdiff_t n, ptrdiff_t k, const nn_operand *rows, ptrdiff_t start, ptrdiff_t line,
    const nn_operand *few, ptrdiff_t place, double *c, ptrdiff_t apart)
{
    const ptrdiff_t term = rows->apart[NN_AXES], step = few->apart[NN_AXES];
    if (term == 1) {
        for (ptrdiff_t i = 0; i < n; i++) {
            double total = 0.0;
#ifdef _OPENMP
            #pragma omp simd reduction(+:total)
#endif
            for (ptrdiff_t p = 0; p < k; p++)
                total += nn_at(rows, start + i * line + p) * nn_at(few, place + p * step);
            c[i * apart] = total;
        }
        return;
    }
    for (ptrdiff_t p = 0; p < k; p++) {
        const double x = nn_at(few, place + p * step);
#ifdef _OPENMP
        #pragma omp simd
#endif
        for (ptrdiff_t i = 0; i < n; i++)
            c[i * apart] = (p > 0 ? c[i * apart] : 0.0) + nn_at(rows, start + i * line + p * term) * x;
    }
}

/* n lines of k terms as panels of so many lines each; lines that are missing from the last are 0. */
NN_INLINE void nn_pack(double *restrict to, const nn_operand *x, ptrdiff_t start, ptrdiff_t n, ptrdiff_t k,
    ptrdiff_t line, ptrdiff_t term, const ptrdiff_t each)
{
    for (ptrdiff_t i = 0; i < n; i += each, to += each * k, start += each * line) {
        const ptrdiff_t there = n - i < each ? n - i : each;
        const float *const f = x->floats ? x->floats + start : NULL;
        const double *const d = x->doubles ? x->doubles + start : NULL;
        if (there < each)
            memset(to, 0, (size_t)(each * k) * sizeof(double));
        for (ptrdiff_t q = 0; q < k; q += 16) { /* as many terms as a line of the cache holds */
            const ptrdiff_t end = q + 16 < k ? q + 16 : k;
            if (line == 1 && there == each) {
                for (ptrdiff_t p = q; p < end; p++)
                    for (ptrdiff_t j = 0; j < each; j++)
                        to[p * each + j] = f ? (double)f[j + p * term] : d[j + p * term];
            } else {
                for (ptrdiff_t j = 0; j < there; j++)
                    for (ptrdiff_t p = q; p < end; p++)
                        to[p * each + j] = f ? (double)f[j * line + p * term] : d[j * line + p * term];
            }
        }
    }
}

/* One matrix c = a b, of m by n entries, for the threads of a team, of which this is number me. The operands begin at
   these places. shared: for panels of the right operand; own: for those of the left one. */
static void nn_matrix(ptrdiff_t team, ptrdiff_t me, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
    const nn_operand *a, ptrdiff_t in_a, ptrdiff_t am, const nn_operand *b, ptrdiff_t in_b, ptrdiff_t bn,
    double *c, ptrdiff_t cm, double *shared, double *own)
{
    const ptrdiff_t ak = a->apart[NN_AXES], bk = b->apart[NN_AXES];
    if (m < 4 || n < 4) {
        const ptrdiff_t along = m < n ? n : m, begin = along * me / team, count = along * (me + 1) / team - begin;
        for (ptrdiff_t i = 0; i < (m < n ? m : n); i++)
            if (m < n)
                nn_few(count, k, b, in_b + begin * bn, bn, a, in_a + i * am, c + i * cm + begin, 1);
            else
                nn_few(count, k, a, in_a + begin * am, am, b, in_b + i * bn, c + begin * cm + i, cm);
        return;
    }
    const ptrdiff_t tiles = (m + NN_TALL - 1) / NN_TALL, down = team < tiles ? team : tiles, across = team / down;
    const ptrdiff_t first = tiles * (me % down) / down * NN_TALL, end = tiles * (me % down + 1) / down * NN_TALL;
    const ptrdiff_t last = end < m ? end : m;
    for (ptrdiff_t left = 0; left < n; left += NN_BROAD) {
        const ptrdiff_t broad = n - left < NN_BROAD ? n - left : NN_BROAD, panels = (broad + NN_WIDE - 1) / NN_WIDE;
        const ptrdiff_t from = panels * (me / down) / across, to = panels * (me / down + 1) / across;
        for (ptrdiff_t p = 0; p < k; p += NN_DEEP) {
            const ptrdiff_t deep = k - p < NN_DEEP ? k - p : NN_DEEP;
            const ptrdiff_t begin = panels * me / team * NN_WIDE, stop = panels * (me + 1) / team * NN_WIDE;
            nn_pack(shared + begin * deep, b, in_b + p * bk + (left + begin) * bn,
                (stop < broad ? stop : broad) - begin, deep, bn, bk, NN_WIDE);
            if (team > 1) {
#ifdef _OPENMP
                #pragma omp barrier
#endif
            }
            for (ptrdiff_t top = first; top < last && me < down * across; top += NN_HIGH) {
                const ptrdiff_t rows = last - top < NN_HIGH ? last - top : NN_HIGH;
                nn_pack(own, a, in_a + top * am + p * ak, rows, deep, am, ak, NN_TALL);
                for (ptrdiff_t j = from * NN_WIDE; j < to * NN_WIDE; j += NN_WIDE)
                    for (ptrdiff_t i = 0; i < rows; i += NN_TALL)
                        nn_tile(deep, own + i * deep, shared + j * deep, c + (top + i) * cm + left + j, cm, p > 0,
                            rows - i < NN_TALL ? rows - i : NN_TALL, broad - j < NN_WIDE ? broad - j : NN_WIDE);
            }
            if (team > 1) {
#ifdef _OPENMP
                #pragma omp barrier
#endif
            }
        }
    }
}

/* c = a b for stacks of matrices. shape: of c, without axes of length one in front; the last axis lies in memory, and
   only b has it; only a has the axis called row. apart: steps in c. k: the terms of each sum. */
static int nn_product(const ptrdiff_t *shape, const ptrdiff_t *apart, int row, ptrdiff_t k, const nn_operand *a,
    const nn_operand *b, double *c)
{
    const ptrdiff_t m = shape[row], n = shape[NN_AXES - 1], tiles = (m + NN_TALL - 1) / NN_TALL;
    ptrdiff_t stack = 1;
    for (int i = 0; i < NN_AXES - 1; i++)
        stack *= i == row ? 1 : shape[i];
    const ptrdiff_t units = tiles * ((n + NN_WIDE - 1) / NN_WIDE);
    const ptrdiff_t threads = nn_threads(stack * units, (double)stack * (double)(units * k) * NN_TALL);
    const ptrdiff_t deep = k < NN_DEEP ? k : NN_DEEP, broad = (n < NN_BROAD ? n : NN_BROAD) + NN_WIDE;
    const ptrdiff_t right = (deep * broad + 7) / 8 * 8, left = (deep * NN_HIGH + 7) / 8 * 8;
    double *const memory = aligned_alloc(64, (size_t)(threads * (right + left)) * sizeof(double));
    if (!memory)
        return 1;
#ifdef _OPENMP
    #pragma omp parallel num_threads((int)threads) if (threads > 1)
#endif
    {
        /* either all threads share a matrix, or each has matrices of its own */
        const ptrdiff_t me = nn_thread(), team = stack < threads ? nn_team() : 1, groups = nn_team() / team;
        double *const shared = memory + me / team * right, *const own = memory + threads * right + me * left;
        for (ptrdiff_t one = stack * (me / team) / groups; one < stack * (me / team + 1) / groups; one++) {
            ptrdiff_t rest = one, in_a = 0, in_b = 0, in_c = 0;
            for (int i = NN_AXES - 2; i >= 0; i--)
                if (i != row) {
                    in_a += rest % shape[i] * a->apart[i];
                    in_b += rest % shape[i] * b->apart[i];
                    in_c += rest % shape[i] * apart[i];
                    rest /= shape[i];
                }
            nn_matrix(team, me % team, m, n, k, a, in_a, a->apart[row], b, in_b, b->apart[NN_AXES - 1], c + in_c,
                apart[row], shared, own);
        }
    }
    free(memory);
    return 0;
}
"""


def matched(r: Scalar) -> Factors | None:
    """What a sum of products multiplies, where that is matrices or stacks of them; None where it is anything else.

    Both factors are entries of arrays of numbers at loop variables, all terms of the sum follow one variable, and of
    the variables of the result each factor lacks one or more.
    """
    body = r.args[0]
    place: tuple[Axis, ...] = r.data[-1]  # type: ignore[assignment]
    if r.op != "product" or body.op != "mul" or body.data[0] != 2 or len(body.args) != 2 or len(r.over) != 1:
        return None
    loaded = [f.args[0] if f.op == "widen" else f for f in body.args]
    if any(f.op != "load" or any(s.op not in ("counter", "const") for s in f.args) for f in loaded):
        return None
    places = [[s.data[0] for s in f.args if s.op == "counter"] for f in loaded]
    if any(len(set(p)) < len(p) or r.over[0] not in p for p in places) or not place or len(place) > AXES:
        return None
    last = [i for i in (0, 1) if place[-1] not in places[i]]
    if len(last) != 1:
        return None
    a, b = loaded[last[0]], loaded[1 - last[0]]
    rows = [at for at, axis in enumerate(place) if axis not in b.axes]
    return Factors(a, b, place, rows[-1], r.over[0]) if rows else None


@dataclass(frozen=True)
class Factors:
    """c = a b: the entries of the operands, the variables of c, which of them only a has, and that of the sum.

    The last variable of c is one that only b has.
    """

    a: Scalar
    b: Scalar
    place: tuple[Axis, ...]
    row: int
    term: Axis

    def call(self, target: str, singles: Callable[[str], bool]) -> list[str]:
        """The lines that compute c, without names of their own. singles: whether an array is one of floats."""
        pad = AXES - len(self.place)
        shape = [*["1"] * pad, *map(dimension, self.place)]
        apart = [*["0"] * pad, *steps(tuple(map(dimension, self.place)))]
        lines = ["return nn_product("]
        lines.append(f"    (const ptrdiff_t[]){{{', '.join(shape)}}},")
        lines.append(f"    (const ptrdiff_t[]){{{', '.join(apart)}}},")
        lines.append(f"    {pad + self.row}, {dimension(self.term)},")
        for x in (self.a, self.b):
            name, lengths = str(x.data[0]), x.data[1]
            at = [s.data[0] if s.op == "counter" else None for s in x.args]
            known = dict(zip(at, steps(lengths), strict=True))  # type: ignore[arg-type]
            along = [*["0"] * pad, *(known.get(v, "0") for v in (*self.place, self.term))]
            kinds = f"{name}, NULL" if singles(name) else f"NULL, {name}"
            lines.append(f"    &(const nn_operand){{{kinds}, {{{', '.join(along)}}}}},")
        return [*lines, f"    {target});"]


def steps(shape: Sequence[str]) -> list[str]:
    """How far apart entries of an array are along each of its axes."""
    return [" * ".join(shape[at + 1 :]) or "1" for at in range(len(shape))]


class MatrixProduct(Emitter):
    """Writes a kernel that is a product of matrices as the body of a C function."""

    def body(self) -> list[str]:
        """The lines of the function after its head."""
        (t,) = self.k.targets
        factors = matched(t.value)
        assert factors is not None, "only what is matched gets this mode"
        self.used |= {"threads": None, "product": None}
        for line in factors.call(t.name, lambda array: self.real == "float" and array not in self.temporaries):
            self.put(line)
        return self.lines
