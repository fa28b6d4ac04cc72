/* `muster report`: finished runs as one page, and their results as a table. Rank 0 draws and
 * writes; the others wait for what comes of it. */
#include "jobs/report.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/paths.h"
#include "io/report_html.h"
#include "io/report_plot.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"
#include "jobs/say.h"

typedef struct report {
  mst_team *team;
  int n;
  const char **path;      /* (n) run files */
  const char *html, *csv; /* names, or NULL */
  mst_report_run *run;    /* (n)            */
  const char **label;     /* (n)            */
  char **made;            /* (n) labels that had to be made */
  int figures;
} report;

enum {
  OPTION_HELP,
  OPTION_OUTPUT,
  OPTION_CSV
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_OUTPUT] = {"output", 'o', "FILE.html"},
                                     [OPTION_CSV] = {"csv", 'c', "FILE.csv"},
                                     {NULL, 0, NULL}};

static mst_status check_arguments(const report *r) {
  if (r->n == 0)
    return mst_fail(MST_ERR_INPUT,
                    "muster report needs a run file, as in 'muster report run.h5 -o "
                    "report.html' (see muster report --help)");
  if (r->n > MST_PAGE_RUNS)
    return mst_fail(MST_ERR_INPUT, "%d runs are more than the %d that one page can tell apart",
                    r->n, MST_PAGE_RUNS);
  if (r->html == NULL && r->csv == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "muster report needs a file to write: -o report.html, --csv "
                    "table.csv, or both (see muster report --help)");
  return MST_OK;
}

static mst_status read_arguments(report *r, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  MST_TRY(mst_alloc(&r->path, argc, sizeof *r->path, "names of run files"));
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (kind == MST_ARGUMENT_OPERAND) r->path[r->n++] = value;
    if (index == OPTION_OUTPUT) r->html = value;
    if (index == OPTION_CSV) r->csv = value;
  }
  MST_TRY(check_arguments(r));
  MST_TRY(mst_alloc(&r->run, r->n, sizeof *r->run, "runs"));
  MST_TRY(mst_alloc(&r->made, r->n, sizeof *r->made, "names of runs"));
  return mst_alloc(&r->label, r->n, sizeof *r->label, "names of runs");
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

static mst_status make_page(report *r, mst_text *out) {
  mst_page page = {.n = r->n, .run = r->run, .label = r->label};
  if (mst_team_rank(r->team) != 0) return MST_OK;
  MST_TRY(name_runs(r));
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

static mst_status write_csv(report *r) {
  mst_text table = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  if (mst_team_rank(r->team) == 0) st = mst_report_csv(r->n, r->run, &table);
  st = mst_file_follow(r->team, st);
  if (st == MST_OK) st = mst_report_write(r->team, r->csv, &table);
  mst_text_free(&table);
  if (st == MST_OK) mst_say_kept(r->csv);
  return st;
}

/* What is written may replace an older report, but neither a run nor each other. */
static mst_status check_files(const report *r) {
  mst_named_path file[MST_PAGE_RUNS + 2];
  int n = 0;
  for (int i = 0; i < r->n; i++)
    file[n++] = (mst_named_path){.key = "a run file", .path = r->path[i]};
  if (r->html != NULL)
    file[n++] = (mst_named_path){
        .key = "--output", .path = r->html, .written = true, .opening = MST_REPORT_OPENING};
  if (r->csv != NULL)
    file[n++] = (mst_named_path){
        .key = "--csv", .path = r->csv, .written = true, .opening = MST_REPORT_CSV};
  return mst_paths_check(r->team, file, n);
}

static mst_status print_result(const report *r) {
  json_t *line = json_pack("{s:i, s:i}", "runs", r->n, "figures", r->figures);
  bool ok = line != NULL;
  if (ok && r->html != NULL) ok = json_object_set_new(line, "report", json_string(r->html)) == 0;
  if (ok && r->csv != NULL) ok = json_object_set_new(line, "csv", json_string(r->csv)) == 0;
  if (!ok) json_decref(line);
  return mst_print_json(r->team, ok ? line : NULL);
}

static mst_status perform(report *r, int argc, char **argv) {
  MST_TRY(mst_team_agree(r->team, read_arguments(r, argc, argv)));
  MST_TRY(check_files(r));
  if (r->html != NULL)
    MST_TRY(mst_file_follow(r->team, mst_team_rank(r->team) == 0 ? mst_plot_check() : MST_OK));
  MST_TRY(read_runs(r));
  if (r->csv != NULL) MST_TRY(write_csv(r));
  if (r->html != NULL) MST_TRY(write_page(r));
  return mst_team_agree(r->team, print_result(r));
}

static mst_status report_command(mst_team *team, int argc, char **argv) {
  report r = {.team = team};
  mst_status st = perform(&r, argc, argv);
  for (int i = 0; i < r.n; i++) {
    if (r.run != NULL) mst_report_run_clear(&r.run[i]);
    if (r.made != NULL) mst_free(r.made[i]);
  }
  mst_free(r.run);
  mst_free(r.made);
  mst_free(r.label);
  mst_free(r.path);
  return st;
}

static const char help[] =
    "usage: muster report RUN.h5... -o REPORT.html [--csv TABLE.csv]\n"
    "\n"
    "Show one run, or up to 28 side by side, as one page that needs nothing else: results, the\n"
    "keys in which the experiments differ, accuracy and loss by round and by bytes, clients and\n"
    "how they fare, the confusion matrix, time, memory and traffic, the experiments and where\n"
    "they ran. The digest of every run file is verified first. Figures are drawn by gnuplot,\n"
    "which must be installed (Debian: gnuplot-nox); a table alone needs none.\n"
    "\n"
    "options\n"
    "  -o, --output REPORT.html  the page to write (default: none)\n"
    "  -c, --csv TABLE.csv       also write the results as a table, a line a run, with every\n"
    "                            digit (default: none)\n"
    "  -h, --help                this text\n"
    "\n"
    "output\n"
    "  Files that an earlier muster report wrote are replaced; others are not. The last line on\n"
    "  standard output is one JSON object: {\"runs\", \"figures\", \"report\", \"csv\"}.\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed (no gnuplot, a full disk)\n"
    "  2 bad input: missing, damaged or foreign files\n"
    "\n"
    "example\n"
    "  muster report fedavg.h5 scaffold.h5 -o methods.html --csv methods.csv\n";

const mst_command mst_command_report = {.name = "report",
                                        .summary = "runs as a page of figures and tables",
                                        .help = help,
                                        .run = report_command};
