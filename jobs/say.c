/* Messages on standard error. A command that fails after it has completed a file says so in the
 * same line, so that its exit code is not taken for the loss of that file. */
#include "jobs/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES (16 * MST_STATUS_DETAIL_MAX) /* a sentence and the names of a few files */

static char kept[LINE_BYTES / 2]; /* names, separated by commas */

/* One write a line, so that lines of other programs do not fall into it. */
void mst_say(const mst_team *team, const char *format, ...) {
  if (mst_team_rank(team) != 0) return;
  char line[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  fprintf(stderr, "muster: %s\n", line);
}

void mst_say_kept(const char *path) {
  size_t used = strlen(kept);
  snprintf(kept + used, sizeof kept - used, "%s%s", used > 0 ? ", " : "", path);
}

void mst_say_failure(const mst_team *team) {
  if (kept[0] == '\0')
    mst_say(team, "%s", mst_status_detail());
  else
    mst_say(team, "%s; complete and kept: %s", mst_status_detail(), kept);
}
