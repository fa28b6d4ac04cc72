/* A report's costs: time by phase, memory, and traffic, that of a deployment and that of the
 * machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/summary.h"
#include "jobs/report.h"

typedef struct spread {
  double mean, most;
} spread;

static spread over_ranks(const mst_report_array *a) {
  const double *x = a != NULL ? a->value : NULL;
  int64_t n = a != NULL ? a->n : 0;
  return (spread){.mean = mst_summary_mean(x, n), .most = mst_summary_most(x, n)};
}

/* The timing whose name follows `last` among those of all runs that end in `unit`; NULL past the
 * end. */
static const char *timing_after(const mst_page *p, const char *last, const char *unit) {
  const char *best = NULL;
  for (int i = 0; i < p->n; i++)
    for (int k = 0; k < p->run[i].arrays; k++) {
      const char *name = p->run[i].array[k].name;
      size_t n = strlen(name), m = strlen(unit);
      if (strncmp(name, "timing/", 7) != 0) continue;
      bool fits = n >= m && strcmp(name + n - m, unit) == 0;
      if (fits && strcmp(name, last) > 0 && (best == NULL || strcmp(name, best) < 0)) best = name;
    }
  return best;
}

#define MOST_BARS 40
#define TIMED_RUNS 4 /* most runs whose bars can be told apart; more are a table */

typedef struct bar {
  const char *name;
  double seconds; /* of the slowest rank of any run */
} bar;

static int longest_first(const void *a, const void *b) {
  const bar *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return strcmp(x->name, y->name);
}

static int list_times(const mst_page *p, bar bars[MOST_BARS]) {
  int n = 0;
  for (const char *name = ""; n < MOST_BARS && (name = timing_after(p, name, "seconds")) != NULL;) {
    bars[n] = (bar){.name = name};
    for (int i = 0; i < p->n; i++) {
      double most = over_ranks(mst_report_find(&p->run[i], name)).most;
      if (isfinite(most)) bars[n].seconds = fmax(bars[n].seconds, most);
    }
    n++;
  }
  if (n > 1) qsort(bars, (size_t)n, sizeof *bars, longest_first);
  return n;
}

static void add_time_tics(mst_page *p, const bar *bars, int n) {
  mst_page_script(p, "set ytics scale 0 (");
  for (int row = 0; row < n; row++) {
    const char *shown = bars[row].name + strlen("timing/");
    int length = (int)strlen(shown) - (int)strlen("_seconds");
    mst_page_script(p, "%s'%.*s' %d", row > 0 ? ", " : "", length > 0 ? length : 5,
                    length > 0 ? shown : "total", row);
  }
  mst_page_script(p, ")\n");
}

/* Bars of seconds: the mean of the ranks, and a line to the slowest. */
static void draw_times(mst_page *p) {
  bar bars[MOST_BARS];
  int rows = list_times(p, bars);
  if (p->n > TIMED_RUNS || rows == 0) return;
  bool marks[MST_PAGE_RUNS];
  for (int i = 0; i < p->n; i++) marks[i] = true;
  mst_page_script(p, "$t << EOD\n");
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < p->n; i++) {
      spread s = over_ranks(mst_report_find(&p->run[i], bars[row].name));
      if (isfinite(s.mean) && isfinite(s.most))
        mst_page_script(p, "%.4g %.6g %.6g %d\n", row + 0.8 * ((i + 0.5) / p->n - 0.5), s.mean,
                        s.most, i);
    }
  mst_page_script(p, "EOD\nset yrange [%g:-0.7]\nset xrange [0:%.6g]\nset xlabel 'seconds'\n"
                     "set grid noytics xtics\nset tmargin 0.3\nset format x '%s'\n",
                  rows - 0.3, bars[0].seconds > 0 ? 1.04 * bars[0].seconds : 1, "%g");
  add_time_tics(p, bars, rows);
  mst_page_script(p, "plot ");
  for (int i = 0; i < p->n; i++) {
    char colour[64];
    snprintf(colour, sizeof colour, "%s", mst_page_line(i));
    char *dash = strstr(colour, " dt");
    if (dash != NULL) *dash = '\0';
    mst_page_script(
        p,
        "%s$t using ($4==%d?$2/2:NaN):1:($2/2):(%.4g) with boxxyerror fs solid 0.75 %s, "
        "$t using ($4==%d?$2:NaN):1:($3-$2):(0) with vectors nohead lw 1.2 %s",
        i > 0 ? ", " : "", i, 0.36 / p->n, colour, i, colour);
  }
  mst_page_script(p, "\n");
  int height = 60 + rows * (10 + 9 * p->n);
  mst_page_draw(p, MST_PAGE_WIDTH, height, "Time by phase",
                "mean of the ranks; a line goes on to the slowest; phases and parts of them",
                marks);
}

static void add_timings(mst_page *p, const char *unit) {
  for (const char *name = ""; (name = timing_after(p, name, unit)) != NULL;) {
    const char *shown = name + strlen("timing/");
    bool whole = strcmp(unit, "seconds") != 0;
    mst_page_add(p, "<tr><th>%.100s</th>", shown);
    for (int i = 0; i < p->n; i++) {
      mst_page_add(p, "<td class=\"n\">");
      mst_page_figure_value(p, shown, over_ranks(mst_report_find(&p->run[i], name)).most, whole);
      mst_page_add(p, "</td>");
    }
    mst_page_add(p, "</tr>\n");
  }
}

static void add_ledger(mst_page *p) {
  static const char *const direction[] = {"setup_uplink", "setup_downlink", "uplink", "downlink"};
  static const char *const what[] = {"bytes", "messages"};
  for (int d = 0; d < 4; d++)
    for (int w = 0; w < 2; w++) {
      char name[96];
      bool any = false;
      snprintf(name, sizeof name, "ledger/%s_%s", direction[d], what[w]);
      for (int i = 0; i < p->n; i++) any = any || mst_report_find(&p->run[i], name) != NULL;
      if (!any) continue;
      mst_page_add(p, "<tr><th>%s %s</th>", direction[d], what[w]);
      for (int i = 0; i < p->n; i++) {
        const mst_report_array *a = mst_report_find(&p->run[i], name);
        double sum = a != NULL ? 0 : NAN;
        for (int64_t k = 0; a != NULL && k < a->n; k++) sum += a->value[k];
        mst_page_add(p, "<td class=\"n\">");
        mst_page_figure_value(p, what[w], sum, true);
        mst_page_add(p, "</td>");
      }
      mst_page_add(p, "</tr>\n");
    }
}

static void add_cost_tables(mst_page *p) {
  mst_page_add(p, "<div>");
  mst_page_run_columns(p, "of a deployment");
  add_ledger(p);
  mst_page_add(p, "</tbody></table></div>");
  mst_page_run_columns(p, "of this machine, largest of all ranks");
  add_timings(p, "bytes");
  add_timings(p, "messages");
  add_timings(p, "flops");
  if (p->n > TIMED_RUNS) add_timings(p, "seconds");
  mst_page_add(p, "</tbody></table></div></div>\n");
}

void mst_report_costs(mst_page *p) {
  mst_page_section(p, "Time, memory and traffic");
  mst_page_grid(p, true);
  draw_times(p);
  if (mst_page_is_narrow(p)) add_cost_tables(p);
  mst_page_grid(p, false);
  if (!mst_page_is_narrow(p)) add_cost_tables(p);
}
