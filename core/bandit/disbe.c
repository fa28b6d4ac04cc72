/* DisBE-LUCB (Amani, Lattimore, Gyorgy, Yang 2023), with a known law of contexts. In a batch all
 * agents play one policy, learned from that law; an agent sends the sum of y x over the batch, d
 * numbers, and gets the agents' sum back, d numbers. As everybody knows the law and the policy,
 *
 *     Lambda_m = lambda I + N T_m E x x',  theta_m = Lambda_m^-1 sum y x
 *
 * need no more. Arms whose upper bound <theta_m, x> + beta |x|_(Lambda_m^-1) is below another's
 * lower bound are played no more. DecBE-LUCB has no server: in the last S rounds of a batch, whose
 * rewards are told to nobody, neighbours average what they have, so T_m - S stands for T_m, and
 * every agent goes on by an estimate of its own. The law is that of the pool, or stands for itself
 * in law_sets sets drawn from a public key; or each agent estimates it from offers of its own, and
 * computes by itself. */
#include "core/bandit/disbe.h"

#include <math.h>
#include <string.h>

#include "core/bandit/exploration.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define OFFERS 100000 /* of a batch, from which shares of a pool's sets are estimated at most */

typedef struct disbe {
  mst_protocol_spec spec;
  const mst_environment *e;
  int64_t d, arms, sets;
  int64_t batches, length[MST_BATCHES];
  int64_t batch;            /* that is open                                          */
  double *x;                /* (sets, arms, d) of the law                            */
  bool *keep;               /* (sets, arms) not eliminated                           */
  double *chance;           /* (sets, arms) of the policy                            */
  double *parts;            /* (sets) of the law: one over the share that each has   */
  double *inverse, *theta;  /* (batches, d, d), (batches, d) of batches that are over */
  double *moment, *work;    /* (d, d), (arms * d)                                    */
  double *mean, *width;     /* (arms)                                                */
  double beta[MST_BATCHES]; /* widths of the confidence sets of batches that are over */
  bool *left;               /* (arms)                                                */
  bool estimated;           /* the law is what this agent has seen of it             */
  int64_t opened;           /* round in which the open batch began                   */
  double *room;             /* for an offer                                          */
  double *played;           /* (pool, arms) chances on sets that the agent has met   */
  bool *met;                /* (pool) in the open batch                              */
  int64_t *place;           /* (pool) which of the law's sets it is, or -1           */
  double *offered;          /* (arms) chances of the arms of an offer                */
  mst_exploration policy;
} disbe;

int64_t mst_disbe_width(const mst_protocol_spec *s, const mst_environment_spec *e) {
  (void)s;
  return e->dimension;
}

/* Sets that stand for the law. */
static int64_t law_of(const mst_protocol_spec *s, const mst_environment_spec *e, bool estimated) {
  return e->sets > 0 && !estimated ? e->sets : s->law_sets;
}

double mst_disbe_bytes(const mst_protocol_spec *s, const mst_environment_spec *e, bool estimated) {
  const double d = (double)e->dimension, arms = (double)e->arms, pool = (double)e->sets;
  const double sets = (double)law_of(s, e, estimated);
  int64_t batches = 0, lengths[MST_BATCHES];
  mst_protocol_schedule(s->agents, s->horizon, e->dimension, s->batches, &batches, lengths);
  const double law = sets * (arms * (8 * d + 9) + 8);
  const double over = 8 * (double)batches * (d * d + d), scratch = 8 * d * d + arms * (8 * d + 25);
  const double own = 8 * (double)mst_environment_room(e) + pool * (8 * arms + 9);
  return law + over + scratch + mst_exploration_bytes(arms, d) + (estimated ? own : 0);
}

int64_t mst_disbe_length(const void *self) {
  const disbe *p = self;
  return p->length[mst_least(p->batch, p->batches - 1)];
}

/* Rounds of a batch whose interactions are told: those before neighbours begin to average. */
static int64_t told(const disbe *p, int64_t batch) {
  return p->length[mst_least(batch, p->batches - 1)] - p->spec.consensus;
}

int64_t mst_disbe_numbers(const void *self, int64_t agent) {
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
  const double plays = (double)p->spec.agents * (double)told(p, p->batch);
  const mst_key key =
      mst_key_make(p->e->seed, MST_PURPOSE_BANDIT_DESIGN,
                   p->estimated ? 1 + (uint64_t)p->spec.agent : 0, (uint64_t)p->batch);
  mst_exploration_free(&p->policy);
  if (p->estimated) {
    for (int64_t s = 0; s < p->e->spec.sets; s++) p->met[s] = false;
    if (p->batch == 0) return mst_exploration_start(p->arms, p->d, &p->policy);
    return mst_exploration_learn(&sets, p->spec.regularisation / plays, key, &p->policy);
  }
  MST_TRY(mst_exploration_learn(&sets, p->spec.regularisation / plays, key, &p->policy));
  for (int64_t s = 0; s < p->sets; s++)
    MST_TRY(mst_exploration_policy(&p->policy, p->x + s * size, p->keep + s * p->arms,
                                   p->chance + s * p->arms));
  return MST_OK;
}

