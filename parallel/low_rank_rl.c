/* Users over ranks: walks, the completion of their rewards, plans and how good they are. */
#include "parallel/low_rank_rl.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/lattice.h"
#include "parallel/loop.h"
#include "parallel/tally.h"

#define LEAST_CHANCE 0.01 /* of a target: rarer ones are sought no more often */

typedef struct run {
  mst_team *team;
  const mst_low_rank_rl_options *options;
  mst_rl *world;
  int64_t first, count;           /* this rank's users                                   */
  int64_t targets, rank, numbers; /* numbers of an item's sums                       */
  double *seen, *total;           /* (count, places)                                     */
  double *taste;                  /* (count, horizon, rank) of users                     */
  double *item;                   /* (places, rank)                                      */
  int64_t *mine, *moves;          /* (pairs, states) of this rank in a round; of all     */
  double *p;                      /* (pairs, states) as estimated                        */
  int32_t *cover, *policy;        /* (targets, targets), (targets)                       */
  double *weight;                 /* (targets)                                           */
  double *truth, *guess;          /* (places) of one user                                */
  double *work;                   /* (places + 2 * states)                               */
  double *sums, *gram;            /* (places, numbers); (rank, rank + 2)                 */
  double *figure;                 /* (4, count) of users                                 */
  mst_tally tally;                /* (places, numbers)                                   */
  mst_low_rank_rl_totals totals;
} run;

mst_status mst_low_rank_rl_check(const mst_low_rank_rl_options *o) {
  MST_TRY(mst_rl_check(&o->world));
  if (o->users < 1 || o->users > MST_SUM_TERMS)
    return mst_fail(MST_ERR_INPUT, "%lld users; 1 to %lld", (long long)o->users,
                    (long long)MST_SUM_TERMS);
  if (o->explore < 0 || o->rounds < 1 || o->batch < 1 || o->sweeps < 1)
    return mst_fail(MST_ERR_INPUT, "%lld first trajectories, %lld rounds of %lld, %lld sweeps",
                    (long long)o->explore, (long long)o->rounds, (long long)o->batch,
                    (long long)o->sweeps);
  if (o->rank < 1 || o->rank > 64)
    return mst_fail(MST_ERR_INPUT, "completion.rank: %lld; 1 to 64", (long long)o->rank);
  if (!(o->ridge > 0 && isfinite(o->ridge)))
    return mst_fail(MST_ERR_INPUT, "completion.ridge: %g; it is positive", o->ridge);
  return MST_OK;
}

static int64_t item_numbers(int64_t rank) {
  return rank * (rank + 1) / 2 + rank;
}

int64_t mst_low_rank_rl_plan(int ranks, const mst_low_rank_rl_options *o) {
  const mst_rl_spec *w = &o->world;
  const int64_t targets = w->horizon * w->states, places = targets * w->actions,
                users = mst_ceil_div(o->users, ranks);
  return 8 * (users * (2 * places + w->horizon * o->rank + 4) +
              places * (w->rank + o->rank + 3 * item_numbers(o->rank) + 3) +
              4 * w->states * w->actions * w->states) +
         4 * targets * (targets + 3);
}

