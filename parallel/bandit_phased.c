/* Rounds of phased protocols: within a batch every agent plays the same public policy, and keeps
 * the sum of y x; at the end of the batch these are added exactly over the agents. What a rank
 * computes between batches, it computes for each of its replicates. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"

static const mst_phased_ops *ops_of(const mst_bandit *f) {
  return f->protocol->phased;
}

mst_status mst_bandit_phased_create(mst_bandit *f) {
  const int64_t d = f->options.environment.dimension;
  MST_TRY(mst_alloc(&f->phase, f->replicates, sizeof *f->phase, "batches"));
  for (int64_t k = 0; k < f->replicates; k++)
    MST_TRY(ops_of(f)->create(&f->options.protocol, f->environment[k], &f->phase[k]));
  MST_TRY(mst_alloc(&f->gathered, f->count * d, sizeof(double), "agents' sums"));
  MST_TRY(mst_alloc(&f->totals_told, f->replicates * MST_BATCHES * d, sizeof(double), "batches"));
  return mst_alloc(&f->theta, f->replicates * d, sizeof(double), "estimates");
}

static mst_status act(mst_bandit *f, int64_t i, int64_t round) {
  const int64_t k = mst_bandit_replicate(f, i) - f->first_replicate;
  const int64_t agent = mst_bandit_agent(f, i), d = f->options.environment.dimension;
  const mst_environment *e = f->environment[k];
  mst_contexts c = mst_environment_offer(e, agent, round, f->room);
  mst_stream stream = mst_stream_of(
      mst_key_make(e->seed, MST_PURPOSE_BANDIT_CHOICE, (uint64_t)agent, (uint64_t)round));
  int64_t arm = 0;
  MST_TRY(ops_of(f)->choose(f->phase[k], &c, &stream, &arm));
  const double y = mst_environment_reward(e, &c, arm, agent, round);
  double *sum = f->gathered + i * d;
  f->regret[i] += c.best - c.mean[arm];
  for (int64_t j = 0; j < d; j++) sum[j] += y * c.x[arm * d + j];
  return MST_OK;
}

/* End a batch of one of this rank's replicates with the total that came down. Local. */
static mst_status close_replicate(mst_bandit *f, int64_t replicate, const double *total) {
  const int64_t d = f->options.environment.dimension, k = replicate - f->first_replicate;
  MST_TRY(ops_of(f)->close(f->phase[k], total));
  memcpy(f->theta + (replicate - f->first_replicate) * d, ops_of(f)->theta(f->phase[k]),
         (size_t)d * sizeof(double));
  return MST_OK;
}

/* The sums go up, and down again. Collective over f->sums. */
static mst_status exchange(mst_bandit *f, int64_t replicate) {
  const int64_t d = f->options.environment.dimension, bits = f->options.protocol.bits;
  const double bound = ops_of(f)->bound(f->phase[replicate - f->first_replicate], f->closed);
  int64_t begin = 0, end = 0;
  mst_status st = MST_OK;
  mst_bandit_tracks(f, replicate, &begin, &end);
  for (int64_t i = begin; i < end && st == MST_OK; i++) {
    int64_t *said = f->said + i * MST_BANDIT_COUNTS;
    mst_protocol_round(d, f->gathered + i * d, bound, bits);
    st = mst_bandit_add(f, d, f->gathered + i * d);
    memset(f->gathered + i * d, 0, (size_t)d * sizeof(double));
    said[MST_BANDIT_UP] += 1;
    said[MST_BANDIT_DOWN] += 1;
    said[MST_BANDIT_UP_REALS] += d;
    said[MST_BANDIT_DOWN_REALS] += d;
  }
  if (f->alone == NULL) st = mst_team_agree(f->team, st);
  MST_TRY(st);
  MST_TRY(mst_bandit_total(f));
  mst_protocol_round(d, f->total, (double)f->options.agents * bound, bits);
  memcpy(f->totals_told + ((replicate - f->first_replicate) * MST_BATCHES + f->closed) * d,
         f->total, (size_t)d * sizeof(double));
  return close_replicate(f, replicate, f->total);
}

/* The round at which the open batch ends. */
static int64_t batch_end(const mst_bandit *f) {
  int64_t end = 0;
  for (int64_t m = 0; f->replicates > 0 && m <= f->closed; m++)
    end += ops_of(f)->length(f->phase[0], m);
  return end;
}

mst_status mst_bandit_phased_rounds(mst_bandit *f, int64_t from, int64_t to) {
  for (int64_t t = from; t < to;) {
    const int64_t end = batch_end(f), stop = mst_least(end, to);
    mst_status st = MST_OK;
    for (int64_t i = 0; i < f->count; i++)
      for (int64_t u = t; u < stop && st == MST_OK; u++) st = act(f, i, u);
    if (f->alone == NULL) st = mst_team_agree(f->team, st);
    MST_TRY(st);
    t = stop;
    if (t < end) break;
    for (int64_t k = 0; k < f->replicates; k++) {
      st = exchange(f, f->first_replicate + k);
      if (f->alone == NULL) st = mst_team_agree(f->team, st);
      MST_TRY(st);
    }
    f->closed++;
  }
  return MST_OK;
}

mst_status mst_bandit_phased_resume(mst_bandit *f) {
  const int64_t d = f->options.environment.dimension;
  for (int64_t k = 0; k < f->replicates; k++) {
    const int64_t replicate = f->first_replicate + k;
    const double *told = f->totals_told + (replicate - f->first_replicate) * MST_BATCHES * d;
    for (int64_t m = 0; m < f->closed; m++) MST_TRY(close_replicate(f, replicate, told + m * d));
  }
  return MST_OK;
}

mst_status mst_bandit_phased_state(mst_bandit *f, mst_state *s) {
  const int64_t d = f->options.environment.dimension, seeds = f->options.seeds;
  const int64_t shape[] = {seeds, MST_BATCHES * d};
  MST_TRY(mst_state_add_shard(s, "gathered", MST_F64, 2, (int64_t[]){f->tracks, d}, f->first,
                              f->count, f->gathered));
  MST_TRY(mst_state_add(s, "closed", MST_I64, 1, (int64_t[]){1}, &f->closed));
  if (f->alone != NULL)
    return mst_state_add_shard(s, "totals", MST_F64, 2, shape, f->first_replicate, f->replicates,
                               f->totals_told);
  return mst_state_add(s, "totals", MST_F64, 2, shape, f->totals_told);
}
