/* Pillow's LANCZOS for 8-bit pixels and the Paeth filter of PNG, in vectors.
 *
 * Optional: `resample.py` loads it where it was built and where it gives Pillow's very pixels, and else uses Pillow.
 * It needs GCC or Clang and no Python headers.
 *
 * Pixels are equal to Pillow's because the arithmetic is: weights in double precision, normalised, rounded to 22 bits
 * after the point; sums in 32-bit integers; rounded and clipped to 8 bits after the horizontal and after the vertical
 * pass. Integers add up to the same in any order, so how wide the machine's vectors are does not matter.
 */

#if !defined(__GNUC__) || defined(__clang__)
#error "written in the vector extensions of GCC"
#endif

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Vectors wider than the machine's own would be kept in memory, at ten times the time. */
#ifdef __x86_64__
#pragma GCC target("avx2")
#define PART_LANES 8
#else
#define PART_LANES 4
#endif

#define LANES 16
#define PARTS (LANES / PART_LANES)
#define FRACTION_BITS 22
#define LOBES 3.0
#define INLINE static inline __attribute__((always_inline))

typedef uint8_t Pixels __attribute__((vector_size(LANES)));
typedef int16_t Words __attribute__((vector_size(2 * LANES)));
typedef int16_t PartWords __attribute__((vector_size(2 * PART_LANES)));
typedef int32_t Part __attribute__((vector_size(4 * PART_LANES)));

/* One number for each of LANES pixels. */
typedef struct {
    Part part[PARTS];
} Sums;

/* What one output pixel is made of: `taps` input pixels from `first` on. */
typedef struct {
    int first;
    int taps;
    const int32_t *weights;
} Source;

typedef struct {
    Source *sources;
    int32_t *weights;
} Axis;

static double sinc(double x) {
    if (x == 0.0) return 1.0;
    x *= 3.14159265358979323846;
    return sin(x) / x;
}

static double lanczos(double x) {
    return -LOBES <= x && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0.0;
}

static void axis_free(Axis *axis) {
    free(axis->sources);
    free(axis->weights);
}

