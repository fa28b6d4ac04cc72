/* A run's model once more: what it is, from the experiment's text; for which rows, from /data; its
 * numbers, from /model. */
#include "jobs/rebuild.h"

#include <string.h>

#include "core/base/memory.h"
#include "io/changes.h"
#include "io/text.h"
#include "jobs/analytic_depth.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/model.h"

static bool has_family(const mst_job_ops *job, const mst_family *f) {
  for (const mst_job_section *s = job->sections; s->keys != NULL || s->family != NULL; s++)
    if (s->family == f) return true;
  return false;
}

/* Is the model that all clients share only a part of one? */
static bool keeps_layers(const mst_rebuilt *m) {
  mst_setting s;
  if (!mst_setting_find(m->outcome.experiment, "personal.keep", &s)) return false;
  return s.length != 1 || s.value[0] != '0';
}

/* The experiment as the run had it. */
static mst_status parse_experiment(mst_rebuilt *m) {
  mst_text named = MST_TEXT_EMPTY;
  MST_TRY(mst_text_add(&named, "%s: /experiment", m->path));
  m->named = named.at;
  MST_TRY(mst_job_experiment(m->outcome.experiment, m->named, NULL, 0, &m->job, &m->schema,
                             &m->experiment));
  if (keeps_layers(m))
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "%s: every client of the run kept layers of its own (personal.keep): there is no "
        "model for the rows of others",
        m->path);
  if (m->job == &mst_job_analytic || has_family(m->job, &mst_family_models)) return MST_OK;
  return mst_fail(MST_ERR_UNSUPPORTED, "%s: a run of job '%s' has no model that could be applied",
                  m->path, m->job->name);
}

/* What the run's data were like. Collective. */
static mst_status read_data_shape(mst_team *team, mst_rebuilt *m) {
  mst_state state;
  int64_t one = 1, most = 3;
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "row_shape", MST_I64, 1, &most, m->row_shape);
  if (st == MST_OK) st = mst_state_add(&state, "n_classes", MST_I64, 1, &one, &m->n_classes);
  if (st == MST_OK) st = mst_state_add(&state, "outputs", MST_I64, 1, &one, &m->outputs);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_runfile_read(team, m->path, "data", &state);
  mst_state_clear(&state);
  if (st == MST_ERR_INPUT)
    return mst_fail(
        MST_ERR_FORMAT,
        "%s: does not say of what shape the rows were (/data/row_shape): an earlier muster "
        "wrote it, or another job",
        m->path);
  bool sound = m->outputs >= 1 && m->outputs <= INT32_MAX &&
               (m->n_classes == 0 || m->n_classes == m->outputs);
  if (st == MST_OK && !sound)
    st = mst_fail(MST_ERR_FORMAT, "%s: /data: %lld outputs of %lld classes cannot be", m->path,
                  (long long)m->outputs, (long long)m->n_classes);
  return st;
}

mst_status mst_rebuilt_open(mst_team *team, const char *path, mst_rebuilt *m) {
  m->path = path;
  MST_TRY(mst_runfile_outcome(team, path, &m->outcome));
  MST_TRY(mst_team_agree(team, parse_experiment(m)));
  return read_data_shape(team, m);
}

static mst_status show_shape(int dims, const int64_t *size, mst_text *out) {
  if (dims == 0) return mst_text_add(out, "nothing");
  for (int i = 0; i < dims; i++)
    MST_TRY(mst_text_add(out, "%s%lld", i > 0 ? " x " : "", (long long)size[i]));
  return MST_OK;
}

static int row_dims(const mst_rebuilt *m) {
  int dims = 0;
  while (dims < 3 && m->row_shape[dims] > 0) dims++;
  return dims;
}

static mst_status check_rows(const mst_rebuilt *m, const char *name, const mst_dataset_info *d) {
  int dims = row_dims(m);
  bool same = d->row_dims == dims;
  for (int k = 0; same && k < dims; k++) same = d->row_size[k] == m->row_shape[k];
  if (same) return MST_OK;
  mst_text found = MST_TEXT_EMPTY, wanted = MST_TEXT_EMPTY;
  mst_status st = show_shape(d->row_dims, d->row_size, &found);
  if (st == MST_OK) st = show_shape(dims, m->row_shape, &wanted);
  if (st == MST_OK)
    st = mst_fail(MST_ERR_INPUT, "%s: its rows are %s, those that the model was trained on %s",
                  name, found.at, wanted.at);
  mst_text_free(&found);
  mst_text_free(&wanted);
  return st;
}

static mst_status check_targets(const mst_rebuilt *m, const char *name, const mst_dataset_info *d) {
  if (d->target == MST_TARGET_NONE) return MST_OK;
  if ((d->target == MST_TARGET_CLASSES) != (m->n_classes > 0))
    return mst_fail(MST_ERR_INPUT, "%s: its /y holds %s, the model gives %s", name,
                    m->n_classes > 0 ? "values" : "classes",
                    m->n_classes > 0 ? "classes" : "values");
  if (m->n_classes > 0 && d->n_classes > m->n_classes)
    return mst_fail(MST_ERR_INPUT, "%s: it has %lld classes, the model %lld", name,
                    (long long)d->n_classes, (long long)m->n_classes);
  if (m->n_classes == 0 && d->outputs != m->outputs)
    return mst_fail(MST_ERR_INPUT, "%s: its /y has %lld columns, the model gives %lld values", name,
                    (long long)d->outputs, (long long)m->outputs);
  return MST_OK;
}

mst_status mst_rebuilt_check(const mst_rebuilt *m, const char *name, const mst_dataset_info *data) {
  MST_TRY(check_rows(m, name, data));
  return check_targets(m, name, data);
}