static mst_status allocate(run *r) {
  const mst_low_rank_rl_options *o = r->options;
  MST_TRY(mst_rl_create(&o->world, &r->world));
  const int64_t places = r->world->places, n = r->count, s = o->world.states,
                moves = r->world->pairs * s;
  r->targets = o->world.horizon * s;
  r->rank = o->rank;
  r->numbers = item_numbers(o->rank);
  MST_TRY(mst_alloc(&r->seen, n * places, sizeof(double), "users' rewards"));
  MST_TRY(mst_alloc(&r->total, n * places, sizeof(double), "users' rewards"));
  MST_TRY(mst_alloc(&r->taste, n * o->world.horizon * r->rank, sizeof(double), "users' factors"));
  MST_TRY(mst_alloc(&r->item, places * r->rank, sizeof(double), "factors"));
  MST_TRY(mst_alloc(&r->mine, moves, sizeof *r->mine, "transitions"));
  MST_TRY(mst_alloc(&r->moves, moves, sizeof *r->moves, "transitions"));
  MST_TRY(mst_alloc(&r->p, moves, sizeof(double), "transitions"));
  MST_TRY(mst_alloc(&r->cover, r->targets * r->targets, sizeof *r->cover, "policies"));
  MST_TRY(mst_alloc(&r->policy, r->targets, sizeof *r->policy, "a policy"));
  MST_TRY(mst_alloc(&r->weight, r->targets, sizeof(double), "targets"));
  MST_TRY(mst_alloc(&r->truth, places, sizeof(double), "rewards"));
  MST_TRY(mst_alloc(&r->guess, places, sizeof(double), "rewards"));
  MST_TRY(mst_alloc(&r->work, places + 2 * s, sizeof(double), "values"));
  MST_TRY(mst_alloc(&r->sums, places * r->numbers, sizeof(double), "sums over users"));
  MST_TRY(mst_alloc(&r->gram, r->rank * (r->rank + 2), sizeof(double), "a regression"));
  MST_TRY(mst_alloc(&r->figure, 4 * n, sizeof(double), "users' figures"));
  return mst_tally_create(places * r->numbers, "sums over users", &r->tally);
}

static void release(run *r) {
  void *array[] = {r->seen,   r->total,  r->taste, r->item,  r->mine, r->moves, r->p,    r->cover,
                   r->policy, r->weight, r->truth, r->guess, r->work, r->sums,  r->gram, r->figure};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_tally_free(&r->tally);
  mst_rl_destroy(r->world);
}

/* What follows from the counts of transitions. */
static void follow_moves(run *r) {
  mst_rl_estimate(&r->options->world, r->moves, r->p);
  mst_rl_cover(&r->options->world, r->p, LEAST_CHANCE, r->cover, r->weight, r->work);
}

/* Trajectories [from, to) of every user, and what all of them tell of transitions. Collective. */
static mst_status walk(run *r, int64_t from, int64_t to, bool covered) {
  const int64_t places = r->world->places, n = r->world->pairs * r->options->world.states;
  memset(r->mine, 0, (size_t)n * sizeof *r->mine);
  for (int64_t u = 0; u < r->count; u++) {
    mst_rl_rewards(r->world, r->first + u, r->truth);
    for (int64_t k = from; k < to; k++)
      mst_rl_walk(r->world, r->first + u, k, r->truth, covered ? r->cover : NULL, r->weight,
                  r->seen + u * places, r->total + u * places, r->mine);
  }
  MST_TRY(mst_sum_i64(r->team, r->mine, n));
  for (int64_t i = 0; i < n; i++) r->moves[i] += r->mine[i];
  follow_moves(r);
  return MST_OK;
}

/* A user's factors at each stage, by the items'. Local. */
static mst_status fit_user(run *r, int64_t user) {
  const int64_t k = r->rank, pairs = r->world->pairs, places = r->world->places;
  double *right = r->gram + k * k;
  for (int64_t h = 0; h < r->options->world.horizon; h++) {
    memset(r->gram, 0, (size_t)(k * (k + 1)) * sizeof(double));
    for (int64_t i = h * pairs; i < (h + 1) * pairs; i++) {
      const double n = r->seen[user * places + i], *v = r->item + i * k;
      if (n == 0) continue;
      for (int64_t a = 0; a < k; a++) {
        for (int64_t b = 0; b <= a; b++) r->gram[a * k + b] += n * v[a] * v[b];
        right[a] += r->total[user * places + i] * v[a];
      }
    }
    MST_TRY(mst_ridge_solve(k, 1, r->gram, k, right, 1, r->options->ridge,
                            r->taste + (user * r->options->world.horizon + h) * k));
  }
  return MST_OK;
}

