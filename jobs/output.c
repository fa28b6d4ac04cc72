/* Standard output: results for people, and the JSON line that programs read. Only rank 0 prints.
 * Real numbers are written with the fewest digits that read back as the same double, so that
 * 0.9036 is not shown as 0.90359999999999996. */
#include "jobs/output.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/text.h"

static mst_status print_failed(void) {
  return mst_fail(MST_ERR_IO, "standard output cannot be written: %s", strerror(errno));
}

mst_status mst_print(const mst_team *team, const char *format, ...) {
  if (team != NULL && mst_team_rank(team) != 0) return MST_OK;
  va_list arguments;
  va_start(arguments, format);
  int written = vprintf(format, arguments);
  va_end(arguments);
  return written < 0 ? print_failed() : MST_OK;
}

mst_status mst_print_figures(const mst_team *team, const json_t *figures, const char *before) {
  const char *name;
  json_t *value;
  char text[MST_NUMBER];
  json_object_foreach((json_t *)(uintptr_t)figures, name, value) {
    size_t length = strlen(name);
    bool bytes = length > 6 && strcmp(name + length - 6, "_bytes") == 0;
    if (json_is_string(value))
      MST_TRY(mst_print(team, "%s%-20s %s\n", before, name, json_string_value(value)));
    else if (json_is_number(value) && bytes)
      MST_TRY(mst_print(team, "%s%-20s %s\n", before, name,
                        mst_size_text((int64_t)json_number_value(value))));
    else if (json_is_number(value))
      MST_TRY(mst_print(team, "%s%-20s %s\n", before, name,
                        mst_text_real(json_number_value(value), text)));
  }
  return MST_OK;
}

/* A real number stays one when it is read back: 10 is written 10.0. */
static mst_status add_real(mst_text *t, double value) {
  char text[MST_NUMBER];
  mst_text_real(value, text);
  return mst_text_add(t, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
}

static mst_status add_string(mst_text *t, const char *s) {
  json_t *string = json_string(s);
  char *text = json_dumps(string, JSON_ENCODE_ANY);
  mst_status st = mst_text_add(t, "%s", text != NULL ? text : "\"\"");
  free(text);
  json_decref(string);
  return st;
}

static mst_status add_object(mst_text *t, const json_t *object) {
  const char *key, *separator = "";
  json_t *value;
  MST_TRY(mst_text_add(t, "{"));
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    MST_TRY(mst_text_add(t, "%s", separator));
    MST_TRY(add_string(t, key));
    MST_TRY(mst_text_add(t, ": "));
    MST_TRY(mst_json_add(t, value));
    separator = ", ";
  }
  return mst_text_add(t, "}");
}

static mst_status add_array(mst_text *t, const json_t *array) {
  MST_TRY(mst_text_add(t, "["));
  for (size_t i = 0; i < json_array_size(array); i++) {
    if (i > 0) MST_TRY(mst_text_add(t, ", "));
    MST_TRY(mst_json_add(t, json_array_get(array, i)));
  }
  return mst_text_add(t, "]");
}

mst_status mst_json_add(mst_text *t, const json_t *value) {
  switch (json_typeof(value)) {
    case JSON_OBJECT: return add_object(t, value);
    case JSON_ARRAY: return add_array(t, value);
    case JSON_STRING: return add_string(t, json_string_value(value));
    case JSON_INTEGER: return mst_text_add(t, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: return add_real(t, json_real_value(value));
    case JSON_TRUE: return mst_text_add(t, "true");
    case JSON_FALSE: return mst_text_add(t, "false");
    case JSON_NULL: return mst_text_add(t, "null");
  }
  return MST_OK;
}

static mst_status print_line(const json_t *object) {
  mst_text line = MST_TEXT_EMPTY;
  if (object == NULL) return mst_fail(MST_ERR_MEMORY, "no memory for the result's JSON line");
  mst_status st = mst_json_add(&line, object);
  if (st == MST_OK && (fputs(line.at, stdout) < 0 || putchar('\n') < 0 || ferror(stdout)))
    st = print_failed();
  mst_text_free(&line);
  return st;
}

json_t *mst_json_real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

mst_status mst_print_json(const mst_team *team, json_t *object) {
  mst_status st = team == NULL || mst_team_rank(team) == 0 ? print_line(object) : MST_OK;
  json_decref(object);
  return st;
}

mst_status mst_print_end(const mst_team *team) {
  if (mst_team_rank(team) != 0) return MST_OK;
  return fflush(stdout) != 0 || ferror(stdout) ? print_failed() : MST_OK;
}

const char *mst_size_text(int64_t bytes) {
  static _Thread_local char text[32];
  static const char *unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double size = (double)bytes;
  int u = 0;
  while (size >= 1024.0 && u < 5) {
    size /= 1024.0;
    u++;
  }
  snprintf(text, sizeof text, u == 0 ? "%.0f %s" : "%.1f %s", size, unit[u]);
  return text;
}
