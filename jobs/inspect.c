/* `muster inspect`: what a file of muster holds, and whether it is whole. A dataset is read from
 * end to end (every checksum is verified on the way) and summarised; of a run file the digest is
 * computed anew and compared. */
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/checkpoint.h"
#include "io/dataset.h"
#include "io/predictions.h"
#include "io/runfile.h"

#define BATCH_BYTES    (8 << 20) /* of rows that a rank reads at a time             */
#define SHOWN_CLASSES  30        /* lines of the histogram                          */
#define LARGEST_CLIENT 10000000

/* What one pass over a dataset finds; sums over ranks after reduce. */
typedef struct summary {
  int64_t *histogram;     /* (n_classes)                                       */
  int64_t nonfinite[5];   /* rows of /x /y /weight /reward /propensity with NaN or infinity */
  int64_t largest_client; /* -1 without clients; by maximum                    */
  double range[2];        /* -min, max of the finite values: both by maximum   */
  double total[2];        /* sum and number of the finite values               */
} summary;

/* Room for the rows that a rank reads at a time. */
typedef struct window {
  int64_t rows;
  float *real;      /* (rows, max(row_elements, outputs)), of a log two a row at least */
  int32_t *integer; /* (rows)                             */
} window;

static int64_t count_nonfinite(const float *x, int64_t rows, int64_t elements) {
  int64_t found = 0;
  for (int64_t i = 0; i < rows; i++) {
    bool finite = true;
    for (int64_t j = 0; j < elements; j++) finite = finite && isfinite(x[i * elements + j]);
    found += !finite;
  }
  return found;
}

static void count_values(const float *x, int64_t values, summary *s) {
  for (int64_t i = 0; i < values; i++) {
    double v = x[i];
    if (!isfinite(v)) continue;
    if (-v > s->range[0]) s->range[0] = -v;
    if (v > s->range[1]) s->range[1] = v;
    s->total[0] += v;
    s->total[1] += 1.0;
  }
}

/* Rows [first, first+count) of every part that the file has; a damaged chunk ends it. Every rank
 * calls it, with no rows too. */
static mst_status scan_window(mst_dataset *d, const mst_dataset_info *info, int64_t first,
                              int64_t count, window *w, summary *s) {
  MST_TRY(mst_dataset_read_x(d, first, count, w->real));
  count_values(w->real, count * info->row_elements, s);
  s->nonfinite[0] += count_nonfinite(w->real, count, info->row_elements);
  if (info->target == MST_TARGET_CLASSES) {
    MST_TRY(mst_dataset_read_labels(d, first, count, w->integer));
    for (int64_t i = 0; i < count; i++) s->histogram[w->integer[i]]++;
  }
  if (info->target == MST_TARGET_VALUES) {
    MST_TRY(mst_dataset_read_values(d, first, count, w->real));
    s->nonfinite[1] += count_nonfinite(w->real, count, info->outputs);
  }
  if (info->has_client) {
    MST_TRY(mst_dataset_read_i32(d, "client", first, count, w->integer));
    for (int64_t i = 0; i < count; i++)
      if (w->integer[i] > s->largest_client) s->largest_client = w->integer[i];
  }
  if (info->has_group) MST_TRY(mst_dataset_read_i32(d, "group", first, count, w->integer));
  if (info->has_weight) {
    MST_TRY(mst_dataset_read_weight(d, first, count, w->real));
    s->nonfinite[2] += count_nonfinite(w->real, count, 1);
  }
  if (info->has_log) {
    MST_TRY(mst_dataset_read_log(d, first, count, w->integer, w->real, w->real + count));
    s->nonfinite[3] += count_nonfinite(w->real, count, 1);
    s->nonfinite[4] += count_nonfinite(w->real + count, count, 1);
  }
  return MST_OK;
}

/* Rows of the longest share: every rank reads as many windows as it takes. */
static int64_t longest_share(const mst_team *team, const mst_dataset_info *info) {
  return mst_ceil_div(info->rows, mst_team_size(team));
}

/* The window of this rank's share that begins with its row `done`; past the end it has no rows. */
static void cut_window(const mst_team *team, const mst_dataset_info *info, const window *w,
                       int64_t done, int64_t *first, int64_t *count) {
  int64_t share = 0;
  mst_team_share(team, info->rows, first, &share);
  done = mst_least(done, share);
  *first += done;
  *count = mst_least(share - done, w->rows);
}

