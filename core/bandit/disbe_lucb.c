/* DisBE-LUCB (Amani, Lattimore, Gyorgy, Yang 2023), with a known law of contexts. In a batch all
 * agents play one policy, learned from that law; an agent sends the sum of y x over the batch, d
 * numbers, and gets the agents' sum back, d numbers. As everybody knows the law and the policy,
 *
 *     Lambda_m = lambda I + N T_m E x x',  theta_m = Lambda_m^-1 sum y x
 *
 * need no more. Arms whose upper bound <theta_m, x> + beta |x|_(Lambda_m^-1) is below another's
 * lower bound are played no more. The law is that of the pool, or stands for itself in law_sets
 * sets drawn from a public key. */
#include <string.h>

#include "core/bandit/exploration.h"
#include "core/bandit/protocol_member.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

typedef struct disbe {
  mst_protocol_spec spec;
  const mst_environment *e;
  int64_t d, arms, sets;
  int64_t batches, length[MST_BATCHES];
  int64_t batch;            /* that is open                                          */
  double *x;                /* (sets, arms, d) of the law                            */
  bool *keep;               /* (sets, arms) not eliminated                           */
  double *chance;           /* (sets, arms) of the policy                            */
  double *inverse, *theta;  /* (batches, d, d), (batches, d) of batches that are over */
  double *moment, *work;    /* (d, d), (arms * d)                                    */
  double *mean, *width;     /* (arms)                                                */
  double beta[MST_BATCHES]; /* widths of the confidence sets of batches that are over */
  bool *left;               /* (arms)                                                */
  double *offered;          /* (arms) chances of the arms of an offer                */
  mst_exploration policy;
} disbe;

static int64_t width_of(const mst_protocol_spec *s, const mst_environment_spec *e) {
  (void)s;
  return e->dimension;
}

static int64_t length(const void *self) {
  const disbe *p = self;
  return p->length[mst_least(p->batch, p->batches - 1)];
}

static int64_t numbers(const void *self, int64_t agent) {
  (void)agent;
  return ((const disbe *)self)->d;
}

/* What batch m tells of arms x(arms, d): mean and width |x| in the norm of its inverse. */
static void judge(disbe *p, int64_t m, const double *x) {
  const int64_t d = p->d, arms = p->arms;
  mst_gemm(false, false, arms, d, d, 1, x, d, p->inverse + m * d * d, d, 0, p->work, d);
  mst_gemm(false, false, arms, 1, d, 1, x, d, p->theta + m * d, 1, 0, p->mean, 1);
  for (int64_t a = 0; a < arms; a++) {
    double square = 0;
    for (int64_t i = 0; i < d; i++) square += x[a * d + i] * p->work[a * d + i];
    p->width[a] = sqrt(fmax(square, 0));
  }
}

/* Drop arms of x(arms, d) by what batch m has told. An arm with the largest lower bound stays. */
static void eliminate(disbe *p, int64_t m, const double *x, bool *keep) {
  const double beta = p->beta[m];
  double floor = -INFINITY;
  judge(p, m, x);
  for (int64_t a = 0; a < p->arms; a++)
    if (keep[a]) floor = fmax(floor, p->mean[a] - beta * p->width[a]);
  for (int64_t a = 0; a < p->arms; a++)
    keep[a] = keep[a] && p->mean[a] + beta * p->width[a] >= floor;
}

/* Learn the open batch's policy, and what it plays on the sets of the law. */
static mst_status open_batch(disbe *p) {
  const int64_t size = p->arms * p->d;
  const mst_exploration_sets sets = {
      .sets = p->sets, .arms = p->arms, .d = p->d, .x = p->x, .keep = p->keep};
  const double plays = (double)p->spec.agents * (double)p->length[p->batch];
  const mst_key key = mst_key_make(p->e->seed, MST_PURPOSE_BANDIT_DESIGN, 0, (uint64_t)p->batch);
  mst_exploration_free(&p->policy);
  MST_TRY(mst_exploration_learn(&sets, p->spec.regularisation / plays, key, &p->policy));
  for (int64_t s = 0; s < p->sets; s++)
    MST_TRY(mst_exploration_policy(&p->policy, p->x + s * size, p->keep + s * p->arms,
                                   p->chance + s * p->arms));
  return MST_OK;
}

