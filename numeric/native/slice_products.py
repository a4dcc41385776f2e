"""C text of the matrix products of slices: each by one thread, on operands as they lie in memory, in their own type.

A tile is NN_TALL rows by two vectors. Its terms need one entry of each row of the left operand and a part of a row of
the right one. Entries are read one at a time, so the left operand needs no panel; the right one is copied to panels
that a tile reads from end to end. Sums are added up in blocks of NN_DEEP terms, as BLAS does.
"""

from __future__ import annotations

#: How many threads there are, and whether slices pay.
DECISION = r"""
/* How many threads slices get: no other library needs cores between their loops. */
int nn_slice_limit = 0;
static inline ptrdiff_t nn_slice_threads(double entries) {
    ptrdiff_t most = 1;
#ifdef _OPENMP
    if (!omp_in_parallel())
        most = omp_get_max_threads();
#endif
    if (nn_slice_limit > 0 && most > nn_slice_limit)
        most = nn_slice_limit;
    return entries < nn_thread_entries ? 1 : most;
}
/* Slices are made here if this machine has vectors for them, no thread waits for others more than a quarter of the
   time, and each slice fits into a cache; else where this is called from. */
double nn_slice_bytes = 12e6;
static inline int nn_in_slices(ptrdiff_t slices, ptrdiff_t threads, double bytes) {
#if defined __AVX512F__ || defined __AVX2__ && defined __FMA__
    return 4 * slices >= 3 * ((slices + threads - 1) / threads) * threads && bytes <= nn_slice_bytes;
#else
    (void)slices; (void)threads; (void)bytes;
    return 0;
#endif
}
#define NN_CALLED static __attribute__((noinline))
static inline ptrdiff_t nn_smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t nn_larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
"""