/* What a user adds to the sums of the items that it has seen. Local. */
static mst_status add_user(run *r, int64_t user) {
  const int64_t k = r->rank, places = r->world->places;
  double *term = r->sums;
  for (int64_t i = 0; i < places; i++) {
    const double n = r->seen[user * places + i];
    const double *u = r->taste + (user * r->options->world.horizon + i / r->world->pairs) * k;
    int64_t at = 0;
    if (n == 0) continue;
    for (int64_t a = 0; a < k; a++)
      for (int64_t b = 0; b <= a; b++) term[at++] = n * u[a] * u[b];
    for (int64_t a = 0; a < k; a++) term[at++] = r->total[user * places + i] * u[a];
    if (!(mst_lattice_magnitude(term, at) <= MST_TALLY_BOUND))
      return mst_fail(MST_ERR_NONFINITE, "a user's sums are not finite, or larger than %g",
                      MST_TALLY_BOUND);
    mst_tally_add(&r->tally, i * r->numbers, at, term);
  }
  return MST_OK;
}

/* An item's factors by the sums over users. Local. */
static mst_status fit_item(run *r, int64_t item) {
  const int64_t k = r->rank;
  const double *sum = r->sums + item * r->numbers, *right = sum + k * (k + 1) / 2;
  int64_t at = 0;
  for (int64_t a = 0; a < k; a++)
    for (int64_t b = 0; b <= a; b++) r->gram[a * k + b] = sum[at++];
  return mst_ridge_solve(k, 1, r->gram, k, right, 1, r->options->ridge, r->item + item * k);
}

/* Alternating least squares over what was seen. Collective. */
static mst_status complete(run *r) {
  for (int64_t sweep = 0; sweep < r->options->sweeps; sweep++) {
    mst_status st = MST_OK;
    mst_tally_clear(&r->tally);
    for (int64_t u = 0; u < r->count && st == MST_OK; u++) {
      st = fit_user(r, u);
      if (st == MST_OK) st = add_user(r, u);
    }
    MST_TRY(mst_team_agree(r->team, st));
    MST_TRY(mst_tally_total(r->team, &r->tally, r->sums));
    for (int64_t i = 0; i < r->world->places && st == MST_OK; i++) st = fit_item(r, i);
    MST_TRY(mst_team_agree(r->team, st));
  }
  mst_status st = MST_OK;
  for (int64_t u = 0; u < r->count && st == MST_OK; u++) st = fit_user(r, u);
  return mst_team_agree(r->team, st);
}

/* guess(places): a user's rewards by the factors, or by its own trajectories as if one more had
 * shown 1/2 everywhere. */
static void guess_rewards(run *r, int64_t user, bool alone) {
  const int64_t k = r->rank, places = r->world->places;
  for (int64_t i = 0; i < places; i++) {
    const double *u = r->taste + (user * r->options->world.horizon + i / r->world->pairs) * k;
    double sum = 0;
    if (alone)
      sum = (r->total[user * places + i] + 0.5) / (r->seen[user * places + i] + 1);
    else
      for (int64_t a = 0; a < k; a++) sum += u[a] * r->item[i * k + a];
    r->guess[i] = fmin(fmax(sum, 0), 1);
  }
}

/* Plans of every user, and how far they are from the best. Collective. */
static mst_status measure(run *r) {
  const mst_rl_spec *w = &r->options->world;
  const int64_t places = r->world->places, n = r->count, all = r->options->users;
  double *const out[] = {&r->totals.gap, &r->totals.gap_alone, &r->totals.error,
                         &r->totals.error_alone};
  for (int64_t u = 0; u < n; u++) {
    mst_rl_rewards(r->world, r->first + u, r->truth);
    const double best = mst_rl_plan(w, r->world->p, r->truth, r->policy, r->work);
    for (int alone = 0; alone < 2; alone++) {
      double square = 0;
      guess_rewards(r, u, alone == 1);
      /* nobody is ever in another state than the first at stage 0 */
      for (int64_t i = 0; i < places; i++)
        if (i < w->actions || i >= r->world->pairs)
          square += (r->guess[i] - r->truth[i]) * (r->guess[i] - r->truth[i]);
      mst_rl_plan(w, r->p, r->guess, r->policy, r->work);
      const double value = mst_rl_value(w, r->world->p, r->truth, r->policy, r->work);
      r->figure[alone * n + u] = best > 0 ? fmax(best - value, 0) / best : 0;
      r->figure[(2 + alone) * n + u] = square / (double)(places - r->world->pairs + w->actions);
    }
  }
  for (int f = 0; f < 4; f++) {
    MST_TRY(mst_tally_terms(r->team, r->figure + f * n, n, all, out[f]));
    *out[f] /= (double)all;
    if (f >= 2) *out[f] = sqrt(*out[f]);
  }
  return MST_OK;
}

