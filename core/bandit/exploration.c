/* CoreLearning leaves out sets whose arms lie in directions that the others hardly have; then the
 * mixed softmax policies are learned on a simulated play over the rest. Sums of x x' are ridge
 * statistics (core/bandit/ridge.h) without rewards. */
#include "core/bandit/exploration.h"

#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/bandit/ridge.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define GAP   0.1 /* of the designs                                          */
#define POWER 6.0 /* c: a set is of the core when x'V^-1 x <= d^c on it      */

typedef struct learning {
  const mst_exploration_sets *s;
  mst_exploration *out;
  double *record; /* of u */
  mst_ridge u;
  double *design;  /* (sets, d, d) V of each set's design  */
  double *largest; /* (sets) x'V^-1 x                      */
  bool *core;      /* (sets)                               */
  double *chance;  /* (sets, arms) cumulated, where known  */
  bool *known;     /* (sets)                               */
  double *weight, *spread, *inverse, *work;
} learning;

static const double *arms_of(const learning *l, int64_t set) {
  return l->s->x + set * l->s->arms * l->s->d;
}

static const bool *left_of(const learning *l, int64_t set) {
  return l->s->keep + set * l->s->arms;
}

/* q(arms) = x'A x; work(arms * d). */
static void quadratic(int64_t arms, int64_t d, const double *x, const double *a, double *q,
                      double *work) {
  mst_gemm(false, false, arms, d, d, 1, x, d, a, d, 0, work, d);
  for (int64_t k = 0; k < arms; k++) {
    q[k] = 0;
    for (int64_t i = 0; i < d; i++) q[k] += x[k * d + i] * work[k * d + i];
  }
}

/* chance(arms) in proportion to q^(log K) among those that are left. */
static void softmax(int64_t arms, const bool *keep, const double *q, double *chance) {
  const double power = log((double)arms);
  double most = 0, sum = 0;
  for (int64_t a = 0; a < arms; a++)
    if (keep[a]) most = fmax(most, q[a]);
  for (int64_t a = 0; a < arms; a++) {
    chance[a] = !keep[a] ? 0 : most > 0 ? pow(fmax(q[a], 0) / most, power) : 1;
    sum += chance[a];
  }
  for (int64_t a = 0; a < arms; a++) chance[a] /= sum;
}

static int64_t count_core(const learning *l) {
  int64_t n = 0;
  for (int64_t i = 0; i < l->s->sets; i++) n += l->core[i];
  return n;
}

/* v = base I + factor * the sum of the core's designs, and what follows from it. */
static mst_status start_from(learning *l, double base, double factor) {
  const int64_t d = l->s->d;
  mst_ridge_start(&l->u);
  for (int64_t i = 0; i < d; i++) l->u.v[i * d + i] = base;
  for (int64_t k = 0; k < l->s->sets; k++)
    for (int64_t i = 0; l->core[k] && i < d * d; i++)
      l->u.v[i] += factor * l->design[k * d * d + i];
  return mst_ridge_factor(&l->u, l->work);
}

/* Largest x'V^-1 x of each set's arms. */
static double measure_sets(learning *l) {
  const int64_t arms = l->s->arms;
  double most = 0;
  for (int64_t k = 0; k < l->s->sets; k++) {
    l->largest[k] = 0;
    quadratic(arms, l->s->d, arms_of(l, k), l->u.inverse, l->spread, l->work);
    for (int64_t a = 0; a < arms; a++)
      if (left_of(l, k)[a]) l->largest[k] = fmax(l->largest[k], l->spread[a]);
    if (l->core[k]) most = fmax(most, l->largest[k]);
  }
  return most;
}

/* Algorithm CoreLearning. At least one set stays. */
static mst_status learn_core(learning *l, double lambda) {
  const int64_t sets = l->s->sets;
  const double limit = pow((double)l->s->d, POWER);
  for (int64_t k = 0; k < sets; k++) l->core[k] = true;
  for (;;) {
    MST_TRY(start_from(l, lambda, 1 / (double)sets));
    if (measure_sets(l) <= limit) return MST_OK;
    int64_t stay = 0, before = count_core(l);
    for (int64_t k = 0; k < sets; k++) stay += l->core[k] && l->largest[k] <= limit / 2;
    if (stay == 0 || stay == before) return MST_OK;
    for (int64_t k = 0; k < sets; k++) l->core[k] = l->core[k] && l->largest[k] <= limit / 2;
  }
}

