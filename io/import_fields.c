/* Fields of a line of text: RFC 4180 with ',' ';' or tab, but quotes are closed on their line. */
#include "io/import_source.h"

char mst_import_delimiter(const char *line) {
  int64_t comma = 0, semicolon = 0, tab = 0;
  bool quoted = false;
  for (const char *c = line; *c != 0; c++) {
    if (*c == '"') quoted = !quoted;
    if (quoted) continue;
    comma += *c == ',';
    semicolon += *c == ';';
    tab += *c == '\t';
  }
  return tab > comma && tab > semicolon ? '\t' : semicolon > comma ? ';' : ',';
}

static bool is_blank(char delimiter, char c) {
  return c == ' ' || (c == '\t' && delimiter != '\t');
}

/* Take what stands in quotes at `start` out of them, in place; "" is a quote. Returns what follows
 * the closing quote, NULL if there is none. */
static char *unquote(char *start) {
  char *to = start;
  for (char *from = start + 1; *from != 0; from++) {
    if (*from == '"' && *++from != '"') {
      *to = 0;
      return from;
    }
    *to++ = *from;
  }
  return NULL;
}

mst_status mst_import_field(const mst_import_text *t, char delimiter, int64_t column, char **at,
                            char **field, bool *last) {
  char *start = *at;
  while (is_blank(delimiter, *start)) start++;
  *field = start;
  if (*start != '"') {
    char *end = start;
    while (*end != 0 && *end != delimiter) end++;
    *last = *end == 0;
    *at = end + 1;
    while (end > start && is_blank(delimiter, end[-1])) end--;
    *end = 0;
    return MST_OK;
  }
  char *end = unquote(start);
  if (end == NULL)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: the quote of column %lld is not closed on its line",
                    t->bytes.path, (long long)t->number, (long long)column);
  while (is_blank(delimiter, *end)) end++;
  if (*end != 0 && *end != delimiter)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: found '%.20s' behind the quotes of column %lld",
                    t->bytes.path, (long long)t->number, end, (long long)column);
  *last = *end == 0;
  *at = end + 1;
  return MST_OK;
}
