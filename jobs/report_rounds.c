/* A report's curves: accuracies, losses and every other metric by round, and accuracy by what the
 * clients sent. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/report.h"

#define MOST_POINTS 600 /* of a curve that is drawn */
#define HEIGHT 270

void mst_curves_begin(mst_curves *c) {
  *c = (mst_curves){.low = {HUGE_VAL, HUGE_VAL}, .high = {-HUGE_VAL, -HUGE_VAL}};
}

static void widen(mst_curves *c, int axis, double value) {
  if (value < c->low[axis]) c->low[axis] = value;
  if (value > c->high[axis]) c->high[axis] = value;
}

void mst_curves_add(mst_page *p, mst_curves *c, int run, bool thin, int64_t n, const double *x,
                    const double *y) {
  int64_t finite = 0, written = 0;
  for (int64_t i = 0; i < n; i++) finite += isfinite(y[i]) && (x == NULL || isfinite(x[i]));
  if (finite == 0 || c->n == (int)(sizeof c->run / sizeof c->run[0])) return;
  int64_t step = mst_ceil_div(finite, MOST_POINTS), seen = 0;
  mst_page_script(p, "$c%d << EOD\n", c->n);
  for (int64_t i = 0; i < n; i++) {
    double at = x != NULL ? x[i] : (double)(i + 1);
    if (!isfinite(y[i]) || !isfinite(at)) continue;
    widen(c, 0, at);
    widen(c, 1, y[i]);
    seen++;
    if (seen % step != 1 % step && seen != 1 && seen != finite) continue;
    mst_page_script(p, "%.12g %.9g\n", at, y[i]);
    written++;
  }
  mst_page_script(p, "EOD\n");
  c->run[c->n] = run;
  c->thin[c->n] = thin;
  c->band[c->n] = false;
  c->points[c->n++] = written;
}

void mst_curves_add_band(mst_page *p, mst_curves *c, int run, int64_t n, const double *x,
                         const double *low, const double *high) {
  const int64_t step = mst_ceil_div(n, MOST_POINTS);
  int64_t written = 0;
  if (n < 2 || c->n == (int)(sizeof c->run / sizeof c->run[0])) return;
  mst_page_script(p, "$c%d << EOD\n", c->n);
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(x[i]) || !isfinite(low[i]) || !isfinite(high[i])) continue;
    widen(c, 0, x[i]);
    widen(c, 1, low[i]);
    widen(c, 1, high[i]);
    if (i % step != 0 && i != n - 1) continue;
    mst_page_script(p, "%.12g %.9g %.9g\n", x[i], low[i], high[i]);
    written++;
  }
  mst_page_script(p, "EOD\n");
  c->run[c->n] = run;
  c->thin[c->n] = false;
  c->band[c->n] = true;
  c->points[c->n++] = written;
}

/* The range of an axis with some air; a range of one value is widened. */
static void add_range(mst_page *p, char axis, double low, double high, bool log) {
  if (log) {
    mst_page_script(p, "set logscale %c\nset %crange [%.9g:%.9g]\nset format %c '%s'\n", axis, axis,
                    low / 1.3, high * 1.3, axis, "%g");
    return;
  }
  double air = high > low ? 0.04 * (high - low) : low != 0 ? 0.05 * fabs(low) : 1;
  mst_page_script(p, "set %crange [%.9g:%.9g]\nset format %c '%s'\n", axis, low - air, high + air,
                  axis, "%g");
}

