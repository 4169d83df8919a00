/* Products of a basis with volumes, added to components, in double precision. Every sum is made in
   the order of the volumes, so that a voxel's result depends neither on the voxels beside it nor on
   the library of BLAS, and is the same on all processors with fused multiplication and addition. */

#include <stdint.h>
#include <string.h>

/* As many sums as registers hold: ROWS of the basis times VECTORS of LANES voxels. */
#if defined(__AVX512F__)
enum { LANES = 8, ROWS = 8, VECTORS = 3 };
#elif defined(__AVX__)
enum { LANES = 4, ROWS = 6, VECTORS = 2 };
#elif defined(__aarch64__)
enum { LANES = 2, ROWS = 8, VECTORS = 3 };
#else
enum { LANES = 2, ROWS = 6, VECTORS = 2 };
#endif

/* Voxels whose sums are made together, and a multiple of them whose series a core's cache holds. */
enum { WIDTH = LANES * VECTORS, TILE = 480, LINE = 64, AHEAD = 16 };

typedef double wide __attribute__((vector_size(8 * LANES)));

/* Copy spans of values that follow each other; `out` may lie in `values`, nowhere behind them.

   spans: (n_spans, 3): first value, its place in `out`, number of values */
void fcnm_take_spans(const char *values, int64_t bytes, const int64_t *restrict spans,
                     int64_t n_spans, char *out) {
    for (int64_t i = 0; i < n_spans; i++) {
        if (i + AHEAD < n_spans) { /* it lies elsewhere in memory */
            const int64_t *next = spans + 3 * (i + AHEAD);
            for (int64_t k = 0; k < next[2] * bytes; k += LINE)
                __builtin_prefetch(values + next[0] * bytes + k, 0, 2);
        }
        memmove(out + spans[3 * i + 1] * bytes, values + spans[3 * i] * bytes,
               (size_t)(spans[3 * i + 2] * bytes));
    }
}

/* Lay the differences of a tile of voxels from their origins out as (groups of WIDTH voxels, n,
   WIDTH), and add their squares to the energies. The next tile is asked for meanwhile. */
#define LAY_OUT(name, type)                                                                       \
    static void lay_out_##name(const type *restrict values, int64_t step, int64_t n,              \
                               const type *restrict origin, int64_t n_voxels,                     \
                               double *restrict series, double *restrict energy) {                \
        for (int64_t k = 0; k < n; k++)                                                           \
            for (int64_t v = 0; v < n_voxels; v += LINE / (int64_t)sizeof(type))                  \
                __builtin_prefetch(values + k * step + TILE + v, 0, 2);                           \
        for (int64_t first = 0; first < n_voxels; first += WIDTH) {                               \
            const int64_t some = n_voxels - first < WIDTH ? n_voxels - first : WIDTH;             \
            double *to = series + first * n;                                                      \
            double from[WIDTH] = {0}, square[WIDTH] = {0};                                        \
            if (origin)                                                                           \
                for (int64_t i = 0; i < some; i++) from[i] = (double)origin[first + i];           \
            for (int64_t k = 0; k < n; k++, to += WIDTH) {                                        \
                const type *own = values + k * step + first;                                      \
                if (some == WIDTH)                                                                \
                    for (int i = 0; i < WIDTH; i++) to[i] = (double)own[i] - from[i];             \
                else                                                                              \
                    for (int i = 0; i < WIDTH; i++)                                               \
                        to[i] = i < some ? (double)own[i] - from[i] : 0;                          \
                for (int i = 0; i < WIDTH; i++) square[i] = to[i] * to[i] + square[i];            \
            }                                                                                     \
            for (int64_t i = 0; i < some; i++) energy[first + i] += square[i];                    \
        }                                                                                         \
    }
LAY_OUT(int8, int8_t)
LAY_OUT(uint8, uint8_t)
LAY_OUT(int16, int16_t)
LAY_OUT(uint16, uint16_t)
LAY_OUT(float, float)

