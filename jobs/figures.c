/* Numbers by name, into the JSON objects that jobs/run.c prints and records. */
#include "jobs/figures.h"

#include <math.h>

#include "jobs/output.h"

mst_status mst_job_result(mst_job_context *context, const char *name, double value, bool whole) {
  json_t *number = whole ? json_integer((json_int_t)value) : mst_json_real(value);
  if (!number || json_object_set_new(context->result, name, number) != 0)
    return mst_fail(MST_ERR_MEMORY, "no memory for the result");
  return MST_OK;
}

mst_status mst_job_results(mst_job_context *context, const mst_job_count *figure) {
  for (const mst_job_count *f = figure; f->name != NULL; f++)
    MST_TRY(mst_job_result(context, f->name, (double)f->value, true));
  return MST_OK;
}

mst_status mst_job_scores(const mst_job_data *d, double accuracy, double loss, double train_loss) {
  mst_job_context *c = d->context;
  if (d->test.file && !isnan(accuracy)) MST_TRY(mst_job_result(c, "accuracy", accuracy, false));
  if (d->test.file) MST_TRY(mst_job_result(c, "loss", loss, false));
  return mst_job_result(c, "train_loss", train_loss, false);
}

mst_status mst_job_estimate(mst_job_context *context, const mst_job_count *figure) {
  for (const mst_job_count *f = figure; f->name != NULL; f++)
    if (json_object_set_new(context->estimate, f->name, json_integer(f->value)) != 0)
      return mst_fail(MST_ERR_MEMORY, "no memory for the estimate");
  return MST_OK;
}

mst_status mst_job_estimate_real(mst_job_context *context, const char *name, double value) {
  if (json_object_set_new(context->estimate, name, mst_json_real(value)) == 0) return MST_OK;
  return mst_fail(MST_ERR_MEMORY, "no memory for the estimate");
}
