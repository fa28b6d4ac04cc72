/* Datasets, written and read in parallel as every job does it, with checksums and brought to disk
 * before the time is taken; against plain files that the ranks write and read side by side. The
 * files are made under names that nobody has, and are removed. */
#include "jobs/bench.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/dataset.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/plain_file.h"
#include "io/text.h"

#define ROW_ELEMENTS 1024               /* 4 KiB, so that 256 rows are a chunk */
#define PART         ((int64_t)1 << 20) /* a rank's share is whole chunks      */
#define ALL_BYTES    ((int64_t)8 << 30) /* that a file has at most, nearly     */
#define REPEATS      50

typedef struct files {
  mst_bench *bench;
  char *dataset, *plain; /* names */
  int64_t bytes;         /* of a rank */
  int64_t first, rows;   /* of the dataset, this rank's */
} files;

static mst_status write_dataset(void *context) {
  files *f = context;
  mst_dataset_info info = {
      .rows = f->rows * mst_team_size(f->bench->team), .row_dims = 1, .row_size = {ROW_ELEMENTS}};
  mst_dataset_writer *w = NULL;
  MST_TRY(mst_dataset_create(f->bench->team, f->dataset, &info, NULL, &w));
  mst_status st = mst_dataset_write(w, f->first, f->rows, (const float *)f->bench->work[0], NULL,
                                    NULL, NULL, NULL, NULL);
  if (st == MST_OK) return mst_dataset_commit(w);
  mst_dataset_abandon(w);
  return st;
}

static mst_status read_dataset(void *context) {
  files *f = context;
  mst_dataset *d = NULL;
  MST_TRY(mst_dataset_open(f->bench->team, f->dataset, &d));
  mst_status st = mst_dataset_read_x(d, f->first, f->rows, (float *)f->bench->work[1]);
  mst_dataset_close(d);
  return st;
}

static int64_t plain_offset(const files *f) {
  return mst_team_rank(f->bench->team) * f->bytes;
}

static mst_status write_plain(void *context) {
  const files *f = context;
  return mst_plain_write(f->plain, plain_offset(f), f->bytes, f->bench->work[0]);
}

static mst_status read_plain(void *context) {
  files *f = context;
  return mst_plain_read(f->plain, plain_offset(f), f->bytes, f->bench->work[1]);
}

/* Before writing: no blocks of an earlier file to write into. */
static mst_status clear_dataset(void *context) {
  const files *f = context;
  return mst_team_rank(f->bench->team) == 0 ? mst_plain_clear(f->dataset) : MST_OK;
}
static mst_status clear_plain(void *context) {
  const files *f = context;
  return mst_team_rank(f->bench->team) == 0 ? mst_plain_clear(f->plain) : MST_OK;
}

/* Before reading: nothing in memory, as far as the node's system can be asked. */
static mst_status forget_files(void *context) {
  const files *f = context;
  memset(f->bench->work[1], 0, (size_t)f->bytes);
  if (mst_team_node_rank(f->bench->team) == 0) {
    mst_plain_forget(f->dataset);
    mst_plain_forget(f->plain);
  }
  return MST_OK;
}

static mst_status measure(files *f, const char *name, const char *limit_of, mst_trial *trial) {
  mst_bench *b = f->bench;
  mst_pace pace = {.seconds = b->seconds, .fewest = 2, .most = REPEATS};
  mst_measured t[2];
  MST_TRY(mst_measure(b->team, trial, 2, &pace, t));
  int p = mst_team_size(b->team);
  mst_bench_row row = {.ranks = p,
                       .bytes = f->bytes * p,
                       .repeats = t[0].repeats,
                       .seconds = t[0].seconds,
                       .slowest = -1};
  double all = 1e-9 * (double)row.bytes;
  row.rate = all / t[0].seconds;
  row.limit = all / t[1].seconds;
  snprintf(row.name, sizeof row.name, "%s", name);
  snprintf(row.limit_of, sizeof row.limit_of, "%s", limit_of);
  mst_bench_add(b, &row);
  return MST_OK;
}

static mst_status check_contents(files *f) {
  MST_TRY(read_dataset(f));
  bool same = memcmp(f->bench->work[0], f->bench->work[1], (size_t)f->bytes) == 0;
  return mst_team_agree(
      f->bench->team,
      same ? MST_OK
           : mst_fail(MST_ERR_INTERNAL, "%s: what is read is not what was written", f->dataset));
}

static mst_status measure_both(files *f) {
  mst_trial writes[2] = {{.run = write_dataset, .prepare = clear_dataset, .context = f},
                         {.run = write_plain, .prepare = clear_plain, .context = f}};
  mst_trial reads[2] = {{.run = read_dataset, .prepare = forget_files, .context = f},
                        {.run = read_plain, .prepare = forget_files, .context = f}};
  MST_TRY(measure(f, "file_write", "plain files, on disk", writes));
  MST_TRY(check_contents(f));
  return measure(f, "file_read", "plain files; perhaps cached", reads);
}

/* A name in the folder, taken by an empty file. */
static mst_status take_name(const mst_bench *b, const char *what, char **name) {
  mst_text path = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(&path, "%s/muster-bench-%s", b->folder, what);
  st = mst_team_agree(b->team, st);
  if (st == MST_OK) st = mst_file_begin(b->team, path.at, name);
  mst_text_free(&path);
  return st;
}

mst_status mst_bench_files(mst_bench *b, const char *name) {
  (void)name;
  int64_t p = mst_team_size(b->team), most = ALL_BYTES / p / PART * PART;
  files f = {.bench = b, .bytes = b->size < most ? b->size : most};
  if (f.bytes < PART) f.bytes = PART;
  f.rows = f.bytes / (ROW_ELEMENTS * (int64_t)sizeof(float));
  f.first = f.rows * mst_team_rank(b->team);
  float *x = (float *)b->work[0];
  for (int64_t i = 0; i < b->size / 4; i++) x[i] = (float)((i * 7919 + f.first) % 65537);
  mst_status st = take_name(b, "dataset", &f.dataset);
  if (st == MST_OK) st = take_name(b, "plain", &f.plain);
  if (st == MST_OK) st = measure_both(&f);
  mst_file_discard(b->team, f.dataset);
  mst_file_discard(b->team, f.plain);
  mst_free(f.dataset);
  mst_free(f.plain);
  return st;
}
