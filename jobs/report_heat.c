/* The worst case of a grid, laid out over two axes of keys. */
#include "jobs/report_heat.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/changes.h"
#include "io/report_html.h"
#include "jobs/worst.h"

#define COLUMNS 16 /* most columns for which attack.count is one of their keys by itself */

/* The value of a key of a run that exists: its length is 0 where it has none. */
static const char *setting_of(const mst_report_run *run, const char *key, int *length) {
  mst_setting s;
  *length = 0;
  if (!mst_setting_find(run->outcome.experiment, key, &s)) return "";
  *length = s.length;
  return s.value;
}

/* What a point without a run has for a key: what the runs of the same grid that were given the same
 * word for it have made of that; else the word itself. */
static const char *written_value(const mst_heat *h, const mst_heat_point *p, const char *key,
                                 int *length) {
  const char *word = json_string_value(json_object_get(p->settings, key));
  for (int i = 0; i < h->points; i++) {
    const mst_heat_point *other = &h->point[i];
    const char *its = json_string_value(json_object_get(other->settings, key));
    if (other->run == NULL || (word == NULL) != (its == NULL)) continue;
    if (word == NULL || strcmp(word, its) == 0) return setting_of(other->run, key, length);
  }
  *length = word != NULL ? (int)strlen(word) : 0;
  return word != NULL ? word : "";
}

static const char *value_of(const mst_heat *h, int i, const char *key, int *length) {
  const mst_heat_point *p = &h->point[i];
  return p->run != NULL ? setting_of(p->run, key, length) : written_value(h, p, key, length);
}

/* Have the points different values of a key? All of them some value, where `all` is asked for. */
static bool differs(const mst_heat *h, const char *key, bool all) {
  bool some = false;
  int first, n;
  const char *one = value_of(h, 0, key, &first);
  for (int i = 0; i < h->points; i++) {
    const char *other = value_of(h, i, key, &n);
    if (all && n == 0) return false;
    some = some || n != first || memcmp(one, other, (size_t)n) != 0;
  }
  return some;
}

static mst_status add_key(mst_heat_axis *a, const char *key, size_t length) {
  mst_text copy = MST_TEXT_EMPTY;
  if (a->keys == MST_HEAT_KEYS)
    return mst_fail(MST_ERR_INPUT, "an axis of a heat map has at most %d keys", MST_HEAT_KEYS);
  MST_TRY(mst_text_add(&copy, "%.*s", (int)length, key));
  a->key[a->keys++] = copy.at;
  return MST_OK;
}

static mst_status read_keys(const mst_heat *h, const char *option, const char *text,
                            mst_heat_axis *a) {
  for (const char *at = text;;) {
    size_t n = strcspn(at, ",");
    bool known = false;
    int length;
    MST_TRY(add_key(a, at, n));
    for (int i = 0; i < h->points && !known; i++) {
      (void)value_of(h, i, a->key[a->keys - 1], &length);
      known = length > 0;
    }
    if (!known)
      return mst_fail(MST_ERR_INPUT, "option --%s: no run has the key '%s'", option,
                      a->key[a->keys - 1]);
    if (at[n] == '\0') return MST_OK;
    at += n + 1;
  }
}

static bool has_key(const mst_heat_axis *a, const char *key) {
  for (int i = 0; i < a->keys; i++)
    if (strcmp(a->key[i], key) == 0) return true;
  return false;
}

/* The first key, but for those of the other axis, in which the points differ: of a grid's own, else
 * of the experiments'; the seed only where there is nothing else. */
static mst_status choose_key(const mst_heat *h, const mst_heat_axis *other, mst_heat_axis *a) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)h->point[0].settings, key,
                      value) if (strcmp(key, "seed") != 0 && !has_key(other, key) &&
                                 differs(h, key, true)) return add_key(a, key, strlen(key));
  for (int i = 0; i < h->points; i++) {
    if (h->point[i].run == NULL) continue;
    mst_setting s = {.at = h->point[i].run->outcome.experiment};
    while (mst_setting_next(&s)) {
      if (strncmp(s.key, "output.", 7) == 0 || strncmp(s.key, "resources.", 10) == 0) continue;
      if (strcmp(s.key, "seed") == 0 || has_key(other, s.key) || !differs(h, s.key, true)) continue;
      return add_key(a, s.key, strlen(s.key));
    }
    break;
  }
  return !has_key(other, "seed") && differs(h, "seed", true) ? add_key(a, "seed", 4) : MST_OK;
}

