/* Environments of bandits: which arms an agent is offered, and what an arm pays.
 *
 * An arm is a vector x of d numbers; it pays
 *
 *     y = <theta, x> + zeta w(x) + sigma(x) N(0, 1),     w(x) = sin(<omega, x>),
 *
 * whose second part is the misspecification: at most zeta in magnitude, a function of the arm, and
 * not linear; sigma(x) = sigma spread^sin(<omega', x>). With a link mu other than the identity y is
 * 0 or 1, and 1 with probability mu(<theta, x>). An agent is offered a new set of K arms each
 * round, or one of a fixed pool of such sets. Every draw is a pure function of (seed, purpose,
 * agent, round).
 *
 * One file a member, which says how an arm is drawn; the table is in environment.c. All functions
 * are Local. */
#ifndef MST_CORE_BANDIT_ENVIRONMENT_H
#define MST_CORE_BANDIT_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bandit/link.h"
#include "core/bandit/rows.h"
#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says. Zero, or NULL, is a field's default. */
typedef struct mst_environment_spec {
  const char *kind;
  int64_t dimension, arms;      /* d, K                                                       */
  int64_t sets;                 /* of the pool; 0 = new arms every round                      */
  double noise;                 /* sigma                                                      */
  double misspecified;          /* zeta                                                       */
  const char *theta;            /* sphere: any direction; equal: d^-1/2 each; signs: +-d^-1/2 */
  double length;                /* of theta; 1                                                */
  int64_t sparsity;             /* entries of theta that are not 0; 0 = all                   */
  const char *offer;            /* drawn: any set of the pool; own: set i modulo sets, of i   */
  const char *link;             /* identity; logistic, probit: rewards are 0 or 1             */
  double noise_spread;          /* an arm's noise is sigma times 1/spread to spread; 1        */
  const char *misspecification; /* wave: w above; uniform: w uniform in [-1, 1], an arm  */
  double gap;                   /* least by which the best of a pool's set is best; 0 = any   */
  int64_t change_every;         /* rounds after which theta is drawn anew; 0 = never          */
  const mst_bandit_rows *rows;  /* kind rows: of a dataset                                    */
  const char *pays;             /* kind rows: rewards | costs                                 */
  bool constant;                /* kind rows: the last number of every arm is 1, no row's     */
} mst_environment_spec;

extern const mst_param mst_environment_params[]; /* of every member */

typedef struct mst_environment_ops {
  const char *name;
  const char *summary; /* one line for `muster list environments` */
  const mst_param *params;
  void (*draw)(mst_stream *s, int64_t d, double *x); /* one arm */
  /* The arms of a set, where they are not drawn one by one. Either is NULL. */
  void (*draw_set)(mst_stream *s, int64_t arms, int64_t d, double *x);
} mst_environment_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_environment_ops *mst_environment_find(const char *name);
const mst_environment_ops *mst_environment_at(int i);

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name, a setting out of range, or settings that
 *          do not go together. */
mst_status mst_environment_check(const mst_environment_spec *s) MST_CHECKED;

/** The spec with defaults in place of what is zero or NULL. */
mst_environment_spec mst_environment_complete(const mst_environment_spec *s);

/** The largest standard deviation of a reward about its mean: sigma spread, or 1/2 where rewards
 *  are 0 or 1. Every reward is sub-Gaussian with it. */
double mst_environment_noise(const mst_environment_spec *s);

/** Whether rewards are 0 or 1. */
bool mst_environment_binary(const mst_environment_spec *s);

typedef struct mst_environment {
  mst_environment_spec spec; /* complete */
  const mst_environment_ops *ops;
  uint64_t seed;
  mst_link link;
  bool own;              /* offer: own                                                       */
  double *theta, *omega; /* (d); theta in the beginning                                      */
  double *wave;          /* (d) of sigma(x)                                                  */
  double *x;             /* (sets, K, d) the pool                                            */
  double *mean;          /* (sets, K) what its arms pay on average                           */
  double *best;          /* (sets) the most of them                                          */
  double *sigma;         /* (sets, K) their noise; NULL where it is the same for all         */
  int64_t *order;        /* (rows) kind rows: in which they are taken; else NULL             */
  bool costs;            /* kind rows: values are costs                                      */
} mst_environment;

/** Draw theta, omega and the pool.
 *  \return MST_OK, what mst_environment_check returns, MST_ERR_MEMORY, or MST_ERR_INPUT where no
 *          set with the gap wanted was found in MST_ENVIRONMENT_TRIES. Free with destroy. */
#define MST_ENVIRONMENT_TRIES 10000
mst_status mst_environment_create(const mst_environment_spec *spec, uint64_t seed,
                                  mst_environment **out) MST_CHECKED;
void mst_environment_destroy(mst_environment *e); /* NULL is allowed */

/* What an agent is offered in a round. */
typedef struct mst_contexts {
  const double *x;     /* (K, d)                                    */
  const double *mean;  /* (K), for the measuring of regret          */
  double best;         /* the largest mean                          */
  int64_t set;         /* of the pool, or -1                        */
  const double *sigma; /* (K) standard deviations of rewards, which variance-aware policies are
                          told; NULL: the same for all arms, or binary rewards */
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
