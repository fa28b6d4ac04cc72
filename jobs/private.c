/* The private job: training under differential privacy (doc/methods/private_training.md). Finds the
 * noise for the budget, keeps the ledger, takes the steps of the train job with clipping and noise,
 * and tells nothing of the training rows but the model. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arithmetic.h"
#include "core/model/ghost.h"
#include "core/privacy/calibrate.h"
#include "io/ledger.h"
#include "io/text.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/output.h"
#include "jobs/pooled.h"
#include "jobs/record.h"
#include "jobs/say.h"
#include "parallel/train.h"

static const mst_key_spec keys_private[] = {
    {.key = "train.steps", .type = MST_KEY_INT, .fallback = MST_KEY_REQUIRED, .min = 1,
     .max = 1e12, .unit = "steps", .help = "steps of the optimizer"},
    {.key = "train.block", .type = MST_KEY_INT, .fallback = "256", .min = 1, .max = 1e6,
     .unit = "rows",
     .help = "most rows that are differentiated together; another number gives other last bits"},
    {.key = "ema.decay", .type = MST_KEY_REAL, .fallback = "0", .min = 0, .max = 0.999999999,
     .unit = "",
     .help = "evaluate the average w = decay w + (1 - decay) x of the parameters x; 0: x"},
    {.key = "evaluate.every", .type = MST_KEY_INT, .fallback = "0", .min = 0, .max = 1e12,
     .unit = "steps",
     .help = "score on data.test, which is public, every so many steps; 0: after the last "
             "one only"},
    {.key = "output.checkpoint.every_steps", .type = MST_KEY_INT, .fallback = "1000", .min = 0,
     .max = 1e12, .unit = "steps",
     .help = "save the state every so many steps, for --resume; 0: only when a signal comes; steps "
             "since the last one are lost to a crash, and stay charged"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_features},
                                           {.family = &mst_family_models},
                                           {.family = &mst_family_optimizers},
                                           {.family = &mst_family_schedules},
                                           {.family = &mst_family_samplers},
                                           {.family = &mst_family_accountants},
                                           {.keys = mst_keys_privacy},
                                           {.keys = keys_private},
                                           {.keys = NULL}};

typedef struct private_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_job_data data;
  mst_model_spec model_spec;
  mst_model *model;
  mst_train_options options;
  mst_private_options privacy;
  mst_sampler_spec sampler_spec;
  mst_account_spec account;
  mst_budget budget; /* of this run; epsilon is found where sigma is given */
  mst_event event;   /* of one charged step                                */
  mst_spent planned; /* by all steps                                       */
  int64_t bound;     /* hardened: a row's, in steps of the grid            */
  mst_ledger *ledger;
  mst_text ledger_path;
  mst_clients *rows;
  mst_train *train;
  int64_t rank_bytes, node_bytes;
} private_job;

static mst_status check_keys(const private_job *j) {
  const mst_experiment *e = j->experiment;
  const mst_optim_ops *ops = mst_optim_find(j->options.optimizer.kind);
  bool epsilon = mst_experiment_is_set(e, "privacy.epsilon");
  if (epsilon == mst_experiment_is_set(e, "privacy.sigma"))
    return mst_experiment_refuse(e, epsilon ? "privacy.sigma" : "privacy.epsilon",
                                 "give one of privacy.epsilon and privacy.sigma");
  if (ops->needs_model)
    return mst_experiment_refuse(e, "optimizer.kind",
                                 "%s solves a system of all rows of the batch together, which no "
                                 "clipping of single rows bounds; choose another",
                                 ops->name);
  if (j->options.ema > 0 && ops->averages)
    return mst_experiment_refuse(
        e, "ema.decay", "optimizer.kind %s is evaluated at an average of its own: leave it out",
        ops->name);
  if (mst_experiment_is_set(e, "privacy.budget") && !mst_experiment_is_set(e, "privacy.ledger"))
    return mst_experiment_refuse(e, "privacy.budget", "without privacy.ledger no run shares it");
  return MST_OK;
}

