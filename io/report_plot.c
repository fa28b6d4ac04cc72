/* gnuplot as a process of its own: a script goes in, and the figure that comes out is made fit to
 * stand beside others in one page. */
#include "io/report_plot.h"

#include <stdbool.h>
#include <string.h>

#include "io/process.h"
#include "io/report_html.h"

#define MISSING                                                                             \
  "gnuplot is needed to draw the figures and is not there: install it (Debian and Ubuntu: " \
  "apt install gnuplot-nox; Fedora: dnf install gnuplot; or a module of the cluster)"

/* gnuplot says what is wrong on several lines, the first of which may be empty. */
static mst_status complain(const mst_text *said, int code) {
  char shown[MST_SHOWN * 4];
  const char *text = said->at != NULL ? said->at : "";
  return mst_fail(MST_ERR_IO, "gnuplot could not draw a figure (exit code %d): %s", code,
                  mst_text_show(text + strspn(text, " \t\n^"), shown, sizeof shown));
}

/* Start it with one option; a user's own settings do not count. */
static mst_status call(const char *option, const char *script, mst_text *drawn) {
  const char *const argv[] = {"gnuplot", option, NULL};
  mst_text said = MST_TEXT_EMPTY;
  int code = 0;
  mst_status st = mst_process_run(argv, script, &code, drawn, &said);
  if (st == MST_OK && code == MST_PROCESS_MISSING) st = mst_fail(MST_ERR_IO, MISSING);
  if (st == MST_OK && code != 0) st = complain(&said, code);
  mst_text_free(&said);
  return st;
}

mst_status mst_plot_check(void) {
  mst_text version = MST_TEXT_EMPTY;
  mst_status st = call("--version", NULL, &version);
  mst_text_free(&version);
  return st;
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* Copy the drawing without gnuplot's title, description and empty groups; ids get a prefix. */
static mst_status copy_body(const char *at, int number, mst_text *out) {
  static const char *const dropped[] = {"<title>", "</title>", "<desc>", "</desc>"};
  while (*at != '\0') {
    for (int i = 0; i < 4; i += 2)
      if (begins(at, dropped[i])) {
        const char *end = strstr(at, dropped[i + 1]);
        if (end != NULL) at = end + strlen(dropped[i + 1]);
      }
    size_t n = strcspn(at + (*at != '\0'), "<#i") + (*at != '\0');
    if (begins(at, "id='") || begins(at, "id=\"")) {
      MST_TRY(mst_text_add(out, "id=%cf%d-", at[3], number));
      at += 4;
      n = strcspn(at, "<#i");
    } else if (begins(at, "#gp")) {
      MST_TRY(mst_text_add(out, "#f%d-", number));
      at += 1;
      n = strcspn(at, "<#i");
    } else if (begins(at, "#textbox") || begins(at, "#greybox")) {
      MST_TRY(mst_text_add(out, "#f%d-", number));
      at += 1;
      n = strcspn(at, "<#i");
    }
    MST_TRY(mst_text_add(out, "%.*s", (int)n, at));
    at += n;
  }
  return MST_OK;
}

static mst_status embed(const mst_text *drawn, int width, int height, int number, const char *title,
                        mst_text *out) {
  const char *svg = drawn->at != NULL ? strstr(drawn->at, "<svg") : NULL;
  const char *body = svg != NULL ? strchr(svg, '>') : NULL;
  if (body == NULL) return mst_fail(MST_ERR_IO, "gnuplot drew no figure");
  MST_TRY(mst_text_add(out,
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                       "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"%d\" "
                       "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
                       width, height, width, height));
  MST_TRY(mst_html_text(out, title));
  MST_TRY(mst_text_add(out, "\">"));
  return copy_body(body + 1, number, out);
}

mst_status mst_plot_draw(const char *script, int width, int height, int number, const char *title,
                         mst_text *out) {
  mst_text whole = MST_TEXT_EMPTY, drawn = MST_TEXT_EMPTY;
  mst_status st =
      mst_text_add(&whole,
                   "set encoding utf8\n"
                   "set terminal svg size %d,%d fixed noenhanced font 'sans-serif,11'\n",
                   width, height);
  if (st == MST_OK) st = mst_text_add(&whole, "%s", script);
  if (st == MST_OK) st = call("--default-settings", whole.at, &drawn);
  if (st == MST_OK) st = embed(&drawn, width, height, number, title, out);
  mst_text_free(&drawn);
  mst_text_free(&whole);
  return st;
}
