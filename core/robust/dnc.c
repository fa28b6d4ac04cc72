/* Divide and conquer (Shejwalkar, Houmansadr 2021): on each of some samples of the
 * coordinates, the vectors that stand out most along the direction of largest spread are dropped;
 * the result is the mean of those that no sample dropped. */
#include "core/linalg/blas.h"
#include "core/robust/weights.h"

/* Vectors that a sample drops. */
static int64_t dropped(const mst_rule_spec *s) {
  return (int64_t)fmin(ceil(s->filter * (double)s->byzantine), (double)MST_RULE_ROWS + 1);
}

static mst_status check(const mst_rule_spec *s, int64_t n) {
  if (dropped(s) < n) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "dnc with aggregate.filter: %g and aggregate.byzantine: %lld drops all of %lld "
                  "vectors at once",
                  s->filter, (long long)s->byzantine, (long long)n);
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 4 * n + n * n + mst_eigen_work_doubles(n, true);
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n, kept = n - dropped(s);
  double *count = work, *share = work + n, *key = work + 2 * n, *spare = work + 3 * n;
  double *gram = work + 4 * n, *more = gram + n * n;
  for (int64_t i = 0; i < n; i++) {
    count[i] = 0;
    share[i] = 1 / (double)n;
  }
  for (int64_t t = 0; t < s->iterations; t++) {
    mst_weights_gram(n, n, v->sampled + t * n * n, share, spare, gram);
    MST_TRY(mst_eigen_symmetric_in(n, gram, n, true, spare, more));
    for (int64_t i = 0; i < n; i++) key[i] = fabs(gram[(n - 1) * n + i]);
    mst_weights_nearest(n, key, kept, 1, spare, weight);
    for (int64_t i = 0; i < n; i++) count[i] += weight[i];
  }
  /* Where every vector was dropped once, those that were dropped least. */
  double most = 0, vectors = 0;
  for (int64_t i = 0; i < n; i++) most = fmax(most, count[i]);
  for (int64_t i = 0; i < n; i++) vectors += count[i] == most;
  for (int64_t i = 0; i < v->points; i++) weight[i] = i < n && count[i] == most ? 1 / vectors : 0;
  return MST_OK;
}

static const mst_param params[] = {
    MST_RULE_INT(iterations, "5", 1, "", "samples of the coordinates"),
    MST_RULE_REAL(fraction, "0.2", 0, 1, true, "", "share of the coordinates in a sample"),
    MST_RULE_REAL(filter, "1", 0, INFINITY, true, "byzantine",
                  "vectors that a sample drops, rounded up"),
    {.name = NULL}};

const mst_rule_ops mst_rule_dnc = {
    .name = "dnc",
    .summary = "mean of those that no sample of the coordinates shows to stand out",
    .params = params,
    .needs = MST_RULE_SAMPLED,
    .further = mst_rule_further,
    .least = mst_rule_majority,
    .check = check,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
