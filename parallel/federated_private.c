/* A private round of the loop: clipped changes as whole numbers of a public grid, their integer
 * sum, noise, a public divisor. Nothing else of a client is added up: no weights, losses or counts.
 */
#include "parallel/federated_private.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/privacy/discrete.h"
#include "core/privacy/whole.h"
#include "parallel/federated_internal.h"
#include "parallel/private.h"

#define SHARE_ROUNDING 1e-9 /* of a number of members, in doubles */

struct mst_federated_private {
  const mst_federated_privacy *options;
  int shift;
  int64_t bound;     /* of a client's whole numbers                        */
  int64_t *sum;      /* (P) this rank's                                    */
  int64_t *message;  /* (P) a client's, then its share of noise           */
  int64_t *share;    /* (P)                                               */
  double *change;    /* (P)                                               */
  int64_t *taken;    /* (clients) those that the sampler takes             */
  double *drawn;     /* (mine) float noise                                 */
  int64_t members;   /* of this round: all whose noise is in its sum ...   */
  int64_t missing;   /* ... but for these, for whose the server's stands in */
  mst_discrete *law; /* of one addition of noise                          */
};

double mst_federated_private_sure(int64_t n, double tolerance) {
  return (double)mst_most(1, n) * (1 - tolerance);
}

static mst_status refuse(const char *what, const char *why) {
  return mst_fail(MST_ERR_UNSUPPORTED, "private rounds with %s: %s: leave out one of them", what,
                  why);
}

/* What is sent up or kept beside the change is not covered by its clip. */
static mst_status check_method(const mst_federated_options *o) {
  const mst_method_ops *ops = mst_method_find(o->method.name);
  if (ops->uplink > 1 || ops->scalars > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "method.name %s: its clients send more than their change, which the clip does "
                    "not bound; choose another, such as fedavg",
                    ops->name);
  if (ops->own > 0 || ops->shared > 0)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "method.name %s: it keeps vectors that follow how many steps clients make, which "
        "is theirs alone to know; choose another, such as fedavg",
        ops->name);
  if (o->method.weighted)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "a mean weighted by the clients' rows tells of their rows, and so does its "
                    "divisor: set method.weighted: false");
  return MST_OK;
}

/* Whatever makes rounds fail more often than not, and shows in public numbers alone. */
static mst_status check_masks(const mst_federated_options *o) {
  const mst_federated_privacy *p = o->privacy;
  const mst_secure_options *s = &o->secure.secure;
  if (!mst_federated_secure_is_on(o)) return MST_OK;
  if (!p->shares)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "behind masks a sum is read as it comes out, so noise must be in it before: "
                    "set privacy.placement: shares");
  if (o->secure.bound != p->clip)
    return mst_fail(MST_ERR_INPUT,
                    "secure.bound is %g, but private changes are clipped to %g, which is their "
                    "bound: leave secure.bound out",
                    o->secure.bound, p->clip);
  if (s->dropout > p->tolerance)
    return mst_fail(MST_ERR_INPUT,
                    "secure.dropout is %g: with it go shares of the noise, and without so many the "
                    "sum must not be read; set privacy.tolerance above it",
                    s->dropout);
  if (s->dropout > 0 && s->dropout > 1 - s->threshold)
    return mst_fail(MST_ERR_INPUT,
                    "secure.dropout is %g: too few are left to take masks away that need %g of "
                    "them; lower secure.threshold or secure.dropout",
                    s->dropout, s->threshold);
  return MST_OK;
}

mst_status mst_federated_private_check(const mst_federated_options *o) {
  const mst_federated_privacy *p = o->privacy;
  if (p == NULL) return MST_OK;
  MST_TRY(check_method(o));
  if (!o->bernoulli)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "private cohorts are drawn by coins: set method.sampling: bernoulli, with "
                    "method.participation");
  if (mst_federated_robust_is_on(o))
    return refuse("a rule, momentum or attackers", "single messages are looked at");
  if (mst_compression_is_on(&o->compress))
    return refuse("compression", "what is read from an encoding can be longer than the clip");
  if (o->keep > 0) return refuse("personal.keep", "what stays with clients is not private");
  if (o->fine_tune_epochs > 0 || o->evaluate_clients || o->evaluate_gradient)
    return refuse("scores of clients", "they tell of training rows");
  if (o->stop.metric != NULL) return refuse("a stop rule", "all rounds are made");
  if (!(p->clip > 0) || !isfinite(p->clip) || !(p->sigma >= 0) || p->sigma > MST_PRIVATE_SIGMA)
    return mst_fail(
        MST_ERR_INPUT,
        "private rounds need a clip above 0 and noise of 0 to %g times it, not %g and %g",
        MST_PRIVATE_SIGMA, p->clip, p->sigma);
  if (!(p->tolerance >= 0 && p->tolerance < 1))
    return mst_fail(MST_ERR_INPUT, "a tolerance of %g: allowed are 0 and more, below 1",
                    p->tolerance);
  if (p->sigma * p->sigma > MST_PRIVATE_SIGMA * MST_PRIVATE_SIGMA * (1 - p->tolerance))
    return mst_fail(MST_ERR_INPUT,
                    "noise of %g with a tolerance of %g is more than %g together: lower one of "
                    "them",
                    p->sigma, p->tolerance, MST_PRIVATE_SIGMA);
  return check_masks(o);
}