static mst_status report(run *r, int64_t round, const mst_observer *o) {
  mst_low_rank_rl_totals *t = &r->totals;
  const double target = r->options->target;
  if (t->reached < 0 && t->gap <= target) t->reached = t->trajectories;
  if (t->reached_alone < 0 && t->gap_alone <= target) t->reached_alone = t->trajectories;
  const mst_metric metric[] = {{"trajectories", (double)t->trajectories},
                               {"gap", t->gap},
                               {"gap_alone", t->gap_alone},
                               {"error", t->error},
                               {"error_alone", t->error_alone}};
  return o == NULL || o->on_round == NULL ? MST_OK : o->on_round(o->context, round, 5, metric);
}

static mst_status list_state(void *context, mst_state *s) {
  run *r = context;
  const int64_t users = r->options->users, places = r->world->places;
  MST_TRY(mst_state_add_shard(s, "seen", MST_F64, 2, (int64_t[]){users, places}, r->first, r->count,
                              r->seen));
  MST_TRY(mst_state_add_shard(s, "total", MST_F64, 2, (int64_t[]){users, places}, r->first,
                              r->count, r->total));
  MST_TRY(mst_state_add(s, "item", MST_F64, 2, (int64_t[]){places, r->rank}, r->item));
  MST_TRY(mst_state_add(s, "moves", MST_I64, 2,
                        (int64_t[]){r->world->pairs, r->options->world.states}, r->moves));
  MST_TRY(mst_state_add(s, "reached", MST_I64, 1, (int64_t[]){1}, &r->totals.reached));
  return mst_state_add(s, "reached_alone", MST_I64, 1, (int64_t[]){1}, &r->totals.reached_alone);
}

/* The first trajectories, or what was kept. Collective. */
static mst_status begin(run *r, const mst_loop *loop, const mst_observer *observer, int64_t *done) {
  MST_TRY(mst_loop_restore(loop, observer, done));
  if (*done > 0) {
    follow_moves(r);
    return MST_OK;
  }
  mst_stream s = mst_stream_of(mst_key_make(r->options->world.seed, MST_PURPOSE_RL, 0, 1));
  for (int64_t i = 0; i < r->world->places * r->rank; i++) r->item[i] = mst_stream_uniform(&s);
  return walk(r, 0, r->options->explore, false);
}

static mst_status go_through(run *r, const mst_observer *observer) {
  const mst_low_rank_rl_options *o = r->options;
  const mst_loop loop = {.team = r->team,
                         .context = r,
                         .list = list_state,
                         .unit = "round",
                         .all = o->rounds,
                         .checkpoint_every = o->checkpoint_every};
  int64_t done = 0;
  mst_team_share(r->team, o->users, &r->first, &r->count);
  MST_TRY(mst_team_agree(r->team, allocate(r)));
  mst_observer_phase(observer, "rounds", o->rounds * mst_team_size(r->team), "rank-rounds");
  MST_TRY(begin(r, &loop, observer, &done));
  mst_observer_step(observer, done);
  for (int64_t round = done + 1; round <= o->rounds; round++) {
    const int64_t from = o->explore + (round - 1) * o->batch;
    MST_TRY(walk(r, from, from + o->batch, true));
    r->totals.trajectories = from + o->batch;
    MST_TRY(complete(r));
    MST_TRY(measure(r));
    MST_TRY(report(r, round, observer));
    mst_observer_step(observer, 1);
    MST_TRY(mst_loop_look_around(&loop, observer, round, round == o->rounds));
  }
  return MST_OK;
}

mst_status mst_low_rank_rl(mst_team *team, const mst_low_rank_rl_options *o,
                           const mst_observer *observer, mst_low_rank_rl_totals *totals) {
  run r = {.team = team, .options = o, .totals = {.reached = -1, .reached_alone = -1}};
  *totals = r.totals;
  MST_TRY(mst_team_agree(team, mst_low_rank_rl_check(o)));
  const mst_status st = go_through(&r, observer);
  release(&r);
  *totals = r.totals;
  return st;
}
