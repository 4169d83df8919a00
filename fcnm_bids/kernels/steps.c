/* Components as whole numbers of steps, as the store holds them. */

#include <stdint.h>
#include <string.h>

enum { TILE = 4096 };

/* Largest absolute value of each column.

   values: (m, n_voxels); largest: (n_voxels) */
void fcnm_largest(const float *restrict values, int64_t m, int64_t n_voxels,
                  float *restrict largest) {
    memset(largest, 0, (size_t)n_voxels * sizeof *largest);
    for (int64_t first = 0; first < n_voxels; first += TILE) {
        const int64_t last = first + TILE < n_voxels ? first + TILE : n_voxels;
        for (int64_t row = 0; row < m; row++)
            for (int64_t v = first; v < last; v++) {
                const float value = values[row * n_voxels + v], size = value < 0 ? -value : value;
                largest[v] = size > largest[v] ? size : largest[v];
            }
    }
}

/* Values in steps of `scale`, rounded to the nearest, halves to even; 0 where the step is 0. */
#define IN_STEPS(name, type, limit)                                                               \
    static void in_steps_##name(const float *restrict values, int64_t n_voxels,                   \
                                const float *restrict scale, type *restrict steps) {              \
        const float whole = 0x1.8p23f; /* numbers of this size have no fraction */                \
        for (int64_t v = 0; v < n_voxels; v++) {                                                  \
            float step = scale[v] > 0 ? values[v] / scale[v] : 0;                                 \
            step = step < limit ? step : limit;                                                   \
            step = step > -limit ? step : -limit;                                                 \
            step += whole;                                                                        \
            step -= whole;                                                                        \
            steps[v] = (type)step;                                                                \
        }                                                                                         \
    }
IN_STEPS(int8, int8_t, 127)
IN_STEPS(int16, int16_t, 32767)

/* values: (m, n_voxels); scale: (n_voxels)
   steps: (m, n_voxels) of int8 (1 byte) or int16 (2) */
void fcnm_in_steps(const float *restrict values, int64_t m, int64_t n_voxels,
                   const float *restrict scale, void *restrict steps, int bytes) {
    for (int64_t row = 0; row < m; row++) {
        const float *own = values + row * n_voxels;
        if (bytes == 1)
            in_steps_int8(own, n_voxels, scale, (int8_t *)steps + row * n_voxels);
        else
            in_steps_int16(own, n_voxels, scale, (int16_t *)steps + row * n_voxels);
    }
}
