/* One checkpoint file. It is made of the same parts as a run file: arrays of a state list, series,
 * the experiment's text and a digest over all of them. */
#include "io/checkpoint_file.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/checkpoint.h"
#include "io/arrays.h"
#include "io/changes.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile_parts.h"
#include "io/runfile_read.h"
#include "io/runfile_write.h"
#include "io/series_file.h"

#define HEAD_BYTES 65536 /* of groups, attributes and headers */

/* The lines of the digest that all ranks know: experiment, datasets and round. */
static mst_status add_head(mst_manifest *m, const char *experiment, const char *inputs,
                           int64_t round) {
  MST_TRY(mst_manifest_add_here(m, "inputs", MST_U8, (int64_t)strlen(inputs), inputs));
  MST_TRY(mst_manifest_add_here(m, "experiment", MST_U8, (int64_t)strlen(experiment), experiment));
  return mst_manifest_add_here(m, "round", MST_I64, 1, &round);
}

static mst_status digest(mst_runfile *r, int64_t round, const mst_state *state,
                         char hex[MST_DIGEST_HEX]) {
  mst_manifest m = {0, 0, NULL};
  mst_status st = MST_OK;
  for (int i = 0; i < state->n && st == MST_OK; i++)
    st = mst_manifest_add(&m, r->team, "state", &state->item[i]);
  if (st == MST_OK) st = mst_series_digest(&m, r->team, "metrics", &r->metrics);
  if (st == MST_OK) st = mst_series_digest(&m, r->team, "ledger", &r->ledger);
  if (st == MST_OK) {
    st = add_head(&m, r->experiment, r->inputs.at, round);
    if (st == MST_OK) st = mst_manifest_digest(&m, hex);
    st = mst_team_agree(r->team, st);
  }
  mst_manifest_free(&m);
  return st;
}

/* On rank 0: the file with its arrays, still empty; *bytes is the most that it may grow to. */
static mst_status make(const mst_runfile *r, const char *path, const char *temporary,
                       const mst_state *state, int64_t *bytes) {
  hid_t file = H5I_INVALID_HID;
  *bytes = HEAD_BYTES + (int64_t)strlen(r->experiment) + mst_series_bytes(&r->metrics) +
           mst_series_bytes(&r->ledger);
  MST_TRY(mst_hdf5_create(temporary, &file));
  mst_status st = mst_arrays_make(file, "state", state, bytes);
  return mst_hdf5_close_written(file, temporary, path, st);
}

static mst_status put_parts(hid_t file, const mst_runfile *r, int64_t round, const char *hex) {
  char now[MST_RUNFILE_TIME];
  mst_runfile_now(now);
  MST_TRY(mst_runfile_put_origin(file, r, "checkpoint", MST_CHECKPOINT_VERSION));
  MST_TRY(mst_hdf5_put_int(file, "round", round));
  MST_TRY(mst_hdf5_put_text(file, "program", mst_runfile_program()));
  MST_TRY(mst_hdf5_put_text(file, "written", now));
  MST_TRY(mst_hdf5_put_text(file, "digest", hex));
  MST_TRY(mst_runfile_put_text(file, "experiment", r->experiment));
  MST_TRY(mst_series_put(file, "metrics", &r->metrics));
  return mst_series_put(file, "ledger", &r->ledger);
}

/* On rank 0: everything but the contents of the arrays. */
static mst_status write_parts(const mst_runfile *r, const char *path, const char *temporary,
                              int64_t round, const char *hex) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(temporary, true, &file));
  return mst_hdf5_close_written(file, temporary, path, put_parts(file, r, round, hex));
}

static mst_status verify_written(mst_runfile *r, const char *temporary) {
  mst_checkpoint_head head = {0};
  mst_status st = MST_OK;
  if (mst_team_rank(r->team) == 0) st = mst_checkpoint_look(temporary, true, &head);
  mst_checkpoint_head_clear(&head);
  return mst_file_follow(r->team, st);
}