static mst_status lay(mst_heat *h, mst_heat_axis *a);

static void clear_places(mst_heat_axis *a) {
  for (int i = 0; i < a->n; i++) mst_free(a->label[i]);
  mst_free(a->label);
  mst_free(a->place);
  a->n = 0;
  a->label = NULL;
  a->place = NULL;
}

/* A name and what goes with it, where the points differ in either. */
static mst_status choose_pair(const mst_heat *h, const char *name, const char *with,
                              const mst_heat_axis *other, mst_heat_axis *a) {
  bool both = differs(h, with, false);
  if (a->keys > 0 || has_key(other, name) || has_key(other, with)) return MST_OK;
  if (!both && !differs(h, name, false)) return MST_OK;
  MST_TRY(add_key(a, name, strlen(name)));
  return both ? add_key(a, with, strlen(with)) : MST_OK;
}

/* For rules and attacks; other axes are left without keys. */
static mst_status choose_robust(mst_heat *h) {
  bool chosen = h->columns.keys > 0;
  MST_TRY(choose_pair(h, "aggregate.rule", "aggregate.pre", &h->columns, &h->rows));
  MST_TRY(choose_pair(h, "attack.name", "attack.count", &h->rows, &h->columns));
  if (chosen || h->columns.keys < 2 || !differs(h, "attack.name", false)) return MST_OK;
  MST_TRY(lay(h, &h->columns));
  if (h->columns.n > COLUMNS) mst_free(h->columns.key[--h->columns.keys]);
  clear_places(&h->columns);
  return MST_OK;
}

/* The values of the axis' keys at a point, as a label; a later key that says nothing is left out.
 */
static mst_status label_of(const mst_heat *h, const mst_heat_axis *a, int i, mst_text *t) {
  int n;
  for (int k = 0; k < a->keys; k++) {
    const char *value = value_of(h, i, a->key[k], &n);
    bool nothing = n == 0 || (n == 2 && memcmp(value, "[]", 2) == 0);
    if (nothing && k > 0) continue;
    MST_TRY(mst_text_add(t, "%s%.*s", k > 0 ? ", " : "", nothing ? 1 : n, nothing ? "-" : value));
  }
  return mst_text_add(t, "%s", a->keys == 0 ? "all" : "");
}

/* The labels of an axis, and the place of every point. */
static mst_status lay(mst_heat *h, mst_heat_axis *a) {
  MST_TRY(mst_alloc(&a->label, h->points, sizeof *a->label, "labels of a heat map"));
  MST_TRY(mst_alloc(&a->place, h->points, sizeof *a->place, "places of a heat map"));
  for (int i = 0; i < h->points; i++) {
    mst_text label = MST_TEXT_EMPTY;
    mst_status st = label_of(h, a, i, &label);
    int k = 0;
    while (st == MST_OK && k < a->n && strcmp(a->label[k], label.at) != 0) k++;
    a->place[i] = k;
    if (st == MST_OK && k == a->n)
      a->label[a->n++] = label.at;
    else
      mst_text_free(&label);
    MST_TRY(st);
  }
  return MST_OK;
}

static const mst_figure *find_figure(const mst_report_run *run, const char *name) {
  for (int k = 0; run != NULL && k < run->outcome.n; k++)
    if (strcmp(run->outcome.figure[k].name, name) == 0) return &run->outcome.figure[k];
  return NULL;
}

static mst_status choose_figure(mst_heat *h, const char *given) {
  const char *best = NULL;
  bool known = false;
  for (int i = 0; i < h->points; i++) {
    const mst_report_run *run = h->point[i].run;
    for (int k = 0; run != NULL && k < run->outcome.n; k++)
      best = mst_worst_figure(best, run->outcome.figure[k].name);
    known = known || (given != NULL && find_figure(run, given) != NULL);
  }
  if (given != NULL && !known)
    return mst_fail(MST_ERR_INPUT, "option --figure: no run has a figure '%s'", given);
  if (given != NULL) best = given;
  return best != NULL ? mst_text_copy(best, &h->figure) : MST_OK;
}

