/* The cells of a grid, one after the other on all ranks: checked before the first is run, passed
 * over when they are finished, listed in the index as they end. */
#include "jobs/grid_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/folder.h"
#include "io/paths.h"
#include "jobs/grid_index.h"
#include "jobs/output.h"
#include "jobs/say.h"
#include "jobs/worst.h"

/* The cells while they are worked on. */
typedef struct work {
  mst_run_grid_request *q;
  mst_run_grid_index index;
  char job[64];
  json_t **estimate; /* (cells) of a dry run */
  bool *complete;    /* (cells) */
  int failed;        /* cells that have failed */
  mst_status status; /* of the first of them */
  char why[MST_STATUS_DETAIL_MAX];
} work;

static mst_run cell_run(const mst_run_grid_request *q, const mst_run_grid_settings *s,
                        bool dry_run) {
  return (mst_run){.team = q->team,
                   .file = q->file,
                   .text = q->text,
                   .n_override = s->n,
                   .override = s->override,
                   .dry_run = dry_run,
                   .quiet = q->quiet,
                   .resume = q->resume,
                   .in_grid = true};
}

/* "cell 3 (a=1, b=2)", in a static buffer of the calling thread. */
static const char *name_cell(const mst_run_grid *g, int i) {
  static _Thread_local char name[512];
  mst_text title = MST_TEXT_EMPTY;
  if (mst_run_grid_title(g, i, &title) != MST_OK) mst_status_clear();
  snprintf(name, sizeof name, "cell %d (%.480s)", i, title.at != NULL ? title.at : "");
  mst_text_free(&title);
  return name;
}

static mst_status within_cell(const mst_run_grid *g, int i, mst_status st) {
  return st == MST_OK ? MST_OK : mst_fail_within(st, "%s: ", name_cell(g, i));
}

mst_status mst_run_grid_find_place(const mst_run_grid_request *request, int cell, mst_run_grid *g) {
  mst_run_grid_settings s;
  mst_run r = {.team = request->team};
  mst_status st =
      mst_team_agree(request->team, mst_run_grid_set(g, cell, request->sets, request->set, &s));
  if (st == MST_OK) {
    r = cell_run(request, &s, true);
    st = mst_run_open(&r);
  }
  if (st == MST_OK) st = mst_team_agree(request->team, mst_run_grid_place(g, r.run_path));
  mst_run_clear(&r);
  mst_run_grid_settings_clear(&s);
  return st;
}

mst_status mst_run_grid_check_folder(mst_team *team, const mst_run_grid *g, bool *there) {
  MST_TRY(mst_team_any(team, mst_team_rank(team) == 0 && mst_folder_is(g->folder), there));
  const mst_named_path index[] = {{.key = "the grid's list of cells",
                                   .path = g->index,
                                   .written = true,
                                   .told = true,
                                   .opening = MST_RUN_GRID_OPENING}};
  return *there ? mst_paths_check(team, index, 1) : MST_OK;
}

/* As long as the folder is not there a file of its name stands for what will be in it. Another task of
 * an array may make it meanwhile. */
static mst_status check_files(mst_run *r, const mst_run_grid *g, bool folder) {
  mst_status st = mst_run_check(r, folder ? NULL : g->folder);
  if (st != MST_ERR_INPUT || folder) return st;
  bool made = false;
  MST_TRY(mst_team_any(r->team, mst_team_rank(r->team) == 0 && mst_folder_is(g->folder), &made));
  if (!made) return st;
  mst_status_clear();
  return mst_run_check(r, NULL);
}

static mst_status check_opened(work *w, int i, bool folder, mst_run *r) {
  const mst_run_grid *g = &w->q->grid;
  MST_TRY(mst_run_open(r));
  snprintf(w->job, sizeof w->job, "%s", r->job->name);
  MST_TRY(check_files(r, g, folder));
  w->complete[i] = r->complete;
  if (r->complete && !w->q->dry_run)
    return mst_team_agree(w->q->team, mst_run_grid_index_done(&w->index, i, r));
  MST_TRY(mst_run_estimate(r));
  if (w->q->dry_run) w->estimate[i] = json_incref(r->context.estimate);
  return MST_OK;
}

static mst_status check_cell(work *w, int i, bool folder) {
  mst_run_grid_settings s;
  mst_run r = {.team = w->q->team};
  mst_status st =
      mst_team_agree(w->q->team, mst_run_grid_set(&w->q->grid, i, w->q->sets, w->q->set, &s));
  if (st == MST_OK) {
    r = cell_run(w->q, &s, true);
    st = check_opened(w, i, folder, &r);
  }
  mst_run_clear(&r);
  mst_run_grid_settings_clear(&s);
  return within_cell(&w->q->grid, i, st);
}

