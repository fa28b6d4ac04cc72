/* Fed-PE (Huang, Wu, Yang, Shen 2021), of one vector theta that all agents share: every agent has a
 * fixed set of arms of its own. In phase p the agents' pulls follow from one design for all of
 * them, 2^p of an agent, each arm's rounded up; the rest of the phase's 2^p + K rounds goes to the
 * arm that looks best. An agent sends of each arm that the design had it play the vector f y /
 * |x|^2 x, y the mean of its f rewards, so the server learns the direction x / |x| but neither the
 * length of x nor arms that were not played; it gets theta and V = sum f x x' / |x|^2, drops arms
 * by them, tells which, and gets the next phase's pulls. */
#include <string.h>

#include "core/bandit/client_design.h"
#include "core/bandit/design.h"
#include "core/bandit/protocol_member.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

typedef struct fed_pe {
  mst_protocol_spec spec;
  const mst_environment *e;
  mst_client_arms clients; /* directions of the arms, by the sets of the pool        */
  int64_t phase;           /* that is open, from 0                                   */
  int64_t *count;          /* (kinds)                                                */
  double *direction;       /* (kinds, arms, d) x / |x|                               */
  double *length;          /* (kinds, arms) |x|                                      */
  double shortest;         /* the least of these                                     */
  bool *keep;              /* (kinds, arms)                                          */
  double *weight;          /* (kinds, arms)                                          */
  int64_t *begin;          /* (kinds, arms + 1) when the pulls of each arm begin     */
  int64_t *best;           /* (kinds)                                                */
  int64_t *up, *down;      /* (kinds) numbers of the last exchange                   */
  double *v, *inverse, *l; /* (d, d)                                                 */
  double *theta, *mean;    /* (d), (arms)                                            */
  double *product, *work;  /* (arms, d), of the design                               */
} fed_pe;

static mst_status check(const mst_protocol_spec *s, const mst_environment_spec *e) {
  if (e->offer == NULL || strcmp(e->offer, "own") != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s plans pulls of the arms that an agent always has; choose "
                    "environment.offer: own",
                    s->kind);
  return MST_OK;
}

static int64_t width_of(const mst_protocol_spec *s, const mst_environment_spec *e) {
  (void)s;
  return e->arms * e->dimension;
}

static double bytes(const mst_protocol_spec *s, const mst_environment_spec *e) {
  const double d = (double)e->dimension, arms = (double)e->arms;
  const double kinds = (double)mst_least(e->sets, s->agents);
  return kinds * (arms * (8 * d + 25) + 40) + 48 * d * d + arms * (16 * d + 16) + 8 * d;
}

/* 2^p pulls of the design; none of phase 0, in which every arm is played once. */
static int64_t designed(const fed_pe *p) {
  return p->phase == 0 ? 0 : (int64_t)1 << mst_least(p->phase, 60);
}

static int64_t length(const void *self) {
  const fed_pe *p = self;
  return designed(p) + p->clients.arms;
}

static int64_t up(const void *self, int64_t agent) {
  const fed_pe *p = self;
  return p->up[agent % p->clients.kinds];
}

static int64_t down(const void *self, int64_t agent) {
  const fed_pe *p = self;
  return p->down[agent % p->clients.kinds];
}

static int64_t *begin_of(const fed_pe *p, int64_t kind) {
  return p->begin + kind * (p->clients.arms + 1);
}

