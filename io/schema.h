/* Schemas and checked values: what io/experiment.c, io/schema.c and io/value.c share. Private to
 * io; all functions are Local. */
#ifndef MST_IO_SCHEMA_H
#define MST_IO_SCHEMA_H

#include "io/experiment.h"
#include "io/text.h"
#include "io/yaml_tree.h"

/* Where something was written, for the front of an error. */
typedef struct mst_place {
  const char *name; /* the file, or "--set key=value"                     */
  int line;         /* 0 = none                                           */
  const char *key;  /* the key that name already shows, or NULL           */
} mst_place;

/** "name:line: key: message", MST_ERR_INPUT. The key is left out when NULL or shown already. */
mst_status mst_place_fail(const mst_place *place, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A key's checked value: n entries (1 for a scalar) in the array of its type. */
typedef struct mst_value {
  const mst_key_spec *spec;
  bool set, from_override;
  bool usual; /* given, but no other than the default */
  mst_place place;
  int n;
  char **word;      /* words and paths       */
  int64_t *integer; /* integers and booleans */
  double *real;
  char *path; /* MST_KEY_PATH, ready to be opened */
} mst_value;

/** Read node as the value of v->spec into v, which it replaces. One-line error at place. */
mst_status mst_value_read(mst_value *v, const mst_yaml_node *node,
                          const mst_place *place) MST_CHECKED;
/** The value as YAML that reads back the same. */
mst_status mst_value_print(const mst_value *v, mst_text *out) MST_CHECKED;
/** What was found, for an error: 3, "many", a list, a section, nothing. */
const char *mst_value_found(const mst_yaml_node *node, char *to, size_t size);
void mst_value_clear(mst_value *v); /* keeps spec */

typedef struct mst_override {
  char *key;   /* before the "="                 */
  char *shown; /* "--set key=value" for messages */
} mst_override;

struct mst_experiment {
  const mst_schema *schema; /* during the parse only              */
  char *name;               /* of the file, on one line           */
  char *folder;             /* of the file, with its final slash, or "" */
  int n;
  mst_value *value; /* one a key, in the schema's order   */
  int n_override;
  mst_override *set;
  char *text;
};

/** Split "key=value"; *value points into text. Free what o holds with clear, on an error too. */
mst_status mst_override_split(const char *text, mst_override *o, const char **value) MST_CHECKED;
void mst_override_clear(mst_override *o);

/** Refuse a file whose top is not a section. */
mst_status mst_experiment_top(const mst_yaml_node *root, const char *name) MST_CHECKED;

/** The value of a key, NULL when the schema has no such key. */
mst_value *mst_experiment_find(const mst_experiment *e, const char *key);

/** The i-th key of the schema's tables, NULL past the end; the key of that name, NULL if none. */
const mst_key_spec *mst_schema_at(const mst_schema *schema, int i);
const mst_key_spec *mst_schema_find(const mst_schema *schema, const char *key);
bool mst_schema_is_section(const mst_schema *schema, const char *path);
bool mst_schema_is_list(const mst_key_spec *spec);

/** Whether name lies below section ("" = everything does); *rest is what follows the dot. */
bool mst_schema_below(const char *name, const char *section, const char **rest);

/** MST_ERR_INTERNAL for tables that name a key twice or use one as key and section. */
mst_status mst_schema_check(const mst_schema *schema) MST_CHECKED;

/** What a value must be, as "an integer in [1, 9]", "one of iid, shards", "a file name"; without
 *  the article for tables. */
mst_status mst_schema_range(const mst_key_spec *spec, bool article, mst_text *out) MST_CHECKED;

/** The names directly below a section ("" = the top): "count, partition, alpha". */
mst_status mst_schema_names(const mst_schema *schema, const char *section,
                            mst_text *out) MST_CHECKED;

/** The one-line error for a path that the schema does not know. */
mst_status mst_schema_unknown(const mst_schema *schema, const mst_place *place, const char *path,
                              bool section);

#endif
