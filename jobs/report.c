/* `muster report`: finished runs, or the cells of a grid, as one page, and their results as tables.
 * Rank 0 draws and writes; the others wait for what comes of it. */
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/paths.h"
#include "io/report_html.h"
#include "io/report_plot.h"
#include "io/text_file.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/grid_index.h"
#include "jobs/output.h"
#include "jobs/report_heat.h"
#include "jobs/say.h"

#define MOST_RUNS 1000

typedef struct report {
  mst_team *team;
  int given;
  const char **operand;           /* (given) run files and lists of cells */
  const char *html, *csv, *worst; /* names, or NULL                       */
  const char *rows, *columns, *figure;
  int lists;
  json_t **list; /* (lists) of cells */
  int n, capacity;
  char **path;             /* (n) run files                          */
  const json_t **settings; /* (n) keys of their grids, or NULL       */
  int missing;
  const json_t **without; /* (missing) settings of cells without a run */
  mst_report_run *run;    /* (n)                                    */
  const char **label;     /* (n)                                    */
  char **made;            /* (n) labels that had to be made         */
  mst_heat_point *point;  /* (n + missing)                          */
  mst_heat heat;
  int figures;
} report;

enum {
  OPTION_HELP,
  OPTION_OUTPUT,
  OPTION_CSV,
  OPTION_WORST,
  OPTION_ROWS,
  OPTION_COLUMNS,
  OPTION_FIGURE
};
static const mst_option options[] = {
    [OPTION_HELP] = {"help", 'h', NULL},         [OPTION_OUTPUT] = {"output", 'o', "FILE.html"},
    [OPTION_CSV] = {"csv", 'c', "FILE.csv"},     [OPTION_WORST] = {"worst", 'w', "FILE.csv"},
    [OPTION_ROWS] = {"rows", 0, "key.path,..."}, [OPTION_COLUMNS] = {"columns", 0, "key.path,..."},
    [OPTION_FIGURE] = {"figure", 0, "NAME"},     {NULL, 0, NULL}};

static mst_status check_arguments(const report *r) {
  if (r->given == 0)
    return mst_fail(MST_ERR_INPUT,
                    "muster report needs a run file, as in 'muster report run.h5 -o "
                    "report.html' (see muster report --help)");
  if (r->html == NULL && r->csv == NULL && r->worst == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "muster report needs a file to write: -o report.html, --csv "
                    "table.csv, or both (see muster report --help)");
  return MST_OK;
}

static void take_option(report *r, int index, const char *value) {
  switch (index) {
    case OPTION_OUTPUT: r->html = value; break;
    case OPTION_CSV: r->csv = value; break;
    case OPTION_WORST: r->worst = value; break;
    case OPTION_ROWS: r->rows = value; break;
    case OPTION_COLUMNS: r->columns = value; break;
    case OPTION_FIGURE: r->figure = value; break;
    default: break;
  }
}

static mst_status read_arguments(report *r, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  MST_TRY(mst_alloc(&r->operand, argc, sizeof *r->operand, "names of run files"));
  MST_TRY(mst_alloc(&r->list, argc, sizeof(json_t *), "lists of cells"));
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (kind == MST_ARGUMENT_OPERAND) r->operand[r->given++] = value;
    take_option(r, index, value);
  }
  MST_TRY(check_arguments(r));
  MST_TRY(mst_alloc(&r->path, MOST_RUNS, sizeof *r->path, "names of run files"));
  MST_TRY(mst_alloc(&r->settings, MOST_RUNS, sizeof *r->settings, "settings of cells"));
  return mst_alloc(&r->without, MOST_RUNS, sizeof *r->without, "settings of cells");
}

static mst_status add_run(report *r, const char *folder, int length, const char *name,
                          const json_t *settings) {
  mst_text path = MST_TEXT_EMPTY;
  if (r->n == MOST_RUNS) return mst_fail(MST_ERR_INPUT, "more than %d runs", MOST_RUNS);
  mst_status st = mst_text_add(&path, "%.*s%s", length, folder, name);
  r->settings[r->n] = settings;
  r->path[r->n++] = path.at;
  return st;
}

