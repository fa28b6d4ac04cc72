/* Audits: lower bounds on epsilon from what an attacker who was let in could tell. A bound above
 * what is claimed proves, at its confidence, that the claim or the program is wrong; one below
 * proves nothing. Pure functions of counts and scores. All functions are Local. */
#ifndef MST_CORE_PRIVACY_AUDIT_H
#define MST_CORE_PRIVACY_AUDIT_H

#include <stdint.h>

#include "core/base/status.h"

/** P(Binomial(n, p) >= k); to about 1e-12 relative for n up to 1e9. */
double mst_binomial_at_least(int64_t n, double p, int64_t k);

/** Clopper and Pearson 1934: bounds on a probability after k of n, each wrong with probability at
 *  most `error`. */
double mst_proportion_lower(int64_t k, int64_t n, double error);
double mst_proportion_upper(int64_t k, int64_t n, double error);

/** From a test between two neighbours: of n0 runs on the first k0 were taken for the second, of n1
 *  runs on the second k1 were. The largest epsilon that (epsilon, delta)-privacy can be refuted
 * below at that confidence: the larger of ln((p1 - delta) / p0) and ln((1 - p0 - delta) / (1 -
 * p1)), each from two Clopper-Pearson bounds at a quarter of 1 - confidence. At least 0.
 *  \return MST_OK, or MST_ERR_INPUT for counts, delta or confidence that cannot be. */
mst_status mst_audit_test(int64_t k0, int64_t n0, int64_t k1, int64_t n1, double delta,
                          double confidence, double *epsilon) MST_CHECKED;

/** From scores of n runs on each neighbour, large where the second is more likely (a likelihood
 *  ratio is best): the threshold is chosen on the even runs and the bound is from the odd ones.
 *  Also MST_ERR_MEMORY. NaN scores count as least. */
mst_status mst_audit_scores(int64_t n, const double *score0, const double *score1, double delta,
                            double confidence, double *epsilon) MST_CHECKED;

/** One run (Steinke, Nasr and Jagielski 2023, theorem 5.2): each of m records was in or out by a
 * coin of its own; `guesses` of them were guessed, `correct` rightly. The probability of that many
 * or more under (epsilon, delta)-privacy is at most
 *
 *      P(W >= v) + 2 m delta max over 1 <= i <= v of P(v > W >= v - i) / i,
 *
 *  W ~ Binomial(guesses, e^eps / (1 + e^eps)), v = correct. */
double mst_audit_one_run_chance(int64_t m, int64_t guesses, int64_t correct, double epsilon,
                                double delta);

/** The largest epsilon whose chance is at most 1 - confidence, rounded down; 0 where there is none.
 *  \return MST_OK, or MST_ERR_INPUT unless 0 <= correct <= guesses <= m, and for delta or confidence
 *          that cannot be. */
mst_status mst_audit_one_run(int64_t m, int64_t guesses, int64_t correct, double delta,
                             double confidence, double *epsilon) MST_CHECKED;

/** The guesses from scores, large where a record was in: the `guesses` / 2 largest are taken for
 * in, as many least for out. in(m) is 1 or 0; correct counts the right ones.
 *  \return MST_OK, MST_ERR_INPUT unless 1 <= guesses / 2 and guesses <= m, or MST_ERR_MEMORY. */
mst_status mst_audit_guess(int64_t m, const double *score, const signed char *in, int64_t guesses,
                           int64_t *correct) MST_CHECKED;

#endif
