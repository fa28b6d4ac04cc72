/* Rows of a dataset for a bandit: settings, reading, refusals. */
#include "jobs/bandit_rows.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/dataset.h"
#include "io/dataset_digest.h"
#include "jobs/options.h"

const mst_key_spec mst_keys_bandit_rows[] = {
    {.key = "data.train",
     .type = MST_KEY_PATH,
     .fallback = MST_KEY_REQUIRED,
     .unit = "",
     .help = "environment.kind rows: dataset whose classes are the arms, or whose values, one a "
             "column, are what the arms pay"},
    {.key = NULL}};

static mst_status check_keys(const mst_experiment *e) {
  static const char *const meaningless[] = {
      "environment.dimension", "environment.arms",   "environment.sets", "environment.noise",
      "environment.theta",     "environment.length", "environment.link"};
  for (size_t i = 0; i < sizeof meaningless / sizeof meaningless[0]; i++)
    if (mst_experiment_is_said(e, meaningless[i]))
      return mst_experiment_refuse(e, meaningless[i],
                                   "but environment.kind: rows takes all from data.train");
  return MST_OK;
}

/* Every rank holds all rows, and may have all instances, each with an order of its own. */
static mst_status plan(mst_job_bandit_rows *r, const mst_dataset_info *info,
                       const mst_experiment *e, int64_t instances) {
  const int64_t row = 4 * (info->row_elements + info->outputs);
  if (__builtin_mul_overflow(info->rows, row + 8 * instances, &r->bytes)) r->bytes = INT64_MAX;
  mst_status st = mst_job_fits(e, r->bytes);
  if (st == MST_OK) return MST_OK;
  return mst_fail_within(st, "data.train, of which every rank holds all rows: ");
}

/* The largest product of two numbers of a row; the first row that is not finite is refused. */
static mst_status look(mst_job_bandit_rows *r, int64_t d, int64_t arms) {
  r->rows.most = 1;
  for (int64_t i = 0; i < r->rows.rows; i++) {
    double x = 1, y = 1, sum = 0;
    for (int64_t k = 0; k < d; k++) {
      x = fmax(x, fabs((double)r->x[i * d + k]));
      sum += (double)r->x[i * d + k];
    }
    for (int64_t a = 0; a < arms && r->value != NULL; a++) {
      y = fmax(y, fabs((double)r->value[i * arms + a]));
      sum += (double)r->value[i * arms + a];
    }
    if (!isfinite(sum))
      return mst_fail(MST_ERR_NONFINITE,
                      "data.train: row %lld, counted from 0, holds NaN or infinity", (long long)i);
    r->rows.most = fmax(r->rows.most, x * fmax(x, y));
  }
  return MST_OK;
}

static mst_status allocate(mst_job_bandit_rows *r, const mst_dataset_info *info) {
  const bool classes = info->target == MST_TARGET_CLASSES;
  const int64_t n = info->rows;
  MST_TRY(mst_alloc(&r->x, n * info->row_elements, sizeof *r->x, "rows of a bandit"));
  if (classes) return mst_alloc(&r->label, n, sizeof *r->label, "rows of a bandit");
  return mst_alloc(&r->value, n * info->outputs, sizeof *r->value, "rows of a bandit");
}

/* Collective. */
static mst_status read_rows(mst_job_bandit_rows *r, mst_job_context *c, mst_dataset *d) {
  const mst_dataset_info *info = mst_dataset_about(d);
  const bool classes = info->target == MST_TARGET_CLASSES;
  char hex[MST_DIGEST_HEX];
  MST_TRY(mst_team_agree(c->team, allocate(r, info)));
  MST_TRY(mst_dataset_read_x(d, 0, info->rows, r->x));
  MST_TRY(classes ? mst_dataset_read_labels(d, 0, info->rows, r->label)
                  : mst_dataset_read_values(d, 0, info->rows, r->value));
  MST_TRY(mst_team_agree(c->team, look(r, info->row_elements, info->outputs)));
  if (c->runfile == NULL) return MST_OK;
  MST_TRY(mst_dataset_digest_file(c->team, mst_experiment_path(c->experiment, "data.train"), false,
                                  hex));
  return mst_runfile_input(c->runfile, "data.train", hex);
}

/* Collective. */
static mst_status take(mst_job_bandit_rows *r, mst_job_context *c, mst_dataset *d,
                       mst_bandit_options *o) {
  const mst_dataset_info *info = mst_dataset_about(d);
  const bool classes = info->target == MST_TARGET_CLASSES;
  if (info->target == MST_TARGET_NONE)
    return mst_experiment_refuse(c->experiment, "data.train",
                                 "the dataset has no /y, which says what arms pay");
  if (classes && mst_experiment_is_said(c->experiment, "environment.pays"))
    return mst_experiment_refuse(c->experiment, "environment.pays",
                                 "but data.train has classes: the right one pays 1, others 0");
  r->rows.rows = info->rows;
  r->rows.agents = o->one_active ? 1 : o->agents;
  r->rows.most = 1;
  o->environment.dimension = info->row_elements + o->environment.constant;
  o->environment.arms = classes ? info->n_classes : info->outputs;
  o->environment.noise = 0;
  MST_TRY(mst_team_agree(c->team, plan(r, info, c->experiment, o->seeds)));
  if (!c->dry_run) MST_TRY(read_rows(r, c, d));
  r->rows.x = r->x;
  r->rows.label = r->label;
  r->rows.value = r->value;
  o->environment.rows = &r->rows;
  return MST_OK;
}

mst_status mst_job_bandit_rows_read(mst_job_bandit_rows *r, mst_job_context *c,
                                    mst_bandit_options *o) {
  const mst_experiment *e = c->experiment;
  const bool given = mst_experiment_knows(e, "data.train");
  *r = (mst_job_bandit_rows){.x = NULL};
  if (strcmp(o->environment.kind, "rows") != 0)
    return given ? mst_experiment_refuse(e, "data.train", "but environment.kind: %s reads no rows",
                                         o->environment.kind)
                 : MST_OK;
  if (!given)
    return mst_experiment_refuse(e, "environment.kind", "which needs a dataset: data.train");
  MST_TRY(check_keys(e));
  mst_dataset *d = NULL;
  MST_TRY(mst_dataset_open(c->team, mst_experiment_path(e, "data.train"), &d));
  const mst_status st = take(r, c, d, o);
  mst_dataset_close(d);
  return st;
}

void mst_job_bandit_rows_clear(mst_job_bandit_rows *r) {
  mst_free(r->x);
  mst_free(r->value);
  mst_free(r->label);
  *r = (mst_job_bandit_rows){.x = NULL};
}