static mst_status scan(mst_team *team, mst_dataset *d, const mst_dataset_info *info, window *w,
                       summary *s) {
  int64_t first, count;
  for (int64_t done = 0; done < longest_share(team, info); done += w->rows) {
    cut_window(team, info, w, done, &first, &count);
    MST_TRY(scan_window(d, info, first, count, w, s));
  }
  MST_TRY(mst_sum_i64(team, s->histogram, info->n_classes));
  MST_TRY(mst_sum_i64(team, s->nonfinite, 5));
  MST_TRY(mst_max_i64(team, &s->largest_client, 1));
  MST_TRY(mst_max_f64(team, s->range, 2));
  return mst_sum_fast(team, s->total, 2);
}

static mst_status make_room(const mst_dataset_info *info, window *w, summary *s) {
  int64_t widest = info->row_elements > info->outputs ? info->row_elements : info->outputs;
  if (info->has_log && widest < 2) widest = 2;
  w->rows = BATCH_BYTES / (4 * widest);
  if (w->rows < 1) w->rows = 1;
  *s = (summary){.range = {-HUGE_VAL, -HUGE_VAL}, .largest_client = -1};
  MST_TRY(mst_alloc(&s->histogram, info->n_classes, sizeof *s->histogram, "histogram"));
  MST_TRY(mst_alloc(&w->real, w->rows * widest, sizeof *w->real, "rows being read"));
  return mst_alloc(&w->integer, w->rows, sizeof *w->integer, "labels being read");
}

/* Rows of each client; only those of numbers below `clients` were asked for. */
static mst_status count_clients(mst_team *team, mst_dataset *d, const mst_dataset_info *info,
                                window *w, int64_t clients, int64_t *size) {
  int64_t first, count;
  for (int64_t done = 0; done < longest_share(team, info); done += w->rows) {
    cut_window(team, info, w, done, &first, &count);
    MST_TRY(mst_dataset_read_i32(d, "client", first, count, w->integer));
    for (int64_t i = 0; i < count; i++)
      if (w->integer[i] >= 0 && w->integer[i] < clients) size[w->integer[i]]++;
  }
  return mst_sum_i64(team, size, clients);
}

/* Sizes of natural clients: how many there are, the smallest and the largest. */
static mst_status print_clients(mst_team *team, mst_dataset *d, const mst_dataset_info *info,
                                window *w, const summary *s) {
  int64_t *size = NULL, clients = s->largest_client + 1;
  if (clients > LARGEST_CLIENT)
    return mst_team_agree(
        team, mst_print(team, "clients        numbers up to %lld\n", (long long)s->largest_client));
  mst_status st = mst_alloc(&size, clients, sizeof *size, "sizes of clients");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = count_clients(team, d, info, w, clients, size);
  if (st == MST_OK) {
    int64_t least = clients > 0 ? size[0] : 0, most = 0;
    for (int64_t k = 0; k < clients; k++) {
      if (size[k] < least) least = size[k];
      if (size[k] > most) most = size[k];
    }
    st = mst_team_agree(team, mst_print(team, "clients        %lld, of %lld to %lld rows\n",
                                        (long long)clients, (long long)least, (long long)most));
  }
  mst_free(size);
  return st;
}

static mst_status print_about(mst_team *team, const char *path, const mst_dataset_info *info) {
  MST_TRY(mst_print(team, "%s\nformat         dataset\nrows           %lld\nrow shape      ", path,
                    (long long)info->rows));
  for (int i = 0; i < info->row_dims; i++)
    MST_TRY(mst_print(team, "%s%lld", i > 0 ? " x " : "", (long long)info->row_size[i]));
  MST_TRY(mst_print(team, "\n"));
  if (info->sparse)
    MST_TRY(mst_print(team, "sparse         %lld entries are stored\n", (long long)info->entries));
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
  if (info->has_log)
    MST_TRY(mst_print(team, "log            arms, rewards and propensities of %lld arms\n",
                      (long long)info->n_arms));
  return MST_OK;
}

static mst_status print_summary(mst_team *team, const mst_dataset_info *info, const summary *s) {
  if (s->total[1] > 0.0)
    MST_TRY(mst_print(team, "x              min %.9g, max %.9g, mean %.6g\n", -s->range[0],
                      s->range[1], s->total[0] / s->total[1]));
  static const char *const where[5] = {"", " in /y", " in /weight", " in /reward",
                                       " in /propensity"};
  for (int i = 0; i < 5; i++)
    if (s->nonfinite[i] > 0)
      MST_TRY(mst_print(team, "non-finite     %lld rows hold NaN or infinity%s\n",
                        (long long)s->nonfinite[i], where[i]));
  for (int64_t c = 0; c < info->n_classes && c < SHOWN_CLASSES; c++)
    MST_TRY(mst_print(team, "class %-8lld %lld rows\n", (long long)c, (long long)s->histogram[c]));
  if (info->n_classes > SHOWN_CLASSES)
    MST_TRY(mst_print(team, "               and %lld classes more\n",
                      (long long)(info->n_classes - SHOWN_CLASSES)));
  return MST_OK;
}

