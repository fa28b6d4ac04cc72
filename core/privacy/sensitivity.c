/* Trees and Toeplitz matrices: what one record changes in all that they release. */
#include "core/privacy/sensitivity.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

/* The least k with 2^k >= n. */
static int levels_over(int64_t n) {
  int k = 0;
  while (k < 62 && (INT64_C(1) << k) < n) k++;
  return k;
}

double mst_sensitivity_tree_restart(int64_t steps) {
  return levels_over(mst_most(steps, 0) + 1);
}

/* Patterns in a subtree are told apart by how many leaves they take, and how far the first and the
 * last of them are from its ends, up to `gap` - 1, beyond which it no longer matters. best holds
 * the greatest sum of squares of such a pattern, -1 where there is none; no leaf taken is (0, gap -
 * 1, gap - 1) with 0. */
typedef struct patterns {
  int64_t leaves, most, gap; /* most: leaves that can be taken */
  double *best;              /* (most + 1, gap, gap)           */
} patterns;

static double *best_of(const patterns *p, int64_t taken, int64_t before, int64_t after) {
  return &p->best[(taken * p->gap + before) * p->gap + after];
}

static int64_t fitting(int64_t leaves, int64_t gap, int64_t participations) {
  return mst_least(participations, mst_ceil_div(leaves, gap));
}

static mst_status open_patterns(patterns *p, int64_t leaves, int64_t gap, int64_t participations) {
  *p = (patterns){leaves, fitting(leaves, gap, participations), gap, NULL};
  const int64_t entries = (p->most + 1) * gap * gap;
  MST_TRY(mst_alloc(&p->best, entries, sizeof(double), "patterns of a tree"));
  for (int64_t i = 0; i < entries; i++) p->best[i] = -1;
  return MST_OK;
}

/* The pattern (t, b, a) of the left part with those of the right. */
static void join_one(const patterns *l, const patterns *r, int64_t participations, int64_t t,
                     int64_t b, int64_t a, const patterns *out) {
  const double value = *best_of(l, t, b, a);
  if (value < 0) return;
  const int64_t gap = l->gap, far = gap - 1;
  for (int64_t u = 0; u <= r->most && t + u <= participations; u++)
    for (int64_t c = t > 0 && u > 0 ? mst_most(0, far - a) : 0; c < gap; c++)
      for (int64_t d = 0; d < gap; d++) {
        const double more = *best_of(r, u, c, d);
        if (more < 0) continue;
        const int64_t before = t > 0 ? b : mst_least(far, l->leaves + c);
        const int64_t after = u > 0 ? d : mst_least(far, r->leaves + a);
        double *best = best_of(out, t + u, before, after);
        *best = fmax(*best, value + more);
      }
}

static mst_status join(const patterns *l, const patterns *r, int64_t participations, bool node,
                       patterns *out) {
  MST_TRY(open_patterns(out, l->leaves + r->leaves, l->gap, participations));
  out->most = mst_least(out->most, l->most + r->most);
  for (int64_t t = 0; t <= l->most; t++)
    for (int64_t b = 0; b < l->gap; b++)
      for (int64_t a = 0; a < l->gap; a++) join_one(l, r, participations, t, b, a, out);
  for (int64_t t = 0; node && t <= out->most; t++)
    for (int64_t i = 0; i < l->gap * l->gap; i++) {
      double *best = &out->best[t * l->gap * l->gap + i];
      if (*best >= 0) *best += (double)(t * t);
    }
  return MST_OK;
}

/* A complete tree of 2^k leaves from two of 2^(k-1). */
static mst_status doubled(patterns *p, int64_t participations) {
  patterns wider;
  const mst_status st = join(p, p, participations, true, &wider);
  mst_free(p->best);
  *p = st == MST_OK ? wider : (patterns){0};
  return st;
}

static mst_status search(int64_t participations, int64_t gap, int64_t steps, double *squared) {
  patterns tree = {0}, all = {0}, leaf;
  mst_status st = open_patterns(&leaf, 1, gap, participations);
  if (st == MST_OK) {
    tree = leaf;
    *best_of(&tree, 0, gap - 1, gap - 1) = 0;
    *best_of(&tree, 1, 0, 0) = 1;
    st = open_patterns(&all, 0, gap, participations);
    if (st == MST_OK) *best_of(&all, 0, gap - 1, gap - 1) = 0;
  }
  for (int k = 0; st == MST_OK && (INT64_C(1) << k) <= steps; k++) {
    /* The lower bits of steps are the later, smaller trees: they stand to the right. */
    if (steps >> k & 1) {
      patterns joined;
      st = join(&tree, &all, participations, false, &joined);
      if (st == MST_OK) {
        mst_free(all.best);
        all = joined;
      }
    }
    if (st == MST_OK && (INT64_C(2) << k) <= steps) st = doubled(&tree, participations);
  }
  *squared = 0;
  for (int64_t i = 0; st == MST_OK && i < (all.most + 1) * gap * gap; i++)
    *squared = fmax(*squared, all.best[i]);
  mst_free(tree.best);
  mst_free(all.best);
  return st;
}

mst_status mst_sensitivity_tree(int64_t participations, int64_t separation, int64_t steps,
                                int *exact, double *squared) {
  if (participations < 1 || separation < 0 || steps < 1)
    return mst_fail(
        MST_ERR_INPUT,
        "a tree of %lld steps, %lld participations, %lld steps between; allowed are 1, 1 "
        "and 0 and more",
        (long long)steps, (long long)participations, (long long)separation);
  const int64_t gap = mst_least(separation + 1, steps);
  const double most = (double)fitting(steps, gap, participations), wide = (double)gap;
  const int small = most * most * wide * wide * wide * wide < 2e7;
  if (exact != NULL) *exact = small;
  if (small) return search(participations, gap, steps, squared);
  *squared = 0;
  for (int k = 0; (INT64_C(1) << k) <= steps; k++)
    *squared += most * (double)fitting(INT64_C(1) << k, gap, participations);
  return MST_OK;
}

void mst_toeplitz_root(int64_t n, double power, double *coefficient) {
  double c = 1;
  for (int64_t k = 0; k < n; k++) {
    coefficient[k] = c;
    c *= ((double)k - power) / (double)(k + 1);
  }
}

mst_status mst_sensitivity_toeplitz(int64_t n, const double *coefficient, int64_t participations,
                                    int64_t separation, double *squared) {
  if (n < 1 || participations < 1 || separation < 0)
    return mst_fail(MST_ERR_INPUT, "a Toeplitz strategy of %lld steps, %lld participations",
                    (long long)n, (long long)participations);
  for (int64_t k = 0; k < n; k++)
    if (!(coefficient[k] >= 0) || (k > 0 && coefficient[k] > coefficient[k - 1]))
      return mst_fail(
          MST_ERR_INPUT,
          "coefficient %lld of a Toeplitz strategy is %g; they must not be negative nor "
          "increase",
          (long long)k, coefficient[k]);
  double *column = NULL;
  MST_TRY(mst_alloc(&column, n, sizeof *column, "a column"));
  for (int64_t p = 0; p < participations && p < mst_ceil_div(n, separation + 1); p++)
    for (int64_t i = p * (separation + 1), k = 0; i < n; i++, k++) column[i] += coefficient[k];
  *squared = 0;
  for (int64_t i = 0; i < n; i++) *squared += column[i] * column[i];
  mst_free(column);
  return MST_OK;
}
