/* Series by round, kept in memory until a run file is written. */
#include "io/series.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

static bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

mst_status mst_series_check_name(const char *what, const char *name) {
  size_t n = strlen(name);
  bool ok = n > 0 && n < MST_SERIES_NAME;
  for (size_t i = 0; ok && i < n; i++)
    ok = is_name_byte(name[i]) ||
         (name[i] == '/' && i > 0 && is_name_byte(name[i - 1]) && is_name_byte(name[i + 1]));
  if (ok) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "%s '%.80s': a name has 1 to %d characters of a-z, 0-9, _ and / between them",
                  what, name, MST_SERIES_NAME - 1);
}

int64_t mst_series_bits(double value) {
  if (isnan(value)) value = (double)NAN;
  int64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static int64_t empty_cell(const mst_series_table *t) {
  return t->type == MST_F64 ? mst_series_bits((double)NAN) : 0;
}

static mst_status widen(int64_t **cells, int64_t used, int64_t capacity, const char *what) {
  int64_t *wide = NULL;
  MST_TRY(mst_alloc(&wide, capacity, sizeof *wide, what));
  if (used > 0) memcpy(wide, *cells, (size_t)used * sizeof *wide);
  mst_free(*cells);
  *cells = wide;
  return MST_OK;
}

static mst_status grow_rounds(mst_series_table *t) {
  if (t->rounds < t->capacity) return MST_OK;
  int64_t capacity = t->capacity > 0 ? 2 * t->capacity : 16;
  for (int i = 0; i < t->n; i++) MST_TRY(widen(&t->series[i].cell, t->rounds, capacity, "series"));
  MST_TRY(widen(&t->round, t->rounds, capacity, "rounds"));
  t->capacity = capacity;
  return MST_OK;
}

mst_status mst_series_round(mst_series_table *t, int64_t round) {
  if (t->rounds > 0 && t->round[t->rounds - 1] == round) return MST_OK;
  if (t->rounds > 0 && t->round[t->rounds - 1] > round)
    return mst_fail(MST_ERR_INTERNAL, "%s: round %lld comes after round %lld", t->what,
                    (long long)round, (long long)t->round[t->rounds - 1]);
  MST_TRY(grow_rounds(t));
  t->round[t->rounds] = round;
  for (int i = 0; i < t->n; i++) t->series[i].cell[t->rounds] = empty_cell(t);
  t->rounds++;
  return MST_OK;
}

/* Where name is, or belongs. */
static int find_place(const mst_series_table *t, const char *name, bool *found) {
  int i = 0, order = 1;
  while (i < t->n && (order = strcmp(t->series[i].name, name)) < 0) i++;
  *found = i < t->n && order == 0;
  return i;
}

/* In a file "train" is either an array or a folder of arrays. */
static mst_status check_folder(const mst_series_table *t, const char *name) {
  for (int i = 0; i < t->n; i++) {
    const char *a = t->series[i].name;
    size_t n = strlen(a), m = strlen(name);
    size_t shorter = n < m ? n : m;
    if (strncmp(a, name, shorter) == 0 && (n > m ? a[m] : name[n]) == '/')
      return mst_fail(MST_ERR_INPUT, "%s '%s': '%s' exists, and a series cannot also be a folder",
                      t->what, name, a);
  }
  return MST_OK;
}

static mst_status insert(mst_series_table *t, int place, const char *name) {
  MST_TRY(mst_series_check_name(t->what, name));
  MST_TRY(check_folder(t, name));
  if (strcmp(name, "round") == 0)
    return mst_fail(MST_ERR_INPUT, "%s 'round': the name is taken by the rounds themselves",
                    t->what);
  if (t->n == t->series_capacity) {
    int capacity = t->n > 0 ? 2 * t->n : 8;
    mst_series *wide = NULL;
    MST_TRY(mst_alloc(&wide, capacity, sizeof *wide, "series"));
    if (t->n > 0) memcpy(wide, t->series, (size_t)t->n * sizeof *wide);
    mst_free(t->series);
    t->series = wide;
    t->series_capacity = capacity;
  }
  mst_series made = {.cell = NULL};
  strcpy(made.name, name);
  MST_TRY(mst_alloc(&made.cell, t->capacity, sizeof *made.cell, "series"));
  for (int64_t r = 0; r < t->rounds; r++) made.cell[r] = empty_cell(t);
  memmove(t->series + place + 1, t->series + place, (size_t)(t->n - place) * sizeof made);
  t->series[place] = made;
  t->n++;
  return MST_OK;
}

mst_status mst_series_cell(mst_series_table *t, const char *name, int64_t **cell) {
  bool found;
  int i = find_place(t, name, &found);
  if (!found) MST_TRY(insert(t, i, name));
  *cell = &t->series[i].cell[t->rounds - 1];
  return MST_OK;
}

void mst_series_free(mst_series_table *t) {
  for (int i = 0; i < t->n; i++) mst_free(t->series[i].cell);
  mst_free(t->series);
  mst_free(t->round);
  *t = (mst_series_table){.what = t->what, .type = t->type};
}
