/* The driver of bandits: who has which agents, reports, saving, the end. */
#include "parallel/bandit.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/summary.h"
#include "core/linalg/lattice.h"
#include "parallel/bandit_stages.h"

#define REAL_BITS 64

void mst_bandit_tracks(const mst_bandit *f, int64_t replicate, int64_t *begin, int64_t *end) {
  const int64_t agents = f->options.agents, from = replicate * agents - f->first;
  *begin = mst_least(mst_most(from, 0), f->count);
  *end = mst_least(mst_most(from + agents, 0), f->count);
}

int64_t mst_bandit_turn(const mst_bandit *f, int64_t replicate, int64_t round) {
  const mst_bandit_options *o = &f->options;
  mst_stream s = mst_stream_of(
      mst_key_make(o->seed + (uint64_t)replicate, MST_PURPOSE_BANDIT_ACTIVE, 0, (uint64_t)round));
  return (int64_t)mst_stream_below(&s, (uint64_t)o->agents);
}

mst_status mst_bandit_add(mst_bandit *f, int64_t n, const double *message) {
  for (int64_t i = 0; i < n; i++) f->message[i] = message[i] * f->unit;
  if (!(mst_lattice_magnitude(f->message, n) <= MST_TALLY_BOUND))
    return mst_fail(MST_ERR_NONFINITE,
                    "an agent's statistics are not finite, or larger than %g, which exact sums "
                    "over agents can hold",
                    MST_TALLY_BOUND / f->unit);
  mst_tally_add(&f->tally, 0, n, f->message);
  return MST_OK;
}

mst_status mst_bandit_total(mst_bandit *f) {
  MST_TRY(mst_tally_total(f->sums, &f->tally, f->total));
  for (int64_t i = 0; i < f->tally.n; i++) f->total[i] /= f->unit;
  mst_tally_clear(&f->tally);
  return MST_OK;
}

/* Whole replicates where there are enough for all ranks; else tracks, wherever they are cut. */
static void divide(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  f->tracks = o->seeds * o->agents;
  f->first_replicate = 0;
  f->replicates = o->seeds;
  if (o->seeds >= mst_team_size(f->team)) {
    mst_team_share(f->team, o->seeds, &f->first_replicate, &f->replicates);
    f->first = f->first_replicate * o->agents;
    f->count = f->replicates * o->agents;
  } else {
    mst_team_share(f->team, f->tracks, &f->first, &f->count);
  }
}

/* Messages of an agent may be as large as its rounds times a reward and its weight; a sum of the
 * noise of n rewards is below (n + LONE) deviations, as one draw ends at 8.57. */
static double unit_of(const mst_bandit_options *o) {
  enum {
    LONE = 20
  };
  const mst_bandit_rows *rows = o->environment.rows;
  const double mean = 4 * fmax(o->policy.length, 1) + o->environment.misspecified;
  const double reward = rows != NULL ? rows->most : mean + o->policy.noise;
  const double most =
      ((double)o->horizon * reward + LONE * o->policy.noise) * mst_policy_weight(&o->policy) +
      mst_bandit_tree_magnitude(o);
  const int over = mst_lattice_exponent(most) - mst_lattice_exponent(MST_TALLY_BOUND);
  return over > 0 ? ldexp(1, -over) : 1;
}

static int64_t work_numbers(const mst_bandit_options *o) {
  const int64_t d = o->environment.dimension;
  return mst_policy_work(&o->policy, o->environment.arms, d) + d * d + d;
}

static void find_shape(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  if (f->protocol->phased != NULL) {
    f->message_n = f->protocol->phased->width(&o->protocol, &o->environment);
    return;
  }
  if (f->protocol->gossip != NULL) {
    f->message_n = mst_gossip_message(o->environment.arms);
    return;
  }
  mst_policy_shape(&o->policy, o->environment.arms, o->environment.dimension, &f->blocks,
                   &f->width);
  f->record = mst_ridge_doubles(f->blocks, f->width);
  f->message_n = f->sums_n = mst_ridge_sums(f->blocks, f->width);
}

void mst_bandit_tell(mst_bandit_options *o) {
  o->protocol.agents = o->agents;
  o->protocol.horizon = mst_bandit_turns(o);
  o->protocol.noise = mst_environment_noise(&o->environment);
  mst_policy_tell(&o->policy, &o->environment, o->protocol.horizon);
  o->protocol.width = o->environment.dimension;
  if (o->privacy != NULL)
    *(o->privacy->agents ? &o->protocol.release_per_round : &o->protocol.release) =
        o->privacy->sigma * o->privacy->clip;
  if (o->evaluate_every == 0) o->evaluate_every = mst_ceil_div(o->horizon, 100);
}

