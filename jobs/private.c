/* The private job: training under differential privacy (doc/methods/private_training.md). Finds the
 * noise for the budget, keeps the ledger, takes the steps of the train job with clipping and noise,
 * and tells nothing of the training rows but the model. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/model/ghost.h"
#include "core/privacy/correlated.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/output.h"
#include "jobs/pooled.h"
#include "jobs/privacy.h"
#include "jobs/private_noise.h"
#include "jobs/record.h"
#include "parallel/train.h"

static const mst_key_spec keys_private[] = {
    {.key = "train.steps",
     .type = MST_KEY_INT,
     .fallback = MST_KEY_REQUIRED,
     .min = 1,
     .max = 1e12,
     .unit = "steps",
     .help = "steps of the optimizer"},
    {.key = "train.block",
     .type = MST_KEY_INT,
     .fallback = "256",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help = "most rows that are differentiated together; another number gives other last bits"},
    {.key = "method.output",
     .type = MST_KEY_WORD,
     .fallback = "last",
     .allowed = "last|random|average",
     .unit = "",
     .help = "what the run ends with: where its last step led; one of the points at which its "
             "steps' releases were made, drawn by the seed before the first; their mean"},
    {.key = "ema.decay",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = 0,
     .max = 0.999999999,
     .unit = "",
     .help = "evaluate the average w = decay w + (1 - decay) x of the parameters x; 0: x"},
    {.key = "evaluate.every",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "steps",
     .help = "score on data.test, which is public, every so many steps; 0: after the last "
             "one only"},
    {.key = "output.checkpoint.every_steps",
     .type = MST_KEY_INT,
     .fallback = "1000",
     .min = 0,
     .max = 1e12,
     .unit = "steps",
     .help = "save the state every so many steps, for --resume; 0: only when a signal comes; steps "
             "since the last one are lost to a crash, and stay charged"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_features},
                                           {.family = &mst_family_models},
                                           {.family = &mst_family_optimizers},
                                           {.family = &mst_family_schedules},
                                           {.family = &mst_family_private_methods},
                                           {.family = &mst_family_samplers},
                                           {.family = &mst_family_correlations},
                                           {.family = &mst_family_accountants},
                                           {.keys = mst_keys_privacy},
                                           {.keys = mst_keys_ledger},
                                           {.keys = mst_keys_private_noise},
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
  mst_estimator_spec method_spec;
  mst_estimator *method; /* samplers, and their noise                          */
  mst_privacy budget;
  mst_private_noise noise;
  int64_t bound; /* hardened: a row's, in steps of the grid            */
  mst_clients *rows;
  mst_train *train;
  int64_t rank_bytes, node_bytes;
} private_job;

static mst_private_output output_of(const char *word) {
  if (strcmp(word, "random") == 0) return MST_PRIVATE_RANDOM;
  return strcmp(word, "average") == 0 ? MST_PRIVATE_AVERAGE : MST_PRIVATE_LAST;
}

static mst_status check_keys(const private_job *j) {
  const mst_experiment *e = j->experiment;
  const mst_optim_ops *ops = mst_optim_find(j->options.optimizer.kind);
  if (ops->needs_model)
    return mst_experiment_refuse(e, "optimizer.kind",
                                 "%s solves a system of all rows of the batch together, which no "
                                 "clipping of single rows bounds; choose another",
                                 ops->name);
  if (j->privacy.output != MST_PRIVATE_LAST && (j->options.ema > 0 || ops->averages))
    return mst_experiment_refuse(
        e, "method.output",
        "ema.decay, or the average of optimizer.kind %s, already says what the run ends with; "
        "choose last",
        ops->name);
  if (j->options.ema > 0 && ops->averages)
    return mst_experiment_refuse(
        e, "ema.decay", "optimizer.kind %s is evaluated at an average of its own: leave it out",
        ops->name);
  return MST_OK;
}

/* Most methods bring their own samples. */
static mst_status check_sampling(const private_job *j) {
  static const char *const key[] = {"privacy.sampler", "privacy.rate", "optimizer.batch"};
  const mst_experiment *e = j->experiment;
  const char *name = j->method_spec.name, *sampler = mst_estimator_find(name)->sampler;
  if (sampler == NULL) return MST_OK;
  if (mst_experiment_is_said(e, key[0]) && strcmp(j->sampler_spec.kind, sampler) != 0)
    return mst_experiment_refuse(e, key[0], "method.name %s has samples of its own (%s)", name,
                                 sampler);
  for (int k = 1; k < 3 && strcmp(sampler, "poisson") != 0; k++)
    if (mst_experiment_is_said(e, key[k]))
      return mst_experiment_refuse(e, key[k], "method.name %s says itself which rows a step takes",
                                   name);
  return MST_OK;
}

