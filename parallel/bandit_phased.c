/* Rounds of phased protocols: within a batch every agent keeps a sum over its interactions; at the
 * end of the batch these are added exactly over the agents, or without a server averaged over
 * neighbours, and the next batch follows from what came of it. What a rank computes between
 * batches, it computes for each of its courses: one a replicate, or without a server one an agent.
 */
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/bandit_stages.h"

static const mst_phased_ops *ops_of(const mst_bandit *f) {
  return f->protocol->phased;
}

/* The course that this rank's i-th track follows, in the replicate k of this rank. */
static int64_t course_of(const mst_bandit *f, int64_t i, int64_t k) {
  return ops_of(f)->apart ? i : k;
}

static int64_t *batch_of(const mst_bandit *f, int64_t k) {
  return f->batch + k * MST_BANDIT_BATCH;
}

/* What ended the m-th batch of a course. */
static double *told_of(const mst_bandit *f, int64_t course, int64_t m) {
  return f->totals_told + (course * MST_BATCHES + m) * f->message_n;
}

/* The courses of replicate k: [*begin, *end). */
static void courses_of(const mst_bandit *f, int64_t k, int64_t *begin, int64_t *end) {
  *begin = k;
  *end = k + 1;
  if (ops_of(f)->apart) mst_bandit_tracks(f, f->first_replicate + k, begin, end);
}

/* Ranks without an agent of the replicate hear it from the others. Collective over f->sums. */
static mst_status find_length(mst_bandit *f, int64_t k) {
  int64_t begin = 0, end = 0;
  courses_of(f, k, &begin, &end);
  f->length[k] = begin < end ? ops_of(f)->length(f->phase[begin]) : 0;
  return ops_of(f)->apart ? mst_max_i64(f->sums, f->length + k, 1) : MST_OK;
}

static mst_status create_phases(mst_bandit *f, int64_t k) {
  int64_t begin = 0, end = 0;
  mst_protocol_spec spec = f->options.protocol;
  spec.consensus = mst_bandit_consensus_rounds(f, k);
  courses_of(f, k, &begin, &end);
  for (int64_t c = begin; c < end; c++) {
    spec.agent = ops_of(f)->apart ? mst_bandit_agent(f, c) : 0;
    MST_TRY(ops_of(f)->create(&spec, f->environment[k], &f->phase[c]));
  }
  return MST_OK;
}

mst_status mst_bandit_phased_create(mst_bandit *f) {
  const int64_t d = f->options.environment.dimension, n = f->message_n;
  if (ops_of(f)->neighbours) MST_TRY(mst_bandit_consensus_create(f));
  f->courses = ops_of(f)->apart ? f->count : f->replicates;
  MST_TRY(mst_alloc(&f->phase, f->courses, sizeof *f->phase, "batches"));
  for (int64_t k = 0; k < f->replicates; k++) MST_TRY(create_phases(f, k));
  MST_TRY(mst_alloc(&f->gathered, f->count * n, sizeof(double), "agents' sums"));
  MST_TRY(mst_alloc(&f->totals_told, f->courses * MST_BATCHES * n, sizeof(double), "batches"));
  MST_TRY(mst_alloc(&f->batch, f->replicates * MST_BANDIT_BATCH, sizeof *f->batch, "batches"));
  MST_TRY(mst_alloc(&f->length, f->replicates, sizeof *f->length, "batches"));
  return mst_alloc(&f->theta, f->courses * d, sizeof(double), "estimates");
}

void mst_bandit_phased_destroy(mst_bandit *f) {
  for (int64_t c = 0; f->phase != NULL && c < f->courses; c++) ops_of(f)->destroy(f->phase[c]);
  mst_bandit_consensus_destroy(f);
  void *array[] = {(void *)f->phase, f->gathered, f->totals_told, f->batch, f->length, f->theta};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
}

static mst_status act(mst_bandit *f, int64_t i, int64_t round) {
  const int64_t k = mst_bandit_replicate(f, i) - f->first_replicate;
  const mst_environment *e = f->environment[k];
  void *phase = f->phase[course_of(f, i, k)];
  const mst_turn turn = {.agent = mst_bandit_agent(f, i),
                         .round = round,
                         .step = round - batch_of(f, k)[MST_BANDIT_OPENED]};
  mst_contexts c = mst_environment_offer(e, turn.agent, round, f->room);
  mst_stream stream = mst_stream_of(
      mst_key_make(e->seed, MST_PURPOSE_BANDIT_CHOICE, (uint64_t)turn.agent, (uint64_t)round));
  int64_t arm = 0;
  MST_TRY(ops_of(f)->choose(phase, &c, &turn, &stream, &arm));
  const double y = mst_environment_reward(e, &c, arm, turn.agent, round);
  f->regret[i] += c.best - c.mean[arm];
  if (f->privacy == NULL) {
    ops_of(f)->gather(phase, &c, &turn, arm, y, f->gathered + i * f->message_n);
    return MST_OK;
  }
  memset(f->total, 0, (size_t)f->message_n * sizeof *f->total);
  ops_of(f)->gather(phase, &c, &turn, arm, y, f->total);
  return mst_bandit_private_gather(f, i, f->total);
}