/* One line of results for a person: the settings and what judges them. */
static mst_status print_cell(const work *w, int i) {
  const json_t *cell = w->index.cell[i], *result = json_object_get(cell, "result");
  const char *name, *figure = NULL;
  json_t *value;
  char number[MST_NUMBER] = "-";
  json_object_foreach((json_t *)(uintptr_t)result, name, value) if (json_is_number(value)) figure =
      mst_worst_figure(figure, name);
  if (figure != NULL) mst_text_real(json_number_value(json_object_get(result, figure)), number);
  return mst_print(w->q->team, "%-60s %-9s %s %s\n", name_cell(&w->q->grid, i),
                   json_string_value(json_object_get(cell, "state")), figure != NULL ? figure : "",
                   figure != NULL ? number : "");
}

/* What went wrong with a cell; what keeps the others from being run is given back. */
static mst_status note_failure(work *w, int i, mst_status st) {
  char why[MST_STATUS_DETAIL_MAX];
  snprintf(why, sizeof why, "%s", mst_status_detail());
  if (st == MST_ERR_INTERRUPTED) return st;
  if (st == MST_ERR_COMM || st == MST_ERR_INTERNAL)
    return mst_fail_within(st, "%s: ", name_cell(&w->q->grid, i));
  if (w->failed++ == 0) {
    w->status = st;
    snprintf(w->why, sizeof w->why, "%.200s: %.700s", name_cell(&w->q->grid, i), why);
  }
  if (w->q->only < 0) mst_say(w->q->team, "%s failed: %s", name_cell(&w->q->grid, i), why);
  return mst_run_grid_index_failed(&w->index, i, why);
}

static mst_status open_and_perform(mst_run *r) {
  MST_TRY(mst_run_open(r));
  MST_TRY(mst_run_check(r, NULL));
  return r->complete ? mst_run_tidy(r) : mst_run_perform(r);
}

static mst_status perform_cell(work *w, int i) {
  mst_run_grid_settings s;
  mst_run r = {.team = w->q->team};
  MST_TRY(mst_run_grid_index_begin(&w->index, i));
  mst_status st =
      mst_team_agree(w->q->team, mst_run_grid_set(&w->q->grid, i, w->q->sets, w->q->set, &s));
  if (st == MST_OK) {
    r = cell_run(w->q, &s, false);
    st = open_and_perform(&r);
  }
  if (st == MST_OK)
    st = mst_team_agree(w->q->team, mst_run_grid_index_done(&w->index, i, &r));
  else
    st = note_failure(w, i, st);
  if (st == MST_OK && w->q->only >= 0 && w->failed == 0) st = mst_run_print_result(&r);
  mst_run_clear(&r);
  mst_run_grid_settings_clear(&s);
  MST_TRY(mst_team_agree(w->q->team, st));
  MST_TRY(mst_run_grid_index_write(&w->index));
  return w->q->only >= 0 ? MST_OK : mst_team_agree(w->q->team, print_cell(w, i));
}

/* Signals are caught from here to the end of the last cell, and asked for between two of them. */
static mst_status perform_all(work *w) {
  for (int i = 0; i < w->q->grid.cells; i++) {
    bool stop = false;
    if (w->complete[i]) {
      MST_TRY(mst_team_agree(w->q->team, print_cell(w, i)));
      continue;
    }
    MST_TRY(mst_team_any(w->q->team, mst_signal_came(), &stop));
    if (stop)
      return mst_fail(MST_ERR_INTERRUPTED,
                      "a signal ended the grid before %s; give the command again with --resume",
                      name_cell(&w->q->grid, i));
    if (!w->q->quiet)
      mst_say(w->q->team, "%s of %d begins", name_cell(&w->q->grid, i), w->q->grid.cells);
    MST_TRY(perform_cell(w, i));
  }
  return MST_OK;
}

/* The cell that is the worst by the figure that judges best, among those that are done. */
static json_t *find_worst(const work *w) {
  const char *name, *figure = NULL;
  json_t *value;
  int worst = -1;
  double least = 0;
  for (int i = 0; i < w->q->grid.cells; i++)
    json_object_foreach(json_object_get(w->index.cell[i], "result"), name, value) figure =
        mst_worst_figure(figure, name);
  for (int i = 0; i < w->q->grid.cells && figure != NULL; i++) {
    value = json_object_get(json_object_get(w->index.cell[i], "result"), figure);
    if (value == NULL) continue;
    double x = json_is_number(value) ? json_number_value(value) : (double)NAN;
    if (worst >= 0 && !mst_worst_is_worse(figure, x, least)) continue;
    worst = i;
    least = x;
  }
  if (worst < 0) return json_null();
  const json_t *cell = w->index.cell[worst];
  return json_pack("{s:s, s:i, s:O, s:O}", "figure", figure, "cell", worst, "settings",
                   json_object_get(cell, "settings"), "value",
                   json_object_get(json_object_get(cell, "result"), figure));
}

