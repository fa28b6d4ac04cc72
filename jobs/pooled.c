/* What jobs without clients share. Plans count with the rows of data.train as the file has them. */
#include "jobs/pooled.h"

#include "core/base/arithmetic.h"
#include "jobs/model.h"
#include "jobs/record.h"

#define GROUP_BYTES ((int64_t)16 << 20) /* of rows that are brought to their nodes at a time */

static int64_t row_bytes(const mst_job_data *d) {
  const mst_dataset_info *info = d->train.info;
  bool values = info->target == MST_TARGET_VALUES;
  return 4 * (info->row_elements + (values ? info->outputs : 0));
}

int64_t mst_pooled_window(const mst_job_data *d) {
  return d->memory / 4;
}

int64_t mst_pooled_groups(const mst_job_data *d, int ranks) {
  return mst_ceil_div(mst_ceil_div(d->train.info->rows, ranks) * row_bytes(d), GROUP_BYTES);
}

void mst_pooled_plan(const mst_job_data *d, const mst_model *model,
                     const mst_train_options *options, int64_t more, int64_t *rank_bytes,
                     int64_t *node_bytes) {
  int ranks = mst_job_ranks(d->context), domains = mst_job_domains(d->context);
  int64_t rows = d->train.info->rows, steps = 0;
  int64_t target = d->train.label != NULL ? 4 : 4 * model->outputs;
  int64_t reading = mst_least(mst_ceil_div(rows, ranks) * row_bytes(d), mst_pooled_window(d));
  mst_train_plan(ranks, domains, model, rows, options, &steps, node_bytes);
  steps += more;
  if (d->test.file) steps += mst_ceil_div(d->test.info->rows, ranks) * row_bytes(d);
  *rank_bytes = d->base_bytes + mst_most(steps, reading + 3 * GROUP_BYTES);
  *node_bytes += mst_ceil_div(rows, domains) * (4 * model->inputs + target);
}

mst_status mst_pooled_check_memory(const mst_job_data *d, int64_t rank_bytes, int64_t node_bytes) {
  int64_t mates = mst_most(mst_job_ranks(d->context) / mst_job_domains(d->context), 1);
  int64_t need = rank_bytes + mst_ceil_div(node_bytes, mates);
  if (need <= d->memory) return MST_OK;
  return mst_fail(
      MST_ERR_MEMORY,
      "the rows, the model and their sums need %.3f GiB a rank, more than the %.3f GiB that "
      "it may use: give resources.memory, or more nodes, over which the rows are divided",
      (double)need / 0x1p30, (double)d->memory / 0x1p30);
}

static mst_status count_confusion(void *training, const mst_test_rows *test, int64_t classes,
                                  int64_t *confusion) {
  return mst_train_confusion(training, test, classes, confusion);
}

mst_status mst_pooled_record_test(const mst_job_data *d, const mst_test_rows *test,
                                  mst_train *train) {
  return mst_record_test(d, test, count_confusion, train);
}

mst_status mst_pooled_report_model(const mst_job_data *d, const mst_model *model,
                                   const mst_train *train) {
  mst_state state;
  mst_state_init(&state);
  mst_status st =
      mst_job_list_tensors(model, mst_train_parameters(train), model->parameters, &state);
  return mst_job_report_model(d, st, &state);
}
