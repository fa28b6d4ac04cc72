/* A report's page while it is written: text, figures, and the runs that it shows side by side. What
 * fails is kept in `status`, after which nothing more is added; so a section reads like the page.
 * All functions are Local, for the rank that writes. */
#ifndef MST_JOBS_REPORT_H
#define MST_JOBS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/report_run.h"
#include "io/text.h"

#define MST_PAGE_RUNS  28  /* side by side: as many as colours and dashes tell apart */
#define MST_PAGE_WIDTH 520 /* of a figure, pixels                      */

typedef struct mst_page {
  mst_status status;
  mst_text text;
  mst_text script; /* of the figure that is being made */
  int figures;     /* drawn so far                     */
  int n;
  const mst_report_run *run; /* (n) */
  const char **label;        /* (n) short names, unlike each other */
  const struct mst_heat *heat; /* jobs/report_heat.h, or NULL */
} mst_page;

/** Append to the page as printf does; user text escaped; 60000 as 60,000. */
void mst_page_add(mst_page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mst_page_text(mst_page *p, const char *text);
void mst_page_count(mst_page *p, int64_t count);
/** A number with six digits at most; names that end in _bytes in KiB and so on, whole ones with
 *  separators; a dash for what is not finite. */
void mst_page_figure_value(mst_page *p, const char *name, double value, bool whole);

/** The page up to its heading: `opening`, which tells whose page it is, the style, and what `title`
 *  and `heading` add. */
void mst_page_begin(mst_page *p, const char *opening, void (*title)(mst_page *p),
                    void (*heading)(mst_page *p));

/** "<name>" as a heading of its own; a short line in front of tables and figures. */
void mst_page_section(mst_page *p, const char *name);
/** Open and close the grid in which figures stand side by side; may a table with a column a run
 *  stand there, too? */
void mst_page_grid(mst_page *p, bool open);
bool mst_page_is_narrow(const mst_page *p);
/** The first cells of a table whose columns are the runs. Ends after </thead><tbody>. */
void mst_page_run_columns(mst_page *p, const char *corner);
/** Run i's mark: a bit of its line. */
void mst_page_mark(mst_page *p, int i);

/** Append to the figure's script. */
void mst_page_script(mst_page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Draw the script that was made, and begin a new one. marks(n): runs that are named below the
 *  title, NULL for none; note: a line below it, or NULL. */
void mst_page_draw(mst_page *p, int width, int height, const char *title, const char *note,
                   const bool *marks);
/** Style of run i's line for gnuplot, as "lc rgb '#0072b2' dt 1". */
const char *mst_page_line(int i);

/** Are all runs of one job? Losses of different jobs measure different things. */
bool mst_page_same_job(const mst_page *p);

/** White over light blue to dark blue for 0 to 1, as gnuplot takes colours. */
unsigned mst_page_shade(double share);
/** Tics of class numbers on an axis with room for so many, that do not run into each other. */
void mst_page_class_tics(mst_page *p, char axis, int64_t classes, int64_t room);

/* Curves of one figure. */
typedef struct mst_curves {
  int n;
  int run[4 * MST_PAGE_RUNS];      /* whose line is drawn    */
  bool thin[4 * MST_PAGE_RUNS];    /* a second curve of a run */
  bool band[4 * MST_PAGE_RUNS];    /* the area between two curves */
  int64_t points[4 * MST_PAGE_RUNS];
  double low[2], high[2];          /* of x and y             */
} mst_curves;

/** Begin a figure of curves; add the finite points (x, y) of one (x NULL: 1, 2, ...), thinned out
 *  where they are very many; draw when there are some. What x is, and below 0 for its unit, as in
 *  "round". */
void mst_curves_begin(mst_curves *c);
void mst_curves_add(mst_page *p, mst_curves *c, int run, bool thin, int64_t n, const double *x,
                    const double *y);
/** The area between (x, low) and (x, high), where all are finite, behind the curves that are added
 *  after it. */
void mst_curves_add_band(mst_page *p, mst_curves *c, int run, int64_t n, const double *x,
                         const double *low, const double *high);
typedef struct mst_axes {
  const char *title, *x; /* of the figure; what x is             */
  const char *note;
  bool log_x, log_y, steps;
  bool lone; /* curves of a single point are worth a figure */
} mst_axes;
void mst_curves_draw(mst_page *p, const mst_curves *c, const mst_axes *axes);

/* Sections. */
void mst_report_results(mst_page *p);
/** Many runs: a line each. */
void mst_report_list(mst_page *p);
void mst_report_settings(mst_page *p);
void mst_report_bandit(mst_page *p);
void mst_report_rounds(mst_page *p);
void mst_report_clients(mst_page *p);
void mst_report_classes(mst_page *p);
void mst_report_costs(mst_page *p);
void mst_report_origins(mst_page *p);

/** The whole page into p->text, which begins with MST_REPORT_OPENING. */
void mst_report_page(mst_page *p);
#define MST_REPORT_OPENING "<!DOCTYPE html>\n<!-- muster report -->"

/** A line a run, a column a figure; begins with MST_REPORT_CSV. */
mst_status mst_report_csv(int n, const mst_report_run *run, mst_text *out) MST_CHECKED;
#define MST_REPORT_CSV "run,job,digest,seed,rounds,ranks,seconds"

#endif
