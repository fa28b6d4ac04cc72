/* Parameters: how a member of a family says what it can be told.
 *
 * A member (a feature map, a model, an optimizer, a method) stands in its family's registry with a
 * table of the parameters it reads; jobs/ makes the experiment's keys from it (section.name), so
 * adding a member touches no other list. Values go into the family's spec, one struct for all its
 * members, at the parameter's offset. */
#ifndef MST_CORE_BASE_PARAM_H
#define MST_CORE_BASE_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#define MST_PARAM_LIST 16 /* most entries of a list */

/* The field's type in the spec. */
typedef enum mst_param_type {
  MST_PARAM_INT,  /* int64_t                          */
  MST_PARAM_REAL, /* double                           */
  MST_PARAM_BOOL, /* bool                             */
  MST_PARAM_WORD, /* const char *, one of `allowed`   */
  MST_PARAM_INTS  /* mst_int_list                     */
} mst_param_type;

typedef struct mst_int_list {
  int n;
  int64_t value[MST_PARAM_LIST];
} mst_int_list;

typedef struct mst_param {
  const char *name; /* of the key below the family's section; NULL ends a table            */
  mst_param_type type;
  size_t offset;        /* of the field in the family's spec                               */
  const char *fallback; /* default, as it would be written; NULL = must be given           */
  double min, max;      /* inclusive; both 0 where there is no bound                        */
  bool open_min;        /* min itself is not allowed                                        */
  const char *allowed;  /* MST_PARAM_WORD: words separated by '|'                           */
  const char *unit;     /* "rows", "rounds", ... or ""                                      */
  const char *help;     /* one line                                                         */
} mst_param;

/** Set one parameter from its text, as a default is written (1e6 is an integer); a word must
 *  outlive the spec.
 *  \return whether the text is of the parameter's type; else the field is unspecified. Bounds are
 *          left to mst_param_check. Local. */
bool mst_param_read(const mst_param *p, const char *text, void *spec);

/** Set the parameters of a table that have a default to it; the others stay as they are. A NULL
 *  table sets nothing. Local. */
void mst_param_defaults(const mst_param *params, void *spec);

/** Check the numbers of a table's parameters in spec against their bounds, and words against those
 *  allowed. A NULL table is fine.
 *  \return MST_OK, or MST_ERR_INPUT naming <section>.<name>, the value and what is allowed.
 *          Local. */
mst_status mst_param_check(const mst_param *params, const void *spec,
                           const char *section) MST_CHECKED;

/** Whether two specs agree in the parameters of a table; a NULL table has none. Local. */
bool mst_param_same(const mst_param *params, const void *a, const void *b);

#endif
