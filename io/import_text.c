/* Lines and numbers of text files. Numbers are read in the "C" locale, short ones exactly by one
 * multiplication or division of integers that doubles hold exactly (Clinger: "How to read floating
 * point numbers accurately", PLDI 1990, section 3), the others by strtod. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/memory.h"
#include "io/import_source.h"

#define BUFFER_BYTES (1 << 20)
#define LONGEST_LINE ((int64_t)1 << 30) /* bytes */

mst_status mst_import_text_open(mst_import_text *t, const char *path) {
  memset(t, 0, sizeof *t);
  MST_TRY(mst_import_bytes_open(&t->bytes, path));
  mst_status status = mst_alloc(&t->buffer, BUFFER_BYTES, 1, "text buffer");
  if (status == MST_OK) {
    t->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (t->locale == (locale_t)0)
      status = mst_fail(MST_ERR_MEMORY, "%s: no locale for its numbers can be made", path);
  }
  if (status != MST_OK) mst_import_text_close(t);
  return status;
}

void mst_import_text_close(mst_import_text *t) {
  mst_import_bytes_close(&t->bytes);
  if (t->locale != (locale_t)0) freelocale(t->locale);
  t->locale = (locale_t)0;
  mst_free(t->buffer);
  mst_free(t->line);
  t->buffer = t->line = NULL;
}

mst_status mst_import_text_rewind(mst_import_text *t) {
  t->have = t->used = t->number = 0;
  return mst_import_bytes_rewind(&t->bytes);
}

/* Room for `wanted` bytes and an end. */
static mst_status make_room(mst_import_text *t, int64_t wanted, int64_t length) {
  if (wanted < t->capacity) return MST_OK;
  if (wanted > LONGEST_LINE)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: the line is longer than %lld bytes: no text?",
                    t->bytes.path, (long long)t->number, (long long)LONGEST_LINE);
  char *larger = NULL;
  int64_t capacity = 2 * wanted + 1024;
  MST_TRY(mst_alloc(&larger, capacity, 1, "text line"));
  if (length > 0) memcpy(larger, t->line, (size_t)length);
  mst_free(t->line);
  t->line = larger;
  t->capacity = capacity;
  return MST_OK;
}

/* The next line, blank or not; *length is -1 at the end of the file. */
static mst_status next_line(mst_import_text *t, int64_t *length) {
  *length = 0;
  t->number++;
  for (bool any = false;; any = true) {
    if (t->used == t->have) {
      t->used = 0;
      MST_TRY(mst_import_bytes_some(&t->bytes, t->buffer, BUFFER_BYTES, &t->have));
      if (t->have == 0) {
        if (!any) *length = -1;
        return MST_OK;
      }
    }
    const char *from = t->buffer + t->used;
    const char *end = memchr(from, '\n', (size_t)(t->have - t->used));
    int64_t n = end == NULL ? t->have - t->used : end - from;
    MST_TRY(make_room(t, *length + n, *length));
    memcpy(t->line + *length, from, (size_t)n);
    *length += n;
    t->used += n + (end != NULL);
    if (end != NULL) return MST_OK;
  }
}

mst_status mst_import_text_line(mst_import_text *t, char **line) {
  *line = NULL;
  for (;;) {
    int64_t length;
    MST_TRY(next_line(t, &length));
    if (length < 0) return MST_OK;
    MST_TRY(make_room(t, length, length));
    t->line[length] = 0;
    if (memchr(t->line, 0, (size_t)length) != NULL)
      return mst_fail(MST_ERR_FORMAT, "%s:%lld: holds a zero byte: this is no text file",
                      t->bytes.path, (long long)t->number);
    char *start = t->line;
    if (t->number == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0) start += 3; /* byte order mark */
    if (start[strspn(start, " \t\r")] != 0) {
      size_t end = strlen(start);
      while (end > 0 && start[end - 1] == '\r') start[--end] = 0;
      *line = start;
      return MST_OK;
    }
  }
}

/* Up to 15 digits, with or without a point; false leaves the word to strtod. */
static bool short_number(const char *word, double *value) {
  static const double power[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  bool negative = *word == '-';
  if (*word == '-' || *word == '+') word++;
  int64_t digits = 0;
  int n = 0, behind = 0;
  bool point = false;
  for (; n <= 15; word++) {
    if (*word >= '0' && *word <= '9') {
      digits = 10 * digits + (*word - '0');
      n++;
      behind += point;
    } else if (*word == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  if (*word != 0 || n == 0 || n > 15) return false;
  *value = (negative ? -1.0 : 1.0) * (double)digits / power[behind];
  return true;
}

bool mst_import_text_number(const mst_import_text *t, const char *word, double *value) {
  if (short_number(word, value)) return true;
  const char *bare = word + (*word == '-' || *word == '+');
  bool special = strcasecmp(bare, "nan") == 0 || strcasecmp(bare, "inf") == 0 ||
                 strcasecmp(bare, "infinity") == 0;
  if (!special && strspn(bare, "0123456789.eE+-") != strlen(bare)) return false;
  char *end;
  *value = strtod_l(word, &end, t->locale);
  return *end == 0 && end != word;
}
