/* The different words of a column and the numbers that they get: a table of words with a hash
 * index (FNV-1a), numbered once all of them are known, so that the numbers do not depend on the
 * order of the rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/import_source.h"

#define MOST_NAMES ((int64_t)1 << 24)
#define EXACT      9007199254740992.0 /* 2^53: integers below are exact in a double */

static bool is_integer(double value) {
  return fabs(value) < EXACT && value == floor(value);
}

/* How a word is kept: integers in one notation. */
static const char *canonical(const mst_import_text *t, const char *word, char text[32]) {
  double value;
  if (!mst_import_text_number(t, word, &value) || !is_integer(value)) return word;
  snprintf(text, 32, "%lld", (long long)value);
  return text;
}

/* The slot where a word is or would be. */
static int64_t slot_of(const mst_import_names *names, const char *word) {
  uint64_t hash = 14695981039346656037u;
  for (const char *c = word; *c != 0; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  int64_t at = (int64_t)(hash & (uint64_t)(names->slots - 1));
  while (names->slot[at] >= 0 && strcmp(names->name[names->slot[at]], word) != 0)
    at = (at + 1) & (names->slots - 1);
  return at;
}

static void index_all(mst_import_names *names) {
  for (int64_t i = 0; i < names->slots; i++) names->slot[i] = -1;
  for (int64_t i = 0; i < names->n; i++) names->slot[slot_of(names, names->name[i])] = i;
}

static mst_status grow(mst_import_names *names) {
  int64_t capacity = names->capacity == 0 ? 256 : 2 * names->capacity;
  char **name = NULL;
  int64_t *slot = NULL;
  MST_TRY(mst_alloc(&name, capacity, sizeof *name, "names"));
  mst_status status = mst_alloc(&slot, 4 * capacity, sizeof *slot, "index of names");
  if (status != MST_OK) {
    mst_free(name);
    return status;
  }
  if (names->n > 0) memcpy(name, names->name, (size_t)names->n * sizeof *name);
  mst_free(names->name);
  mst_free(names->slot);
  names->name = name;
  names->slot = slot;
  names->capacity = capacity;
  names->slots = 4 * capacity;
  index_all(names);
  return MST_OK;
}

mst_status mst_import_names_add(mst_import_names *names, const mst_import_text *t,
                                const char *word) {
  char text[32];
  word = canonical(t, word, text);
  if (names->slots > 0 && names->slot[slot_of(names, word)] >= 0) return MST_OK;
  if (names->n == MOST_NAMES)
    return mst_fail(MST_ERR_FORMAT,
                    "%s:%lld: more than %lld different labels; is this a regression task?",
                    t->bytes.path, (long long)t->number, (long long)MOST_NAMES);
  if (names->n == names->capacity) MST_TRY(grow(names));
  char *copy = NULL;
  MST_TRY(mst_alloc(&copy, (int64_t)strlen(word) + 1, 1, "name"));
  strcpy(copy, word);
  names->slot[slot_of(names, word)] = names->n;
  names->name[names->n++] = copy;
  return MST_OK;
}

static int by_value(const void *a, const void *b) {
  long long x = atoll(*(char *const *)a), y = atoll(*(char *const *)b);
  return (x > y) - (x < y);
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

mst_status mst_import_names_settle(mst_import_names *names, const mst_import_text *t,
                                   bool any_start, bool strict, const char *what) {
  const char *fraction = NULL;
  bool words = false;
  for (int64_t i = 0; i < names->n; i++) {
    double value;
    if (!mst_import_text_number(t, names->name[i], &value))
      words = true;
    else if (!is_integer(value))
      fraction = names->name[i];
  }
  if (strict && !words && fraction != NULL)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: %s '%s' is not an integer; for values rather than classes say task "
                    "regression",
                    t->bytes.path, what, fraction);
  bool integers = !words && fraction == NULL;
  if (names->n > 0)
    qsort(names->name, (size_t)names->n, sizeof *names->name, integers ? by_value : by_bytes);
  names->mapped = true;
  names->largest = names->n - 1;
  if (integers && names->n > 0) {
    long long low = atoll(names->name[0]), high = atoll(names->name[names->n - 1]);
    if ((low == 0 || (any_start && low > 0)) && high < INT32_MAX) {
      names->mapped = false;
      names->largest = high;
    }
  }
  if (names->slots > 0) index_all(names);
  return MST_OK;
}

mst_status mst_import_names_find(const mst_import_names *names, const mst_import_text *t,
                                 const char *word, int32_t *number) {
  char text[32];
  word = canonical(t, word, text);
  int64_t place = names->slots > 0 ? names->slot[slot_of(names, word)] : -1;
  if (place < 0) /* the file changed between its two readings */
    return mst_fail(MST_ERR_IO, "%s:%lld: '%s' was not there when the file was read first",
                    t->bytes.path, (long long)t->number, word);
  *number = (int32_t)(names->mapped ? place : atoll(word));
  return MST_OK;
}

void mst_import_names_clear(mst_import_names *names) {
  for (int64_t i = 0; i < names->n; i++) mst_free(names->name[i]);
  mst_free(names->name);
  mst_free(names->slot);
  memset(names, 0, sizeof *names);
}
