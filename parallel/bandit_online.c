/* Rounds of online protocols. A round: whoever's turn it is chooses and learns; then those who
 * speak are found, what they have not told is added to their server's statistics, and these go
 * down. The sums are exact, so it does not matter which rank has whom. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"

static mst_ridge ridge_at(const mst_bandit *f, double *records, int64_t i) {
  return mst_ridge_at(records + i * f->record, f->blocks, f->width, f->options.policy.ridge);
}

static double *marks_of(const mst_bandit *f, int64_t i) {
  return f->marks + i * MST_BANDIT_MARKS;
}

mst_status mst_bandit_online_create(mst_bandit *f) {
  const mst_online_ops *p = f->protocol->online;
  const mst_bandit_options *o = &f->options;
  MST_TRY(mst_bandit_tree_create(f));
  MST_TRY(mst_alloc(&f->known, f->count * f->record, sizeof(double), "agents' statistics"));
  if (p->frozen)
    MST_TRY(mst_alloc(&f->told, f->count * f->record, sizeof(double), "agents' statistics"));
  if (p->asks != NULL) {
    MST_TRY(mst_alloc(&f->unsent, f->count * f->sums_n, sizeof(double), "agents' messages"));
    MST_TRY(
        mst_alloc(&f->server, f->replicates * f->record, sizeof(double), "servers' statistics"));
  }
  MST_TRY(mst_alloc(&f->marks, f->count * MST_BANDIT_MARKS, sizeof(double), "agents"));
  MST_TRY(mst_alloc(&f->asked, o->seeds + 1, sizeof *f->asked, "replicates"));
  MST_TRY(mst_alloc(&f->speaks, f->count, sizeof *f->speaks, "agents"));
  for (int64_t i = 0; i < f->count; i++) {
    mst_ridge known = ridge_at(f, f->known, i);
    mst_ridge_start(&known);
    marks_of(f, i)[MST_BANDIT_THEN] = *known.logdet;
    if (p->frozen) {
      mst_ridge told = ridge_at(f, f->told, i);
      mst_ridge_start(&told);
    }
  }
  for (int64_t r = 0; p->asks != NULL && r < f->replicates; r++) {
    mst_ridge server = ridge_at(f, f->server, r);
    mst_ridge_start(&server);
  }
  return MST_OK;
}

/* One interaction of a track. */
static mst_status act(mst_bandit *f, int64_t i, int64_t round) {
  const mst_bandit_options *o = &f->options;
  const mst_online_ops *p = f->protocol->online;
  const int64_t replicate = mst_bandit_replicate(f, i), agent = mst_bandit_agent(f, i);
  const int64_t d = o->environment.dimension;
  const mst_environment *e = f->environment[replicate - f->first_replicate];
  const mst_ridge known = ridge_at(f, f->known, i);
  const mst_ridge used = p->frozen ? ridge_at(f, f->told, i) : known;
  mst_contexts c = mst_environment_offer(e, agent, round, f->room);
  mst_stream stream = mst_stream_of(
      mst_key_make(e->seed, MST_PURPOSE_BANDIT_CHOICE, (uint64_t)agent, (uint64_t)round));
  double *marks = marks_of(f, i);
  const mst_policy_offer offer = {.arms = o->environment.arms,
                                  .x = c.x,
                                  .sigma = c.sigma,
                                  .round = (int64_t)marks[MST_BANDIT_PLAYED]};
  mst_choice choice;
  mst_lesson lesson;
  MST_TRY(mst_policy_choose(&o->policy, &used, &offer, &stream, f->work, &choice));
  const double y = mst_environment_reward(e, &c, choice.arm, agent, round);
  f->regret[i] += c.best - c.mean[choice.arm];
  marks[MST_BANDIT_PLAYED] += 1;
  if (!mst_policy_lesson(&o->policy, &choice, c.x, d, y, f->work, &lesson)) return MST_OK;
  MST_TRY(mst_ridge_learn(&known, lesson.block, lesson.x, lesson.y, f->work + d));
  if (p->asks == NULL) return MST_OK;
  lesson.x = mst_bandit_tree_told(f, lesson.x, &lesson.y);
  mst_ridge_sums_learn(f->unsent + i * f->sums_n, f->blocks, f->width, lesson.block, lesson.x,
                       lesson.y);
  marks[MST_BANDIT_UNSENT] += 1;
  const mst_protocol_agent a = {.unsent = (int64_t)marks_of(f, i)[MST_BANDIT_UNSENT],
                                .logdet = *known.logdet,
                                .logdet_then = marks_of(f, i)[MST_BANDIT_THEN],
                                .met = marks_of(f, i)[MST_BANDIT_MET] != 0};
  f->speaks[i] = p->asks(&o->protocol, &a);
  if (f->speaks[i]) f->asked[replicate]++;
  return MST_OK;
}

