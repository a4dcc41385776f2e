"""C text of matrix products by a team of threads, or by one: on operands as they lie in memory, in their own type.

A tile of the result is NN_TALL rows by two vectors. It reads panels: the right operand is copied to panels that a tile
reads from end to end, and so are NN_TALL rows of the left one, each row by itself where rows lie in memory, so that all
places of a panel are known when it is compiled. A thread has rows of the result; panels of the right operand are
copied by all threads, and shared. Sums are added up in blocks of at most NN_TERMS terms, as BLAS does. While a row of
tiles is made, the next rows of the left operand are asked for.
"""

from __future__ import annotations

#: How many threads there are, and what pays.
DECISION = r"""
/* How many threads get slices, or parts of a product: no other library needs cores between their loops. */
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
/* All products are made here where tiles keep up with BLAS. */
static inline int nn_in_teams(void) {
#if defined __AVX512F__
    return 1;
#else
    return 0;
#endif
}
#define NN_CALLED static __attribute__((noinline))
static inline ptrdiff_t nn_smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t nn_larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
/* How many of k things there are at a time, in steps of about the same length that are no longer than most. */
static inline ptrdiff_t nn_even(ptrdiff_t k, ptrdiff_t most) {
    const ptrdiff_t steps = (k + most - 1) / most;
    return steps > 1 ? (k + steps - 1) / steps : k;
}
/* sum += a x for all lanes of a vector, where a is a number in memory, or all lanes of another vector: with AVX-512 as
   one instruction. Half of the numbers are read as they are multiplied; compilers would copy all of them first. */
#if defined __AVX512F__ && defined __x86_64__
#define NN_GROW_f32(sum, a, x) __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(x), "m"(a))
#define NN_GROW_f64(sum, a, x) __asm__("vfmadd231pd %2%{1to8%}, %1, %0" : "+v"(sum) : "v"(x), "m"(a))
#define NN_GROW_ALL_f32(sum, a, x) __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(a))
#define NN_GROW_ALL_f64(sum, a, x) __asm__("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(a))
#else
#define NN_GROW_f32(sum, a, x) sum += (a) * (x)
#define NN_GROW_f64 NN_GROW_f32
#define NN_GROW_ALL_f32 NN_GROW_f32
#define NN_GROW_ALL_f64 NN_GROW_f32
#endif
"""

