/* A report's tables: the results, here and as CSV, the keys in which the experiments differ, and
 * where the runs took place. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/changes.h"
#include "io/report_html.h"
#include "jobs/report.h"

/* A name of something that some of the runs have, in the order of first appearance. */
typedef struct names {
  int n, capacity;
  const char **at;
} names;

static mst_status add_name(names *list, const char *name) {
  for (int i = 0; i < list->n; i++)
    if (strcmp(list->at[i], name) == 0) return MST_OK;
  if (list->n == list->capacity) {
    int capacity = list->n > 0 ? 2 * list->n : 32;
    const char **wide = NULL;
    MST_TRY(mst_alloc(&wide, capacity, sizeof *wide, "names"));
    if (list->n > 0) memcpy(wide, list->at, (size_t)list->n * sizeof *wide);
    mst_free(list->at);
    list->at = wide;
    list->capacity = capacity;
  }
  list->at[list->n++] = name;
  return MST_OK;
}

static mst_status list_figures(int n, const mst_report_run *run, names *list) {
  for (int i = 0; i < n; i++)
    for (int k = 0; k < run[i].outcome.n; k++)
      MST_TRY(add_name(list, run[i].outcome.figure[k].name));
  return MST_OK;
}

static const mst_figure *find_figure(const mst_report_run *run, const char *name) {
  for (int k = 0; k < run->outcome.n; k++)
    if (strcmp(run->outcome.figure[k].name, name) == 0) return &run->outcome.figure[k];
  return NULL;
}

static double figure_value(const mst_figure *f) {
  if (f == NULL) return NAN;
  return f->whole ? (double)f->count : f->value;
}

static void add_figure_cell(mst_page *p, const mst_figure *f, const char *name, bool best) {
  mst_page_add(p, "<td class=\"n%s\">", best ? " b" : "");
  if (best) mst_page_add(p, "<b>");
  mst_page_figure_value(p, name, figure_value(f), f != NULL && f->whole);
  mst_page_add(p, best ? "</b></td>" : "</td>");
}

/* Is this run's value the best of several that differ? Only of accuracies and losses. */
static bool is_best(const mst_page *p, const char *name, int run) {
  bool high = strstr(name, "accuracy") != NULL && strstr(name, "spread") == NULL;
  bool low = strstr(name, "loss") != NULL && mst_page_same_job(p);
  double own = figure_value(find_figure(&p->run[run], name));
  bool differs = false;
  if (p->n < 2 || (!high && !low) || !isfinite(own)) return false;
  for (int i = 0; i < p->n; i++) {
    double other = figure_value(find_figure(&p->run[i], name));
    if (!isfinite(other)) continue;
    if (high ? other > own : other < own) return false;
    differs = differs || other != own;
  }
  return differs;
}

static void add_text_row(mst_page *p, const char *name,
                         const char *(*text)(const mst_report_run *)) {
  mst_page_add(p, "<tr><th>%s</th>", name);
  for (int i = 0; i < p->n; i++) {
    mst_page_add(p, "<td class=\"n\">");
    mst_page_text(p, text(&p->run[i]));
    mst_page_add(p, "</td>");
  }
  mst_page_add(p, "</tr>\n");
}

static const char *job_of(const mst_report_run *run) {
  return run->outcome.job;
}

void mst_report_results(mst_page *p) {
  names list = {0};
  if (p->status == MST_OK) p->status = list_figures(p->n, p->run, &list);
  mst_page_add(p, "<div>");
  mst_page_section(p, "Results");
  mst_page_run_columns(p, "");
  add_text_row(p, "job", job_of);
  for (int k = 0; k < list.n; k++) {
    mst_page_add(p, "<tr><th>");
    mst_page_text(p, list.at[k]);
    mst_page_add(p, "</th>");
    for (int i = 0; i < p->n; i++)
      add_figure_cell(p, find_figure(&p->run[i], list.at[k]), list.at[k],
                      is_best(p, list.at[k], i));
    mst_page_add(p, "</tr>\n");
  }
  mst_page_add(p, "<tr><th>rounds</th>");
  for (int i = 0; i < p->n; i++) {
    mst_page_add(p, "<td class=\"n\">");
    mst_page_count(p, p->run[i].outcome.rounds);
    mst_page_add(p, "</td>");
  }
  mst_page_add(p, "</tr>\n<tr><th>seconds</th>");
  for (int i = 0; i < p->n; i++)
    mst_page_add(p, "<td class=\"n\">%.1f</td>", p->run[i].outcome.seconds);
  mst_page_add(p, "</tr>\n</tbody></table></div></div>\n");
  mst_free(list.at);
}