_TEXT = r"""
enum { NN_LANES_SUFFIX = NN_VECTOR / sizeof(REAL), NN_WIDE_SUFFIX = 2 * NN_LANES_SUFFIX };
typedef REAL nn_vector_SUFFIX __attribute__((vector_size(NN_VECTOR), aligned(sizeof(REAL)), may_alias));

/* A tile of c, whose rows are cm apart, is set to the sum of k terms, or grows by it. The rows of a are am apart and
   its terms ak. tall, vectors: how much is computed. high, wide: how much of it is there. */
NN_INLINE void nn_slice_tile_SUFFIX(const int tall, const int vectors, ptrdiff_t k, const REAL *restrict a,
    ptrdiff_t am, ptrdiff_t ak, const REAL *restrict b, REAL *restrict c, ptrdiff_t cm, int grows, ptrdiff_t high,
    ptrdiff_t wide)
{
    nn_vector_SUFFIX left[NN_TALL], right[NN_TALL];
    /* from three starting points all rows are at most four steps away: so few addresses fit into registers */
    const REAL *const five = a + (tall > 5 ? 5 : 0) * am, *const ten = a + (tall > 10 ? 10 : 0) * am;
    NN_UNROLL
    for (int i = 0; i < tall; i++)
        left[i] = right[i] = (nn_vector_SUFFIX){0};
    for (ptrdiff_t p = 0; p < k; p++) {
        const nn_vector_SUFFIX x = *(const nn_vector_SUFFIX *)(b + p * NN_WIDE_SUFFIX);
        const nn_vector_SUFFIX y = *(const nn_vector_SUFFIX *)(b + p * NN_WIDE_SUFFIX + NN_LANES_SUFFIX);
        NN_UNROLL
        for (int i = 0; i < tall; i++) {
            const REAL *const row = i < 5 ? a + i * am : i < 10 ? five + (i - 5) * am : ten + (i - 10) * am;
            left[i] += row[p * ak] * x;
            if (vectors > 1)
                right[i] += row[p * ak] * y;
        }
    }
    if (high == tall && wide == vectors * NN_LANES_SUFFIX) {
        NN_UNROLL
        for (int i = 0; i < tall; i++) {
            nn_vector_SUFFIX *const x = (nn_vector_SUFFIX *)(c + i * cm);
            nn_vector_SUFFIX *const y = (nn_vector_SUFFIX *)(c + i * cm + NN_LANES_SUFFIX);
            *x = grows ? (nn_vector_SUFFIX)(*x + left[i]) : left[i];
            if (vectors > 1)
                *y = grows ? (nn_vector_SUFFIX)(*y + right[i]) : right[i];
        }
        return;
    }
    REAL part[NN_TALL][NN_WIDE_SUFFIX];
    NN_UNROLL
    for (int i = 0; i < tall; i++) {
        *(nn_vector_SUFFIX *)part[i] = left[i];
        *(nn_vector_SUFFIX *)(part[i] + NN_LANES_SUFFIX) = right[i];
    }
    for (ptrdiff_t i = 0; i < high; i++) {
        if (grows)
            for (ptrdiff_t j = 0; j < wide; j++)
                part[i][j] += c[i * cm + j];
        memcpy(c + i * cm, part[i], (size_t)wide * sizeof(REAL));
    }
}
/* The tile where the rows of a lie in memory, and where its columns do. */
NN_CALLED void nn_slice_rows_SUFFIX(ptrdiff_t k, const REAL *a, ptrdiff_t am, const REAL *b, REAL *c, ptrdiff_t cm,
    int grows, ptrdiff_t wide)
{
    if (wide > NN_LANES_SUFFIX)
        nn_slice_tile_SUFFIX(NN_TALL, 2, k, a, am, 1, b, c, cm, grows, NN_TALL, wide);
    else
        nn_slice_tile_SUFFIX(NN_TALL, 1, k, a, am, 1, b, c, cm, grows, NN_TALL, wide);
}
NN_CALLED void nn_slice_columns_SUFFIX(ptrdiff_t k, const REAL *a, ptrdiff_t ak, const REAL *b, REAL *c, ptrdiff_t cm,
    int grows, ptrdiff_t high, ptrdiff_t wide)
{
    if (wide > NN_LANES_SUFFIX)
        high > NN_TALL / 2 ? nn_slice_tile_SUFFIX(NN_TALL, 2, k, a, 1, ak, b, c, cm, grows, high, wide)
                           : nn_slice_tile_SUFFIX(NN_TALL / 2, 2, k, a, 1, ak, b, c, cm, grows, high, wide);
    else
        high > NN_TALL / 2 ? nn_slice_tile_SUFFIX(NN_TALL, 1, k, a, 1, ak, b, c, cm, grows, high, wide)
                           : nn_slice_tile_SUFFIX(NN_TALL / 2, 1, k, a, 1, ak, b, c, cm, grows, high, wide);
}

/* n lines of k terms as panels of so many lines each; lines that are missing from the last are 0. */
NN_INLINE void nn_slice_pack_SUFFIX(REAL *restrict to, const REAL *restrict x, ptrdiff_t n, ptrdiff_t k,
    ptrdiff_t line, ptrdiff_t term, const ptrdiff_t each)
{
    for (ptrdiff_t i = 0; i < n; i += each, to += each * k, x += each * line) {
        const ptrdiff_t there = nn_smaller(n - i, each);
        if (there < each)
            memset(to, 0, (size_t)(each * k) * sizeof(REAL));
        if (line == 1 && there == each) {
            for (ptrdiff_t p = 0; p < k; p++)
                for (ptrdiff_t j = 0; j < each; j++)
                    to[p * each + j] = x[j + p * term];
            continue;
        }
        for (ptrdiff_t q = 0; q < k; q += 16) /* as many terms as a line of the cache holds */
            for (ptrdiff_t j = 0; j < there; j++)
                for (ptrdiff_t p = q; p < nn_smaller(q + 16, k); p++)
                    to[p * each + j] = x[j * line + p * term];
    }
}

/* A matrix with few rows, or few columns: one of these, of n entries, which are apart. x: what has the long axis. */
static void nn_slice_few_SUFFIX(ptrdiff_t n, ptrdiff_t k, const REAL *restrict x, ptrdiff_t line, ptrdiff_t term,
    const REAL *restrict few, ptrdiff_t step, REAL *restrict c, ptrdiff_t apart)
{
    if (term == 1) {
        for (ptrdiff_t i = 0; i < n; i++) {
            REAL total = 0;
#ifdef _OPENMP
            #pragma omp simd reduction(+:total)
#endif
            for (ptrdiff_t p = 0; p < k; p++)
                total += x[i * line + p] * few[p * step];
            c[i * apart] = total;
        }
        return;
    }
    for (ptrdiff_t p = 0; p < k; p += 8) { /* fewer roundings than term by term */
        REAL factor[8];
        const REAL *from[8];
        for (int q = 0; q < 8; q++) {
            const ptrdiff_t at = p + q < k ? p + q : p;
            factor[q] = few[at * step];
            from[q] = x + at * term;
        }
        const ptrdiff_t terms = nn_smaller(k - p, 8);
#ifdef _OPENMP
        #pragma omp simd
#endif
        for (ptrdiff_t i = 0; i < n; i++) {
            REAL total = from[0][i * line] * factor[0];
            for (int q = 1; q < 8; q++)
                total += q < terms ? from[q][i * line] * factor[q] : 0;
            c[i * apart] = (p > 0 ? c[i * apart] : 0) + total;
        }
    }
}

/* Entries that nn_slice_product_SUFFIX needs for panels. */
static inline ptrdiff_t nn_slice_room_SUFFIX(ptrdiff_t n, ptrdiff_t k) {
    return nn_smaller(k, NN_DEEP) * (nn_smaller(n, NN_BROAD) + NN_WIDE_SUFFIX + NN_TALL);
}

/* c = a b, with m by n entries that are sums of k terms. am, ak, bn, bk, cm: how far apart rows, columns and terms
   are. */
NN_CALLED void nn_slice_product_SUFFIX(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *restrict a, ptrdiff_t am,
    ptrdiff_t ak, const REAL *restrict b, ptrdiff_t bn, ptrdiff_t bk, REAL *restrict c, ptrdiff_t cm,
    REAL *restrict panels)
{
    if (n < 4) {
        for (ptrdiff_t j = 0; j < n; j++)
            nn_slice_few_SUFFIX(m, k, a, am, ak, b + j * bn, bk, c + j, cm);
        return;
    }
    if (m < 4) {
        for (ptrdiff_t i = 0; i < m; i++)
            nn_slice_few_SUFFIX(n, k, b, bn, bk, a + i * am, ak, c + i * cm, 1);
        return;
    }
    REAL *restrict const rows = panels + nn_smaller(k, NN_DEEP) * (nn_smaller(n, NN_BROAD) + NN_WIDE_SUFFIX);
    for (ptrdiff_t begin = 0; begin < n; begin += NN_BROAD) {
        const ptrdiff_t broad = nn_smaller(n - begin, NN_BROAD);
        for (ptrdiff_t p = 0; p < k; p += NN_DEEP) {
            const ptrdiff_t deep = nn_smaller(k - p, NN_DEEP);
            nn_slice_pack_SUFFIX(panels, b + begin * bn + p * bk, broad, deep, bn, bk, NN_WIDE_SUFFIX);
            for (ptrdiff_t i = 0; i < m; i += NN_TALL) {
                const ptrdiff_t high = nn_smaller(m - i, NN_TALL);
                const REAL *from = a + i * am + p * ak;
                ptrdiff_t apart = ak;
                if (high < NN_TALL || (ak != 1 && am != 1)) {
                    nn_slice_pack_SUFFIX(rows, from, high, deep, am, ak, NN_TALL);
                    from = rows;
                    apart = NN_TALL;
                }
                for (ptrdiff_t j = 0; j < broad; j += NN_WIDE_SUFFIX) {
                    const ptrdiff_t wide = nn_smaller(broad - j, NN_WIDE_SUFFIX);
                    REAL *const to = c + i * cm + begin + j;
                    if (from != rows && ak == 1)
                        nn_slice_rows_SUFFIX(deep, from, am, panels + j * deep, to, cm, p > 0, wide);
                    else
                        nn_slice_columns_SUFFIX(deep, from, apart, panels + j * deep, to, cm, p > 0, high, wide);
                }
            }
        }
    }
}
"""


def text(real: str) -> str:
    """The functions for floats or doubles."""
    return _TEXT.replace("SUFFIX", suffix(real)).replace("REAL", real)


def suffix(real: str) -> str:
    return "f32" if real == "float" else "f64"
