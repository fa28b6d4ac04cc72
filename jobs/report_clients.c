/* A report's clients: who held what, and how the model does on their rows. They may be thousands,
 * so they are shown sorted, by quantiles, or in bins. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/summary.h"
#include "jobs/report.h"

#define COLUMNS     120    /* of the label mix: clients, or bins of them */
#define MIX_CLASSES 120    /* most classes of a label mix that is drawn  */
#define MOST_ROWS   0x1p40 /* of a class that a client can have: other counts are no counts */

/* The finite values of an array above `least`, sorted. Free with mst_free. */
static mst_status sort_values(const mst_report_array *a, double least, double **out, int64_t *n) {
  *n = 0;
  MST_TRY(mst_alloc(out, a->n, sizeof **out, "sorted values"));
  for (int64_t i = 0; i < a->n; i++)
    if (isfinite(a->value[i]) && a->value[i] > least) (*out)[(*n)++] = a->value[i];
  mst_summary_sort(*out, *n);
  return MST_OK;
}

/* Sizes, largest first. */
static void draw_sizes(mst_page *p) {
  mst_curves c;
  double least = HUGE_VAL, most = 0;
  mst_curves_begin(&c);
  for (int i = 0; i < p->n && p->status == MST_OK; i++) {
    const mst_report_array *rows = mst_report_find(&p->run[i], "clients/rows");
    double *sorted = NULL;
    int64_t n = 0;
    if (rows == NULL) continue;
    p->status = sort_values(rows, 0, &sorted, &n);
    for (int64_t k = 0; k < n / 2; k++) {
      double swapped = sorted[k];
      sorted[k] = sorted[n - 1 - k];
      sorted[n - 1 - k] = swapped;
    }
    if (n > 0) {
      least = fmin(least, sorted[n - 1]);
      most = fmax(most, sorted[0]);
    }
    mst_curves_add(p, &c, i, false, n, NULL, sorted);
    mst_free(sorted);
  }
  const mst_axes axes = {.title = "Rows of clients",
                         .x = "clients, largest first",
                         .steps = true,
                         .log_y = most > 30 * least,
                         .note = "clients that have some"};
  mst_curves_draw(p, &c, &axes);
}

static void draw_accuracies(mst_page *p) {
  mst_curves c;
  mst_curves_begin(&c);
  for (int i = 0; i < p->n && p->status == MST_OK; i++) {
    const mst_report_array *accuracy = mst_report_find(&p->run[i], "clients/accuracy");
    double *sorted = NULL, *share = NULL;
    int64_t n = 0;
    if (accuracy == NULL) continue;
    p->status = sort_values(accuracy, -1, &sorted, &n);
    if (p->status == MST_OK) p->status = mst_alloc(&share, n, sizeof *share, "shares of clients");
    for (int64_t k = 0; p->status == MST_OK && k < n; k++)
      share[k] = 100.0 * ((double)k + 0.5) / (double)n;
    if (p->status == MST_OK) mst_curves_add(p, &c, i, false, n, share, sorted);
    mst_free(share);
    mst_free(sorted);
  }
  const mst_axes axes = {.title = "Accuracy by client",
                         .x = "% of clients, worst first",
                         .steps = true,
                         .note = "each on its own rows, after the last round"};
  mst_curves_draw(p, &c, &axes);
}

struct mixed {
  int64_t client, rows, dominant, kinds;
  double share; /* of the dominant class */
};

/* The clients of a run whose rows are counted by class, in the order in which they are drawn. */
typedef struct mix {
  const mst_report_array *labels;
  int64_t clients, classes, n; /* n: those that have rows */
  struct mixed *at;
} mix;

/* By the class that dominates, then by how much it does. */
static int by_class(const void *a, const void *b) {
  const struct mixed *x = a, *y = b;
  if (x->dominant != y->dominant) return x->dominant < y->dominant ? -1 : 1;
  if (x->share != y->share) return x->share > y->share ? -1 : 1;
  return (x->client > y->client) - (x->client < y->client);
}

