/* The local_regression job: sparse linear regression from users who trust nobody, each of whom
 * sends one private message (doc/methods/local_privacy.md). Users are the rows of a dataset, or are
 * made up, which also tells how far the estimate is from the truth. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "io/dataset.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/privacy.h"
#include "parallel/local_regression.h"

static const mst_key_spec keys_local[] = {
    {.key = "data.train",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "dataset whose rows are the users, with one value each; unset: made-up users"},
    {.key = "data.public",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "dataset of public rows, whose targets are not looked at; for nldp_public"},
    {.key = "generate.users",
     .type = MST_KEY_INT,
     .min = 1,
     .max = 1e12,
     .unit = "users",
     .help = "made-up users"},
    {.key = "generate.width",
     .type = MST_KEY_INT,
     .min = 1,
     .max = 65536,
     .unit = "columns",
     .help = "columns of a made-up row"},
    {.key = "generate.sparsity",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 65536,
     .unit = "columns",
     .help = "non-zeros of the truth, alike in size, of length 1 together"},
    {.key = "generate.noise",
     .type = MST_KEY_REAL,
     .fallback = "0.5",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "standard deviation of a response about its mean"},
    {.key = "generate.design",
     .type = MST_KEY_WORD,
     .fallback = "normal",
     .allowed = "normal|signs",
     .unit = "",
     .help = "coordinates of made-up rows: normal of variance 1, or 1 and -1 alike"},
    {.key = "generate.correlation",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = -0.999,
     .max = 0.999,
     .unit = "",
     .help = "c of normal columns i and j, whose correlation is c^|i - j|"},
    {.key = "generate.public",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "rows",
     .help = "made-up public rows, for nldp_public"},
    {.key = "privacy.epsilon",
     .type = MST_KEY_REAL,
     .fallback = MST_KEY_REQUIRED,
     .min = 1e-6,
     .max = 700,
     .unit = "",
     .help = "of one user's message, between any two things that the user may have"},
    {.key = "privacy.delta",
     .type = MST_KEY_REAL,
     .fallback = MST_KEY_REQUIRED,
     .min = 1e-30,
     .max = 0.5,
     .unit = "",
     .help = "the delta at which epsilon is meant; a message of ldp_iht needs none"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.family = &mst_family_local_methods},
                                           {.family = &mst_family_accountants},
                                           {.keys = keys_local},
                                           {.keys = mst_keys_ledger},
                                           {.keys = NULL}};

typedef struct local_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_dataset *users, *open; /* NULL: made up */
  mst_row_reader users_reader, open_reader;
  mst_local_regression_options options;
  mst_privacy privacy;
} local_job;

/* Keys that mean nothing beside a dataset, or without one. */
static mst_status check_keys(const local_job *j) {
  static const char *const made_up[] = {"generate.users", "generate.width",  "generate.sparsity",
                                        "generate.noise", "generate.design", "generate.correlation",
                                        "generate.public"};
  const mst_experiment *e = j->experiment;
  const bool given = mst_experiment_is_set(e, "data.train");
  const mst_local_regression_options *o = &j->options;
  if (!given &&
      (!mst_experiment_is_set(e, "generate.users") || !mst_experiment_is_set(e, "generate.width")))
    return mst_experiment_refuse(e, "data.train",
                                 "give a dataset, or generate.users and generate.width");
  if (given && (mst_experiment_is_set(e, made_up[0]) || mst_experiment_is_set(e, made_up[1])))
    return mst_experiment_refuse(e, mst_experiment_is_set(e, made_up[0]) ? made_up[0] : made_up[1],
                                 "but data.train gives the users: leave one of them out");
  if (given && o->open_count > 0)
    return mst_experiment_refuse(e, "generate.public", "rows of users are read: give data.public");
  if (!given && mst_experiment_is_set(e, "data.public"))
    return mst_experiment_refuse(e, "data.public", "users are made up: give generate.public rows");
  if (mst_experiment_is_set(e, "privacy.budget") && !mst_experiment_is_set(e, "privacy.ledger"))
    return mst_experiment_refuse(e, "privacy.budget", "without privacy.ledger no run shares it");
  return MST_OK;
}

