/* Rounds of phased protocols: within a batch every agent plays the same public policy, and keeps a
 * sum over its interactions; at the end of the batch these are added exactly over the agents. What
 * a rank computes between batches, it computes for each of its replicates. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"

static const mst_phased_ops *ops_of(const mst_bandit *f) {
  return f->protocol->phased;
}

/* Of replicate k of this rank: what ended its batches. */
static double *told_of(const mst_bandit *f, int64_t k) {
  return f->totals_told + k * MST_BATCHES * f->message_n;
}

static int64_t *course_of(const mst_bandit *f, int64_t k) {
  return f->course + k * MST_BANDIT_COURSE;
}

mst_status mst_bandit_phased_create(mst_bandit *f) {
  const int64_t d = f->options.environment.dimension, n = f->message_n;
  MST_TRY(mst_alloc(&f->phase, f->replicates, sizeof *f->phase, "batches"));
  for (int64_t k = 0; k < f->replicates; k++)
    MST_TRY(ops_of(f)->create(&f->options.protocol, f->environment[k], &f->phase[k]));
  MST_TRY(mst_alloc(&f->gathered, f->count * n, sizeof(double), "agents' sums"));
  MST_TRY(mst_alloc(&f->totals_told, f->replicates * MST_BATCHES * n, sizeof(double), "batches"));
  MST_TRY(mst_alloc(&f->course, f->replicates * MST_BANDIT_COURSE, sizeof *f->course, "batches"));
  return mst_alloc(&f->theta, f->replicates * d, sizeof(double), "estimates");
}

static mst_status act(mst_bandit *f, int64_t i, int64_t round) {
  const int64_t k = mst_bandit_replicate(f, i) - f->first_replicate;
  const mst_environment *e = f->environment[k];
  const mst_turn turn = {.agent = mst_bandit_agent(f, i),
                         .round = round,
                         .step = round - course_of(f, k)[MST_BANDIT_OPENED]};
  mst_contexts c = mst_environment_offer(e, turn.agent, round, f->room);
  mst_stream stream = mst_stream_of(
      mst_key_make(e->seed, MST_PURPOSE_BANDIT_CHOICE, (uint64_t)turn.agent, (uint64_t)round));
  int64_t arm = 0;
  MST_TRY(ops_of(f)->choose(f->phase[k], &c, &turn, &stream, &arm));
  const double y = mst_environment_reward(e, &c, arm, turn.agent, round);
  f->regret[i] += c.best - c.mean[arm];
  ops_of(f)->gather(f->phase[k], &c, &turn, arm, y, f->gathered + i * f->message_n);
  return MST_OK;
}

/* End a batch of replicate k of this rank with the total that came down. Local. */
static mst_status close_batch(mst_bandit *f, int64_t k, const double *total) {
  const int64_t d = f->options.environment.dimension;
  MST_TRY(ops_of(f)->close(f->phase[k], total));
  memcpy(f->theta + k * d, ops_of(f)->theta(f->phase[k]), (size_t)d * sizeof(double));
  return MST_OK;
}

/* Agents' sums go up, as numbers of few bits. Local. */
static mst_status send(mst_bandit *f, int64_t k) {
  const int64_t n = f->message_n;
  const double bound = ops_of(f)->bound(f->phase[k]);
  int64_t begin = 0, end = 0;
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int64_t *said = f->said + i * MST_BANDIT_COUNTS, agent = mst_bandit_agent(f, i);
    double *sum = f->gathered + i * n;
    mst_protocol_round(n, sum, bound, f->options.protocol.bits);
    MST_TRY(mst_bandit_add(f, n, sum));
    memset(sum, 0, (size_t)n * sizeof *sum);
    said[MST_BANDIT_UP] += 1;
    said[MST_BANDIT_DOWN] += 1;
    said[MST_BANDIT_UP_REALS] += ops_of(f)->up(f->phase[k], agent);
    said[MST_BANDIT_DOWN_REALS] += ops_of(f)->down(f->phase[k], agent);
  }
  return MST_OK;
}