static mst_status read_mix(const mst_report_run *run, mix *m) {
  *m = (mix){.labels = mst_report_find(run, "clients/labels")};
  if (m->labels == NULL || m->labels->dims != 2) return MST_OK;
  m->clients = m->labels->shape[0];
  m->classes = m->labels->shape[1];
  MST_TRY(mst_alloc(&m->at, m->clients, sizeof *m->at, "label mix"));
  for (int64_t k = 0; k < m->clients; k++) {
    const double *label = m->labels->value + k * m->classes;
    struct mixed one = {.client = k};
    double most = 0;
    for (int64_t c = 0; c < m->classes; c++) {
      if (!(label[c] > 0 && label[c] < MOST_ROWS)) continue;
      one.rows += (int64_t)label[c];
      one.kinds++;
      if (label[c] > most) one.dominant = c;
      most = fmax(most, label[c]);
    }
    if (one.rows == 0) continue;
    one.share = most / (double)one.rows;
    m->at[m->n++] = one;
  }
  if (m->n > 1) qsort(m->at, (size_t)m->n, sizeof *m->at, by_class);
  return MST_OK;
}

/* One column: the classes' shares of the rows of clients [from, to) in drawing order. */
static void add_column(mst_page *p, const mix *m, int64_t column, int64_t from, int64_t to) {
  for (int64_t c = 0; c < m->classes; c++) {
    double share = 0;
    for (int64_t k = from; k < to; k++)
      share += m->labels->value[m->at[k].client * m->classes + c] / (double)m->at[k].rows;
    share /= (double)(to - from);
    if (share > 0.002)
      mst_page_script(p, "%" PRId64 " %" PRId64 " %u\n", column, c, mst_page_shade(share));
  }
}

static void draw_mix(mst_page *p, const mix *m, const char *title) {
  int64_t columns = mst_least(m->n, COLUMNS);
  char note[160];
  mst_page_script(p, "$m << EOD\n");
  for (int64_t k = 0; k < columns; k++)
    add_column(p, m, k, m->n * k / columns, m->n * (k + 1) / columns);
  mst_page_script(p,
                  "EOD\nset xrange [-0.5:%" PRId64 ".5]\nset yrange [-0.5:%" PRId64
                  ".5]\n"
                  "unset xtics\nset grid noytics\nset bmargin 2\n"
                  "set xlabel 'clients, by their commonest class' offset 0,0.6\n",
                  columns - 1, m->classes - 1);
  mst_page_class_tics(p, 'y', m->classes, 12);
  mst_page_script(p, "plot $m using 1:2:(0.505):(0.5):3 with boxxyerror lc rgb variable\n");
  if (columns < m->n)
    snprintf(
        note, sizeof note,
        "classes (upwards) of each client's rows, %.1f clients a column; the darker, the larger "
        "their share",
        (double)m->n / (double)columns);
  else
    snprintf(note, sizeof note,
             "classes (upwards) of each client's rows, a column a client; the darker, the larger "
             "their share");
  mst_page_draw(p, MST_PAGE_WIDTH, (int)(110 + 12 * mst_least(m->classes, 14)), title, note, NULL);
}

static bool same_labels(const mst_report_run *a, const mst_report_run *b) {
  const mst_report_array *x = mst_report_find(a, "clients/labels");
  const mst_report_array *y = mst_report_find(b, "clients/labels");
  return x != NULL && y != NULL && x->n == y->n && x->n > 0 && x->shape[0] == y->shape[0] &&
         memcmp(x->value, y->value, (size_t)x->n * sizeof *x->value) == 0;
}

/* Every mix once, under the names of all runs that have it. */
static void draw_mixes(mst_page *p) {
  for (int i = 0; i < p->n && p->status == MST_OK; i++) {
    bool drawn = false;
    int others = 0;
    mix m;
    char title[256];
    for (int k = 0; k < i; k++) drawn = drawn || same_labels(&p->run[k], &p->run[i]);
    for (int k = i + 1; k < p->n; k++) others += same_labels(&p->run[k], &p->run[i]);
    if (drawn) continue;
    p->status = read_mix(&p->run[i], &m);
    if (others == p->n - 1)
      snprintf(title, sizeof title, "Label mix");
    else if (others > 0)
      snprintf(title, sizeof title, "Label mix of %.100s and %d more", p->label[i], others);
    else
      snprintf(title, sizeof title, "Label mix of %.100s", p->label[i]);
    if (m.n > 0 && m.classes <= MIX_CLASSES) draw_mix(p, &m, title);
    mst_free(m.at);
  }
}

enum {
  CLIENTS,
  WITH_ROWS,
  LEAST,
  MEDIAN,
  LARGEST,
  KINDS,
  DOMINANT,
  MEAN,
  SPREAD,
  TENTH,
  LOW,
  MIDDLE,
  FIGURES
};
static const char *const figure_name[FIGURES] = {"clients",
                                                 "with rows",
                                                 "rows: least",
                                                 "rows: median",
                                                 "rows: most",
                                                 "classes of a client, median",
                                                 "share of its commonest class, mean",
                                                 "accuracy: mean",
                                                 "accuracy: standard deviation",
                                                 "accuracy: mean of the worst tenth",
                                                 "accuracy: 10 % are below",
                                                 "accuracy: median"};

