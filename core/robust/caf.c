/* The covariance-bound agnostic filter (Allouah, Guerraoui, Stephan 2025): vectors that stand out
 * along the direction of largest spread lose weight, c_i <- c_i (1 - t_i / max_j t_j) for the
 * squared projections t about the weighted mean, until the weights sum to n-2f or less; the answer
 * is the mean of the pass with the least largest eigenvalue. The maximum is over vectors that have
 * weight, so each pass leaves one out, and there are at most n passes however long a vector is. */
#include "core/linalg/blas.h"
#include "core/robust/weights.h"

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 4 * n + n * n + mst_eigen_work_doubles(n, true);
}

/* The covariance's largest eigenvalue and, in out(n), the squared projections along its eigenvector
 * up to a factor. With G = A A' for the centred vectors A and C = diag(c), C^1/2 G C^1/2 e = k e
 * gives the direction A' C^1/2 e / sqrt(k), along which vector i has sqrt(k) e_i / sqrt(c_i). */
static mst_status project(const mst_rule_view *v, const double *keep, double *share, double *spare,
                          double *gram, double *work, double *largest, double *out) {
  const int64_t n = v->n;
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += keep[i];
  for (int64_t i = 0; i < n; i++) share[i] = keep[i] / total;
  mst_weights_gram(n, v->points, v->distance, share, spare, gram);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) gram[i * n + j] *= sqrt(share[i] * share[j]);
  MST_TRY(mst_eigen_symmetric_in(n, gram, n, true, spare, work));
  *largest = spare[n - 1];
  const double *direction = gram + (n - 1) * n;
  for (int64_t i = 0; i < n; i++) out[i] = keep[i] > 0 ? direction[i] * direction[i] / keep[i] : 0;
  return MST_OK;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n;
  double *keep = work, *share = work + n, *square = work + 2 * n, *spare = work + 3 * n;
  double *gram = work + 4 * n, *more = gram + n * n;
  double least = INFINITY, left;
  for (int64_t i = 0; i < n; i++) keep[i] = 1;
  for (int64_t i = 0; i < v->points; i++) weight[i] = 0;
  do {
    double largest = 0, farthest = 0;
    MST_TRY(project(v, keep, share, spare, gram, more, &largest, square));
    if (largest < least) {
      least = largest;
      for (int64_t i = 0; i < n; i++) weight[i] = share[i];
    }
    for (int64_t i = 0; i < n; i++) farthest = fmax(farthest, square[i]);
    if (!(largest > 0) || !(farthest > 0)) break; /* all that are left are the same */
    left = 0;
    for (int64_t i = 0; i < n; i++) left += keep[i] *= 1 - square[i] / farthest;
  } while (left > (double)(n - 2 * s->byzantine));
  return MST_OK;
}

const mst_rule_ops mst_rule_caf = {
    .name = "caf",
    .summary = "mean after weights fell along the directions of largest spread",
    .least = mst_rule_majority,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
