/* Treatment rules over ranks: who has which instances, reports, saving, the end. */
#include "parallel/treatment.h"

#include <math.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/summary.h"
#include "parallel/loop.h"

typedef struct run {
  mst_team *team;
  mst_treatment_options options;
  int64_t first, count; /* this rank's instances                       */
  double *x1, *x2, *y;  /* (count, patients)                           */
  uint8_t *way;         /* (count, patients)                           */
  double *fit, *regret; /* (count, MST_TREATMENT_FIT), (count)         */
  int64_t *due;         /* (count)                                     */
  double *all;          /* (seeds) regret of every instance            */
  int64_t *bytes;       /* (ranks) of their regret                     */
  mst_treatment_totals totals;
} run;

mst_status mst_treatment_options_check(const mst_treatment_options *o) {
  MST_TRY(mst_treatment_check(&o->spec));
  if (o->seeds < 1 || o->patients < 1)
    return mst_fail(MST_ERR_INPUT, "%lld seeds, %lld patients; at least 1 of each",
                    (long long)o->seeds, (long long)o->patients);
  return MST_OK;
}

int64_t mst_treatment_plan(int ranks, const mst_treatment_options *o) {
  return mst_ceil_div(o->seeds, ranks) * (25 * o->patients + 8 * (MST_TREATMENT_FIT + 2)) +
         8 * (o->seeds + ranks);
}

static mst_status allocate(run *r) {
  const int64_t numbers = r->count * r->options.patients, ranks = mst_team_size(r->team);
  MST_TRY(mst_alloc(&r->x1, numbers, sizeof(double), "covariates"));
  MST_TRY(mst_alloc(&r->x2, numbers, sizeof(double), "covariates"));
  MST_TRY(mst_alloc(&r->y, numbers, sizeof(double), "rewards"));
  MST_TRY(mst_alloc(&r->way, numbers, 1, "treatments"));
  MST_TRY(mst_alloc(&r->fit, r->count * MST_TREATMENT_FIT, sizeof(double), "estimates"));
  MST_TRY(mst_alloc(&r->regret, r->count, sizeof(double), "regret"));
  MST_TRY(mst_alloc(&r->due, r->count, sizeof *r->due, "refits"));
  MST_TRY(mst_alloc(&r->all, r->options.seeds, sizeof(double), "regret"));
  return mst_alloc(&r->bytes, ranks, sizeof *r->bytes, "regret");
}

static mst_treatment instance(const run *r, int64_t i) {
  const int64_t at = i * r->options.patients;
  return (mst_treatment){.spec = r->options.spec,
                         .seed = r->options.seed + (uint64_t)(r->first + i),
                         .x1 = r->x1 + at,
                         .x2 = r->x2 + at,
                         .y = r->y + at,
                         .way = r->way + at,
                         .fit = r->fit + i * MST_TREATMENT_FIT,
                         .regret = r->regret + i,
                         .due = r->due + i};
}

static mst_status list_state(void *context, mst_state *s) {
  run *r = context;
  const int64_t n = r->options.seeds, t = r->options.patients;
  MST_TRY(mst_state_add_shard(s, "x1", MST_F64, 2, (int64_t[]){n, t}, r->first, r->count, r->x1));
  MST_TRY(mst_state_add_shard(s, "x2", MST_F64, 2, (int64_t[]){n, t}, r->first, r->count, r->x2));
  MST_TRY(mst_state_add_shard(s, "y", MST_F64, 2, (int64_t[]){n, t}, r->first, r->count, r->y));
  MST_TRY(mst_state_add_shard(s, "way", MST_U8, 2, (int64_t[]){n, t}, r->first, r->count, r->way));
  MST_TRY(mst_state_add_shard(s, "fit", MST_F64, 2, (int64_t[]){n, MST_TREATMENT_FIT}, r->first,
                              r->count, r->fit));
  MST_TRY(mst_state_add_shard(s, "regret", MST_F64, 1, &n, r->first, r->count, r->regret));
  return mst_state_add_shard(s, "due", MST_I64, 1, &n, r->first, r->count, r->due);
}

