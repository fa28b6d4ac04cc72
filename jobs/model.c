/* A model between the experiment, the rows and the run file. Every step that can fail on one rank
 * is agreed on before the next. */
#include "jobs/model.h"

#include <string.h>

#include "core/base/arithmetic.h"

/* Settings of a norm that is not asked for. */
static mst_status check_norm_keys(const mst_experiment *e, const mst_model *m) {
  static const char *const keys[] = {"model.ghost", "model.momentum"};
  if (m->spec.norm != NULL && strcmp(m->spec.norm, "batch") == 0) return MST_OK;
  for (int i = 0; i < 2; i++)
    if (mst_experiment_knows(e, keys[i]) && mst_experiment_is_said(e, keys[i]))
      return mst_experiment_refuse(e, keys[i], "only model.norm: batch has ghost batches");
  return MST_OK;
}

mst_status mst_job_model_create(const mst_job_data *d, const mst_model_spec *spec,
                                mst_model **out) {
  mst_row_shape shape = mst_job_model_shape(d->features);
  mst_status st = mst_model_create(spec, &shape, d->train.label != NULL, d->outputs, out);
  st = mst_team_agree(d->team, st);
  if (st != MST_OK) return mst_fail_within(st, "model.kind: %s: ", spec->kind);
  return mst_team_agree(d->team, check_norm_keys(d->context->experiment, *out));
}

void mst_job_bound_batch(const mst_job_data *d, int64_t *batch) {
  const mst_roster *r = d->train.roster;
  int64_t most = 1;
  for (int64_t k = 0; k < r->clients; k++)
    most = mst_most(most, r->client_first[k + 1] - r->client_first[k]);
  *batch = mst_least(*batch, most);
}

mst_status mst_job_place_rows(mst_job_data *d, int64_t groups, double holdout, uint64_t seed,
                              const mst_clients_spill *spill, mst_clients **out) {
  mst_job_set *set = &d->train;
  mst_rows_assign(set->rows, set->roster, groups);
  MST_TRY(mst_clients_create(d->team, set->rows, set->roster, set->label, d->features, holdout,
                             seed, spill, out));
  mst_rows_destroy(set->rows);
  set->rows = NULL;
  return MST_OK;
}

mst_status mst_job_test_rows(mst_job_data *d, mst_test_rows *test) {
  *test = (mst_test_rows){.rows = NULL};
  if (d->test.file == NULL) return MST_OK;
  MST_TRY(mst_job_data_place_test(d, 1));
  *test = (mst_test_rows){.rows = d->test.rows,
                          .roster = d->test.roster,
                          .label = d->test.label,
                          .features = d->features};
  return MST_OK;
}

mst_status mst_job_list_tensors(const mst_model *m, const float *w, int64_t count,
                                mst_state *state) {
  float *writable = (float *)(uintptr_t)w; /* a list may be read into; this one is only written */
  for (int t = 0; t < m->tensors && m->tensor[t].offset < count; t++)
    MST_TRY(mst_state_add(state, m->tensor[t].name, MST_F32, m->tensor[t].dims, m->tensor[t].shape,
                          writable + m->tensor[t].offset));
  return MST_OK;
}

mst_status mst_job_report_model(const mst_job_data *d, mst_status made, mst_state *state) {
  const mst_observer *o = d->context->observer;
  mst_status st = made;
  if (st == MST_OK) st = mst_features_parameters(d->features, state);
  st = mst_team_agree(d->team, st);
  if (st == MST_OK && o->on_state) st = o->on_state(o->context, d->context->rounds, state);
  mst_state_clear(state);
  return st;
}