/* The sources of all output pixels along one axis; 0 when there is no memory. */
static int axis_make(Axis *axis, int in, int out) {
    const double scale = (double)in / out;
    const double stretch = scale < 1.0 ? 1.0 : scale;
    const double reach = LOBES * stretch;
    const int room = (int)ceil(reach) * 2 + 1;
    double *exact = malloc(sizeof(double) * (size_t)room);

    axis->sources = malloc(sizeof(Source) * (size_t)out);
    axis->weights = malloc(sizeof(int32_t) * (size_t)out * (size_t)room);
    if (!exact || !axis->sources || !axis->weights) {
        free(exact);
        return 0;
    }
    for (int place = 0; place < out; place++) {
        int32_t *weights = axis->weights + (size_t)place * (size_t)room;
        const double center = (place + 0.5) * scale;
        const double inverse = 1.0 / stretch;
        int first = (int)(center - reach + 0.5);
        int end = (int)(center + reach + 0.5);
        double total = 0.0;

        if (first < 0) first = 0;
        if (end > in) end = in;
        for (int tap = 0; tap < end - first; tap++) {
            exact[tap] = lanczos((tap + first - center + 0.5) * inverse);
            total += exact[tap];
        }
        for (int tap = 0; tap < end - first; tap++) {
            const double weight = (total != 0.0 ? exact[tap] / total : exact[tap]) * (1 << FRACTION_BITS);
            weights[tap] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
        axis->sources[place] = (Source){first, end - first, weights};
    }
    free(exact);
    return 1;
}

INLINE Sums widened(Pixels pixels) {
    const Words words = __builtin_convertvector(pixels, Words);
    PartWords parts[PARTS];
    Sums sums;

    memcpy(parts, &words, sizeof words);
    for (int part = 0; part < PARTS; part++) sums.part[part] = __builtin_convertvector(parts[part], Part);
    return sums;
}

/* Rounded and clipped to 0..255. */
INLINE Pixels narrowed(Sums sums) {
    PartWords parts[PARTS];
    Words words;

    for (int part = 0; part < PARTS; part++) {
        Part value = (sums.part[part] + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
        value &= ~(value >> 31);
        value = (value & ~(value > 255)) | (255 & (value > 255));
        parts[part] = __builtin_convertvector(value, PartWords);
    }
    memcpy(&words, parts, sizeof words);
    return __builtin_convertvector(words, Pixels);
}

/* LANES pixels at once; `in` holds LANES values for each place along the axis, `step` apart. */
INLINE Pixels weighed(const Sums *in, size_t step, Source source) {
    Sums sums = {{{0}}};

    in += (size_t)source.first * step;
    for (int tap = 0; tap < source.taps; tap++, in += step)
        for (int part = 0; part < PARTS; part++) sums.part[part] += source.weights[tap] * in->part[part];
    return narrowed(sums);
}

/* Rows become columns: four rounds that each lay the lower half of the rows between the upper half. */
INLINE void turn(Pixels tile[LANES]) {
    const Pixels low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    Pixels laid[LANES];

    for (int round = 0; round < 4; round++) {
        for (int row = 0; row < LANES / 2; row++) {
            laid[2 * row] = __builtin_shuffle(tile[row], tile[row + LANES / 2], low);
            laid[2 * row + 1] = __builtin_shuffle(tile[row], tile[row + LANES / 2], low + 8);
        }
        memcpy(tile, laid, sizeof laid);
    }
}

/* The horizontal pass, LANES rows at a time: turned, so that the rows lie beside each other, and turned back. */
static void across(const uint8_t *in, size_t in_bytes, int height, size_t channels, const Axis *axis, size_t out_bytes,
                   uint8_t *out, size_t out_stride, Sums *room) {
    Pixels tile[LANES] = {{0}};

    for (int top = 0; top < height; top += LANES, in += LANES * in_bytes, out += LANES * out_stride) {
        const int rows = height - top < LANES ? height - top : LANES;

        for (size_t byte = 0; byte < in_bytes; byte += LANES) {
            const size_t left = in_bytes - byte;
            for (int row = 0; row < rows; row++) {
                const uint8_t *line = in + (size_t)row * in_bytes + byte;
                if (left >= LANES) memcpy(&tile[row], line, LANES);
                else memcpy(&tile[row], line, left);
            }
            turn(tile);
            for (size_t lane = 0; lane < LANES; lane++) room[byte + lane] = widened(tile[lane]);
        }
        for (size_t byte = 0; byte < out_bytes; byte += LANES) {
            for (size_t lane = 0; lane < LANES && byte + lane < out_bytes; lane++) {
                const size_t place = (byte + lane) / channels, channel = (byte + lane) % channels;
                tile[lane] = weighed(room + channel, channels, axis->sources[place]);
            }
            turn(tile);
            for (int row = 0; row < rows; row++) memcpy(out + (size_t)row * out_stride + byte, &tile[row], LANES);
        }
    }
}

/* The vertical pass, strips of LANES bytes at a time. */
static void down(const uint8_t *in, size_t stride, int height, const Axis *axis, int out_height, size_t out_bytes,
                 uint8_t *out, Sums *room) {
    Pixels pixels;

    for (size_t byte = 0; byte < out_bytes; byte += LANES) {
        const size_t left = out_bytes - byte;
        for (int row = 0; row < height; row++) {
            memcpy(&pixels, in + (size_t)row * stride + byte, LANES);
            room[row] = widened(pixels);
        }
        for (int place = 0; place < out_height; place++) {
            uint8_t *target = out + (size_t)place * out_bytes + byte;
            pixels = weighed(room, 1, axis->sources[place]);
            if (left >= LANES) memcpy(target, &pixels, LANES);
            else memcpy(target, &pixels, left);
        }
    }
}

/* Whether this machine has the instructions that this file was compiled to. */
int usable(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") != 0;
#else
    return 1;
#endif
}

static size_t padded(size_t bytes) {
    return (bytes + LANES - 1) / LANES * LANES;
}

/* Resize `in` (height x width x channels) to `out` (out_height x out_width x channels); 0 when there is no memory. */
int resample(const uint8_t *in, int width, int height, int channels, uint8_t *out, int out_width, int out_height) {
    const size_t in_bytes = (size_t)width * (size_t)channels, out_bytes = (size_t)out_width * (size_t)channels;
    const size_t stride = padded(out_bytes);
    Axis x = {0}, y = {0};
    const size_t places = padded(in_bytes) > (size_t)height ? padded(in_bytes) : (size_t)height;
    Sums *room = aligned_alloc(sizeof(Sums), places * sizeof(Sums));
    uint8_t *narrow = malloc((size_t)height * stride);
    int done = 0;

    if (room && narrow && axis_make(&x, width, out_width) && axis_make(&y, height, out_height)) {
        across(in, in_bytes, height, (size_t)channels, &x, out_bytes, narrow, stride, room);
        down(narrow, stride, height, &y, out_height, out_bytes, out, room);
        done = 1;
    }
    axis_free(&x);
    axis_free(&y);
    free(room);
    free(narrow);
    return done;
}

/* Each row of `in` (height x row_bytes) to its filter type and its filtered bytes; a pixel has `channels` bytes. */
void paeth(const uint8_t *in, int height, int row_bytes, int channels, uint8_t *out) {
    const size_t bytes = (size_t)row_bytes, pixel = (size_t)channels;

    for (int row = 0; row < height; row++, in += bytes, out += bytes) {
        const uint8_t *above = in - bytes;

        *out++ = 4;
        for (size_t byte = 0; byte < bytes && (row == 0 || byte < pixel); byte++) {
            const uint8_t left = byte < pixel ? 0 : in[byte - pixel];
            out[byte] = (uint8_t)(in[byte] - (row == 0 ? left : above[byte]));
        }
        if (row == 0) continue;
        for (size_t byte = pixel; byte < bytes; byte++) {
            const int16_t left = in[byte - pixel], up = above[byte], corner = above[byte - pixel];
            const int16_t from_left = (int16_t)abs(up - corner), from_up = (int16_t)abs(left - corner);
            const int16_t from_corner = (int16_t)abs(left + up - 2 * corner);
            const int16_t second = from_up <= from_corner ? up : corner;
            const int16_t best = from_left <= from_up && from_left <= from_corner ? left : second;
            out[byte] = (uint8_t)(in[byte] - best);
        }
    }
}
