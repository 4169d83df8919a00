/* Sums over participants of Fisher z maps, for 16 seeds at a time. library.py loads what
   build_kernels.py, at the top of the repository, makes of this file.

   A map of a block of 16 seeds is laid out as (voxels, 16): the values of the seeds at a voxel are
   one vector, so that a neighbouring voxel is read as one vector too. Every value is computed in one
   order, and a product and a sum in one expression are fused where the processor can: the result of
   a seed depends neither on the seeds beside it nor on how the voxels are divided, and is the same
   on all processors with fused multiplication and addition. */

#include <math.h>
#include <stdint.h>

enum { SEEDS = 16, N_SUMS = 2, N_PRODUCTS = 6 };

/* Voxels whose columns a core's cache holds, a multiple of TOGETHER; and the length of a row of them:
   an odd number of cache lines, so that rows do not displace each other. */
enum { TILE = 492, STRIDE = 496 };

typedef float vector __attribute__((vector_size(4 * SEEDS), aligned(4)));
typedef int32_t mask __attribute__((vector_size(4 * SEEDS), aligned(4)));
typedef double wide __attribute__((vector_size(8 * SEEDS), aligned(8)));

#ifdef __AVX512F__
enum { TOGETHER = 12 };
#else
enum { TOGETHER = 6 }; /* as many sums as registers hold */
#endif

/* Increase this, and VERSION in library.py, with every change of a function or its arguments. */
int fcnm_kernels_version(void) { return 21; }

/* Fisher's z of |r| <= 0.95, to 6e-7 of it: a minimax approximation of atanh(r) / r by four factors
   over four, linear in 1 - r^2 so that none of them cancels. */
static inline vector fisher_z(vector r) {
    const vector rest = 1 - r * r;
    const vector above = (0x1.f0f36ap-1f * rest + 0x1.e192bap-6f) *
                         (0x1.abd82ap-1f * rest + 0x1.509f56p-3f) *
                         ((0x1.04a41ap-1f * rest + 0x1.f6b7d6p-2f) *
                          (0x1.4ea058p-4f * rest + 0x1.d62bf2p-1f));
    const vector below = (0x1.f65796p-1f * rest + 0x1.350d48p-6f) *
                         (0x1.c3332ap-1f * rest + 0x1.e6669ap-4f) *
                         ((0x1.441fc2p-1f * rest + 0x1.77c080p-2f) *
                          (0x1.e10d40p-3f * rest + 0x1.87bcb0p-1f));
    return r * (above / below);
}

static inline int any(mask which) {
    int32_t found = 0;
    for (int s = 0; s < SEEDS; s++) found |= which[s];
    return found;
}

/* Scale the series of a tile of voxels, rows of `step` values, into rows of STRIDE. The next tile is
   asked for meanwhile: it lies elsewhere in memory for each row. */
#define SCALE(type)                                                                               \
    static void scale_##type(const type *restrict values, int64_t step, int64_t m, int64_t n,     \
                             const float *restrict factors, float *restrict columns) {            \
        for (int64_t k = 0; k < m; k++) {                                                         \
            for (int64_t v = 0; v < n; v += 64 / (int64_t)sizeof(type))                           \
                __builtin_prefetch(values + k * step + TILE + v, 0, 2);                           \
            for (int64_t v = 0; v < n; v++)                                                       \
                columns[k * STRIDE + v] = (float)values[k * step + v] * factors[v];               \
        }                                                                                         \
    }
SCALE(int8_t)
SCALE(int16_t)
SCALE(float)
SCALE(double)

