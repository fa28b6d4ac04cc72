/* What a job writes into its run file beside the model and the metrics. Every rank counts from the
 * labels that it has of all rows; the arrays are replicated. */
#include "jobs/record.h"

#include "core/base/memory.h"

#define MOST_LABEL_CELLS ((int64_t)4 << 20) /* of /clients/labels */

mst_status mst_record_group(mst_team *team, mst_runfile *file, mst_status made, const char *group,
                            mst_state *state) {
  mst_status st = mst_team_agree(team, made);
  if (st == MST_OK) st = mst_runfile_arrays(file, group, state);
  mst_state_clear(state);
  return st;
}

mst_status mst_record_shape(mst_team *team, mst_runfile *file, const mst_row_shape *shape,
                            int64_t n_classes, int64_t outputs) {
  mst_state state;
  int64_t one = 1, most = 3, size[3] = {0};
  for (int i = 0; i < shape->dims; i++) size[i] = shape->size[i];
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "row_shape", MST_I64, 1, &most, size);
  if (st == MST_OK) st = mst_state_add(&state, "n_classes", MST_I64, 1, &one, &n_classes);
  if (st == MST_OK) st = mst_state_add(&state, "outputs", MST_I64, 1, &one, &outputs);
  return mst_record_group(team, file, st, "data", &state);
}

/* Classes of the model: more than those of the training rows where it knows others from elsewhere. */
static int64_t classes_of(const mst_job_data *d) {
  return d->train.info->target == MST_TARGET_CLASSES ? d->outputs : d->train.info->n_classes;
}

/* rows(clients) and, unless NULL, label(clients, classes). */
static void count_rows(const mst_job_data *d, int64_t *rows, int32_t *label) {
  const mst_roster *r = d->train.roster;
  int64_t classes = classes_of(d);
  for (int64_t k = 0; k < r->clients; k++) {
    rows[k] = r->client_first[k + 1] - r->client_first[k];
    for (int64_t i = r->client_first[k]; label != NULL && i < r->client_first[k + 1]; i++)
      label[k * classes + d->train.label[i]]++;
  }
}

mst_status mst_record_data(const mst_job_data *d) {
  mst_state state;
  int64_t *rows = NULL, clients = d->clients, classes = classes_of(d);
  int32_t *label = NULL;
  bool mixed = d->train.label != NULL && classes <= MOST_LABEL_CELLS / clients;
  MST_TRY(mst_record_shape(d->team, d->context->runfile, &d->shape, classes, d->outputs));
  if (d->pooled || d->secret) return MST_OK;
  mst_state_init(&state);
  mst_status st = mst_alloc(&rows, clients, sizeof *rows, "sizes of clients");
  if (st == MST_OK && mixed)
    st = mst_alloc(&label, clients * classes, sizeof *label, "label mix of clients");
  if (st == MST_OK) count_rows(d, rows, label);
  if (st == MST_OK) st = mst_state_add(&state, "rows", MST_I64, 1, &clients, rows);
  if (st == MST_OK && mixed)
    st = mst_state_add(&state, "labels", MST_I32, 2, (int64_t[]){clients, classes}, label);
  st = mst_record_group(d->team, d->context->runfile, st, "clients", &state);
  mst_free(label);
  mst_free(rows);
  return st;
}

mst_status mst_record_accuracy(mst_job_context *context, int64_t clients, const double *accuracy) {
  mst_state state;
  mst_state_init(&state);
  mst_status st =
      mst_state_add(&state, "accuracy", MST_F64, 1, &clients, (double *)(uintptr_t)accuracy);
  return mst_record_group(context->team, context->runfile, st, "clients", &state);
}

mst_status mst_record_room(const mst_job_data *d, int64_t **confusion) {
  int64_t classes = classes_of(d);
  *confusion = NULL;
  if (d->test.file == NULL || d->train.label == NULL || classes > MST_RECORD_CLASSES) return MST_OK;
  return mst_team_agree(
      d->team, mst_alloc(confusion, classes * classes, sizeof **confusion, "confusion matrix"));
}

mst_status mst_record_confusion(const mst_job_data *d, const int64_t *confusion) {
  mst_state state;
  int64_t classes = classes_of(d);
  if (confusion == NULL) return MST_OK;
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "confusion", MST_I64, 2, (int64_t[]){classes, classes},
                                (int64_t *)(uintptr_t)confusion);
  return mst_record_group(d->team, d->context->runfile, st, "evaluation", &state);
}

mst_status mst_record_test(const mst_job_data *d, const mst_test_rows *test,
                           mst_status (*count)(void *model, const mst_test_rows *test,
                                               int64_t classes, int64_t *confusion),
                           void *model) {
  int64_t *confusion = NULL;
  mst_status st = mst_record_room(d, &confusion);
  if (st == MST_OK && confusion != NULL)
    st = count(model, test, classes_of(d), confusion);
  if (st == MST_OK) st = mst_record_confusion(d, confusion);
  mst_free(confusion);
  return st;
}
