/* An experiment's text from its file to all ranks, and one key of it before a schema is chosen. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/schema.h"

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

/* Replace *value by the scalar at node. */
static mst_status take_value(const mst_yaml_node *node, const mst_place *place, const char *key,
                             char **value) {
  char found[MST_SHOWN + 16];
  if (node->kind != MST_YAML_SCALAR || mst_yaml_is_null(node))
    return mst_place_fail(place, key, "found %s, must be a word",
                          mst_value_found(node, found, sizeof found));
  free(*value);
  return mst_text_take(node->text, value);
}

static mst_status peek_override(const char *text, const char *key, char **value, int *line) {
  mst_override o = {NULL, NULL};
  const char *written = NULL, *rest = NULL;
  mst_yaml_node *root = NULL;
  mst_status st = mst_override_split(text, &o, &written);
  if (st == MST_OK && (strcmp(key, o.key) == 0 || mst_schema_below(key, o.key, &rest))) {
    st = mst_yaml_parse(written, o.shown, false, &root);
    const mst_yaml_node *node = st == MST_OK ? descend(root, rest != NULL ? rest : "") : NULL;
    mst_place place = {o.shown, 0, o.key};
    if (node != NULL) st = take_value(node, &place, key, value);
    if (node != NULL) *line = 0;
  }
  mst_yaml_free(root);
  mst_override_clear(&o);
  return st;
}

static mst_status peek_file(const char *text, const char *name, const char *key, char **value,
                            int *line) {
  char shown[MST_STATUS_DETAIL_MAX / 4];
  mst_text_show(name, shown, sizeof shown);
  mst_yaml_node *root = NULL;
  MST_TRY(mst_yaml_parse(text, shown, true, &root));
  const mst_yaml_node *node = descend(root, key);
  mst_status st = mst_experiment_top(root, shown);
  if (node != NULL) {
    *line = node->key_line;
    mst_place place = {shown, *line, NULL};
    st = take_value(node, &place, key, value);
  }
  mst_yaml_free(root);
  return st;
}

mst_status mst_experiment_peek(const char *text, const char *name, const char *const *override,
                               int n_override, const char *key, char **value, int *line) {
  *value = NULL;
  *line = 0;
  mst_status st = peek_file(text, name, key, value, line);
  for (int i = 0; i < n_override && st == MST_OK; i++)
    st = peek_override(override[i], key, value, line);
  if (st == MST_OK) return MST_OK;
  free(*value);
  *value = NULL;
  return st;
}

static mst_status read_stream(FILE *f, const char *path, char *text, int64_t *bytes) {
  size_t n = fread(text, 1, MST_EXPERIMENT_BYTES + 1, f);
  if (ferror(f)) return mst_fail(MST_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  if (n > MST_EXPERIMENT_BYTES)
    return mst_fail(MST_ERR_INPUT, "%s: larger than %d bytes; is it an experiment file?", path,
                    MST_EXPERIMENT_BYTES);
  const char *zero = memchr(text, 0, n);
  int line = 1;
  for (const char *c = text; zero != NULL && c < zero; c++) line += *c == '\n';
  if (zero != NULL)
    return mst_fail(MST_ERR_INPUT, "%s:%d: a zero byte; is it a text file in UTF-8?", path, line);
  *bytes = (int64_t)n;
  return MST_OK;
}

/* The file's text on this rank; mst_free it. An unusable file is the user's input. */
static mst_status read_file(const char *path, char **text, int64_t *bytes) {
  if (mst_file_look(path) != MST_OK) return mst_fail_within(MST_ERR_INPUT, "experiment file ");
  FILE *f = fopen(path, "rb");
  if (f == NULL)
    return mst_fail(MST_ERR_INPUT, "experiment file %s: cannot read: %s", path, strerror(errno));
  mst_status st = mst_alloc(text, MST_EXPERIMENT_BYTES + 2, 1, "experiment text");
  if (st == MST_OK) st = read_stream(f, path, *text, bytes);
  fclose(f);
  return st;
}

mst_status mst_experiment_read(mst_team *team, const char *path, char **text) {
  char *read = NULL;
  int64_t bytes = 0;
  *text = NULL;
  mst_status st = mst_team_rank(team) == 0 ? read_file(path, &read, &bytes) : MST_OK;
  st = mst_file_follow(team, st);
  if (st == MST_OK) st = mst_team_bcast(team, &bytes, sizeof bytes, 0);
  if (st == MST_OK) {
    *text = calloc((size_t)bytes + 1, 1);
    if (*text == NULL)
      st = mst_fail(MST_ERR_MEMORY, "%s: no memory for its text", path);
    else if (read != NULL)
      memcpy(*text, read, (size_t)bytes);
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK) st = mst_team_bcast(team, *text, bytes, 0);
  mst_free(read);
  if (st == MST_OK) return MST_OK;
  free(*text);
  *text = NULL;
  return st;
}