/* Set the weighted z maps of blocks of seeds at a tile of voxels, or add to them. */
static int64_t correlate_tile(const float *restrict columns, int64_t m, int64_t n_voxels,
                              int64_t offset, const float *restrict series,
                              const float *restrict weights, int64_t n_blocks,
                              const int32_t *restrict place, float *restrict maps, int64_t rows,
                              int add, float limit, int32_t *restrict near) {
    int64_t n_near = 0;
    for (int64_t block = 0; block < n_blocks; block++) {
        const float *own = series + block * m * SEEDS;
        const vector weight = *(const vector *)(weights + block * SEEDS);
        for (int64_t first = 0; first < n_voxels; first += TOGETHER) {
            const int64_t left = n_voxels - first;
            vector r[TOGETHER] = {{0}};
            /* behind the last voxel the columns hold what an earlier tile left */
            for (int64_t k = 0; k < m; k++) {
                const vector at = *(const vector *)(own + k * SEEDS);
                const float *column = columns + k * STRIDE + first;
                for (int i = 0; i < TOGETHER; i++) r[i] = column[i] * at + r[i];
            }
            for (int i = 0; i < TOGETHER && i < left; i++) {
                const int64_t row = place[first + i];
                if (row < 0) continue;
                const mask beyond = (r[i] > limit) | (r[i] < -limit);
                vector z = weight * fisher_z(r[i]);
                if (any(beyond)) {
                    for (int s = 0; s < SEEDS; s++) {
                        if (!beyond[s]) continue;
                        z[s] = 0;
                        near[3 * n_near] = (int32_t)block;
                        near[3 * n_near + 1] = (int32_t)(offset + first + i);
                        near[3 * n_near + 2] = s;
                        n_near++;
                    }
                }
                vector *to = (vector *)(maps + (block * rows + row) * SEEDS);
                *to = add ? *to + z : z;
            }
        }
    }
    return n_near;
}

/* Set the weighted z maps of blocks of seeds at voxels of a run, or add to them.

   values: (m, step) of 1 byte (int8), 2 (int16), 4 (float) or 8 (double), n_voxels of a row used
   factors: (n_voxels), which make the columns' length 1
   series: (n_blocks, m, 16), of unit length; weights: (n_blocks, 16)
   place: (n_voxels), row of each voxel in the maps, -1 for none
   maps: (n_blocks, rows, 16); added to if add is not 0, else set
   near: receives block, voxel and seed of correlations beyond the limit, whose value is 0
   columns: (m, STRIDE), to work in, zeroed at first
   Returns how many are near. */
int64_t fcnm_correlate(const void *restrict values, int bytes, int64_t step, int64_t m,
                       int64_t n_voxels, const float *restrict factors,
                       const float *restrict series, const float *restrict weights,
                       int64_t n_blocks, const int32_t *restrict place, float *restrict maps,
                       int64_t rows, int add, float limit, int32_t *restrict near,
                       float *restrict columns) {
    int64_t n_near = 0;
    for (int64_t first = 0; first < n_voxels; first += TILE) {
        const int64_t n = n_voxels - first < TILE ? n_voxels - first : TILE;
        if (bytes == 1)
            scale_int8_t((const int8_t *)values + first, step, m, n, factors + first, columns);
        else if (bytes == 2)
            scale_int16_t((const int16_t *)values + first, step, m, n, factors + first, columns);
        else if (bytes == 4)
            scale_float((const float *)values + first, step, m, n, factors + first, columns);
        else
            scale_double((const double *)values + first, step, m, n, factors + first, columns);
        n_near += correlate_tile(columns, m, n, first, series, weights, n_blocks, place + first,
                                 maps, rows, add, limit, near + 3 * n_near);
    }
    return n_near;
}

/* Sum max(r, 0) over blocks of targets, for each voxel.

   columns: (m, step), of unit length, n_voxels of a row used
   targets: (n_blocks, m, 16), of unit length
   total: (n_voxels), receives the sums */
