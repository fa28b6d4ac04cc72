/* Limb k of a sum whose largest term is at place T has units of 2^(30 (T - 1 - k)); a term at place
 * T is at most 2^(30 T - 1), half a unit of the limb above, so that rounding it to that limb, or
 * any higher one, gives 0: a term that came before T was raised has left there what it leaves when
 * it comes after. */
#include "parallel/robust_sums.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"

#define WIDTH  30 /* bits of a limb */
#define LIMBS  3
#define LOWEST (-33) /* place of 0 and of all that is at most 2^-991 */
#define WHOLE \
  0x1.8p52 /* added to a number below 2^51, leaves its nearest integer in the low bits */

mst_status mst_robust_sums_create(int64_t n, mst_robust_sums *s) {
  *s = (mst_robust_sums){.n = n};
  mst_status st = mst_alloc(&s->top, n, sizeof *s->top, "exact sums");
  if (st == MST_OK) st = mst_alloc(&s->limb, LIMBS * n, sizeof *s->limb, "exact sums");
  if (st != MST_OK) {
    mst_robust_sums_free(s);
    return st;
  }
  for (int64_t i = 0; i < n; i++) s->top[i] = LOWEST;
  for (int k = 0; k < MST_ROBUST_PLACES; k++) {
    s->most[k] = ldexp(1, WIDTH * (k + LOWEST) - 1);
    s->scale[k] = ldexp(1, WIDTH * (1 - LOWEST - k));
  }
  return MST_OK;
}

void mst_robust_sums_free(mst_robust_sums *s) {
  mst_free(s->top);
  mst_free(s->limb);
  *s = (mst_robust_sums){.n = 0};
}

/* Bring sum i to a higher place. */
static void raise_to(mst_robust_sums *s, int64_t i, int64_t top) {
  int64_t *high = s->limb + i, *middle = high + s->n, *low = middle + s->n;
  for (; s->top[i] < top; s->top[i]++) {
    *low = *middle;
    *middle = *high;
    *high = 0;
  }
}

static int64_t place_of(double x) {
  int e;
  double fraction = frexp(x, &e); /* x = fraction 2^e with fraction in [1/2, 1) */
  if (fraction == 0.5) e--;
  int64_t place = LOWEST;
  while (place * WIDTH - 1 < e) place++;
  return place;
}

/* *limb += the integer that is nearest to x; returns what is left of x. */
static inline double take_whole(double x, int64_t *limb) {
  const double whole = WHOLE, moved = x + whole;
  int64_t bits, none;
  memcpy(&bits, &moved, sizeof bits);
  memcpy(&none, &whole, sizeof none);
  *limb += bits - none;
  return x - (moved - whole);
}

void mst_robust_sums_add(mst_robust_sums *s, int64_t first, int64_t n, const double *term) {
  const double step = (double)(1 << WIDTH);
  int64_t *high = s->limb + first, *middle = high + s->n, *low = middle + s->n;
  const int64_t *top = s->top + first;
  for (int64_t i = 0; i < n; i++) {
    if (fabs(term[i]) > s->most[top[i] - LOWEST]) raise_to(s, first + i, place_of(fabs(term[i])));
    double rest = take_whole(term[i] * s->scale[top[i] - LOWEST], &high[i]);
    rest = take_whole(rest * step, &middle[i]);
    take_whole(rest * step, &low[i]);
  }
}

/* Move what exceeds half a limb to the one above: a number then has one form. */
static void carry(int64_t *from, int64_t *to) {
  int64_t over = (*from + ((int64_t)1 << (WIDTH - 1))) >> WIDTH;
  *from -= over * ((int64_t)1 << WIDTH);
  *to += over;
}

static double value_of(const mst_robust_sums *s, int64_t i) {
  int64_t high = s->limb[i], middle = s->limb[s->n + i], low = s->limb[2 * s->n + i];
  carry(&low, &middle);
  carry(&middle, &high);
  double rest = (double)(middle * ((int64_t)1 << WIDTH) + low);
  return ldexp((double)high + ldexp(rest, -2 * WIDTH), WIDTH * (int)(s->top[i] - 1));
}

/* The places of all ranks, in a copy of the own ones. */
static mst_status agree_places(mst_team *team, mst_robust_sums *s) {
  int64_t *top = NULL;
  mst_status st = mst_alloc(&top, s->n, sizeof *top, "places of exact sums");
  st = mst_team_agree(team, st);
  if (st == MST_OK && s->n > 0) memcpy(top, s->top, (size_t)s->n * sizeof *top);
  if (st == MST_OK) st = mst_max_i64(team, top, s->n);
  for (int64_t i = 0; i < s->n && st == MST_OK; i++) raise_to(s, i, top[i]);
  mst_free(top);
  return st;
}

mst_status mst_robust_sums_total(mst_team *team, mst_robust_sums *s, double *total) {
  MST_TRY(agree_places(team, s));
  MST_TRY(mst_sum_i64(team, s->limb, LIMBS * s->n));
  for (int64_t i = 0; i < s->n; i++) total[i] = value_of(s, i);
  return MST_OK;
}

static int64_t pairs(int64_t points) {
  return points * (points - 1) / 2;
}

mst_status mst_robust_pairs_create(int64_t points, mst_robust_sums *s) {
  return mst_robust_sums_create(pairs(points), s);
}

void mst_robust_pairs_add(mst_robust_sums *s, int64_t points, const double *term) {
  for (int64_t i = 0, at = 0; i + 1 < points; at += points - 1 - i, i++)
    mst_robust_sums_add(s, at, points - 1 - i, term + i * points + i + 1);
}

mst_status mst_robust_pairs_total(mst_team *team, mst_robust_sums *s, int64_t points,
                                  double *matrix) {
  double *total = NULL;
  mst_status st = mst_alloc(&total, pairs(points), sizeof *total, "distances");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_robust_sums_total(team, s, total);
  for (int64_t i = 0, at = 0; i < points && st == MST_OK; i++)
    for (int64_t j = i + 1; j < points; j++, at++)
      matrix[i * points + j] = matrix[j * points + i] = total[at];
  mst_free(total);
  return st;
}
