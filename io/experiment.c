/* Experiment files: the tree of the file and those of the overrides laid over a schema's keys, the
 * defaults, and the resolved text. */
#include "io/experiment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/schema.h"

#define PATH_BYTES 512 /* of a dotted key; longer ones are cut and so not known */

mst_status mst_override_split(const char *text, mst_override *o, const char **value) {
  char shown[MST_SHOWN];
  mst_text_show(text, shown, sizeof shown);
  size_t n = strcspn(text, "=");
  if (text[n] == '\0' || n == 0)
    return mst_fail(MST_ERR_INPUT, "--set %s: must look like section.key=value", shown);
  *value = text + n + 1;
  MST_TRY(mst_alloc(&o->key, (int64_t)n + 1, 1, "override"));
  memcpy(o->key, text, n);
  mst_text all = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(&all, "--set %s", shown);
  o->shown = all.at;
  return st;
}

void mst_override_clear(mst_override *o) {
  mst_free(o->key);
  mst_free(o->shown);
}

mst_value *mst_experiment_find(const mst_experiment *e, const char *key) {
  for (int i = 0; i < e->n; i++)
    if (strcmp(e->value[i].spec->key, key) == 0) return &e->value[i];
  return NULL;
}

static mst_status refuse_no_section(const mst_experiment *e, const mst_yaml_node *node,
                                    const mst_place *place, const char *path) {
  char found[MST_SHOWN + 16];
  mst_text names = MST_TEXT_EMPTY;
  mst_status st = mst_schema_names(e->schema, path, &names);
  if (st == MST_OK)
    st = mst_place_fail(place, path, "found %s, must be a section with the keys %s",
                        mst_value_found(node, found, sizeof found), names.at);
  mst_text_free(&names);
  return st;
}

static mst_status refuse_dotted(const mst_yaml_node *node, const mst_place *place,
                                const char *path) {
  char key[MST_SHOWN];
  mst_text_show(node->key, key, sizeof key);
  int n = (int)strcspn(key, ".");
  return mst_place_fail(place, path, "a dotted key; write a section: \"%.*s: {%s: ...}\"", n, key,
                        key + n + (key[n] == '.'));
}

static bool is_passed_over(const mst_schema *schema, const char *key) {
  for (int i = 0; i < schema->n_passed_over; i++)
    if (strcmp(schema->passed_over[i], key) == 0) return true;
  return false;
}

/* Lay node over the key or section `path`; place has the line of the key. Sections are walked, so
 * the depth is that of the tree. */
static mst_status apply(mst_experiment *e, const mst_yaml_node *node, const char *path,
                        mst_place place, bool from_override) {
  mst_value *v = mst_experiment_find(e, path);
  if (!from_override && is_passed_over(e->schema, path)) return MST_OK;
  if (v != NULL) {
    MST_TRY(mst_value_read(v, node, &place));
    v->from_override = from_override;
    return MST_OK;
  }
  bool section = node->kind == MST_YAML_SECTION;
  if (!mst_schema_is_section(e->schema, path))
    return mst_schema_unknown(e->schema, &place, path, section);
  if (!section && mst_yaml_is_null(node) && !from_override) return MST_OK;
  if (!section) return refuse_no_section(e, node, &place, path);
  for (const mst_yaml_node *c = node->first; c != NULL; c = c->next) {
    char below[PATH_BYTES];
    snprintf(below, sizeof below, "%s%s%s", path, path[0] != '\0' ? "." : "", c->key);
    if (place.line > 0) place.line = c->key_line;
    if (strchr(c->key, '.') != NULL) return refuse_dotted(c, &place, below);
    MST_TRY(apply(e, c, below, place, from_override));
  }
  return MST_OK;
}

mst_status mst_experiment_top(const mst_yaml_node *root, const char *name) {
  mst_place place = {name, 0, NULL};
  if (root->kind == MST_YAML_SECTION) return MST_OK;
  if (mst_yaml_is_null(root))
    return mst_place_fail(&place, NULL, "holds no keys; write lines like \"job: analytic\"");
  place.line = root->line;
  return mst_place_fail(&place, NULL,
                        "found %s where keys are expected; write lines like "
                        "\"job: analytic\"",
                        root->kind == MST_YAML_LIST ? "a list" : "a lone text");
}

static mst_status apply_file(mst_experiment *e, const mst_yaml_node *root) {
  MST_TRY(mst_experiment_top(root, e->name));
  return apply(e, root, "", (mst_place){e->name, root->line, NULL}, false);
}

static mst_status apply_override(mst_experiment *e, const char *text, mst_override *o) {
  const char *value = NULL;
  MST_TRY(mst_override_split(text, o, &value));
  mst_yaml_node *node = NULL;
  MST_TRY(mst_yaml_parse(value, o->shown, false, &node));
  mst_place place = {o->shown, 0, o->key};
  mst_status st = apply(e, node, o->key, place, true);
  mst_yaml_free(node);
  return st;
}