static mst_status find_designs(learning *l) {
  const int64_t arms = l->s->arms, d = l->s->d;
  for (int64_t k = 0; k < l->s->sets; k++)
    MST_TRY(mst_design_find(arms, d, arms_of(l, k), left_of(l, k), GAP, l->weight,
                            l->design + k * d * d, l->work, NULL));
  return MST_OK;
}

/* A set's arm by the softmax policy of `inverse`; the chances are found once a segment. */
static int64_t draw(learning *l, int64_t set, mst_stream *s) {
  const int64_t arms = l->s->arms;
  double *chance = l->chance + set * arms, at = mst_stream_uniform(s);
  if (!l->known[set]) {
    quadratic(arms, l->s->d, arms_of(l, set), l->inverse, l->spread, l->work);
    softmax(arms, left_of(l, set), l->spread, chance);
    for (int64_t a = 1; a < arms; a++) chance[a] += chance[a - 1];
    l->known[set] = true;
  }
  int64_t low = 0, high = arms - 1;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (chance[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  while (low > 0 && !left_of(l, set)[low]) low--;
  return low;
}

/* One more policy; the room doubles. */
static mst_status add_policy(mst_exploration *e, const double *matrix, double share) {
  const int64_t size = e->d * e->d;
  if (e->policies == e->capacity) {
    double *wider = NULL, *longer = NULL;
    const int64_t room = mst_most(16, 2 * e->capacity);
    MST_TRY(mst_alloc(&wider, room * size, sizeof *wider, "exploration policies"));
    mst_status st = mst_alloc(&longer, room, sizeof *longer, "exploration policies");
    if (st != MST_OK) {
      mst_free(wider);
      return st;
    }
    if (e->policies > 0) {
      memcpy(wider, e->matrix, (size_t)(e->policies * size) * sizeof *wider);
      memcpy(longer, e->share, (size_t)e->policies * sizeof *longer);
    }
    mst_free(e->matrix);
    mst_free(e->share);
    e->matrix = wider;
    e->share = longer;
    e->capacity = room;
  }
  memcpy(e->matrix + e->policies * size, matrix, (size_t)size * sizeof *matrix);
  e->share[e->policies++] = share;
  return MST_OK;
}

static void begin_segment(learning *l) {
  const int64_t d = l->s->d;
  memcpy(l->inverse, l->u.inverse, (size_t)(d * d) * sizeof *l->inverse);
  for (int64_t k = 0; k < l->s->sets; k++) l->known[k] = false;
}

/* Algorithm ExplorationPolicy: a segment ends when det U has doubled, and each long enough gives a
 * policy. The last one counts in any case, so that there is one. */
static mst_status learn_policies(learning *l, double lambda, mst_key key) {
  const int64_t d = l->s->d, sets = l->s->sets, core = count_core(l);
  const int64_t n = (int64_t)ceil(fmax(1, 2 * (double)(d * d) * log((double)d))), all = n * core;
  mst_stream s = mst_stream_of(key);
  int64_t set = -1, length = 0;
  MST_TRY(start_from(l, lambda * (double)all, (double)n / 2));
  double then = *l->u.logdet;
  begin_segment(l);
  for (int64_t t = 1; t <= all; t++) {
    do set = (set + 1) % sets;
    while (!l->core[set]);
    const double *x = arms_of(l, set) + draw(l, set, &s) * d;
    MST_TRY(mst_ridge_learn(&l->u, 0, x, 0, l->work));
    length++;
    const bool last = t == all;
    if (!last && *l->u.logdet - then <= log(2)) continue;
    if (length >= core || (last && l->out->policies == 0))
      MST_TRY(add_policy(l->out, l->inverse, (double)length));
    then = *l->u.logdet;
    length = 0;
    begin_segment(l);
  }
  return MST_OK;
}

static int64_t work_numbers(int64_t arms, int64_t d) {
  return mst_most(mst_design_work(arms, d), d * d + d);
}

mst_status mst_exploration_start(int64_t arms, int64_t d, mst_exploration *out) {
  *out = (mst_exploration){.arms = arms, .d = d};
  return mst_alloc(&out->work, work_numbers(arms, d) + 2 * arms + d * d, sizeof(double),
                   "an exploration policy");
}

/* A policy comes with a segment, in which det U doubles; in all it grows to 3^d or so at most. */
double mst_exploration_bytes(double arms, double d) {
  const double room = exp2(fmax(4, ceil(log2(log2(3) * d))));
  return 8 * (2 * d * d + 2 * arms * d + 3 * arms) + 8 * room * (d * d + 1);
}

static mst_status allocate(learning *l) {
  const int64_t sets = l->s->sets, arms = l->s->arms, d = l->s->d;
  const char *what = "learning of an exploration policy";
  MST_TRY(mst_alloc(&l->record, mst_ridge_doubles(1, d), sizeof(double), what));
  MST_TRY(mst_alloc(&l->design, sets * d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&l->largest, sets, sizeof(double), what));
  MST_TRY(mst_alloc(&l->core, sets, sizeof(bool), what));
  MST_TRY(mst_alloc(&l->chance, sets * arms, sizeof(double), what));
  MST_TRY(mst_alloc(&l->known, sets, sizeof(bool), what));
  MST_TRY(mst_alloc(&l->weight, arms, sizeof(double), what));
  MST_TRY(mst_alloc(&l->spread, arms, sizeof(double), what));
  MST_TRY(mst_alloc(&l->inverse, d * d, sizeof(double), what));
  return mst_alloc(&l->work, work_numbers(arms, d), sizeof(double), what);
}

static void free_learning(learning *l) {
  mst_free(l->record);
  mst_free(l->design);
  mst_free(l->largest);
  mst_free(l->core);
  mst_free(l->chance);
  mst_free(l->known);
  mst_free(l->weight);
  mst_free(l->spread);
  mst_free(l->inverse);
  mst_free(l->work);
}

static void share_out(mst_exploration *e) {
  double sum = 0;
  for (int64_t i = 0; i < e->policies; i++) sum += e->share[i];
  for (int64_t i = 0; i < e->policies; i++) e->share[i] /= sum;
}

mst_status mst_exploration_learn(const mst_exploration_sets *s, double lambda, mst_key key,
                                 mst_exploration *out) {
  learning l = {.s = s, .out = out};
  mst_status st = mst_exploration_start(s->arms, s->d, out);
  if (st == MST_OK) st = allocate(&l);
  if (st == MST_OK) {
    l.u = mst_ridge_at(l.record, 1, s->d, lambda);
    st = find_designs(&l);
  }
  if (st == MST_OK) st = learn_core(&l, lambda);
  if (st == MST_OK) st = learn_policies(&l, lambda, key);
  if (st == MST_OK) share_out(out);
  free_learning(&l);
  return st;
}

void mst_exploration_free(mst_exploration *e) {
  mst_free(e->matrix);
  mst_free(e->share);
  mst_free(e->work);
  *e = (mst_exploration){.arms = 0};
}

mst_status mst_exploration_policy(mst_exploration *e, const double *x, const bool *keep,
                                  double *probability) {
  const int64_t arms = e->arms, d = e->d;
  double *q = e->work, *chance = q + arms, *v = chance + arms, *work = v + d * d;
  MST_TRY(mst_design_find(arms, d, x, keep, GAP, probability, v, work, NULL));
  for (int64_t a = 0; e->policies > 0 && a < arms; a++) probability[a] /= 2;
  for (int64_t i = 0; i < e->policies; i++) {
    quadratic(arms, d, x, e->matrix + i * d * d, q, work);
    softmax(arms, keep, q, chance);
    for (int64_t a = 0; a < arms; a++) probability[a] += e->share[i] / 2 * chance[a];
  }
  return MST_OK;
}
