/* A family's keys made from its members' parameters, and its spec filled from an experiment. */
#include "jobs/family.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

const char *mst_family_key(const mst_family *f, const char *name, char to[MST_FAMILY_KEY]) {
  snprintf(to, MST_FAMILY_KEY, "%s.%s", f->section, name);
  return to;
}

bool mst_family_find(const mst_family *f, const char *name, mst_member *out) {
  for (int i = 0; f->at(i, out); i++)
    if (strcmp(out->name, name) == 0) return true;
  return false;
}

static mst_key_type key_type(mst_param_type type) {
  switch (type) {
    case MST_PARAM_INT: return MST_KEY_INT;
    case MST_PARAM_REAL: return MST_KEY_REAL;
    case MST_PARAM_BOOL: return MST_KEY_BOOL;
    case MST_PARAM_WORD: return MST_KEY_WORD;
    case MST_PARAM_INTS: return MST_KEY_INTS;
  }
  return MST_KEY_WORD;
}

/* A table being made: specs, then the texts that they point to, in one block. */
typedef struct table {
  mst_key_spec *key; /* the next entry */
  char *text;        /* the next text  */
} table;

static mst_status begin(int64_t keys, int64_t text_bytes, mst_key_spec **out, table *t) {
  int64_t specs = (keys + 1) * (int64_t)sizeof(mst_key_spec);
  *out = NULL;
  MST_TRY(mst_alloc(out, specs + text_bytes, 1, "keys of a family"));
  *t = (table){*out, (char *)*out + specs};
  return MST_OK;
}

static const char *add_text(table *t, const char *text) {
  char *at = t->text;
  size_t n = strlen(text) + 1;
  memcpy(at, text, n);
  t->text += n;
  return at;
}

static const char *otherwise(const char *fallback) {
  return fallback != NULL ? fallback : MST_KEY_REQUIRED;
}

/* Keys of a table of parameters, and bytes of their names. */
static int64_t count(const mst_family *f, const mst_param *params, int64_t *bytes) {
  int64_t n = 0;
  char key[MST_FAMILY_KEY];
  for (; params != NULL && params[n].name != NULL; n++)
    *bytes += (int64_t)strlen(mst_family_key(f, params[n].name, key)) + 1;
  return n;
}

static void add_params(const mst_family *f, const mst_param *params, table *t) {
  char key[MST_FAMILY_KEY];
  for (const mst_param *p = params; p != NULL && p->name != NULL; p++)
    *t->key++ = (mst_key_spec){.key = add_text(t, mst_family_key(f, p->name, key)),
                               .type = key_type(p->type),
                               .fallback = otherwise(p->fallback),
                               .min = p->min,
                               .max = p->max,
                               .open_min = p->open_min,
                               .allowed = p->allowed,
                               .unit = p->unit,
                               .help = p->help};
}

/* "identity|relu|fourier": the bytes that it takes, and the text itself. */
static int64_t names_bytes(const mst_family *f) {
  mst_member m;
  int64_t bytes = 0;
  for (int i = 0; f->at(i, &m); i++) bytes += (int64_t)strlen(m.name) + 1;
  return bytes;
}

static const char *add_names(const mst_family *f, table *t) {
  const char *names = t->text;
  mst_member m;
  for (int i = 0; f->at(i, &m); i++) {
    if (i > 0) t->text[-1] = '|';
    add_text(t, m.name);
  }
  return names;
}

/* The key of a choice among the members: of one of them, or of a list. */
static mst_key_spec selector(const char *key, bool list, const char *names, const char *help) {
  return (mst_key_spec){.key = key,
                        .type = list ? MST_KEY_WORDS : MST_KEY_WORD,
                        .fallback = list ? "[]" : NULL,
                        .allowed = names,
                        .unit = "",
                        .help = help};
}