/* A value that a required key might have, for the error that misses it. */
static const char *example_of(const mst_key_spec *s, char to[MST_SHOWN]) {
  switch (s->type) {
    case MST_KEY_PATH: return "data.h5";
    case MST_KEY_BOOL: return "true";
    case MST_KEY_WORD:
    case MST_KEY_WORDS:
      if (s->allowed == NULL) return s->type == MST_KEY_WORD ? "name" : "[name]";
      snprintf(to, MST_SHOWN, s->type == MST_KEY_WORD ? "%.*s" : "[%.*s]",
               (int)strcspn(s->allowed, "|"), s->allowed);
      return to;
    default: break;
  }
  double x = s->min <= 1.0 && (s->max >= 1.0 || s->max == 0.0) ? 1.0
             : isfinite(s->max) && s->open_min                 ? s->max
                                                               : s->min;
  char number[MST_NUMBER];
  snprintf(to, MST_SHOWN, mst_schema_is_list(s) ? "[%s]" : "%s", mst_text_real(x, number));
  return to;
}

/* The line of the innermost section of the file that a key belongs into; 0 = not in the file. */
static int section_line(const mst_yaml_node *root, const char *key) {
  const mst_yaml_node *at = root;
  char part[PATH_BYTES];
  int line = 0;
  for (const char *dot = strchr(key, '.'); dot != NULL; key = dot + 1, dot = strchr(key, '.')) {
    snprintf(part, sizeof part, "%.*s", (int)(dot - key), key);
    at = at->kind == MST_YAML_SECTION ? mst_yaml_entry(at, part) : NULL;
    if (at == NULL) return 0;
    line = at->key_line;
  }
  return line;
}

static mst_status refuse_missing(const mst_experiment *e, const mst_yaml_node *root,
                                 const mst_key_spec *s) {
  char example[MST_SHOWN], line[PATH_BYTES];
  const char *value = example_of(s, example), *last = strrchr(s->key, '.');
  mst_place place = {e->name, section_line(root, s->key), NULL};
  if (last == NULL)
    return mst_place_fail(&place, s->key, "missing: %s; add a line such as \"%s: %s\"", s->help,
                          s->key, value);
  if (place.line > 0)
    return mst_place_fail(&place, s->key,
                          "missing: %s; add to this section, for example \"%s: %s\"", s->help,
                          last + 1, value);
  size_t n = 0;
  int braces = 0;
  for (const char *k = s->key; *k != '\0' && n + 4 < sizeof line; k++) {
    if (*k != '.')
      line[n++] = *k;
    else
      n += (size_t)snprintf(line + n, sizeof line - n, ": {"), braces++;
  }
  line[n] = '\0';
  return mst_place_fail(&place, s->key, "missing: %s; add a line such as \"%s: %s%.*s\"", s->help,
                        line, value, braces, "}}}}}}}}}}}}}}}}");
}

static mst_status read_default(mst_value *v, const char *name) {
  mst_place place = {name, 0, NULL};
  mst_yaml_node *node = NULL;
  mst_status st = mst_yaml_parse(v->spec->fallback, "schema", false, &node);
  if (st == MST_OK) st = mst_value_read(v, node, &place);
  mst_yaml_free(node);
  return st == MST_ERR_INPUT ? mst_fail_within(MST_ERR_INTERNAL, "default of a key: ") : st;
}

/* Whether a value that was given is the default, as it is where a resolved experiment is read. */
static mst_status compare_default(mst_value *v) {
  mst_value usual = {.spec = v->spec};
  mst_text text[2] = {MST_TEXT_EMPTY, MST_TEXT_EMPTY};
  mst_status st = read_default(&usual, "schema");
  if (st == MST_OK) st = mst_value_print(&usual, &text[0]);
  if (st == MST_OK) st = mst_value_print(v, &text[1]);
  if (st == MST_OK) v->usual = strcmp(text[0].at, text[1].at) == 0;
  mst_value_clear(&usual);
  for (int i = 0; i < 2; i++) mst_text_free(&text[i]);
  return st;
}

static mst_status fill_defaults(mst_experiment *e, const mst_yaml_node *root) {
  for (int i = 0; i < e->n; i++) {
    mst_value *v = &e->value[i];
    if (v->spec->fallback == NULL) continue;
    const bool required = v->spec->fallback == MST_KEY_REQUIRED;
    if (required && !v->set) return refuse_missing(e, root, v->spec);
    if (required) continue;
    MST_TRY(v->set ? compare_default(v) : read_default(v, e->name));
  }
  return MST_OK;
}

