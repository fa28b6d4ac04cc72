/* Identifiers: algorithms that pull arms until they know, but with probability delta, which arm is
 * best in each task of an instance (or, with contexts, a policy that is within epsilon of the
 * best).
 *
 * One file a member; the table is in identify.c. Equations and sources: doc/methods/identify.md.
 * All functions are Local. */
#ifndef MST_CORE_IDENTIFY_IDENTIFY_H
#define MST_CORE_IDENTIFY_IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/identify/instance.h"

/* Members read the fields that their params name. */
typedef struct mst_identifier_spec {
  const char *method;
  double delta;    /* probability of a wrong answer, in any task                                */
  int64_t most;    /* pulls of a task, above which it is undecided                              */
  double epsilon;  /* how much worse than the best an answer may be                             */
  double ridge;    /* glucb: lambda                                                             */
  double growth;   /* xy_static: pulls of a batch, as a share of those before                   */
  int64_t rank;    /* douexpdes: dimensions that tasks are taken to share; 0 = the instance's   */
  double constant; /* douexpdes: scale of the pulls by which the subspace is found              */
} mst_identifier_spec;

extern const mst_param mst_identifier_params[]; /* of every member */

/* What became of an instance. */
typedef struct mst_identified {
  int64_t *pulls;  /* (M)                                                                       */
  int32_t *answer; /* (M, S) an arm; -1 = undecided                                             */
  bool alone;      /* douexpdes: tasks were found not to share a subspace, and went on alone    */
  int64_t found;   /* douexpdes: pulls of a task by which the subspace was found                */
} mst_identified;

typedef struct mst_identifier_ops {
  const char *name;
  const char *summary; /* one line for `muster list identifiers` */
  const mst_param *params;
  bool contexts; /* for instances with contexts, and only for those */
  mst_status (*run)(const mst_identifier_spec *s, mst_instance *i, mst_identified *out);
} mst_identifier_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_identifier_ops *mst_identifier_find(const char *name);
const mst_identifier_ops *mst_identifier_at(int i);

/** Check a spec, and fill in a rank that is the instance's.
 *  \param instance  a spec that was checked.
 *  \return MST_OK, or MST_ERR_INPUT: an unknown name, a setting out of range, an instance that the
 *          method is not for. */
mst_status mst_identifier_check(mst_identifier_spec *s,
                                const mst_instance_spec *instance) MST_CHECKED;

/** Identify the best arms of all tasks. One arm takes no pull.
 *  \param out  its arrays are filled; those that run out of pulls are undecided.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_SINGULAR (douexpdes: arms that do not span). */
mst_status mst_identify(const mst_identifier_spec *s, mst_instance *i,
                        mst_identified *out) MST_CHECKED;

#endif
