/* The tuning job: sequences of linear systems, solved with relaxations that a tuner learns to
 * choose (doc/methods/tuning.md). Systems are a grid's Laplacian, or the second moments of a
 * dataset, with shifts on the diagonal. */
#include <string.h>

#include "io/dataset.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "parallel/tuning.h"

static const mst_key_spec keys_tuning[] = {
    {.key = "data.train",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "dataset of which A = X'X / n, and b = X'y / n where it has one value a row; unset: "
             "the Laplacian of a grid, and drawn b"},
    {.key = "systems.side",
     .type = MST_KEY_INT,
     .min = 1,
     .max = 4096,
     .unit = "points",
     .help = "of the grid, whose square is the order of A; unset: 32"},
    {.key = "systems.count",
     .type = MST_KEY_INT,
     .fallback = "1000",
     .min = 1,
     .max = 1e9,
     .unit = "systems",
     .help = "of an instance, one after the other"},
    {.key = "systems.shift_low",
     .type = MST_KEY_REAL,
     .fallback = "0.01",
     .min = -1e300,
     .max = 1e300,
     .unit = "",
     .help = "least c of A + c I"},
    {.key = "systems.shift_high",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = -1e300,
     .max = 1e300,
     .unit = "",
     .help = "largest c"},
    {.key = "systems.law",
     .type = MST_KEY_WORD,
     .fallback = "beta",
     .allowed = "beta|log_uniform|path",
     .unit = "",
     .help = "of c: drawn by Beta(alpha, beta), drawn uniformly in log c, or from high to low"},
    {.key = "systems.alpha",
     .type = MST_KEY_REAL,
     .min = 1e-3,
     .max = 1e6,
     .unit = "",
     .help = "of the law beta; unset: 2"},
    {.key = "systems.beta",
     .type = MST_KEY_REAL,
     .min = 1e-3,
     .max = 1e6,
     .unit = "",
     .help = "of the law beta; unset: 6"},
    {.key = "grid.low",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 1e-3,
     .max = 1.999999,
     .unit = "",
     .help = "least omega of the grid"},
    {.key = "grid.high",
     .type = MST_KEY_REAL,
     .fallback = "1.95",
     .min = 1e-3,
     .max = 1.999999,
     .unit = "",
     .help = "largest omega of the grid"},
    {.key = "grid.count",
     .type = MST_KEY_INT,
     .fallback = "10",
     .min = 1,
     .max = MST_TUNER_ARMS,
     .unit = "omegas",
     .help = "of the grid, evenly between them"},
    {.key = "solver.kind",
     .type = MST_KEY_WORD,
     .fallback = "sor",
     .allowed = "sor|ssor_cg",
     .unit = "",
     .help = "sweeps of successive over-relaxation, or conjugate gradients preconditioned by SSOR"},
    {.key = "solver.tolerance",
     .type = MST_KEY_REAL,
     .fallback = "1e-8",
     .min = 1e-15,
     .max = 0.999999,
     .unit = "",
     .help = "a system is solved when the residual is this share of b"},
    {.key = "solver.most",
     .type = MST_KEY_INT,
     .fallback = "10000",
     .min = 1,
     .max = 1e9,
     .unit = "iterations",
     .help = "of one system"},
    {.key = "seeds",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e6,
     .unit = "instances",
     .help = "independent instances, of seed, seed + 1, ...; figures are means over them"},
    {.key = "compare",
     .type = MST_KEY_BOOL,
     .fallback = "true",
     .unit = "",
     .help = "solve every system with every omega, to say how good the choices were"},
    {.key = NULL}};

static const mst_job_section sections[] = {
    {.family = &mst_family_tuners}, {.keys = keys_tuning}, {.keys = NULL}};

typedef struct tuning_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_dataset *data; /* NULL: a Laplacian */
  mst_row_reader reader;
  mst_tuning_options options;
} tuning_job;

static mst_shift_law law_of(const char *word) {
  if (strcmp(word, "path") == 0) return MST_SHIFT_PATH;
  return strcmp(word, "log_uniform") == 0 ? MST_SHIFT_LOG : MST_SHIFT_BETA;
}

static double real_or(const mst_experiment *e, const char *key, double otherwise) {
  return mst_experiment_is_set(e, key) ? mst_experiment_real(e, key) : otherwise;
}

