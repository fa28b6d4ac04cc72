/* Run files: what is recorded while a run goes on, and its end. Arrays of the model go to the
 * temporary file at once, everything else stays in memory until the commit (runfile_write.c). */
#include "io/runfile.h"

#include <string.h>
#include <time.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "io/arrays.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile_write.h"
#include "io/series_file.h"

void mst_runfile_now(char to[MST_RUNFILE_TIME]) {
  struct tm utc;
  time_t now = time(NULL);
  to[0] = '\0';
  if (gmtime_r(&now, &utc) != NULL) strftime(to, MST_RUNFILE_TIME, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void free_runfile(mst_runfile *r) {
  if (r == NULL) return;
  mst_free(r->path);
  mst_free(r->temporary);
  mst_free(r->job);
  mst_free(r->experiment);
  mst_text_free(&r->inputs);
  mst_series_free(&r->metrics);
  mst_series_free(&r->ledger);
  mst_free(r->timing.at);
  mst_free(r->result.at);
  mst_manifest_free(&r->manifest);
  mst_free(r);
}

static mst_status allocate(mst_team *team, const char *path, const char *job, const char *text,
                           uint64_t seed, mst_runfile **out) {
  MST_TRY(mst_alloc(out, 1, sizeof **out, "run file"));
  mst_runfile *r = *out;
  r->team = team;
  r->seed = seed;
  r->reserved = true;
  r->metrics = (mst_series_table){.what = "metric", .type = MST_F64};
  r->ledger = (mst_series_table){.what = "ledger", .type = MST_I64};
  mst_runfile_now(r->started);
  MST_TRY(mst_text_copy(path != NULL ? path : "", &r->path));
  MST_TRY(mst_text_copy(job, &r->job));
  MST_TRY(mst_text_add(&r->inputs, "%s", ""));
  return mst_text_copy(text, &r->experiment);
}

/* The file itself is made at once, so that a folder that HDF5 cannot use is found before any
 * work. */
static mst_status begin_file(mst_runfile *r) {
  hid_t file = H5I_INVALID_HID;
  mst_status st = MST_OK;
  MST_TRY(mst_file_begin(r->team, r->path, &r->temporary));
  if (mst_team_rank(r->team) == 0) {
    st = mst_hdf5_create(r->temporary, &file);
    if (st == MST_OK && H5Fclose(file) < 0)
      st = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be written", r->path);
  }
  return mst_file_follow(r->team, st);
}

mst_status mst_runfile_create(mst_team *team, const char *path, const char *job,
                              const char *experiment_text, uint64_t seed, mst_runfile **out) {
  mst_runfile *r = NULL;
  *out = NULL;
  mst_status st = mst_team_agree(team, allocate(team, path, job, experiment_text, seed, &r));
  if (st == MST_OK) st = begin_file(r);
  if (st != MST_OK) {
    mst_runfile_abandon(r);
    return st;
  }
  *out = r;
  return MST_OK;
}

static mst_status add_metrics(mst_runfile *r, int64_t round, int n, const mst_metric *metrics) {
  MST_TRY(mst_series_round(&r->metrics, round));
  for (int i = 0; i < n; i++) {
    int64_t *cell = NULL;
    MST_TRY(mst_series_cell(&r->metrics, metrics[i].name, &cell));
    *cell = mst_series_bits(metrics[i].value);
  }
  return MST_OK;
}

mst_status mst_runfile_round(mst_runfile *r, int64_t round, int n, const mst_metric *metrics) {
  MST_TRY(mst_team_agree(r->team, add_metrics(r, round, n, metrics)));
  for (int i = 0; i < n; i++) {
    int64_t bits = mst_series_bits(metrics[i].value);
    MST_TRY(mst_team_same(r->team, &bits, 1, metrics[i].name));
  }
  return MST_OK;
}

static mst_status add_logical(mst_runfile *r, int64_t round, const char *direction,
                              const char *what, int64_t value) {
  char name[2 * MST_SERIES_NAME];
  int64_t *cell = NULL;
  snprintf(name, sizeof name, "%.*s_%s", MST_SERIES_NAME, direction, what);
  MST_TRY(mst_series_round(&r->ledger, round));
  MST_TRY(mst_series_cell(&r->ledger, name, &cell));
  if (value < 0 || __builtin_add_overflow(*cell, value, cell))
    return mst_fail(MST_ERR_INTERNAL, "ledger: %s of round %lld cannot grow by %lld", name,
                    (long long)round, (long long)value);
  return MST_OK;
}

mst_status mst_runfile_ledger(mst_runfile *r, int64_t round, const char *direction, int64_t bytes,
                              int64_t messages) {
  mst_status st = mst_series_check_name("ledger", direction);
  if (st == MST_OK) st = add_logical(r, round, direction, "bytes", bytes);
  if (st == MST_OK) st = add_logical(r, round, direction, "messages", messages);
  return mst_team_agree(r->team, st);
}

/* Keep a figure; one of the same name is replaced. */
static mst_status keep(mst_figures *f, const char *what, const char *name, mst_figure figure) {
  MST_TRY(mst_series_check_name(what, name));
  int i = 0;
  while (i < f->n && strcmp(f->at[i].name, name) != 0) i++;
  if (i == f->capacity) {
    int capacity = i > 0 ? 2 * i : 16;
    mst_figure *wide = NULL;
    MST_TRY(mst_alloc(&wide, capacity, sizeof *wide, "figures of the run file"));
    if (i > 0) memcpy(wide, f->at, (size_t)i * sizeof *wide);
    mst_free(f->at);
    f->at = wide;
    f->capacity = capacity;
  }
  if (i == f->n) f->n++;
  strcpy(figure.name, name);
  f->at[i] = figure;
  return MST_OK;
}

mst_status mst_runfile_timing(mst_runfile *r, const char *name, double value) {
  return mst_team_agree(r->team, keep(&r->timing, "timing", name, (mst_figure){.value = value}));
}

mst_status mst_runfile_input(mst_runfile *r, const char *key, const char *hex) {
  return mst_team_agree(r->team, mst_text_add(&r->inputs, "%s %s\n", key, hex));
}

void mst_runfile_rounds(mst_runfile *r, int64_t rounds) {
  r->rounds = rounds;
}

mst_status mst_runfile_result(mst_runfile *r, const char *name, double value) {
  return mst_team_agree(r->team, keep(&r->result, "result", name, (mst_figure){.value = value}));
}

mst_status mst_runfile_result_int(mst_runfile *r, const char *name, int64_t value) {
  mst_figure figure = {.whole = true, .count = value};
  return mst_team_agree(r->team, keep(&r->result, "result", name, figure));
}

static mst_status put_arrays(mst_runfile *r, const char *group, const mst_state *state) {
  int64_t bytes = 0;
  bool sure = true;
  mst_status st = MST_OK;
  if (mst_team_rank(r->team) == 0) st = mst_runfile_make_arrays(r, group, state, &bytes);
  MST_TRY(mst_file_follow(r->team, st));
  MST_TRY(mst_team_bcast(r->team, &bytes, sizeof bytes, 0));
  MST_TRY(mst_file_reserve(r->team, r->temporary, bytes, &sure));
  r->reserved = r->reserved && sure;
  return mst_arrays_write(r->team, r->path, r->temporary, group, state);
}

mst_status mst_runfile_model(mst_runfile *r, const mst_state *state) {
  for (int i = 0; i < state->n; i++)
    MST_TRY(mst_manifest_add(&r->manifest, r->team, "model", &state->item[i]));
  return put_arrays(r, "model", state);
}

mst_status mst_runfile_arrays(mst_runfile *r, const char *group, const mst_state *state) {
  static const char *const taken[] = {"model", "metrics", "ledger", "timing", "experiment"};
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
    if (strcmp(group, taken[i]) == 0)
      return mst_fail(MST_ERR_INTERNAL, "run file: /%s has a writer of its own", group);
  return put_arrays(r, group, state);
}

static mst_status commit(mst_runfile *r, char hex[MST_DIGEST_HEX]) {
  MST_TRY(mst_series_digest(&r->manifest, r->team, "metrics", &r->metrics));
  MST_TRY(mst_team_agree(r->team, mst_manifest_digest(&r->manifest, hex)));
  MST_TRY(mst_runfile_write_rest(r, hex));
  /* Where space cannot be reserved a full disk may have gone unnoticed. */
  if (!r->reserved) MST_TRY(mst_runfile_verify(r->team, r->temporary, NULL));
  return mst_file_publish(r->team, r->temporary, r->path);
}

mst_status mst_runfile_commit(mst_runfile *r, char *digest) {
  char hex[MST_DIGEST_HEX] = "";
  mst_status st = commit(r, hex);
  if (st != MST_OK) {
    mst_runfile_abandon(r);
    return st;
  }
  if (digest != NULL) memcpy(digest, hex, sizeof hex);
  free_runfile(r);
  return MST_OK;
}

void mst_runfile_abandon(mst_runfile *r) {
  if (r == NULL) return;
  mst_file_discard(r->team, r->temporary);
  free_runfile(r);
}
