/* Eight bits an entry: in each bucket the multiple of largest / 127 that is nearest, ties to even,
 * and that largest magnitude. */
#include "core/compress/member.h"

#define MOST 127

static const double ROUNDER = 0x1.8p52; /* added and taken off again, rounds to nearest even */

static int64_t bytes(const mst_compress_spec *s, int64_t n) {
  return 4 * mst_ceil_div(n, s->bucket) + n;
}

static float largest_of(int64_t n, const float *x) {
  float largest = 0.0f;
  for (int64_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(x[i]));
  return largest;
}

static void encode(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                   uint64_t *drawn, uint8_t *to) {
  (void)stream, (void)drawn;
  mst_bits_writer w = {.at = to};
  for (int64_t first = 0; first < n; first += s->bucket) {
    const int64_t end = first + mst_least(s->bucket, n - first);
    const float largest = largest_of(end - first, x + first);
    mst_bits_put_float(&w, largest);
    for (int64_t i = first; i < end; i++) {
      double share = largest > 0.0f ? MOST * (double)x[i] / (double)largest : 0.0;
      mst_bits_put(&w, (uint32_t)(MOST + (int)(share + ROUNDER - ROUNDER)), 8);
    }
  }
  mst_bits_end(&w);
}

static bool decode(const mst_compress_spec *s, mst_stream stream, int64_t n, const uint8_t *from,
                   uint64_t *drawn, float *x) {
  (void)stream, (void)drawn;
  mst_bits_reader r = {.at = from, .end = from + bytes(s, n)};
  for (int64_t first = 0; first < n; first += s->bucket) {
    const int64_t end = first + mst_least(s->bucket, n - first);
    const float largest = mst_bits_take_float(&r);
    if (!isfinite(largest) || largest < 0.0f) return false;
    for (int64_t i = first; i < end; i++) {
      int step = (int)mst_bits_take(&r, 8) - MOST;
      if (step > MOST) return false;
      x[i] = (float)(step * (double)largest / MOST);
    }
  }
  return true;
}

static const mst_param params[] = {MST_COMPRESS_BUCKET("256", "entries that share a scale"),
                                   MST_COMPRESS_FEEDBACK("true"),
                                   {.name = NULL}};

const mst_compress_ops mst_compress_int8 = {
    .name = "int8",
    .summary = "eight bits an entry and a scale a bucket",
    .params = params,
    .bytes = bytes,
    .encode = encode,
    .decode = decode,
};
