/* The page of `muster scale`: seconds and efficiency over the ranks with the law and its interval,
 * and the tables of runs, phases and forecasts. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/report_html.h"
#include "jobs/report.h"
#include "jobs/scale.h"

#define LAW_POINTS 40   /* of the curve of a law                                       */
#define BAND       10.0 /* an interval is drawn as far as so many times the law's time */

/* Lines of the figures. */
enum {
  MEASURED,
  NO_LOSS,
  LAW,
  WORK,
  COMM,
  LINES
};
static const char *label[LINES] = {"measured", "no loss", "law", "work", "communication"};

typedef struct law_curve {
  int n;
  double ranks[LAW_POINTS + 1], seconds[LAW_POINTS + 1], low[LAW_POINTS + 1], high[LAW_POINTS + 1],
      efficiency[LAW_POINTS + 1];
} law_curve;

/* What is being drawn; the page's callbacks have no other way to it. */
typedef struct sheet {
  mst_page page; /* first: a page is its sheet */
  const mst_scale *scale;
  int n; /* counts with runs */
  double ranks[MST_SCALE_COUNTS], seconds[MST_SCALE_COUNTS], ideal[MST_SCALE_COUNTS],
      efficiency[MST_SCALE_COUNTS], work[MST_SCALE_COUNTS], comm[MST_SCALE_COUNTS];
  law_curve law;
} sheet;

static void add_title(mst_page *p) {
  const mst_scale *s = ((const sheet *)p)->scale;
  mst_page_add(p, "%s scaling of ", s->weak ? "weak" : "strong");
  mst_page_text(p, s->file);
}

static void list_measured(sheet *h) {
  const mst_scale *s = h->scale;
  for (int i = 0; i < s->counts; i++) {
    const mst_scale_count *c = &s->count[i];
    if (c->runs == 0) continue;
    const mst_scale_trial *t = mst_scale_shown(c);
    h->ranks[h->n] = (double)c->ranks;
    h->seconds[h->n] = t->seconds;
    h->work[h->n] = t->work;
    h->comm[h->n] = t->comm;
    h->ideal[h->n] = mst_scale_ideal(s, c->ranks, c->share);
    h->efficiency[h->n++] = mst_scale_efficiency(s, c);
  }
}

/* Rank counts that are spread evenly over the logarithm, whole and none twice. */
static mst_status list_law(sheet *h) {
  const mst_scale *s = h->scale;
  law_curve *l = &h->law;
  const double first = h->ranks[0];
  double last = h->ranks[h->n - 1];
  int64_t before = 0;
  if (!s->has_law) return MST_OK;
  if (s->predicts > 0) last = fmax(last, (double)s->predict[s->predicts - 1]);
  for (int i = 0; i <= LAW_POINTS; i++) {
    const int64_t ranks = llround(first * pow(last / first, i / (double)LAW_POINTS));
    mst_scaling_forecast f;
    if (ranks == before) continue;
    before = ranks;
    MST_TRY(mst_scaling_predict(&s->law, ranks, &f));
    l->ranks[l->n] = (double)ranks;
    l->seconds[l->n] = f.seconds;
    l->low[l->n] = fmax(f.low, f.seconds / BAND);
    l->high[l->n] = fmin(f.high, f.seconds * BAND);
    l->efficiency[l->n++] = mst_scale_forecast_efficiency(s, (double)ranks, f.seconds);
  }
  return MST_OK;
}

static void draw_seconds(sheet *h) {
  mst_page *p = &h->page;
  mst_curves c;
  mst_curves_begin(&c);
  mst_curves_add_band(p, &c, LAW, h->law.n, h->law.ranks, h->law.low, h->law.high);
  mst_curves_add(p, &c, NO_LOSS, true, h->n, h->ranks, h->ideal);
  mst_curves_add(p, &c, LAW, true, h->law.n, h->law.ranks, h->law.seconds);
  mst_curves_add(p, &c, MEASURED, false, h->n, h->ranks, h->seconds);
  mst_curves_draw(
      p, &c,
      &(mst_axes){.title = "Seconds",
                  .x = "ranks",
                  .note = h->law.n > 0 ? "band: the 95 % interval of the law, as far as "
                                         "ten times its seconds"
                                       : NULL,
                  .log_x = true,
                  .log_y = true});
}

static void draw_efficiency(sheet *h) {
  mst_page *p = &h->page;
  mst_curves c;
  mst_curves_begin(&c);
  mst_curves_add(p, &c, LAW, true, h->law.n, h->law.ranks, h->law.efficiency);
  mst_curves_add(p, &c, MEASURED, false, h->n, h->ranks, h->efficiency);
  mst_curves_draw(p, &c,
                  &(mst_axes){.title = "Efficiency",
                              .x = "ranks",
                              .note = "1: no loss against the smallest count",
                              .log_x = true});
}

static void draw_parts(sheet *h) {
  mst_page *p = &h->page;
  mst_curves c;
  mst_curves_begin(&c);
  mst_curves_add(p, &c, WORK, false, h->n, h->ranks, h->work);
  mst_curves_add(p, &c, COMM, false, h->n, h->ranks, h->comm);
  mst_curves_draw(
      p, &c,
      &(mst_axes){.title = "Work and communication",
                  .x = "ranks",
                  .note = "seconds, means of the ranks; waiting counts as communication",
                  .log_x = true});
}

static void add_number(mst_page *p, const char *format, double value) {
  char text[64];
  snprintf(text, sizeof text, format, value);
  mst_page_add(p, "<td class=\"n\">%s</td>", isfinite(value) ? text : "unknown");
}

