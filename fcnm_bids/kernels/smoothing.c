/* Separable smoothing of components in the box around their voxels. Products are rounded before they
   are added, so that every variant of the library gives the same bits. */

#include <stdint.h>
#include <string.h>

enum { LANES = 16, TOGETHER = 4, PIECE = LANES * TOGETHER };

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));

/* Weighted sums of 2 radius + 1 lines of values, from the piece of `first` to that of `last`.

   kernel: (radius + 1), from its middle outwards */
static void convolve(const float *const *lines, int64_t radius, const float *restrict kernel,
                     int64_t first, int64_t last, float *restrict to) {
    for (int64_t i = first / PIECE * PIECE; i < last; i += PIECE) {
        vector sum[TOGETHER];
        for (int v = 0; v < TOGETHER; v++)
            sum[v] = *(const vector *)(lines[radius] + i + v * LANES) * kernel[0];
        for (int64_t lag = 1; lag <= radius; lag++) {
            const float *before = lines[radius - lag] + i, *after = lines[radius + lag] + i;
            for (int v = 0; v < TOGETHER; v++) {
                vector part = *(const vector *)(before + v * LANES);
                part += *(const vector *)(after + v * LANES);
                part *= kernel[lag];
                sum[v] += part;
            }
        }
        for (int v = 0; v < TOGETHER; v++) *(vector *)(to + i + v * LANES) = sum[v];
    }
}

/* Weighted sums of values and those that lie `stride` before and after them. */
static void along(const float *from, int64_t stride, int64_t radius, const float *restrict kernel,
                  int64_t first, int64_t last, float *restrict to, const float **lines) {
    for (int64_t j = 0; j <= 2 * radius; j++) lines[j] = from + (j - radius) * stride;
    convolve(lines, radius, kernel, first, last, to);
}

/* Widen a stretch of n values by what a kernel reaches; a stretch of nothing stays. */
static void reach(int64_t *first, int64_t *last, int64_t by, int64_t n) {
    if (*first >= *last) return;
    *first = *first > by ? *first - by : 0;
    *last = n - *last > by ? *last + by : n;
}

/* Set to 0 what lies around a stretch. */
static void clear(float *restrict values, int64_t first, int64_t last, int64_t n) {
    memset(values, 0, (size_t)first * sizeof *values);
    memset(values + last, 0, (size_t)(n - last) * sizeof *values);
}

/* Numbers of a slice in memory: whole pieces. */
static int64_t pieces(int64_t n) { return (n + PIECE - 1) / PIECE * PIECE; }

/* Numbers that fcnm_smooth works in, for slices of n_rows rows of n_row values. */
int64_t fcnm_smooth_work(int64_t n_row, int64_t n_rows, const int64_t *radius) {
    const int64_t size = pieces(n_row * n_rows);
    return (4 + 2 * radius[2] + 1) * size + 2 * pieces(radius[0]) + 2 * pieces(radius[1] * n_row) +
           PIECE;
}

/* Smooth components in place; beyond their voxels all is zero.

   components: (n_components, step)
   spans: (n_spans, 3), of voxels side by side: place in a slice, place in a component, length
   slices: (n_slices + 1), first span of each slice
   n_row: values of a row, with radius[0] zeros behind the voxels; n_rows: rows of a slice
   radius: (3), and kernels: from their middle outwards, one after the other
   work: fcnm_smooth_work numbers, zeros at first
   lines: (2 * the largest radius + 1), to work in */
void fcnm_smooth(float *restrict components, int64_t n_components, int64_t step,
                 const int64_t *restrict spans, const int64_t *restrict slices, int64_t n_slices,
                 int64_t n_row, int64_t n_rows, const int64_t *restrict radius,
                 const float *restrict kernels, float *restrict work, const float **lines) {
    const int64_t n = n_row * n_rows, size = pieces(n), n_ring = 2 * radius[2] + 1;
    const float *along_y = kernels + radius[0] + 1, *along_z = along_y + radius[1] + 1;
    float *zeros = (float *)(((uintptr_t)work + 63) / 64 * 64);
    float *raw = zeros + size + pieces(radius[0]);
    float *by_x = raw + size + pieces(radius[0]) + pieces(radius[1] * n_row);
    float *by_z = by_x + size + pieces(radius[1] * n_row);
    float *ring = by_z + size;
    for (int64_t c = 0; c < n_components; c++) {
        float *component = components + c * step;
        for (int64_t z = 0; z < n_slices + radius[2]; z++) {
            if (z < n_slices) {
                const int64_t *span = spans + 3 * slices[z], *end = spans + 3 * slices[z + 1];
                int64_t first = 0, last = 0;
                float *by_y = ring + z % n_ring * size;
                if (span < end) first = span[0], last = end[-3] + end[-1];
                memset(raw, 0, (size_t)size * sizeof *raw);
                for (; span < end; span += 3)
                    memcpy(raw + span[0], component + span[1], (size_t)span[2] * sizeof *raw);
                reach(&first, &last, radius[0], n);
                clear(by_x, first, last, size);
                along(raw, 1, radius[0], kernels, first, last, by_x, lines);
                reach(&first, &last, radius[1] * n_row, n);
                clear(by_y, first, last, size);
                along(by_x, n_row, radius[1], along_y, first, last, by_y, lines);
            }
            const int64_t own = z - radius[2];
            if (own < 0 || slices[own] == slices[own + 1]) continue;
            for (int64_t j = 0; j < n_ring; j++) {
                const int64_t from = own + j - radius[2];
                const int there = from >= 0 && from < n_slices;
                lines[j] = there ? ring + from % n_ring * size : zeros;
            }
            const int64_t *span = spans + 3 * slices[own], *end = spans + 3 * slices[own + 1];
            convolve(lines, radius[2], along_z, span[0], end[-3] + end[-1], by_z);
            for (; span < end; span += 3)
                memcpy(component + span[1], by_z + span[0], (size_t)span[2] * sizeof *raw);
        }
    }
}