void mst_curves_draw(mst_page *p, const mst_curves *c, const mst_axes *axes) {
  int64_t most = 0, points = 0;
  bool marks[MST_PAGE_RUNS] = {false};
  for (int k = 0; k < c->n; k++) {
    marks[c->run[k]] = true;
    most = mst_most(most, c->points[k]);
    points += c->points[k];
  }
  /* A point alone says less than the table of results. */
  if (points < 2 || (most < 2 && !axes->lone)) {
    mst_text_free(&p->script);
    return;
  }
  bool log_x = axes->log_x && c->low[0] > 0, log_y = axes->log_y && c->low[1] > 0;
  add_range(p, 'x', c->low[0], c->high[0], log_x);
  add_range(p, 'y', c->low[1], c->high[1], log_y);
  if (strcmp(axes->x, "round") == 0 && c->high[0] - c->low[0] < 8)
    mst_page_script(p, "set xtics 1\n");
  mst_page_script(p, "set xlabel '%s'\nplot ", axes->x);
  for (int k = 0; k < c->n; k++) {
    if (c->band[k]) {
      mst_page_script(p, "%s$c%d using 1:2:3 with filledcurves fs transparent solid 0.15 noborder %s",
                      k > 0 ? ", " : "", k, mst_page_line(c->run[k]));
      continue;
    }
    const char *how = c->points[k] == 1 ? "points pt 7 ps 0.7"
                      : c->points[k] <= 12 && !axes->steps ? "linespoints pt 7 ps 0.35" : "lines";
    mst_page_script(p, "%s$c%d using 1:2 with %s lw %s %s", k > 0 ? ", " : "", k, how,
                    c->thin[k] ? "0.9" : "1.8", mst_page_line(c->run[k]));
  }
  mst_page_script(p, "\n");
  mst_page_draw(p, MST_PAGE_WIDTH, HEIGHT, axes->title, axes->note, marks);
}

static const mst_report_array *metric(const mst_report_run *run, const char *name) {
  char path[160];
  snprintf(path, sizeof path, "metrics/%s", name);
  return mst_report_find(run, path);
}

static void add_metric(mst_page *p, mst_curves *c, const char *name, bool thin) {
  for (int i = 0; i < p->n; i++) {
    const mst_report_array *y = metric(&p->run[i], name), *round = metric(&p->run[i], "round");
    if (y != NULL && round != NULL && y->n == round->n)
      mst_curves_add(p, c, i, thin, y->n, round->value, y->value);
  }
}

/* Have some of the runs, of those with several, more than ten times the rounds of others? */
static bool lengths_differ(const mst_page *p) {
  double least = HUGE_VAL, most = 0;
  for (int i = 0; i < p->n; i++) {
    const mst_report_array *round = metric(&p->run[i], "round");
    if (round == NULL || round->n < 2) continue;
    least = fmin(least, round->value[round->n - 1]);
    most = fmax(most, round->value[round->n - 1]);
  }
  return most > 10 * least;
}

/* What one round of a run is called. */
static const char *round_word(const mst_page *p) {
  int steps = 0;
  for (int i = 0; i < p->n; i++) steps += strcmp(p->run[i].outcome.job, "train") == 0;
  return steps == 0 ? "round" : steps == p->n ? "step" : "round, or step of the train job";
}

/* A metric over the rounds; with a second one in thin lines, unless it is NULL. */
static void draw_metric(mst_page *p, const char *name, const char *second, const char *title,
                        const char *note) {
  mst_curves c;
  const mst_axes axes = {.title = title, .x = round_word(p), .note = note,
                         .log_x = lengths_differ(p)};
  mst_curves_begin(&c);
  add_metric(p, &c, name, false);
  if (second != NULL) add_metric(p, &c, second, true);
  mst_curves_draw(p, &c, &axes);
}

/* Bytes that all clients together had sent when a round had ended; NaN where nobody sends. */
static void add_bytes(const mst_report_run *run, const mst_report_array *round, double *sent) {
  static const char *const name[] = {"ledger/setup_uplink_bytes", "ledger/uplink_bytes"};
  const mst_report_array *at = mst_report_find(run, "ledger/round");
  bool metered = at != NULL && mst_report_find(run, name[1]) != NULL;
  for (int64_t i = 0; i < round->n; i++) sent[i] = metered ? 0 : (double)NAN;
  for (int k = 0; k < 2 && metered; k++) {
    const mst_report_array *bytes = mst_report_find(run, name[k]);
    double sum = 0;
    int64_t next = 0;
    if (bytes == NULL || bytes->n != at->n) continue;
    for (int64_t i = 0; i < round->n; i++) {
      while (next < at->n && at->value[next] <= round->value[i]) sum += bytes->value[next++];
      sent[i] += sum;
    }
  }
}

