/* The list of a grid's cells, made from the files in its folder: CELL.h5 says that the cell is
 * done, CELL.failed why it failed. */
#include "jobs/grid_index.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/note.h"
#include "io/report_html.h"
#include "io/text_file.h"
#include "jobs/output.h"
#include "jobs/resume.h"

#define MOST_WRITES 8 /* one after the other: others wrote in between, and have written theirs */

static mst_status no_memory(void) {
  return mst_fail(MST_ERR_MEMORY, "no memory for the list of a grid's cells");
}

/* What the grid itself says of a cell. */
static mst_status describe(const mst_run_grid *g, int i, const char *state, json_t **out) {
  char *run = NULL;
  MST_TRY(mst_run_grid_file(g, i, ".h5", false, &run));
  json_t *settings = json_object();
  bool ok = settings != NULL;
  for (int k = 0; k < g->axes && ok; k++)
    ok = json_object_set_new(settings, g->axis[k].key, json_string(mst_run_grid_value(g, i, k))) ==
         0;
  *out = ok ? json_pack("{s:i, s:O, s:s, s:s}", "cell", i, "settings", settings, "run", run,
                        "state", state)
            : NULL;
  json_decref(settings);
  mst_free(run);
  return *out != NULL ? MST_OK : no_memory();
}

/* Another state of a cell; `more` is an object whose members are added, and given back. */
static mst_status put(mst_run_grid_index *index, int i, const char *state, json_t *more) {
  json_t *cell = NULL;
  mst_status st = more != NULL ? describe(index->grid, i, state, &cell) : no_memory();
  if (st == MST_OK && json_object_update(cell, more) != 0) st = no_memory();
  json_decref(more);
  if (st == MST_OK) {
    json_decref(index->cell[i]);
    index->cell[i] = cell;
  } else {
    json_decref(cell);
  }
  return st;
}

static mst_status put_error(mst_run_grid_index *index, int i, const char *state, const char *why) {
  return put(
      index, i, state,
      json_pack("{s:s}", "error", mst_text_is_utf8(why) ? why : "a sentence that is not in UTF-8"));
}

static json_t *pack_run(int64_t rounds, int64_t ranks, double seconds, const char *digest,
                        json_t *result) {
  return json_pack("{s:I, s:I, s:f, s:s, s:O}", "rounds", (json_int_t)rounds, "ranks",
                   (json_int_t)ranks, "seconds", floor(1e3 * seconds) / 1e3, "digest", digest,
                   "result", result);
}

/* When the run file of a cell was written, 0 without one. */
static mst_status stamp_of(const mst_run_grid *g, int i, int64_t *stamp) {
  char *path = NULL;
  MST_TRY(mst_run_grid_file(g, i, ".h5", true, &path));
  *stamp = mst_file_stamp(path);
  mst_free(path);
  return MST_OK;
}

mst_status mst_run_grid_index_done(mst_run_grid_index *index, int i, const mst_run *r) {
  index->own[i] = true;
  MST_TRY(stamp_of(index->grid, i, &index->stamp[i]));
  return put(index, i, "done",
             pack_run(r->context.rounds, r->ranks, r->seconds, r->digest, r->context.result));
}

mst_status mst_run_grid_index_begin(mst_run_grid_index *index, int i) {
  char *path = NULL;
  mst_status st = mst_run_grid_file(index->grid, i, ".failed", true, &path);
  if (st == MST_OK && mst_team_rank(index->team) == 0) mst_file_remove(path);
  mst_free(path);
  return mst_team_agree(index->team, st);
}

mst_status mst_run_grid_index_failed(mst_run_grid_index *index, int i, const char *why) {
  char *path = NULL, line[MST_STATUS_DETAIL_MAX];
  index->own[i] = true;
  mst_status st = mst_run_grid_file(index->grid, i, ".failed", true, &path);
  if (st == MST_OK && mst_team_rank(index->team) == 0)
    st = mst_note_write(path, mst_text_show(why, line, sizeof line));
  if (st == MST_OK) st = put_error(index, i, "failed", why);
  mst_free(path);
  return mst_team_agree(index->team, st);
}