static mst_status read_settings(local_job *j) {
  const mst_experiment *e = j->experiment;
  mst_local_regression_options *o = &j->options;
  mst_privacy *p = &j->privacy;
  MST_TRY(mst_family_read(&mst_family_local_methods, e, &o->method));
  MST_TRY(mst_family_read(&mst_family_accountants, e, &p->account));
  o->linear =
      (mst_linear_spec){.seed = mst_job_seed(e),
                        .width = mst_experiment_int(e, "generate.width"),
                        .sparsity = mst_experiment_int(e, "generate.sparsity"),
                        .noise = mst_experiment_real(e, "generate.noise"),
                        .signs = strcmp(mst_experiment_word(e, "generate.design"), "signs") == 0,
                        .correlation = mst_experiment_real(e, "generate.correlation")};
  o->method.users = mst_experiment_int(e, "generate.users");
  o->method.width = o->linear.width;
  o->open_count = mst_experiment_int(e, "generate.public");
  o->method.epsilon = mst_experiment_real(e, "privacy.epsilon");
  o->method.delta = mst_experiment_real(e, "privacy.delta");
  /* Any two things that a user may have are neighbours. */
  p->context = j->context;
  p->budget = (mst_budget){.epsilon = o->method.epsilon,
                           .delta = o->method.delta,
                           .adjacency = MST_ADJACENCY_REPLACE_ONE};
  return check_keys(j);
}

static mst_status read_users(void *context, int64_t first, int64_t count, float *x, float *y) {
  mst_dataset *d = context;
  MST_TRY(mst_dataset_read_x(d, first, count, x));
  return mst_dataset_read_values(d, first, count, y);
}

static mst_status read_open(void *context, int64_t first, int64_t count, float *x, float *y) {
  (void)y;
  return mst_dataset_read_x(context, first, count, x);
}

static mst_status open_data(local_job *j) {
  const mst_experiment *e = j->experiment;
  mst_local_regression_options *o = &j->options;
  if (!mst_experiment_is_set(e, "data.train")) return MST_OK;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(e, "data.train"), &j->users));
  const mst_dataset_info *info = mst_dataset_about(j->users);
  if (info->target != MST_TARGET_VALUES || info->outputs != 1)
    return mst_experiment_refuse(e, "data.train", "it needs one value a row in /y, not classes");
  o->method.users = info->rows;
  o->method.width = info->row_elements;
  j->users_reader = (mst_row_reader){.context = j->users,
                                     .rows = info->rows,
                                     .row_elements = info->row_elements,
                                     .outputs = 1,
                                     .read = read_users};
  o->rows = &j->users_reader;
  if (!mst_experiment_is_set(e, "data.public")) return MST_OK;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(e, "data.public"), &j->open));
  info = mst_dataset_about(j->open);
  j->open_reader = (mst_row_reader){.context = j->open,
                                    .rows = info->rows,
                                    .row_elements = info->row_elements,
                                    .read = read_open};
  o->open_rows = &j->open_reader;
  return MST_OK;
}

/* What follows from the number of users and columns. Local. */
static mst_status check_settings(local_job *j) {
  mst_local_regression_options *o = &j->options;
  if (strcmp(o->method.method, "ldp_iht") == 0 && o->method.sparsity == 0) {
    if (o->rows != NULL)
      return mst_experiment_refuse(j->experiment, "local.sparsity",
                                   "of users of a dataset it must be given");
    o->method.sparsity = o->linear.sparsity;
  }
  MST_TRY(mst_local_regression_check(o));
  return mst_job_fits(j->experiment, mst_local_regression_plan(o));
}

/* A user's message is one release. Users are apart from each other, so that together their
 * messages cost what one does: one event a run. A message of a pure method takes no delta. */
static mst_status plan(local_job *j) {
  const bool pure = mst_ldp_find(j->options.method.method)->pure;
  mst_privacy *p = &j->privacy;
  p->kind[0] = (mst_event){.mechanism = pure ? MST_MECHANISM_PURE : MST_MECHANISM_GAUSSIAN,
                           .noise = 1,
                           .sensitivity = 1,
                           .count = 1};
  p->kinds = 1;
  MST_TRY(mst_privacy_plan(p));
  if (pure) p->kind[0].noise = fmin(p->kind[0].noise, j->options.method.epsilon);
  return MST_OK;
}

static mst_status prepare(local_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(open_data(j));
  MST_TRY(mst_team_agree(j->team, check_settings(j)));
  return plan(j);
}