/* Local. */
static mst_status allocate(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  const int64_t n = f->message_n, seeds = o->seeds;
  MST_TRY(mst_alloc(&f->environment, f->replicates, sizeof *f->environment, "environments"));
  for (int64_t k = 0; k < f->replicates; k++)
    MST_TRY(mst_environment_create(&o->environment, o->seed + (uint64_t)(f->first_replicate + k),
                                   &f->environment[k]));
  MST_TRY(mst_alloc(&f->room, mst_environment_room(&o->environment), sizeof(double), "arms"));
  MST_TRY(mst_alloc(&f->work, work_numbers(o), sizeof(double), "work of a choice"));
  MST_TRY(mst_alloc(&f->regret, f->count, sizeof(double), "agents' regret"));
  MST_TRY(mst_alloc(&f->said, f->count * MST_BANDIT_COUNTS, sizeof *f->said, "agents' messages"));
  MST_TRY(mst_alloc(&f->total, n, sizeof(double), "a message"));
  MST_TRY(mst_alloc(&f->message, n, sizeof(double), "a message"));
  MST_TRY(mst_alloc(&f->figure, seeds * MST_TALLY_SCALES, sizeof(double), "regret"));
  MST_TRY(mst_alloc(&f->counts, MST_BANDIT_COUNTS, sizeof *f->counts, "messages"));
  MST_TRY(mst_tally_create(n, "messages", &f->tally));
  MST_TRY(mst_tally_create(seeds * MST_TALLY_SCALES, "regret", &f->regrets));
  f->unit = unit_of(o);
  if (f->protocol->gossip != NULL) return mst_bandit_gossip_create(f);
  return f->protocol->phased != NULL ? mst_bandit_phased_create(f) : mst_bandit_online_create(f);
}

static mst_status create(mst_bandit *f) {
  MST_TRY(mst_team_agree(f->team, mst_bandit_check(&f->options)));
  f->protocol = mst_protocol_find(f->options.protocol.kind);
  mst_bandit_tell(&f->options);
  find_shape(f);
  divide(f);
  if (f->options.seeds >= mst_team_size(f->team))
    MST_TRY(mst_team_agree(f->team, mst_team_create(MPI_COMM_SELF, NULL, &f->alone)));
  f->sums = f->alone != NULL ? f->alone : f->team;
  MST_TRY(mst_team_agree(f->team, allocate(f)));
  return mst_team_agree(f->team, mst_bandit_stages_create(f));
}

mst_status mst_bandit_create(mst_team *team, const mst_bandit_options *options, mst_bandit **out) {
  mst_bandit *f = NULL;
  *out = NULL;
  MST_TRY(mst_team_agree(team, mst_alloc(&f, 1, sizeof *f, "bandits")));
  f->team = team;
  f->options = *options;
  mst_status st = create(f);
  if (st == MST_OK)
    *out = f;
  else
    mst_bandit_destroy(f);
  return st;
}

void mst_bandit_destroy(mst_bandit *f) {
  if (f == NULL) return;
  mst_bandit_stages_destroy(f);
  mst_bandit_phased_destroy(f);
  for (int64_t k = 0; f->environment != NULL && k < f->replicates; k++)
    mst_environment_destroy(f->environment[k]);
  mst_bandit_gossip_destroy(f);
  mst_bandit_tree_destroy(f);
  void *array[] = {f->environment, f->room,   f->work,   f->regret, f->said, f->total,
                   f->message,     f->figure, f->counts, f->known,  f->told, f->unsent,
                   f->marks,       f->server, f->asked,  f->speaks};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_tally_free(&f->tally);
  mst_tally_free(&f->regrets);
  mst_team_destroy(f->alone);
  mst_free(f);
}

/* Exact sums of regret, per replicate, and of what was said. Collective. */
static mst_status add_up(mst_bandit *f) {
  bool fine = true;
  mst_tally_clear(&f->regrets);
  memset(f->counts, 0, MST_BANDIT_COUNTS * sizeof *f->counts);
  for (int64_t i = 0; i < f->count; i++) {
    fine = mst_tally_add_scaled(&f->regrets, mst_bandit_replicate(f, i) * MST_TALLY_SCALES,
                                f->regret[i]) &&
           fine;
    for (int c = 0; c < MST_BANDIT_COUNTS; c++) f->counts[c] += f->said[i * MST_BANDIT_COUNTS + c];
  }
  MST_TRY(mst_team_agree(
      f->team,
      fine ? MST_OK : mst_fail(MST_ERR_NONFINITE, "the regret of an agent is not finite")));
  MST_TRY(mst_tally_total(f->team, &f->regrets, f->figure));
  mst_bandit_phased_extent(f, f->extent);
  MST_TRY(mst_max_i64(f->team, f->extent, MST_BANDIT_EXTENT));
  return mst_sum_i64(f->team, f->counts, MST_BANDIT_COUNTS);
}

