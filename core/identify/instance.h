/* Instances of pure exploration: arms whose mean rewards are linear in their vectors, for one task
 * or many, and which of them is best.
 *
 * A task has a hidden vector theta; a pull of the arm x pays <theta, x> + sigma N(0, 1). All tasks
 * have the same arms. With contexts, an agent is shown one of several sets of arms, drawn evenly,
 * before each pull. Every draw is a pure function of (seed, task). The table of kinds is in
 * instance.c. All functions are Local. */
#ifndef MST_CORE_IDENTIFY_INSTANCE_H
#define MST_CORE_IDENTIFY_INSTANCE_H

#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* Members read the fields that their params name. */
typedef struct mst_instance_spec {
  const char *kind;
  int64_t dimension; /* d                                                                       */
  int64_t arms;      /* K, of a context; soare: d + 1                                           */
  int64_t tasks;     /* M                                                                       */
  int64_t rank;      /* k: thetas span so many dimensions; 0 = not fewer than d                 */
  int64_t contexts;  /* S                                                                       */
  double noise;      /* sigma                                                                   */
  double length;     /* L: of every theta                                                       */
  double gap;        /* thetas whose best arm leads by less are drawn again                     */
  double angle;      /* soare: omega                                                            */
} mst_instance_spec;

extern const mst_param mst_instance_params[]; /* of every member */

typedef struct mst_instance mst_instance;

typedef struct mst_instance_ops {
  const char *name;
  const char *summary; /* one line for `muster list instances` */
  const mst_param *params;
  void (*shape)(mst_instance_spec *s); /* fill in what is no key */
  void (*arms)(const mst_instance_spec *s, mst_stream *stream, double *x);
  void (*theta)(const mst_instance *i, mst_stream *stream, double *theta);
} mst_instance_ops;

struct mst_instance {
  mst_instance_spec spec;
  const mst_instance_ops *ops;
  double *x;           /* (S, K, d)                                     */
  double longest;      /* |x| at most                                   */
  double *basis;       /* (k, d) orthonormal rows; NULL where rank is 0 */
  double *theta;       /* (M, d)                                        */
  double *mean;        /* (M, S, K)                                     */
  mst_stream *reward;  /* (M) noise that is still to come               */
  mst_stream *arrival; /* (M) contexts that are still to come           */
};

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_instance_ops *mst_instance_find(const char *name);
const mst_instance_ops *mst_instance_at(int i);

/** Check a spec, and fill in the fields that its kind has no key for.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name, a setting out of range, or a rank above
 *          the dimension. */
mst_status mst_instance_check(mst_instance_spec *s) MST_CHECKED;

/** Draw an instance of a spec that was checked.
 *  \return MST_OK; MST_ERR_INPUT when no theta has the gap; MST_ERR_MEMORY. Free with destroy. */
mst_status mst_instance_create(const mst_instance_spec *spec, uint64_t seed,
                               mst_instance **out) MST_CHECKED;
void mst_instance_destroy(mst_instance *i); /* NULL is allowed */

/** The sum of `pulls` more rewards of an arm (of S K) in a task: n mean + sigma n^(1/2) N(0, 1),
 *  which is its law whatever n. */
double mst_instance_pull(mst_instance *i, int64_t task, int64_t arm, int64_t pulls);

/** How much less than the best choice policy(S) earns in a task, on the mean over contexts. */
double mst_instance_loss(const mst_instance *i, int64_t task, const int32_t *policy);

/** Bytes of an instance of a spec that was checked. */
int64_t mst_instance_bytes(const mst_instance_spec *s);

#endif
