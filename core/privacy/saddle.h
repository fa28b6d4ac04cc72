/* Loader's saddle-point parts of binomial and Poisson probabilities, which do not cancel. Private
 * to core/privacy; all functions are Local. */
#ifndef MST_CORE_PRIVACY_SADDLE_H
#define MST_CORE_PRIVACY_SADDLE_H

#define MST_HALF_LOG_TAU 0.918938533204672741780 /* ln(2 pi) / 2 */

/** ln k! - ln(sqrt(2 pi k) (k/e)^k), k >= 1. */
double mst_stirling_error(double k);

/** k ln(k / mean) + mean - k, for k and mean > 0. */
double mst_deviance(double k, double mean);

#endif
