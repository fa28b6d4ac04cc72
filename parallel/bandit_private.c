/* Private batches: the sum that ends a batch is a release. What one interaction adds, y x, is
 * shortened to a public length C, and noise goes on the sum; all that follows, estimates, arms that
 * are dropped, policies, is made from releases and the public law. An interaction is in one batch,
 * so the batches of a run are together one release of it; an agent is in all of them, with at most
 * T_m C in each. doc/methods/bandits.md. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/privacy/discrete.h"
#include "core/privacy/whole.h"
#include "parallel/bandit_stages.h"
#include "parallel/clip.h"

struct mst_bandit_private {
  int64_t batches, end[MST_BATCHES]; /* after which rounds they end                        */
  int64_t charged;                   /* releases                                           */
  int shift;                         /* hardened: of the grid                              */
  int64_t bound;                     /* hardened: of an interaction, in steps of the grid  */
  int64_t *whole;                    /* hardened: (count, n) agents' sums                  */
  int64_t *sum, *term;               /* (n)                                                */
  double *noise;                     /* (n)                                                */
  mst_discrete law;
};

/* What one agent may hold of a release, in bounds of an interaction: noise is in proportion. */
static double weight_of(const mst_bandit_options *o, int64_t rounds) {
  return o->privacy->agents ? (double)rounds : 1;
}

mst_status mst_bandit_private_check(const mst_bandit_options *o) {
  const mst_bandit_privacy *p = o->privacy;
  if (p == NULL) return MST_OK;
  if (o->attack.name != NULL || o->aggregate.mixers > 0 ||
      (o->aggregate.rule.name != NULL && strcmp(o->aggregate.rule.name, "mean") != 0))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy rests on how much one interaction can change a sum, and with a rule "
                    "or attackers the release is no sum: leave out one of them");
  if (!(p->clip > 0) || !isfinite(p->clip) || !(p->sigma >= 0) || !isfinite(p->sigma))
    return mst_fail(MST_ERR_INPUT,
                    "private batches need a clip above 0 and noise of 0 or more times it, not %g "
                    "and %g",
                    p->clip, p->sigma);
  return MST_OK;
}

mst_status mst_bandit_private_grid(const mst_bandit_options *o, int *shift, int64_t *bound) {
  const mst_bandit_privacy *p = o->privacy;
  const double terms = (double)o->agents * (double)o->horizon;
  if (!(terms < 0x1p52))
    return mst_fail(MST_ERR_INPUT, "privacy.noise: hardened sums of %g interactions have no grid",
                    terms);
  MST_TRY(mst_whole_shift(p->clip, fmax(p->sigma, 1) * weight_of(o, o->horizon),
                          o->agents * o->horizon, shift));
  *bound = mst_whole_bound(p->clip, *shift);
  return MST_OK;
}

/* Local. */
static mst_status allocate(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  const int64_t n = f->message_n;
  int64_t length[MST_BATCHES];
  MST_TRY(mst_alloc(&f->privacy, 1, sizeof *f->privacy, "private batches"));
  mst_bandit_private *p = f->privacy;
  mst_protocol_schedule(o->agents, o->horizon, o->environment.dimension, o->protocol.batches,
                        &p->batches, length);
  for (int64_t m = 0, round = 0; m < p->batches; m++) p->end[m] = round += length[m];
  p->charged = o->privacy->charged;
  MST_TRY(mst_alloc(&p->noise, n, sizeof *p->noise, "noise"));
  MST_TRY(mst_alloc(&p->sum, n, sizeof *p->sum, "sums of messages"));
  MST_TRY(mst_alloc(&p->term, n, sizeof *p->term, "an interaction"));
  if (!o->privacy->hardened) return MST_OK;
  MST_TRY(mst_bandit_private_grid(o, &p->shift, &p->bound));
  return mst_alloc(&p->whole, f->count * n, sizeof *p->whole, "agents' sums");
}

mst_status mst_bandit_private_create(mst_bandit *f) {
  return mst_team_agree(f->sums, allocate(f));
}

void mst_bandit_private_destroy(mst_bandit *f) {
  mst_bandit_private *p = f->privacy;
  if (p == NULL) return;
  mst_free(p->whole);
  mst_free(p->sum);
  mst_free(p->term);
  mst_free(p->noise);
  mst_free(p);
}

mst_status mst_bandit_private_gather(mst_bandit *f, int64_t i, const double *message) {
  const mst_bandit_privacy *o = f->options.privacy;
  mst_bandit_private *p = f->privacy;
  const int64_t n = f->message_n;
  bool finite = false;
  if (!o->hardened) {
    const double factor = mst_clip_factor(n, message, o->clip);
    for (int64_t j = 0; factor > 0 && j < n; j++) f->gathered[i * n + j] += factor * message[j];
    return MST_OK;
  }
  MST_TRY(mst_whole_clip(message, n, MST_WHOLE_L2, o->clip, p->shift, p->term, &finite));
  for (int64_t j = 0; j < n; j++) p->whole[i * n + j] += p->term[j];
  return MST_OK;
}

