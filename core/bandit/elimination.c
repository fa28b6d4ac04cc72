/* The pulls of a phase stand in one row, arm after arm of the core set; agent i makes pulls i R to
 * (i + 1) R, R the phase's rounds. An agent with nothing left to pull plays the best arm by what is
 * known, and does not tell of it. An agent sends the sum of rewards of each arm of its share; it
 * gets theta, and of its next share each arm and count. */
#include "core/bandit/elimination.h"

#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define MOST 4e18 /* pulls of a phase: no horizon is as long                     */

/* Slot s of a plan is pulled `begin[s + 1] - begin[s]` times. */
typedef struct plan {
  int64_t slots, rounds;
  int64_t *begin; /* (width + 1) */
} plan;

typedef struct elimination {
  mst_protocol_spec spec;
  const mst_environment *e;
  mst_elimination_pulls pulls;
  int64_t d, arms, width;
  int64_t phase;     /* that is open, from 1                            */
  bool *keep;        /* (arms)                                          */
  double *weight;    /* (arms) of the design                            */
  int64_t *core;     /* (width) the arm of each slot                    */
  plan open, closed; /* of this phase and the one before                */
  int64_t best;      /* the arm of the largest <theta, x>               */
  double *v, *theta; /* (d, d), (d)                                     */
  double *l, *work;  /* (d, d) twice, mst_design_work                   */
} elimination;

mst_status mst_elimination_check(const mst_protocol_spec *s, const mst_environment_spec *e) {
  if (e->sets != 1)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s divides planned pulls of one fixed set of arms; choose "
                    "environment.sets: 1",
                    s->kind);
  return MST_OK;
}

int64_t mst_elimination_width(const mst_protocol_spec *s, const mst_environment_spec *e) {
  (void)s;
  return mst_least(e->arms, e->dimension + MST_DESIGN_STEPS);
}

double mst_elimination_bytes(const mst_protocol_spec *s, const mst_environment_spec *e) {
  const double d = (double)e->dimension, arms = (double)e->arms;
  return arms * (16 * d + 17) + 32 * d * d + 24 * (double)mst_elimination_width(s, e);
}

int64_t mst_elimination_length(const void *self) {
  return ((const elimination *)self)->open.rounds;
}

static int64_t pulls_of(const plan *p) {
  return p->begin[p->slots];
}

