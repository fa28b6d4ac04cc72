/* Signs: a bit an entry, and the mean magnitude of all (Karimireddy, Rebjock, Stich, Jaggi 2019,
 * arXiv 1901.09847, algorithm 1). With `majority` the bits alone (Bernstein, Wang, Azizzadenesheli,
 * Anandkumar 2018, arXiv 1802.04434, algorithm 3): the vote itself is the server's. 0 counts as
 * positive. */
#include "core/compress/member.h"

static int64_t bytes(const mst_compress_spec *s, int64_t n) {
  return (s->majority ? 0 : 4) + mst_bits_bytes(n);
}

static float mean_magnitude(int64_t n, const float *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += fabs((double)x[i]);
  return (float)(sum / (double)n);
}

static void encode(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                   uint64_t *drawn, uint8_t *to) {
  (void)stream, (void)drawn;
  mst_bits_writer w = {.at = to};
  if (!s->majority) mst_bits_put_float(&w, mean_magnitude(n, x));
  for (int64_t first = 0; first < n; first += 32) {
    const int many = (int)mst_least(32, n - first);
    uint32_t negative = 0;
    for (int i = 0; i < many; i++) negative |= (uint32_t)(x[first + i] < 0.0f) << i;
    mst_bits_put(&w, negative, many);
  }
  mst_bits_end(&w);
}

static bool decode(const mst_compress_spec *s, mst_stream stream, int64_t n, const uint8_t *from,
                   uint64_t *drawn, float *x) {
  (void)stream, (void)drawn;
  mst_bits_reader r = {.at = from, .end = from + bytes(s, n)};
  const float size = s->majority ? 1.0f : mst_bits_take_float(&r);
  for (int64_t first = 0; first < n; first += 32) {
    const int many = (int)mst_least(32, n - first);
    const uint32_t negative = mst_bits_take(&r, many);
    for (int i = 0; i < many; i++) x[first + i] = negative >> i & 1 ? -size : size;
  }
  return isfinite(size) && size >= 0.0f && mst_bits_ended(&r);
}

static const mst_param params[] = {
    MST_COMPRESS_FEEDBACK("true"),
    {.name = "majority", .type = MST_PARAM_BOOL, .offset = offsetof(mst_compress_spec, majority),
     .fallback = "false", .unit = "",
     .help = "the server takes the sign of the sum of the signs (needs feedback: false)"},
    {.name = "majority_step", .type = MST_PARAM_REAL,
     .offset = offsetof(mst_compress_spec, majority_step), .fallback = "0.001",
     .min = 0, .max = 1e6, .open_min = true, .unit = "units of the parameters",
     .help = "what a vote moves an entry by, before method.server_lr"},
    {.name = NULL}};

const mst_compress_ops mst_compress_sign = {
    .name = "sign",
    .summary = "a bit an entry, and their mean magnitude",
    .params = params,
    .bytes = bytes,
    .encode = encode,
    .decode = decode,
};
