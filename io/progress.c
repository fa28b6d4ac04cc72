/* Progress on standard error: when to draw, and on what. The line itself is made in
 * progress_line.c. */
#include "io/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "io/progress_line.h"

#define REDRAW_SECONDS 0.1  /* at most 10 times a second on a terminal */
#define LOG_SECONDS    30.0 /* between the lines of a batch log        */
#define GLANCE_SECONDS 0.02 /* steps are counted without a look at the clock for about so long */

struct mst_progress {
  FILE *out; /* NULL = print nothing */
  bool terminal;
  int ranks;
  double (*clock)(void);
  char phase[40], unit[40];
  bool running;
  int64_t done, total; /* of this rank; of all ranks           */
  double began, drawn, glanced;
  int64_t calls, skip; /* steps since the last look at the clock; to let pass between two */
  int width;           /* characters of the bar that stands on the terminal */
};

mst_status mst_progress_open(FILE *out, bool terminal, int ranks, double (*clock)(void),
                             mst_progress **p) {
  MST_TRY(mst_alloc(p, 1, sizeof **p, "progress"));
  (*p)->out = out;
  (*p)->terminal = terminal;
  (*p)->ranks = ranks;
  (*p)->clock = clock;
  return MST_OK;
}

mst_status mst_progress_create(const mst_team *team, bool quiet, mst_progress **out) {
  *out = NULL;
  bool prints = !quiet && mst_team_rank(team) == 0;
  return mst_progress_open(prints ? stderr : NULL, prints && isatty(fileno(stderr)),
                           mst_team_size(team), mst_clock_seconds, out);
}

/* Columns of the terminal, one left free so that no terminal wraps; 0 in a log. */
static int columns(const mst_progress *p) {
  struct winsize size;
  if (!p->terminal) return 0;
  if (ioctl(fileno(p->out), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 79;
  return size.ws_col - 1;
}

/* This rank's steps stand for the whole; a finished phase with a known total did all of it. */
static int64_t whole(const mst_progress *p, bool finished) {
  if (finished && p->total > 0 && p->done > 0) return p->total;
  if (p->done > INT64_MAX / p->ranks) return p->total;
  int64_t all = p->done * p->ranks;
  return p->total > 0 && all > p->total ? p->total : all;
}

static void draw(mst_progress *p, double now, bool finished) {
  char line[MST_PROGRESS_LINE];
  mst_progress_view view = {p->phase,       p->unit,  whole(p, finished), p->total,
                            now - p->began, finished, columns(p)};
  int width = mst_progress_format(&view, line);
  p->drawn = now;
  if (p->terminal) {
    /* Blanks behind the line wipe what is left of a longer one. */
    fprintf(p->out, "\r%s%*s%s", line, p->width > width ? p->width - width : 0, "",
            finished ? "\n" : "");
    p->width = finished ? 0 : width;
  } else {
    fprintf(p->out, "muster: %s\n", line);
  }
  fflush(p->out);
}

static void end_phase(mst_progress *p) {
  if (p->running && p->out != NULL) draw(p, p->clock(), true);
  p->running = false;
}

void mst_progress_phase(mst_progress *p, const char *phase, int64_t total, const char *unit) {
  if (p == NULL) return;
  end_phase(p);
  if (phase == NULL || p->out == NULL) return;
  snprintf(p->phase, sizeof p->phase, "%s", phase);
  snprintf(p->unit, sizeof p->unit, "%s", unit != NULL ? unit : "");
  p->running = true;
  p->done = 0;
  p->total = total;
  p->began = p->drawn = p->glanced = p->clock();
  p->calls = 0;
  p->skip = 1;
}

void mst_progress_step(mst_progress *p, int64_t done) {
  if (p == NULL || !p->running) return;
  p->done += done;
  if (++p->calls < p->skip) return;
  double now = p->clock(), passed = now - p->glanced;
  p->calls = 0;
  p->glanced = now;
  if (passed < GLANCE_SECONDS / 2 && p->skip < 1 << 20)
    p->skip *= 2;
  else if (passed > GLANCE_SECONDS)
    p->skip = 1;
  if (now - p->drawn >= (p->terminal ? REDRAW_SECONDS : LOG_SECONDS)) draw(p, now, false);
}

/* A phase that was not ended was broken off: its bar stays as it stood. */
void mst_progress_destroy(mst_progress *p) {
  if (p == NULL) return;
  if (p->running && p->terminal && p->width > 0) fputc('\n', p->out);
  mst_free(p);
}