/* The slot of a pull. */
static int64_t slot_of(const plan *p, int64_t pull) {
  int64_t low = 0, high = p->slots - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (p->begin[middle] <= pull)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

/* Arms of an agent's share. */
static int64_t share(const plan *p, int64_t agent) {
  const int64_t all = pulls_of(p);
  if (p->slots == 0 || agent > (all - 1) / p->rounds) return 0;
  const int64_t first = agent * p->rounds, last = mst_least(all - first, p->rounds) + first - 1;
  return slot_of(p, last) - slot_of(p, first) + 1;
}

int64_t mst_elimination_up(const void *self, int64_t agent) {
  return share(&((const elimination *)self)->closed, agent);
}

int64_t mst_elimination_down(const void *self, int64_t agent) {
  const elimination *p = self;
  const int64_t told = share(&p->open, agent);
  return p->d + 2 * (p->phase == 2 ? told + share(&p->closed, agent) : told);
}

/* Rank of v, the dimension that the design's arms span: the trace of (V + ridge)^-1 V. */
static mst_status find_rank(elimination *p, double *rank) {
  const int64_t d = p->d;
  double trace = 0, *solved = p->l + d * d;
  for (int64_t i = 0; i < d; i++) trace += p->v[i * d + i];
  memcpy(p->l, p->v, (size_t)(d * d) * sizeof *p->l);
  memcpy(solved, p->v, (size_t)(d * d) * sizeof *p->l);
  for (int64_t i = 0; i < d; i++) p->l[i * d + i] += MST_DESIGN_RIDGE * trace / (double)d;
  MST_TRY(mst_cholesky(d, p->l, d));
  mst_cholesky_solve(d, d, p->l, d, solved, d);
  *rank = 0;
  for (int64_t i = 0; i < d; i++) *rank += solved[i * d + i];
  return MST_OK;
}

static void fill_plan(elimination *p, double pulls) {
  plan *open = &p->open;
  const double most = MOST / (double)p->width;
  for (int64_t a = 0; a < p->arms; a++) {
    if (p->weight[a] <= 0) continue;
    p->core[open->slots++] = a;
    open->begin[open->slots] =
        open->begin[open->slots - 1] + (int64_t)fmin(most, fmax(1, ceil(p->weight[a] * pulls)));
  }
  open->rounds = mst_ceil_div(pulls_of(open), p->spec.agents);
}

/* With one arm left there is nothing to plan. */
static mst_status open_phase(elimination *p) {
  int64_t left = 0;
  double gap = 0, rank = 0;
  for (int64_t a = 0; a < p->arms; a++) left += p->keep[a];
  p->open.slots = p->open.begin[0] = 0;
  p->open.rounds = p->spec.horizon;
  if (left == 1) return MST_OK;
  MST_TRY(mst_design_core(p->arms, p->d, p->e->x, p->keep, p->spec.gap, p->weight, p->v, p->work,
                          &gap));
  MST_TRY(find_rank(p, &rank));
  fill_plan(p, p->pulls(&p->spec, p->arms, p->phase, (1 + gap) * rank));
  return MST_OK;
}

static mst_status allocate(elimination *p) {
  const int64_t d = p->d;
  const char *what = "phases of a bandit";
  MST_TRY(mst_alloc(&p->keep, p->arms, sizeof(bool), what));
  MST_TRY(mst_alloc(&p->weight, p->arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->core, p->width, sizeof *p->core, what));
  MST_TRY(mst_alloc(&p->open.begin, p->width + 1, sizeof *p->open.begin, what));
  MST_TRY(mst_alloc(&p->closed.begin, p->width + 1, sizeof *p->closed.begin, what));
  MST_TRY(mst_alloc(&p->v, d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->theta, d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->l, 2 * d * d, sizeof(double), what));
  return mst_alloc(&p->work, mst_design_work(p->arms, d), sizeof(double), what);
}

void mst_elimination_destroy(void *self) {
  elimination *p = self;
  if (p == NULL) return;
  mst_free(p->keep);
  mst_free(p->weight);
  mst_free(p->core);
  mst_free(p->open.begin);
  mst_free(p->closed.begin);
  mst_free(p->v);
  mst_free(p->theta);
  mst_free(p->l);
  mst_free(p->work);
  mst_free(p);
}

mst_status mst_elimination_create(const mst_protocol_spec *s, const mst_environment *e,
                                  mst_elimination_pulls pulls, void **out) {
  elimination *p = NULL;
  *out = NULL;
  MST_TRY(mst_elimination_check(s, &e->spec));
  MST_TRY(mst_alloc(&p, 1, sizeof *p, "phases of a bandit"));
  p->spec = *s;
  p->e = e;
  p->pulls = pulls;
  p->d = e->spec.dimension;
  p->arms = e->spec.arms;
  p->width = mst_elimination_width(s, &e->spec);
  p->phase = 1;
  mst_status st = allocate(p);
  if (st == MST_OK) {
    for (int64_t a = 0; a < p->arms; a++) p->keep[a] = true;
    st = open_phase(p);
  }
  if (st == MST_OK)
    *out = p;
  else
    mst_elimination_destroy(p);
  return st;
}

mst_status mst_elimination_choose(void *self, const mst_contexts *c, const mst_turn *turn,
                                  mst_stream *stream, int64_t *arm) {
  const elimination *p = self;
  const int64_t all = pulls_of(&p->open);
  (void)c;
  (void)stream;
  *arm = p->best;
  if (p->open.slots > 0 && turn->agent <= (all - 1) / p->open.rounds) {
    const int64_t pull = turn->agent * p->open.rounds + turn->step;
    if (pull < all) *arm = p->core[slot_of(&p->open, pull)];
  }
  return MST_OK;
}

void mst_elimination_gather(const void *self, const mst_contexts *c, const mst_turn *turn,
                            int64_t arm, double y, double *sum) {
  const elimination *p = self;
  const int64_t all = pulls_of(&p->open);
  (void)c;
  (void)arm;
  if (p->open.slots == 0 || turn->agent > (all - 1) / p->open.rounds) return;
  const int64_t pull = turn->agent * p->open.rounds + turn->step;
  if (pull < all) sum[slot_of(&p->open, pull)] += y;
}

/* |y| is at most 1 on average for arms in the unit ball; the phase's rounds times that, and the
 * noise's share. */
double mst_elimination_bound(const void *self) {
  const elimination *p = self;
  return (double)mst_least(p->open.rounds, p->spec.horizon) *
         (1 + p->e->spec.misspecified + p->spec.noise);
}

/* theta = V^-1 sum total x, with V of the pulls made. In few bits, a number of theta is at most 1
 * and four times the error that its variance lets expect. */
static mst_status estimate(elimination *p, const double *total) {
  const int64_t d = p->d;
  double *inverse = p->l + d * d, trace = 0, widest = 0;
  memset(p->l, 0, (size_t)(2 * d * d) * sizeof *p->l);
  memset(p->theta, 0, (size_t)d * sizeof *p->theta);
  for (int64_t s = 0; s < p->open.slots; s++) {
    const double *x = p->e->x + p->core[s] * d;
    const double n = (double)(p->open.begin[s + 1] - p->open.begin[s]);
    for (int64_t i = 0; i < d; i++) {
      p->theta[i] += total[s] * x[i];
      for (int64_t j = 0; j < d; j++) p->l[i * d + j] += n * x[i] * x[j];
    }
  }
  for (int64_t i = 0; i < d; i++) trace += p->l[i * d + i];
  for (int64_t i = 0; i < d; i++) {
    p->l[i * d + i] += MST_DESIGN_RIDGE * trace / (double)d;
    inverse[i * d + i] = 1;
  }
  MST_TRY(mst_cholesky(d, p->l, d));
  mst_cholesky_solve(d, 1, p->l, d, p->theta, 1);
  mst_cholesky_solve(d, d, p->l, d, inverse, d);
  for (int64_t i = 0; i < d; i++) widest = fmax(widest, inverse[i * d + i]);
  mst_protocol_round(d, p->theta, 1 + 4 * p->spec.noise * sqrt(widest), p->spec.bits);
  return MST_OK;
}

/* Drop arms that are worse than the best by more than 2^(1 - phase). */
static void eliminate(elimination *p) {
  double most = -INFINITY, *mean = p->work;
  mst_gemm(false, false, p->arms, 1, p->d, 1, p->e->x, p->d, p->theta, 1, 0, mean, 1);
  for (int64_t a = 0; a < p->arms; a++)
    if (p->keep[a] && mean[a] > most) most = mean[a], p->best = a;
  for (int64_t a = 0; a < p->arms; a++)
    p->keep[a] = p->keep[a] && mean[a] >= most - exp2(1 - (double)p->phase);
}

mst_status mst_elimination_close(void *self, const double *total) {
  elimination *p = self;
  if (p->open.slots == 0) return MST_OK;
  MST_TRY(estimate(p, total));
  eliminate(p);
  const plan over = p->closed;
  p->closed = p->open;
  p->open = over;
  p->phase++;
  return open_phase(p);
}

const double *mst_elimination_theta(const void *self) {
  return ((const elimination *)self)->theta;
}
