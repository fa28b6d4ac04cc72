/* `muster inspect`: what a file of muster holds, and whether it is whole. A dataset is read from
 * end to end (every checksum is verified on the way) and summarised; of a run file the digest is
 * computed anew and compared. */
#include "jobs/jobs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "io/text.h"

#define BATCH_BYTES (8 << 20)  /* of rows that a rank reads at a time             */
#define SHOWN_CLASSES 30       /* lines of the histogram                          */
#define LARGEST_CLIENT 10000000

/* What one pass over a dataset finds; sums over ranks after reduce. */
typedef struct summary {
  int64_t *histogram;     /* (n_classes)                                       */
  int64_t nonfinite_rows;
  double range[2];        /* -min, max of the finite values: both by maximum   */
  double total[2];        /* sum and number of the finite values               */
} summary;

static void count_values(const float *x, int64_t rows, int64_t elements, summary *s) {
  for (int64_t i = 0; i < rows; i++) {
    bool finite = true;
    for (int64_t j = 0; j < elements; j++) {
      double v = x[i * elements + j];
      if (!isfinite(v)) {
        finite = false;
        continue;
      }
      if (-v > s->range[0]) s->range[0] = -v;
      if (v > s->range[1]) s->range[1] = v;
      s->total[0] += v;
      s->total[1] += 1.0;
    }
    s->nonfinite_rows += !finite;
  }
}

/* This rank's share of the rows, batch by batch; every rank makes the same number of calls. */
static mst_status scan(mst_team *team, mst_dataset *d, const mst_dataset_info *info, float *x,
                       int32_t *label, int64_t batch, summary *s) {
  int64_t p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t share = (info->rows + p - 1) / p;
  for (int64_t done = 0; done < share; done += batch) {
    int64_t first = rank * share + done, count = share - done < batch ? share - done : batch;
    if (first > info->rows) first = info->rows;
    if (first + count > info->rows) count = info->rows - first;
    MST_TRY(mst_dataset_read_x(d, first, count, x));
    count_values(x, count, info->row_elements, s);
    if (info->target != MST_TARGET_CLASSES) continue;
    MST_TRY(mst_dataset_read_labels(d, first, count, label));
    for (int64_t i = 0; i < count; i++) s->histogram[label[i]]++;
  }
  return MST_OK;
}

static mst_status summarise(mst_team *team, mst_dataset *d, const mst_dataset_info *info,
                            summary *s) {
  float *x = NULL;
  int32_t *label = NULL;
  int64_t batch = BATCH_BYTES / (4 * info->row_elements);
  if (batch < 1) batch = 1;
  *s = (summary){.range = {-HUGE_VAL, -HUGE_VAL}};
  mst_status st = mst_alloc(&s->histogram, info->n_classes, sizeof *s->histogram, "histogram");
  if (st == MST_OK) st = mst_alloc(&x, batch * info->row_elements, sizeof *x, "rows being read");
  if (st == MST_OK) st = mst_alloc(&label, batch, sizeof *label, "labels being read");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = scan(team, d, info, x, label, batch, s);
  if (st == MST_OK) st = mst_sum_i64(team, s->histogram, info->n_classes);
  if (st == MST_OK) st = mst_sum_i64(team, &s->nonfinite_rows, 1);
  if (st == MST_OK) st = mst_max_f64(team, s->range, 2);
  if (st == MST_OK) st = mst_sum_fast(team, s->total, 2);
  mst_free(label);
  mst_free(x);
  return st;
}

/* Sizes of natural clients: how many there are, the smallest and the largest. */
static mst_status print_clients(mst_team *team, mst_dataset *d, const mst_dataset_info *info) {
  int32_t *client = NULL;
  int64_t *size = NULL, largest = -1, clients = 0;
  int64_t p = mst_team_size(team), share = (info->rows + p - 1) / p;
  int64_t first = mst_team_rank(team) * share;
  if (first > info->rows) first = info->rows;
  int64_t count = info->rows - first < share ? info->rows - first : share;
  mst_status st = mst_team_agree(team, mst_alloc(&client, count, sizeof *client, "clients of rows"));
  if (st == MST_OK) st = mst_dataset_read_i32(d, "client", first, count, client);
  for (int64_t i = 0; st == MST_OK && i < count; i++)
    if (client[i] > largest) largest = client[i];
  if (st == MST_OK) st = mst_max_i64(team, &largest, 1);
  clients = largest + 1;
  if (st == MST_OK && clients > LARGEST_CLIENT) {
    st = mst_print(team, "clients        numbers up to %lld\n", (long long)largest);
  } else if (st == MST_OK) {
    st = mst_team_agree(team, mst_alloc(&size, clients, sizeof *size, "sizes of clients"));
    for (int64_t i = 0; st == MST_OK && i < count; i++)
      if (client[i] >= 0) size[client[i]]++;
    if (st == MST_OK) st = mst_sum_i64(team, size, clients);
    int64_t least = clients > 0 && st == MST_OK ? size[0] : 0, most = 0;
    for (int64_t k = 0; st == MST_OK && k < clients; k++) {
      if (size[k] < least) least = size[k];
      if (size[k] > most) most = size[k];
    }
    if (st == MST_OK)
      st = mst_print(team, "clients        %lld, of %lld to %lld rows\n", (long long)clients,
                     (long long)least, (long long)most);
  }
  mst_free(size);
  mst_free(client);
  return st;
}