/* End the open batch of a course, by what was told at its end. Local. */
static mst_status close_batch(mst_bandit *f, int64_t course, const double *total) {
  const int64_t d = f->options.environment.dimension;
  MST_TRY(ops_of(f)->close(f->phase[course], total));
  memcpy(f->theta + course * d, ops_of(f)->theta(f->phase[course]), (size_t)d * sizeof(double));
  return MST_OK;
}

/* Agents' sums go up, as numbers of few bits. Local. */
static mst_status send(mst_bandit *f, int64_t k) {
  const int64_t n = f->message_n;
  int64_t begin = 0, end = 0;
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    const double bound = ops_of(f)->bound(f->phase[course_of(f, i, k)]);
    double *sum = f->gathered + i * n;
    mst_protocol_round(n, sum, bound, f->options.protocol.bits);
    MST_TRY(mst_bandit_add(f, n, sum));
    memset(sum, 0, (size_t)n * sizeof *sum);
  }
  return MST_OK;
}

/* The sums go up, to f->total. Collective over f->sums. */
static mst_status add_up(mst_bandit *f, int64_t k) {
  MST_TRY(mst_team_agree(f->sums, send(f, k)));
  return mst_bandit_total(f);
}

/* The total comes down, as numbers of few bits. Local. */
static void come_down(mst_bandit *f, int64_t k) {
  int64_t begin = 0, end = 0;
  courses_of(f, k, &begin, &end);
  if (ops_of(f)->bound_down != NULL && begin < end)
    mst_protocol_round(f->message_n, f->total, ops_of(f)->bound_down(f->phase[begin]),
                       f->options.protocol.bits);
}

/* What the batch comes to, to f->total. Collective over f->sums. */
static mst_status find_total(mst_bandit *f, int64_t k) {
  const int64_t closed = batch_of(f, k)[MST_BANDIT_CLOSED];
  const double *last = closed > 0 ? told_of(f, k, closed - 1) : NULL;
  switch (mst_bandit_stage_of(&f->options)) {
    case MST_BANDIT_ROBUST: return mst_bandit_robust_total(f, k, last);
    case MST_BANDIT_SECURE: return mst_bandit_secure_total(f, k);
    case MST_BANDIT_PRIVATE: return mst_bandit_private_total(f, k);
    case MST_BANDIT_PLAIN: break;
  }
  return add_up(f, k);
}

/* What the agents sent and got about the batch that was just closed. Local. */
static void count(mst_bandit *f, int64_t k) {
  int64_t begin = 0, end = 0;
  const bool neighbours = ops_of(f)->neighbours;
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int64_t *said = f->said + i * MST_BANDIT_COUNTS, agent = mst_bandit_agent(f, i), times = 1;
    const void *phase = f->phase[course_of(f, i, k)];
    const bool sent = mst_bandit_secure_sent(f, k, agent);
    const int64_t up = sent ? ops_of(f)->up(phase, agent) : 0, down = ops_of(f)->down(phase, agent);
    if (neighbours)
      times = mst_bandit_consensus_rounds(f, k) * mst_bandit_consensus_degree(f, k, agent);
    said[MST_BANDIT_UP] += times * (up > 0);
    said[MST_BANDIT_DOWN] += times * (down > 0 && !neighbours); /* a neighbour's, counted there */
    said[MST_BANDIT_UP_REALS] += times * up;
    said[MST_BANDIT_DOWN_REALS] += times * down;
  }
}

/* Close the open batch of all courses of replicate k, by the total or what each agent takes for it,
 * sums(agents, message_n). Local. */
static mst_status close_all(mst_bandit *f, int64_t k, const double *sums) {
  const int64_t n = f->message_n, m = batch_of(f, k)[MST_BANDIT_CLOSED];
  int64_t begin = 0, end = 0;
  courses_of(f, k, &begin, &end);
  for (int64_t c = begin; c < end; c++) {
    const double *total = ops_of(f)->neighbours ? sums + mst_bandit_agent(f, c) * n : sums;
    memcpy(told_of(f, c, m), total, (size_t)n * sizeof(double));
    MST_TRY(close_batch(f, c, total));
  }
  count(f, k);
  return MST_OK;
}