/* What the open batch plays on arms x(arms, d). */
static mst_status decide(disbe *p, const double *x, bool *left, double *chance) {
  for (int64_t a = 0; a < p->arms; a++) left[a] = true;
  for (int64_t m = 0; m < p->batch; m++) eliminate(p, m, x, left);
  return mst_exploration_policy(&p->policy, x, left, chance);
}

/* Offers of the open batch that this agent was made stand for the law: sets of a pool with the
 * shares in which they came, or the first that there were. */
static mst_status look_back(disbe *p) {
  const int64_t size = p->arms * p->d, pool = p->e->spec.sets, most = p->spec.law_sets;
  const int64_t offers = mst_least(p->length[p->batch], pool > 0 ? OFFERS : most);
  double all = 0;
  p->sets = 0;
  for (int64_t i = 0; i < pool; i++) p->place[i] = -1;
  for (int64_t t = 0; t < offers; t++) {
    const mst_contexts c = mst_environment_offer(p->e, p->spec.agent, p->opened + t, p->room);
    int64_t s = c.set < 0 ? -1 : p->place[c.set];
    if (s < 0 && p->sets == most) continue;
    if (s < 0) {
      s = p->sets++;
      if (c.set >= 0) p->place[c.set] = s;
      p->parts[s] = 0;
      memcpy(p->x + s * size, c.x, (size_t)size * sizeof *p->x);
      MST_TRY(decide(p, c.x, p->keep + s * p->arms, p->chance + s * p->arms));
    }
    p->parts[s]++;
    all++;
  }
  for (int64_t s = 0; s < p->sets; s++) p->parts[s] = all / p->parts[s];
  return MST_OK;
}

static mst_status allocate(disbe *p) {
  const int64_t d = p->d, all = p->sets * p->arms;
  const char *what = "batches of a bandit";
  MST_TRY(mst_alloc(&p->x, all * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->keep, all, sizeof(bool), what));
  MST_TRY(mst_alloc(&p->chance, all, sizeof(double), what));
  MST_TRY(mst_alloc(&p->parts, p->sets, sizeof(double), what));
  MST_TRY(mst_alloc(&p->inverse, p->batches * d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->theta, p->batches * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->moment, d * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->work, p->arms * d, sizeof(double), what));
  MST_TRY(mst_alloc(&p->mean, p->arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->width, p->arms, sizeof(double), what));
  MST_TRY(mst_alloc(&p->left, p->arms, sizeof(bool), what));
  if (p->estimated) {
    const int64_t pool = p->e->spec.sets;
    MST_TRY(mst_alloc(&p->room, mst_environment_room(&p->e->spec), sizeof(double), what));
    MST_TRY(mst_alloc(&p->played, pool * p->arms, sizeof(double), what));
    MST_TRY(mst_alloc(&p->met, pool, sizeof(bool), what));
    MST_TRY(mst_alloc(&p->place, pool, sizeof *p->place, what));
  }
  return mst_alloc(&p->offered, p->arms, sizeof(double), what);
}

void mst_disbe_destroy(void *self) {
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
  mst_free(p->room);
  mst_free(p->played);
  mst_free(p->met);
  mst_free(p->place);
  mst_free(p->parts);
  mst_free(p->offered);
  mst_free(p);
}

/* With neighbours a batch must be longer than what it takes them to agree. */
static mst_status check_lengths(const disbe *p) {
  for (int64_t m = 0; m < p->batches; m++)
    if (p->length[m] <= p->spec.consensus)
      return mst_fail(MST_ERR_INPUT,
                      "batch %lld of %lld has %lld rounds, and neighbours take its last %lld to "
                      "agree: choose a longer horizon, fewer protocol.batches, a larger "
                      "protocol.share or a topology that agrees sooner",
                      (long long)m + 1, (long long)p->batches, (long long)p->length[m],
                      (long long)p->spec.consensus);
  return MST_OK;
}

mst_status mst_disbe_create(const mst_protocol_spec *s, const mst_environment *e, bool estimated,
                            void **out) {
  disbe *p = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&p, 1, sizeof *p, "batches of a bandit"));
  p->spec = *s;
  p->e = e;
  p->d = e->spec.dimension;
  p->arms = e->spec.arms;
  p->estimated = estimated;
  p->sets = law_of(s, &e->spec, estimated);
  mst_protocol_schedule(s->agents, s->horizon, p->d, s->batches, &p->batches, p->length);
  mst_status st = check_lengths(p);
  if (st == MST_OK) st = allocate(p);
  if (st == MST_OK) {
    if (!estimated) mst_environment_law(e, p->sets, p->x);
    for (int64_t i = 0; i < p->sets * p->arms; i++) p->keep[i] = true;
    for (int64_t i = 0; i < p->sets; i++) p->parts[i] = (double)p->sets;
    st = open_batch(p);
  }
  if (st == MST_OK)
    *out = p;
  else
    mst_disbe_destroy(p);
  return st;
}

