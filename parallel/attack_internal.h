/* What the steps of an attack share, private to them.
 *
 *   attack.c        who attacks, the plan of a round, what is sent, the state
 *   attack_sight.c  what the attackers see of a round: who is in it, walks over the honest vectors
 */
#ifndef MST_PARALLEL_ATTACK_INTERNAL_H
#define MST_PARALLEL_ATTACK_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "parallel/attack.h"
#include "parallel/robust_sums.h"

enum {
  MST_ATTACK_BLOCK = MST_RULE_COLUMNS /* columns that are worked on at a time */
};

struct mst_attackers {
  mst_team *team;
  const mst_attack_ops *ops;
  mst_attack_spec spec;
  int needs;
  int64_t d;
  int64_t *attacker;          /* (spec.count) the clients that attack, ascending       */
  mst_attack_memory memory;   /* of a member that has one:                             */
  double *centre, *direction; /* (d) its vectors, whole on every rank; NULL where none */
};

/* A vector of the round. */
typedef struct mst_attack_vector {
  int64_t client;
  int64_t kind;   /* honest or not, numbered in attack_sight.c                    */
  int64_t holder; /* rank that has it                                             */
  int64_t place;  /* of an honest one, among those in the order of the ranks       */
} mst_attack_vector;

/* What is seen of a round, the same on every rank but for what is said to be a rank's. */
typedef struct mst_attack_sight {
  const mst_attackers *a;
  const mst_attack_spec *spec; /* for this round                                       */
  int64_t honest, hostile;     /* honest vectors, finite ones alone; attackers'        */
  mst_attack_vector *vector;   /* (honest) ascending by client                         */
  int64_t *client;             /* (honest) their numbers                               */
  const char **sent;           /* (n_sent) where this rank's honest vectors begin      */
  int64_t n_sent, first_sent;  /* and the place of the first                           */
  mst_share *share;            /* in which all vectors lie, or NULL                    */

  double *mean, *std; /* (d) or NULL; 0 without honest vectors          */
  double *distance;   /* (honest + 1, honest + 1) or NULL               */
  double *product;    /* (honest + 1) or NULL                           */

  const float **row; /* (honest) a block of each where it arrived      */
  double *wide;      /* (honest + 1, MST_ATTACK_BLOCK) the same as doubles, and the further point,
                        where a member looks at them                   */
  const double **at; /* (honest + 1) the rows of wide                  */
  double *term;      /* (honest + 1, honest + 1) distances in a block  */
  double spare[MST_ATTACK_BLOCK];      /* a standard deviation that no one asks for */
  mst_robust_sums distances, products; /* so far, on this rank           */
} mst_attack_sight;

/** See a round: who is in it, then, where an attacker is, what the attack asks for. s is to be
 *  closed whatever is returned.
 *  \return MST_OK, MST_ERR_INPUT for a client with two vectors, MST_ERR_MEMORY, MST_ERR_COMM; the
 *          same on all ranks. Collective. */
mst_status mst_attack_sight_open(const mst_attackers *a, const mst_attack_spec *spec,
                                 const mst_attack_round *round, mst_attack_sight *s) MST_CHECKED;
void mst_attack_sight_close(mst_attack_sight *s); /* Local */

/** Bring a memory's vectors (d) to what the plan makes of them, on every rank. Collective. */
mst_status mst_attack_sight_learn(mst_attack_sight *s, const mst_attack_plan *plan, double *centre,
                                  double *direction) MST_CHECKED;

/** out(d) = honest vector i, on every rank. Collective. */
mst_status mst_attack_sight_copy(mst_attack_sight *s, int64_t i, float *out) MST_CHECKED;

#endif