static mst_status read_settings(private_job *j) {
  const mst_experiment *e = j->experiment;
  mst_train_options *o = &j->options;
  MST_TRY(mst_family_read(&mst_family_models, e, &j->model_spec));
  MST_TRY(mst_family_read(&mst_family_optimizers, e, &o->optimizer));
  MST_TRY(mst_family_read(&mst_family_schedules, e, &o->schedule));
  MST_TRY(mst_family_read(&mst_family_private_methods, e, &j->method_spec));
  MST_TRY(mst_family_read(&mst_family_samplers, e, &j->sampler_spec));
  MST_TRY(mst_privacy_read(&j->budget, j->context));
  MST_TRY(mst_private_noise_read(&j->noise, e));
  o->seed = mst_job_seed(e);
  j->method_spec.seed = o->seed;
  o->steps = mst_experiment_int(e, "train.steps");
  o->block = mst_experiment_int(e, "train.block");
  o->accumulate = 1;
  o->ema = mst_experiment_real(e, "ema.decay");
  o->evaluate_every = mst_experiment_int(e, "evaluate.every");
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_steps");
  j->privacy.clip = j->budget.clip;
  j->privacy.hardened = j->budget.hardened;
  j->privacy.output = output_of(mst_experiment_word(e, "method.output"));
  MST_TRY(check_keys(j));
  return check_sampling(j);
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
                                 mst_features_name(j->data.features));
  s->batch = j->options.optimizer.batch;
  s->population = mst_privacy_population(&j->budget, rows);
  MST_TRY(mst_estimator_create(&j->method_spec, s, j->options.steps, &j->method));
  j->privacy.estimator = j->method;
  j->privacy.sampler = j->method->sampler[0];
  double expected = mst_sampler_expected(j->privacy.sampler);
  j->options.optimizer.batch = mst_most(1, (int64_t)llround(expected));
  if (strcmp(s->kind, "fixed") == 0 && s->population != rows)
    return mst_experiment_refuse(e, "privacy.population",
                                 "samples of a fixed size are of all %lld rows of data.train",
                                 (long long)rows);
  int shift = 0;
  if (j->privacy.hardened)
    MST_TRY(mst_private_grid(j->privacy.clip, s->population, &shift, &j->bound));
  return mst_private_noise_create(&j->noise, e, j->options.steps, &j->privacy);
}

/* Releases of a kind that the steps from `from` on are charged; of all kinds. */
static int64_t releases(const private_job *j, int k, int64_t from) {
  const mst_correlation *c = j->noise.correlation;
  return c != NULL ? mst_correlation_charges(c, from, j->options.steps)
                   : mst_estimator_releases(j->method, k, from);
}

static int64_t charges(const private_job *j, int64_t from) {
  int64_t n = 0;
  for (int k = 0; k < j->method->kinds; k++) n += releases(j, k, from);
  return n;
}

/* Draws of a kind: with cycles and parts more than are charged. */
static int64_t kind_draws(const private_job *j, int k) {
  if (j->noise.correlation != NULL) return mst_correlation_draws(j->noise.correlation);
  return j->method->kinds == 1 ? j->options.steps : mst_estimator_releases(j->method, k, 0);
}

/* Hardened noise is counted as the Gaussian noise that it is as near to as its grid is fine: how
 * far it is must be within the part of delta that is kept for it. */
static mst_status check_grid(const private_job *j, double epsilon) {
  double distance = 0;
  for (int k = 0; k < j->method->kinds; k++) {
    const bool differs = k > 0 || (j->method->slots > 0 && j->method->kinds == 1);
    double least = differs ? 0.5 * (double)j->bound - 1 : (double)j->bound; /* of any clip */
    double entries = (double)j->model->parameters * (double)kind_draws(j, k);
    distance += mst_discrete_distance(j->method->noise[k] * least, entries, epsilon);
  }
  if (!j->budget.hardened || distance <= mst_privacy_delta_kept(&j->budget)) return MST_OK;
  return mst_experiment_refuse(j->experiment, "privacy.noise",
                               "the grid is too coarse for so many steps at this delta; choose a "
                               "larger privacy.delta, a smaller budget or fewer steps");
}

static mst_status take_noise(private_job *j) {
  for (int k = 0; k < j->method->kinds; k++) j->method->noise[k] = j->budget.kind[k].noise;
  return mst_private_noise_sigma(&j->noise, j->budget.sigma, &j->privacy.sigma);
}