mst_status mst_disbe_choose(void *self, const mst_contexts *c, const mst_turn *turn,
                            mst_stream *stream, int64_t *arm) {
  disbe *p = self;
  (void)turn;
  const double *chance = p->offered;
  if (c->set < 0) {
    MST_TRY(decide(p, c->x, p->left, p->offered));
  } else {
    double *of_pool = (p->estimated ? p->played : p->chance) + c->set * p->arms;
    if (p->estimated && !p->met[c->set]) MST_TRY(decide(p, c->x, p->left, of_pool));
    if (p->estimated) p->met[c->set] = true;
    chance = of_pool;
  }
  *arm = mst_stream_choose(stream, p->arms, chance);
  return MST_OK;
}

void mst_disbe_gather(const void *self, const mst_contexts *c, const mst_turn *turn, int64_t arm,
                      double y, double *sum) {
  const disbe *p = self;
  if (turn->step >= told(p, p->batch)) return;
  for (int64_t j = 0; j < p->d; j++) sum[j] += y * c->x[arm * p->d + j];
}

/* |y| is at most 1 on average for arms in the unit ball; T times that, and the noise's share. */
double mst_disbe_bound(const void *self) {
  const disbe *p = self;
  return (double)mst_disbe_length(p) * (1 + p->e->spec.misspecified + p->spec.noise);
}

double mst_disbe_bound_down(const void *self) {
  return (double)((const disbe *)self)->spec.agents * mst_disbe_bound(self);
}

/* moment = E x x' under the policy of the batch. */
static void find_moment(disbe *p) {
  const int64_t d = p->d;
  memset(p->moment, 0, (size_t)(d * d) * sizeof *p->moment);
  for (int64_t s = 0; s < p->sets; s++) {
    const double *x = p->x + s * p->arms * d, *chance = p->chance + s * p->arms;
    for (int64_t a = 0; a < p->arms; a++)
      for (int64_t i = 0; i < d; i++) p->work[a * d + i] = chance[a] / p->parts[s] * x[a * d + i];
    mst_gemm(true, false, d, d, p->arms, 1, p->work, d, x, d, 1, p->moment, d);
  }
}

/* The least and the largest eigenvalue of the moment. `to`(d, d): scratch. */
static mst_status find_eigenvalues(disbe *p, double *to, double *least, double *largest) {
  const int64_t d = p->d;
  double *values = NULL;
  MST_TRY(mst_alloc(&values, d, sizeof *values, "eigenvalues"));
  memcpy(to, p->moment, (size_t)(d * d) * sizeof *to);
  mst_status st = mst_eigen_symmetric(d, to, d, false, values);
  *least = fmax(values[0], 0);
  *largest = values[d - 1];
  mst_free(values);
  return st;
}

/* So wide that with probability 1 - delta no estimate of any arm after any batch is farther off: of
 * all arms of the pool, or of all that can be offered. Bernstein's inequality, whose variance is
 * that of the noise and of <theta, x> under the policy; and the tail of what privacy adds to the
 * total, normal with deviation s: <x, Lambda^-1 z> has deviation s |Lambda^-1 x|, at most s |x|
 * over the root of Lambda's least eigenvalue. */
static double sound_width(disbe *p, int64_t m, double least, double largest) {
  const double added = p->spec.release + p->spec.release_per_round * (double)p->length[m];
  const double offers = p->e->spec.sets > 0 ? (double)p->e->spec.sets
                                            : (double)p->spec.agents * (double)p->spec.horizon;
  const double odds =
      log((added > 0 ? 4 : 2) * (double)p->arms * offers * (double)p->batches / p->spec.delta);
  const double smallest =
      p->spec.regularisation + least * (double)p->spec.agents * (double)told(p, m);
  double longest = 0;
  for (int64_t s = 0; s < p->sets; s++) {
    judge(p, m, p->x + s * p->arms * p->d);
    for (int64_t a = 0; a < p->arms; a++)
      if (p->keep[s * p->arms + a]) longest = fmax(longest, p->width[a]);
  }
  return sqrt(2 * (p->spec.noise * p->spec.noise + largest) * odds) + 2 * odds * longest / 3 +
         sqrt(p->spec.regularisation) + added * sqrt(2 * odds / smallest);
}

mst_status mst_disbe_close(void *self, const double *total) {
  disbe *p = self;
  const int64_t d = p->d, m = p->batch;
  const double plays = (double)p->spec.agents * (double)told(p, m);
  double *inverse = p->inverse + m * d * d, *theta = p->theta + m * d;
  double least = 0, largest = 0;
  if (p->estimated) MST_TRY(look_back(p));
  find_moment(p);
  MST_TRY(find_eigenvalues(p, inverse, &least, &largest));
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
  p->beta[m] = p->spec.beta > 0 ? p->spec.beta : sound_width(p, m, least, largest);
  for (int64_t s = 0; s < p->sets; s++)
    eliminate(p, m, p->x + s * p->arms * d, p->keep + s * p->arms);
  p->opened += p->length[m];
  p->batch++;
  return p->batch < p->batches ? open_batch(p) : MST_OK;
}

const double *mst_disbe_theta(const void *self) {
  const disbe *p = self;
  return p->theta + (p->batch > 0 ? p->batch - 1 : 0) * p->d;
}