static mst_status allocate(mst_federated *f, mst_federated_private *p) {
  int64_t n = f->model->parameters;
  MST_TRY(mst_alloc(&p->sum, n, sizeof *p->sum, "sums of the contributions"));
  MST_TRY(mst_alloc(&p->message, n, sizeof *p->message, "a client's message"));
  MST_TRY(mst_alloc(&p->share, p->options->shares ? n : f->mine, sizeof *p->share, "noise"));
  MST_TRY(mst_alloc(&p->change, n, sizeof *p->change, "a client's change"));
  MST_TRY(mst_alloc(&p->drawn, f->mine, sizeof *p->drawn, "noise"));
  MST_TRY(mst_alloc(&p->taken, mst_clients_count(f->clients), sizeof *p->taken, "cohort"));
  return mst_alloc(&p->law, 1, sizeof *p->law, "law of the noise");
}

mst_status mst_federated_private_create(mst_federated *f) {
  if (f->options.privacy == NULL) return MST_OK;
  mst_federated_private *p = NULL;
  mst_status st = mst_alloc(&p, 1, sizeof *p, "private rounds");
  f->privacy = p;
  if (st == MST_OK) {
    p->options = f->options.privacy;
    st = mst_private_grid(p->options->clip, mst_clients_count(f->clients), &p->shift, &p->bound);
  }
  if (st == MST_OK && p->options->sampler->spec.population != mst_clients_count(f->clients))
    st = mst_fail(MST_ERR_INTERNAL, "the sampler is not of these clients");
  if (st == MST_OK) st = allocate(f, p);
  return mst_team_agree(f->team, st);
}

void mst_federated_private_destroy(mst_federated *f) {
  mst_federated_private *p = f->privacy;
  if (p == NULL) return;
  mst_free(p->sum);
  mst_free(p->message);
  mst_free(p->share);
  mst_free(p->change);
  mst_free(p->taken);
  mst_free(p->drawn);
  mst_free(p->law);
  mst_free(p);
  f->privacy = NULL;
}

int64_t mst_federated_private_bytes(const mst_model *model, const mst_federated_options *o,
                                    int64_t clients) {
  return o->privacy != NULL ? 8 * (5 * model->parameters + clients) : 0;
}

/* Rounds that an earlier start charged and did not keep may have been seen: they count as made. */
mst_status mst_federated_private_restored(mst_federated *f) {
  if (f->privacy == NULL) return MST_OK;
  const mst_federated_privacy *o = f->privacy->options;
  if (f->totals.rounds > o->charged)
    return mst_fail(
        MST_ERR_INPUT,
        "the state has made %lld rounds, but the ledger was charged %lld: it is not the "
        "one in which this run was charged",
        (long long)f->totals.rounds, (long long)o->charged);
  const int64_t charged = mst_least(o->charged, f->options.rounds);
  f->totals.lost += charged - f->totals.rounds;
  f->totals.rounds = charged;
  return MST_OK;
}

/* The law of what is added at once: of the whole noise, or of a share. What all shares of a round
 * come to is the same for any number of members, for its size must not tell of one more or less:
 * of the server's that stands in for an empty cohort, too. */
static mst_status choose_law(mst_federated_private *p, int64_t shares) {
  const mst_federated_privacy *o = p->options;
  if (o->sigma == 0 || !(o->hardened || o->shares)) return MST_OK;
  const double sure = o->shares ? mst_federated_private_sure(p->members, o->tolerance) : 1;
  const double whole = o->sigma * (double)p->bound;
  return mst_discrete_gaussian(whole * sqrt((double)shares) / sqrt(sure), p->law);
}

mst_status mst_federated_private_begin(mst_federated *f) {
  mst_federated_private *p = f->privacy;
  const mst_federated_privacy *o = p->options;
  const int64_t round = f->totals.rounds;
  int64_t present = 0;
  MST_TRY(o->charge(o->context, round));
  mst_sampler_begin(o->sampler, &o->secret, round);
  p->members = mst_sampler_take(o->sampler, 0, mst_clients_count(f->clients), p->taken);
  for (int64_t i = 0; i < p->members; i++)
    if (mst_clients_rows(f->clients, p->taken[i]) > 0 || o->shares)
      p->taken[present++] = p->taken[i];
  mst_cohort_take(&f->cohort, f->clients, present, p->taken);
  if (f->model->parameters > 0) memset(p->sum, 0, (size_t)f->model->parameters * sizeof *p->sum);
  p->missing = o->shares ? p->members == 0 : 1;
  return choose_law(p, 1);
}

