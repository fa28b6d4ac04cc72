/* The standard normal distribution: its distribution function and its quantiles. */
#ifndef MST_CORE_BASE_NORMAL_H
#define MST_CORE_BASE_NORMAL_H

/** The probability of a standard normal value of at most x; libm's erfc. Local. */
double mst_normal_below(double x);

/** The x that a standard normal value does not exceed with probability p: the inverse of
 *  mst_normal_below, to a few units of the last digit for p from 1e-300 to 1. Minus infinity at p =
 *  0, infinity at p = 1, NaN outside [0, 1]. Rounding is that of libm's erf, erfc, exp and log.
 *  Local. */
double mst_normal_quantile(double p);

#endif