static void open_table(mst_page *p, int n, const char *const *column) {
  mst_page_add(p, "<div class=\"wide\"><table><thead><tr>");
  for (int i = 0; i < n; i++) mst_page_add(p, "<th class=\"n\">%s</th>", column[i]);
  mst_page_add(p, "</tr></thead><tbody>\n");
}

static void close_table(mst_page *p) {
  mst_page_add(p, "</tbody></table></div>\n");
}

static void add_runs(sheet *h) {
  static const char *const column[] = {"ranks",        "runs", "seconds",       "speed-up",
                                       "efficiency",   "work", "communication", "balance",
                                       "bytes a rank", ""};
  mst_page *p = &h->page;
  const mst_scale *s = h->scale;
  mst_page_section(p, "Runs");
  open_table(p, 11, column);
  for (int i = 0; i < s->counts; i++) {
    const mst_scale_count *c = &s->count[i];
    mst_page_add(p, "<tr><td class=\"n\">%" PRId64 "</td><td class=\"n\">%d</td>", c->ranks,
                 c->runs);
    if (c->runs > 0) {
      const mst_scale_trial *t = mst_scale_shown(c);
      const double e = mst_scale_efficiency(s, c);
      add_number(p, "%.3f", t->seconds);
      add_number(p, "%.2f", e * (double)c->ranks / h->ranks[0]);
      add_number(p, "%.3f", e);
      add_number(p, "%.3f", t->work);
      add_number(p, "%.3f", t->comm);
      add_number(p, "%.2f", t->balance);
      add_number(p, "%.2f", t->processor);
      mst_page_add(p, "<td class=\"n\">");
      mst_page_figure_value(p, "bytes", t->mpi_bytes + t->shared_bytes, true);
      mst_page_add(p, "</td><td>%s", c->crowded ? "more ranks than processors " : "");
    } else {
      mst_page_add(p, "<td colspan=\"8\"></td><td>");
    }
    if (c->error != NULL) mst_page_text(p, c->error);
    mst_page_add(p, "</td></tr>\n");
  }
  close_table(p);
}

static void add_phases(sheet *h) {
  const char *name[MST_SCALE_PHASES];
  mst_page *p = &h->page;
  const mst_scale *s = h->scale;
  const int n = mst_scale_phases(s, name);
  if (n == 0) return;
  mst_page_section(p, "Seconds of the slowest rank by phase, and parts of them");
  mst_page_add(p, "<div class=\"wide\"><table><thead><tr><th>ranks</th>");
  for (int i = 0; i < h->n; i++) mst_page_add(p, "<th class=\"n\">%.0f</th>", h->ranks[i]);
  mst_page_add(p, "</tr></thead><tbody>\n");
  for (int k = 0; k < n; k++) {
    mst_page_add(p, "<tr><th>");
    mst_page_text(p, name[k]);
    mst_page_add(p, "</th>");
    for (int i = 0; i < s->counts; i++)
      if (s->count[i].runs > 0)
        add_number(
            p, "%.3f",
            json_number_value(json_object_get(mst_scale_shown(&s->count[i])->phase, name[k])));
    mst_page_add(p, "</tr>\n");
  }
  close_table(p);
}

static void add_forecast(sheet *h) {
  static const char *const column[] = {"ranks", "seconds",    "from",
                                       "to",    "efficiency", "what keeps more ranks from helping"};
  mst_page *p = &h->page;
  const mst_scale *s = h->scale;
  if (!s->has_law || s->predicts == 0) return;
  mst_page_section(p, "Forecast");
  mst_page_add(
      p,
      "<p class=\"quiet\">From %d rank counts. The interval of 95 %% holds every law of the "
      "form that fits the runs.</p>\n",
      s->law.counts);
  open_table(p, 6, column);
  for (int i = 0; i < s->predicts; i++) {
    const mst_scaling_forecast *f = &s->forecast[i];
    mst_page_add(p, "<tr>");
    add_number(p, "%.0f", f->ranks);
    add_number(p, "%.3f", f->seconds);
    add_number(p, "%.3f", f->low);
    add_number(p, "%.3f", f->high);
    add_number(p, "%.3f", mst_scale_forecast_efficiency(s, f->ranks, f->seconds));
    mst_page_add(p, "<td>%s</td></tr>\n", mst_scale_limit_text(f->limit));
  }
  close_table(p);
}

static mst_status make_page(sheet *h) {
  mst_page *p = &h->page;
  list_measured(h);
  MST_TRY(list_law(h));
  mst_page_begin(p, MST_SCALE_OPENING, add_title, add_title);
  mst_page_add(p, "<p class=\"quiet\">muster scale: job ");
  mst_page_text(p, h->scale->job);
  if (h->scale->repeat > 1) mst_page_add(p, "; the median of %" PRId64 " runs", h->scale->repeat);
  mst_page_add(p, ".</p>\n");
  mst_page_grid(p, true);
  draw_seconds(h);
  draw_efficiency(h);
  draw_parts(h);
  mst_page_grid(p, false);
  add_runs(h);
  add_phases(h);
  add_forecast(h);
  mst_page_add(p, "</body></html>\n");
  return p->status;
}

mst_status mst_scale_write_page(const mst_scale *s) {
  sheet *h = NULL;
  MST_TRY(mst_alloc(&h, 1, sizeof *h, "page"));
  *h = (sheet){.page = {.n = LINES, .label = label}, .scale = s};
  mst_status st = make_page(h);
  mst_text_free(&h->page.script);
  if (st == MST_OK) st = mst_report_write(s->team, s->output, &h->page.text);
  mst_text_free(&h->page.text);
  mst_free(h);
  return st;
}
