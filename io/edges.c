/* Lists of edges, in text. Read twice: for their number, then for the edges. */
#include "io/edges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/text.h"
#include "io/text_file.h"

#define MOST_BYTES ((int64_t)64 << 20) /* of the file */
#define BLANKS     " \t\r"

static bool take_number(const char **at, int64_t *value) {
  char *end = NULL;
  *at += strspn(*at, BLANKS);
  if (**at < '0' || **at > '9') return false;
  errno = 0;
  *value = strtoll(*at, &end, 10);
  *at = end;
  return errno == 0;
}

/* The pair that a line holds; false if it holds something else. */
static bool take_edge(const char *line, int64_t *pair) {
  if (!take_number(&line, &pair[0])) return false;
  size_t blanks = strspn(line, BLANKS);
  line += blanks;
  if (*line == ',')
    line++;
  else if (blanks == 0)
    return false;
  if (!take_number(&line, &pair[1])) return false;
  return line[strspn(line, BLANKS)] == '\0';
}

/* Read the edges, or count them where edge is NULL. Lines of text are ended by zero bytes. */
static mst_status take_edges(const char *path, const char *text, int64_t lines, int64_t *edge,
                             int64_t *edges) {
  *edges = 0;
  for (int64_t number = 1; number <= lines; text += strlen(text) + 1, number++) {
    const char *line = text + strspn(text, BLANKS);
    int64_t pair[2];
    char shown[MST_SHOWN];
    if (*line == '\0' || *line == '#') continue;
    if (!take_edge(line, pair))
      return mst_fail(MST_ERR_FORMAT,
                      "%s:%lld: '%s' is no edge: give the numbers of two nodes, as in '0 1'", path,
                      (long long)number, mst_text_show(line, shown, sizeof shown));
    if (edge != NULL) memcpy(edge + 2 * *edges, pair, sizeof pair);
    ++*edges;
  }
  return MST_OK;
}

static mst_status parse(const char *path, char *text, int64_t **edge, int64_t *edges) {
  int64_t lines = 1;
  for (char *c = text; *c != '\0'; c++) {
    if (*c != '\n') continue;
    *c = '\0';
    lines++;
  }
  MST_TRY(take_edges(path, text, lines, NULL, edges));
  MST_TRY(mst_alloc(edge, 2 * *edges, sizeof **edge, "edges of a graph"));
  return take_edges(path, text, lines, *edge, edges);
}

mst_status mst_edges_read(mst_team *team, const char *path, int64_t **edge, int64_t *edges) {
  char *text = NULL;
  *edge = NULL;
  MST_TRY(mst_text_file_read(team, path, "edge list", MOST_BYTES, &text));
  mst_status st = mst_team_agree(team, parse(path, text, edge, edges));
  mst_free(text);
  if (st == MST_OK) return MST_OK;
  mst_free(*edge);
  *edge = NULL;
  return st;
}