static mst_status read_settings(private_job *j) {
  const mst_experiment *e = j->experiment;
  mst_train_options *o = &j->options;
  MST_TRY(mst_family_read(&mst_family_models, e, &j->model_spec));
  MST_TRY(mst_family_read(&mst_family_optimizers, e, &o->optimizer));
  MST_TRY(mst_family_read(&mst_family_schedules, e, &o->schedule));
  MST_TRY(mst_family_read(&mst_family_samplers, e, &j->sampler_spec));
  MST_TRY(mst_family_read(&mst_family_accountants, e, &j->account));
  o->seed = mst_job_seed(e);
  o->steps = mst_experiment_int(e, "train.steps");
  o->block = mst_experiment_int(e, "train.block");
  o->accumulate = 1;
  o->ema = mst_experiment_real(e, "ema.decay");
  o->evaluate_every = mst_experiment_int(e, "evaluate.every");
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_steps");
  j->budget = (mst_budget){.epsilon = mst_experiment_real(e, "privacy.epsilon"),
                           .delta = mst_experiment_real(e, "privacy.delta")};
  bool replace = strcmp(mst_experiment_word(e, "privacy.adjacency"), "replace_one") == 0;
  j->budget.adjacency = replace ? MST_ADJACENCY_REPLACE_ONE : MST_ADJACENCY_ADD_REMOVE;
  j->privacy.clip = mst_experiment_real(e, "privacy.clip");
  j->privacy.sigma = mst_experiment_real(e, "privacy.sigma");
  j->privacy.hardened = strcmp(mst_experiment_word(e, "privacy.noise"), "hardened") == 0;
  return check_keys(j);
}

/* The sampler of the data, which also says what a batch is. Local. */
static mst_status make_sampler(private_job *j) {
  const mst_experiment *e = j->experiment;
  mst_sampler_spec *s = &j->sampler_spec;
  int64_t rows = j->data.train.info->rows;
  if (mst_features_sample_rows(j->data.features) > 0)
    return mst_experiment_refuse(e, "features.kind",
                                 "%s is fitted to training rows, and that is not private; choose "
                                 "identity, relu, fourier or scattering",
                                 j->data.features_spec.kind);
  s->batch = j->options.optimizer.batch;
  s->population = mst_experiment_is_set(e, "privacy.population")
                      ? mst_experiment_int(e, "privacy.population")
                      : rows;
  MST_TRY(mst_sampler_create(s, &j->privacy.sampler));
  double expected = mst_sampler_expected(j->privacy.sampler);
  j->options.optimizer.batch = mst_most(1, (int64_t)llround(expected));
  if (strcmp(s->kind, "fixed") == 0 && s->population != rows)
    return mst_experiment_refuse(e, "privacy.population",
                                 "samples of a fixed size are of all %lld rows of data.train",
                                 (long long)rows);
  int shift = 0;
  if (j->privacy.hardened)
    MST_TRY(mst_private_grid(j->privacy.clip, s->population, &shift, &j->bound));
  return MST_OK;
}

static int64_t charges(const private_job *j, int64_t from) {
  return mst_sampler_charges(j->privacy.sampler, from, j->options.steps);
}

/* Hardened noise is counted as the Gaussian noise that it is as near to as its grid is fine: how
 * far it is must be within `share` of the delta that is kept for all runs of a ledger. */
static mst_status check_grid(const private_job *j, double epsilon, double share) {
  double entries = (double)j->model->parameters * (double)j->options.steps;
  double kept = share * (1 - MST_DELTA_COUNTED) * j->budget.delta;
  if (!j->privacy.hardened ||
      mst_discrete_distance(j->privacy.sigma * (double)j->bound, entries, epsilon) <= kept)
    return MST_OK;
  return mst_experiment_refuse(j->experiment, "privacy.noise",
                               "the grid is too coarse for so many steps at this delta; choose a "
                               "larger privacy.delta, a smaller budget or fewer steps");
}

