/* The lattice: exact sums of reals on an integer grid.
 *
 * Choose a power-of-two step from a bound on the magnitudes and the number of summands, round
 * each term to a multiple of the step, add as 64-bit integers, convert back. Integer addition is
 * associative, so the sum has the same bits in any order, over any ranks and any topology. The
 * same integers carry masks (mod 2^64) and discrete noise. doc/methods/lattice.md derives the
 * error bounds.
 *
 * shift is the binary logarithm of 1/step: a term x becomes rint(x * 2^shift). */
#ifndef MST_CORE_LINALG_LATTICE_H
#define MST_CORE_LINALG_LATTICE_H

#include <stdbool.h>
#include <stdint.h>

#define MST_LATTICE_BITS 62 /* magnitude bits of a sum; bit 63 is the sign, one is spare */
#define MST_LATTICE_NONFINITE INT32_MAX

/** The smallest e with bound <= 2^e, for bound > 0; the smallest exponent of a normal double
 *  for bound = 0; MST_LATTICE_NONFINITE for NaN or infinity. Local. */
int mst_lattice_exponent(double bound);

/** The shift for sums whose magnitude, and that of every partial sum, stays at or under
 *  2^exponent: MST_LATTICE_BITS - exponent, clamped so that 2^shift and 2^-shift are normal
 *  doubles. Local. */
int mst_lattice_shift(int exponent);

/** Largest |x(i)|, or infinity if any entry is NaN or infinite; 0 for n = 0. Local. */
double mst_lattice_magnitude(const double *x, int64_t n);

/** sum(i) += rint(x(i) * 2^shift), modulo 2^64. x(n) finite with |x(i)| * 2^shift < 2^63.
 *  Rounding is to nearest, ties to even, the same with and without vector instructions.
 *  Local. */
void mst_lattice_add(int64_t *sum, const double *x, int64_t n, int shift);

/** out(i) = rint(x(i) * 2^shift). As mst_lattice_add otherwise. out may alias x. Local. */
void mst_lattice_from(int64_t *out, const double *x, int64_t n, int shift);

/** x(i) = sum(i) * 2^-shift, rounded once to double. x may alias sum. Local. */
void mst_lattice_to(double *x, const int64_t *sum, int64_t n, int shift);

/* Two limbs, for sums that need more than 62 bits: a term is hi + lo with hi as above and
 * lo = rint((x * 2^shift - hi) * 2^MST_LATTICE_LOW), |lo| <= 2^(MST_LATTICE_LOW - 1); sums of up
 * to 2^MST_LATTICE_TERMS terms cannot overflow the low limb. */
#define MST_LATTICE_LOW 40
#define MST_LATTICE_TERMS 22

/** hi(i) and lo(i) += the limbs of x(i), modulo 2^64. x(n) as in mst_lattice_add. Local. */
void mst_lattice_add2(int64_t *hi, int64_t *lo, const double *x, int64_t n, int shift);
/** x(i) = (hi(i) + lo(i) * 2^-MST_LATTICE_LOW) * 2^-shift, rounded once to double. Local. */
void mst_lattice_to2(double *x, const int64_t *hi, const int64_t *lo, int64_t n, int shift);

#endif
