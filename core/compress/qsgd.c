/* QSGD (Alistarh, Grubic, Li, Tomioka, Vojnovic 2017, arXiv 1610.02132, section 3.1): in each
 * bucket an entry becomes its sign, the bucket's Euclidean norm and one of s + 1 levels, |x| / norm
 * rounded up or down by chance so that the mean is right. Levels have a fixed width here, where the
 * paper has a code of Elias.
 *
 * With feedback what is read is divided by 1 + omega, omega = min(d / s^2, sqrt(d) / s) for buckets
 * of d (lemma 3.1): only so is what is lost a part of the vector, as error feedback needs. */
#include "core/compress/member.h"

static int level_width(const mst_compress_spec *s) {
  return mst_bits_width(2 * (uint64_t)s->levels);
}

static int64_t bytes(const mst_compress_spec *s, int64_t n) {
  return mst_bits_bytes(32 * mst_ceil_div(n, s->bucket) + level_width(s) * n);
}

/* The norm as it is sent: not below any entry, so that no level is above s. */
static float norm_of(int64_t n, const float *x) {
  double sum = 0.0;
  float largest = 0.0f;
  for (int64_t i = 0; i < n; i++) {
    sum += (double)x[i] * (double)x[i];
    largest = fmaxf(largest, fabsf(x[i]));
  }
  return fmaxf((float)sqrt(sum), largest);
}

/* Level of one entry: |x| s / norm, up with the probability of its fraction. */
static int64_t level_of(double share, uint32_t chance) {
  const int64_t whole = (int64_t)share;
  return whole + ((double)chance * 0x1p-32 < share - (double)whole);
}

static void encode(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                   uint64_t *drawn, uint8_t *to) {
  (void)drawn;
  const int width = level_width(s);
  mst_bits_writer w = {.at = to};
  for (int64_t first = 0; first < n; first += s->bucket) {
    const int64_t end = first + mst_least(s->bucket, n - first);
    const float norm = norm_of(end - first, x + first);
    const double scale = norm > 0.0f ? (double)s->levels / (double)norm : 0.0;
    mst_bits_put_float(&w, norm);
    for (int64_t i = first; i < end; i++) {
      int64_t level = level_of(fabs((double)x[i]) * scale, mst_stream_u32(&stream));
      level = mst_least(level, s->levels);
      mst_bits_put(&w, (uint32_t)(s->levels + (x[i] < 0.0f ? -level : level)), width);
    }
  }
  mst_bits_end(&w);
}

static bool decode(const mst_compress_spec *s, mst_stream stream, int64_t n, const uint8_t *from,
                   uint64_t *drawn, float *x) {
  (void)stream, (void)drawn;
  const int width = level_width(s);
  const double d = (double)mst_least(s->bucket, n), levels = (double)s->levels;
  const double omega = s->feedback ? fmin(d / (levels * levels), sqrt(d) / levels) : 0.0;
  mst_bits_reader r = {.at = from, .end = from + bytes(s, n)};
  for (int64_t first = 0; first < n; first += s->bucket) {
    const int64_t end = first + mst_least(s->bucket, n - first);
    const float norm = mst_bits_take_float(&r);
    const double unit = (double)norm / (levels * (1.0 + omega));
    if (!isfinite(norm) || norm < 0.0f) return false;
    for (int64_t i = first; i < end; i++) {
      int64_t level = (int64_t)mst_bits_take(&r, width) - s->levels;
      if (level > s->levels) return false;
      x[i] = (float)((double)level * unit);
    }
  }
  return mst_bits_ended(&r);
}

static const mst_param params[] = {
    {.name = "levels", .type = MST_PARAM_INT, .offset = offsetof(mst_compress_spec, levels),
     .fallback = "7", .min = 1, .max = 32767, .unit = "",
     .help = "steps between 0 and the norm; 1, 3, 7, 15, ... fill 2, 3, 4, 5, ... bits an entry"},
    MST_COMPRESS_BUCKET("512", "entries that share a norm"),
    MST_COMPRESS_FEEDBACK("false"),
    {.name = NULL}};

const mst_compress_ops mst_compress_qsgd = {
    .name = "qsgd",
    .summary = "levels of the norm, rounded by chance",
    .params = params,
    .bytes = bytes,
    .encode = encode,
    .decode = decode,
};
