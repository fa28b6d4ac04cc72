/* A report's heat map: the worst case of a grid as a figure, and where each row has its worst. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "jobs/report_heat.h"
#include "jobs/worst.h"

#define MOST_ROWS    60 /* that are drawn; the table has all */
#define MOST_COLUMNS 24
#define LABEL        30   /* bytes of a label in the figure, cut with ~ */
#define CELL         58   /* pixels                                     */
#define WIDEST       1080 /* of the figure, pixels                      */
#define GAP          0.25 /* between the places and the worst of them   */

/* Text that gnuplot takes as it stands in single quotes: other characters become ?. */
static void make_safe(const char *label, char to[LABEL + 1]) {
  static const char safe[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,+-=()[]/:";
  size_t n = strlen(label);
  snprintf(to, LABEL + 1, "%s", label);
  for (char *c = to; *c != '\0'; c++)
    if (strchr(safe, *c) == NULL) *c = '?';
  if (n > LABEL) to[LABEL - 1] = '~';
}

static int longest(const mst_heat_axis *a) {
  size_t most = strlen("worst");
  for (int i = 0; i < a->n; i++) most = strlen(a->label[i]) > most ? strlen(a->label[i]) : most;
  return (int)mst_least((int64_t)most, LABEL);
}

/* The worst over an axis of one place would only say the same again. */
static int shown(const mst_heat_axis *a) {
  return a->n > 1 ? a->n + 1 : a->n;
}

static double position(const mst_heat_axis *a, int i) {
  return i < a->n ? i : i + GAP;
}

static void add_tics(mst_page *p, char axis, const mst_heat_axis *a, bool turned) {
  char label[LABEL + 1];
  mst_page_script(p, "set %ctics scale 0 %s(", axis, turned ? "rotate by 35 right " : "");
  for (int i = 0; i < shown(a); i++) {
    make_safe(i < a->n ? a->label[i] : "worst", label);
    mst_page_script(p, "%s'%s' %.4g", i > 0 ? ", " : "", label, position(a, i));
  }
  mst_page_script(p, ")\n");
}

/* The best and the worst value of all places. */
static void find_range(const mst_heat *h, double *worst, double *best) {
  *worst = *best = NAN;
  for (int i = 0; i < h->rows.n * (h->columns.n + 1); i++) {
    const mst_heat_place *at = &h->at[i];
    if (at->worst < 0) continue;
    if (!isfinite(*worst) || mst_worst_is_worse(h->figure, at->value, *worst)) *worst = at->value;
    if (!isfinite(*best) || mst_worst_is_worse(h->figure, *best, at->value)) *best = at->value;
  }
}

/* One place: its shade, its number, and * where cells are missing. */
static void add_place(mst_page *p, const mst_heat *h, int row, int column, double worst,
                      double best) {
  const mst_heat_place *at = mst_heat_at(h, row, column);
  char number[32] = "-";
  if (at->cells == 0) return;
  bool known = at->worst >= 0;
  double share = best != worst ? (at->value - worst) / (best - worst) : 0.5;
  if (known) snprintf(number, sizeof number, fabs(at->value) < 10 ? "%.3f" : "%.4g", at->value);
  mst_page_script(p, "%.4g %.4g %u %s%s %u\n", position(&h->columns, column),
                  position(&h->rows, row), known ? mst_page_shade(share) : 0xe4e8ecu, number,
                  known && at->missing > 0 ? "*" : "",
                  known && share > 0.55 ? 0xffffffu : 0x24292fu);
}

static void join_keys(const mst_heat_axis *a, char *to, size_t size) {
  size_t used = 0;
  to[0] = '\0';
  for (int i = 0; i < a->keys && used < size; i++)
    used += (size_t)snprintf(to + used, size - used, "%s%s", i > 0 ? ", " : "", a->key[i]);
}

static void draw(mst_page *p, const mst_heat *h) {
  double worst, best;
  char title[128], note[512], rows[160], columns[160];
  int right = shown(&h->columns), down = shown(&h->rows);
  int row_label = longest(&h->rows), column_label = longest(&h->columns);
  find_range(h, &worst, &best);
  join_keys(&h->rows, rows, sizeof rows);
  join_keys(&h->columns, columns, sizeof columns);
  mst_page_script(p, "$m << EOD\n");
  for (int r = 0; r < down; r++)
    for (int c = 0; c < right; c++) add_place(p, h, r, c, worst, best);
  double edge = position(&h->columns, right - 1), bottom = position(&h->rows, down - 1);
  bool turned = column_label > 8;
  double below = turned ? 1.6 + 0.24 * column_label : 1.8;
  mst_page_script(p,
                  "EOD\nset xrange [-0.5:%.4g]\nset yrange [%.4g:-0.5]\nunset border\n"
                  "set grid noytics\nset lmargin %.4g\nset rmargin 1\nset bmargin %.4g\n",
                  edge + 0.5, bottom + 0.5, 0.95 * row_label + 2, below);
  add_tics(p, 'x', &h->columns, turned);
  add_tics(p, 'y', &h->rows, false);
  mst_page_script(p,
                  "plot $m using 1:2:(0.48):(0.46):3 with boxxyerror lc rgb variable, "
                  "$m using 1:2:4:5 with labels tc rgb variable font 'sans-serif,%d'\n",
                  right > 14 ? 8 : 10);
  snprintf(title, sizeof title, "Worst %.60s", h->figure);
  snprintf(note, sizeof note,
           "%s (down) by %s (across); the darker, the better; grey: no cell has a result; *: some "
           "cells have none",
           rows, columns[0] != '\0' ? columns : "nothing");
  double width = 7.2 * row_label + 40 + CELL * (edge + 1), height = 26 * (bottom + 1) + 16 * below;
  mst_page_draw(p, (int)fmin(WIDEST, fmax(width, 300)), (int)height + 24, title, note, NULL);
}

static void add_rows(mst_page *p, const mst_heat *h) {
  mst_page_add(p, "<div class=\"wide\"><table><thead><tr><th>");
  for (int k = 0; k < h->rows.keys; k++) {
    mst_page_add(p, k > 0 ? ", " : "");
    mst_page_text(p, h->rows.key[k]);
  }
  mst_page_add(p, "</th><th class=\"n\">worst ");
  mst_page_text(p, h->figure);
  mst_page_add(p,
               "</th><th>which is</th><th class=\"n\">cells</th><th class=\"n\">without a "
               "result</th></tr></thead><tbody>\n");
  for (int r = 0; r < h->rows.n; r++) {
    const mst_heat_place *at = mst_heat_at(h, r, h->columns.n);
    mst_page_add(p, "<tr><th>");
    mst_page_text(p, h->rows.label[r]);
    mst_page_add(p, "</th><td class=\"n\">");
    mst_page_figure_value(p, h->figure, at->worst >= 0 ? at->value : (double)NAN, false);
    mst_page_add(p, "</td><td>");
    mst_page_text(p, at->worst >= 0 ? h->point[at->worst].label : "");
    mst_page_add(p, "</td><td class=\"n\">%d</td><td class=\"n\">%d</td></tr>\n", at->cells,
                 at->missing);
  }
  mst_page_add(p, "</tbody></table></div>\n");
}

void mst_report_heat(mst_page *p, const mst_heat *h) {
  if (h == NULL || h->at == NULL) return;
  mst_page_section(p, "Worst case");
  if (shown(&h->rows) > MOST_ROWS || shown(&h->columns) > MOST_COLUMNS)
    mst_page_add(p,
                 "<p class=\"quiet\">%d by %d places are too many for a figure: choose keys of "
                 "fewer values.</p>\n",
                 h->rows.n, h->columns.n);
  else
    draw(p, h);
  add_rows(p, h);
}
