/* What a core can do at most: passes over memory that do nothing else, and chains of fused
 * multiplications and additions that touch no memory. Benchmarks hold figures against it.
 * Private to muster. All functions are Local. */
#ifndef MST_CORE_BASE_PEAK_H
#define MST_CORE_BASE_PEAK_H

#include <stdint.h>

/** Read x(n): the sum of its words modulo 2^64. Moves 8 n bytes. */
uint64_t mst_peak_read(int64_t n, const double *x);
/** to(n) = from(n). Moves 16 n bytes, not counting that a line may be read before it is written. */
void mst_peak_copy(int64_t n, const double *from, double *to);
/** a(n) = b(n) + factor c(n). Moves 24 n bytes, counted likewise. Source: STREAM (McCalpin, 1995).
 */
void mst_peak_triad(int64_t n, double factor, const double *b, const double *c, double *a);

/** Run n steps of chains in registers, with the widest vectors of this CPU that the compiler knows.
 *  \param result  out: what comes of them.
 *  \return floating-point operations that were done; 0 where the CPU has no fused operation: then
 *          there is no such figure. */
int64_t mst_peak_fuse(int64_t n, double factor, double term, double *result);

#endif