/* The unit in which numbers up to `most` are read easily. */
static double byte_unit(double most, const char **unit) {
  static const char *const name[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double size = 1;
  int u = 0;
  while (most / size >= 4096 && u < 4) {
    size *= 1024;
    u++;
  }
  *unit = name[u];
  return size;
}

/* Smallest and largest of what each run had sent at its end. */
static void bytes_range(const mst_page *p, double *least, double *most) {
  *least = HUGE_VAL;
  *most = 0;
  for (int i = 0; i < p->n; i++)
    for (int k = 0; k < p->run[i].outcome.n; k++) {
      const mst_figure *f = &p->run[i].outcome.figure[k];
      if (strcmp(f->name, "uplink_bytes") != 0 || !f->whole || f->count <= 0) continue;
      *least = fmin(*least, (double)f->count);
      *most = fmax(*most, (double)f->count);
    }
}

static void draw_by_bytes(mst_page *p) {
  mst_curves c;
  char x[64];
  const char *unit;
  double least, most;
  bytes_range(p, &least, &most);
  double size = byte_unit(most, &unit);
  mst_curves_begin(&c);
  for (int i = 0; i < p->n && p->status == MST_OK; i++) {
    const mst_report_array *y = metric(&p->run[i], "accuracy"),
                           *round = metric(&p->run[i], "round");
    double *sent = NULL;
    if (y == NULL || round == NULL || y->n != round->n) continue;
    p->status = mst_alloc(&sent, round->n, sizeof *sent, "bytes by round");
    if (p->status == MST_OK) add_bytes(&p->run[i], round, sent);
    for (int64_t k = 0; p->status == MST_OK && k < round->n; k++) sent[k] /= size;
    if (p->status == MST_OK) mst_curves_add(p, &c, i, false, round->n, sent, y->value);
    mst_free(sent);
  }
  snprintf(x, sizeof x, "sent by all clients, %s", unit);
  const mst_axes axes = {.title = "Accuracy by uplink", .x = x, .log_x = most > 30 * least,
                         .lone = true,
                         .note = "test rows; what the clients would send to a server"};
  mst_curves_draw(p, &c, &axes);
}

/* Has some run this metric, with values that are not all the same? */
static bool varies(const mst_page *p, const char *name) {
  double least = HUGE_VAL, most = -HUGE_VAL;
  for (int i = 0; i < p->n; i++) {
    const mst_report_array *y = metric(&p->run[i], name);
    for (int64_t k = 0; y != NULL && k < y->n; k++) {
      if (!isfinite(y->value[k])) continue;
      least = fmin(least, y->value[k]);
      most = fmax(most, y->value[k]);
    }
  }
  return most > least;
}

static bool is_common(const char *name) {
  static const char *const common[] = {"round", "regret", "regret_sd", "accuracy", "loss", "train_loss",
                                       "client_accuracy_mean", "client_accuracy_worst",
                                       "client_accuracy_spread"};
  for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
    if (strcmp(name, common[i]) == 0) return true;
  return false;
}

/* Metrics of which nothing is known but the name, each drawn once. */
static void draw_others(mst_page *p) {
  for (int i = 0; i < p->n; i++)
    for (int k = 0; k < p->run[i].arrays; k++) {
      const char *path = p->run[i].array[k].name, *name = path + strlen("metrics/");
      if (strncmp(path, "metrics/", strlen("metrics/")) != 0 || is_common(name)) continue;
      bool earlier = false;
      for (int j = 0; j < i; j++) earlier = earlier || metric(&p->run[j], name) != NULL;
      if (!earlier && varies(p, name)) draw_metric(p, name, NULL, name, NULL);
    }
}

/* Is there a curve to draw, or are there two points? */
static bool is_learning(const mst_page *p) {
  for (int i = 0; i < p->n; i++) {
    const mst_report_array *round = metric(&p->run[i], "round");
    if (round != NULL && (round->n > 1 || p->n > 1)) return true;
  }
  return false;
}

void mst_report_rounds(mst_page *p) {
  if (!is_learning(p)) return;
  mst_page_section(p, "Learning");
  mst_page_grid(p, true);
  draw_metric(p, "accuracy", NULL, "Accuracy by round", "test rows");
  draw_by_bytes(p);
  bool same = mst_page_same_job(p);
  draw_metric(p, "loss", NULL, "Loss by round",
              same ? "test rows" : "test rows; each job has a loss of its own");
  draw_metric(p, "train_loss", NULL, "Training loss by round",
              same ? "rows that were trained on" : "each job has a loss of its own");
  draw_metric(p, "client_accuracy_mean", "client_accuracy_worst", "Accuracy of clients by round",
              "on their own rows; mean, and in thin lines mean of the worst tenth");
  draw_others(p);
  mst_page_grid(p, false);
}