static mst_status fill(mst_runfile *r, const char *path, const char *temporary, int64_t round,
                       const mst_state *state, const char *hex) {
  int64_t bytes = 0;
  bool sure = false, first = mst_team_rank(r->team) == 0;
  /* HDF5 keeps memory for good when there is no room for the smallest file. */
  MST_TRY(mst_file_reserve(r->team, temporary, HEAD_BYTES, NULL));
  MST_TRY(mst_file_follow(r->team, first ? make(r, path, temporary, state, &bytes) : MST_OK));
  MST_TRY(mst_team_bcast(r->team, &bytes, sizeof bytes, 0));
  MST_TRY(mst_file_reserve(r->team, temporary, bytes, &sure));
  MST_TRY(mst_file_follow(r->team, first ? write_parts(r, path, temporary, round, hex) : MST_OK));
  MST_TRY(mst_arrays_write(r->team, path, temporary, "state", state));
  /* Where space cannot be reserved a full disk may have gone unnoticed. */
  return sure ? MST_OK : verify_written(r, temporary);
}

mst_status mst_checkpoint_write(mst_runfile *r, const char *path, int64_t round,
                                const mst_state *state) {
  char hex[MST_DIGEST_HEX] = "", *temporary = NULL;
  MST_TRY(digest(r, round, state, hex));
  MST_TRY(mst_file_begin(r->team, path, &temporary));
  mst_status st = fill(r, path, temporary, round, state, hex);
  if (st == MST_OK)
    st = mst_file_publish(r->team, temporary, path);
  else
    mst_file_discard(r->team, temporary);
  mst_free(temporary);
  return st;
}

static mst_status open_checkpoint(const char *path, hid_t *file) {
  int64_t version = 0;
  MST_TRY(mst_runfile_open_as(path, "checkpoint", "checkpoint", MST_CHECKPOINT_VERSION, &version,
                              file));
  if (version == MST_CHECKPOINT_VERSION) return MST_OK;
  H5Fclose(*file);
  *file = H5I_INVALID_HID;
  return mst_fail(
      MST_ERR_UNSUPPORTED,
      "%s: has version %lld of the checkpoint format: an earlier muster wrote it; begin "
      "anew without --resume",
      path, (long long)version);
}

static mst_status read_inputs(hid_t file, const char *path, char **inputs) {
  char text[MST_INPUTS_BYTES];
  bool found = false;
  *inputs = NULL;
  MST_TRY(mst_hdf5_get_text(file, path, "inputs", text, sizeof text, &found));
  if (found) return mst_text_copy(text, inputs);
  return mst_fail(MST_ERR_FORMAT, "%s: has no digests of datasets: it is not whole", path);
}

static mst_status read_head(hid_t file, const char *path, mst_checkpoint_head *head) {
  bool found = false, any = false;
  MST_TRY(mst_hdf5_get_int(file, path, "round", &head->round, &found));
  if (!found || head->round < 0)
    return mst_fail(MST_ERR_FORMAT, "%s: does not say which round it was written after", path);
  MST_TRY(mst_hdf5_get_text(file, path, "program", head->program, sizeof head->program, &any));
  MST_TRY(mst_hdf5_get_text(file, path, "blas_kernel", head->kernel, sizeof head->kernel, &any));
  MST_TRY(read_inputs(file, path, &head->inputs));
  return mst_runfile_get_text(file, path, "experiment", &head->experiment);
}

void mst_checkpoint_head_clear(mst_checkpoint_head *head) {
  mst_free(head->experiment);
  mst_free(head->inputs);
  *head = (mst_checkpoint_head){0};
}

static mst_status check_digest(hid_t file, const char *path, const mst_checkpoint_head *head) {
  mst_manifest m = {0, 0, NULL};
  char hex[MST_DIGEST_HEX];
  mst_status st = mst_manifest_add_group(&m, file, path, "state");
  if (st == MST_OK) st = mst_manifest_add_group(&m, file, path, "metrics");
  if (st == MST_OK) st = mst_manifest_add_group(&m, file, path, "ledger");
  if (st == MST_OK) st = add_head(&m, head->experiment, head->inputs, head->round);
  if (st == MST_OK) st = mst_runfile_check_digest(file, path, &m, hex);
  mst_manifest_free(&m);
  return st;
}

