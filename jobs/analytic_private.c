/* The analytic job's section `privacy`. */
#include "jobs/analytic_private.h"

#include <math.h>
#include <string.h>

#include "core/features/bounded.h"
#include "jobs/family.h"
#include "jobs/options.h"

#define CONSTANT 0.25 /* of the clip, with analytic.bias: the last feature of every row */

const mst_key_spec mst_keys_analytic_private[] = {
    {.key = "privacy.project",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "directions",
     .help = "analytic: random directions, drawn from seed, that features are projected onto; 0: "
             "none"},
    {.key = "privacy.gram",
     .type = MST_KEY_REAL,
     .fallback = "0.6",
     .min = 0.01,
     .max = 0.99,
     .unit = "",
     .help = "analytic: share of the budget (of mu^2) that the Gram matrix has; the moments have "
             "the rest"},
    {.key = "privacy.inverse",
     .type = MST_KEY_WORD,
     .fallback = "shrink",
     .allowed = "shrink|ridge",
     .unit = "",
     .help = "analytic: shrink the noisy eigenvalues, or move all of them up alike"},
    {.key = "privacy.floor",
     .type = MST_KEY_REAL,
     .fallback = "0.35",
     .min = 0,
     .max = 1e6,
     .open_min = true,
     .unit = "edges",
     .help = "analytic: least eigenvalue of what is inverted, in units of the noise's largest"},
    {.key = "privacy.target_bound",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 1e12,
     .open_min = true,
     .unit = "",
     .help = "analytic: length to which a row's targets are shortened, where they are values"},
    {.key = "privacy.unit",
     .type = MST_KEY_WORD,
     .fallback = "row",
     .allowed = "row|client",
     .unit = "",
     .help = "analytic: what neighbouring data sets differ in: a row, or all rows of a client"},
    {.key = "privacy.client_rows",
     .type = MST_KEY_INT,
     .min = 1,
     .max = 1e12,
     .unit = "rows",
     .help = "analytic: with privacy.unit client, rows that a client's rows may weigh together"},
    {.key = NULL}};

/* What the plain job does and noise does not cover. Its own regularisers take no part, at whatever
 * default a resolved experiment shows them. */
static mst_status refuse_plain(const mst_experiment *e) {
  static const struct {
    const char *key;
    double usual;
  } replaced[] = {{"analytic.ridge", 10}, {"analytic.gamma", 1}};
  for (int i = 0; i < 2; i++)
    if (mst_experiment_real(e, replaced[i].key) != replaced[i].usual)
      return mst_experiment_refuse(e, replaced[i].key,
                                   "with privacy the regulariser follows from the noise: see "
                                   "privacy.floor");
  if (strcmp(mst_experiment_word(e, "reduce"), "fast") == 0)
    return mst_experiment_refuse(e, "reduce",
                                 "floating-point sums depend on every row in their last bits; "
                                 "private statistics are summed exactly");
  if (strcmp(mst_experiment_word(e, "privacy.noise"), "hardened") == 0)
    return mst_experiment_refuse(e, "privacy.noise",
                                 "products of rows are not on a grid of integers in this job; "
                                 "choose float");
  if (mst_experiment_knows(e, "secure.aggregate") &&
      strcmp(mst_experiment_word(e, "secure.aggregate"), "none") != 0)
    return mst_experiment_refuse(e, "secure.aggregate",
                                 "the noise of private statistics is added to their sum; leave out "
                                 "one of secure and privacy");
  if (mst_experiment_is_set(e, "features.save_train"))
    return mst_experiment_refuse(e, "features.save_train",
                                 "features of training rows are not private; write them by a run "
                                 "without privacy");
  return MST_OK;
}

static mst_status read_unit(mst_job_analytic_private *p, const mst_experiment *e) {
  bool client = strcmp(mst_experiment_word(e, "privacy.unit"), "client") == 0;
  if (client != mst_experiment_is_set(e, "privacy.client_rows"))
    return mst_experiment_refuse(e, client ? "privacy.unit" : "privacy.client_rows",
                                 "privacy.unit client and privacy.client_rows belong together");
  p->options.client_rows = client ? mst_experiment_int(e, "privacy.client_rows") : 0;
  return MST_OK;
}