static mst_status find_sizes(const mst_report_run *run, double figure[FIGURES]) {
  const mst_report_array *rows = mst_report_find(run, "clients/rows");
  double *sorted = NULL;
  int64_t n = 0;
  if (rows == NULL) return MST_OK;
  MST_TRY(sort_values(rows, 0, &sorted, &n));
  figure[CLIENTS] = (double)rows->n;
  figure[WITH_ROWS] = (double)n;
  figure[LEAST] = mst_summary_quantile(sorted, n, 0);
  figure[MEDIAN] = mst_summary_quantile(sorted, n, 0.5);
  figure[LARGEST] = mst_summary_quantile(sorted, n, 1);
  mst_free(sorted);
  return MST_OK;
}

static mst_status find_mix(const mst_report_run *run, double figure[FIGURES]) {
  mix m;
  double *kinds = NULL, share = 0;
  MST_TRY(read_mix(run, &m));
  mst_status st = mst_alloc(&kinds, m.n, sizeof *kinds, "classes of clients");
  for (int64_t k = 0; k < m.n && st == MST_OK; k++) {
    kinds[k] = (double)m.at[k].kinds;
    share += m.at[k].share;
  }
  if (st == MST_OK && m.n > 0) {
    mst_summary_sort(kinds, m.n);
    figure[KINDS] = mst_summary_quantile(kinds, m.n, 0.5);
    figure[DOMINANT] = share / (double)m.n;
  }
  mst_free(kinds);
  mst_free(m.at);
  return st;
}

static mst_status find_accuracies(const mst_report_run *run, double figure[FIGURES]) {
  const mst_report_array *accuracy = mst_report_find(run, "clients/accuracy");
  double *sorted = NULL;
  int64_t n = 0;
  if (accuracy == NULL) return MST_OK;
  MST_TRY(sort_values(accuracy, -1, &sorted, &n));
  mst_summary s = mst_summary_make(sorted, n);
  figure[MEAN] = s.mean;
  figure[SPREAD] = s.spread;
  figure[TENTH] = s.worst;
  figure[LOW] = mst_summary_quantile(sorted, n, 0.1);
  figure[MIDDLE] = mst_summary_quantile(sorted, n, 0.5);
  mst_free(sorted);
  return MST_OK;
}

static void add_client_table(mst_page *p) {
  double(*figure)[FIGURES] = NULL;
  if (p->status == MST_OK)
    p->status = mst_alloc(&figure, p->n, sizeof *figure, "figures of clients");
  for (int i = 0; i < p->n && p->status == MST_OK; i++) {
    for (int f = 0; f < FIGURES; f++) figure[i][f] = NAN;
    p->status = find_sizes(&p->run[i], figure[i]);
    if (p->status == MST_OK) p->status = find_mix(&p->run[i], figure[i]);
    if (p->status == MST_OK) p->status = find_accuracies(&p->run[i], figure[i]);
  }
  mst_page_run_columns(p, "");
  for (int f = 0; f < FIGURES && p->status == MST_OK; f++) {
    bool any = false;
    for (int i = 0; i < p->n; i++) any = any || isfinite(figure[i][f]);
    if (!any) continue;
    mst_page_add(p, "<tr><th>%s</th>", figure_name[f]);
    for (int i = 0; i < p->n; i++) {
      mst_page_add(p, "<td class=\"n\">");
      if (f < DOMINANT || !isfinite(figure[i][f]))
        mst_page_figure_value(p, "", figure[i][f], true);
      else
        mst_page_add(p, "%.4f", figure[i][f]);
      mst_page_add(p, "</td>");
    }
    mst_page_add(p, "</tr>\n");
  }
  mst_page_add(p, "</tbody></table></div>\n");
  mst_free(figure);
}

void mst_report_clients(mst_page *p) {
  bool any = false;
  for (int i = 0; i < p->n; i++) any = any || mst_report_find(&p->run[i], "clients/rows") != NULL;
  if (!any) return;
  mst_page_section(p, "Clients");
  if (!mst_page_is_narrow(p)) add_client_table(p);
  mst_page_grid(p, true);
  if (mst_page_is_narrow(p)) add_client_table(p);
  draw_accuracies(p);
  draw_sizes(p);
  draw_mixes(p);
  mst_page_grid(p, false);
}