/* The cells of a list: those that are done are runs beside it. */
static mst_status add_cells(report *r, const char *list, const json_t *cells) {
  const char *slash = strrchr(list, '/');
  int folder = slash != NULL ? (int)(slash - list) + 1 : 0;
  for (size_t i = 0; i < json_array_size(cells); i++) {
    const json_t *cell = json_array_get(cells, i), *settings = json_object_get(cell, "settings");
    const char *run = json_string_value(json_object_get(cell, "run"));
    const char *state = json_string_value(json_object_get(cell, "state"));
    if (run == NULL || state == NULL || !json_is_object(settings) || strchr(run, '/') != NULL)
      return mst_fail(MST_ERR_FORMAT, "%s: cell %d is not one of a grid", list, (int)i);
    if (strcmp(state, "done") == 0)
      MST_TRY(add_run(r, list, folder, run, settings));
    else if (r->missing < MOST_RUNS)
      r->without[r->missing++] = settings;
  }
  return MST_OK;
}

static mst_status read_list(report *r, const char *path) {
  char *text = NULL;
  MST_TRY(mst_text_file_read(r->team, path, "list of cells", MST_RUN_GRID_BYTES, &text));
  json_t *list = json_loads(text, 0, NULL);
  mst_free(text);
  const char *format = json_string_value(json_object_get(list, "muster_format"));
  if (format == NULL || strcmp(format, "grid") != 0) {
    json_decref(list);
    return mst_fail(MST_ERR_FORMAT, "%s is not the list of a grid's cells", path);
  }
  r->list[r->lists++] = list;
  return add_cells(r, path, json_object_get(list, "cells"));
}

