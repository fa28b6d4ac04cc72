/* Text for pages and tables, and files of text. */
#include "io/report_html.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"

static const char *entity(char c) {
  switch (c) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
  }
}

mst_status mst_html_text(mst_text *out, const char *text) {
  for (const char *c = text; *c != '\0';) {
    unsigned code;
    int n = mst_text_decode(c, &code);
    bool control = (unsigned char)*c < 0x20 && *c != '\n' && *c != '\t';
    if (n == 0 || control || *c == 0x7f)
      MST_TRY(mst_text_add(out, "\xef\xbf\xbd"));
    else if (entity(*c) != NULL)
      MST_TRY(mst_text_add(out, "%s", entity(*c)));
    else
      MST_TRY(mst_text_add(out, "%.*s", n, c));
    c += n > 0 ? n : 1;
  }
  return MST_OK;
}

mst_status mst_csv_text(mst_text *out, const char *text) {
  if (strpbrk(text, ",\"\r\n") == NULL) return mst_text_add(out, "%s", text);
  MST_TRY(mst_text_add(out, "\""));
  for (const char *c = text; *c != '\0'; c++)
    MST_TRY(*c == '"' ? mst_text_add(out, "\"\"") : mst_text_add(out, "%c", *c));
  return mst_text_add(out, "\"");
}

static mst_status put(const char *path, const char *temporary, const mst_text *text) {
  FILE *file = fopen(temporary, "wb");
  if (file == NULL) return mst_fail(MST_ERR_IO, "%s: %s", path, strerror(errno));
  size_t written = text->length > 0 ? fwrite(text->at, 1, text->length, file) : 0;
  bool ok = written == text->length;
  if (fclose(file) != 0) ok = false;
  return ok ? MST_OK : mst_fail(MST_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
}

mst_status mst_report_write(mst_team *team, const char *path, const mst_text *text) {
  char *temporary = NULL;
  MST_TRY(mst_file_begin(team, path, &temporary));
  mst_status st = mst_team_rank(team) == 0 ? put(path, temporary, text) : MST_OK;
  st = mst_file_follow(team, st);
  if (st == MST_OK)
    st = mst_file_publish(team, temporary, path);
  else
    mst_file_discard(team, temporary);
  mst_free(temporary);
  return st;
}
