/* The run file that the tests of run files write: one of everything that a run file holds. */
#ifndef MST_TESTS_IO_RUNFILE_SAMPLE_H
#define MST_TESTS_IO_RUNFILE_SAMPLE_H

#include <math.h>

#include "core/base/memory.h"
#include "io/runfile.h"
#include "tests/io/scratch.h"

enum {
  ROWS = 700,
  WIDTH = 250,
  CLASSES = 10
};

#define LARGE 9007199254740993 /* 2^53 + 1: not a double */

/* The digest of the file that write_run makes, on any number of ranks. It was computed apart from
 * muster, from the file's contents and doc/formats.md. */
static const char golden[] = "42bb041118dbec84589756a521fe5e8d8db9572dbd5c2025a7df1a2a43a08d2d";

static const char *path;

static inline void set_up(void) {
  char name[32];
  make_team();
  snprintf(name, sizeof name, "run_%d.h5", size);
  path = scratch(name);
  remove_file(path);
}

static inline void tear_down(void) {
  remove_file(path);
  drop_team();
}

/* A state with a shard of a large array, a replicated one that several ranks write, and small
 * ones; values depend on the place in the whole array only. */
typedef struct model {
  mst_state state;
  float *shard;
  double *whole;
  int32_t counts[CLASSES];
  uint8_t flags[3];
} model;

static inline void make_model(model *m) {
  const int64_t r = rank, p = size;
  const int64_t first = ROWS * r * r / (p * p), end = ROWS * (r + 1) * (r + 1) / (p * p);
  int64_t shard_shape[] = {ROWS, WIDTH}, whole_shape[] = {ROWS, 5, WIDTH / 5}, n[] = {CLASSES},
          f[] = {3};
  ck_ok(mst_alloc(&m->shard, (end - first) * WIDTH, sizeof *m->shard, "shard"));
  ck_ok(mst_alloc(&m->whole, ROWS * WIDTH, sizeof *m->whole, "whole"));
  for (int64_t i = first * WIDTH; i < end * WIDTH; i++)
    m->shard[i - first * WIDTH] = (float)(i % 1009) * 0.5f;
  for (int64_t i = 0; i < ROWS * WIDTH; i++) m->whole[i] = (double)(i % 2003) / 4.0;
  for (int i = 0; i < CLASSES; i++) m->counts[i] = i * i;
  for (int i = 0; i < 3; i++) m->flags[i] = (uint8_t)(i + 250);
  mst_state_init(&m->state);
  ck_ok(mst_state_add_shard(&m->state, "weights", MST_F32, 2, shard_shape, first, end - first,
                            m->shard));
  ck_ok(mst_state_add(&m->state, "features/filters", MST_F64, 3, whole_shape, m->whole));
  ck_ok(mst_state_add(&m->state, "features/counts", MST_I32, 1, n, m->counts));
  ck_ok(mst_state_add(&m->state, "flags", MST_U8, 1, f, m->flags));
  ck_ok(mst_state_add(&m->state, "nothing", MST_F64, 2, (int64_t[]){0, 4}, NULL));
}

static inline void free_model(model *m) {
  mst_state_clear(&m->state);
  mst_free(m->shard);
  mst_free(m->whole);
}

static inline mst_status record(mst_runfile *r, double seconds) {
  mst_metric first[] = {{"accuracy", 0.5}, {"train/loss", 2.0}}, second[] = {{"accuracy", 0.75}};
  mst_metric late[] = {{"regret", NAN}};
  MST_TRY(mst_runfile_round(r, 0, 2, first));
  MST_TRY(mst_runfile_round(r, 5, 1, second));
  MST_TRY(mst_runfile_round(r, 5, 1, late));
  MST_TRY(mst_runfile_ledger(r, 0, "uplink", 1000, 10));
  MST_TRY(mst_runfile_ledger(r, 0, "uplink", 500, 1));
  MST_TRY(mst_runfile_ledger(r, 5, "downlink", 7, 2));
  MST_TRY(mst_runfile_timing(r, "gram_seconds", seconds + rank));
  MST_TRY(mst_runfile_result(r, "accuracy", 0.1));
  MST_TRY(mst_runfile_result_int(r, "uplink_bytes", LARGE));
  return mst_runfile_result(r, "accuracy", 0.75);
}

static inline mst_status write_run(double seconds, char *digest) {
  model m;
  mst_runfile *r = NULL;
  MST_TRY(mst_runfile_create(team, path, "analytic", "job: analytic\n", 42, &r));
  make_model(&m);
  mst_status st = record(r, seconds);
  if (st == MST_OK) st = mst_runfile_model(r, &m.state);
  if (st == MST_OK)
    st = mst_runfile_commit(r, digest);
  else
    mst_runfile_abandon(r);
  free_model(&m);
  return st;
}

#endif