/* A run file that this process did not write. One that cannot be read is listed as such. */
static mst_status read_cell(mst_run_grid_index *index, int i) {
  char *path = NULL;
  mst_outcome o;
  MST_TRY(mst_team_agree(index->team, mst_run_grid_file(index->grid, i, ".h5", true, &path)));
  mst_status st = mst_runfile_outcome(index->team, path, &o);
  mst_free(path);
  if (st == MST_ERR_COMM || st == MST_ERR_MEMORY || st == MST_ERR_INTERNAL) return st;
  if (st != MST_OK) {
    char why[MST_STATUS_DETAIL_MAX];
    snprintf(why, sizeof why, "%s", mst_status_detail());
    mst_status_clear();
    return mst_team_agree(index->team, put_error(index, i, "unreadable", why));
  }
  json_t *result = json_object();
  st = result != NULL ? mst_resume_result(&o, result) : no_memory();
  if (st == MST_OK)
    st = put(index, i, "done", pack_run(o.rounds, o.ranks, o.seconds, o.digest, result));
  json_decref(result);
  mst_outcome_clear(&o);
  return mst_team_agree(index->team, st);
}

/* Rank 0: is there word of a failure? */
static mst_status look_for_failure(mst_run_grid_index *index, int i) {
  char *path = NULL, line[MST_STATUS_DETAIL_MAX];
  MST_TRY(mst_run_grid_file(index->grid, i, ".failed", true, &path));
  bool failed = mst_note_read(path, line, sizeof line);
  mst_free(path);
  if (failed) return put_error(index, i, "failed", line);
  const char *state = json_string_value(json_object_get(index->cell[i], "state"));
  if (index->stamp[i] != 0 && strcmp(state, "failed") != 0) return MST_OK;
  index->stamp[i] = 0; /* what was said of a failure holds no more: a run file is read again */
  return put(index, i, "waiting", json_object());
}

/* Cells that others have run since the last look. */
static mst_status refresh(mst_run_grid_index *index) {
  int n = index->grid->cells;
  int64_t *now = NULL;
  bool root = mst_team_rank(index->team) == 0;
  mst_status st = mst_alloc(&now, n, sizeof *now, "times of run files");
  for (int i = 0; i < n && root && st == MST_OK; i++)
    if (!index->own[i]) st = stamp_of(index->grid, i, &now[i]);
  st = mst_team_agree(index->team, st);
  if (st == MST_OK) st = mst_team_bcast(index->team, now, n * (int64_t)sizeof *now, 0);
  if (st == MST_OK) st = mst_team_bcast(index->team, index->stamp, n * (int64_t)sizeof *now, 0);
  for (int i = 0; i < n && st == MST_OK; i++) {
    if (index->own[i]) continue;
    if (now[i] != 0 && now[i] != index->stamp[i]) st = read_cell(index, i);
    index->stamp[i] = now[i];
  }
  mst_free(now);
  for (int i = 0; i < n && root && st == MST_OK; i++)
    if (!index->own[i]) st = look_for_failure(index, i);
  return mst_team_agree(index->team, st);
}

/* A line a cell. */
static mst_status print(const mst_run_grid_index *index, mst_text *t) {
  MST_TRY(mst_text_add(t, MST_RUN_GRID_OPENING ", \"version\": 1, \"experiment\": "));
  json_t *head = json_pack("[s, s]", index->file, index->job);
  mst_status st = head != NULL ? mst_json_add(t, json_array_get(head, 0)) : no_memory();
  if (st == MST_OK) st = mst_text_add(t, ", \"job\": ");
  if (st == MST_OK) st = mst_json_add(t, json_array_get(head, 1));
  json_decref(head);
  MST_TRY(st);
  MST_TRY(mst_text_add(t, ",\n\"cells\": ["));
  for (int i = 0; i < index->grid->cells; i++) {
    json_t *cell = json_copy(index->cell[i]);
    if (cell == NULL) return no_memory();
    if (index->stamp[i] != 0)
      (void)json_object_set_new(cell, "modified", json_integer((json_int_t)index->stamp[i]));
    MST_TRY(mst_text_add(t, "%s\n", i > 0 ? "," : ""));
    st = mst_json_add(t, cell);
    json_decref(cell);
    MST_TRY(st);
  }
  return mst_text_add(t, "]}\n");
}

/* Does a cell's file say something that the index does not? For rank 0. */
static mst_status differs(mst_run_grid_index *index, int i, bool *news) {
  const char *state = json_string_value(json_object_get(index->cell[i], "state"));
  char *path = NULL, line[2];
  int64_t now = 0;
  MST_TRY(stamp_of(index->grid, i, &now));
  MST_TRY(mst_run_grid_file(index->grid, i, ".failed", true, &path));
  bool failed = mst_note_read(path, line, sizeof line);
  mst_free(path);
  if (now != index->stamp[i] || failed != (strcmp(state, "failed") == 0)) *news = true;
  return MST_OK;
}