/* The figures, and their report. Collective. */
static mst_status report(run *r, int64_t done, const mst_observer *o) {
  mst_treatment_totals *t = &r->totals;
  const double seeds = (double)r->options.seeds;
  int64_t forced = 0;
  MST_TRY(mst_gather_i64(r->team, r->count * (int64_t)sizeof(double), r->bytes));
  MST_TRY(mst_gather_all(r->team, r->regret, r->bytes, r->all));
  for (int64_t i = 0; i < r->count; i++)
    for (int64_t p = 0; p < done; p++) forced += r->way[i * r->options.patients + p] >= 4;
  MST_TRY(mst_sum_i64(r->team, &forced, 1));
  *t = (mst_treatment_totals){.regret = mst_summary_mean(r->all, r->options.seeds),
                              .regret_sd = mst_summary_deviation(r->all, r->options.seeds),
                              .regret_most = mst_summary_most(r->all, r->options.seeds),
                              .forced = (double)forced / seeds};
  const mst_metric metric[] = {
      {"regret", t->regret}, {"regret_sd", t->regret_sd}, {"forced", t->forced}};
  return o == NULL || o->on_round == NULL ? MST_OK : o->on_round(o->context, done, 3, metric);
}

static int64_t next_stop(const run *r, int64_t done) {
  const mst_treatment_options *o = &r->options;
  int64_t stop = mst_least(o->patients, (done / o->evaluate_every + 1) * o->evaluate_every);
  if (o->checkpoint_every > 0)
    stop = mst_least(stop, (done / o->checkpoint_every + 1) * o->checkpoint_every);
  return stop;
}

static mst_status go_on(run *r, const mst_loop *loop, const mst_observer *o, int64_t done) {
  while (done < loop->all) {
    const int64_t to = next_stop(r, done);
    mst_status st = MST_OK;
    for (int64_t i = 0; i < r->count && st == MST_OK; i++) {
      const mst_treatment one = instance(r, i);
      st = mst_treatment_go_on(&one, done, to);
    }
    MST_TRY(mst_team_agree(r->team, st));
    if (mst_loop_due(to, loop->all, r->options.evaluate_every)) MST_TRY(report(r, to, o));
    MST_TRY(mst_loop_look_around(loop, o, to, to == loop->all));
    mst_observer_step(o, to - done);
    done = to;
  }
  return MST_OK;
}

static mst_status treat_all(run *r, const mst_observer *o) {
  const mst_loop loop = {.team = r->team,
                         .context = r,
                         .list = list_state,
                         .unit = "patient",
                         .all = r->options.patients,
                         .checkpoint_every = r->options.checkpoint_every};
  int64_t done = 0;
  mst_team_share(r->team, r->options.seeds, &r->first, &r->count);
  MST_TRY(mst_team_agree(r->team, allocate(r)));
  MST_TRY(mst_loop_restore(&loop, o, &done));
  mst_observer_phase(o, "patients", (loop.all - done) * mst_team_size(r->team), "rank-patients");
  return go_on(r, &loop, o, done);
}

mst_status mst_treatment_run(mst_team *team, const mst_treatment_options *o,
                             const mst_observer *observer, mst_treatment_totals *totals) {
  run r = {.team = team, .options = *o};
  *totals = (mst_treatment_totals){.regret = 0};
  MST_TRY(mst_team_agree(team, mst_treatment_options_check(o)));
  if (r.options.evaluate_every == 0) r.options.evaluate_every = mst_ceil_div(o->patients, 100);
  const mst_status st = treat_all(&r, observer);
  void *array[] = {r.x1, r.x2, r.y, r.way, r.fit, r.regret, r.due, r.all, r.bytes};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  *totals = r.totals;
  return st;
}