void fcnm_positive_sums(const float *restrict columns, int64_t step, int64_t m, int64_t n_voxels,
                        const float *restrict targets, int64_t n_blocks, double *restrict total,
                        float *restrict tile) {
    enum { BLOCKS = 32 }; /* summed in single precision */
    for (int64_t start = 0; start < n_voxels; start += TILE) {
        const int64_t n = n_voxels - start < TILE ? n_voxels - start : TILE;
        for (int64_t k = 0; k < m; k++)
            for (int64_t v = 0; v < n; v++) tile[k * STRIDE + v] = columns[k * step + start + v];
        for (int64_t v = 0; v < n; v++) total[start + v] = 0;
        for (int64_t some = 0; some < n_blocks; some += BLOCKS) {
            vector sum[TILE] = {{0}};
            const int64_t last = some + BLOCKS < n_blocks ? some + BLOCKS : n_blocks;
            for (int64_t block = some; block < last; block++) {
                const float *own = targets + block * m * SEEDS;
                for (int64_t first = 0; first < n; first += TOGETHER) {
                    vector r[TOGETHER] = {{0}};
                    for (int64_t k = 0; k < m; k++) {
                        const vector at = *(const vector *)(own + k * SEEDS);
                        const float *column = tile + k * STRIDE + first;
                        for (int i = 0; i < TOGETHER; i++) r[i] = column[i] * at + r[i];
                    }
                    for (int i = 0; i < TOGETHER; i++)
                        sum[first + i] += (vector)((r[i] > 0) & (mask)r[i]);
                }
            }
            for (int64_t v = 0; v < n; v++)
                for (int s = 0; s < SEEDS; s++) total[start + v] += sum[v][s];
        }
    }
}

/* Mean over participants of the maps of a block, 0 where nobody has a value.

   maps: (participants, step between them in values; n_voxels, 16), NaN for no value */
