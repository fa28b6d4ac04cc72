/* Standard output: results for people, and the JSON line that programs read. Only rank 0 prints.
 * Real numbers are written with the fewest digits that read back as the same double, so that
 * 0.9036 is not shown as 0.90359999999999996. */
#include "jobs/output.h"

#include <errno.h>
#include <inttypes.h>
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

static void put_value(const json_t *value);

/* A real number stays one when it is read back: 10 is written 10.0. */
static void put_real(const char *text) {
  fputs(text, stdout);
  if (strpbrk(text, ".e") == NULL) fputs(".0", stdout);
}

static void put_string(const char *s) {
  json_t *string = json_string(s);
  char *text = json_dumps(string, JSON_ENCODE_ANY);
  fputs(text != NULL ? text : "\"\"", stdout);
  free(text);
  json_decref(string);
}

static void put_object(const json_t *object) {
  const char *key, *separator = "";
  json_t *value;
  putchar('{');
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    fputs(separator, stdout);
    put_string(key);
    fputs(": ", stdout);
    put_value(value);
    separator = ", ";
  }
  putchar('}');
}

static void put_array(const json_t *array) {
  putchar('[');
  for (size_t i = 0; i < json_array_size(array); i++) {
    if (i > 0) fputs(", ", stdout);
    put_value(json_array_get(array, i));
  }
  putchar(']');
}

static void put_value(const json_t *value) {
  char text[MST_NUMBER];
  switch (json_typeof(value)) {
    case JSON_OBJECT: put_object(value); break;
    case JSON_ARRAY: put_array(value); break;
    case JSON_STRING: put_string(json_string_value(value)); break;
    case JSON_INTEGER: printf("%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL: put_real(mst_text_real(json_real_value(value), text)); break;
    case JSON_TRUE: fputs("true", stdout); break;
    case JSON_FALSE: fputs("false", stdout); break;
    case JSON_NULL: fputs("null", stdout); break;
  }
}

mst_status mst_print_json(const mst_team *team, json_t *object) {
  mst_status st = MST_OK;
  if (team == NULL || mst_team_rank(team) == 0) {
    if (object == NULL) {
      st = mst_fail(MST_ERR_MEMORY, "no memory for the result's JSON line");
    } else {
      put_value(object);
      putchar('\n');
      if (ferror(stdout)) st = print_failed();
    }
  }
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