static mst_status allocate(disbe *p) {
  const int64_t d = p->d, all = p->sets * p->arms;
  const char *what = "batches of a bandit";
  MST_TRY(mst_alloc(&p->x, all * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->keep, all, sizeof(bool), what));
  MST_TRY(mst_alloc(&p->chance, all, sizeof(double), what));
  MST_TRY(mst_alloc(&p->inverse, p->batches * d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->theta, p->batches * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->moment, d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->work, p->arms * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->mean, p->arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->width, p->arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->left, p->arms, sizeof(bool), what));
  return mst_alloc(&p->offered, p->arms, sizeof(double), what);
}

static void destroy(void *self) {
  disbe *p = self;
  if (p == NULL) return;
  mst_exploration_free(&p->policy);
  mst_free(p->x);
  mst_free(p->keep);
  mst_free(p->chance);
  mst_free(p->inverse);
  mst_free(p->theta);
  mst_free(p->moment);
  mst_free(p->work);
  mst_free(p->mean);
  mst_free(p->width);
  mst_free(p->left);
  mst_free(p->offered);
  mst_free(p);
}

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  disbe *p = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&p, 1, sizeof *p, "batches of a bandit"));
  p->spec = *s;
  p->e = e;
  p->d = e->spec.dimension;
  p->arms = e->spec.arms;
  p->sets = e->spec.sets > 0 ? e->spec.sets : s->law_sets;
  mst_protocol_schedule(s->agents, s->horizon, p->d, s->batches, &p->batches, p->length);
  mst_status st = allocate(p);
  if (st == MST_OK) {
    mst_environment_law(e, p->sets, p->x);
    for (int64_t i = 0; i < p->sets * p->arms; i++) p->keep[i] = true;
    st = open_batch(p);
  }
  if (st == MST_OK)
    *out = p;
  else
    destroy(p);
  return st;
}

static int64_t draw(int64_t arms, const double *chance, mst_stream *stream) {
  double at = mst_stream_uniform(stream);
  int64_t last = 0;
  for (int64_t a = 0; a < arms; a++) {
    if (chance[a] <= 0) continue;
    last = a;
    at -= chance[a];
    if (at < 0) break;
  }
  return last;
}

static mst_status choose(void *self, const mst_contexts *c, const mst_turn *turn,
                         mst_stream *stream, int64_t *arm) {
  disbe *p = self;
  (void)turn;
  const double *chance = p->chance + c->set * p->arms;
  if (c->set < 0) {
    for (int64_t a = 0; a < p->arms; a++) p->left[a] = true;
    for (int64_t m = 0; m < p->batch; m++) eliminate(p, m, c->x, p->left);
    MST_TRY(mst_exploration_policy(&p->policy, c->x, p->left, p->offered));
    chance = p->offered;
  }
  *arm = draw(p->arms, chance, stream);
  return MST_OK;
}

static void gather(const void *self, const mst_contexts *c, const mst_turn *turn, int64_t arm,
                   double y, double *sum) {
  const disbe *p = self;
  (void)turn;
  for (int64_t j = 0; j < p->d; j++) sum[j] += y * c->x[arm * p->d + j];
}

/* |y| is at most 1 on average for arms in the unit ball; T times that, and the noise's share. */
static double bound(const void *self) {
  const disbe *p = self;
  return (double)length(p) * (1 + p->e->spec.misspecified + p->spec.noise);
}

/* moment = E x x' under the policy of the batch. */
static void find_moment(disbe *p) {
  const int64_t d = p->d;
  memset(p->moment, 0, (size_t)(d * d) * sizeof *p->moment);
  for (int64_t s = 0; s < p->sets; s++) {
    const double *x = p->x + s * p->arms * d, *chance = p->chance + s * p->arms;
    for (int64_t a = 0; a < p->arms; a++)
      for (int64_t i = 0; i < d; i++)
        p->work[a * d + i] = chance[a] / (double)p->sets * x[a * d + i];
    mst_gemm(true, false, d, d, p->arms, 1, p->work, d, x, d, 1, p->moment, d);
  }
}