static void summarise(mst_bandit *f) {
  mst_bandit_totals *t = &f->totals;
  const mst_bandit_options *o = &f->options;
  const double seeds = (double)o->seeds, agents = (double)f->tracks;
  const double bits = f->protocol->phased != NULL ? (double)o->protocol.bits : REAL_BITS;
  double *regret = f->figure; /* in place of the parts of the sums */
  for (int64_t r = 0; r < o->seeds; r++)
    regret[r] = mst_tally_scaled(f->figure + r * MST_TALLY_SCALES);
  *t = (mst_bandit_totals){.rounds = f->done,
                           .regret = mst_summary_mean(regret, o->seeds),
                           .regret_sd = mst_summary_deviation(regret, o->seeds),
                           .regret_most = mst_summary_most(regret, o->seeds),
                           .batches = f->extent[0],
                           .consensus_rounds = f->extent[1]};
  t->messages = (double)(f->counts[MST_BANDIT_UP] + f->counts[MST_BANDIT_DOWN]) / seeds;
  t->uplink_reals = (double)f->counts[MST_BANDIT_UP_REALS] / agents;
  t->downlink_reals = (double)f->counts[MST_BANDIT_DOWN_REALS] / agents;
  t->uplink_bits = bits * t->uplink_reals;
  t->downlink_bits = bits * t->downlink_reals;
}

static mst_status report(mst_bandit *f, const mst_observer *o) {
  const mst_bandit_totals *t = &f->totals;
  MST_TRY(add_up(f));
  summarise(f);
  const mst_metric metric[] = {{"regret", t->regret},
                               {"regret_sd", t->regret_sd},
                               {"messages", t->messages},
                               {"uplink_reals_per_agent", t->uplink_reals},
                               {"downlink_reals_per_agent", t->downlink_reals}};
  if (o == NULL || o->on_round == NULL) return MST_OK;
  return o->on_round(o->context, f->done, (int)(sizeof metric / sizeof metric[0]), metric);
}

static mst_status list_state(void *context, mst_state *s) {
  mst_bandit *f = context;
  MST_TRY(mst_state_add_shard(s, "regret", MST_F64, 1, (int64_t[]){f->tracks}, f->first, f->count,
                              f->regret));
  MST_TRY(mst_state_add_shard(s, "said", MST_I64, 2, (int64_t[]){f->tracks, MST_BANDIT_COUNTS},
                              f->first, f->count, f->said));
  if (f->protocol->gossip != NULL) return mst_bandit_gossip_state(f, s);
  return f->protocol->phased != NULL ? mst_bandit_phased_state(f, s)
                                     : mst_bandit_online_state(f, s);
}

/* The rounds after which something is due next. */
static int64_t next_stop(const mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  int64_t stop = mst_least(o->horizon, (f->done / o->evaluate_every + 1) * o->evaluate_every);
  if (o->checkpoint_every > 0)
    stop = mst_least(stop, (f->done / o->checkpoint_every + 1) * o->checkpoint_every);
  return stop;
}

static mst_status advance(mst_bandit *f, int64_t to) {
  const int64_t from = f->done;
  MST_TRY(mst_bandit_private_charge(f, to));
  mst_status st = f->protocol->gossip != NULL   ? mst_bandit_gossip_rounds(f, from, to)
                  : f->protocol->phased != NULL ? mst_bandit_phased_rounds(f, from, to)
                                                : mst_bandit_online_rounds(f, from, to);
  if (f->alone != NULL) st = mst_team_agree(f->team, st);
  f->done = to;
  return st;
}

static mst_status run_to_end(mst_bandit *f, const mst_loop *loop, const mst_observer *o) {
  while (f->done < f->options.horizon) {
    const int64_t to = next_stop(f), rounds = to - f->done;
    bool asked = false;
    MST_TRY(advance(f, to));
    if (mst_loop_due(to, f->options.horizon, f->options.evaluate_every)) MST_TRY(report(f, o));
    MST_TRY(mst_team_any(f->team, mst_observer_stop(o), &asked));
    if (to < f->options.horizon) MST_TRY(mst_loop_pause(loop, o, to, asked));
    mst_observer_step(o, rounds);
  }
  return MST_OK;
}

mst_status mst_bandit_run(mst_bandit *f, const mst_observer *observer) {
  const mst_loop loop = {.team = f->team,
                         .context = f,
                         .list = list_state,
                         .unit = "round",
                         .all = f->options.horizon,
                         .checkpoint_every = f->options.checkpoint_every};
  int64_t done = 0;
  MST_TRY(mst_loop_restore(&loop, observer, &done));
  f->done = done;
  if (f->protocol->phased != NULL) MST_TRY(mst_team_agree(f->team, mst_bandit_phased_begin(f)));
  MST_TRY(mst_team_agree(f->team, mst_bandit_private_begin(f)));
  MST_TRY(mst_bandit_tree_charge(f));
  mst_observer_phase(observer, "rounds", (f->options.horizon - done) * mst_team_size(f->team),
                     "rank-rounds");
  return run_to_end(f, &loop, observer);
}

mst_bandit_totals mst_bandit_figures(const mst_bandit *f) {
  return f->totals;
}

mst_status mst_bandit_state(mst_bandit *f, mst_state *s) {
  MST_TRY(mst_state_add_shard(s, "regret", MST_F64, 1, (int64_t[]){f->tracks}, f->first, f->count,
                              f->regret));
  return f->protocol->phased != NULL ? mst_bandit_phased_theta(f, s) : MST_OK;
}