/* p->sum += discrete noise. Local. */
static mst_status add_whole_noise(mst_bandit *f, const mst_noise *noise, double weight) {
  mst_bandit_private *p = f->privacy;
  const double sigma = f->options.privacy->sigma;
  if (sigma == 0) return MST_OK;
  MST_TRY(mst_discrete_gaussian(sigma * weight * (double)p->bound, &p->law));
  mst_noise_discrete(&p->law, noise, 0, f->message_n, p->term);
  for (int64_t j = 0; j < f->message_n; j++) p->sum[j] += p->term[j];
  return MST_OK;
}

static mst_status release_whole(mst_bandit *f, int64_t k, const mst_noise *noise, double weight) {
  mst_bandit_private *p = f->privacy;
  const int64_t n = f->message_n;
  int64_t begin = 0, end = 0;
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  memset(p->sum, 0, (size_t)n * sizeof *p->sum);
  for (int64_t i = begin; i < end; i++)
    for (int64_t j = 0; j < n; j++) p->sum[j] += p->whole[i * n + j];
  memset(p->whole + begin * n, 0, (size_t)((end - begin) * n) * sizeof *p->whole);
  MST_TRY(mst_sum_i64(f->sums, p->sum, n));
  MST_TRY(mst_team_agree(f->sums, add_whole_noise(f, noise, weight)));
  mst_lattice_to(f->total, p->sum, n, p->shift);
  return MST_OK;
}

/* Local. */
static mst_status add_reals(mst_bandit *f, int64_t k) {
  const int64_t n = f->message_n;
  int64_t begin = 0, end = 0;
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  for (int64_t i = begin; i < end; i++) MST_TRY(mst_bandit_add(f, n, f->gathered + i * n));
  memset(f->gathered + begin * n, 0, (size_t)((end - begin) * n) * sizeof *f->gathered);
  return MST_OK;
}

static mst_status release_reals(mst_bandit *f, int64_t k, const mst_noise *noise, double weight) {
  const mst_bandit_privacy *o = f->options.privacy;
  double *drawn = f->privacy->noise;
  MST_TRY(mst_team_agree(f->sums, add_reals(f, k)));
  MST_TRY(mst_bandit_total(f));
  mst_noise_gaussian(noise, 0, f->message_n, o->sigma * o->clip * weight, drawn);
  for (int64_t j = 0; j < f->message_n; j++) f->total[j] += drawn[j];
  return MST_OK;
}

mst_status mst_bandit_private_total(mst_bandit *f, int64_t k) {
  const mst_bandit_privacy *o = f->options.privacy;
  const int64_t batch = f->batch[k * MST_BANDIT_BATCH + MST_BANDIT_CLOSED];
  const double weight = weight_of(&f->options, f->length[k]);
  const uint64_t step = (uint64_t)((f->first_replicate + k) * MST_BATCHES + batch);
  mst_noise noise = mst_noise_of(&o->secret, MST_NOISE_SUM, 0, step);
  mst_status st =
      o->hardened ? release_whole(f, k, &noise, weight) : release_reals(f, k, &noise, weight);
  mst_noise_wipe(&noise);
  return st;
}

mst_status mst_bandit_private_charge(mst_bandit *f, int64_t to) {
  const mst_bandit_privacy *o = f->options.privacy;
  mst_bandit_private *p = f->privacy;
  int64_t ended = 0;
  if (p == NULL || o->charge == NULL) return MST_OK;
  while (ended < p->batches && p->end[ended] <= to) ended++;
  if (!o->agents) ended = mst_least(ended, 1);
  for (; p->charged < ended; p->charged++) MST_TRY(o->charge(o->context, p->charged));
  return MST_OK;
}

mst_status mst_bandit_private_begin(const mst_bandit *f) {
  const mst_bandit_privacy *o = f->options.privacy;
  const mst_bandit_private *p = f->privacy;
  int64_t ended = 0;
  if (p == NULL || o->charge == NULL) return MST_OK;
  while (ended < p->batches && p->end[ended] <= f->done) ended++;
  if (!o->agents) ended = mst_least(ended, 1);
  if (ended > p->charged)
    return mst_fail(MST_ERR_INPUT,
                    "the state has made %lld releases, but the ledger was charged %lld: it is not "
                    "the one in which this run was charged",
                    (long long)ended, (long long)p->charged);
  return MST_OK;
}

mst_status mst_bandit_private_state(mst_bandit *f, mst_state *s) {
  if (f->privacy == NULL || f->privacy->whole == NULL) return MST_OK;
  return mst_state_add_shard(s, "whole", MST_I64, 2, (int64_t[]){f->tracks, f->message_n}, f->first,
                             f->count, f->privacy->whole);
}