/* Add a point to a place; points without a value are counted. */
static void take(const mst_heat *h, int i, mst_heat_place *at) {
  const mst_figure *f = find_figure(h->point[i].run, h->figure);
  double value = f == NULL ? (double)NAN : f->whole ? (double)f->count : f->value;
  at->cells++;
  at->missing += !isfinite(value);
  if (!isfinite(value) || (at->worst >= 0 && !mst_worst_is_worse(h->figure, value, at->value)))
    return;
  at->worst = i;
  at->value = value;
}

static mst_status fill(mst_heat *h) {
  int rows = h->rows.n, columns = h->columns.n, wide = columns + 1;
  MST_TRY(mst_alloc(&h->at, (int64_t)(rows + 1) * wide, sizeof *h->at, "places of a heat map"));
  for (int k = 0; k < (rows + 1) * wide; k++) h->at[k] = (mst_heat_place){.worst = -1};
  for (int i = 0; i < h->points; i++) {
    int row = h->rows.place[i], column = h->columns.place[i];
    take(h, i, &h->at[row * wide + column]);
    take(h, i, &h->at[row * wide + columns]);
    take(h, i, &h->at[rows * wide + column]);
    take(h, i, &h->at[rows * wide + columns]);
  }
  return MST_OK;
}

mst_status mst_heat_make(int points, const mst_heat_point *point, const char *rows,
                         const char *columns, const char *figure, mst_heat *h) {
  *h = (mst_heat){.points = points, .point = point};
  if (points == 0) return MST_OK;
  if (rows != NULL) MST_TRY(read_keys(h, "rows", rows, &h->rows));
  if (columns != NULL) MST_TRY(read_keys(h, "columns", columns, &h->columns));
  MST_TRY(choose_figure(h, figure));
  MST_TRY(choose_robust(h));
  if (h->rows.keys == 0) MST_TRY(choose_key(h, &h->columns, &h->rows));
  if (h->columns.keys == 0) MST_TRY(choose_key(h, &h->rows, &h->columns));
  bool asked = rows != NULL || columns != NULL || point[0].settings != NULL;
  if (h->figure == NULL || h->rows.keys == 0 || (h->columns.keys == 0 && !asked)) return MST_OK;
  MST_TRY(lay(h, &h->rows));
  MST_TRY(lay(h, &h->columns));
  return fill(h);
}

void mst_heat_clear(mst_heat *h) {
  mst_heat_axis *axis[] = {&h->rows, &h->columns};
  for (int a = 0; a < 2; a++) {
    clear_places(axis[a]);
    for (int k = 0; k < axis[a]->keys; k++) mst_free(axis[a]->key[k]);
  }
  mst_free(h->figure);
  mst_free(h->at);
  *h = (mst_heat){.points = 0};
}

const mst_heat_place *mst_heat_at(const mst_heat *h, int row, int column) {
  return &h->at[row * (h->columns.n + 1) + column];
}

static mst_status add_label(const mst_heat_axis *a, int i, mst_text *out) {
  return i < a->n ? mst_csv_text(out, a->label[i]) : mst_text_add(out, "worst");
}

mst_status mst_heat_csv(const mst_heat *h, mst_text *out) {
  char number[MST_NUMBER];
  MST_TRY(mst_text_add(out, MST_HEAT_CSV "%s", h->figure));
  for (int c = 0; c <= h->columns.n; c++) {
    MST_TRY(mst_text_add(out, ","));
    MST_TRY(add_label(&h->columns, c, out));
  }
  MST_TRY(mst_text_add(out, ",missing\n"));
  for (int r = 0; r <= h->rows.n; r++) {
    MST_TRY(add_label(&h->rows, r, out));
    for (int c = 0; c <= h->columns.n; c++) {
      const mst_heat_place *at = mst_heat_at(h, r, c);
      MST_TRY(mst_text_add(out, ",%s", at->worst >= 0 ? mst_text_real(at->value, number) : ""));
    }
    MST_TRY(mst_text_add(out, ",%d\n", mst_heat_at(h, r, h->columns.n)->missing));
  }
  return MST_OK;
}