/* Figures worth a column where every run has a line. */
static bool is_listed(const char *name) {
  return strstr(name, "accuracy") != NULL || strstr(name, "loss") != NULL;
}

void mst_report_list(mst_page *p) {
  names list = {0};
  if (p->status == MST_OK) p->status = list_figures(p->n, p->run, &list);
  mst_page_section(p, "Results");
  mst_page_add(p, "<div class=\"wide\"><table><thead><tr><th>run</th>");
  for (int k = 0; k < list.n; k++)
    if (is_listed(list.at[k])) {
      mst_page_add(p, "<th class=\"n\">");
      mst_page_text(p, list.at[k]);
      mst_page_add(p, "</th>");
    }
  mst_page_add(p, "<th class=\"n\">rounds</th><th class=\"n\">seconds</th></tr></thead><tbody>\n");
  for (int i = 0; i < p->n; i++) {
    mst_page_add(p, "<tr><th>");
    mst_page_text(p, p->label[i]);
    mst_page_add(p, "</th>");
    for (int k = 0; k < list.n; k++)
      if (is_listed(list.at[k]))
        add_figure_cell(p, find_figure(&p->run[i], list.at[k]), list.at[k], false);
    mst_page_add(p, "<td class=\"n\">");
    mst_page_count(p, p->run[i].outcome.rounds);
    mst_page_add(p, "</td><td class=\"n\">%.1f</td></tr>\n", p->run[i].outcome.seconds);
  }
  mst_page_add(p, "</tbody></table></div>\n");
  mst_free(list.at);
}

static mst_status add_csv_row(const mst_report_run *run, const names *list, mst_text *out) {
  const mst_outcome *o = &run->outcome;
  char number[MST_NUMBER];
  MST_TRY(mst_csv_text(out, run->path));
  MST_TRY(mst_text_add(out, ","));
  MST_TRY(mst_csv_text(out, o->job));
  MST_TRY(mst_text_add(out, ",%s,", o->digest));
  MST_TRY(mst_csv_text(out, mst_report_attribute(run, "seed")));
  MST_TRY(mst_text_add(out, ",%" PRId64 ",%" PRId64 ",%s", o->rounds, o->ranks,
                       mst_text_real(o->seconds, number)));
  for (int k = 0; k < list->n; k++) {
    const mst_figure *f = find_figure(run, list->at[k]);
    MST_TRY(mst_text_add(out, ","));
    if (f != NULL && f->whole) MST_TRY(mst_text_add(out, "%" PRId64, f->count));
    if (f != NULL && !f->whole && isfinite(f->value))
      MST_TRY(mst_text_add(out, "%s", mst_text_real(f->value, number)));
  }
  return mst_text_add(out, "\n");
}

mst_status mst_report_csv(int n, const mst_report_run *run, mst_text *out) {
  names list = {0};
  mst_status st = list_figures(n, run, &list);
  if (st == MST_OK) st = mst_text_add(out, "%s", MST_REPORT_CSV);
  for (int k = 0; k < list.n && st == MST_OK; k++) {
    st = mst_text_add(out, ",");
    if (st == MST_OK) st = mst_csv_text(out, list.at[k]);
  }
  if (st == MST_OK) st = mst_text_add(out, "\n");
  for (int i = 0; i < n && st == MST_OK; i++) st = add_csv_row(&run[i], &list, out);
  mst_free(list.at);
  return st;
}

static bool find_setting(const mst_report_run *run, const char *key, mst_setting *s) {
  return mst_setting_find(run->outcome.experiment, key, s);
}

/* In how many runs a key stands, and whether it says the same in them. */
static int count_runs(const mst_page *p, const mst_setting *first, bool *same) {
  mst_setting other;
  int found = 0;
  *same = true;
  for (int i = 0; i < p->n; i++) {
    if (!find_setting(&p->run[i], first->key, &other)) continue;
    found++;
    *same = *same && other.length == first->length &&
            memcmp(other.value, first->value, (size_t)other.length) == 0;
  }
  return found;
}

/* Is a key of run i one that an earlier run has too? */
static bool is_known(const mst_page *p, int i, const char *key) {
  mst_setting other;
  for (int k = 0; k < i; k++)
    if (find_setting(&p->run[k], key, &other)) return true;
  return false;
}

