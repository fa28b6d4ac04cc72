/* Events from a JSON list, every key checked. */
#include "jobs/account_events.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "core/base/memory.h"
#include "core/base/word.h"

mst_status mst_account_word(const char *what, const char *word, const char *(*name)(int i),
                            int *out) {
  char all[256] = "";
  size_t used = 0;
  if (strcmp(word, "fixed") == 0 && name == mst_sampling_name) word = "without_replacement";
  for (int i = 0; name(i) != NULL; i++) {
    if (strcmp(name(i), word) == 0) {
      *out = i;
      return MST_OK;
    }
    if (used < sizeof all)
      used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", name(i));
  }
  return mst_fail(MST_ERR_INPUT, "%s '%s' is unknown; choose one of %s", what, word, all);
}

typedef struct place {
  const char *name;
  long long event; /* from 1 */
} place;

static mst_status wrong(const place *p, const char *key, const char *wanted) {
  return mst_fail(MST_ERR_INPUT, "%s: event %lld: '%s' must be %s", p->name, p->event, key, wanted);
}

static mst_status read_word(const place *p, const char *key, const json_t *v,
                            const char *(*name)(int i), int *out) {
  if (!json_is_string(v)) return wrong(p, key, "a word");
  const mst_status st = mst_account_word(key, json_string_value(v), name, out);
  return st == MST_OK ? st : mst_fail_within(st, "%s: event %lld: ", p->name, p->event);
}

static mst_status read_real(const place *p, const char *key, const json_t *v, double *out) {
  if (!json_is_number(v)) return wrong(p, key, "a number");
  *out = json_number_value(v);
  return MST_OK;
}

static mst_status read_int(const place *p, const char *key, const json_t *v, int64_t *out) {
  if (!json_is_integer(v)) return wrong(p, key, "a whole number");
  *out = json_integer_value(v);
  return MST_OK;
}

static const char *const keys[] = {"mechanism", "noise", "sensitivity", "sampling", "q",
                                   "n",         "batch", "steps",       "truncate", "entries"};

static const char *key_at(int i) {
  return i >= 0 && i < (int)(sizeof keys / sizeof keys[0]) ? keys[i] : NULL;
}

static mst_status read_key(const place *p, const char *key, const json_t *v, mst_event *e) {
  int number = 0;
  if (strcmp(key, "mechanism") == 0) {
    MST_TRY(read_word(p, key, v, mst_mechanism_name, &number));
    e->mechanism = (mst_mechanism)number;
    return MST_OK;
  }
  if (strcmp(key, "sampling") == 0) {
    MST_TRY(read_word(p, key, v, mst_sampling_name, &number));
    e->sampling = (mst_sampling)number;
    return MST_OK;
  }
  if (strcmp(key, "noise") == 0) return read_real(p, key, v, &e->noise);
  if (strcmp(key, "sensitivity") == 0) return read_real(p, key, v, &e->sensitivity);
  if (strcmp(key, "q") == 0) return read_real(p, key, v, &e->q);
  if (strcmp(key, "n") == 0) return read_int(p, key, v, &e->n);
  if (strcmp(key, "batch") == 0) return read_int(p, key, v, &e->m);
  if (strcmp(key, "steps") == 0) return read_int(p, key, v, &e->count);
  if (strcmp(key, "truncate") == 0) return read_int(p, key, v, &e->truncate);
  if (strcmp(key, "entries") == 0) return read_int(p, key, v, &e->entries);
  return mst_fail(MST_ERR_INPUT, "%s: event %lld: there is no key '%s'; the nearest is %s", p->name,
                  p->event, key, mst_word_nearest(key, key_at));
}

static mst_status read_event(const place *p, json_t *object, mst_event *e) {
  const char *key;
  json_t *value;
  *e = (mst_event){.count = 1};
  if (!json_is_object(object))
    return mst_fail(MST_ERR_INPUT, "%s: event %lld is not an object of keys and values", p->name,
                    p->event);
  json_object_foreach(object, key, value) MST_TRY(read_key(p, key, value, e));
  if (e->sampling == MST_SAMPLING_POISSON && e->q == 0 && e->n > 0 && e->m > 0)
    e->q = (double)e->m / (double)e->n;
  return MST_OK;
}

mst_status mst_account_events(const char *text, const char *name, mst_event **event, int64_t *n) {
  json_error_t error;
  json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  *event = NULL;
  if (list == NULL)
    return mst_fail(MST_ERR_INPUT, "%s:%d: not JSON: %s", name, error.line, error.text);
  mst_status st = MST_OK;
  *n = (int64_t)json_array_size(list);
  if (!json_is_array(list) || *n == 0)
    st = mst_fail(MST_ERR_INPUT,
                  "%s: is not a list of events, as [{\"noise\": 1.1, \"steps\": 10}]", name);
  if (st == MST_OK) st = mst_alloc(event, *n, sizeof(mst_event), "events");
  for (int64_t i = 0; i < *n && st == MST_OK; i++) {
    const place p = {name, (long long)i + 1};
    st = read_event(&p, json_array_get(list, (size_t)i), &(*event)[i]);
  }
  json_decref(list);
  if (st == MST_OK) return st;
  mst_free(*event);
  *event = NULL;
  return st;
}
