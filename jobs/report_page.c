/* The page's frame: its style, the runs at its head, tables, and figures with their marks. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/report_html.h"
#include "io/report_plot.h"
#include "jobs/output.h"
#include "jobs/report_heat.h"

/* Colours that remain apart for readers who see few of them (Okabe and Ito 2008), and dashes that
 * remain apart without colour; together they repeat after 28 runs. */
static const char *const colour[] = {"#0072b2", "#d55e00", "#009e73", "#b5518f",
                                     "#c98a00", "#3a9bd9", "#4d4d4d"};
static const char *const dash[] = {"", "7,3", "2,2", "8,2,2,2"};
static const char *const dash_type[] = {"1", "(14,6)", "(4,4)", "(16,4,4,4)"};

#define NARROW 45 /* bytes of the runs' names in half a page */

static const char style[] =
    ":root{color-scheme:light}"
    "body{font:14px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    "color:#1f2328;background:#fff;max-width:1120px;margin:24px auto;padding:0 20px}"
    "h1{font-size:22px;font-weight:600;margin:0 0 2px}"
    "h2{font-size:16px;font-weight:600;margin:30px 0 8px;padding-bottom:3px;"
    "border-bottom:1px solid #d8dee4}"
    "p{margin:6px 0}.quiet,figcaption small{color:#59636e;font-size:12px}"
    "table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;margin:6px 0}"
    "th{font-weight:600;text-align:left;vertical-align:bottom}"
    "th,td{padding:2px 14px 2px 0;border-bottom:1px solid #eaeef2;vertical-align:top}"
    "td.n,th.n{text-align:right;padding-left:8px}"
    "tbody th{font-weight:400;color:#59636e;white-space:nowrap}"
    "tr.best td.b{font-weight:600}td.same{color:#818b98}"
    ".wide{overflow-x:auto}.mark{white-space:nowrap}"
    ".mark svg{width:22px;height:8px;margin-right:5px;vertical-align:middle;overflow:visible}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:18px 26px;"
    "align-items:start}"
    "figure{margin:0;break-inside:avoid}figure>svg{display:block;width:100%;height:auto;"
    "max-width:560px}"
    "figure.own>svg{width:auto;max-width:100%}"
    "figcaption{font-weight:600;font-size:13px;margin-bottom:2px}"
    "figcaption small{display:block;font-weight:400}"
    ".marks{font-size:12px;color:#1f2328;margin:0 0 2px}.marks .mark{margin-right:14px}"
    "details{margin:6px 0}summary{cursor:pointer}"
    "pre{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:#f6f8fa;"
    "padding:8px 12px;overflow-x:auto;margin:4px 0;border-radius:4px}"
    "code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    "@media print{body{margin:0;max-width:none;font-size:11px}details>pre{white-space:pre-wrap}"
    "h2{break-after:avoid}}";

static void add_formatted(mst_page *p, mst_text *to, const char *format, va_list arguments) {
  char small[512];
  if (p->status != MST_OK) return;
  int n = vsnprintf(small, sizeof small, format, arguments);
  if (n < 0 || (size_t)n >= sizeof small)
    p->status = mst_fail(MST_ERR_INTERNAL, "a piece of the %s is too long: %.40s",
                         to == &p->text ? "page" : "figure", format);
  else
    p->status = mst_text_add(to, "%s", small);
}

void mst_page_add(mst_page *p, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add_formatted(p, &p->text, format, arguments);
  va_end(arguments);
}

void mst_page_script(mst_page *p, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add_formatted(p, &p->script, format, arguments);
  va_end(arguments);
}

void mst_page_text(mst_page *p, const char *text) {
  if (p->status == MST_OK) p->status = mst_html_text(&p->text, text);
}

void mst_page_count(mst_page *p, int64_t count) {
  char digits[32], out[48];
  int n = snprintf(digits, sizeof digits, "%" PRId64, count), k = 0;
  for (int i = 0; i < n; i++) {
    out[k++] = digits[i];
    if (digits[i] != '-' && (n - 1 - i) % 3 == 0 && i + 1 < n) out[k++] = ',';
  }
  out[k] = '\0';
  mst_page_add(p, "%s", out);
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

void mst_page_figure_value(mst_page *p, const char *name, double value, bool whole) {
  if (!isfinite(value))
    mst_page_add(p, "\xe2\x80\x93");
  else if (ends_with(name, "bytes") && fabs(value) < 0x1p62)
    mst_page_add(p, "%s", mst_size_text((int64_t)value));
  else if (whole && fabs(value) < 0x1p62)
    mst_page_count(p, (int64_t)value);
  else if (ends_with(name, "seconds"))
    mst_page_add(p, fabs(value) < 10 ? "%.3f" : "%.1f", value);
  else
    mst_page_add(p, "%.6g", value);
}

void mst_page_section(mst_page *p, const char *name) { mst_page_add(p, "<h2>%s</h2>\n", name); }

void mst_page_grid(mst_page *p, bool open) {
  mst_page_add(p, open ? "<div class=\"grid\">\n" : "</div>\n");
}

bool mst_page_is_narrow(const mst_page *p) {
  size_t labels = 0;
  for (int i = 0; i < p->n && i < 3; i++) labels += strlen(p->label[i]);
  return p->n <= 3 && labels <= NARROW;
}

void mst_page_mark(mst_page *p, int i) {
  mst_page_add(p, "<span class=\"mark\">");
  if (p->n > 1)
    mst_page_add(p,
                 "<svg viewBox=\"0 0 22 8\" aria-hidden=\"true\"><path d=\"M0 4H22\" stroke=\"%s\" "
                 "stroke-width=\"2.4\" stroke-dasharray=\"%s\"/></svg>",
                 colour[i % 7], dash[i % 4][0] != '\0' ? dash[i % 4] : "none");
  mst_page_text(p, p->label[i]);
  mst_page_add(p, "</span>");
}

void mst_page_run_columns(mst_page *p, const char *corner) {
  mst_page_add(p, "<div class=\"wide\"><table><thead><tr><th>%s</th>", corner);
  for (int i = 0; i < p->n; i++) {
    mst_page_add(p, "<th class=\"n\">");
    mst_page_mark(p, i);
    mst_page_add(p, "</th>");
  }
  mst_page_add(p, "</tr></thead><tbody>\n");
}

const char *mst_page_line(int i) {
  static _Thread_local char text[64];
  snprintf(text, sizeof text, "lc rgb '%s' dt %s", colour[i % 7], dash_type[i % 4]);
  return text;
}

static void add_marks(mst_page *p, const bool *marks) {
  mst_page_add(p, "<div class=\"marks\">");
  for (int i = 0; i < p->n; i++) {
    if (!marks[i]) continue;
    mst_page_mark(p, i);
    mst_page_add(p, " ");
  }
  mst_page_add(p, "</div>");
}

void mst_page_draw(mst_page *p, int width, int height, const char *title, const char *note,
                   const bool *marks) {
  mst_text whole = MST_TEXT_EMPTY;
  mst_page_add(p, width == MST_PAGE_WIDTH ? "<figure><figcaption>"
                                          : "<figure class=\"own\"><figcaption>");
  mst_page_text(p, title);
  if (note != NULL) {
    mst_page_add(p, "<small>");
    mst_page_text(p, note);
    mst_page_add(p, "</small>");
  }
  mst_page_add(p, "</figcaption>");
  if (marks != NULL && p->n > 1) add_marks(p, marks);
  if (p->status == MST_OK)
    p->status =
        mst_text_add(&whole, "%s",
                     "set border 3 lc rgb '#8c959f' lw 0.8\n"
                     "set tics nomirror out scale 0.4 textcolor rgb '#424a53'\n"
                     "set grid ytics lc rgb '#e4e8ec' lw 0.7 lt 1\n"
                     "set xlabel textcolor rgb '#424a53' offset 0,0.4\n"
                     "set bmargin 3.2\nset tmargin 0.8\nset rmargin 2\n"
                     "unset key\nset datafile missing 'NaN'\nset style fill solid 1 noborder\n");
  if (p->status == MST_OK && p->script.at != NULL)
    p->status = mst_text_add(&whole, "%s", p->script.at);
  if (p->status == MST_OK)
    p->status = mst_plot_draw(whole.at, width, height, ++p->figures, title, &p->text);
  mst_page_add(p, "</figure>\n");
  mst_text_free(&whole);
  mst_text_free(&p->script);
}

bool mst_page_same_job(const mst_page *p) {
  for (int i = 1; i < p->n; i++)
    if (strcmp(p->run[i].outcome.job, p->run[0].outcome.job) != 0) return false;
  return true;
}

void mst_page_begin(mst_page *p, const char *opening, void (*title)(mst_page *p),
                    void (*heading)(mst_page *p)) {
  mst_page_add(p, "%s\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
                  "<meta name=\"generator\" content=\"muster\"/>\n<title>",
               opening);
  title(p);
  mst_page_add(p, "</title>\n<style>");
  if (p->status == MST_OK) p->status = mst_text_add(&p->text, "%s", style);
  mst_page_add(p, "</style></head>\n<body>\n<h1>");
  heading(p);
  mst_page_add(p, "</h1>\n");
}

static void add_title(mst_page *p) {
  for (int i = 0; i < p->n && i < MST_PAGE_RUNS; i++) {
    if (i > 0) mst_page_add(p, ", ");
    mst_page_text(p, p->label[i]);
  }
}

static void add_heading(mst_page *p) {
  bool many = p->n > MST_PAGE_RUNS;
  for (int i = 0; i < p->n && i < 4 && !many; i++) {
    if (i > 0) mst_page_add(p, ", ");
    mst_page_text(p, p->label[i]);
  }
  if (many)
    mst_page_add(p, "%d runs", p->n);
  else if (p->n > 4)
    mst_page_add(p, " and %d more", p->n - 4);
}

/* Which runs have the same bits, or how the only one was made. */
static void add_summary(mst_page *p) {
  const mst_outcome *o = &p->run[0].outcome;
  mst_page_add(p, "<p class=\"quiet\">muster report of %d run%s. ", p->n, p->n > 1 ? "s" : "");
  if (p->n == 1) {
    mst_page_add(p, "Job ");
    mst_page_text(p, o->job);
    mst_page_add(p, ", %" PRId64 " round%s on %" PRId64 " rank%s in ", o->rounds,
                 o->rounds == 1 ? "" : "s", o->ranks, o->ranks == 1 ? "" : "s");
    mst_page_add(p, "%.1f s. ", o->seconds);
  }
  int same = 0;
  for (int i = 1; i < p->n; i++) same += strcmp(p->run[i].outcome.digest, o->digest) == 0;
  if (p->n > 1 && same == p->n - 1)
    mst_page_add(p,
                 "All have the same digest: their models and metrics are the same, bit for bit. ");
  mst_page_add(p, "Digests of model and metrics were verified.</p>\n");
}

static void add_side_by_side(mst_page *p) {
  if (mst_page_is_narrow(p)) mst_page_grid(p, true);
  mst_report_results(p);
  mst_report_settings(p);
  if (mst_page_is_narrow(p)) mst_page_grid(p, false);
  mst_report_bandit(p);
  mst_report_rounds(p);
  mst_report_clients(p);
  mst_report_classes(p);
  mst_report_costs(p);
  mst_report_origins(p);
}

void mst_report_page(mst_page *p) {
  mst_page_begin(p, MST_REPORT_OPENING, add_title, add_heading);
  add_summary(p);
  mst_report_heat(p, p->heat);
  if (p->n > MST_PAGE_RUNS)
    mst_report_list(p);
  else
    add_side_by_side(p);
  mst_page_add(p, "</body></html>\n");
}