/* sigma from the budget, and what all steps spend. Local, on one rank. */
static mst_status find_noise(private_job *j) {
  double factor = 1, sigma = j->privacy.sigma, delta = MST_DELTA_COUNTED * j->budget.delta;
  mst_event e = mst_sampler_event(j->privacy.sampler, sigma > 0 ? sigma : 1);
  e.count = charges(j, 0);
  mst_events list = {.event = &e, .n = 1, .adjacency = j->budget.adjacency};
  if (sigma > 0) {
    MST_TRY(mst_account_epsilon(&j->account, &list, delta, &j->planned));
  } else {
    MST_TRY(
        mst_calibrate_noise(&j->account, &list, j->budget.epsilon, delta, 0, &factor, &j->planned));
    j->privacy.sigma = factor;
  }
  if (j->planned.estimate)
    return mst_experiment_refuse(j->experiment, "privacy.accountant",
                                 "%s only estimates, and what it says may be too little to be "
                                 "charged; choose pld",
                                 j->account.name);
  return check_grid(j, j->planned.epsilon, 1);
}

static mst_status agree_on_noise(private_job *j) {
  MST_TRY(mst_team_agree(j->team, mst_team_rank(j->team) == 0 ? find_noise(j) : MST_OK));
  MST_TRY(mst_team_bcast(j->team, &j->privacy.sigma, sizeof j->privacy.sigma, 0));
  MST_TRY(mst_team_bcast(j->team, &j->planned, sizeof j->planned, 0));
  j->event = mst_sampler_event(j->privacy.sampler, j->privacy.sigma);
  return MST_OK;
}

/* What private steps take beside what others do. */
static int64_t private_bytes(const private_job *j) {
  int64_t n = j->model->parameters, block = j->options.block;
  return 8 * mst_ceil_div(n, mst_job_ranks(j->context)) + (j->privacy.hardened ? 16 * n : 0) +
         4 * (block * j->model->inputs + mst_model_clipped_room(j->model, block));
}

static mst_status prepare(private_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(mst_job_data_open_pooled(j->context, &j->data));
  MST_TRY(mst_team_agree(j->team, make_sampler(j)));
  j->data.secret = true;
  j->data.rate = j->privacy.sampler->q;
  j->data.block = j->options.block;
  MST_TRY(mst_job_data_deal(&j->data, true));
  MST_TRY(mst_job_model_create(&j->data, &j->model_spec, &j->model));
  MST_TRY(agree_on_noise(j));
  mst_pooled_plan(&j->data, j->model, &j->options, private_bytes(j), &j->rank_bytes,
                  &j->node_bytes);
  return mst_pooled_check_memory(&j->data, j->rank_bytes, j->node_bytes);
}

static mst_status put_real(json_t *object, const char *name, double value) {
  if (json_object_set_new(object, name, mst_json_real(value)) == 0) return MST_OK;
  return mst_fail(MST_ERR_MEMORY, "no memory for the estimate");
}

/* What a run will need, and what it will spend. */
static mst_status write_estimate(private_job *j) {
  const mst_job_count figure[] = {{"rank_bytes", j->rank_bytes},
                                  {"node_bytes", j->node_bytes},
                                  {"parameters", j->model->parameters},
                                  {"population", j->sampler_spec.population},
                                  {"steps", j->options.steps},
                                  {"releases", charges(j, 0)},
                                  {NULL, 0}};
  MST_TRY(mst_job_estimate(j->context, figure));
  json_t *to = j->context->estimate;
  MST_TRY(put_real(to, "batch", mst_sampler_expected(j->privacy.sampler)));
  MST_TRY(put_real(to, "rate", j->privacy.sampler->q));
  MST_TRY(put_real(to, "sigma", j->privacy.sigma));
  MST_TRY(put_real(to, "epsilon", j->planned.epsilon));
  return put_real(to, "delta", j->budget.delta);
}