/* The largest eigenvalue of the moment, which is scratch afterwards in `to`(d, d). */
static mst_status largest_eigenvalue(disbe *p, double *to, double *largest) {
  const int64_t d = p->d;
  double *values = NULL;
  MST_TRY(mst_alloc(&values, d, sizeof *values, "eigenvalues"));
  memcpy(to, p->moment, (size_t)(d * d) * sizeof *to);
  mst_status st = mst_eigen_symmetric(d, to, d, false, values);
  *largest = values[d - 1];
  mst_free(values);
  return st;
}

/* So wide that with probability 1 - delta no estimate of any arm after any batch is farther off: of
 * all arms of the pool, or of all that can be offered. Bernstein's inequality, whose variance is
 * that of the noise and of <theta, x> under the policy. */
static double sound_width(disbe *p, int64_t m, double largest) {
  const double offers = p->e->spec.sets > 0 ? (double)p->e->spec.sets
                                            : (double)p->spec.agents * (double)p->spec.horizon;
  const double odds = log(2 * (double)p->arms * offers * (double)p->batches / p->spec.delta);
  double longest = 0;
  for (int64_t s = 0; s < p->sets; s++) {
    judge(p, m, p->x + s * p->arms * p->d);
    for (int64_t a = 0; a < p->arms; a++)
      if (p->keep[s * p->arms + a]) longest = fmax(longest, p->width[a]);
  }
  return sqrt(2 * (p->spec.noise * p->spec.noise + largest) * odds) + 2 * odds * longest / 3 +
         sqrt(p->spec.regularisation);
}

static mst_status close_batch(void *self, const double *total) {
  disbe *p = self;
  const int64_t d = p->d, m = p->batch;
  const double plays = (double)p->spec.agents * (double)p->length[m];
  double *inverse = p->inverse + m * d * d, *theta = p->theta + m * d;
  double largest = 0;
  find_moment(p);
  MST_TRY(largest_eigenvalue(p, inverse, &largest));
  memset(inverse, 0, (size_t)(d * d) * sizeof *inverse);
  for (int64_t i = 0; i < d * d; i++) p->moment[i] *= plays;
  for (int64_t i = 0; i < d; i++) {
    p->moment[i * d + i] += p->spec.regularisation;
    inverse[i * d + i] = 1;
    theta[i] = total[i];
  }
  MST_TRY(mst_cholesky(d, p->moment, d));
  mst_cholesky_solve(d, d, p->moment, d, inverse, d);
  mst_cholesky_solve(d, 1, p->moment, d, theta, 1);
  p->beta[m] = p->spec.beta > 0 ? p->spec.beta : sound_width(p, m, largest);
  for (int64_t s = 0; s < p->sets; s++)
    eliminate(p, m, p->x + s * p->arms * d, p->keep + s * p->arms);
  p->batch++;
  return p->batch < p->batches ? open_batch(p) : MST_OK;
}

static const double *theta_of(const void *self) {
  const disbe *p = self;
  return p->theta + (p->batch > 0 ? p->batch - 1 : 0) * p->d;
}

static const mst_phased_ops phased = {.create = create,
                                      .destroy = destroy,
                                      .width = width_of,
                                      .length = length,
                                      .up = numbers,
                                      .down = numbers,
                                      .choose = choose,
                                      .gather = gather,
                                      .bound = bound,
                                      .close = close_batch,
                                      .theta = theta_of};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(beta, "0", 0, false,
                      "width of the confidence sets by which arms are dropped; 0: from the bound"),
    {.name = "delta",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_protocol_spec, delta),
     .fallback = "0.01",
     .min = 0,
     .max = 1,
     .open_min = true,
     .unit = "",
     .help = "probability with which that bound may fail"},
    MST_PROTOCOL_REAL(regularisation, "1", 0, true,
                      "lambda: what the diagonal of Lambda begins with"),
    MST_PROTOCOL_INT(batches, "0", 0, MST_BATCHES, "batches", "number of batches; 0: as published"),
    MST_PROTOCOL_INT(law_sets, "100", 1, 1e6, "sets",
                     "sets of arms that stand for their law, where there is no pool"),
    MST_PROTOCOL_INT(bits, "64", 2, 64, "bits", "of a number on the way; 64: as it is"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_disbe_lucb = {
    .name = "disbe_lucb",
    .summary = "few batches, of which an agent tells one vector each (DisBE-LUCB)",
    .params = params,
    .phased = &phased,
};