/* Everybody whose turn it is, of this rank. Local. */
static mst_status act_all(mst_bandit *f, int64_t round) {
  memset(f->asked, 0, (size_t)f->options.seeds * sizeof *f->asked);
  if (!f->options.one_active) {
    for (int64_t i = 0; i < f->count; i++) MST_TRY(act(f, i, round));
    return MST_OK;
  }
  for (int64_t k = 0; k < f->replicates; k++) {
    const int64_t replicate = f->first_replicate + k;
    const int64_t i =
        replicate * f->options.agents + mst_bandit_turn(f, replicate, round) - f->first;
    if (i >= 0 && i < f->count) MST_TRY(act(f, i, round));
  }
  return MST_OK;
}

static void count_message(mst_bandit *f, int64_t i, int which, int64_t reals) {
  f->said[i * MST_BANDIT_COUNTS + which] += 1;
  f->said[i * MST_BANDIT_COUNTS + which + 1] += reals;
}

/* Numbers of one interaction as a message: the features, the reward, and of several blocks which.
 */
static int64_t interaction_reals(const mst_bandit *f) {
  return f->width + 1 + (f->blocks > 1);
}

/* Add up what the replicate's speakers have not told. Collective over f->sums. */
static mst_status gather(mst_bandit *f, int64_t begin, int64_t end) {
  const mst_online_ops *p = f->protocol->online;
  mst_status st = MST_OK;
  for (int64_t i = begin; i < end && st == MST_OK; i++) {
    if (p->together || p->timed) f->speaks[i] = true;
    if (!f->speaks[i]) continue;
    mst_bandit_tree_add(f, i, f->unsent + i * f->sums_n);
    st = mst_bandit_add(f, f->sums_n, f->unsent + i * f->sums_n);
    memset(f->unsent + i * f->sums_n, 0, (size_t)f->sums_n * sizeof(double));
    marks_of(f, i)[MST_BANDIT_UNSENT] = 0;
    marks_of(f, i)[MST_BANDIT_THEN] = *ridge_at(f, f->known, i).logdet;
    marks_of(f, i)[MST_BANDIT_MET] = 1;
    count_message(f, i, MST_BANDIT_UP, p->single ? interaction_reals(f) : f->sums_n + p->together);
  }
  if (f->alone == NULL) st = mst_team_agree(f->team, st);
  return st == MST_OK ? mst_bandit_total(f) : st;
}

/* A track gets the server's statistics; what it has not told comes on top. */
static mst_status take(mst_bandit *f, int64_t i, const mst_ridge *server, int64_t reals) {
  const mst_ridge known = ridge_at(f, f->known, i);
  const size_t bytes = (size_t)f->record * sizeof(double);
  memcpy(known.v, server->v, bytes);
  marks_of(f, i)[MST_BANDIT_THEN] = *server->logdet;
  if (f->told != NULL) memcpy(f->told + i * f->record, server->v, bytes);
  count_message(f, i, MST_BANDIT_DOWN, reals);
  if (marks_of(f, i)[MST_BANDIT_UNSENT] == 0) return MST_OK;
  mst_ridge_add(&known, f->unsent + i * f->sums_n);
  return mst_ridge_factor(&known, f->work);
}

static bool hears(const mst_bandit *f, int64_t i, const mst_ridge *server) {
  const mst_online_ops *p = f->protocol->online;
  if (p->pushes != NULL)
    return p->pushes(&f->options.protocol, *server->logdet, marks_of(f, i)[MST_BANDIT_THEN]);
  return p->to_all || f->speaks[i];
}

/* The replicate's server learns what was told and answers. Collective over f->sums. */
static mst_status exchange(mst_bandit *f, int64_t replicate) {
  const mst_online_ops *p = f->protocol->online;
  int64_t begin = 0, end = 0, reals = f->sums_n + p->together;
  mst_bandit_tracks(f, replicate, &begin, &end);
  MST_TRY(gather(f, begin, end));
  const mst_ridge server = ridge_at(f, f->server, replicate - f->first_replicate);
  mst_ridge_add(&server, f->total);
  MST_TRY(mst_ridge_factor(&server, f->work));
  if (p->single)
    reals =
        mst_least(reals, interaction_reals(f) * (f->options.one_active ? 1 : f->options.agents));
  for (int64_t i = begin; i < end; i++)
    if (hears(f, i, &server)) MST_TRY(take(f, i, &server, reals));
  for (int64_t i = begin; i < end; i++) f->speaks[i] = false;
  return MST_OK;
}