/* Open the ledger; a run that goes on keeps to the event that it was charged before. */
static mst_status open_ledger(private_job *j) {
  const mst_experiment *e = j->experiment;
  bool shared = mst_experiment_is_set(e, "privacy.ledger");
  mst_event last;
  mst_status st =
      shared ? mst_text_add(&j->ledger_path, "%s", mst_experiment_path(e, "privacy.ledger"))
             : mst_text_add(&j->ledger_path, "%s.ledger", j->context->run_path);
  MST_TRY(mst_team_agree(j->team, st));
  mst_ledger_run run = {.path = j->ledger_path.at,
                        .name = j->context->run_path,
                        .shared = shared,
                        .resume = j->context->resume,
                        .budget = j->budget,
                        .spec = j->account};
  run.budget.epsilon = mst_experiment_is_set(e, "privacy.budget")
                           ? mst_experiment_real(e, "privacy.budget")
                       : shared && access(j->ledger_path.at, F_OK) == 0 ? 0
                       : j->budget.epsilon > 0                          ? j->budget.epsilon
                                                                        : j->planned.epsilon;
  MST_TRY(mst_ledger_open(j->team, &run, &j->ledger));
  j->privacy.charged = mst_ledger_charged(j->ledger);
  if (mst_ledger_last(j->ledger, &last)) {
    mst_event mine = j->event;
    mine.noise = last.noise;
    bool near = fabs(last.noise / j->event.noise - 1) < 1e-6 && mst_event_alike(&mine, &last);
    if (near) j->privacy.sigma *= last.noise / j->event.noise;
    if (near) j->event = mine;
  }
  if (shared) { /* the shares of all runs, 1 / (1 2) + 1 / (2 3) + ..., add up to 1 */
    double k = (double)mst_ledger_number(j->ledger);
    MST_TRY(check_grid(j, mst_ledger_budget(j->ledger).epsilon, 1 / ((k + 1) * (k + 2))));
  }
  int64_t left = charges(j, j->privacy.charged);
  return left > 0 ? mst_ledger_allow(j->ledger, &j->event, left) : MST_OK;
}

static mst_status charge(void *context, int64_t step) {
  private_job *j = context;
  bool charged = mst_sampler_charged(j->privacy.sampler, step);
  return mst_ledger_charge(j->ledger, &j->event, charged ? 1 : 0, charges(j, step));
}

/* The secret, from one rank's generator, or in tests from the seed. */
static mst_status make_secret(private_job *j) {
  mst_status st = MST_OK;
  mst_secret *s = &j->privacy.secret;
  if (mst_experiment_bool(j->experiment, "privacy.test_key")) {
    *s = mst_secret_test(j->options.seed);
    mst_say(j->team,
            "privacy.test_key: samples and noise follow from the seed, which protects "
            "nobody");
    return MST_OK;
  }
  if (mst_team_rank(j->team) == 0) st = mst_secret_fresh(s);
  MST_TRY(mst_team_agree(j->team, st));
  return mst_team_bcast(j->team, s, sizeof *s, 0);
}

/* /privacy of the run file: this run's charges, one entry a kind of release. Collective. */
static mst_status record_charges(private_job *j) {
  mst_event e = j->event;
  mst_state state;
  mst_spent own, all;
  MST_TRY(mst_ledger_spent(j->ledger, false, &own));
  MST_TRY(mst_ledger_spent(j->ledger, true, &all));
  int64_t one = 1, three = 3, four = 4, count = charges(j, 0);
  int64_t kind[4] = {e.mechanism, e.sampling, e.n, e.m};
  double spent[3] = {own.epsilon, all.epsilon, j->budget.delta};
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "kind", MST_I64, 1, &four, kind);
  if (st == MST_OK) st = mst_state_add(&state, "noise", MST_F64, 1, &one, &e.noise);
  if (st == MST_OK) st = mst_state_add(&state, "sensitivity", MST_F64, 1, &one, &e.sensitivity);
  if (st == MST_OK) st = mst_state_add(&state, "rate", MST_F64, 1, &one, &e.q);
  if (st == MST_OK) st = mst_state_add(&state, "releases", MST_I64, 1, &one, &count);
  if (st == MST_OK) st = mst_state_add(&state, "clip", MST_F64, 1, &one, &j->privacy.clip);
  if (st == MST_OK) st = mst_state_add(&state, "spent", MST_F64, 1, &three, spent);
  MST_TRY(mst_record_group(j->team, j->context->runfile, st, "privacy", &state));
  MST_TRY(mst_job_result(j->context, "epsilon", own.epsilon, false));
  MST_TRY(mst_job_result(j->context, "delta", j->budget.delta, false));
  MST_TRY(mst_job_result(j->context, "sigma", j->privacy.sigma, false));
  MST_TRY(mst_job_result(j->context, "ledger_epsilon", all.epsilon, false));
  return mst_job_result(j->context, "ledger_budget", mst_ledger_budget(j->ledger).epsilon, false);
}