/* What rank 0 alone may fail to print ends the command for all, so that no rank goes on to the next
 * file without the others. */
static mst_status inspect_dataset(mst_team *team, const char *path) {
  mst_dataset *d = NULL;
  window w = {0};
  summary s = {0};
  MST_TRY(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  mst_status st = mst_team_agree(team, print_about(team, path, info));
  if (st == MST_OK) st = mst_team_agree(team, make_room(info, &w, &s));
  if (st == MST_OK) st = scan(team, d, info, &w, &s);
  if (st == MST_OK) st = mst_team_agree(team, print_summary(team, info, &s));
  if (st == MST_OK && info->has_client) st = print_clients(team, d, info, &w, &s);
  if (st == MST_OK)
    st = mst_team_agree(team, mst_print(team, "checksums      every row was read and is sound\n"));
  mst_free(w.integer);
  mst_free(w.real);
  mst_free(s.histogram);
  mst_dataset_close(d);
  return st;
}

/* Files that describe themselves, in the order in which they are tried: the format word decides. A
 * dataset, which other tools may have written without one, comes last. */
static const struct {
  mst_status (*describe)(mst_team *team, const char *path, char **text);
  bool digest; /* is compared apart from the description */
  const char *sound;
} described[] = {
    {mst_runfile_describe, true, ""},
    {mst_checkpoint_describe, false, ""},
    {mst_predictions_describe, false, "checksums      every row was read and is sound\n"}};
enum {
  KINDS = sizeof described / sizeof described[0]
};

/* What was described, and that it is whole. */
static mst_status print_described(mst_team *team, const char *path, const char *text, int k) {
  char hex[MST_DIGEST_HEX];
  MST_TRY(mst_team_agree(team, mst_print(team, "%s\n%s%s", path, text, described[k].sound)));
  if (!described[k].digest) return MST_OK;
  MST_TRY(mst_runfile_verify(team, path, hex));
  return mst_team_agree(team, mst_print(team, "digest         %s: verified\n", hex));
}

/* What is none of all is refused with the reasons, or with one where they are the same (truncated,
 * not HDF5). */
static mst_status inspect_file(mst_team *team, const char *path) {
  char reason[KINDS][MST_STATUS_DETAIL_MAX], other[MST_STATUS_DETAIL_MAX];
  for (int k = 0; k < KINDS; k++) {
    char *text = NULL;
    mst_status st = described[k].describe(team, path, &text);
    if (st == MST_OK) {
      st = print_described(team, path, text, k);
      mst_free(text);
      return st;
    }
    if (st != MST_ERR_FORMAT) return st;
    strcpy(reason[k], mst_status_detail());
  }
  mst_status st = inspect_dataset(team, path);
  if (st != MST_ERR_FORMAT || strcmp(reason[0], mst_status_detail()) == 0) return st;
  strcpy(other, mst_status_detail());
  return mst_fail(
      MST_ERR_FORMAT,
      "neither a sound dataset (%s) nor a sound run file (%s) nor a sound checkpoint (%s) "
      "nor a sound prediction file (%s)",
      other, reason[0], reason[1], reason[2]);
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
                   : mst_fail(MST_ERR_INPUT,
                              "muster inspect needs a file, as in 'muster inspect "
                              "data.h5' (see muster inspect --help)");
}

static const char help[] =
    "usage: muster inspect FILE.h5...\n"
    "\n"
    "Say what a file holds and whether it is whole.\n"
    "  dataset   shape, targets, range and mean of /x, rows a class, clients; every row is read,\n"
    "            so that a damaged chunk is found\n"
    "  checkpoint  rounds done, what wrote it, the experiment; its digest is compared with its\n"
    "            contents\n"
    "  run file  job, environment, headline figures, metrics, model arrays, bytes, timings; the\n"
    "            digest of model and metrics is computed anew and compared with the stored one\n"
    "  predictions  which run made them, of which dataset, the arrays; every row is read\n"
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