static inline void multiply(const double *restrict panel, const double *restrict series, int64_t n,
                            double *restrict product) {
    wide sum[ROWS][VECTORS] = {{{0}}};
    for (int64_t k = 0; k < n; k++) {
        wide own[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            own[v] = *(const wide *)(series + k * WIDTH + v * LANES);
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = panel[k * ROWS + r] * own[v] + sum[r][v];
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++)
            *(wide *)(product + r * WIDTH + v * LANES) = sum[r][v];
}

/* Add basis @ (values - origin) to components, and the sums of squares of the differences to energy.

   values: (n, step) of a type: its bytes, less than 0 if unsigned, 4 for float; n_voxels used
   origin: (n_voxels) of this type, or null for 0
   basis: (m, n)
   components: (m, step)
   energy: (n_voxels)
   left, largest: (n_voxels), null unless these are the last volumes: receive each component's sum of
   squares, and its largest number after the components have been multiplied by slope
   work: n * (TILE + 8) + 8 numbers, to work in */
void fcnm_add_volumes(const void *restrict values, int type, int64_t step, int64_t n,
                      const void *restrict origin, int64_t n_voxels, const double *restrict basis,
                      int64_t m, float *restrict components,
                      double *restrict energy, double *restrict left, float *restrict largest,
                      float slope, double *restrict work) {
    double product[ROWS * WIDTH] __attribute__((aligned(64)));
    double *series = (double *)(((uintptr_t)work + LINE - 1) / LINE * LINE);
    double *panel = series + n * TILE;
    for (int64_t first = 0; first < n_voxels; first += TILE) {
        const int64_t here = n_voxels - first < TILE ? n_voxels - first : TILE;
#define FROM(name, kind)                                                                          \
    lay_out_##name((const kind *)values + first, step, n,                                         \
                   origin ? (const kind *)origin + first : 0, here, series, energy + first)
        if (type == 1)
            FROM(int8, int8_t);
        else if (type == -1)
            FROM(uint8, uint8_t);
        else if (type == 2)
            FROM(int16, int16_t);
        else if (type == -2)
            FROM(uint16, uint16_t);
        else
            FROM(float, float);
        if (left) {
            memset(left + first, 0, (size_t)here * sizeof *left);
            memset(largest + first, 0, (size_t)here * sizeof *largest);
        }
        for (int64_t row = 0; row < m; row += ROWS) {
            const int n_rows = m - row < ROWS ? (int)(m - row) : ROWS;
            for (int r = 0; r < ROWS; r++)
                for (int64_t k = 0; k < n; k++)
                    panel[k * ROWS + r] = r < n_rows ? basis[(row + r) * n + k] : 0;
            for (int64_t from = 0; from < here; from += WIDTH) {
                const int some = here - from < WIDTH ? (int)(here - from) : WIDTH;
                float *to = components + row * step + first + from;
                if (row + ROWS < m) /* what comes next lies elsewhere in memory */
                    for (int r = 0; r < ROWS; r++)
                        __builtin_prefetch(to + (ROWS + r) * step, 1, 2);
                multiply(panel, series + from * n, n, product);
                for (int r = 0; r < n_rows; r++, to += step) {
                    const double *own = product + r * WIDTH;
                    if (!left) {
                        for (int i = 0; i < some; i++) to[i] = (float)(to[i] + own[i]);
                        continue;
                    }
                    double *squares = left + first + from;
                    float *most = largest + first + from;
                    for (int i = 0; i < some; i++) {
                        const float sum = (float)(to[i] + own[i]), scaled = sum * slope;
                        const float size = scaled < 0 ? -scaled : scaled;
                        squares[i] = (double)sum * sum + squares[i];
                        most[i] = size > most[i] ? size : most[i];
                        to[i] = scaled;
                    }
                }
            }
        }
    }
}
