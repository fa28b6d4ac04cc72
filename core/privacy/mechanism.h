/* Mechanisms: ways to publish something about private data, in one table.
 *
 * Some add noise to a vector (reals, or whole numbers of a lattice); the others answer a question
 * of their own, by the functions below and in core/privacy/sparse_vector.h. What they cost is for
 * the accountant: core/privacy/event.h names the same laws. One file a member; laws, sensitivities
 * and sources: doc/methods/mechanisms.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_MECHANISM_H
#define MST_CORE_PRIVACY_MECHANISM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/noise.h"

/* The type of a vector that a mechanism adds to. */
typedef enum mst_mechanism_type {
  MST_MECHANISM_CHOICE, /* none: it answers by a function of its own */
  MST_MECHANISM_REAL,   /* double                                    */
  MST_MECHANISM_WHOLE   /* int64_t, modulo 2^64                      */
} mst_mechanism_type;

typedef struct mst_mechanism_ops {
  const char *name;
  const char *summary; /* one line for `muster list mechanisms` */
  mst_mechanism_type type;
  bool exact; /* safe at the level of bits: discrete outputs, exact law */
  /* x(n) += entries [first, first + n) of noise of that scale (gaussian, discrete_gaussian: sigma;
   * laplace, discrete_laplace: scale; skellam: standard deviation). NULL for a choice. */
  mst_status (*add)(double scale, const mst_noise *noise, int64_t first, int64_t n, void *x);
} mst_mechanism_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_mechanism_ops *mst_mechanism_find(const char *name);
const mst_mechanism_ops *mst_mechanism_at(int i);

/** Add noise to x(n), entries [first, first + n) of a vector, of the type that the member has.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name or a scale that is not positive and finite (or
 *          outside the sampler's range); MST_ERR_UNSUPPORTED for a member of another type; then x
 * is unchanged. */
mst_status mst_mechanism_add_real(const char *name, double scale, const mst_noise *noise,
                                  int64_t first, int64_t n, double *x) MST_CHECKED;
mst_status mst_mechanism_add_whole(const char *name, double scale, const mst_noise *noise,
                                   int64_t first, int64_t n, int64_t *x) MST_CHECKED;

/** Randomised response: `value` of 0 .. k-1 with probability e^eps / (e^eps + k - 1), else one of
 * the others, each alike. Pure epsilon for any two values. Exact for the double that epsilon is;
 * about k / (1 + (k - 1) e^-eps) trials.
 *  \return MST_OK, or MST_ERR_INPUT for k < 2, a value outside, or epsilon not in [0, 700]. */
mst_status mst_randomised_response(mst_noise_cursor *c, double epsilon, int64_t k, int64_t value,
                                   int64_t *answer) MST_CHECKED;

/** Unbiased shares of the k values from how often each was answered:
 *  (count / total - q) / (p - q), p and q the probabilities of the true and of another value. */
void mst_randomised_response_estimate(double epsilon, int64_t k, const int64_t *count,
                                      double *share);

/** The exponential mechanism (McSherry and Talwar 2007): candidate i of n with probability in
 *  proportion to exp(epsilon utility(i) / (2 sensitivity)). Pure epsilon, where one record changes
 *  any utility by at most `sensitivity`. Exact for the doubles that epsilon (max - utility) /
 *  (2 sensitivity) are: at most n trials on average.
 *  \return MST_OK, or MST_ERR_INPUT for n < 1 or numbers that are not positive, MST_ERR_NONFINITE for
 *          a utility that is not finite. */
mst_status mst_exponential(mst_noise_cursor *c, int64_t n, const double *utility,
                           double sensitivity, double epsilon, int64_t *choice) MST_CHECKED;

/** Report noisy max with exponential noise, which is permute-and-flip (McKenna and Sheldon 2020;
 * Ding et al. 2021): candidates in random order, each taken with probability exp(-epsilon (max -
 *  utility) / (2 sensitivity)). Pure epsilon; its choice is on average never worse than the
 *  exponential mechanism's. Exact likewise. Also MST_ERR_MEMORY (8 n bytes). */
mst_status mst_noisy_max(mst_noise_cursor *c, int64_t n, const double *utility, double sensitivity,
                         double epsilon, int64_t *choice) MST_CHECKED;

/** Duchi's randomiser (Duchi, Jordan and Wainwright 2018) of a vector in the ball of radius r: a
 *  vector of norm B = mst_duchi_norm whose mean is v (clipped to the ball). Pure epsilon for any
 * two vectors. Directions are doubles: NOT safe at the level of bits. v and out (n), may be the
 * same; a v that is not finite counts as 0. The noise is used up to entry n, and its last block.
 *  \return MST_OK, or MST_ERR_INPUT for n < 1 or numbers that are not positive. */
mst_status mst_duchi(const mst_noise *noise, int64_t n, const double *v, double radius,
                     double epsilon, double *out) MST_CHECKED;

/** B = r (e^eps + 1)/(e^eps - 1) sqrt(pi)/2 n Gamma((n - 1)/2 + 1) / Gamma(n/2 + 1). */
double mst_duchi_norm(int64_t n, double radius, double epsilon);

#endif