/* The noise of the budget. */
static mst_status plan(private_job *j) {
  mst_privacy *p = &j->budget;
  p->kinds = j->method->kinds;
  for (int k = 0; k < p->kinds; k++) {
    p->kind[k] = mst_estimator_event(j->method, k);
    if (j->noise.correlation != NULL) p->kind[k] = mst_correlation_event(j->noise.correlation, 1);
    p->kind[k].count = releases(j, k, 0);
  }
  MST_TRY(mst_privacy_plan(p));
  MST_TRY(mst_team_agree(j->team, take_noise(j)));
  return mst_team_agree(j->team, check_grid(j, p->planned.epsilon));
}

/* What private steps take beside what others do. */
static int64_t private_bytes(const private_job *j) {
  int64_t n = j->model->parameters, block = j->options.block;
  int64_t shard = mst_ceil_div(n, mst_job_ranks(j->context)), room = 0, passes = 0;
  if (j->method->slots > 0) {
    room = mst_model_difference_room(j->model, block);
    passes = mst_model_work_bytes(j->model, block) + 4 * n; /* and the point of differences */
  }
  int64_t noise = 8 * shard;
  if (j->noise.correlation != NULL) noise += mst_correlated_bytes(j->noise.correlation, shard);
  if (j->privacy.output != MST_PRIVATE_LAST) noise += 8 * shard + 4 * n; /* and to all */
  return noise + 12 * j->method->slots * shard + (j->privacy.hardened ? 16 * n : 0) + passes +
         4 * (block * j->model->inputs + mst_most(room, mst_model_clipped_room(j->model, block)));
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
  MST_TRY(mst_team_agree(j->team, mst_private_check_model(j->model)));
  MST_TRY(plan(j));
  mst_pooled_plan(&j->data, j->model, &j->options, private_bytes(j), &j->rank_bytes,
                  &j->node_bytes);
  return mst_pooled_check_memory(&j->data, j->rank_bytes, j->node_bytes);
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
  MST_TRY(mst_job_estimate_real(j->context, "batch", mst_sampler_expected(j->privacy.sampler)));
  MST_TRY(mst_job_estimate_real(j->context, "rate", j->privacy.sampler->q));
  MST_TRY(mst_private_noise_estimate(&j->noise, &j->budget));
  return mst_privacy_estimate(&j->budget);
}

/* Open the ledger and ask whether the rest of the run is within its budget. */
static mst_status open_ledger(private_job *j) {
  mst_privacy *p = &j->budget;
  MST_TRY(mst_private_noise_open(&j->noise, j->context));
  MST_TRY(mst_privacy_open(p));
  MST_TRY(mst_team_agree(j->team, take_noise(j)));
  j->privacy.charged = p->charged;
  if (mst_experiment_is_set(j->experiment, "privacy.ledger"))
    MST_TRY(mst_team_agree(j->team, check_grid(j, mst_ledger_budget(p->ledger).epsilon)));
  mst_event left[MST_ESTIMATOR_KINDS];
  for (int k = 0; k < p->kinds; k++) {
    left[k] = p->kind[k];
    left[k].count = releases(j, k, p->charged);
  }
  return mst_privacy_allow(p, left, p->kinds);
}

static mst_status charge(void *context, int64_t step) {
  private_job *j = context;
  int kind = mst_estimator_release(j->method, step).kind;
  int64_t left[MST_ESTIMATOR_KINDS];
  for (int k = 0; k < j->method->kinds; k++) left[k] = releases(j, k, step);
  bool charged = j->noise.correlation != NULL
                     ? mst_correlation_charged(j->noise.correlation, step)
                     : mst_estimator_charged(j->method, step);
  return mst_privacy_charge(&j->budget, kind, charged ? 1 : 0, left);
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
  MST_TRY(mst_privacy_record(&j->budget));
  MST_TRY(record_times(j));
  MST_TRY(mst_record_data(&j->data)); /* of the rows their shape alone: there are no clients */
  MST_TRY(mst_pooled_record_test(&j->data, &test, j->train));
  return mst_pooled_report_model(&j->data, j->model, j->train);
}

/* The ledger is asked before the rows are read: a refusal costs no time and tells nothing. */
static mst_status train_within_budget(private_job *j) {
  MST_TRY(open_ledger(j));
  MST_TRY(mst_private_noise_secret(&j->noise, &j->budget));
  j->privacy.secret = j->budget.secret;
  MST_TRY(mst_job_data_read(&j->data, mst_pooled_window(&j->data)));
  MST_TRY(train(j));
  return mst_private_noise_end(&j->noise);
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
  mst_privacy_close(&j.budget);
  mst_private_noise_free(&j.noise);
  mst_estimator_destroy(j.method);
  mst_secret_wipe(&j.privacy.secret);
  return st;
}

const mst_job_ops mst_job_private = {
    .name = "private",
    .summary = "differentially private training: clipped gradients, noise, a ledger",
    .sections = sections,
    .run = run_private};
