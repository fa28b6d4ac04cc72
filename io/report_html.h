/* HTML: text made safe for a page, and pages that are written whole. */
#ifndef MST_IO_REPORT_HTML_H
#define MST_IO_REPORT_HTML_H

#include "comm/team.h"
#include "io/text.h"

/** Append text so that it stands in an element or a quoted attribute as itself: <, >, &, quotes as
 *  entities; control characters other than newline and tab, and what is no UTF-8, as U+FFFD.
 *  Local. */
mst_status mst_html_text(mst_text *out, const char *text) MST_CHECKED;

/** Append text as a field of CSV (RFC 4180): in quotes where it holds a comma, a quote or a line
 *  break. Local. */
mst_status mst_csv_text(mst_text *out, const char *text) MST_CHECKED;

/** Write rank 0's text to a file, under a temporary name that is then renamed. Collective. */
mst_status mst_report_write(mst_team *team, const char *path, const mst_text *text) MST_CHECKED;

#endif
