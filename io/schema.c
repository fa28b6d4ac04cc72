/* Schemas: finding keys, naming what is allowed, and finding the key that was probably meant (the
 * nearest last part of a key within its section, the nearest whole key elsewhere). */
#include "io/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/word.h"

const char mst_key_required[] = "required";

#define NAME_MAX_BYTES 128 /* of a key in a schema */

mst_status mst_place_fail(const mst_place *place, const char *key, const char *format, ...) {
  char message[MST_STATUS_DETAIL_MAX], shown[MST_SHOWN], line[24] = "";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (place->line > 0) snprintf(line, sizeof line, ":%d", place->line);
  if (key == NULL || (place->key != NULL && strcmp(place->key, key) == 0))
    return mst_fail(MST_ERR_INPUT, "%s%s: %s", place->name, line, message);
  return mst_fail(MST_ERR_INPUT, "%s%s: %s: %s", place->name, line,
                  mst_text_show(key, shown, sizeof shown), message);
}

const mst_key_spec *mst_schema_at(const mst_schema *schema, int i) {
  for (int t = 0; t < schema->n; t++)
    for (const mst_key_spec *s = schema->table[t]; s->key != NULL; s++)
      if (i-- == 0) return s;
  return NULL;
}

const mst_key_spec *mst_schema_find(const mst_schema *schema, const char *key) {
  for (int t = 0; t < schema->n; t++)
    for (const mst_key_spec *s = schema->table[t]; s->key != NULL; s++)
      if (strcmp(s->key, key) == 0) return s;
  return NULL;
}

bool mst_schema_below(const char *name, const char *section, const char **rest) {
  size_t n = strlen(section);
  *rest = name;
  if (n == 0) return true;
  if (strncmp(name, section, n) != 0 || name[n] != '.') return false;
  *rest = name + n + 1;
  return true;
}

bool mst_schema_is_section(const mst_schema *schema, const char *path) {
  const mst_key_spec *s;
  const char *rest;
  if (path[0] == '\0') return true;
  for (int i = 0; (s = mst_schema_at(schema, i)) != NULL; i++)
    if (mst_schema_below(s->key, path, &rest)) return true;
  return false;
}

bool mst_schema_is_list(const mst_key_spec *spec) {
  return spec->type == MST_KEY_WORDS || spec->type == MST_KEY_INTS || spec->type == MST_KEY_REALS;
}

mst_status mst_schema_check(const mst_schema *schema) {
  const mst_key_spec *s;
  for (int i = 0; (s = mst_schema_at(schema, i)) != NULL; i++) {
    if (mst_schema_find(schema, s->key) != s)
      return mst_fail(MST_ERR_INTERNAL, "schema: key %s stands in it twice", s->key);
    if (mst_schema_is_section(schema, s->key))
      return mst_fail(MST_ERR_INTERNAL, "schema: %s is a key and a section", s->key);
    if (strlen(s->key) >= NAME_MAX_BYTES || s->key[0] == '\0')
      return mst_fail(MST_ERR_INTERNAL, "schema: key '%s' is empty or too long", s->key);
  }
  return MST_OK;
}

/* A bound beyond 64-bit integers, or infinite, bounds nothing. */
static bool is_bound(double b) {
  return isfinite(b) && fabs(b) < 9.2e18;
}

/* A table leaves out a largest integer that is only the type's. */
static mst_status add_interval(const mst_key_spec *s, const char *noun, bool table, mst_text *out) {
  char low[MST_NUMBER], high[MST_NUMBER];
  bool any = s->min == 0.0 && s->max == 0.0;
  bool whole = s->type == MST_KEY_INT || s->type == MST_KEY_INTS;
  bool below = !any && is_bound(s->min), above = !any && is_bound(s->max);
  if (table && whole && s->max >= INT32_MAX) above = false;
  mst_text_real(s->min, low);
  mst_text_real(s->max, high);
  if (whole) {
    if (below) snprintf(low, sizeof low, "%.0f", s->min);
    if (above) snprintf(high, sizeof high, "%.0f", s->max);
  }
  if (below && above)
    return mst_text_add(out, "%s in %c%s, %s]", noun, s->open_min ? '(' : '[', low, high);
  if (below) return mst_text_add(out, "%s %s %s", noun, s->open_min ? ">" : ">=", low);
  if (above) return mst_text_add(out, "%s <= %s", noun, high);
  return mst_text_add(out, "%s", noun);
}

static mst_status add_words(const char *allowed, const char *separator, mst_text *out) {
  const char *word = NULL;
  for (int n; mst_word_next(allowed, &word, &n);)
    MST_TRY(mst_text_add(out, "%s%.*s", word > allowed ? separator : "", n, word));
  return MST_OK;
}