mst_status mst_family_keys(const mst_family *f, mst_key_spec **out) {
  char key[MST_FAMILY_KEY], more[MST_FAMILY_KEY];
  int64_t bytes = (int64_t)strlen(mst_family_key(f, f->key, key)) + 1 + names_bytes(f);
  if (f->more != NULL) bytes += (int64_t)strlen(mst_family_key(f, f->more, more)) + 1;
  int64_t n = count(f, f->shared, &bytes);
  table t;
  MST_TRY(begin(n + 1 + (f->more != NULL), bytes, out, &t));
  const char *names = add_names(f, &t);
  *t.key = selector(add_text(&t, key), f->list, names, f->help);
  if (!f->list) t.key->fallback = otherwise(f->fallback);
  t.key++;
  if (f->more != NULL) *t.key++ = selector(add_text(&t, more), true, names, f->more_help);
  add_params(f, f->shared, &t);
  return MST_OK;
}

mst_status mst_family_member_keys(const mst_family *f, const mst_param *params,
                                  mst_key_spec **out) {
  int64_t bytes = 0, n = count(f, params, &bytes);
  table t;
  MST_TRY(begin(n, bytes, out, &t));
  add_params(f, params, &t);
  return MST_OK;
}

static mst_status read_list(const mst_experiment *e, const char *key, mst_int_list *out) {
  *out = (mst_int_list){.n = mst_experiment_count(e, key)};
  if (out->n > MST_PARAM_LIST)
    return mst_experiment_refuse(e, key, "must have at most %d entries", MST_PARAM_LIST);
  for (int i = 0; i < out->n; i++) out->value[i] = mst_experiment_int_at(e, key, i);
  return MST_OK;
}

static mst_status read_param(const mst_experiment *e, const char *key, mst_param_type type,
                             void *field) {
  switch (type) {
    case MST_PARAM_INT: *(int64_t *)field = mst_experiment_int(e, key); break;
    case MST_PARAM_REAL: *(double *)field = mst_experiment_real(e, key); break;
    case MST_PARAM_BOOL: *(bool *)field = mst_experiment_bool(e, key); break;
    case MST_PARAM_WORD: *(const char **)field = mst_experiment_word(e, key); break;
    case MST_PARAM_INTS: return read_list(e, key, field);
  }
  return MST_OK;
}

static mst_status read_params(const mst_family *f, const mst_experiment *e, const mst_param *params,
                              void *spec) {
  char key[MST_FAMILY_KEY];
  for (const mst_param *p = params; p != NULL && p->name != NULL; p++)
    MST_TRY(read_param(e, mst_family_key(f, p->name, key), p->type, (char *)spec + p->offset));
  return MST_OK;
}

static mst_status read_member(const mst_family *f, const mst_experiment *e, const char *name,
                              void *spec) {
  char key[MST_FAMILY_KEY];
  mst_member m;
  if (!mst_family_find(f, name, &m))
    return mst_experiment_refuse(e, mst_family_key(f, f->key, key),
                                 "is not in this build (see muster list %s)", f->name);
  *(const char **)(void *)((char *)spec + f->chosen) = m.name;
  MST_TRY(read_params(f, e, f->shared, spec));
  return read_params(f, e, m.params, spec);
}

mst_status mst_family_read(const mst_family *f, const mst_experiment *e, void *spec) {
  char key[MST_FAMILY_KEY];
  return read_member(f, e, mst_experiment_word(e, mst_family_key(f, f->key, key)), spec);
}

mst_status mst_family_read_at(const mst_family *f, const mst_experiment *e, int i, void *spec) {
  char key[MST_FAMILY_KEY];
  return read_member(f, e, mst_experiment_word_at(e, mst_family_key(f, f->key, key), i), spec);
}

mst_status mst_family_read_more(const mst_family *f, const mst_experiment *e, int i, void *spec) {
  char key[MST_FAMILY_KEY];
  return read_member(f, e, mst_experiment_word_at(e, mst_family_key(f, f->more, key), i), spec);
}
