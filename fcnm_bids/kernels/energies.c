/* Voxels' series in double precision: their sums of squares, what of them a strategy leaves, and
   their columns in the dimensions that it leaves. Every value is computed in one order, so that it
   does not depend on the library of BLAS. */

#include <stdint.h>

/* Voxels of a vector, of a tile that is read at once, and sums that registers hold. */
enum { VOXELS = 16, TILE = 128, TOGETHER = 4 };

typedef double wide __attribute__((vector_size(8 * VOXELS), aligned(8)));
typedef float narrow __attribute__((vector_size(4 * VOXELS), aligned(4)));

#define READ(type)                                                                                \
    static void read_##type(const type *restrict values, int64_t step, int64_t m, int64_t n,      \
                            double *restrict columns) {                                           \
        for (int64_t k = 0; k < m; k++)                                                           \
            for (int64_t v = 0; v < n; v++) columns[k * TILE + v] = (double)values[k * step + v]; \
    }
READ(int8_t)
READ(int16_t)
READ(float)
READ(double)

static void read_tile(const void *restrict values, int bytes, int64_t step, int64_t m,
                      int64_t first, int64_t n, double *restrict columns) {
    if (bytes == 1)
        read_int8_t((const int8_t *)values + first, step, m, n, columns);
    else if (bytes == 2)
        read_int16_t((const int16_t *)values + first, step, m, n, columns);
    else if (bytes == 4)
        read_float((const float *)values + first, step, m, n, columns);
    else
        read_double((const double *)values + first, step, m, n, columns);
}

/* Inner products of TOGETHER rows, of which the last ones repeat, with a vector of voxels. */
static inline void along_rows(const double *restrict columns, int64_t m,
                              const double *restrict rows, int64_t some, wide *restrict along) {
    for (int i = 0; i < TOGETHER; i++) along[i] = (wide){0};
    for (int64_t k = 0; k < m; k++) {
        const wide own = *(const wide *)(columns + k * TILE);
        for (int i = 0; i < TOGETHER; i++)
            along[i] = rows[(i < some ? i : 0) * m + k] * own + along[i];
    }
}

/* values: (m, step) of 1 byte (int8), 2 (int16), 4 (float) or 8 (double), n_voxels of a row used
   directions: (rank, m), orthonormal rows that are removed
   band, left: (n_voxels), receive the sums of squares with and without these directions
   columns: (m, 128), to work in, zeroed at first */
void fcnm_energies(const void *restrict values, int bytes, int64_t step, int64_t m,
                   int64_t n_voxels, const double *restrict directions, int64_t rank,
                   double *restrict band, double *restrict left, double *restrict columns) {
    for (int64_t start = 0; start < n_voxels; start += TILE) {
        const int64_t n = n_voxels - start < TILE ? n_voxels - start : TILE;
        read_tile(values, bytes, step, m, start, n, columns);
        for (int64_t first = 0; first < n; first += VOXELS) {
            wide total = {0}, removed = {0}, along[TOGETHER];
            for (int64_t k = 0; k < m; k++) {
                const wide own = *(const wide *)(columns + k * TILE + first);
                total = own * own + total;
            }
            for (int64_t d = 0; d < rank; d += TOGETHER) {
                const int64_t some = rank - d < TOGETHER ? rank - d : TOGETHER;
                along_rows(columns + first, m, directions + d * m, some, along);
                for (int i = 0; i < some; i++) removed = along[i] * along[i] + removed;
            }
            for (int64_t i = 0; i < VOXELS && first + i < n; i++) {
                band[start + first + i] = total[i];
                left[start + first + i] = total[i] - removed[i];
            }
        }
    }
}

/* values, m, columns: as above; basis: (n_kept, m), orthonormal rows
   factors: (n_voxels), what the columns are multiplied by
   kept: (n_kept, step), receives the columns at n_voxels of a row */
void fcnm_kept_columns(const void *restrict values, int bytes, int64_t step, int64_t m,
                       int64_t n_voxels, const double *restrict basis, int64_t n_kept,
                       const double *restrict factors, float *restrict kept,
                       double *restrict columns) {
    for (int64_t start = 0; start < n_voxels; start += TILE) {
        const int64_t n = n_voxels - start < TILE ? n_voxels - start : TILE;
        read_tile(values, bytes, step, m, start, n, columns);
        for (int64_t d = 0; d < n_kept; d += TOGETHER) {
            const int64_t some = n_kept - d < TOGETHER ? n_kept - d : TOGETHER;
            for (int64_t first = 0; first < n; first += VOXELS) {
                wide along[TOGETHER];
                along_rows(columns + first, m, basis + d * m, some, along);
                wide scale = {0};
                if (first + VOXELS <= n)
                    scale = *(const wide *)(factors + start + first);
                else
                    for (int64_t v = 0; first + v < n; v++) scale[v] = factors[start + first + v];
                for (int i = 0; i < some; i++) {
                    const narrow scaled = __builtin_convertvector(along[i] * scale, narrow);
                    float *to = kept + (d + i) * step + start + first;
                    if (first + VOXELS <= n)
                        *(narrow *)to = scaled;
                    else
                        for (int64_t v = 0; first + v < n; v++) to[v] = scaled[v];
                }
            }
        }
    }
}
