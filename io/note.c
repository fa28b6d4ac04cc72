/* Notes: files of one line that scripts read, written beside their name and renamed. What a killed
 * process has begun stays, under the name of a temporary file. */
#include "io/note.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

/* 0, or why not. */
static int write_line(const char *path, const char *line) {
  FILE *f = fopen(path, "w");
  if (f == NULL) return errno;
  int reason = fprintf(f, "%s\n", line) < 0 ? errno : 0;
  if (fclose(f) != 0 && reason == 0) reason = errno;
  return reason;
}

mst_status mst_note_write(const char *path, const char *line) {
  char temporary[PATH_MAX], target[PATH_MAX];
  MST_TRY(mst_file_create_beside(path, "", temporary));
  mst_status st = mst_file_follow_links(path, target);
  int reason = st == MST_OK ? write_line(temporary, line) : 0;
  if (st == MST_OK && reason == 0 && rename(temporary, target) != 0) reason = errno;
  if (reason != 0) st = mst_fail(MST_ERR_IO, "%s: cannot be written: %s", path, strerror(reason));
  if (st != MST_OK) unlink(temporary);
  return st;
}

bool mst_note_read(const char *path, char *line, size_t size) {
  FILE *f = fopen(path, "r");
  line[0] = '\0';
  if (f == NULL) return false;
  bool there = fgets(line, (int)size, f) != NULL;
  fclose(f);
  line[strcspn(line, "\n")] = '\0';
  return there;
}