_TEXT = r"""
enum { NN_LANES_SUFFIX = NN_VECTOR / sizeof(REAL), NN_WIDE_SUFFIX = 2 * NN_LANES_SUFFIX };
/* At most so many terms at a time, and how far apart rows of a panel are. */
enum { NN_TERMS_SUFFIX = 1568 / sizeof(REAL), NN_ROW_SUFFIX = NN_TERMS_SUFFIX + NN_LANES_SUFFIX };
typedef REAL nn_vector_SUFFIX __attribute__((vector_size(NN_VECTOR), aligned(sizeof(REAL)), may_alias));

/* What a tile asks for while it adds up: one place, or two, which move on by one step with each term. */
typedef struct { const REAL *first; ptrdiff_t second, step; } nn_ahead_SUFFIX;

/* A tile of c is set to the sum of k terms, or grows by it. am, ak, bk, cm, cn: how far apart rows, terms and columns
   are; columns of b are side by side. high, wide: how much of the tile is there. ahead: what comes after it; so many
   places of that are wanted. */
NN_INLINE void nn_tile_SUFFIX(const int vectors, const int wanted, const ptrdiff_t am, const ptrdiff_t ak, ptrdiff_t k,
    const REAL *restrict a, const REAL *restrict b, ptrdiff_t bk, REAL *restrict c, ptrdiff_t cm, ptrdiff_t cn,
    int grows, ptrdiff_t high, ptrdiff_t wide, nn_ahead_SUFFIX ahead)
{
    nn_vector_SUFFIX left[NN_TALL], right[NN_TALL];
    /* from three starting points all rows are at most four steps away: so few addresses fit into registers */
    const REAL *const five = a + 5 * am, *const ten = a + (NN_TALL > 10 ? 10 : 0) * am;
    NN_UNROLL
    for (int i = 0; i < NN_TALL; i++)
        left[i] = right[i] = (nn_vector_SUFFIX){0};
    /* of this tile, and of the next one; long sums leave time to wait for them */
    for (ptrdiff_t i = 0; i < high && k < 200; i++) {
        __builtin_prefetch(c + i * cm, 1);
        __builtin_prefetch(c + i * cm + NN_LANES_SUFFIX * cn, 1);
        __builtin_prefetch(c + i * cm + NN_WIDE_SUFFIX * cn, 1);
        __builtin_prefetch(c + i * cm + (NN_WIDE_SUFFIX + NN_LANES_SUFFIX) * cn, 1);
    }
    const REAL *next = b + 12 * bk;
    for (ptrdiff_t p = 0; p < k; p++, b += bk, next += bk) {
        const nn_vector_SUFFIX x = *(const nn_vector_SUFFIX *)b;
        nn_vector_SUFFIX y = x;
        __builtin_prefetch(next);
        if (vectors > 1) {
            y = *(const nn_vector_SUFFIX *)(b + NN_LANES_SUFFIX);
            __builtin_prefetch(next + NN_LANES_SUFFIX);
        }
        if (wanted > 0)
            __builtin_prefetch(ahead.first + p * ahead.step);
        if (wanted > 1)
            __builtin_prefetch(ahead.first + p * ahead.step + ahead.second);
        NN_UNROLL
        for (int i = 0; i < NN_TALL; i++) {
            const REAL *const row = i < 5 ? a + i * am : i < 10 ? five + (i - 5) * am : ten + (i - 10) * am;
            if (i % 2 || vectors < 2) {
                NN_GROW_SUFFIX(left[i], row[p * ak], x);
                if (vectors > 1)
                    NN_GROW_SUFFIX(right[i], row[p * ak], y);
            } else {
                const nn_vector_SUFFIX all = row[p * ak] - (nn_vector_SUFFIX){0};
                NN_GROW_ALL_SUFFIX(left[i], all, x);
                NN_GROW_ALL_SUFFIX(right[i], all, y);
            }
        }
    }
    if (high == NN_TALL && wide == vectors * NN_LANES_SUFFIX && cn == 1) {
        NN_UNROLL
        for (int i = 0; i < NN_TALL; i++) {
            nn_vector_SUFFIX *const to = (nn_vector_SUFFIX *)(c + i * cm);
            nn_vector_SUFFIX *const more = (nn_vector_SUFFIX *)(c + i * cm + NN_LANES_SUFFIX);
            *to = grows ? (nn_vector_SUFFIX)(*to + left[i]) : left[i];
            if (vectors > 1)
                *more = grows ? (nn_vector_SUFFIX)(*more + right[i]) : right[i];
        }
        return;
    }
    REAL part[NN_TALL][NN_WIDE_SUFFIX];
    NN_UNROLL
    for (int i = 0; i < NN_TALL; i++) {
        *(nn_vector_SUFFIX *)part[i] = left[i];
        *(nn_vector_SUFFIX *)(part[i] + NN_LANES_SUFFIX) = right[i];
    }
    for (ptrdiff_t i = 0; i < high; i++) {
        if (grows)
            for (ptrdiff_t j = 0; j < wide; j++)
                part[i][j] += c[i * cm + j * cn];
        if (cn == 1)
            memcpy(c + i * cm, part[i], (size_t)wide * sizeof(REAL));
        else
            for (ptrdiff_t j = 0; j < wide; j++)
                c[i * cm + j * cn] = part[i][j];
    }
}
/* The tile of a panel that has rows, of one that has terms, and of rows where they are for few columns. */
NN_CALLED void nn_rows_SUFFIX(ptrdiff_t k, const REAL *a, const REAL *b, ptrdiff_t bk, REAL *c, ptrdiff_t cm,
    ptrdiff_t cn, int grows, ptrdiff_t wide, nn_ahead_SUFFIX ahead)
{
    nn_tile_SUFFIX(2, 2, NN_ROW_SUFFIX, 1, k, a, b, bk, c, cm, cn, grows, NN_TALL, wide, ahead);
}
NN_CALLED void nn_terms_SUFFIX(ptrdiff_t k, const REAL *a, const REAL *b, ptrdiff_t bk, REAL *c, ptrdiff_t cm,
    ptrdiff_t cn, int grows, ptrdiff_t high, ptrdiff_t wide, nn_ahead_SUFFIX ahead)
{
    nn_tile_SUFFIX(2, sizeof(REAL) > 4 ? 2 : 1, 1, NN_TALL, k, a, b, bk, c, cm, cn, grows, high, wide, ahead);
}
NN_CALLED void nn_narrow_SUFFIX(ptrdiff_t k, const REAL *a, ptrdiff_t am, const REAL *b, ptrdiff_t bk, REAL *c,
    ptrdiff_t cm, ptrdiff_t cn, int grows, ptrdiff_t wide)
{
    nn_tile_SUFFIX(1, 0, am, 1, k, a, b, bk, c, cm, cn, grows, NN_TALL, wide, (nn_ahead_SUFFIX){0});
}

/* n lines of k terms as panels of so many lines each; lines that are missing from the last are 0. all: the terms of a
   panel, of which these are some. */
NN_INLINE void nn_panels_SUFFIX(REAL *restrict to, const REAL *restrict x, ptrdiff_t n, ptrdiff_t k, ptrdiff_t line,
    ptrdiff_t term, const ptrdiff_t each, ptrdiff_t all)
{
    const ptrdiff_t whole = n / each * each, rest = n - whole;
    if (rest)
        memset(to + whole * all, 0, (size_t)(each * k) * sizeof(REAL));
    if (line == 1 && n == each) {
        for (ptrdiff_t p = 0; p < k; p++)
            memcpy(to + p * each, x + p * term, (size_t)each * sizeof(REAL));
        return;
    }
    if (line == 1) {
        for (ptrdiff_t p = 0; p < k; p++) {
            for (ptrdiff_t i = 0; i < whole; i += each)
                memcpy(to + i * all + p * each, x + i + p * term, (size_t)each * sizeof(REAL));
            for (ptrdiff_t j = 0; j < rest; j++)
                to[whole * all + p * each + j] = x[whole + j + p * term];
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i += each)
        for (ptrdiff_t q = 0; q < k; q += 16) /* as many terms as a line of the cache holds */
            for (ptrdiff_t j = 0; j < nn_smaller(n - i, each); j++)
                for (ptrdiff_t p = q; p < nn_smaller(q + 16, k); p++)
                    to[i * all + p * each + j] = x[(i + j) * line + p * term];
}

/* A matrix with few rows, or few columns: one of these, of n entries, which are apart. x: what has the long axis. */
static void nn_few_SUFFIX(ptrdiff_t n, ptrdiff_t k, const REAL *restrict x, ptrdiff_t line, ptrdiff_t term,
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

/* Of the columns of the right operand, how many have panels at a time, which are whole ones; and of k terms, for how
   many they have them: for as many as leave them in the cache of a core. */
static inline ptrdiff_t nn_columns_SUFFIX(ptrdiff_t n) {
    return (nn_smaller(n, NN_BROAD) + NN_WIDE_SUFFIX - 1) / NN_WIDE_SUFFIX * NN_WIDE_SUFFIX;
}
static inline ptrdiff_t nn_kept_SUFFIX(ptrdiff_t n, ptrdiff_t k) {
    return nn_even(k, nn_larger(NN_TERMS_SUFFIX, 1048576 / (ptrdiff_t)sizeof(REAL) / nn_columns_SUFFIX(n)));
}
/* Entries that a product needs for the panels of its right operand, and each thread for those of its left one. */
static inline ptrdiff_t nn_shared_SUFFIX(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k) {
    return nn_larger(nn_columns_SUFFIX(n) * nn_kept_SUFFIX(n, k), nn_columns_SUFFIX(m) * nn_kept_SUFFIX(m, k));
}
enum { NN_PANEL_SUFFIX = NN_TALL * NN_ROW_SUFFIX, NN_OWN_SUFFIX = NN_PANEL_SUFFIX + 64 / sizeof(REAL) };

/* Rows of tiles that a thread has to make, of which others take some when they have no more of their own. */
typedef struct { ptrdiff_t first, last, from, to; } nn_share_SUFFIX;
static inline nn_share_SUFFIX nn_share_of_SUFFIX(ptrdiff_t team, ptrdiff_t me, ptrdiff_t tiles, ptrdiff_t broad) {
    const ptrdiff_t down = nn_smaller(team, tiles), across = team / down, column = me / down;
    const ptrdiff_t panels = (broad + NN_WIDE_SUFFIX - 1) / NN_WIDE_SUFFIX;
    if (column >= across)
        return (nn_share_SUFFIX){0, 0, 0, 0};
    return (nn_share_SUFFIX){
        tiles * (me % down) / down, tiles * (me % down + 1) / down, panels * column / across * NN_WIDE_SUFFIX,
        nn_smaller(panels * (column + 1) / across * NN_WIDE_SUFFIX, broad)};
}

/* A row of tiles of c, with n columns: high rows of a, and a block of deep terms. Up to the column lying, tiles read
   the right operand where it is, from there its panels, which have all terms. more: whether the next row of tiles is
   made next; its part of a comes closer meanwhile. */
static inline void nn_row_of_tiles_SUFFIX(ptrdiff_t high, ptrdiff_t n, ptrdiff_t deep, const REAL *a, ptrdiff_t am,
    ptrdiff_t ak, const REAL *right, ptrdiff_t bk, const REAL *panels, ptrdiff_t all, ptrdiff_t lying, REAL *c,
    ptrdiff_t cm, ptrdiff_t cn, int grows, REAL *own, int more)
{
    const int whole = ak == 1 && high == NN_TALL, narrow = whole && n <= NN_LANES_SUFFIX;
    if (!whole)
        nn_panels_SUFFIX(own, a, high, deep, am, ak, NN_TALL, deep);
    else if (!narrow)
        for (int i = 0; i < NN_TALL; i++)
            memcpy(own + i * NN_ROW_SUFFIX, a + i * am, (size_t)deep * sizeof(REAL));
    for (ptrdiff_t j = 0; j < n; j += NN_WIDE_SUFFIX) {
        const REAL *const columns = j < lying ? right + j : panels + j * all;
        const ptrdiff_t step = j < lying ? bk : NN_WIDE_SUFFIX, wide = nn_smaller(n - j, NN_WIDE_SUFFIX);
        nn_ahead_SUFFIX ahead = {own, 0, 0};
        if (more && whole) /* two rows of the next panel with each tile */
            ahead = (nn_ahead_SUFFIX){a + (NN_TALL + nn_smaller(j / NN_LANES_SUFFIX, NN_TALL - 2)) * am, am, 1};
        else if (more && am == 1 && j == 0) /* all of its terms with the first, but for what lies beside this one */
            ahead = (nn_ahead_SUFFIX){a + 2 * NN_TALL - 1, -64 / (ptrdiff_t)sizeof(REAL), ak};
        if (narrow)
            nn_narrow_SUFFIX(deep, a, am, columns, step, c, cm, cn, grows, wide);
        else if (whole)
            nn_rows_SUFFIX(deep, own, columns, step, c + j * cn, cm, cn, grows, wide, ahead);
        else
            nn_terms_SUFFIX(deep, own, columns, step, c + j * cn, cm, cn, grows, high, wide, ahead);
    }
}

/* A thread's part of c = a b, with m by n entries that are sums of k terms. am, ak, bn, bk, cm, cn: how far apart
   rows, columns and terms are. team, me: how many threads there are, and which this is. panels: memory of
   nn_shared_SUFFIX + team NN_OWN_SUFFIX entries, which all threads share. */
static void nn_part_SUFFIX(ptrdiff_t team, ptrdiff_t me, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
    const REAL *restrict a, ptrdiff_t am, ptrdiff_t ak, const REAL *restrict b, ptrdiff_t bn, ptrdiff_t bk,
    REAL *restrict c, ptrdiff_t cm, ptrdiff_t cn, REAL *panels)
{
    if (m < 4 || n < 4) {
        const ptrdiff_t along = n < 4 ? m : n, begin = along * me / team, count = along * (me + 1) / team - begin;
        for (ptrdiff_t i = 0; i < (n < 4 ? n : m); i++)
            if (n < 4)
                nn_few_SUFFIX(count, k, a + begin * am, am, ak, b + i * bn, bk, c + begin * cm + i * cn, cm);
            else
                nn_few_SUFFIX(count, k, b + begin * bn, bn, bk, a + i * am, ak, c + i * cm + begin * cn, cn);
        return;
    }
    if (n <= NN_TALL && n < m && am == 1 && ak != 1) { /* the columns of c as rows: vectors run along the longer axis */
        nn_part_SUFFIX(team, me, n, m, k, b, bn, bk, a, am, ak, c, cn, cm, panels);
        return;
    }
    const ptrdiff_t tiles = (m + NN_TALL - 1) / NN_TALL;
    REAL *const own = panels + me * NN_OWN_SUFFIX, *const shared = panels + team * NN_OWN_SUFFIX;
    int turn = 0;
    for (ptrdiff_t left = 0; left < n; left += NN_BROAD) {
        const ptrdiff_t broad = nn_smaller(n - left, NN_BROAD), count = (broad + NN_WIDE_SUFFIX - 1) / NN_WIDE_SUFFIX;
        /* up to here the right operand is read once, from where it is */
        const ptrdiff_t lying = tiles == 1 && bn == 1 ? broad / NN_WIDE_SUFFIX * NN_WIDE_SUFFIX : 0;
        const ptrdiff_t kept = lying == broad ? k : nn_kept_SUFFIX(n, k);
        for (ptrdiff_t start = 0; start < k; start += kept, turn ^= 1) {
            const REAL *const right = b + left * bn + start * bk;
            const ptrdiff_t all = nn_smaller(k - start, kept), most = nn_even(all, NN_TERMS_SUFFIX);
            const ptrdiff_t few = 1 + 65536 / (NN_TALL * all * broad);
            if (bn == 1) { /* a thread takes some of the rows, as it did if it made them */
                const ptrdiff_t begin = all * me / team, end = all * (me + 1) / team;
                nn_panels_SUFFIX(shared + lying * all + begin * NN_WIDE_SUFFIX, right + lying + begin * bk,
                    broad - lying, end - begin, 1, bk, NN_WIDE_SUFFIX, all);
            } else {
                const ptrdiff_t begin = count * me / team * NN_WIDE_SUFFIX;
                const ptrdiff_t end = nn_smaller(count * (me + 1) / team * NN_WIDE_SUFFIX, broad);
                nn_panels_SUFFIX(
                    shared + begin * all, right + begin * bn, end - begin, all, bn, bk, NN_WIDE_SUFFIX, all);
            }
            /* the next tile of each thread; where it is for the terms after these nobody looks yet */
            ((ptrdiff_t *)(own + NN_PANEL_SUFFIX))[turn] = nn_share_of_SUFFIX(team, me, tiles, broad).first;
            if (team > 1) {
#ifdef _OPENMP
                #pragma omp barrier
#endif
            }
            for (ptrdiff_t one = 0; one < team; one++) {
                const ptrdiff_t whose = (me + one) % team;
                const nn_share_SUFFIX share = nn_share_of_SUFFIX(team, whose, tiles, broad);
                ptrdiff_t *const next = (ptrdiff_t *)(panels + whose * NN_OWN_SUFFIX + NN_PANEL_SUFFIX) + turn;
                for (;;) {
                    ptrdiff_t tile;
#ifdef _OPENMP
                    #pragma omp atomic capture
#endif
                    { tile = *next; *next += few; }
                    if (tile >= share.last)
                        break;
                    for (ptrdiff_t t = tile; t < nn_smaller(tile + few, share.last); t++)
                        for (ptrdiff_t p = 0; p < all; p += most)
                            nn_row_of_tiles_SUFFIX(nn_smaller(m - t * NN_TALL, NN_TALL), share.to - share.from,
                                nn_smaller(all - p, most), a + t * NN_TALL * am + (start + p) * ak, am, ak,
                                right + p * bk + share.from, bk, shared + share.from * all + p * NN_WIDE_SUFFIX, all,
                                lying - share.from, c + t * NN_TALL * cm + (left + share.from) * cn, cm, cn,
                                start + p > 0, own, t + 1 < share.last);
                }
            }
            if (team > 1) {
#ifdef _OPENMP
                #pragma omp barrier
#endif
            }
        }
    }
}
/* All of it, by so many threads. */
NN_CALLED void nn_multiply_SUFFIX(ptrdiff_t threads, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const REAL *a, ptrdiff_t am,
    ptrdiff_t ak, const REAL *b, ptrdiff_t bn, ptrdiff_t bk, REAL *c, ptrdiff_t cm, REAL *panels)
{
#ifdef _OPENMP
    #pragma omp parallel num_threads((int)threads) if (threads > 1)
#endif
    nn_part_SUFFIX(nn_team(), nn_thread(), m, n, k, a, am, ak, b, bn, bk, c, cm, 1, panels);
}
"""


def text(real: str) -> str:
    """The functions for floats or doubles."""
    return _TEXT.replace("SUFFIX", suffix(real)).replace("REAL", real)


def suffix(real: str) -> str:
    return "f32" if real == "float" else "f64"