static mst_status read_settings(tuning_job *j) {
  const mst_experiment *e = j->experiment;
  mst_tuning_options *o = &j->options;
  *o = (mst_tuning_options){
      .solver = {.conjugate = strcmp(mst_experiment_word(e, "solver.kind"), "ssor_cg") == 0,
                 .tolerance = mst_experiment_real(e, "solver.tolerance"),
                 .most = mst_experiment_int(e, "solver.most")},
      .side = mst_experiment_is_set(e, "systems.side") ? mst_experiment_int(e, "systems.side") : 32,
      .law = law_of(mst_experiment_word(e, "systems.law")),
      .low = mst_experiment_real(e, "systems.shift_low"),
      .high = mst_experiment_real(e, "systems.shift_high"),
      .alpha = real_or(e, "systems.alpha", 2),
      .beta = real_or(e, "systems.beta", 6),
      .omega_low = mst_experiment_real(e, "grid.low"),
      .omega_high = mst_experiment_real(e, "grid.high"),
      .omegas = mst_experiment_int(e, "grid.count"),
      .systems = mst_experiment_int(e, "systems.count"),
      .seeds = mst_experiment_int(e, "seeds"),
      .seed = mst_job_seed(e),
      .compare = mst_experiment_bool(e, "compare")};
  MST_TRY(mst_family_read(&mst_family_tuners, e, &o->tuner));
  if (mst_experiment_is_set(e, "data.train") && mst_experiment_is_set(e, "systems.side"))
    return mst_experiment_refuse(e, "systems.side",
                                 "but data.train gives the matrix: leave one of them out");
  for (int i = 0; i < 2 && o->law != MST_SHIFT_BETA; i++) {
    const char *const key = i == 0 ? "systems.alpha" : "systems.beta";
    if (mst_experiment_is_set(e, key))
      return mst_experiment_refuse(e, key, "it means something to systems.law: beta alone");
  }
  return mst_tuning_check(o);
}

static mst_status read_values(void *context, int64_t first, int64_t count, float *x, float *y) {
  MST_TRY(mst_dataset_read_x(context, first, count, x));
  return mst_dataset_read_values(context, first, count, y);
}

static mst_status read_rows(void *context, int64_t first, int64_t count, float *x, float *y) {
  (void)y;
  return mst_dataset_read_x(context, first, count, x);
}

/* Collective. */
static mst_status open_data(tuning_job *j) {
  const mst_experiment *e = j->experiment;
  if (!mst_experiment_is_set(e, "data.train")) return MST_OK;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(e, "data.train"), &j->data));
  const mst_dataset_info *info = mst_dataset_about(j->data);
  const bool values = info->target == MST_TARGET_VALUES && info->outputs == 1;
  j->reader = (mst_row_reader){.context = j->data,
                               .rows = info->rows,
                               .row_elements = info->row_elements,
                               .outputs = values ? 1 : 0,
                               .read = values ? read_values : read_rows};
  j->options.rows = &j->reader;
  return MST_OK;
}

static mst_status write_estimate(const tuning_job *j) {
  const mst_tuning_options *o = &j->options;
  const mst_job_count figure[] = {
      {"rank_bytes", mst_tuning_plan(o)},
      {"instances", o->seeds},
      {"systems", o->systems},
      {"solutions", o->seeds * o->systems * (o->compare ? o->omegas + 2 : 1)},
      {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* Local. */
static mst_status list_figures(const tuning_job *j, const mst_tuning_totals *t) {
  const mst_tuning_options *o = &j->options;
  mst_job_context *c = j->context;
  c->rounds = o->systems;
  MST_TRY(mst_job_result(c, "iterations", t->iterations, false));
  MST_TRY(mst_job_result(c, "iterations_late", t->late, false));
  MST_TRY(mst_job_result(c, "unsolved", t->failed, false));
  if (o->compare) {
    MST_TRY(mst_job_result(c, "best_fixed", t->best_fixed, false));
    MST_TRY(mst_job_result(c, "best_omega", t->best_omega, false));
    MST_TRY(mst_job_result(c, "best_each", t->best_each, false));
    MST_TRY(mst_job_result(c, "at_one", t->at_one, false));
    MST_TRY(mst_job_result(c, "at_one_half", t->at_one_half, false));
    MST_TRY(mst_job_result(c, "regret", t->iterations - t->best_fixed, false));
  }
  const mst_job_count figure[] = {{"systems", o->systems}, {"instances", o->seeds}, {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status tune(tuning_job *j) {
  mst_tuning_totals t;
  MST_TRY(mst_job_fits(j->experiment, mst_tuning_plan(&j->options)));
  MST_TRY(mst_tuning(j->team, &j->options, j->context->observer, &t));
  return mst_team_agree(j->team, list_figures(j, &t));
}

static mst_status run_tuning(mst_job_context *context) {
  tuning_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = mst_team_agree(j.team, read_settings(&j));
  if (st == MST_OK) st = open_data(&j);
  if (st == MST_OK) st = context->dry_run ? mst_team_agree(j.team, write_estimate(&j)) : tune(&j);
  mst_dataset_close(j.data);
  return st;
}

const mst_job_ops mst_job_tuning = {
    .name = "tuning",
    .summary = "relaxations that are learned along a sequence of linear systems",
    .sections = sections,
    .run = run_tuning};