/* The arm whose planned pulls a step is of, or -1 when they are over. */
static int64_t planned(const fed_pe *p, int64_t kind, int64_t step) {
  const int64_t *begin = begin_of(p, kind);
  int64_t low = 0, high = p->clients.arms;
  if (step >= begin[high]) return -1;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (begin[middle] <= step)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* Arms with planned pulls. */
static int64_t told(const fed_pe *p, int64_t kind) {
  const int64_t *begin = begin_of(p, kind);
  int64_t n = 0;
  for (int64_t a = 0; a < p->clients.arms; a++) n += begin[a + 1] > begin[a];
  return n;
}

static mst_status plan(fed_pe *p) {
  const int64_t arms = p->clients.arms;
  if (p->phase > 0)
    MST_TRY(mst_client_design_find(&p->clients, p->spec.gap, p->weight, p->work, NULL));
  for (int64_t k = 0; k < p->clients.kinds; k++) {
    int64_t *begin = begin_of(p, k);
    begin[0] = 0;
    for (int64_t a = 0; a < arms; a++)
      begin[a + 1] =
          begin[a] +
          (p->phase == 0 ? 1 : (int64_t)ceil(p->weight[k * arms + a] * (double)designed(p)));
  }
  return MST_OK;
}

static mst_status allocate(fed_pe *p) {
  const int64_t d = p->clients.d, arms = p->clients.arms, kinds = p->clients.kinds;
  const char *what = "phases of a bandit";
  MST_TRY(mst_alloc(&p->count, kinds, sizeof *p->count, what));
  MST_TRY(mst_alloc(&p->direction, kinds * arms * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->length, kinds * arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->keep, kinds * arms, sizeof(bool), what));
  MST_TRY(mst_alloc(&p->weight, kinds * arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->begin, kinds * (arms + 1), sizeof *p->begin, what));
  MST_TRY(mst_alloc(&p->best, kinds, sizeof *p->best, what));
  MST_TRY(mst_alloc(&p->up, kinds, sizeof *p->up, what));
  MST_TRY(mst_alloc(&p->down, kinds, sizeof *p->down, what));
  MST_TRY(mst_alloc(&p->v, d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->inverse, d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->l, d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->theta, d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->mean, arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->product, arms * d, sizeof(double), what));
  return mst_alloc(&p->work, mst_client_design_work(&p->clients), sizeof(double), what);
}

static void destroy(void *self) {
  fed_pe *p = self;
  if (p == NULL) return;
  void *array[] = {p->count, p->direction, p->length,  p->keep, p->weight,  p->begin,
                   p->best,  p->up,        p->down,    p->v,    p->inverse, p->l,
                   p->theta, p->mean,      p->product, p->work};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(p);
}

static void fill(fed_pe *p) {
  const int64_t d = p->clients.d, n = p->clients.kinds * p->clients.arms;
  p->shortest = INFINITY;
  for (int64_t i = 0; i < n; i++) {
    const double *x = p->e->x + i * d;
    double square = 0;
    for (int64_t j = 0; j < d; j++) square += x[j] * x[j];
    p->length[i] = sqrt(square);
    p->keep[i] = true;
    if (square <= 0) continue; /* its direction stays 0 */
    p->shortest = fmin(p->shortest, p->length[i]);
    for (int64_t j = 0; j < d; j++) p->direction[i * d + j] = x[j] / p->length[i];
  }
  for (int64_t k = 0; k < p->clients.kinds; k++)
    p->count[k] = (p->spec.agents - k - 1) / p->clients.kinds + 1;
  p->clients.count = p->count;
  p->clients.x = p->direction;
  p->clients.keep = p->keep;
}

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  fed_pe *p = NULL;
  *out = NULL;
  MST_TRY(check(s, &e->spec));
  MST_TRY(mst_alloc(&p, 1, sizeof *p, "phases of a bandit"));
  p->spec = *s;
  p->e = e;
  p->clients =
      (mst_client_arms){.kinds = e->spec.sets, .arms = e->spec.arms, .d = e->spec.dimension};
  if (s->agents < p->clients.kinds) p->clients.kinds = s->agents;
  mst_status st = allocate(p);
  if (st == MST_OK) {
    fill(p);
    st = plan(p);
  }
  if (st == MST_OK)
    *out = p;
  else
    destroy(p);
  return st;
}

static mst_status choose(void *self, const mst_contexts *c, const mst_turn *turn,
                         mst_stream *stream, int64_t *arm) {
  const fed_pe *p = self;
  const int64_t kind = turn->agent % p->clients.kinds;
  (void)c;
  (void)stream;
  *arm = planned(p, kind, turn->step);
  if (*arm < 0) *arm = p->best[kind];
  return MST_OK;
}

static void gather(const void *self, const mst_contexts *c, const mst_turn *turn, int64_t arm,
                   double y, double *sum) {
  const fed_pe *p = self;
  const int64_t kind = turn->agent % p->clients.kinds, d = p->clients.d;
  (void)c;
  if (planned(p, kind, turn->step) < 0) return;
  const int64_t i = kind * p->clients.arms + arm;
  for (int64_t j = 0; j < d; j++)
    sum[arm * d + j] += p->length[i] > 0 ? y / p->length[i] * p->direction[i * d + j] : 0;
}

/* |y| / |x| is at most 1 on average, theta being in the unit ball; the phase's rounds times that,
 * and the noise's share. */
static double bound(const void *self) {
  const fed_pe *p = self;
  return (double)length(self) *
         (1 + (p->e->spec.misspecified + p->spec.noise) / fmin(1, p->shortest));
}