static mst_status write_estimate(local_job *j) {
  const mst_ldp_spec *s = &j->options.method;
  const int64_t numbers = mst_ldp_entries(s), rounds = mst_ldp_rounds(s);
  const mst_job_count figure[] = {{"rank_bytes", mst_local_regression_plan(&j->options)},
                                  {"users", s->users},
                                  {"columns", s->width},
                                  {"rounds", rounds},
                                  {"messages", s->users},
                                  {"uplink_bytes", 8 * numbers * s->users},
                                  {"downlink_bytes", rounds > 1 ? 8 * s->width * s->users : 0},
                                  {NULL, 0}};
  MST_TRY(mst_job_estimate(j->context, figure));
  return mst_privacy_estimate(&j->privacy);
}

/* Charged before the first user speaks. A start that was cut short may have let some speak, and
 * nobody speaks twice. Collective. */
static mst_status charge(local_job *j) {
  mst_privacy *p = &j->privacy;
  const int64_t left = 1;
  MST_TRY(mst_privacy_open(p));
  if (p->charged > 0)
    return mst_fail(MST_ERR_BUDGET,
                    "%s: an earlier start of this run was charged for its users' messages, which "
                    "may have been sent; nobody speaks twice",
                    p->ledger_path.at);
  MST_TRY(mst_privacy_allow(p, NULL, 0));
  MST_TRY(mst_privacy_secret(p));
  MST_TRY(mst_job_check_stop(j->context));
  MST_TRY(mst_privacy_charge(p, 0, 1, &left));
  j->options.secret = p->secret;
  if (p->kind[0].mechanism == MST_MECHANISM_GAUSSIAN) j->options.method.noise = p->kind[0].noise;
  if (p->kind[0].mechanism == MST_MECHANISM_PURE) j->options.method.epsilon = p->kind[0].noise;
  return MST_OK;
}

static mst_status list_figures(local_job *j, const mst_ldp *m,
                               const mst_local_regression_totals *t) {
  mst_job_context *c = j->context;
  int64_t nonzeros = 0;
  for (int64_t i = 0; i < m->spec.width; i++) nonzeros += m->theta[i] != 0;
  c->rounds = t->rounds;
  if (t->truth) {
    MST_TRY(mst_job_result(c, "error", t->error, false));
    MST_TRY(mst_job_result(c, "error_largest", t->largest, false));
    MST_TRY(mst_job_result(c, "wrong_support", (double)t->wrong, true));
  }
  const mst_job_count figure[] = {{"users", m->spec.users},
                                  {"columns", m->spec.width},
                                  {"nonzeros", nonzeros},
                                  {"messages", t->messages},
                                  {"message_bytes", 8 * t->message_numbers},
                                  {"uplink_bytes", t->uplink_bytes},
                                  {"downlink_bytes", t->downlink_bytes},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status report_theta(local_job *j, mst_ldp *m) {
  const mst_observer *o = j->context->observer;
  mst_state state;
  mst_state_init(&state);
  mst_status st =
      mst_team_agree(j->team, mst_state_add(&state, "theta", MST_F64, 1, &m->spec.width, m->theta));
  if (st == MST_OK) st = o->on_state(o->context, j->context->rounds, &state);
  mst_state_clear(&state);
  return st;
}

static mst_status ask_users(local_job *j) {
  mst_ldp *m = NULL;
  mst_local_regression_totals t;
  MST_TRY(charge(j));
  MST_TRY(mst_local_regression(j->team, &j->options, j->context->observer, &m, &t));
  mst_status st = mst_team_agree(j->team, list_figures(j, m, &t));
  if (st == MST_OK) st = mst_privacy_record(&j->privacy);
  if (st == MST_OK) st = report_theta(j, m);
  mst_ldp_destroy(m);
  return st;
}

static mst_status run_local_regression(mst_job_context *context) {
  local_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) st = ask_users(&j);
  mst_dataset_close(j.users);
  mst_dataset_close(j.open);
  mst_secret_wipe(&j.options.secret);
  mst_privacy_close(&j.privacy);
  return st;
}

const mst_job_ops mst_job_local_regression = {
    .name = "local_regression",
    .summary = "sparse regression from users who trust nobody: one private message each",
    .sections = sections,
    .run = run_local_regression};
