/* The k entries of largest magnitude (top_k of Stich, Cordonnier, Jaggi 2018, arXiv 1809.07599); of
 * equal ones the first. An encoding says which, by a bit for every entry or by their numbers,
 * whichever is shorter for this n and k; then their values in order. */
#include "core/compress/member.h"

#define DIGIT 11 /* bits of a magnitude that are sorted at a time */

static uint32_t magnitude_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & 0x7fffffffu;
}

/* The k-th largest magnitude, as bits, whose order is that of the magnitudes. *above: how many are
 * larger. The digits are found from the highest on. */
static uint32_t find_threshold(int64_t n, const float *x, int64_t k, int64_t *above) {
  static const int shift[] = {31 - DIGIT, 31 - 2 * DIGIT, 0};
  uint32_t known = 0;
  *above = 0;
  for (int pass = 0; pass < 3; pass++) {
    const int low = shift[pass], high = pass == 0 ? 31 : shift[pass - 1];
    const uint32_t digits = 1u << (high - low);
    int64_t count[1 << DIGIT] = {0};
    for (int64_t i = 0; i < n; i++) {
      uint32_t bits = magnitude_bits(x[i]);
      if ((uint64_t)bits >> high == (uint64_t)known >> high) count[bits >> low & (digits - 1)]++;
    }
    uint32_t digit = digits - 1;
    for (; *above + count[digit] < k; digit--) *above += count[digit];
    known |= digit << low;
  }
  return known;
}

/* Bits that say which k of n: one an entry, or the numbers. */
static int number_width(int64_t n) {
  return mst_bits_width((uint64_t)n - 1);
}

static bool is_map(int64_t n, int64_t k) {
  return n > INT64_C(0x100000000) || n <= k * number_width(n);
}

static int64_t bytes(const mst_compress_spec *s, int64_t n) {
  int64_t k = mst_compress_share(s, n);
  return mst_bits_bytes((is_map(n, k) ? n : k * number_width(n)) + 32 * k);
}

/* Whether entry i is among the k: equal to the threshold, it is while there is room. */
static bool is_chosen(float x, uint32_t threshold, int64_t *equal) {
  uint32_t bits = magnitude_bits(x);
  if (bits != threshold) return bits > threshold;
  return (*equal)-- > 0;
}

static void encode(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                   uint64_t *drawn, uint8_t *to) {
  (void)stream, (void)drawn;
  const int64_t k = mst_compress_share(s, n);
  const bool map = is_map(n, k);
  const int width = number_width(n);
  int64_t above = 0;
  uint32_t threshold = find_threshold(n, x, k, &above);
  mst_bits_writer w = {.at = to};
  int64_t equal = k - above;
  for (int64_t i = 0; i < n; i++) {
    if (!map && magnitude_bits(x[i]) < threshold) continue;
    bool chosen = is_chosen(x[i], threshold, &equal);
    if (map)
      mst_bits_put(&w, chosen, 1);
    else if (chosen)
      mst_bits_put(&w, (uint32_t)i, width);
  }
  equal = k - above;
  for (int64_t i = 0; i < n; i++)
    if (is_chosen(x[i], threshold, &equal)) mst_bits_put_float(&w, x[i]);
  mst_bits_end(&w);
}

/* The values, to where `which` says: entries in order. Both parts are read side by side. */
static bool read_map(mst_bits_reader which, mst_bits_reader *value, int64_t n, int64_t k,
                     float *x) {
  bool sound = true;
  for (int64_t i = 0; i < n; i++) {
    x[i] = 0.0f;
    if (mst_bits_take(&which, 1) == 0) continue;
    if (k-- == 0) return false;
    x[i] = mst_bits_take_float(value);
    sound = sound && isfinite(x[i]);
  }
  return sound && k == 0;
}

static bool read_numbers(mst_bits_reader which, mst_bits_reader *value, int64_t n, int64_t k,
                         float *x) {
  const int width = number_width(n);
  int64_t before = -1;
  memset(x, 0, (size_t)n * sizeof *x);
  for (int64_t j = 0; j < k; j++) {
    int64_t i = mst_bits_take(&which, width);
    if (i <= before || i >= n) return false;
    x[i] = mst_bits_take_float(value);
    if (!isfinite(x[i])) return false;
    before = i;
  }
  return true;
}

static bool decode(const mst_compress_spec *s, mst_stream stream, int64_t n, const uint8_t *from,
                   uint64_t *drawn, float *x) {
  (void)stream, (void)drawn;
  const int64_t k = mst_compress_share(s, n);
  const bool map = is_map(n, k);
  const int64_t skip = map ? n : k * number_width(n); /* bits before the values */
  const mst_bits_reader which = {.at = from, .end = from + bytes(s, n)};
  mst_bits_reader value = {.at = from + skip / 8, .end = which.end};
  mst_bits_take(&value, (int)(skip % 8));
  bool sound = map ? read_map(which, &value, n, k, x) : read_numbers(which, &value, n, k, x);
  return sound && mst_bits_ended(&value);
}

static const mst_param params[] = {MST_COMPRESS_FRACTION, MST_COMPRESS_FEEDBACK("true"),
                                   {.name = NULL}};

const mst_compress_ops mst_compress_topk = {
    .name = "topk",
    .summary = "the entries of largest magnitude",
    .params = params,
    .bytes = bytes,
    .encode = encode,
    .decode = decode,
};
