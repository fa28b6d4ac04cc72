/* Sparse vector and Thresholdout in steps of a grid. Each noise has a stream of its own; block i is
 * that of query i, or of the i-th threshold or answer. */
#include "core/privacy/sparse_vector.h"

#include <math.h>

#include "core/base/memory.h"

enum {
  OF_THRESHOLD,
  OF_QUERY,
  OF_ANSWER,
  LAWS
};

#define STEPS 20 /* binary digits of sigma */

static int64_t one(const mst_discrete *law, const mst_noise *noise, int64_t i) {
  int64_t x;
  mst_noise_discrete(law, noise, i * MST_NOISE_BLOCK, 1, &x);
  return x;
}

static void draw_threshold(mst_sparse_vector *v) {
  v->noisy = v->threshold + one(&v->law[OF_THRESHOLD], &v->threshold_noise, v->above);
}

mst_status mst_sparse_vector_make(const mst_secret *secret, uint64_t step, double threshold,
                                  double sigma, int64_t times, mst_sparse_vector *out) {
  *out = (mst_sparse_vector){.left = times};
  if (!(sigma > 0 && isfinite(sigma)) || !(fabs(threshold) <= 0x1p30 * sigma) || times < 1)
    return mst_fail(
        MST_ERR_INPUT,
        "sparse vector: sigma %g, threshold %g, %lld times; sigma must be positive, the "
        "threshold at most 2^30 sigma, and times at least 1",
        sigma, threshold, (long long)times);
  out->step = ldexp(1, ilogb(sigma) - STEPS);
  out->threshold = llrint(threshold / out->step);
  out->threshold_noise = mst_noise_of(secret, MST_NOISE_THRESHOLD, 0, step);
  out->query_noise = mst_noise_of(secret, MST_NOISE_QUERY, 0, step);
  out->answer_noise = mst_noise_of(secret, MST_NOISE_ANSWER, 0, step);
  MST_TRY(mst_alloc(&out->law, LAWS, sizeof *out->law, "laws of sparse vector"));
  const double scale = sigma / out->step;
  MST_TRY(mst_discrete_laplace(2 * scale, &out->law[OF_THRESHOLD]));
  MST_TRY(mst_discrete_laplace(4 * scale, &out->law[OF_QUERY]));
  MST_TRY(mst_discrete_laplace(scale, &out->law[OF_ANSWER]));
  draw_threshold(out);
  return MST_OK;
}

void mst_sparse_vector_free(mst_sparse_vector *v) {
  mst_noise_wipe(&v->threshold_noise);
  mst_noise_wipe(&v->query_noise);
  mst_noise_wipe(&v->answer_noise);
  mst_free(v->law);
  *v = (mst_sparse_vector){.left = 0};
}

/* In steps; huge values are all alike, far from any threshold. */
static int64_t steps_of(const mst_sparse_vector *v, double value) {
  return llrint(fmax(-0x1p60, fmin(0x1p60, value / v->step)));
}

mst_status mst_sparse_vector_ask(mst_sparse_vector *v, double value, bool *above) {
  if (v->left < 1)
    return mst_fail(MST_ERR_BUDGET,
                    "sparse vector has said \"above\" %lld times, as often as it may",
                    (long long)v->above);
  if (!isfinite(value)) return mst_fail(MST_ERR_NONFINITE, "the value of a query is not finite");
  const int64_t noise = one(&v->law[OF_QUERY], &v->query_noise, v->asked++);
  *above = steps_of(v, value) + noise > v->noisy;
  if (*above) {
    v->left--;
    v->above++;
    draw_threshold(v);
  }
  return MST_OK;
}

double mst_sparse_vector_epsilon(const mst_sparse_vector *v, int64_t times, double sensitivity) {
  return (double)times * (sensitivity / v->step + 1) / v->law[OF_ANSWER].scale;
}

mst_status mst_thresholdout_ask(mst_sparse_vector *v, double train, double holdout, double *answer,
                                bool *overfit) {
  bool above;
  if (!(train >= 0 && train <= 1 && holdout >= 0 && holdout <= 1))
    return mst_fail(MST_ERR_INPUT, "reusable holdout: means %g and %g; a query's are in [0, 1]",
                    train, holdout);
  MST_TRY(mst_sparse_vector_ask(v, fabs(holdout - train), &above));
  *answer = train;
  if (above) {
    const int64_t noise = one(&v->law[OF_ANSWER], &v->answer_noise, v->above - 1);
    *answer = (double)(steps_of(v, holdout) + noise) * v->step;
  }
  if (overfit != NULL) *overfit = above;
  return MST_OK;
}

double mst_thresholdout_epsilon(const mst_sparse_vector *v, int64_t times, int64_t n,
                                double delta) {
  const double one_answer = mst_sparse_vector_epsilon(v, 1, 1 / (double)n);
  const double pure = 2 * (double)times * one_answer;
  if (!(delta > 0)) return pure;
  return fmin(pure, sqrt(32 * (double)times * log(2 / delta)) * one_answer);
}
