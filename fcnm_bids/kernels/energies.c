/* Sums of squares of the series of voxels, and what of them a strategy leaves, in double precision.
   Every value is computed in one order, so that it does not depend on the library of BLAS. */

#include <stdint.h>

enum { VOXELS = 16, TOGETHER = 4 };

typedef double wide __attribute__((vector_size(8 * VOXELS), aligned(8)));

#define READ(type)                                                                                \
    for (int64_t k = 0; k < m; k++)                                                               \
        for (int64_t i = 0; i < n; i++)                                                           \
            columns[k * VOXELS + i] = (double)((const type *)values)[k * step + first + i];

/* values: (m, step) of 1 byte (int8), 2 (int16), 4 (float) or 8 (double), n_voxels of a row used
   directions: (rank, m), orthonormal rows that are removed
   band, left: (n_voxels), receive the sums of squares with and without these directions
   columns: (m, 16), to work in, zeroed at first */
void fcnm_energies(const void *restrict values, int bytes, int64_t step, int64_t m,
                   int64_t n_voxels, const double *restrict directions, int64_t rank,
                   double *restrict band, double *restrict left, double *restrict columns) {
    for (int64_t first = 0; first < n_voxels; first += VOXELS) {
        const int64_t n = n_voxels - first < VOXELS ? n_voxels - first : VOXELS;
        if (bytes == 1) {
            READ(int8_t)
        } else if (bytes == 2) {
            READ(int16_t)
        } else if (bytes == 4) {
            READ(float)
        } else {
            READ(double)
        }
        wide total = {0}, removed = {0};
        for (int64_t k = 0; k < m; k++) {
            const wide own = *(const wide *)(columns + k * VOXELS);
            total = own * own + total;
        }
        for (int64_t d = 0; d < rank; d += TOGETHER) {
            const int64_t some = rank - d < TOGETHER ? rank - d : TOGETHER;
            wide along[TOGETHER] = {{0}};
            for (int64_t k = 0; k < m; k++) {
                const wide own = *(const wide *)(columns + k * VOXELS);
                for (int i = 0; i < TOGETHER; i++)
                    along[i] = directions[(d + (i < some ? i : 0)) * m + k] * own + along[i];
            }
            for (int i = 0; i < some; i++) removed = along[i] * along[i] + removed;
        }
        for (int64_t i = 0; i < n; i++) {
            band[first + i] = total[i];
            left[first + i] = total[i] - removed[i];
        }
    }
}
