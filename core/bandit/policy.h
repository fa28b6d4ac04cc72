/* Policies of bandits: which arm an agent plays, given the ridge statistics that it may use.
 *
 * A policy decides; what it may know is another matter (core/bandit/protocol.h). Its statistics are
 * of one vector theta for all arms, or of one for each arm (disjoint), or of an arm's mean alone
 * (without contexts: width 1, the feature 1). One file a member; the table is in policy.c.
 * Equations and sources: doc/methods/bandits.md. All functions are Local. */
#ifndef MST_CORE_BANDIT_POLICY_H
#define MST_CORE_BANDIT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bandit/ridge.h"
#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says. Members read the fields that their params name. */
typedef struct mst_policy_spec {
  const char *kind;
  double ridge;   /* lambda                                                             */
  bool disjoint;  /* one vector an arm                                                  */
  double beta;    /* width of the confidence set; 0 = from the self-normalised bound    */
  double delta;   /* that bound fails with this probability at most                     */
  double epsilon; /* share of rounds in which any arm is played                         */
  double scale;   /* thompson: standard deviations of the draw                          */
  double noise;   /* sigma, of the environment                                          */
} mst_policy_spec;

/* What is known of the arms offered. */
typedef struct mst_arms {
  int64_t n;
  const double *x;       /* (n, width); NULL without contexts           */
  double *mean, *spread; /* (n) x'theta, x'V^-1 x; may be overwritten   */
  double *work;          /* (width^2 + 2 width)                         */
} mst_arms;

typedef struct mst_policy_ops {
  const char *name;
  const char *summary; /* one line for `muster list policies` */
  const mst_param *params;
  bool contextless; /* looks at the numbers of arms only */
  /* The arm to play. */
  mst_status (*choose)(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                       mst_stream *stream, int64_t *arm);
} mst_policy_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_policy_ops *mst_policy_find(const char *name);
const mst_policy_ops *mst_policy_at(int i);

/** A policy's default settings; noise 1. */
mst_policy_spec mst_policy_defaults(const char *kind);

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name or a setting out of range. */
mst_status mst_policy_check(const mst_policy_spec *s) MST_CHECKED;

/** Blocks and width of the statistics for so many arms of so many numbers. */
void mst_policy_shape(const mst_policy_spec *s, int64_t arms, int64_t dimension, int64_t *blocks,
                      int64_t *width);

/** Numbers of work for mst_policy_choose. */
int64_t mst_policy_work(const mst_policy_spec *s, int64_t arms, int64_t dimension);

/** Choose one of arms x(arms, dimension) by what is known; the stream is of this agent and round;
 *  work(mst_policy_work).
 *  \return MST_OK, or MST_ERR_SINGULAR. */
mst_status mst_policy_choose(const mst_policy_spec *s, const mst_ridge *known, int64_t arms,
                             const double *x, mst_stream *stream, double *work,
                             int64_t *arm) MST_CHECKED;

/** The features that an arm is learned by, and its block. */
const double *mst_policy_features(const mst_policy_spec *s, const double *x, int64_t dimension,
                                  int64_t arm, int64_t *block);

/** Width of the confidence set about theta: beta, or
 *      sigma (log det V - width log lambda + 2 log(1/delta))^(1/2) + lambda^(1/2)
 *  (Abbasi-Yadkori, Pal, Szepesvari 2011, theorem 2, for |theta| <= 1). */
double mst_policy_width(const mst_policy_spec *s, const mst_ridge *known);

#endif
