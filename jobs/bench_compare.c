/* Two result files of `muster bench` side by side: rates by name, and how many times the first the
 * second is. The saved output of a batch job will do as well: its last line is the result. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/text_file.h"
#include "jobs/bench.h"
#include "jobs/output.h"

#define MOST_BYTES ((int64_t)1 << 20)

/* The last line that is not empty; ends the text behind it. */
static char *last_line(char *text) {
  size_t n = strlen(text);
  while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL) text[--n] = '\0';
  char *newline = strrchr(text, '\n');
  return newline != NULL ? newline + 1 : text;
}

static mst_status read_result(mst_team *team, const char *path, json_t **out) {
  char *text = NULL;
  MST_TRY(mst_text_file_read(team, path, "benchmark result", MOST_BYTES, &text));
  *out = json_loads(last_line(text), 0, NULL);
  mst_free(text);
  if (json_is_string(json_object_get(*out, "bench")) &&
      json_is_array(json_object_get(*out, "rows")))
    return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "%s: its last line is no result of muster bench; make one with 'muster bench -o "
                  "FILE.json'",
                  path);
}

static const char *text_of(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text != NULL ? text : "";
}

static double number_of(const json_t *o, const char *key) {
  return json_number_value(json_object_get(o, key));
}

static const json_t *find_row(const json_t *result, const char *name) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(result, "rows"), i, row) {
    if (strcmp(text_of(row, "name"), name) == 0) return row;
  }
  return NULL;
}

static mst_status print_site(const mst_team *team, const char *word, const char *path,
                             const json_t *r) {
  return mst_print(team, "%s  %s: %s, %.0f ranks on %.0f nodes, muster %s, %s, %s, %s\n", word,
                   path, text_of(r, "host"), number_of(r, "ranks"), number_of(r, "nodes"),
                   text_of(r, "version"), text_of(r, "mpi"), text_of(r, "kernel"),
                   text_of(r, "date"));
}

static void rate_text(const json_t *row, char *to, size_t size) {
  double rate = row != NULL ? number_of(row, "rate") : 0;
  if (rate > 0)
    snprintf(to, size, "%.2f %s", rate, text_of(row, "unit"));
  else
    snprintf(to, size, "%s", row == NULL ? "-" : "failed");
}

static bool is_disturbed(const json_t *row) {
  double busy = row != NULL ? number_of(row, "busy") : 0;
  return busy > 0 && busy < MST_BENCH_BUSY;
}

/* One line of the table, and its entry in rows. */
static mst_status compare_row(const mst_team *team, bool table, const char *name, const json_t *a,
                              const json_t *b, json_t *rows) {
  char left[64], right[64], ratio[32] = "-";
  double ra = a != NULL ? number_of(a, "rate") : 0, rb = b != NULL ? number_of(b, "rate") : 0;
  rate_text(a, left, sizeof left);
  rate_text(b, right, sizeof right);
  if (ra > 0 && rb > 0) snprintf(ratio, sizeof ratio, "%.2fx", rb / ra);
  const char *mark = is_disturbed(a) && is_disturbed(b) ? "  both DISTURBED"
                     : is_disturbed(a)                  ? "  a DISTURBED"
                     : is_disturbed(b)                  ? "  b DISTURBED"
                                                        : "";
  if (table) MST_TRY(mst_print(team, "%-20s %17s %17s %8s%s\n", name, left, right, ratio, mark));
  json_t *o = json_pack("{s:s}", "name", name);
  bool ok = o != NULL && (ra == 0 || json_object_set_new(o, "a", json_real(ra)) == 0) &&
            (rb == 0 || json_object_set_new(o, "b", json_real(rb)) == 0) &&
            (ra == 0 || rb == 0 || json_object_set_new(o, "ratio", json_real(rb / ra)) == 0);
  if (ok && json_array_append_new(rows, o) == 0) return MST_OK;
  if (!ok) json_decref(o);
  return mst_fail(MST_ERR_MEMORY, "no memory for the comparison");
}

static mst_status compare_rows(const mst_team *team, bool table, const json_t *a, const json_t *b,
                               json_t *rows) {
  size_t i;
  json_t *row;
  if (table) MST_TRY(mst_print(team, "%-20s %17s %17s %8s\n", "benchmark", "a", "b", "b / a"));
  json_array_foreach(json_object_get(a, "rows"), i, row) {
    const char *name = text_of(row, "name");
    MST_TRY(compare_row(team, table, name, row, find_row(b, name), rows));
  }
  json_array_foreach(json_object_get(b, "rows"), i, row) {
    const char *name = text_of(row, "name");
    if (find_row(a, name) == NULL) MST_TRY(compare_row(team, table, name, NULL, row, rows));
  }
  return MST_OK;
}

static mst_status print_comparison(const mst_team *team, bool table, const char *name_a,
                                   const json_t *a, const char *name_b, const json_t *b) {
  if (table) {
    MST_TRY(print_site(team, "a", name_a, a));
    MST_TRY(print_site(team, "b", name_b, b));
  }
  json_t *rows = json_array();
  mst_status st = rows != NULL ? compare_rows(team, table, a, b, rows)
                               : mst_fail(MST_ERR_MEMORY, "no memory for the comparison");
  json_t *line = json_pack("{s:[s, s], s:O}", "compare", name_a, name_b, "rows", rows);
  json_decref(rows);
  if (st == MST_OK) return mst_print_json(team, line);
  json_decref(line);
  return st;
}

mst_status mst_bench_compare(mst_team *team, const char *a, const char *b, bool table) {
  json_t *left = NULL, *right = NULL;
  mst_status st = read_result(team, a, &left);
  if (st == MST_OK) st = read_result(team, b, &right);
  st = mst_team_agree(team, st);
  if (st == MST_OK && mst_team_rank(team) == 0)
    st = print_comparison(team, table, a, left, b, right);
  json_decref(left);
  json_decref(right);
  return mst_team_agree(team, st);
}
