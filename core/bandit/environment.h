/* Environments of bandits: which arms an agent is offered, and what an arm pays.
 *
 * An arm is a vector x of d numbers; it pays
 *
 *     y = <theta, x> + zeta sin(<omega, x>) + sigma N(0, 1),
 *
 * whose second part is the misspecification: at most zeta in magnitude, a function of the arm, and
 * not linear. An agent is offered a new set of K arms each round, or one of a fixed pool of such
 * sets. Every draw is a pure function of (seed, purpose, agent, round).
 *
 * One file a member, which says how an arm is drawn; the table is in environment.c. All functions
 * are Local. */
#ifndef MST_CORE_BANDIT_ENVIRONMENT_H
#define MST_CORE_BANDIT_ENVIRONMENT_H

#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

typedef struct mst_environment_spec {
  const char *kind;
  int64_t dimension, arms; /* d, K                                                       */
  int64_t sets;            /* of the pool; 0 = new arms every round                      */
  double noise;            /* sigma                                                      */
  double misspecified;     /* zeta                                                       */
  const char *theta;       /* sphere: uniform on the unit sphere; equal: d^-1/2 each     */
} mst_environment_spec;

extern const mst_param mst_environment_params[]; /* of every member */

typedef struct mst_environment_ops {
  const char *name;
  const char *summary; /* one line for `muster list environments` */
  const mst_param *params;
  void (*draw)(mst_stream *s, int64_t d, double *x); /* one arm */
} mst_environment_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_environment_ops *mst_environment_find(const char *name);
const mst_environment_ops *mst_environment_at(int i);

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name or a setting out of range. */
mst_status mst_environment_check(const mst_environment_spec *s) MST_CHECKED;

typedef struct mst_environment {
  mst_environment_spec spec;
  const mst_environment_ops *ops;
  uint64_t seed;
  double *theta, *omega; /* (d)                                                              */
  double *x;             /* (sets, K, d) the pool                                            */
  double *mean;          /* (sets, K) what its arms pay on average                           */
  double *best;          /* (sets) the most of them                                          */
} mst_environment;

/** Draw theta, omega and the pool.
 *  \return MST_OK, what mst_environment_check returns, or MST_ERR_MEMORY. Free with destroy. */
mst_status mst_environment_create(const mst_environment_spec *spec, uint64_t seed,
                                  mst_environment **out) MST_CHECKED;
void mst_environment_destroy(mst_environment *e); /* NULL is allowed */

/* What an agent is offered in a round. */
typedef struct mst_contexts {
  const double *x;    /* (K, d)                                    */
  const double *mean; /* (K), for the measuring of regret          */
  double best;        /* the largest mean                          */
  int64_t set;        /* of the pool, or -1                        */
} mst_contexts;

/** Numbers of the room that mst_environment_offer may fill. */
int64_t mst_environment_room(const mst_environment_spec *s);

/** What an agent is offered in a round; points into e, or into room(mst_environment_room). */
mst_contexts mst_environment_offer(const mst_environment *e, int64_t agent, int64_t round,
                                   double *room);

/** x(n, K, d): n sets of the law by which arms are drawn, from a key of their own: what somebody
 *  who knows the law can draw. For a pool its sets, n = sets. */
void mst_environment_law(const mst_environment *e, int64_t n, double *x);

/** The reward of an arm in a round. */
double mst_environment_reward(const mst_environment *e, const mst_contexts *c, int64_t arm,
                              int64_t agent, int64_t round);

#endif