static mst_status print_summary(const work *w) {
  const mst_run_grid *g = &w->q->grid;
  int done = 0;
  json_t *cells = json_array(), *worst = find_worst(w);
  bool ok = cells != NULL && worst != NULL;
  for (int i = 0; i < g->cells && ok; i++) {
    const char *state = json_string_value(json_object_get(w->index.cell[i], "state"));
    done += strcmp(state, "done") == 0;
    ok = json_array_append(cells, w->index.cell[i]) == 0;
  }
  json_t *line = ok ? json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:O, s:O}", "job", w->job, "grid",
                                g->folder, "index", g->index, "ranks", mst_team_size(w->q->team),
                                "done", done, "failed", w->failed, "worst", worst, "cells", cells)
                    : NULL;
  json_decref(cells);
  json_decref(worst);
  return mst_print_json(w->q->team, line);
}

static json_t *pack_estimates(const work *w) {
  json_t *cells = json_array();
  for (int i = 0; i < w->q->grid.cells && cells != NULL; i++) {
    json_t *cell = w->estimate[i] != NULL ? json_copy(w->index.cell[i]) : NULL;
    if (w->estimate[i] == NULL) continue;
    if (cell == NULL || json_object_set(cell, "estimate", w->estimate[i]) != 0 ||
        json_object_set_new(cell, "state", json_string(w->complete[i] ? "done" : "waiting")) != 0 ||
        json_array_append(cells, cell) != 0) {
      json_decref(cells);
      cells = NULL;
    }
    json_decref(cell);
  }
  return cells;
}

static mst_status print_estimates(const work *w) {
  const mst_run_grid *g = &w->q->grid;
  for (int i = 0; i < g->cells; i++) {
    if (w->estimate[i] == NULL) continue;
    MST_TRY(mst_print(w->q->team, "%s%s\n", name_cell(g, i), w->complete[i] ? ": done" : ""));
    MST_TRY(mst_print_figures(w->q->team, w->estimate[i], "  "));
  }
  json_t *cells = pack_estimates(w);
  json_t *line = cells != NULL
                     ? json_pack("{s:s, s:b, s:s, s:i, s:O}", "job", w->job, "dry_run", 1, "grid",
                                 g->folder, "ranks", mst_team_size(w->q->team), "cells", cells)
                     : NULL;
  json_decref(cells);
  return mst_print_json(w->q->team, line);
}

/* After the checks: the work, and what is told of it. */
static mst_status perform(work *w) {
  const mst_run_grid *g = &w->q->grid;
  MST_TRY(mst_folder_make(w->q->team, g->folder));
  mst_signals_catch();
  mst_status st = mst_run_grid_index_write(&w->index);
  if (st == MST_OK) st = w->q->only >= 0 ? perform_cell(w, w->q->only) : perform_all(w);
  mst_signals_release();
  MST_TRY(st);
  if (w->q->only < 0) MST_TRY(mst_team_agree(w->q->team, print_summary(w)));
  if (w->failed == 0) return MST_OK;
  if (w->q->only >= 0) return mst_fail(w->status, "%s", w->why);
  return mst_fail(w->status, "%d of %d cells failed, the first: %s", w->failed, g->cells, w->why);
}

static mst_status work_on(work *w) {
  mst_run_grid_request *q = w->q;
  bool folder = false;
  int first = q->only >= 0 ? q->only : 0, end = q->only >= 0 ? q->only + 1 : q->grid.cells;
  mst_status st = mst_alloc(&w->estimate, q->grid.cells, sizeof(json_t *), "cells of a grid");
  if (st == MST_OK)
    st = mst_alloc(&w->complete, q->grid.cells, sizeof *w->complete, "cells of a grid");
  MST_TRY(mst_team_agree(q->team, st));
  MST_TRY(within_cell(&q->grid, first, mst_run_grid_find_place(q, first, &q->grid)));
  MST_TRY(mst_run_grid_check_folder(q->team, &q->grid, &folder));
  MST_TRY(mst_run_grid_index_open(q->team, &q->grid, q->file, &w->index));
  for (int i = first; i < end; i++) MST_TRY(check_cell(w, i, folder));
  snprintf(w->index.job, sizeof w->index.job, "%s", w->job);
  return q->dry_run ? mst_team_agree(q->team, print_estimates(w)) : perform(w);
}

mst_status mst_run_grid_perform(mst_run_grid_request *request) {
  work w = {.q = request};
  mst_status st = work_on(&w);
  for (int i = 0; w.estimate != NULL && i < request->grid.cells; i++) json_decref(w.estimate[i]);
  mst_free(w.estimate);
  mst_free(w.complete);
  mst_run_grid_index_clear(&w.index);
  return st;
}