/* Which replicates have somebody who speaks, and whether all went well: behind them in `asked`.
 * Collective. */
static mst_status agree_on_speakers(mst_bandit *f, mst_status st) {
  const int64_t seeds = f->options.seeds;
  f->asked[seeds] = st != MST_OK;
  MST_TRY(mst_max_i64(f->team, f->asked, seeds + 1));
  return f->asked[seeds] != 0 ? mst_team_agree(f->team, st) : MST_OK;
}

/* Without messages an agent's rounds follow each other, while its statistics are in cache. Local.
 */
static mst_status act_apart(mst_bandit *f, int64_t from, int64_t to) {
  for (int64_t i = 0; i < f->count; i++)
    for (int64_t t = from; t < to; t++)
      if (!f->options.one_active ||
          mst_bandit_turn(f, mst_bandit_replicate(f, i), t) == mst_bandit_agent(f, i))
        MST_TRY(act(f, i, t));
  return MST_OK;
}

/* On a schedule: rounds apart, and after each period all replicates synchronise. */
static mst_status timed_rounds(mst_bandit *f, int64_t from, int64_t to) {
  const int64_t period = mst_bandit_period(&f->options), horizon = f->options.horizon;
  const bool together = f->alone == NULL;
  for (int64_t t = from; t < to;) {
    const int64_t due = (t / period + 1) * period, stop = mst_least(due, to);
    mst_status st = act_apart(f, t, stop);
    if (together) st = mst_team_agree(f->team, st);
    MST_TRY(st);
    t = stop;
    if (t < due || t == horizon) continue;
    mst_bandit_tree_draw(f, t / period - 1);
    for (int64_t k = 0; k < f->replicates && st == MST_OK; k++) {
      st = exchange(f, f->first_replicate + k);
      if (together) st = mst_team_agree(f->team, st);
    }
    MST_TRY(st);
  }
  return MST_OK;
}

mst_status mst_bandit_online_rounds(mst_bandit *f, int64_t from, int64_t to) {
  const bool together = f->alone == NULL;
  if (f->protocol->online->timed) return timed_rounds(f, from, to);
  if (f->protocol->online->asks == NULL) {
    mst_status st = act_apart(f, from, to);
    return together ? mst_team_agree(f->team, st) : st;
  }
  for (int64_t t = from; t < to; t++) {
    mst_status st = act_all(f, t);
    if (together) MST_TRY(agree_on_speakers(f, st));
    for (int64_t r = 0; r < f->options.seeds && st == MST_OK; r++) {
      if (f->asked[r] == 0) continue;
      st = exchange(f, r);
      if (together) st = mst_team_agree(f->team, st);
    }
    MST_TRY(st);
  }
  return MST_OK;
}

mst_status mst_bandit_online_state(mst_bandit *f, mst_state *s) {
  const int64_t seeds = f->options.seeds;
  MST_TRY(mst_state_add_shard(s, "known", MST_F64, 2, (int64_t[]){f->tracks, f->record}, f->first,
                              f->count, f->known));
  MST_TRY(mst_state_add_shard(s, "marks", MST_F64, 2, (int64_t[]){f->tracks, MST_BANDIT_MARKS},
                              f->first, f->count, f->marks));
  if (f->told != NULL)
    MST_TRY(mst_state_add_shard(s, "told", MST_F64, 2, (int64_t[]){f->tracks, f->record}, f->first,
                                f->count, f->told));
  if (f->unsent == NULL) return MST_OK;
  MST_TRY(mst_state_add_shard(s, "unsent", MST_F64, 2, (int64_t[]){f->tracks, f->sums_n}, f->first,
                              f->count, f->unsent));
  if (f->alone != NULL)
    return mst_state_add_shard(s, "server", MST_F64, 2, (int64_t[]){seeds, f->record},
                               f->first_replicate, f->replicates, f->server);
  return mst_state_add(s, "server", MST_F64, 2, (int64_t[]){seeds, f->record}, f->server);
}
