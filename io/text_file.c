/* A text file, from the disk to all ranks. What is no text file is refused here. */
#include "io/text_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"

typedef struct wanted {
  const char *path, *kind;
  int64_t most; /* bytes */
} wanted;

static mst_status read_stream(FILE *f, const wanted *w, char *text, int64_t *bytes) {
  size_t n = fread(text, 1, (size_t)w->most + 1, f);
  if (ferror(f)) return mst_fail(MST_ERR_IO, "%s: cannot be read: %s", w->path, strerror(errno));
  if ((int64_t)n > w->most)
    return mst_fail(MST_ERR_INPUT, "%s: larger than %" PRId64 " bytes; is it %s %s?", w->path,
                    w->most, strchr("aeiou", w->kind[0]) != NULL ? "an" : "a", w->kind);
  const char *zero = memchr(text, 0, n);
  int line = 1;
  for (const char *c = text; zero != NULL && c < zero; c++) line += *c == '\n';
  if (zero != NULL)
    return mst_fail(MST_ERR_INPUT, "%s:%d: a zero byte; is it a text file in UTF-8?", w->path,
                    line);
  *bytes = (int64_t)n;
  return MST_OK;
}

/* The file's text on this rank; mst_free it. An unusable file is the user's input. */
static mst_status read_file(const wanted *w, char **text, int64_t *bytes) {
  if (mst_file_look(w->path) != MST_OK) return mst_fail_within(MST_ERR_INPUT, "%s ", w->kind);
  FILE *f = fopen(w->path, "rb");
  if (f == NULL)
    return mst_fail(MST_ERR_INPUT, "%s %s: cannot read: %s", w->kind, w->path, strerror(errno));
  mst_status st = mst_alloc(text, w->most + 2, 1, "text of a file");
  if (st == MST_OK) st = read_stream(f, w, *text, bytes);
  fclose(f);
  return st;
}

mst_status mst_text_file_read(mst_team *team, const char *path, const char *kind, int64_t most,
                              char **text) {
  const wanted w = {.path = path, .kind = kind, .most = most};
  char *read = NULL;
  int64_t bytes = 0;
  *text = NULL;
  mst_status st = mst_team_rank(team) == 0 ? read_file(&w, &read, &bytes) : MST_OK;
  st = mst_file_follow(team, st);
  if (st == MST_OK) st = mst_team_bcast(team, &bytes, sizeof bytes, 0);
  if (st == MST_OK) {
    st = mst_alloc(text, bytes + 1, 1, "text of a file");
    if (st == MST_OK && read != NULL) memcpy(*text, read, (size_t)bytes);
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK) st = mst_team_bcast(team, *text, bytes, 0);
  mst_free(read);
  if (st == MST_OK) return MST_OK;
  mst_free(*text);
  *text = NULL;
  return st;
}
