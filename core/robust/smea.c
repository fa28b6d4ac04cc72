/* Smallest maximum eigenvalue averaging (Allouah, Guerraoui, Gupta, Pinot, Stephan 2023): the mean
 * of the n-f vectors whose covariance has the least largest eigenvalue.
 *
 * Exact, by branch and bound over what is left out. A vector more adds a positive semidefinite
 * matrix to the scatter sum (x_i - m)(x_i - m)', so a set's largest eigenvalue bounds those of all
 * sets that contain it; and a row of the Gram matrix about the mean, which has the same
 * eigenvalues, bounds its own. Vectors far from the others are decided on first. */
#include <string.h>

#include "core/linalg/blas.h"
#include "core/robust/weights.h"

/* Most (n choose f) (n-f)^3: about ten seconds where no set is ruled out early. */
#define WORK_MOST 1e10

typedef struct search {
  int64_t n, stride, size; /* size: vectors of a set, n-f */
  const double *distance;
  double *order;  /* (n) vector numbers, in the order of decision          */
  double *kept;   /* (n) vectors that are kept so far                      */
  double *best;   /* (n - f) the best set                                  */
  double least;   /* its eigenvalue                                        */
  double *share;  /* (n) 1 / count                                         */
  double *spare;  /* (n)                                                   */
  double *values; /* (n)                                                   */
  double *near;   /* (n, n) distances of a set                             */
  double *gram;   /* (n, n)                                                */
  double *work;   /* of the eigenvalues                                    */
} search;

static double combined_work(int64_t n, int64_t f) {
  const double size = (double)(n - f);
  double work = size * size * size;
  for (int64_t i = 0; i < f && work <= WORK_MOST; i++) /* each factor is above 1: f < n / 2 */
    work *= (double)(n - i) / (double)(i + 1);
  return work;
}

static mst_status check(const mst_rule_spec *s, int64_t n) {
  if (combined_work(n, s->byzantine) <= WORK_MOST) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "smea compares all sets of %lld of %lld vectors, which are too many; take fewer "
                  "vectors, a smaller aggregate.byzantine, or caf",
                  (long long)(n - s->byzantine), (long long)n);
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 6 * n + 2 * n * n + mst_eigen_work_doubles(n, true);
}

static void gram_of(search *s, const double *set, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    s->share[i] = 1 / (double)count;
    for (int64_t j = 0; j < count; j++)
      s->near[i * count + j] = s->distance[(int64_t)set[i] * s->stride + (int64_t)set[j]];
  }
  mst_weights_gram(count, count, s->near, s->share, s->spare, s->gram);
}

/* The largest eigenvalue of the scatter of a set, or infinity when it is plainly no less than the
 * best. */
static mst_status spread(search *s, const double *set, int64_t count, double *largest) {
  *largest = 0;
  if (count < 2) return MST_OK;
  gram_of(s, set, count);
  for (int64_t i = 0; i < count; i++) {
    double square = 0;
    for (int64_t j = 0; j < count; j++) square += s->gram[i * count + j] * s->gram[i * count + j];
    if (square >= s->least * s->least) {
      *largest = INFINITY;
      return MST_OK;
    }
  }
  MST_TRY(mst_eigen_symmetric_in(count, s->gram, count, false, s->values, s->work));
  *largest = s->values[count - 1];
  return MST_OK;
}

/* A first set: f times leave out the vector that is farthest along the direction of most spread. */
static mst_status guess(search *s) {
  int64_t count = s->n;
  memcpy(s->kept, s->order, (size_t)count * sizeof *s->kept);
  for (; count > s->size; count--) {
    gram_of(s, s->kept, count);
    MST_TRY(mst_eigen_symmetric_in(count, s->gram, count, true, s->values, s->work));
    const double *direction = s->gram + (count - 1) * count;
    int64_t farthest = 0;
    for (int64_t i = 1; i < count; i++)
      if (fabs(direction[i]) > fabs(direction[farthest])) farthest = i;
    memmove(s->kept + farthest, s->kept + farthest + 1,
            (size_t)(count - farthest - 1) * sizeof *s->kept);
  }
  memcpy(s->best, s->kept, (size_t)count * sizeof *s->best);
  return spread(s, s->kept, count, &s->least);
}

/* The vectors before `at` are decided, `count` of them kept; `left` more must be left out. */
static mst_status branch(search *s, int64_t at, int64_t count, int64_t left) {
  double largest = 0;
  if (left == 0) {
    memcpy(s->kept + count, s->order + at, (size_t)(s->n - at) * sizeof *s->kept);
    MST_TRY(spread(s, s->kept, s->size, &largest));
    if (largest < s->least) {
      s->least = largest;
      memcpy(s->best, s->kept, (size_t)s->size * sizeof *s->best);
    }
    return MST_OK;
  }
  for (int64_t out = at; out <= s->n - left; out++) {
    MST_TRY(branch(s, out + 1, count, left - 1));
    s->kept[count++] = s->order[out];
    MST_TRY(spread(s, s->kept, count, &largest));
    if (largest >= s->least) break;
  }
  return MST_OK;
}

/* Vectors by falling sum of squared distances, equal ones by number: an insertion sort. */
static void decide_order(search *s) {
  for (int64_t i = 0; i < s->n; i++) {
    double sum = 0;
    for (int64_t j = 0; j < s->n; j++) sum += s->distance[i * s->stride + j];
    int64_t at = i;
    for (; at > 0 && s->spare[at - 1] < sum; at--) {
      s->spare[at] = s->spare[at - 1];
      s->order[at] = s->order[at - 1];
    }
    s->spare[at] = sum;
    s->order[at] = (double)i;
  }
}

static mst_status weigh(const mst_rule_spec *spec, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n;
  MST_TRY(check(spec, n));
  search s = {.n = n,
              .stride = v->points,
              .size = n - spec->byzantine,
              .distance = v->distance,
              .least = INFINITY,
              .order = work,
              .kept = work + n,
              .best = work + 2 * n,
              .share = work + 3 * n,
              .spare = work + 4 * n,
              .values = work + 5 * n,
              .near = work + 6 * n,
              .gram = work + 6 * n + n * n,
              .work = work + 6 * n + 2 * n * n};
  decide_order(&s);
  if (s.size < n) {
    MST_TRY(guess(&s));
    MST_TRY(branch(&s, 0, 0, n - s.size));
  } else {
    memcpy(s.best, s.order, (size_t)n * sizeof *s.best);
  }
  for (int64_t i = 0; i < v->points; i++) weight[i] = 0;
  for (int64_t i = 0; i < s.size; i++) weight[(int64_t)s.best[i]] = 1 / (double)s.size;
  return MST_OK;
}

const mst_rule_ops mst_rule_smea = {
    .name = "smea",
    .summary = "mean of the n-f vectors whose covariance has the least largest eigenvalue",
    .least = mst_rule_majority,
    .check = check,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