/* Room for the analytic model's arrays, and their place in the list. */
static mst_status list_analytic(mst_rebuilt *m, mst_state *state) {
  mst_analytic_model *a = &m->analytic;
  a->d = m->features->width;
  a->c = m->outputs;
  MST_TRY(mst_alloc(&a->weights, a->d * a->c, sizeof *a->weights, "weights"));
  MST_TRY(mst_alloc(&a->intercept, a->c, sizeof *a->intercept, "intercept"));
  MST_TRY(mst_state_add(state, "weights", MST_F64, 2, (int64_t[]){a->d, a->c}, a->weights));
  MST_TRY(mst_state_add(state, "intercept", MST_F64, 1, (int64_t[]){a->c}, a->intercept));
  m->trained.analytic = a;
  return MST_OK;
}

static mst_status list_model(mst_rebuilt *m, mst_state *state) {
  mst_model_spec spec = {.kind = NULL};
  MST_TRY(mst_family_read(&mst_family_models, m->experiment, &spec));
  mst_row_shape shape = mst_job_model_shape(m->features);
  MST_TRY(mst_model_create(&spec, &shape, m->n_classes > 0, m->outputs, &m->model));
  const mst_model *model = m->model;
  MST_TRY(mst_alloc(&m->w, model->parameters, sizeof *m->w, "parameters"));
  MST_TRY(mst_job_list_tensors(model, m->w, model->parameters, state));
  m->trained.model = model;
  m->trained.w = m->w;
  m->trained.outputs = model->outputs;
  return MST_OK;
}

static mst_status list_arrays(mst_rebuilt *m, mst_state *state) {
  mst_features_spec spec;
  mst_row_shape shape = {.dims = row_dims(m)};
  for (int k = 0; k < shape.dims; k++) shape.size[k] = m->row_shape[k];
  MST_TRY(mst_job_features(m->experiment, &spec));
  MST_TRY(mst_features_create(&spec, &shape, &m->features));
  if (m->job == &mst_job_analytic)
    MST_TRY(mst_job_depth_wrap(m->experiment, m->outputs, &m->features));
  m->trained =
      (mst_trained){.features = m->features, .classes = m->n_classes > 0, .outputs = m->outputs};
  MST_TRY(m->job == &mst_job_analytic ? list_analytic(m, state) : list_model(m, state));
  return mst_features_parameters(m->features, state);
}

mst_status mst_rebuilt_load(mst_team *team, mst_rebuilt *m) {
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_team_agree(team, list_arrays(m, &state));
  if (st == MST_OK) st = mst_runfile_read(team, m->path, "model", &state);
  mst_state_clear(&state);
  return st == MST_OK ? MST_OK : mst_fail_within(st, "the model cannot be rebuilt: ");
}

static bool same_words(const char *a, const char *b) {
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_shape(const mst_rebuilt *a, const mst_rebuilt *b) {
  return memcmp(a->row_shape, b->row_shape, sizeof a->row_shape) == 0 &&
         a->n_classes == b->n_classes && a->outputs == b->outputs;
}

static bool same_model(const mst_model *a, const mst_model *b) {
  if (a->ops != b->ops || a->loss != b->loss || a->spec.stable_max != b->spec.stable_max ||
      a->spec.groups != b->spec.groups || a->tensors != b->tensors ||
      !same_words(a->spec.activation, b->spec.activation))
    return false;
  for (int i = 0; i < a->tensors; i++)
    if (strcmp(a->tensor[i].name, b->tensor[i].name) != 0 ||
        a->tensor[i].dims != b->tensor[i].dims ||
        memcmp(a->tensor[i].shape, b->tensor[i].shape,
               (size_t)a->tensor[i].dims * sizeof a->tensor[i].shape[0]) != 0)
      return false;
  return true;
}

static bool same_item(const mst_state_item *a, const mst_state_item *b) {
  int64_t n = mst_state_local_elements(a);
  return strcmp(a->name, b->name) == 0 && a->type == b->type && n == mst_state_local_elements(b) &&
         memcmp(a->data, b->data, (size_t)(n * mst_dtype_size(a->type))) == 0;
}

/* Maps that differ in their seeds alone have other arrays. */
static mst_status same_features(const mst_features *a, const mst_features *b, bool *same) {
  mst_state left, right;
  mst_state_init(&left);
  mst_state_init(&right);
  mst_status st = mst_features_parameters((mst_features *)(uintptr_t)a, &left);
  if (st == MST_OK) st = mst_features_parameters((mst_features *)(uintptr_t)b, &right);
  *same = mst_features_alike(a, b) && left.n == right.n;
  for (int i = 0; i < left.n && *same && st == MST_OK; i++)
    *same = same_item(&left.item[i], &right.item[i]);
  mst_state_clear(&left);
  mst_state_clear(&right);
  return st;
}

mst_status mst_rebuilt_check_same(const mst_rebuilt *a, const mst_rebuilt *b) {
  bool same = false;
  if (!same_shape(a, b))
    return mst_fail(MST_ERR_INPUT, "%s and %s were trained on rows or targets of other shapes",
                    a->path, b->path);
  if (a->model == NULL || b->model == NULL || !same_model(a->model, b->model))
    return mst_fail(MST_ERR_INPUT, "%s and %s hold different models", a->path, b->path);
  MST_TRY(same_features(a->features, b->features, &same));
  if (same) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "%s and %s hold models of different features", a->path, b->path);
}

void mst_rebuilt_clear(mst_rebuilt *m) {
  mst_free(m->w);
  mst_model_destroy(m->model);
  mst_analytic_model_free(&m->analytic);
  mst_features_destroy(m->features);
  mst_experiment_free(m->experiment);
  mst_job_schema_clear(&m->schema);
  mst_free(m->named);
  mst_outcome_clear(&m->outcome);
}