mst_status mst_job_analytic_private_read(mst_job_analytic_private *p, mst_job_context *context) {
  const mst_experiment *e = context->experiment;
  p->on = mst_experiment_knows(e, "privacy.delta");
  if (!p->on) return MST_OK;
  MST_TRY(mst_privacy_read(&p->budget, context));
  MST_TRY(refuse_plain(e));
  p->project = mst_experiment_int(e, "privacy.project");
  p->share = mst_experiment_real(e, "privacy.gram");
  p->options.kind = strcmp(mst_experiment_word(e, "privacy.inverse"), "ridge") == 0
                        ? MST_ADASSP_RIDGE
                        : MST_ADASSP_SHRINK;
  p->options.floor = mst_experiment_real(e, "privacy.floor");
  p->options.clip = p->budget.clip;
  return read_unit(p, e);
}

static mst_status bound_targets(mst_job_analytic_private *p, const mst_job_data *data) {
  const mst_experiment *e = data->experiment;
  bool classes = data->train.info->target == MST_TARGET_CLASSES;
  bool set = mst_experiment_is_set(e, "privacy.target_bound");
  if (classes && set)
    return mst_experiment_refuse(e, "privacy.target_bound", "classes have a bound of their own");
  if (!classes && !set)
    return mst_experiment_refuse(e, "privacy.target_bound",
                                 "targets that are values need a public bound");
  p->options.target_bound = classes ? mst_adassp_class_bound(data->outputs)
                                    : mst_experiment_real(e, "privacy.target_bound");
  return MST_OK;
}

static mst_status bound_rows(mst_job_analytic_private *p, const mst_job_data *data) {
  const mst_experiment *e = data->experiment;
  if (mst_features_sample_rows(data->features) > 0)
    return mst_experiment_refuse(e, "features.kind",
                                 "%s is fitted to training rows, and that is not private; choose "
                                 "identity, relu, fourier or scattering",
                                 mst_features_name(data->features));
  bool constant = mst_experiment_bool(e, "analytic.bias");
  const mst_bounded_spec spec = {.seed = mst_job_seed(e),
                                 .project = p->project,
                                 .length = p->options.clip,
                                 .constant = constant ? CONSTANT * p->options.clip : 0};
  MST_TRY(mst_bounded_create(&spec, data->features, &p->bounded));
  return bound_targets(p, data);
}

/* Deviations of the noise, from the noise of the events. */
static void set_noise(mst_job_analytic_private *p) {
  mst_analytic_privacy *o = &p->options;
  double rows = o->client_rows > 0 ? (double)o->client_rows : 1;
  o->gram = p->budget.kind[0].noise * rows * o->clip * o->clip;
  o->moments = p->budget.kind[1].noise * rows * o->clip * o->target_bound;
}

mst_status mst_job_analytic_private_plan(mst_job_analytic_private *p, const mst_job_data *data) {
  if (!p->on) return MST_OK;
  MST_TRY(mst_team_agree(data->team, bound_rows(p, data)));
  int64_t rows = data->train.info->rows;
  p->options.population = mst_privacy_population(&p->budget, rows);
  if (rows > MST_ANALYTIC_PRIVATE_ROWS * p->options.population)
    return mst_experiment_refuse(data->experiment, "privacy.population",
                                 "data.train has more than twice as many rows");
  mst_adassp_events(p->share, &p->budget.kind[0], &p->budget.kind[1]);
  p->budget.kinds = 2;
  MST_TRY(mst_privacy_plan(&p->budget));
  set_noise(p);
  return MST_OK;
}

mst_status mst_job_analytic_private_open(mst_job_analytic_private *p) {
  if (!p->on) return MST_OK;
  MST_TRY(mst_privacy_open(&p->budget));
  set_noise(p);
  MST_TRY(mst_privacy_allow(&p->budget, NULL, 0));
  MST_TRY(mst_privacy_secret(&p->budget));
  p->options.secret = p->budget.secret;
  return MST_OK;
}

/* A start whose earlier one had charged its releases pays again: they may have been seen. */
mst_status mst_job_analytic_private_charge(mst_job_analytic_private *p) {
  const int64_t both[2] = {1, 1}, second[2] = {0, 1};
  MST_TRY(mst_job_check_stop(p->budget.context));
  MST_TRY(mst_privacy_charge(&p->budget, 0, 1, both));
  return mst_privacy_charge(&p->budget, 1, 1, second);
}

void mst_job_analytic_private_close(mst_job_analytic_private *p) {
  if (!p->on) return;
  mst_features_destroy(p->bounded);
  mst_privacy_close(&p->budget);
  mst_secret_wipe(&p->options.secret);
}
