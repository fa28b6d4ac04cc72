/* Rows and responses of a sparse linear model, from keys. */
#include "core/local/linear.h"

#include <math.h>
#include <stddef.h>

#include "core/base/key.h"

mst_status mst_linear_check(const mst_linear_spec *s) {
  if (s->width < 1)
    return mst_fail(MST_ERR_INPUT, "%lld columns; there must be at least 1", (long long)s->width);
  if (s->sparsity < 1 || s->sparsity > s->width)
    return mst_fail(MST_ERR_INPUT, "%lld non-zeros in %lld columns; there must be 1 to %lld",
                    (long long)s->sparsity, (long long)s->width, (long long)s->width);
  if (!(s->noise >= 0 && isfinite(s->noise)))
    return mst_fail(MST_ERR_INPUT, "noise of %g; it must be finite and not negative", s->noise);
  if (!(s->correlation > -1 && s->correlation < 1))
    return mst_fail(MST_ERR_INPUT, "a correlation of %g; it must lie between -1 and 1",
                    s->correlation);
  if (s->signs && s->correlation != 0)
    return mst_fail(MST_ERR_INPUT, "rows of signs are not correlated");
  return MST_OK;
}

void mst_linear_truth(const mst_linear_spec *s, double *theta) {
  mst_stream stream = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_LINEAR, 0, 0));
  const double size = 1 / sqrt((double)s->sparsity);
  int64_t left = s->sparsity;
  for (int64_t j = 0; j < s->width; j++) { /* selection sampling */
    theta[j] = 0;
    if ((int64_t)mst_stream_below(&stream, (uint64_t)(s->width - j)) >= left) continue;
    theta[j] = mst_stream_u32(&stream) & 1 ? size : -size;
    left--;
  }
}

static void draw_signs(mst_stream *stream, int64_t d, float *x) {
  uint32_t bits = 0;
  for (int64_t j = 0; j < d; j++) {
    bits = j % 32 == 0 ? mst_stream_u32(stream) : bits >> 1;
    x[j] = bits & 1 ? 1 : -1;
  }
}

static void draw_normal(mst_stream *stream, int64_t d, double correlation, float *x) {
  const double own = sqrt(1 - correlation * correlation);
  double last = 0;
  for (int64_t j = 0; j < d; j++) {
    const double z = mst_stream_normal(stream);
    last = j == 0 ? z : correlation * last + own * z;
    x[j] = (float)last;
  }
}

void mst_linear_row(const mst_linear_spec *s, const double *theta, int64_t i, float *x, double *y) {
  mst_stream stream =
      mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_LINEAR, 1 + (uint64_t)i, y == NULL ? 1 : 0));
  if (s->signs)
    draw_signs(&stream, s->width, x);
  else
    draw_normal(&stream, s->width, s->correlation, x);
  if (y == NULL) return;
  *y = s->noise * mst_stream_normal(&stream);
  for (int64_t j = 0; j < s->width; j++) *y += theta[j] * (double)x[j];
}
