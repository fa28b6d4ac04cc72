/* Growing text, readable quotes of what users wrote, and round-trip numbers. */
#include "io/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

static mst_status grow(mst_text *t, size_t more) {
  size_t need = t->length + more + 1;
  if (need <= t->capacity) return MST_OK;
  size_t capacity = t->capacity < 256 ? 256 : t->capacity;
  while (capacity < need) capacity *= 2;
  char *at = NULL;
  MST_TRY(mst_alloc(&at, (int64_t)capacity, 1, "text"));
  if (t->length > 0) memcpy(at, t->at, t->length);
  mst_free(t->at);
  t->at = at;
  t->capacity = capacity;
  return MST_OK;
}

mst_status mst_text_add(mst_text *t, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  mst_status st =
      length < 0 ? mst_fail(MST_ERR_INTERNAL, "text cannot be formatted") : grow(t, (size_t)length);
  if (st == MST_OK) {
    vsnprintf(t->at + t->length, (size_t)length + 1, format, again);
    t->length += (size_t)length;
  }
  va_end(again);
  return st;
}

mst_status mst_text_pad(mst_text *t, size_t line_start, int column) {
  int missing = column - (t->length > line_start ? mst_text_width(t->at + line_start) : 0);
  return missing > 0 ? mst_text_add(t, "%*s", missing, "") : MST_OK;
}

void mst_text_free(mst_text *t) {
  mst_free(t->at);
  *t = MST_TEXT_EMPTY;
}

mst_status mst_text_copy(const char *text, char **out) {
  size_t n = strlen(text) + 1;
  MST_TRY(mst_alloc(out, (int64_t)n, 1, "text"));
  memcpy(*out, text, n);
  return MST_OK;
}

int mst_text_width(const char *text) {
  int width = 0;
  for (; *text != '\0'; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

int mst_text_decode(const char *text, unsigned *code) {
  static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const unsigned char *s = (const unsigned char *)text;
  *code = s[0];
  if (s[0] < 0x80) return 1;
  int n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
  *code = s[0] & (0xFFu >> (n + 1));
  for (int i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    *code = (*code << 6) | (s[i] & 0x3Fu);
  }
  return *code < smallest[n] || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF) ? 0 : n;
}

bool mst_text_is_utf8(const char *text) {
  unsigned code;
  for (int n = 1; *text != '\0'; text += n)
    if ((n = mst_text_decode(text, &code)) == 0) return false;
  return true;
}

/* How one byte is shown. */
static const char *show_byte(unsigned char c, char out[5]) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '\r') return "\\r";
  if (c < 0x20 || c == 0x7F) {
    snprintf(out, 5, "\\x%02X", c);
  } else {
    out[0] = (char)c;
    out[1] = '\0';
  }
  return out;
}

const char *mst_text_show(const char *text, char *to, size_t size) {
  const size_t limit = size - 4; /* room for "..." and the end */
  size_t n = 0;
  while (*text != '\0') {
    char byte[5];
    const char *shown = show_byte((unsigned char)*text, byte);
    size_t length = strlen(shown);
    if (n + length > limit) break;
    memcpy(to + n, shown, length);
    n += length;
    text++;
  }
  if (*text != '\0') {
    while (n > 0 && ((unsigned char)*text & 0xC0) == 0x80) text--, n--;
    memcpy(to + n, "...", 3);
    n += 3;
  }
  to[n] = '\0';
  return to;
}

const char *mst_text_real(double value, char to[MST_NUMBER]) {
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(to, MST_NUMBER, "%.*g", digits, value + 0.0);
    if (strtod(to, NULL) == value) break;
  }
  return to;
}