/* theta and V^-1 from what all agents sent, as they arrive in numbers of few bits. */
static mst_status estimate(fed_pe *p, const double *total) {
  const int64_t d = p->clients.d, arms = p->clients.arms;
  double trace = 0, widest = 0;
  memset(p->v, 0, (size_t)(d * d) * sizeof *p->v);
  memset(p->inverse, 0, (size_t)(d * d) * sizeof *p->v);
  memset(p->theta, 0, (size_t)d * sizeof *p->theta);
  for (int64_t i = 0; i < arms * d; i++) p->theta[i % d] += total[i];
  for (int64_t k = 0; k < p->clients.kinds; k++)
    for (int64_t a = 0; a < arms; a++) {
      const double *x = p->direction + (k * arms + a) * d;
      const double n = (double)(p->count[k] * (begin_of(p, k)[a + 1] - begin_of(p, k)[a]));
      for (int64_t i = 0; n > 0 && i < d; i++)
        for (int64_t j = 0; j < d; j++) p->v[i * d + j] += n * x[i] * x[j];
    }
  for (int64_t i = 0; i < d; i++) trace += p->v[i * d + i];
  const double most = (double)p->spec.agents * (double)length(p);
  const double step = p->spec.bits < 64 ? most / (ldexp(1, (int)p->spec.bits - 1) - 1) : 0;
  mst_protocol_round(d * d, p->v, most, p->spec.bits);
  memcpy(p->l, p->v, (size_t)(d * d) * sizeof *p->v);
  for (int64_t i = 0; i < d; i++) {
    p->l[i * d + i] += MST_DESIGN_RIDGE * trace / (double)d + step * (double)d;
    p->inverse[i * d + i] = 1;
  }
  MST_TRY(mst_cholesky(d, p->l, d));
  mst_cholesky_solve(d, 1, p->l, d, p->theta, 1);
  mst_cholesky_solve(d, d, p->l, d, p->inverse, d);
  for (int64_t i = 0; i < d; i++) widest = fmax(widest, p->inverse[i * d + i]);
  mst_protocol_round(d, p->theta, 1 + 4 * p->spec.noise / p->shortest * sqrt(widest), p->spec.bits);
  return MST_OK;
}

/* alpha sigma / l, with alpha such that with probability 1 - delta no arm of any agent after any
 * phase is farther off: by the arms one by one, or all directions at once. */
static double width(const fed_pe *p) {
  if (p->spec.beta > 0) return p->spec.beta;
  const double phases = ceil(log2(fmax(2, (double)p->spec.horizon))) + 1;
  const double all = (double)(p->clients.kinds * p->clients.arms);
  const double one_by_one = sqrt(2 * log(2 * all * phases / p->spec.delta));
  const double at_once = sqrt((double)p->clients.d) + sqrt(2 * log(phases / p->spec.delta));
  return fmin(one_by_one, at_once) * p->spec.noise / p->shortest;
}

/* Arms whose upper bound is below the lower bound of the one that looks best; how many. */
static int64_t eliminate(fed_pe *p, int64_t kind) {
  const int64_t d = p->clients.d, arms = p->clients.arms;
  const double *x = p->e->x + kind * arms * d, wide = width(p);
  bool *keep = p->keep + kind * arms;
  int64_t best = -1, dropped = 0;
  mst_gemm(false, false, arms, 1, d, 1, x, d, p->theta, 1, 0, p->mean, 1);
  mst_gemm(false, false, arms, d, d, 1, x, d, p->inverse, d, 0, p->product, d);
  for (int64_t a = 0; a < arms; a++)
    if (keep[a] && (best < 0 || p->mean[a] > p->mean[best])) best = a;
  double *spread = p->product; /* (arms), in place: that of arm a is read before it is written */
  for (int64_t a = 0; a < arms; a++) {
    double square = 0;
    for (int64_t i = 0; i < d; i++) square += x[a * d + i] * p->product[a * d + i];
    spread[a] = wide * sqrt(fmax(square, 0));
  }
  for (int64_t a = 0; a < arms; a++) {
    const bool stays = p->mean[a] + spread[a] >= p->mean[best] - spread[best];
    dropped += keep[a] && !stays;
    keep[a] = keep[a] && stays;
  }
  p->best[kind] = best;
  return dropped;
}

static mst_status close_phase(void *self, const double *total) {
  fed_pe *p = self;
  const int64_t d = p->clients.d;
  MST_TRY(estimate(p, total));
  for (int64_t k = 0; k < p->clients.kinds; k++) p->up[k] = told(p, k) * d + eliminate(p, k);
  p->phase++;
  MST_TRY(plan(p));
  for (int64_t k = 0; k < p->clients.kinds; k++) p->down[k] = d + d * (d + 1) / 2 + 2 * told(p, k);
  return MST_OK;
}

static const double *theta_of(const void *self) {
  return ((const fed_pe *)self)->theta;
}

static const mst_phased_ops phased = {.check = check,
                                      .create = create,
                                      .destroy = destroy,
                                      .width = width_of,
                                      .bytes = bytes,
                                      .length = length,
                                      .up = up,
                                      .down = down,
                                      .choose = choose,
                                      .gather = gather,
                                      .bound = bound,
                                      .close = close_phase,
                                      .theta = theta_of};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(beta, "0", 0, false,
                      "width of the confidence sets by which arms are dropped; 0: from the bound"),
    MST_PROTOCOL_DELTA("probability with which that bound may fail"),
    MST_PROTOCOL_GAP("0.1"),
    MST_PROTOCOL_INT(bits, "64", 2, 64, "bits", "of a number on the way; 64: as it is"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_fed_pe = {
    .name = "fed_pe",
    .summary = "phases of pulls planned for agents with arms of their own (Fed-PE)",
    .params = params,
    .phased = &phased,
};