void fcnm_mean(const float *restrict maps, int64_t n_participants, int64_t step, int64_t n_voxels,
               float *restrict mean) {
    for (int64_t v = 0; v < n_voxels; v++) {
        vector sum = {0}, n = {0};
        for (int64_t p = 0; p < n_participants; p++) {
            const vector z = *(const vector *)(maps + p * step + v * SEEDS);
            const mask valid = z == z;
            sum += (vector)(valid & (mask)z);
            n += (vector)(valid & (mask)(vector){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
        }
        const mask somebody = n > 0;
        *(vector *)(mean + v * SEEDS) = (vector)(somebody & (mask)(sum / n));
    }
}

/* Subtract the centre from one participant's maps of a block: 0 where there is no value, and one is
   added to `lacking` there. Returns in `found` how many voxels of each seed have a value. */
void fcnm_deviations(const float *restrict z, const float *restrict centre, int64_t n_voxels,
                     float *restrict deviations, int32_t *restrict lacking,
                     int64_t *restrict found) {
    mask missing = {0};
    for (int64_t v = 0; v < n_voxels; v++) {
        const vector own = *(const vector *)(z + v * SEEDS);
        const mask valid = own == own;
        const vector from = own - *(const vector *)(centre + v * SEEDS);
        *(vector *)(deviations + v * SEEDS) = (vector)(valid & (mask)from);
        if (any(~valid)) {
            missing -= ~valid;
            *(mask *)(lacking + v * SEEDS) -= ~valid;
        }
    }
    for (int s = 0; s < SEEDS; s++) found[s] = n_voxels - missing[s];
}

/* Add the sums of deviations and of their squares, and the products of neighbours, of voxels from
   `first` to `last` over a group of participants.

   deviations: (participants, n_voxels + 1, 16), the last row 0
   neighbours: (3, n_voxels), row of the next voxel along each axis, n_voxels for none; or null
   sums: (n_voxels, 2, 16); products: (n_voxels, 6, 16), unused without neighbours */
void fcnm_add(const float *restrict deviations, int64_t n_participants, int64_t n_voxels,
              int64_t first, int64_t last, const int32_t *restrict neighbours,
              double *restrict sums, float *restrict products) {
    const int64_t step = (n_voxels + 1) * SEEDS;
    for (int64_t v = first; v < last; v++) {
        vector sum = {0}, square = {0};
        const float *here = deviations + v * SEEDS;
        if (neighbours) {
            vector vx = {0}, vy = {0}, vz = {0}, xy = {0}, xz = {0}, yz = {0};
            const float *along_x = deviations + (int64_t)neighbours[v] * SEEDS;
            const float *along_y = deviations + (int64_t)neighbours[n_voxels + v] * SEEDS;
            const float *along_z = deviations + (int64_t)neighbours[2 * n_voxels + v] * SEEDS;
            for (int64_t p = 0; p < n_participants; p++) {
                const vector a = *(const vector *)(here + p * step);
                const vector x = *(const vector *)(along_x + p * step);
                const vector y = *(const vector *)(along_y + p * step);
                const vector z = *(const vector *)(along_z + p * step);
                sum += a;
                square = a * a + square;
                vx = a * x + vx;
                vy = a * y + vy;
                vz = a * z + vz;
                xy = x * y + xy;
                xz = x * z + xz;
                yz = y * z + yz;
            }
            vector *to = (vector *)(products + v * N_PRODUCTS * SEEDS);
            to[0] += vx;
            to[1] += vy;
            to[2] += vz;
            to[3] += xy;
            to[4] += xz;
            to[5] += yz;
        } else {
            for (int64_t p = 0; p < n_participants; p++) {
                const vector a = *(const vector *)(here + p * step);
                sum += a;
                square = a * a + square;
            }
        }
        wide *to = (wide *)(sums + v * N_SUMS * SEEDS);
        to[0] += __builtin_convertvector(sum, wide);
        to[1] += __builtin_convertvector(square, wide);
    }
}

/* Neighbouring voxels of a product: 0 is the voxel, 1, 2, 3 the next one along x, y, z. */
static const int FIRST[N_PRODUCTS] = {0, 0, 0, 1, 1, 2}, SECOND[N_PRODUCTS] = {1, 2, 3, 2, 3, 3};

/* Turn products of deviations of neighbours into sums of products about the means.

   products: (n_voxels, 6, 16)
   comoments: (last - first, 6, 16), receives those of some voxels, 0 without both neighbours
   sums: (n_rows, 2, 16), first those of deviations; n: (16), participants with a map
   lacking: (n_rows, 16), how many of them lack a value
   neighbours: (3, n_rows), row of the next voxel along each axis, n_rows for none */
void fcnm_comoments(const float *restrict products, const double *restrict sums,
                    const int32_t *restrict lacking, const int32_t *restrict neighbours,
                    int64_t first, int64_t last, int64_t n_rows, const double *restrict n,
                    double *restrict comoments) {
    wide per_participant = {0};
    for (int s = 0; s < SEEDS; s++) per_participant[s] = n[s] > 0 ? 1 / n[s] : 0;
    for (int64_t v = first; v < last; v++) {
        wide sum[4], there[4];
        for (int k = 0; k < 4; k++) {
            const int64_t row = k ? neighbours[(k - 1) * n_rows + v] : v;
            sum[k] = there[k] = (wide){0};
            if (row >= n_rows) continue;
            const mask complete = *(const mask *)(lacking + row * SEEDS) == 0;
            sum[k] = *(const wide *)(sums + row * N_SUMS * SEEDS);
            there[k] = -__builtin_convertvector(complete, wide);
        }
        for (int k = 0; k < N_PRODUCTS; k++) {
            const int64_t at = (v * N_PRODUCTS + k) * SEEDS;
            const int a = FIRST[k], b = SECOND[k];
            const wide product = __builtin_convertvector(*(const vector *)(products + at), wide);
            *(wide *)(comoments + at - first * N_PRODUCTS * SEEDS) =
                there[a] * there[b] * (product - sum[a] * sum[b] * per_participant);
        }
    }
}

static inline __attribute__((always_inline)) void
roughness(const double *restrict comoments, int64_t step_of_product, int64_t step_of_voxel,
          const double *restrict fitted, int64_t n_fitted, const double *restrict length,
          const uint8_t *restrict usable, const int32_t *restrict neighbours, int64_t first,
          int64_t last, int64_t n_rows, double *restrict total, const int lanes) {
    double sums[8][SEEDS] = {{0}};
    for (int64_t v = first; v < last; v++) {
        int64_t row[4];
        int inside = 1;
        for (int k = 0; k < 4; k++) {
            row[k] = k ? neighbours[(k - 1) * n_rows + v] : v;
            inside &= row[k] < n_rows;
        }
        if (!inside) continue;
        double whole[SEEDS], per_length[4][SEEDS], rho[N_PRODUCTS][SEEDS];
        int some = 0;
        for (int s = 0; s < lanes; s++) {
            const int all = usable[row[0] * lanes + s] & usable[row[1] * lanes + s] &
                            usable[row[2] * lanes + s] & usable[row[3] * lanes + s];
            whole[s] = all;
            some |= all;
        }
        if (!some) continue;
        for (int k = 0; k < 4; k++)
            for (int s = 0; s < lanes; s++)
                per_length[k][s] = whole[s] != 0 ? 1 / length[row[k] * lanes + s] : 0;
        for (int k = 0; k < N_PRODUCTS; k++) {
            const double *own = comoments + k * step_of_product + (v - first) * step_of_voxel;
            const int a = FIRST[k], b = SECOND[k];
            for (int s = 0; s < lanes; s++) rho[k][s] = whole[s] != 0 ? own[s] : 0;
            for (int64_t j = 0; j < n_fitted; j++)
                for (int s = 0; s < lanes; s++)
                    rho[k][s] -= whole[s] != 0 ? fitted[(j * n_rows + row[a]) * lanes + s] *
                                                     fitted[(j * n_rows + row[b]) * lanes + s]
                                               : 0;
            for (int s = 0; s < lanes; s++) rho[k][s] *= per_length[a][s] * per_length[b][s];
        }
        for (int s = 0; s < lanes; s++) {
            const double xx = 2 * (1 - rho[0][s]), yy = 2 * (1 - rho[1][s]),
                         zz = 2 * (1 - rho[2][s]);
            const double xy = rho[3][s] - rho[0][s] - rho[1][s] + 1,
                         xz = rho[4][s] - rho[0][s] - rho[2][s] + 1,
                         yz = rho[5][s] - rho[1][s] - rho[2][s] + 1;
            const double determinant =
                xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
            sums[0][s] += whole[s];
            sums[1][s] += whole[s] * sqrt(determinant > 0 ? determinant : 0);
            sums[2][s] += whole[s] * sqrt(xx > 0 ? xx : 0);
            sums[3][s] += whole[s] * sqrt(yy > 0 ? yy : 0);
            sums[4][s] += whole[s] * sqrt(zz > 0 ? zz : 0);
            sums[5][s] += whole[s] * xx;
            sums[6][s] += whole[s] * yy;
            sums[7][s] += whole[s] * zz;
        }
    }
    for (int k = 0; k < 8; k++)
        for (int s = 0; s < lanes; s++) total[k * lanes + s] = sums[k][s];
}

/* Sum the roughness of residuals over the voxels from `first` to `last` that are usable with their
   three neighbours, of one contrast or of 16 side by side.

   comoments: of the six products at these voxels, with the steps that are given
   fitted: (n_fitted, n_rows, lanes), coordinates of maps in the columns of the design beside the
   intercept; length: (n_rows, lanes), of the residuals; usable: (n_rows, lanes)
   total: (8, lanes), receives the number of voxels, the sums of the root of the determinant, of the
   roots of the three diagonal entries, and of these. */
void fcnm_roughness(const double *restrict comoments, int64_t step_of_product,
                    int64_t step_of_voxel, const double *restrict fitted, int64_t n_fitted,
                    const double *restrict length, const uint8_t *restrict usable,
                    const int32_t *restrict neighbours, int64_t first, int64_t last,
                    int64_t n_rows, double *restrict total, int lanes) {
    if (lanes == SEEDS)
        roughness(comoments, step_of_product, step_of_voxel, fitted, n_fitted, length, usable,
                  neighbours, first, last, n_rows, total, SEEDS);
    else
        roughness(comoments, step_of_product, step_of_voxel, fitted, n_fitted, length, usable,
                  neighbours, first, last, n_rows, total, 1);
}