static bool is_list(const char *path) {
  size_t n = strlen(path);
  return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

static mst_status find_runs(report *r) {
  for (int i = 0; i < r->given; i++) {
    const char *path = r->operand[i];
    MST_TRY(mst_team_agree(r->team,
                           is_list(path) ? read_list(r, path) : add_run(r, "", 0, path, NULL)));
  }
  if (r->n == 0) return mst_fail(MST_ERR_INPUT, "no cell of %s is done", r->operand[0]);
  mst_status st = mst_alloc(&r->run, r->n, sizeof *r->run, "runs");
  if (st == MST_OK) st = mst_alloc(&r->made, r->n, sizeof *r->made, "names of runs");
  if (st == MST_OK) st = mst_alloc(&r->label, r->n, sizeof *r->label, "names of runs");
  if (st == MST_OK) st = mst_alloc(&r->point, r->n + r->missing, sizeof *r->point, "cells");
  return mst_team_agree(r->team, st);
}

/* The file's name without folders and .h5; the whole path where two would be called alike, and its
 * place in the list where even that is. */
static mst_status short_name(const char *path, char **out) {
  const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
  size_t n = strlen(name);
  MST_TRY(mst_text_copy(name, out));
  if (n > 3 && strcmp(name + n - 3, ".h5") == 0) (*out)[n - 3] = '\0';
  return MST_OK;
}

static bool is_taken(const report *r, int i) {
  for (int k = 0; k < r->n; k++)
    if (k != i && r->made[k] != NULL && strcmp(r->made[k], r->made[i]) == 0) return true;
  return false;
}

static mst_status name_runs(report *r) {
  for (int i = 0; i < r->n; i++) MST_TRY(short_name(r->path[i], &r->made[i]));
  for (int i = 0; i < r->n; i++) r->label[i] = is_taken(r, i) ? r->path[i] : r->made[i];
  for (int i = 1; i < r->n; i++) {
    bool again = false;
    mst_text numbered = MST_TEXT_EMPTY;
    for (int k = 0; k < i; k++) again = again || strcmp(r->label[k], r->label[i]) == 0;
    if (!again) continue;
    MST_TRY(mst_text_add(&numbered, "%s (%d)", r->label[i], i + 1));
    mst_free(r->made[i]);
    r->label[i] = r->made[i] = numbered.at;
  }
  return MST_OK;
}

static mst_status read_runs(report *r) {
  for (int i = 0; i < r->n; i++) MST_TRY(mst_report_run_read(r->team, r->path[i], &r->run[i]));
  return MST_OK;
}

/* For rank 0, which alone has the runs' arrays, and draws. */
static mst_status lay_out(report *r) {
  int n = 0;
  if (mst_team_rank(r->team) != 0) return MST_OK;
  MST_TRY(name_runs(r));
  for (int i = 0; i < r->n; i++)
    r->point[n++] =
        (mst_heat_point){.run = &r->run[i], .label = r->label[i], .settings = r->settings[i]};
  for (int i = 0; i < r->missing; i++)
    r->point[n++] = (mst_heat_point){.label = "", .settings = r->without[i]};
  MST_TRY(mst_heat_make(n, r->point, r->rows, r->columns, r->figure, &r->heat));
  if (r->worst != NULL && r->heat.at == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "option --worst: the runs differ in fewer than two keys; name --rows");
  return MST_OK;
}

static mst_status make_page(report *r, mst_text *out) {
  mst_page page = {.n = r->n, .run = r->run, .label = r->label, .heat = &r->heat};
  if (mst_team_rank(r->team) != 0) return MST_OK;
  mst_report_page(&page);
  mst_text_free(&page.script);
  r->figures = page.figures;
  *out = page.text;
  return page.status;
}

static mst_status write_page(report *r) {
  mst_text page = MST_TEXT_EMPTY;
  mst_status st = mst_file_follow(r->team, make_page(r, &page));
  if (st == MST_OK) st = mst_report_write(r->team, r->html, &page);
  mst_text_free(&page);
  if (st == MST_OK) mst_say_kept(r->html);
  return st;
}

static mst_status write_table(report *r, const char *path, bool worst) {
  mst_text table = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  if (mst_team_rank(r->team) == 0)
    st = worst ? mst_heat_csv(&r->heat, &table) : mst_report_csv(r->n, r->run, &table);
  st = mst_file_follow(r->team, st);
  if (st == MST_OK) st = mst_report_write(r->team, path, &table);
  mst_text_free(&table);
  if (st == MST_OK) mst_say_kept(path);
  return st;
}

/* What is written may replace an older report, but neither a run nor each other. */
static mst_status check_files(const report *r) {
  mst_named_path *file = NULL;
  int n = 0;
  mst_status st = mst_alloc(&file, r->n + r->given + 3, sizeof *file, "names of files");
  MST_TRY(mst_team_agree(r->team, st));
  for (int i = 0; i < r->n; i++)
    file[n++] = (mst_named_path){.key = "a run file", .path = r->path[i]};
  for (int i = 0; i < r->given; i++)
    if (is_list(r->operand[i]))
      file[n++] = (mst_named_path){.key = "a list of cells", .path = r->operand[i]};
  const mst_named_path written[] = {
      {.key = "--output", .path = r->html, .written = true, .opening = MST_REPORT_OPENING},
      {.key = "--csv", .path = r->csv, .written = true, .opening = MST_REPORT_CSV},
      {.key = "--worst", .path = r->worst, .written = true, .opening = MST_HEAT_CSV}};
  for (int i = 0; i < 3; i++)
    if (written[i].path != NULL) file[n++] = written[i];
  st = mst_paths_check(r->team, file, n);
  mst_free(file);
  return st;
}

static bool add_member(json_t *line, const char *name, const char *path) {
  return path == NULL || json_object_set_new(line, name, json_string(path)) == 0;
}

/* The worst of all cells; known to rank 0. */
static bool add_worst(const report *r, json_t *line) {
  if (r->heat.at == NULL) return true;
  const mst_heat_place *at = mst_heat_at(&r->heat, r->heat.rows.n, r->heat.columns.n);
  json_t *run = at->worst >= 0 ? json_string(r->point[at->worst].run->path) : json_null();
  json_t *value = at->worst >= 0 ? json_real(at->value) : json_null();
  json_t *worst =
      run != NULL && value != NULL
          ? json_pack("{s:s, s:O, s:O, s:i, s:i}", "figure", r->heat.figure, "value", value, "run",
                      run, "rows", r->heat.rows.n, "columns", r->heat.columns.n)
          : NULL;
  json_decref(run);
  json_decref(value);
  return worst != NULL && json_object_set_new(line, "worst", worst) == 0;
}

static mst_status print_result(const report *r) {
  json_t *line = json_pack("{s:i, s:i}", "runs", r->n, "figures", r->figures);
  bool ok = line != NULL && add_member(line, "report", r->html) &&
            add_member(line, "csv", r->csv) && add_member(line, "table", r->worst);
  if (ok) ok = add_worst(r, line);
  if (!ok) json_decref(line);
  return mst_print_json(r->team, ok ? line : NULL);
}

static mst_status perform(report *r, int argc, char **argv) {
  MST_TRY(mst_team_agree(r->team, read_arguments(r, argc, argv)));
  MST_TRY(find_runs(r));
  MST_TRY(check_files(r));
  if (r->html != NULL)
    MST_TRY(mst_file_follow(r->team, mst_team_rank(r->team) == 0 ? mst_plot_check() : MST_OK));
  MST_TRY(read_runs(r));
  MST_TRY(mst_file_follow(r->team, lay_out(r)));
  if (r->csv != NULL) MST_TRY(write_table(r, r->csv, false));
  if (r->worst != NULL) MST_TRY(write_table(r, r->worst, true));
  if (r->html != NULL) MST_TRY(write_page(r));
  return mst_team_agree(r->team, print_result(r));
}

static mst_status report_command(mst_team *team, int argc, char **argv) {
  report r = {.team = team};
  mst_status st = perform(&r, argc, argv);
  mst_heat_clear(&r.heat);
  for (int i = 0; i < r.n; i++) {
    if (r.run != NULL) mst_report_run_clear(&r.run[i]);
    if (r.made != NULL) mst_free(r.made[i]);
    mst_free(r.path[i]);
  }
  for (int i = 0; i < r.lists; i++) json_decref(r.list[i]);
  mst_free(r.run);
  mst_free(r.made);
  mst_free(r.label);
  mst_free(r.point);
  mst_free(r.path);
  mst_free(r.settings);
  mst_free(r.without);
  mst_free(r.list);
  mst_free(r.operand);
  return st;
}

static const char help[] =
    "usage: muster report RUN.h5... -o REPORT.html [--csv TABLE.csv]\n"
    "       muster report NAME.grid/index.json -o REPORT.html [--worst TABLE.csv]\n"
    "\n"
    "Show one run, or up to 28 side by side, as one page that needs nothing else: results, the\n"
    "keys in which the experiments differ, accuracy and loss by round and by bytes, clients and\n"
    "how they fare, the confusion matrix, time, memory and traffic, the experiments and where\n"
    "they ran. The digest of every run file is verified first. Figures are drawn by gnuplot,\n"
    "which must be installed (Debian: gnuplot-nox); a table alone needs none.\n"
    "\n"
    "Runs that differ in two keys or more, and the cells of a grid (muster run --grid), also get\n"
    "a heat map of the worst case: each place is the worst of the runs that share the values of\n"
    "its row and column. More than 28 runs, 1000 at most, get a line each instead of the rest.\n"
    "\n"
    "options\n"
    "  -o, --output REPORT.html  the page to write (default: none)\n"
    "  -c, --csv TABLE.csv       also write the results as a table, a line a run, with every\n"
    "                            digit (default: none)\n"
    "  -w, --worst TABLE.csv     also write the heat map as a table (default: none)\n"
    "      --rows KEY.PATH,...   keys whose values are its rows (default: aggregate.rule with\n"
    "                            aggregate.pre where they differ, else the first that differs)\n"
    "      --columns KEY.PATH,...  likewise (default: attack.name with attack.count, else the\n"
    "                            next key that differs)\n"
    "      --figure NAME         the figure (default: accuracy, else loss)\n"
    "  -h, --help                this text\n"
    "\n"
    "output\n"
    "  Files that an earlier muster report wrote are replaced; others are not. The last line on\n"
    "  standard output is one JSON object: {\"runs\", \"figures\", \"report\", \"csv\", "
    "\"table\":\n"
    "  that of --worst, \"worst\": {figure, value, run, rows, columns}}.\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed (no gnuplot, a full disk)\n"
    "  2 bad input: missing, damaged or foreign files\n"
    "\n"
    "example\n"
    "  muster report fedavg.h5 scaffold.h5 -o methods.html --csv methods.csv\n"
    "  muster report robust.grid/index.json -o robust.html --worst robust.csv\n";

const mst_command mst_command_report = {.name = "report",
                                        .summary = "runs as a page of figures and tables",
                                        .help = help,
                                        .run = report_command};
