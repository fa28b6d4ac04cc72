/* What differs between two experiments. Private to muster. */
#ifndef MST_IO_CHANGES_H
#define MST_IO_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "io/yaml_tree.h"

#define MST_SETTING_KEY 512 /* bytes of a dotted key */

/* A walk over the keys of a resolved experiment that have a value; begin with {.at = text}. */
typedef struct mst_setting {
  const char *at;                   /* the next line            */
  size_t begin[MST_YAML_DEPTH + 1]; /* of each level's name in key */
  char key[MST_SETTING_KEY];        /* "clients.alpha"          */
  const char *value;                /* not ended ...            */
  int length;                       /* ... but this long        */
} mst_setting;

/** Go to the next key; false at the end. Local. */
bool mst_setting_next(mst_setting *s);

/** Compare two resolved experiments (mst_experiment_text). Keys that say where results go and what
 *  the run may use (output.*, resources.*) change no result and are passed over.
 *  \param inputs  lines that begin with the key of a dataset whose contents are compared elsewhere:
 *                 another name for such a one is no change.
 *  \param changes  out: "key (old, now new), ..."; NULL when there are none; free with mst_free.
 *  \return MST_OK or MST_ERR_MEMORY. Local. */
mst_status mst_experiment_changes(const char *before, const char *after, const char *inputs,
                                  char **changes) MST_CHECKED;

/** Go to the key in a text; false when it has no value there. Local. */
bool mst_setting_find(const char *text, const char *key, mst_setting *s);

/** The rest of the line of `inputs` ("key rest\n"...) that begins with the key, up to its \n, and
 *  its length; NULL without such a line. Local. */
const char *mst_input_find(const char *inputs, const char *key, size_t *length);

#endif
