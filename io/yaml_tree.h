/* YAML as a small tree whose every node knows its line.
 *
 * Only what an experiment needs: one document of sections, lists and scalars. Anchors, aliases,
 * tags, several documents, tabs as indentation, control characters and deep nesting are refused.
 * All functions are Local. */
#ifndef MST_IO_YAML_TREE_H
#define MST_IO_YAML_TREE_H

#include <stdbool.h>

#include "core/base/status.h"

#define MST_YAML_DEPTH 16    /* levels of sections and lists */
#define MST_YAML_NODES 10000 /* values and keys of one text  */

typedef enum mst_yaml_kind { MST_YAML_SCALAR, MST_YAML_LIST, MST_YAML_SECTION } mst_yaml_kind;

typedef struct mst_yaml_node {
  mst_yaml_kind kind;
  int line;         /* of the value, from 1                         */
  char *key;        /* of a section's entry; NULL elsewhere         */
  int key_line;
  char *text;       /* of a scalar                                  */
  bool plain;       /* a scalar without quotes                      */
  struct mst_yaml_node *first, *last; /* entries of a section or list */
  int n;
  struct mst_yaml_node *next;         /* the next entry beside this one */
} mst_yaml_node;

/** Parse text. `name` is how errors call it: "name:line:column: problem", or "name: problem" when
 *  lines is false (for one-line texts that have no file).
 *  \param root  out: the top node, a scalar without text for an empty document; free with
 *               mst_yaml_free.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY. */
mst_status mst_yaml_parse(const char *text, const char *name, bool lines,
                          mst_yaml_node **root) MST_CHECKED;
void mst_yaml_free(mst_yaml_node *node);

/** The entry of a section with that key, or NULL. */
const mst_yaml_node *mst_yaml_entry(const mst_yaml_node *section, const char *key);

/** A scalar that says nothing: empty, ~ or null, without quotes. */
bool mst_yaml_is_null(const mst_yaml_node *node);

#endif