mst_status mst_federated_private_share(void *context, int64_t client, int64_t round, int64_t n,
                                       int64_t *whole) {
  const mst_federated *f = context;
  mst_federated_private *p = f->privacy;
  const mst_federated_privacy *o = p->options;
  if (!o->shares || o->sigma == 0) return MST_OK;
  mst_noise noise = mst_noise_of(&o->secret, MST_NOISE_SUM, 1 + (uint64_t)client, (uint64_t)round);
  mst_noise_discrete(p->law, &noise, 0, n, p->share);
  mst_noise_wipe(&noise);
  for (int64_t i = 0; i < n; i++) whole[i] += p->share[i];
  return MST_OK;
}

mst_status mst_federated_private_send(mst_federated *f, int64_t client, bool usable) {
  mst_federated_private *p = f->privacy;
  const int64_t n = f->model->parameters;
  for (int64_t i = 0; i < n; i++) p->change[i] = usable ? (double)f->up[0][i] : 0;
  MST_TRY(mst_whole_clip(p->change, n, MST_WHOLE_L2, p->options->clip, p->shift, p->message,
                         &usable)); /* what is not finite is zero, in silence */
  const int64_t round = f->totals.rounds;
  MST_TRY(f->mask != NULL ? mst_pipeline_mask(&f->pipeline, client, round, n, p->message)
                          : mst_federated_private_share(f, client, round, n, p->message));
  uint64_t *sum = (uint64_t *)p->sum;
  for (int64_t i = 0; i < n; i++) sum[i] += (uint64_t)p->message[i];
  return MST_OK;
}

/* The server's noise of the round on this rank's shard, f->hi, and what it comes to. Local. */
static void add_central(mst_federated *f) {
  mst_federated_private *p = f->privacy;
  const mst_federated_privacy *o = p->options;
  mst_noise noise = mst_noise_of(&o->secret, MST_NOISE_SUM, 0, (uint64_t)f->totals.rounds);
  const bool whole = o->hardened || o->shares, none = o->sigma == 0 || p->missing == 0;
  if (whole && !none) {
    mst_noise_discrete(p->law, &noise, f->first, f->mine, p->share);
    for (int64_t i = 0; i < f->mine; i++) f->hi[i] += p->share[i];
  }
  mst_lattice_to(f->mean[0], f->hi, f->mine, p->shift);
  if (!whole && !none) {
    mst_noise_gaussian(&noise, f->first, f->mine, o->sigma * o->clip, p->drawn);
    for (int64_t i = 0; i < f->mine; i++) f->mean[0][i] += p->drawn[i];
  }
  mst_noise_wipe(&noise);
}

/* f->hi = this rank's shard of the sum. Behind masks it is read only with enough noise in it, else
 * taken to be zero; and the server's noise makes up for the shares that are not there, so that what
 * is released does not tell by its noise who was. Collective. */
static mst_status take_sum(mst_federated *f) {
  mst_federated_private *p = f->privacy;
  bool enough = true;
  if (f->mask == NULL || p->members == 0)
    return mst_sum_scatter_i64(f->team, p->sum, f->count, f->hi);
  const double sure = mst_federated_private_sure(p->members, p->options->tolerance);
  mst_mask_require(f->mask, (int64_t)ceil(sure - SHARE_ROUNDING));
  MST_TRY(mst_mask_close(f->mask, &enough));
  p->missing = enough ? p->members - mst_mask_survivors(f->mask) : p->members;
  if (p->missing > 0) MST_TRY(choose_law(p, p->missing));
  if (enough) {
    MST_TRY(mst_sum_scatter_i64(f->team, p->sum, f->count, f->hi));
    mst_mask_remove(f->mask, f->first, f->mine, f->hi);
  } else if (f->mine > 0) {
    memset(f->hi, 0, (size_t)f->mine * sizeof *f->hi);
  }
  return MST_OK;
}

mst_status mst_federated_private_finish(mst_federated *f, mst_round_facts *facts) {
  mst_federated_private *p = f->privacy;
  const double expected = mst_sampler_expected(p->options->sampler);
  MST_TRY(take_sum(f));
  add_central(f);
  for (int64_t i = 0; i < f->mine; i++) f->mean[0][i] /= expected;
  facts->clients = mst_clients_count(f->clients);
  facts->cohort = mst_most(1, (int64_t)llround(expected));
  facts->steps = f->options.local_steps > 0 ? (double)f->options.local_steps : 1;
  f->facts.asked = f->facts.sent = facts->cohort; /* as many as are public */
  return MST_OK;
}