/* The batch ends. Collective over f->sums. */
static mst_status exchange(mst_bandit *f, int64_t k) {
  const double *sums = f->total;
  int64_t *batch = batch_of(f, k);
  MST_TRY(ops_of(f)->neighbours ? mst_bandit_consensus_reach(f, k, &sums) : find_total(f, k));
  if (!ops_of(f)->neighbours) come_down(f, k);
  MST_TRY(mst_team_agree(f->sums, close_all(f, k, sums)));
  batch[MST_BANDIT_OPENED] += f->length[k];
  batch[MST_BANDIT_CLOSED]++;
  return find_length(f, k);
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
    const int64_t *batch = batch_of(f, k);
    const int64_t end = batch[MST_BANDIT_CLOSED] < MST_BATCHES
                            ? batch[MST_BANDIT_OPENED] + f->length[k]
                            : INT64_MAX;
    const int64_t stop = mst_least(end, to);
    MST_TRY(mst_team_agree(f->sums, act_all(f, k, t, stop)));
    t = stop;
    if (t == end) MST_TRY(exchange(f, k));
  }
  return MST_OK;
}

mst_status mst_bandit_phased_rounds(mst_bandit *f, int64_t from, int64_t to) {
  for (int64_t k = 0; k < f->replicates; k++) MST_TRY(play_replicate(f, k, from, to));
  return MST_OK;
}

/* Local. */
static mst_status replay(mst_bandit *f, int64_t k) {
  int64_t begin = 0, end = 0;
  courses_of(f, k, &begin, &end);
  for (int64_t c = begin; c < end; c++)
    for (int64_t m = 0; m < batch_of(f, k)[MST_BANDIT_CLOSED]; m++)
      MST_TRY(close_batch(f, c, told_of(f, c, m)));
  return MST_OK;
}

mst_status mst_bandit_phased_begin(mst_bandit *f) {
  for (int64_t k = 0; k < f->replicates; k++) {
    MST_TRY(mst_team_agree(f->sums, replay(f, k)));
    MST_TRY(find_length(f, k));
  }
  return MST_OK;
}

void mst_bandit_phased_extent(const mst_bandit *f, int64_t *most) {
  memset(most, 0, MST_BANDIT_EXTENT * sizeof *most);
  for (int64_t k = 0; f->batch != NULL && k < f->replicates; k++) {
    most[0] = mst_most(most[0], batch_of(f, k)[MST_BANDIT_CLOSED]);
    most[1] = mst_most(most[1], mst_bandit_consensus_rounds(f, k));
  }
}

/* What a course is of: all of them, where this rank's begin. */
static void lay_courses(const mst_bandit *f, int64_t *all, int64_t *first) {
  const bool apart = ops_of(f)->apart;
  *all = apart ? f->tracks : f->options.seeds;
  *first = apart ? f->first : f->first_replicate;
}

/* Every rank has all replicates where they are divided by agents. */
static mst_status list(const mst_bandit *f, mst_state *s, const char *name, mst_dtype type,
                       bool of_course, int64_t width, void *data) {
  int64_t all = f->options.seeds, first = f->first_replicate, count = f->replicates;
  if (of_course) lay_courses(f, &all, &first), count = f->courses;
  const int64_t shape[] = {all, width};
  if (f->alone == NULL && !(of_course && ops_of(f)->apart))
    return mst_state_add(s, name, type, 2, shape, data);
  return mst_state_add_shard(s, name, type, 2, shape, first, count, data);
}

mst_status mst_bandit_phased_theta(mst_bandit *f, mst_state *s) {
  return list(f, s, "theta", MST_F64, true, f->options.environment.dimension, f->theta);
}

mst_status mst_bandit_phased_state(mst_bandit *f, mst_state *s) {
  const int64_t n = f->message_n;
  MST_TRY(mst_state_add_shard(s, "gathered", MST_F64, 2, (int64_t[]){f->tracks, n}, f->first,
                              f->count, f->gathered));
  MST_TRY(mst_bandit_private_state(f, s));
  MST_TRY(list(f, s, "course", MST_I64, false, MST_BANDIT_BATCH, f->batch));
  return list(f, s, "totals", MST_F64, true, MST_BATCHES * n, f->totals_told);
}