static mst_status resolve_paths(mst_experiment *e) {
  for (int i = 0; i < e->n; i++) {
    mst_value *v = &e->value[i];
    if (v->spec->type != MST_KEY_PATH || !v->set) continue;
    bool as_written = v->from_override || v->word[0][0] == '/';
    mst_text path = MST_TEXT_EMPTY;
    mst_status st = mst_text_add(&path, "%s%s", as_written ? "" : e->folder, v->word[0]);
    v->path = path.at;
    MST_TRY(st);
  }
  return MST_OK;
}

/* Print the keys below a section in the schema's order; a section where its first key stands. */
static mst_status print_section(const mst_experiment *e, const char *section, int depth,
                                mst_text *out) {
  for (int i = 0; i < e->n; i++) {
    const mst_value *v = &e->value[i];
    const char *rest, *other;
    if (!v->set || !mst_schema_below(v->spec->key, section, &rest)) continue;
    const char *dot = strchr(rest, '.');
    if (dot == NULL) {
      MST_TRY(mst_text_add(out, "%*s%s: ", 2 * depth, "", rest));
      MST_TRY(mst_value_print(v, out));
      MST_TRY(mst_text_add(out, "\n"));
      continue;
    }
    char below[PATH_BYTES];
    snprintf(below, sizeof below, "%.*s", (int)(dot - v->spec->key), v->spec->key);
    bool printed = false;
    for (int j = 0; j < i && !printed; j++)
      printed = e->value[j].set && mst_schema_below(e->value[j].spec->key, below, &other);
    if (printed) continue;
    MST_TRY(mst_text_add(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - rest), rest));
    MST_TRY(print_section(e, below, depth + 1, out));
  }
  return MST_OK;
}

static mst_status set_names(mst_experiment *e, const char *name) {
  char shown[MST_STATUS_DETAIL_MAX / 4];
  MST_TRY(mst_text_copy(mst_text_show(name, shown, sizeof shown), &e->name));
  const char *slash = strrchr(name, '/');
  size_t n = slash != NULL ? (size_t)(slash - name) + 1 : 0;
  MST_TRY(mst_alloc(&e->folder, (int64_t)n + 1, 1, "experiment's folder"));
  memcpy(e->folder, name, n);
  return MST_OK;
}

static mst_status fill(mst_experiment *e, const mst_yaml_node *root, const char *const *override) {
  MST_TRY(apply_file(e, root));
  for (int i = 0; i < e->n_override; i++) MST_TRY(apply_override(e, override[i], &e->set[i]));
  MST_TRY(fill_defaults(e, root));
  MST_TRY(resolve_paths(e));
  mst_text text = MST_TEXT_EMPTY;
  mst_status st = print_section(e, "", 0, &text);
  if (st == MST_OK) st = mst_text_add(&text, "%s", "");
  e->text = text.at;
  return st;
}

static mst_status begin(const char *name, int n_override, const mst_schema *schema,
                        mst_experiment *e) {
  const mst_key_spec *s;
  MST_TRY(mst_schema_check(schema));
  MST_TRY(set_names(e, name));
  e->schema = schema;
  while (mst_schema_at(schema, e->n) != NULL) e->n++;
  MST_TRY(mst_alloc(&e->value, e->n, sizeof *e->value, "experiment's values"));
  for (int i = 0; (s = mst_schema_at(schema, i)) != NULL; i++) e->value[i].spec = s;
  MST_TRY(mst_alloc(&e->set, n_override, sizeof *e->set, "overrides"));
  e->n_override = n_override;
  return MST_OK;
}

mst_status mst_experiment_parse(const char *text, const char *name, const char *const *override,
                                int n_override, const mst_schema *schema, mst_experiment **out) {
  *out = NULL;
  mst_experiment *e = NULL;
  mst_yaml_node *root = NULL;
  MST_TRY(mst_alloc(&e, 1, sizeof *e, "experiment"));
  mst_status st = begin(name, n_override, schema, e);
  if (st == MST_OK) st = mst_yaml_parse(text, e->name, true, &root);
  if (st == MST_OK) st = fill(e, root, override);
  mst_yaml_free(root);
  e->schema = NULL;
  if (st == MST_OK)
    *out = e;
  else
    mst_experiment_free(e);
  return st;
}

void mst_experiment_free(mst_experiment *e) {
  if (e == NULL) return;
  for (int i = 0; i < e->n && e->value != NULL; i++) mst_value_clear(&e->value[i]);
  for (int i = 0; i < e->n_override; i++) mst_override_clear(&e->set[i]);
  mst_free(e->value);
  mst_free(e->set);
  mst_free(e->name);
  mst_free(e->folder);
  mst_free(e->text);
  mst_free(e);
}