static void add_setting(mst_page *p, const mst_report_run *run, const char *key) {
  mst_setting s;
  mst_text value = MST_TEXT_EMPTY;
  mst_page_add(p, "<td class=\"n\">");
  if (find_setting(run, key, &s)) {
    if (p->status == MST_OK) p->status = mst_text_add(&value, "%.*s", s.length, s.value);
    mst_page_text(p, value.at != NULL ? value.at : "");
  } else {
    mst_page_add(p, "\xe2\x80\x93");
  }
  mst_page_add(p, "</td>");
  mst_text_free(&value);
}

/* The keys in which the runs differ, but for those that only say where results go: those that all
 * have, or those that some have. Returns how many. */
static int add_differences(mst_page *p, bool shared) {
  int rows = 0;
  for (int i = 0; i < p->n; i++) {
    mst_setting s = {.at = p->run[i].outcome.experiment};
    while (mst_setting_next(&s)) {
      bool same;
      int found = count_runs(p, &s, &same);
      if (strncmp(s.key, "output.", 7) == 0 || is_known(p, i, s.key)) continue;
      if ((found == p->n) != shared || (shared && same)) continue;
      if (rows++ == 0) mst_page_run_columns(p, "");
      mst_page_add(p, "<tr><th><code>");
      mst_page_text(p, s.key);
      mst_page_add(p, "</code></th>");
      for (int k = 0; k < p->n; k++) add_setting(p, &p->run[k], s.key);
      mst_page_add(p, "</tr>\n");
    }
  }
  if (rows > 0) mst_page_add(p, "</tbody></table></div>\n");
  return rows;
}

static void add_experiment(mst_page *p, int i) {
  mst_page_add(p, "<pre>");
  mst_page_text(p, p->run[i].outcome.experiment);
  mst_page_add(p, "</pre>");
}

void mst_report_settings(mst_page *p) {
  mst_page_add(p, "<div>");
  mst_page_section(p, p->n > 1 ? "What the experiments differ in" : "Experiment");
  if (p->n > 1) {
    if (add_differences(p, true) == 0)
      mst_page_add(p, "<p>No key that all have, but for those of <code>output</code>.</p>\n");
    mst_page_add(p, "<details><summary>Keys that only some have</summary>\n");
    if (add_differences(p, false) == 0) mst_page_add(p, "<p>None.</p>\n");
    mst_page_add(p, "</details>\n");
  } else {
    add_experiment(p, 0);
  }
  mst_page_add(p, "</div>\n");
}

/* Attributes that the table of results, or the page's head, does not show already. */
static bool is_origin(const char *name) {
  static const char *const shown[] = {"muster_format", "version", "job", "rounds"};
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    if (strcmp(name, shown[i]) == 0) return false;
  return strncmp(name, "result.", 7) != 0;
}

static void add_origin(mst_page *p, const char *name) {
  mst_page_add(p, "<tr><th>");
  mst_page_text(p, name);
  mst_page_add(p, "</th>");
  for (int i = 0; i < p->n; i++) {
    const char *text = mst_report_attribute(&p->run[i], name);
    bool digest = strcmp(name, "digest") == 0;
    mst_page_add(p, digest ? "<td class=\"n\"><code title=\"" : "<td class=\"n\">");
    if (digest) {
      mst_page_text(p, text);
      mst_page_add(p, p->n > 2 ? "\">%.16s\xe2\x80\xa6</code>" : "\">%.64s</code>", text);
    } else {
      mst_page_text(p, text);
    }
    mst_page_add(p, "</td>");
  }
  mst_page_add(p, "</tr>\n");
}

static const char *path_of(const mst_report_run *run) {
  return run->path;
}

void mst_report_origins(mst_page *p) {
  names list = {0};
  for (int i = 0; i < p->n; i++)
    for (int k = 0; k < p->run[i].words && p->status == MST_OK; k++)
      if (is_origin(p->run[i].word[k].name)) p->status = add_name(&list, p->run[i].word[k].name);
  mst_page_section(p, "Where they come from");
  mst_page_run_columns(p, "");
  add_text_row(p, "run file", path_of);
  for (int k = 0; k < list.n; k++) add_origin(p, list.at[k]);
  mst_page_add(p, "</tbody></table></div>\n");
  mst_free(list.at);
  for (int i = 0; i < p->n && p->n > 1; i++) {
    mst_page_add(p, "<details><summary>Experiment of ");
    mst_page_text(p, p->label[i]);
    mst_page_add(p, "</summary>");
    add_experiment(p, i);
    mst_page_add(p, "</details>\n");
  }
}
