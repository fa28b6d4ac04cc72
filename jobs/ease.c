/* The ease job: item-item recommendation in closed form (doc/methods/ease.md). Rows of the dataset
 * are users, columns are items. Learns, and judges on items that are held out: of the test users,
 * or where there are none of the training users. */
#include "jobs/data.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "parallel/ease.h"

static const mst_key_spec keys_ease[] = {
    {.key = "ease.lambda",
     .type = MST_KEY_REAL,
     .fallback = "500",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "ridge: added to each item's count on the diagonal"},
    {.key = "ease.threshold",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 1e30,
     .open_min = true,
     .unit = "",
     .help = "ratings from here on are 1, others 0; unset: they must be 0 or 1"},
    {.key = "ease.holdout",
     .type = MST_KEY_REAL,
     .fallback = "0.2",
     .min = 0,
     .max = 0.95,
     .unit = "",
     .help = "share of each judged user's items that is held out: of the test users, or without "
             "data.test of the training users; 0: no score"},
    {.key = NULL}};

static const mst_job_section sections[] = {
    {.keys = mst_keys_data}, {.keys = keys_ease}, {.keys = NULL}};

typedef struct ease_job {
  mst_job_context *context;
  mst_team *team;
  mst_job_data data;
  mst_ease_options options;
  mst_row_plan plan;
  int64_t interactions;
} ease_job;

static mst_status read_settings(ease_job *j) {
  const mst_experiment *e = j->context->experiment;
  const bool test = mst_experiment_is_set(e, "data.test");
  j->options = (mst_ease_options){.lambda = mst_experiment_real(e, "ease.lambda"),
                                  .cut = mst_experiment_is_set(e, "ease.threshold"),
                                  .holdout = mst_experiment_real(e, "ease.holdout"),
                                  .seed = mst_job_seed(e),
                                  .hold_train = !test};
  if (j->options.cut) j->options.threshold = mst_experiment_real(e, "ease.threshold");
  if (test && !(j->options.holdout > 0))
    return mst_experiment_refuse(e, "ease.holdout", "then data.test has nothing to judge by");
  return MST_OK;
}

/* The most that a rank has of either dataset's: both are held at once. Collective. */
static mst_status count_entries(ease_job *j, int64_t *entries) {
  mst_job_data *d = &j->data;
  const mst_job_set *set[] = {&d->train, &d->test};
  *entries = 0;
  for (int i = 0; i < 2; i++) {
    int64_t most = 0;
    if (set[i]->file != NULL && set[i]->info->sparse)
      MST_TRY(mst_job_set_most_entries(set[i], mst_job_ranks(j->context), &most));
    *entries += most;
  }
  return MST_OK;
}

static mst_status prepare(ease_job *j) {
  const mst_job_data *d = &j->data;
  int64_t entries = 0;
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(mst_job_data_open_rows(j->context, true, &j->data));
  j->data.keeps_sparse = true;
  MST_TRY(count_entries(j, &entries));
  MST_TRY(mst_ease_arrange(mst_job_ranks(j->context), d->train.info->rows, d->features->width,
                           d->train.info->sparse, entries, d->memory, d->base_bytes, &j->plan));
  return mst_job_data_deal(&j->data, false);
}

static mst_status write_estimate(ease_job *j) {
  const bool sparse = j->data.train.info->sparse;
  const mst_job_count figure[] = {{"rank_bytes", j->plan.rank_bytes},
                                  {"users", j->data.train.info->rows},
                                  {"items", j->data.features->width},
                                  {"row_groups", j->plan.groups},
                                  {sparse ? "entries" : NULL, j->data.train.info->entries},
                                  {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* Local. */
static mst_status list_figures(ease_job *j, int n, const mst_metric *metric,
                               const mst_ease_score *s) {
  const mst_job_count figure[] = {{"users", j->data.train.roster->rows},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"items", j->data.features->width},
                                  {"interactions", j->interactions},
                                  {"judged_users", s->users},
                                  {"held_out", s->held},
                                  {NULL, 0}};
  for (int i = 0; i < n; i++)
    MST_TRY(mst_job_result(j->context, metric[i].name, metric[i].value, false));
  return mst_job_results(j->context, figure);
}

/* Collective. */
static mst_status report(ease_job *j, mst_ease *m, const mst_ease_score *s) {
  const mst_observer *o = j->context->observer;
  const mst_metric metric[] = {{"recall_20", s->recall}, {"ndcg_100", s->gain}};
  const int n = s->users > 0 ? 2 : 0;
  mst_state state;
  j->context->rounds = 1;
  if (o->on_round) MST_TRY(o->on_round(o->context, 1, n, metric));
  MST_TRY(mst_team_agree(j->team, list_figures(j, n, metric, s)));
  MST_TRY(mst_record_shape(j->team, j->context->runfile, &j->data.shape, 0, m->d));
  MST_TRY(mst_runfile_timing(j->context->runfile, "planned_bytes", (double)j->plan.rank_bytes));
  mst_state_init(&state);
  mst_status st =
      mst_state_add(&state, "weights", MST_F64, 2, (const int64_t[]){m->d, m->d}, m->weights);
  return mst_job_report_model(&j->data, st, &state);
}

static mst_ease_users users_of(const ease_job *j, const mst_job_set *set) {
  return (mst_ease_users){.roster = set->roster,
                          .rows = set->rows,
                          .features = j->data.features,
                          .sparse = set->rows == NULL ? &set->sparse : NULL};
}

static mst_status judge(ease_job *j, const mst_ease *m, mst_ease_score *score) {
  mst_job_data *d = &j->data;
  mst_job_set *set = d->test.file != NULL ? &d->test : &d->train;
  if (!(j->options.holdout > 0)) return MST_OK;
  if (set->roster == NULL) MST_TRY(mst_job_data_place_test(d, j->plan.groups));
  const mst_ease_users users = users_of(j, set);
  return mst_ease_evaluate(j->team, &users, &j->plan, &j->options, m, j->context->observer, score);
}

static mst_status learn(ease_job *j) {
  mst_ease m = {0};
  mst_ease_score score = {0};
  const mst_job_data *d = &j->data;
  if (d->train.rows != NULL) mst_rows_assign(d->train.rows, d->train.roster, j->plan.groups);
  const mst_ease_users users = users_of(j, &d->train);
  MST_TRY(mst_ease_train(j->team, &users, &j->plan, &j->options, j->context->observer, &m,
                         &j->interactions));
  mst_status st = mst_job_check_stop(j->context);
  if (st == MST_OK) st = judge(j, &m, &score);
  if (st == MST_OK) st = report(j, &m, &score);
  mst_ease_free(&m);
  return st;
}

static mst_status run_ease(mst_job_context *context) {
  ease_job j = {.context = context, .team = context->team};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_data_read(&j.data, j.plan.window_bytes);
    if (st == MST_OK) st = learn(&j);
  }
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_ease = {
    .name = "ease",
    .summary = "recommendation from a table of users and items, in closed form",
    .sections = sections,
    .run = run_ease};
