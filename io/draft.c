/* Single keys of an experiment without a schema: the trees of the file and of the overrides, and
 * what stands at a dotted path in the last one that has it. */
#include "io/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/schema.h"

typedef struct layer {
  mst_override set;
  mst_yaml_node *root;
} layer;

struct mst_draft {
  char *name;          /* of the file, on one line */
  mst_yaml_node *root; /* of the file              */
  int n;
  layer *over; /* (n) in order: later ones count */
};

/* The node that a dotted path leads to from `node`, or NULL. */
static const mst_yaml_node *descend(const mst_yaml_node *node, const char *path) {
  while (node != NULL && *path != '\0') {
    char part[MST_SHOWN];
    size_t n = strcspn(path, ".");
    if (n >= sizeof part || node->kind != MST_YAML_SECTION) return NULL;
    snprintf(part, sizeof part, "%.*s", (int)n, path);
    node = mst_yaml_entry(node, part);
    path += n + (path[n] == '.');
  }
  return node;
}

/* What stands at a key, or NULL, and where. */
static const mst_yaml_node *find(const mst_draft *d, const char *key, mst_place *place) {
  for (int i = d->n - 1; i >= 0; i--) {
    const mst_override *o = &d->over[i].set;
    const char *rest = "";
    if (strcmp(key, o->key) != 0 && !mst_schema_below(key, o->key, &rest)) continue;
    const mst_yaml_node *node = descend(d->over[i].root, rest);
    *place = (mst_place){o->shown, 0, o->key};
    if (node != NULL) return node;
  }
  const mst_yaml_node *node = descend(d->root, key);
  *place = (mst_place){d->name, node != NULL ? node->key_line : 0, NULL};
  return node;
}

static mst_status read_override(const char *text, layer *l) {
  const char *value = NULL;
  MST_TRY(mst_override_split(text, &l->set, &value));
  return mst_yaml_parse(value, l->set.shown, false, &l->root);
}

static mst_status fill(mst_draft *d, const char *text, const char *name,
                       const char *const *override, int n_override) {
  char shown[MST_STATUS_DETAIL_MAX / 4];
  MST_TRY(mst_text_copy(mst_text_show(name, shown, sizeof shown), &d->name));
  MST_TRY(mst_yaml_parse(text, d->name, true, &d->root));
  MST_TRY(mst_experiment_top(d->root, d->name));
  MST_TRY(mst_alloc(&d->over, n_override, sizeof *d->over, "overrides"));
  d->n = n_override;
  for (int i = 0; i < n_override; i++) MST_TRY(read_override(override[i], &d->over[i]));
  return MST_OK;
}

mst_status mst_draft_read(const char *text, const char *name, const char *const *override,
                          int n_override, mst_draft **out) {
  mst_draft *d = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&d, 1, sizeof *d, "draft of an experiment"));
  mst_status st = fill(d, text, name, override, n_override);
  if (st == MST_OK)
    *out = d;
  else
    mst_draft_free(d);
  return st;
}

void mst_draft_free(mst_draft *d) {
  if (d == NULL) return;
  for (int i = 0; i < d->n; i++) {
    mst_override_clear(&d->over[i].set);
    mst_yaml_free(d->over[i].root);
  }
  mst_free(d->over);
  mst_yaml_free(d->root);
  mst_free(d->name);
  mst_free(d);
}

const char *mst_draft_name(const mst_draft *d) {
  return d->name;
}

bool mst_draft_has(const mst_draft *d, const char *key, bool *overridden) {
  mst_place place;
  bool there = find(d, key, &place) != NULL;
  *overridden = there && place.line == 0;
  return there;
}

mst_status mst_draft_word(const mst_draft *d, const mst_key_spec *spec, const char **word,
                          bool *overridden) {
  mst_place place;
  const mst_yaml_node *node = find(d, spec->key, &place);
  *overridden = node != NULL && place.line == 0;
  *word = spec->fallback != MST_KEY_REQUIRED ? spec->fallback : NULL;
  if (node == NULL) return MST_OK;
  mst_value checked = {.spec = spec};
  MST_TRY(mst_value_read(&checked, node, &place));
  mst_value_clear(&checked);
  *word = node->text;
  return MST_OK;
}

mst_status mst_draft_words(const mst_draft *d, const mst_key_spec *spec, int most,
                           const char **word, int *n, bool *overridden) {
  mst_place place;
  const mst_yaml_node *node = find(d, spec->key, &place);
  *overridden = node != NULL && place.line == 0;
  *n = 0;
  if (node == NULL) return MST_OK;
  mst_value checked = {.spec = spec};
  MST_TRY(mst_value_read(&checked, node, &place));
  mst_value_clear(&checked);
  if (node->n > most) return mst_draft_refuse(d, spec->key, "must have at most %d entries", most);
  for (const mst_yaml_node *e = node->first; e != NULL; e = e->next) word[(*n)++] = e->text;
  return MST_OK;
}

mst_status mst_draft_refuse(const mst_draft *d, const char *key, const char *format, ...) {
  char message[MST_STATUS_DETAIL_MAX / 2], found[MST_SHOWN + 16];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  mst_place place;
  const mst_yaml_node *node = find(d, key, &place);
  if (node == NULL) return mst_place_fail(&place, key, "not set; %s", message);
  return mst_place_fail(&place, key, "found %s, %s", mst_value_found(node, found, sizeof found),
                        message);
}