static mst_status has_news(mst_run_grid_index *index, bool *news) {
  mst_status st = MST_OK;
  bool mine = false;
  for (int i = 0; i < index->grid->cells && mst_team_rank(index->team) == 0 && st == MST_OK; i++)
    if (!index->own[i]) st = differs(index, i, &mine);
  MST_TRY(mst_team_agree(index->team, st));
  return mst_team_any(index->team, mine, news);
}

mst_status mst_run_grid_index_write(mst_run_grid_index *index) {
  bool news = true;
  for (int k = 0; k < MOST_WRITES && news; k++) {
    mst_text text = MST_TEXT_EMPTY;
    MST_TRY(refresh(index));
    mst_status st = mst_team_rank(index->team) == 0 ? print(index, &text) : MST_OK;
    st = mst_file_follow(index->team, st);
    if (st == MST_OK) st = mst_report_write(index->team, index->grid->index, &text);
    mst_text_free(&text);
    MST_TRY(st);
    MST_TRY(has_news(index, &news));
  }
  return MST_OK;
}

/* The cell of an older index that tells of the same run file. */
static const json_t *find_old(const json_t *old, const char *run) {
  const json_t *cells = json_object_get(old, "cells");
  for (size_t i = 0; i < json_array_size(cells); i++) {
    const json_t *cell = json_array_get(cells, i);
    const char *name = json_string_value(json_object_get(cell, "run"));
    if (name != NULL && strcmp(name, run) == 0) return cell;
  }
  return NULL;
}

static mst_status take_old(mst_run_grid_index *index, const json_t *old) {
  for (int i = 0; i < index->grid->cells; i++) {
    const json_t *cell = find_old(old, json_string_value(json_object_get(index->cell[i], "run")));
    const char *state = json_string_value(json_object_get(cell, "state"));
    const json_t *stamp = json_object_get(cell, "modified");
    if (state == NULL || strcmp(state, "done") != 0 || !json_is_integer(stamp)) continue;
    json_t *copy = json_deep_copy(cell);
    if (copy == NULL || json_object_del(copy, "modified") != 0 ||
        json_object_update(copy, index->cell[i]) != 0 ||
        json_object_set_new(copy, "state", json_string("done")) != 0) {
      json_decref(copy);
      return no_memory();
    }
    json_decref(index->cell[i]);
    index->cell[i] = copy;
    index->stamp[i] = json_integer_value(stamp);
  }
  return MST_OK;
}

/* What an older index says; one that is no JSON is made anew. */
static mst_status read_old(mst_run_grid_index *index) {
  char *text = NULL;
  bool there = false;
  MST_TRY(mst_team_any(index->team,
                       mst_team_rank(index->team) == 0 && mst_file_stamp(index->grid->index) != 0,
                       &there));
  if (!there) return MST_OK;
  MST_TRY(mst_text_file_read(index->team, index->grid->index, "list of cells", MST_RUN_GRID_BYTES,
                             &text));
  json_t *old = json_loads(text, 0, NULL);
  mst_free(text);
  mst_status st = old != NULL ? take_old(index, old) : MST_OK;
  json_decref(old);
  return mst_team_agree(index->team, st);
}

static mst_status begin(mst_run_grid_index *index) {
  int n = index->grid->cells;
  MST_TRY(mst_alloc(&index->cell, n, sizeof *index->cell, "cells of a grid"));
  MST_TRY(mst_alloc(&index->own, n, sizeof *index->own, "cells of a grid"));
  MST_TRY(mst_alloc(&index->stamp, n, sizeof *index->stamp, "times of run files"));
  for (int i = 0; i < n; i++) MST_TRY(describe(index->grid, i, "waiting", &index->cell[i]));
  return MST_OK;
}

mst_status mst_run_grid_index_open(mst_team *team, const mst_run_grid *grid, const char *file,
                                   mst_run_grid_index *index) {
  *index = (mst_run_grid_index){.team = team, .grid = grid, .file = file};
  MST_TRY(mst_team_agree(team, begin(index)));
  return read_old(index);
}

void mst_run_grid_index_clear(mst_run_grid_index *index) {
  for (int i = 0; index->cell != NULL && i < index->grid->cells; i++) json_decref(index->cell[i]);
  mst_free(index->cell);
  mst_free(index->own);
  mst_free(index->stamp);
  *index = (mst_run_grid_index){.team = NULL};
}