mst_status mst_checkpoint_look(const char *path, bool verify, mst_checkpoint_head *head) {
  hid_t file = H5I_INVALID_HID;
  *head = (mst_checkpoint_head){0};
  MST_TRY(mst_hdf5_look(path));
  MST_TRY(open_checkpoint(path, &file));
  mst_status st = read_head(file, path, head);
  if (st == MST_OK && verify) st = check_digest(file, path, head);
  H5Fclose(file);
  if (st != MST_OK) mst_checkpoint_head_clear(head);
  return st;
}

static mst_status read_series(hid_t file, const char *path, mst_series_table *metrics,
                              mst_series_table *ledger) {
  MST_TRY(mst_series_get(file, path, "metrics", metrics));
  return mst_series_get(file, path, "ledger", ledger);
}

/* Does the dataset of this setting say what it said to the run that wrote the file? */
static mst_status check_input(const mst_setting *s, const char *path, const char *inputs,
                              const mst_runfile *r) {
  size_t n = 0, m = 0;
  const char *then = mst_input_find(inputs, s->key, &n);
  const char *now = mst_input_find(r->inputs.at, s->key, &m);
  if (then == NULL && now == NULL) return MST_OK;
  if (now == NULL)
    return mst_fail(MST_ERR_INTERNAL, "%s: the run has no digest of %s to compare with", path,
                    s->key);
  if (then == NULL)
    return mst_fail(MST_ERR_FORMAT, "%s: has no digest of %s: it is not whole", path, s->key);
  if (n == m && memcmp(then, now, n) == 0) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "%s: %.*s has other rows, targets or clients than when %s was written, and the run "
      "does not go on with it; give it its rows back, or begin anew without --resume",
      s->key, s->length, s->value, path);
}

static mst_status check_inputs(hid_t file, const char *path, const mst_runfile *r) {
  mst_setting s = {.at = r->experiment};
  char *inputs = NULL;
  mst_status st = MST_OK;
  MST_TRY(read_inputs(file, path, &inputs));
  while (st == MST_OK && mst_setting_next(&s)) st = check_input(&s, path, inputs, r);
  mst_free(inputs);
  return st;
}

mst_status mst_checkpoint_read(mst_runfile *r, const char *path, mst_state *state) {
  hid_t file = H5I_INVALID_HID;
  mst_series_table metrics = {.what = r->metrics.what, .type = r->metrics.type};
  mst_series_table ledger = {.what = r->ledger.what, .type = r->ledger.type};
  mst_status st = open_checkpoint(path, &file);
  if (st == MST_OK) st = check_inputs(file, path, r);
  if (st == MST_OK) st = read_series(file, path, &metrics, &ledger);
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_arrays_read(r->team, file, path, "state", state);
  if (file >= 0) H5Fclose(file);
  mst_series_table *keep[] = {&r->metrics, &r->ledger}, *from[] = {&metrics, &ledger};
  for (int i = 0; i < 2; i++) {
    if (st == MST_OK) {
      mst_series_table old = *keep[i];
      *keep[i] = *from[i];
      *from[i] = old;
    }
    mst_series_free(from[i]);
  }
  return st;
}

static mst_status describe(const char *path, mst_text *out) {
  mst_checkpoint_head head;
  MST_TRY(mst_checkpoint_look(path, true, &head));
  mst_status st =
      mst_text_add(out,
                   "checkpoint\n  round        %lld\n  written by   %s\n  blas_kernel  %s\n"
                   "digest         verified\n\nexperiment\n%s",
                   (long long)head.round, head.program, head.kernel, head.experiment);
  if (st == MST_OK && head.inputs[0] != '\0')
    st = mst_text_add(out, "\ndigests of the datasets\n%s", head.inputs);
  mst_checkpoint_head_clear(&head);
  return st;
}

mst_status mst_checkpoint_describe(mst_team *team, const char *path, char **text) {
  return mst_describe_together(team, path, describe, text);
}