static mst_status print_about(mst_team *team, const char *path, const mst_dataset_info *info) {
  MST_TRY(mst_print(team, "%s\nformat         dataset\nrows           %lld\nrow shape      ", path,
                    (long long)info->rows));
  for (int i = 0; i < info->row_dims; i++)
    MST_TRY(mst_print(team, "%s%lld", i > 0 ? " x " : "", (long long)info->row_size[i]));
  MST_TRY(mst_print(team, "\n"));
  switch (info->target) {
    case MST_TARGET_CLASSES:
      MST_TRY(mst_print(team, "targets        %lld classes\n", (long long)info->n_classes));
      break;
    case MST_TARGET_VALUES:
      MST_TRY(mst_print(team, "targets        %lld value%s a row\n", (long long)info->outputs,
                        info->outputs == 1 ? "" : "s"));
      break;
    case MST_TARGET_NONE: MST_TRY(mst_print(team, "targets        none\n")); break;
  }
  if (info->task[0] != '\0') MST_TRY(mst_print(team, "task           %s\n", info->task));
  if (info->source[0] != '\0') MST_TRY(mst_print(team, "source         %s\n", info->source));
  if (info->has_group) MST_TRY(mst_print(team, "groups         yes\n"));
  if (info->has_weight) MST_TRY(mst_print(team, "weights        yes\n"));
  return MST_OK;
}

static mst_status print_summary(mst_team *team, const mst_dataset_info *info, const summary *s) {
  if (s->total[1] > 0.0)
    MST_TRY(mst_print(team, "x              min %.9g, max %.9g, mean %.6g\n", -s->range[0],
                      s->range[1], s->total[0] / s->total[1]));
  if (s->nonfinite_rows > 0)
    MST_TRY(mst_print(team, "non-finite     %lld rows hold NaN or infinity\n",
                      (long long)s->nonfinite_rows));
  for (int64_t c = 0; c < info->n_classes && c < SHOWN_CLASSES; c++)
    MST_TRY(mst_print(team, "class %-8lld %lld rows\n", (long long)c, (long long)s->histogram[c]));
  if (info->n_classes > SHOWN_CLASSES)
    MST_TRY(mst_print(team, "               and %lld classes more\n",
                      (long long)(info->n_classes - SHOWN_CLASSES)));
  return MST_OK;
}

static mst_status inspect_dataset(mst_team *team, const char *path) {
  mst_dataset *d = NULL;
  summary s = {0};
  MST_TRY(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  mst_status st = mst_team_agree(team, print_about(team, path, info));
  if (st == MST_OK) st = summarise(team, d, info, &s);
  if (st == MST_OK) st = print_summary(team, info, &s);
  st = mst_team_agree(team, st);
  if (st == MST_OK && info->has_client) st = print_clients(team, d, info);
  if (st == MST_OK) st = mst_print(team, "checksums      every row was read and is sound\n");
  mst_free(s.histogram);
  mst_dataset_close(d);
  return st;
}

/* A run file is tried first: its format attribute decides. What is neither is refused with both
 * reasons, or with one where they are the same (truncated, not HDF5). */
static mst_status inspect_file(mst_team *team, const char *path) {
  char *text = NULL, reason[MST_STATUS_DETAIL_MAX], digest[MST_DIGEST_HEX];
  mst_status st = mst_runfile_describe(team, path, &text);
  if (st == MST_OK) {
    st = mst_team_agree(team, mst_print(team, "%s\n%s", path, text));
    free(text);
    if (st == MST_OK) st = mst_runfile_verify(team, path, digest);
    if (st == MST_OK) st = mst_print(team, "digest         %s: verified\n", digest);
    return st;
  }
  if (st != MST_ERR_FORMAT) return st;
  strcpy(reason, mst_status_detail());
  st = inspect_dataset(team, path);
  if (st != MST_ERR_FORMAT || strcmp(reason, mst_status_detail()) == 0) return st;
  char other[MST_STATUS_DETAIL_MAX];
  strcpy(other, mst_status_detail());
  return mst_fail(MST_ERR_FORMAT, "neither a sound dataset (%s) nor a sound run file (%s)", other,
                  reason);
}

static mst_status inspect_command(mst_team *team, int argc, char **argv) {
  static const mst_option options[] = {{"help", 'h', NULL}, {NULL, 0, NULL}};
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index, files = 0;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (files++ > 0) MST_TRY(mst_team_agree(team, mst_print(team, "\n")));
    MST_TRY(inspect_file(team, value));
  }
  return files > 0 ? MST_OK
                   : mst_fail(MST_ERR_INPUT, "muster inspect needs a file, as in 'muster inspect "
                                             "data.h5' (see muster inspect --help)");
}

static const char help[] =
    "usage: muster inspect FILE.h5...\n"
    "\n"
    "Say what a file holds and whether it is whole.\n"
    "  dataset   shape, targets, range and mean of /x, rows a class, clients; every row is read,\n"
    "            so that a damaged chunk is found\n"
    "  run file  job, environment, headline figures, metrics, model arrays, bytes, timings; the\n"
    "            digest of model and metrics is computed anew and compared with the stored one\n"
    "Under mpirun or srun the ranks share the reading.\n"
    "\n"
    "options\n"
    "  -h, --help   this text\n"
    "\n"
    "exit codes\n"
    "  0 the file is whole   1 it cannot be read   2 it is missing, damaged or foreign\n"
    "\n"
    "example\n"
    "  muster inspect fashion-train.h5\n";

const mst_command mst_command_inspect = {.name = "inspect",
                                         .summary = "what a file holds, and whether it is whole",
                                         .help = help,
                                         .run = inspect_command};
