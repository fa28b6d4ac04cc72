/* A report's classes: which the model takes for which, and how often it is right about each. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/base/arithmetic.h"
#include "core/base/summary.h"
#include "jobs/report.h"

#define CELL_CLASSES 60 /* most classes of a confusion matrix that is drawn */
#define NUMBERED     14 /* most classes whose cells have room for a number  */
#define LISTED       40 /* most classes that are listed one by one          */

unsigned mst_page_shade(double share) {
  static const double stop[3][3] = {{246, 249, 253}, {107, 174, 214}, {8, 64, 129}};
  double at = 2 * fmin(fmax(share, 0), 1);
  int k = at >= 1;
  unsigned rgb = 0;
  for (int i = 0; i < 3; i++) {
    double value = stop[k][i] + (at - k) * (stop[k + 1][i] - stop[k][i]);
    rgb = rgb << 8 | (unsigned)lround(value);
  }
  return rgb;
}

void mst_page_class_tics(mst_page *p, char axis, int64_t classes, int64_t room) {
  mst_page_script(p, "set %ctics %" PRId64 "\n", axis, mst_most(1, mst_ceil_div(classes, room)));
}

/* A square confusion matrix, or NULL. */
static const mst_report_array *confusion_of(const mst_report_run *run) {
  const mst_report_array *a = mst_report_find(run, "evaluation/confusion");
  return a != NULL && a->dims == 2 && a->shape[0] == a->shape[1] && a->shape[0] > 0 ? a : NULL;
}

/* Errors are few beside what is right: the square root of a share makes them visible. */
static void draw_confusion(mst_page *p, int i, const mst_report_array *a) {
  int64_t c = a->shape[0];
  char title[256] = "Confusion of classes";
  mst_page_script(p, "$m << EOD\n");
  for (int64_t k = 0; k < c; k++) {
    double rows = mst_confusion_rows(a->value, c, k);
    for (int64_t j = 0; j < c && rows > 0; j++) {
      double share = a->value[k * c + j] / rows;
      if (share > 0)
        mst_page_script(p, "%" PRId64 " %" PRId64 " %u %.0f %u\n", j, k,
                        mst_page_shade(sqrt(share)), a->value[k * c + j],
                        sqrt(share) > 0.45 ? 0xffffffu : 0x24292fu);
    }
  }
  mst_page_script(p,
                  "EOD\nset xrange [-0.5:%" PRId64 ".5]\nset yrange [%" PRId64 ".5:-0.5]\n"
                  "set grid noytics\nset xlabel 'chosen by the model'\n"
                  "set ylabel 'class of the rows' textcolor rgb '#424a53' offset 1\n"
                  "set tics scale 0\n",
                  c - 1, c - 1);
  mst_page_class_tics(p, 'x', c, 16);
  mst_page_class_tics(p, 'y', c, 16);
  mst_page_script(p, "plot $m using 1:2:(0.505):(0.505):3 with boxxyerror lc rgb variable");
  if (c <= NUMBERED)
    mst_page_script(p, ", $m using 1:2:4:5 with labels tc rgb variable font 'sans-serif,%d'",
                    c <= 10 ? 10 : 8);
  mst_page_script(p, "\n");
  if (p->n > 1) snprintf(title, sizeof title, "Confusion of classes: %.100s", p->label[i]);
  mst_page_draw(p, MST_PAGE_WIDTH, 400, title,
                "test rows; the darker, the larger the share of the class", NULL);
}

/* Recall and precision of every class; rows are those of the first run that has classes. */
static void add_class_table(mst_page *p, const mst_report_array *first) {
  mst_page_run_columns(p, "class, recall and precision");
  for (int64_t k = 0; k < first->shape[0]; k++) {
    mst_page_add(p, "<tr><th>%" PRId64 "</th>", k);
    for (int i = 0; i < p->n; i++) {
      const mst_report_array *a = confusion_of(&p->run[i]);
      bool known = a != NULL && a->shape[0] > k;
      double recall = known ? mst_confusion_recall(a->value, a->shape[0], k) : NAN;
      double precision = known ? mst_confusion_precision(a->value, a->shape[0], k) : NAN;
      mst_page_add(p, "<td class=\"n\">");
      mst_page_add(p, isfinite(recall) ? "%.3f \xc2\xa0 " : "\xe2\x80\x93 \xc2\xa0 ", recall);
      mst_page_add(p, isfinite(precision) ? "%.3f" : "\xe2\x80\x93", precision);
      mst_page_add(p, "</td>");
    }
    mst_page_add(p, "</tr>\n");
  }
  mst_page_add(p, "</tbody></table></div>\n");
}

void mst_report_classes(mst_page *p) {
  const mst_report_array *first = NULL;
  for (int i = p->n - 1; i >= 0; i--)
    if (confusion_of(&p->run[i]) != NULL) first = confusion_of(&p->run[i]);
  if (first == NULL) return;
  mst_page_section(p, "Classes");
  mst_page_grid(p, true);
  for (int i = 0; i < p->n; i++) {
    const mst_report_array *a = confusion_of(&p->run[i]);
    if (a != NULL && a->shape[0] <= CELL_CLASSES) draw_confusion(p, i, a);
  }
  bool listed = first->shape[0] <= LISTED;
  if (listed && mst_page_is_narrow(p)) add_class_table(p, first);
  mst_page_grid(p, false);
  if (listed && !mst_page_is_narrow(p)) add_class_table(p, first);
}