/* The sums go up, and their total comes down: the batch ends. Collective over f->sums. */
static mst_status exchange(mst_bandit *f, int64_t k) {
  const double bound = ops_of(f)->bound(f->phase[k]);
  int64_t *course = course_of(f, k);
  mst_status st = send(f, k);
  if (f->alone == NULL) st = mst_team_agree(f->team, st);
  MST_TRY(st);
  MST_TRY(mst_bandit_total(f));
  mst_protocol_round(f->message_n, f->total, (double)f->options.agents * bound,
                     f->options.protocol.bits);
  memcpy(told_of(f, k) + course[MST_BANDIT_CLOSED] * f->message_n, f->total,
         (size_t)f->message_n * sizeof(double));
  course[MST_BANDIT_OPENED] += ops_of(f)->length(f->phase[k]);
  course[MST_BANDIT_CLOSED]++;
  st = close_batch(f, k, f->total);
  return f->alone == NULL ? mst_team_agree(f->team, st) : st;
}

/* Rounds [from, to) of all this rank's agents of replicate k. Local. */
static mst_status act_all(mst_bandit *f, int64_t k, int64_t from, int64_t to) {
  int64_t begin = 0, end = 0;
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  for (int64_t i = begin; i < end; i++)
    for (int64_t t = from; t < to; t++) MST_TRY(act(f, i, t));
  return MST_OK;
}

static mst_status play_replicate(mst_bandit *f, int64_t k, int64_t from, int64_t to) {
  for (int64_t t = from; t < to;) {
    const int64_t *course = course_of(f, k);
    const int64_t end = course[MST_BANDIT_CLOSED] < MST_BATCHES
                            ? course[MST_BANDIT_OPENED] + ops_of(f)->length(f->phase[k])
                            : INT64_MAX;
    const int64_t stop = mst_least(end, to);
    mst_status st = act_all(f, k, t, stop);
    if (f->alone == NULL) st = mst_team_agree(f->team, st);
    MST_TRY(st);
    t = stop;
    if (t == end) MST_TRY(exchange(f, k));
  }
  return MST_OK;
}

mst_status mst_bandit_phased_rounds(mst_bandit *f, int64_t from, int64_t to) {
  for (int64_t k = 0; k < f->replicates; k++) MST_TRY(play_replicate(f, k, from, to));
  return MST_OK;
}

mst_status mst_bandit_phased_resume(mst_bandit *f) {
  for (int64_t k = 0; k < f->replicates; k++)
    for (int64_t m = 0; m < course_of(f, k)[MST_BANDIT_CLOSED]; m++)
      MST_TRY(close_batch(f, k, told_of(f, k) + m * f->message_n));
  return MST_OK;
}

int64_t mst_bandit_phased_batches(const mst_bandit *f) {
  int64_t most = 0;
  for (int64_t k = 0; f->course != NULL && k < f->replicates; k++)
    most = mst_most(most, course_of(f, k)[MST_BANDIT_CLOSED]);
  return most;
}

mst_status mst_bandit_phased_state(mst_bandit *f, mst_state *s) {
  const int64_t seeds = f->options.seeds, n = f->message_n;
  const int64_t totals[] = {seeds, MST_BATCHES * n}, course[] = {seeds, MST_BANDIT_COURSE};
  MST_TRY(mst_state_add_shard(s, "gathered", MST_F64, 2, (int64_t[]){f->tracks, n}, f->first,
                              f->count, f->gathered));
  if (f->alone == NULL) {
    MST_TRY(mst_state_add(s, "course", MST_I64, 2, course, f->course));
    return mst_state_add(s, "totals", MST_F64, 2, totals, f->totals_told);
  }
  MST_TRY(mst_state_add_shard(s, "course", MST_I64, 2, course, f->first_replicate, f->replicates,
                              f->course));
  return mst_state_add_shard(s, "totals", MST_F64, 2, totals, f->first_replicate, f->replicates,
                             f->totals_told);
}
