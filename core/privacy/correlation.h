/* Noise that is correlated over the steps of a run: more of it in a step, less in the sum of many.
 *
 * Private training publishes the prefix sums of its gradients, A g with A the lower triangle of
 * ones. With A = B C and Z independent Gaussian vectors of standard deviation sigma a step,
 *
 *     A g + B Z = B (C g + Z)                                                            (1)
 *
 * is as private as the Gaussian release C g + Z (also where g answers to what was released before,
 * for C is lower triangular: Denisov et al. 2022), and step t publishes
 *
 *     g_t + w_t,   w = A^-1 B Z = C^-1 Z.                                                (2)
 *
 * The noise of a period, the whole run or one cycle of the sampler, is one Gaussian event of
 * sensitivity max |C e| over what one record can change, charged before the period's first step.
 *
 * One file a member: correlation_independent.c correlation_tree.c correlation_toeplitz.c
 * correlation_banded.c. core/privacy/correlated.h makes the noise. doc/methods/private_training.md.
 * All functions are Local. */
#ifndef MST_CORE_PRIVACY_CORRELATION_H
#define MST_CORE_PRIVACY_CORRELATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/privacy/event.h"
#include "core/privacy/noise.h"
#include "core/privacy/sampler.h"

/* What the experiment says of it. */
typedef struct mst_correlation_spec {
  const char *kind;         /* registry name                                              */
  bool restart;             /* begin anew with every cycle of the sampler                 */
  int64_t bands;            /* banded: of C; 0: as many as steps between parts of a record */
  const char *coefficients; /* banded: "optimised" or "root"                              */
} mst_correlation_spec;

typedef struct mst_correlation mst_correlation;

/* One term of a step's noise: a weight and the draw that it weighs. */
typedef struct mst_correlation_term {
  mst_noise_purpose purpose;
  uint64_t step; /* of mst_noise_of */
  double weight;
} mst_correlation_term;

typedef struct mst_correlation_ops {
  const char *name;
  const char *summary; /* one line for `muster list correlations` */
  const mst_param *params;
  bool whole; /* all weights are whole numbers: discrete noise stays on its grid */
  /* Set what the member keeps, and `squared` of a period for a record that takes part in so many
   * of its steps, so many steps between (0: in a row). */
  mst_status (*prepare)(mst_correlation *c, int64_t participations, int64_t between);
  /* The terms of the noise of step `at` (from 0) of the period that begins with step `base`: the
   * i-th into *out; false past the last. Past noise w is added to them by `past`. */
  bool (*term)(const mst_correlation *c, int64_t base, int64_t at, int64_t i,
               mst_correlation_term *out);
  /* Variance of the noise of the period's first at + 1 steps together, for sigma 1. */
  double (*variance)(const mst_correlation *c, int64_t at);
} mst_correlation_ops;

struct mst_correlation {
  const mst_correlation_ops *ops;
  mst_correlation_spec spec;
  const mst_sampler *sampler;
  int64_t steps;       /* of the run                                                        */
  int64_t period;      /* steps whose noise is correlated, and which are charged together   */
  double squared;      /* sensitivity of what a period releases                             */
  double *coefficient; /* (period) of C: Toeplitz; else NULL                                */
  double *inverse;     /* (period) of C^-1: toeplitz                                        */
  double *sum;         /* (period) variance of the noise of the first steps together        */
  double *past;        /* (window) w_t = terms + sum past[k - 1] w_(t-k), within the period */
  int64_t window;
};

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_correlation_ops *mst_correlation_find(const char *name);
const mst_correlation_ops *mst_correlation_at(int i);

/** The correlation of a run of so many steps on that sampler's samples. The sampler must outlive
 * it.
 *  \return MST_OK; MST_ERR_INPUT (unknown kind, impossible numbers, more bands than steps between
 *          parts of a record); MST_ERR_UNSUPPORTED (samples drawn anew, whose gain or separation
 *          no accountant knows of correlated noise); MST_ERR_MEMORY. */
mst_status mst_correlation_create(const mst_correlation_spec *spec, const mst_sampler *sampler,
                                  int64_t steps, mst_correlation **out) MST_CHECKED;
void mst_correlation_destroy(mst_correlation *c); /* NULL is allowed */

/** What one charge is for: all that a period releases, with noise of `sigma` bounds a draw. */
mst_event mst_correlation_event(const mst_correlation *c, double sigma);

/** Whether a step (from 0) is charged an event, the first of a period; and how many of the steps
 *  [from, to) are. */
bool mst_correlation_charged(const mst_correlation *c, int64_t step);
int64_t mst_correlation_charges(const mst_correlation *c, int64_t from, int64_t to);

/** Whether another start can go on only with the secret of the one that began: noise, or groups,
 *  of the whole run hang together. */
bool mst_correlation_kept(const mst_correlation *c);

/** Draws that make up the noise of the whole run, at most. */
int64_t mst_correlation_draws(const mst_correlation *c);

/** Root of the mean, over all steps, of the variance of the sum of the noise up to it, for sigma 1:
 *  how far the published prefix sums are off, an entry. */
double mst_correlation_error(const mst_correlation *c);

#endif
