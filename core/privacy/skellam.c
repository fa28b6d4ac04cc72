/* Poisson draws by rejection from a discrete Laplace law around the mode: the logarithm of a
 * Poisson probability is concave, so its excess over the proposal's is largest where its slope is
 * the proposal's, at a number that is known. Probabilities by Loader's deviance, which does not
 * cancel. */
#include "core/privacy/skellam.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/privacy/noise_words.h"
#include "core/privacy/saddle.h"

static double log_poisson(double k, double mean) {
  if (k <= 0) return -mean;
  return -mst_stirling_error(k) - mst_deviance(k, mean) - 0.5 * log(k) - MST_HALF_LOG_TAU;
}

static double excess(const mst_skellam *law, double k) {
  return log_poisson(k, law->mean) - law->at_mode + law->slope * fabs(k - (double)law->mode);
}

mst_status mst_skellam_make(double variance, mst_skellam *out) {
  *out = (mst_skellam){.mean = variance / 2};
  if (!(variance > 0 && variance <= MST_SKELLAM_VARIANCE_MAX))
    return mst_fail(MST_ERR_INPUT, "Skellam noise of variance %g; choose up to %g, above 0",
                    variance, MST_SKELLAM_VARIANCE_MAX);
  const double scale = sqrt(out->mean + 0.25);
  MST_TRY(mst_discrete_laplace(scale, &out->proposal));
  out->slope = 1 / scale;
  out->mode = (int64_t)out->mean;
  out->at_mode = log_poisson((double)out->mode, out->mean);
  /* The ratio of neighbours is mean / k: it equals exp(-+slope) near these. */
  const double turn[2] = {floor(out->mean * exp(-out->slope)), floor(out->mean * exp(out->slope))};
  for (int side = 0; side < 2; side++)
    for (int off = -2; off <= 2; off++)
      out->top = fmax(out->top, excess(out, fmax(0, turn[side] + off)));
  out->top += 1e-9; /* far above the rounding of `excess` */
  return MST_OK;
}

static int64_t draw_poisson(const mst_skellam *law, mst_noise_cursor *c) {
  for (;;) {
    const int64_t k = law->mode + mst_discrete_draw(&law->proposal, c);
    const double u = ((double)(mst_noise_u64(c) >> 11) + 0.5) * 0x1p-53;
    if (k >= 0 && u < exp(excess(law, (double)k) - law->top)) return k;
  }
}

static void fill_skellam(const void *law, const mst_noise *noise, uint64_t block, int n,
                         void *out) {
  mst_noise_cursor c;
  int64_t *x = out;
  mst_noise_open(&c, noise, block, (int)mst_least(MST_NOISE_WORDS, 16 + 8 * n));
  for (int i = 0; i < n; i++) {
    x[i] = draw_poisson(law, &c);
    x[i] -= draw_poisson(law, &c);
  }
  mst_noise_close(&c);
}

void mst_noise_skellam(const mst_skellam *law, const mst_noise *noise, int64_t first, int64_t n,
                       int64_t *out) {
  mst_noise_blocks(noise, first, n, fill_skellam, law, sizeof *out, out);
}

double mst_skellam_renyi(double variance, double l1, double l2, double alpha) {
  const double v = variance, square = l2 * l2;
  return alpha * square / (2 * v) +
         fmin(((2 * alpha - 1) * square + 6 * l1) / (4 * v * v), 3 * l1 / (2 * v));
}