mst_status mst_schema_range(const mst_key_spec *s, bool article, mst_text *out) {
  switch (s->type) {
    case MST_KEY_INT: return add_interval(s, article ? "an integer" : "integer", !article, out);
    case MST_KEY_REAL: return add_interval(s, article ? "a number" : "number", !article, out);
    case MST_KEY_INTS:
      return add_interval(s, article ? "a list of integers" : "list of integers", !article, out);
    case MST_KEY_REALS:
      return add_interval(s, article ? "a list of numbers" : "list of numbers", !article, out);
    case MST_KEY_BOOL: return mst_text_add(out, article ? "true or false" : "true | false");
    case MST_KEY_PATH: return mst_text_add(out, article ? "a file name" : "file name");
    case MST_KEY_WORDS: MST_TRY(mst_text_add(out, article ? "a list of " : "list of ")); break;
    case MST_KEY_WORD: break;
  }
  bool list = s->type == MST_KEY_WORDS;
  if (s->allowed == NULL) return mst_text_add(out, list ? "words" : article ? "a word" : "word");
  if (article && !list) MST_TRY(mst_text_add(out, "one of "));
  return add_words(s->allowed, article ? ", " : " | ", out);
}

/* The next name below a section: key "data.train" below "" gives "data". */
static void first_part(const char *rest, char name[NAME_MAX_BYTES]) {
  size_t n = strcspn(rest, ".");
  if (n >= NAME_MAX_BYTES) n = NAME_MAX_BYTES - 1;
  memcpy(name, rest, n);
  name[n] = '\0';
}

/* Whether an earlier key than the i-th has the same next name below the section. */
static bool seen_before(const mst_schema *schema, const char *section, const char *name, int i) {
  char other[NAME_MAX_BYTES];
  const char *rest;
  for (int j = 0; j < i; j++) {
    if (!mst_schema_below(mst_schema_at(schema, j)->key, section, &rest)) continue;
    first_part(rest, other);
    if (strcmp(name, other) == 0) return true;
  }
  return false;
}

mst_status mst_schema_names(const mst_schema *schema, const char *section, mst_text *out) {
  const mst_key_spec *s;
  const char *rest;
  char name[NAME_MAX_BYTES];
  bool any = false;
  for (int i = 0; (s = mst_schema_at(schema, i)) != NULL; i++) {
    if (!mst_schema_below(s->key, section, &rest)) continue;
    first_part(rest, name);
    if (seen_before(schema, section, name, i)) continue;
    MST_TRY(mst_text_add(out, "%s%s", any ? ", " : "", name));
    any = true;
  }
  return MST_OK;
}

static const char *last_part(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot != NULL ? dot + 1 : path;
}

static bool same_section(const char *a, const char *b) {
  size_t n = (size_t)(last_part(a) - a);
  return n == (size_t)(last_part(b) - b) && strncmp(a, b, n) == 0;
}

/* Offer the first n bytes of a schema's key: within one section the last parts are compared, else
 * the whole names. */
static void consider(mst_guess *g, const char *path, const char *key, int n) {
  char name[NAME_MAX_BYTES];
  snprintf(name, sizeof name, "%.*s", n, key);
  bool same = same_section(path, name);
  const char *a = same ? last_part(path) : path, *b = same ? last_part(name) : name;
  int d = mst_word_distance(a, b);
  if (d <= mst_word_tolerance(a)) mst_guess_offer(g, key, n, d);
}

/* A key of the same last part in another section, if there is just one. */
static void guess_elsewhere(const mst_schema *schema, const char *path, mst_guess *g) {
  const mst_key_spec *s, *found = NULL;
  int n = 0;
  for (int i = 0; (s = mst_schema_at(schema, i)) != NULL; i++)
    if (strcmp(last_part(s->key), last_part(path)) == 0) found = s, n++;
  if (n == 1) mst_guess_offer(g, found->key, (int)strlen(found->key), 0);
}

static mst_guess guess_name(const mst_schema *schema, const char *path, bool section) {
  const mst_key_spec *s;
  mst_guess g = mst_guess_any();
  for (int i = 0; (s = mst_schema_at(schema, i)) != NULL; i++) {
    if (!section) consider(&g, path, s->key, (int)strlen(s->key));
    for (const char *dot = strchr(s->key, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
      consider(&g, path, s->key, (int)(dot - s->key));
  }
  if (g.word == NULL && !section) guess_elsewhere(schema, path, &g);
  return g;
}

mst_status mst_schema_unknown(const mst_schema *schema, const mst_place *place, const char *path,
                              bool section) {
  const char *kind = section ? "section" : "key";
  mst_guess g = guess_name(schema, path, section);
  if (g.word != NULL)
    return mst_place_fail(place, path, "unknown %s; did you mean %.*s?", kind, g.length, g.word);
  char parent[NAME_MAX_BYTES] = "";
  size_t n = (size_t)(last_part(path) - path);
  if (n > 1 && n <= sizeof parent) snprintf(parent, sizeof parent, "%.*s", (int)n - 1, path);
  if (!mst_schema_is_section(schema, parent)) parent[0] = '\0';
  mst_text names = MST_TEXT_EMPTY;
  mst_status st = mst_schema_names(schema, parent, &names);
  if (st == MST_OK)
    st = mst_place_fail(place, path, "unknown %s; %s%s has the keys %s", kind,
                        parent[0] != '\0' ? "section " : "the top level", parent,
                        names.at != NULL ? names.at : "");
  mst_text_free(&names);
  return st;
}
