/* One line of progress: a pure function of what is known. */
#include <math.h>
#include <string.h>

#include "io/progress_line.h"

#define BAR_BYTES   48 /* of the longest bar, with the end */
#define PHASE_WIDTH 10 /* characters kept for a phase's name, so that lines stand in columns */

void mst_progress_count(double value, char to[16]) {
  static const char unit[] = {'k', 'M', 'G', 'T', 'P'};
  int i = -1;
  while (value >= 999.5 && i < 4) {
    value /= 1000.0;
    i++;
  }
  char mark[2] = {i >= 0 ? unit[i] : '\0', '\0'};
  if (value == floor(value) && i < 0)
    snprintf(to, 16, "%.0f", value);
  else
    snprintf(to, 16, "%.*f%s", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, fmin(value, 1e6), mark);
}

void mst_progress_time(double seconds, char to[24]) {
  int64_t s = seconds < 1e9 ? (int64_t)(seconds + 0.5) : (int64_t)1e9;
  long long h = s / 3600, m = s / 60 % 60;
  if (h > 0)
    snprintf(to, 24, "%lld:%02lld:%02lld", h, m, (long long)(s % 60));
  else
    snprintf(to, 24, "%lld:%02lld", m, (long long)(s % 60));
}

static void seconds_text(double seconds, char to[24]) {
  if (seconds < 60.0)
    snprintf(to, 24, "%.*f s", seconds < 9.995 ? 2 : 1, seconds);
  else
    mst_progress_time(seconds, to);
}

/* "28.2k rows/s", or "" before there is anything to divide. */
static void rate_text(const mst_progress_view *v, char to[64]) {
  char count[16];
  to[0] = '\0';
  if (v->done <= 0 || v->seconds <= 0.0) return;
  mst_progress_count((double)v->done / v->seconds, count);
  snprintf(to, 64, "%s%s%.32s/s", count, v->unit[0] != '\0' ? " " : "", v->unit);
}

static void finished_line(const mst_progress_view *v, char line[MST_PROGRESS_LINE]) {
  char count[16] = "", time[24], rate[64];
  seconds_text(v->seconds, time);
  rate_text(v, rate);
  if (v->done > 0) mst_progress_count((double)v->done, count);
  int n = snprintf(line, MST_PROGRESS_LINE, "%-*.32s  done", PHASE_WIDTH, v->phase);
  if (v->done > 0)
    n += snprintf(line + n, MST_PROGRESS_LINE - (size_t)n, "  %s%s%.32s", count,
                  v->unit[0] != '\0' ? " " : "", v->unit);
  n += snprintf(line + n, MST_PROGRESS_LINE - (size_t)n, "  in %s", time);
  if (rate[0] != '\0') snprintf(line + n, MST_PROGRESS_LINE - (size_t)n, "  %s", rate);
}

/* "[####....]" of `width` characters, brackets included. */
static void bar_text(double share, int width, char to[BAR_BYTES]) {
  int cells = width - 2, full = (int)(share * cells);
  to[0] = '[';
  memset(to + 1, '.', (size_t)cells);
  memset(to + 1, '#', (size_t)full);
  to[width - 1] = ']';
  to[width] = '\0';
}

static void running_line(const mst_progress_view *v, char line[MST_PROGRESS_LINE]) {
  char rate[64], time[24], tail[160], bar[BAR_BYTES] = "", count[16];
  rate_text(v, rate);
  if (v->total <= 0) {
    mst_progress_count((double)v->done, count);
    seconds_text(v->seconds, time);
    snprintf(line, MST_PROGRESS_LINE, "%-*.32s  %s%s%.32s  %s  %s", PHASE_WIDTH, v->phase, count,
             v->unit[0] != '\0' ? " " : "", v->unit, rate, time);
    return;
  }
  double share = v->done < v->total ? (double)v->done / (double)v->total : 1.0;
  if (share > 0.0) {
    mst_progress_time(v->seconds * (1.0 - share) / share, time);
    snprintf(tail, sizeof tail, "  %s  %s left", rate, time);
  } else {
    tail[0] = '\0';
  }
  int head = snprintf(line, MST_PROGRESS_LINE, "%-*.32s  %3d %%", PHASE_WIDTH, v->phase,
                      (int)(100.0 * share));
  int room = v->columns - head - (int)strlen(tail) - 2;
  if (room > 40) room = 40;
  if (room >= 8) bar_text(share, room, bar);
  snprintf(line + head, MST_PROGRESS_LINE - (size_t)head, "%s%s%s", bar[0] != '\0' ? "  " : "", bar,
           tail);
}

int mst_progress_format(const mst_progress_view *v, char line[MST_PROGRESS_LINE]) {
  if (v->finished)
    finished_line(v, line);
  else
    running_line(v, line);
  if (v->columns > 0 && v->columns < MST_PROGRESS_LINE && (int)strlen(line) > v->columns)
    line[v->columns] = '\0';
  return (int)strlen(line);
}
