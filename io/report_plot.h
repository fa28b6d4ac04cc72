/* Figures: gnuplot draws them, as SVG that can stand inside a page. gnuplot is looked for when it
 * is needed. A script is a program: nothing that somebody else chose may stand in it but numbers,
 * names of letters, digits and _, and in single quotes text of these and of blanks and .,+-=()[]/:.
 * All functions are Local. */
#ifndef MST_IO_REPORT_PLOT_H
#define MST_IO_REPORT_PLOT_H

#include "io/text.h"

/** Can figures be drawn? MST_ERR_IO naming the package when there is no gnuplot. */
mst_status mst_plot_check(void) MST_CHECKED;

/** Draw what `script` says (from `set terminal` on this function's own), width by height pixels,
 *  and append the <svg> element. Its ids begin with "f<number>-", so that figures of different
 *  numbers can stand in one page; `title` is what a reader who does not see it is told.
 *  \return MST_OK; MST_ERR_IO (gnuplot is missing, fails, or complains: its first line);
 *          MST_ERR_MEMORY. */
mst_status mst_plot_draw(const char *script, int width, int height, int number, const char *title,
                         mst_text *out) MST_CHECKED;

#endif
