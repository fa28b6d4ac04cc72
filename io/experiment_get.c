/* An experiment's values for the jobs: typed getters and refusals with the place of the value. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "io/schema.h"

/* The value of a key that the schema has; entry i of it is asked for. NULL when it is unset or
 * (without assertions) the call is wrong. */
static const mst_value *get(const mst_experiment *e, const char *key, int i) {
  const mst_value *v = mst_experiment_find(e, key);
  assert(v != NULL);
  if (v == NULL || !v->set) return NULL;
  assert(i >= 0 && i < (v->n > 0 ? v->n : 1));
  return i >= 0 && i < v->n ? v : NULL;
}

bool mst_experiment_knows(const mst_experiment *e, const char *key) {
  return mst_experiment_find(e, key) != NULL;
}

bool mst_experiment_is_set(const mst_experiment *e, const char *key) {
  const mst_value *v = mst_experiment_find(e, key);
  assert(v != NULL);
  return v != NULL && v->set;
}

/* The file or the command line has the key. */
static bool is_given(const mst_value *v) {
  return v->set && (v->from_override || v->place.line > 0);
}

bool mst_experiment_is_said(const mst_experiment *e, const char *key) {
  const mst_value *v = mst_experiment_find(e, key);
  assert(v != NULL);
  return v != NULL && is_given(v);
}

bool mst_experiment_is_changed(const mst_experiment *e, const char *key) {
  const mst_value *v = mst_experiment_find(e, key);
  return mst_experiment_is_said(e, key) && !v->usual;
}

const char *mst_experiment_word(const mst_experiment *e, const char *key) {
  return mst_experiment_word_at(e, key, 0);
}

const char *mst_experiment_path(const mst_experiment *e, const char *key) {
  const mst_value *v = get(e, key, 0);
  assert(v == NULL || v->path != NULL);
  return v != NULL && v->path != NULL ? v->path : "";
}

int64_t mst_experiment_int(const mst_experiment *e, const char *key) {
  return mst_experiment_int_at(e, key, 0);
}

double mst_experiment_real(const mst_experiment *e, const char *key) {
  return mst_experiment_real_at(e, key, 0);
}

bool mst_experiment_bool(const mst_experiment *e, const char *key) {
  return mst_experiment_int_at(e, key, 0) != 0;
}

int mst_experiment_count(const mst_experiment *e, const char *key) {
  const mst_value *v = mst_experiment_find(e, key);
  assert(v != NULL);
  return v != NULL && v->set ? v->n : 0;
}

const char *mst_experiment_word_at(const mst_experiment *e, const char *key, int i) {
  const mst_value *v = get(e, key, i);
  assert(v == NULL || v->word != NULL);
  return v != NULL && v->word != NULL ? v->word[i] : "";
}

int64_t mst_experiment_int_at(const mst_experiment *e, const char *key, int i) {
  const mst_value *v = get(e, key, i);
  assert(v == NULL || v->integer != NULL);
  return v != NULL && v->integer != NULL ? v->integer[i] : 0;
}

double mst_experiment_real_at(const mst_experiment *e, const char *key, int i) {
  const mst_value *v = get(e, key, i);
  assert(v == NULL || v->real != NULL);
  return v != NULL && v->real != NULL ? v->real[i] : 0.0;
}

const char *mst_experiment_text(const mst_experiment *e) {
  return e->text;
}

mst_status mst_experiment_refuse(const mst_experiment *e, const char *key, const char *format,
                                 ...) {
  char message[MST_STATUS_DETAIL_MAX / 2], shown[MST_SHOWN];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  const mst_value *v = mst_experiment_find(e, key);
  mst_place file = {e->name, 0, NULL};
  if (v == NULL || !v->set) return mst_place_fail(&file, key, "not set; %s", message);
  mst_text text = MST_TEXT_EMPTY;
  mst_status st = mst_value_print(v, &text);
  const char *what = is_given(v) ? "found" : "default";
  if (st == MST_OK)
    st = mst_place_fail(&v->place, key, "%s %s, %s", what,
                        mst_text_show(text.at, shown, sizeof shown), message);
  mst_text_free(&text);
  return st;
}