/* The headline figures, none of which tells of the training rows. */
static mst_status list_figures(private_job *j) {
  mst_job_context *c = j->context;
  mst_train_totals t = mst_train_figures(j->train);
  c->rounds = t.steps;
  if (j->data.test.file && !isnan(t.accuracy))
    MST_TRY(mst_job_result(c, "accuracy", t.accuracy, false));
  if (j->data.test.file) MST_TRY(mst_job_result(c, "loss", t.loss, false));
  const mst_job_count figure[] = {{"parameters", j->model->parameters},
                                  {"population", j->sampler_spec.population},
                                  {"steps", t.steps},
                                  {"lost_steps", t.repeated},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status record_times(const private_job *j) {
  mst_runfile *file = j->context->runfile;
  mst_train_times t = mst_train_seconds(j->train);
  MST_TRY(mst_runfile_timing(file, "charge_seconds", t.wait));
  MST_TRY(mst_runfile_timing(file, "gradients_seconds", t.gradients));
  MST_TRY(mst_runfile_timing(file, "sums_seconds", t.sums));
  MST_TRY(mst_runfile_timing(file, "update_seconds", t.update));
  MST_TRY(mst_runfile_timing(file, "loop_seconds", t.all));
  return mst_runfile_timing(file, "planned_bytes", (double)j->rank_bytes);
}

static mst_status train(private_job *j) {
  mst_test_rows test;
  MST_TRY(mst_job_place_rows(&j->data, mst_pooled_groups(&j->data, mst_team_size(j->team)), 0,
                             j->options.seed, NULL, &j->rows));
  j->privacy.charge = charge;
  j->privacy.context = j;
  j->options.privacy = &j->privacy;
  MST_TRY(mst_train_create(j->team, j->model, j->rows, &j->options, &j->train));
  MST_TRY(mst_job_test_rows(&j->data, &test));
  MST_TRY(mst_train_run(j->train, &test, j->context->observer));
  MST_TRY(mst_team_agree(j->team, list_figures(j)));
  MST_TRY(record_charges(j));
  MST_TRY(record_times(j));
  MST_TRY(mst_record_data(&j->data)); /* of the rows their shape alone: there are no clients */
  MST_TRY(mst_pooled_record_test(&j->data, &test, j->train));
  return mst_pooled_report_model(&j->data, j->model, j->train);
}

/* The ledger is asked before the rows are read: a refusal costs no time and tells nothing. */
static mst_status train_within_budget(private_job *j) {
  MST_TRY(open_ledger(j));
  MST_TRY(make_secret(j));
  MST_TRY(mst_job_data_read(&j->data, mst_pooled_window(&j->data)));
  return train(j);
}

static mst_status run_private(mst_job_context *context) {
  private_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) st = train_within_budget(&j);
  mst_train_destroy(j.train);
  mst_clients_destroy(j.rows);
  mst_model_destroy(j.model);
  mst_job_data_close(&j.data);
  mst_ledger_close(j.ledger);
  mst_sampler_destroy(j.privacy.sampler);
  mst_secret_wipe(&j.privacy.secret);
  mst_text_free(&j.ledger_path);
  return st;
}

const mst_job_ops mst_job_private = {
    .name = "private",
    .summary = "differentially private training: clipped gradients, noise, a ledger",
    .sections = sections,
    .run = run_private};
