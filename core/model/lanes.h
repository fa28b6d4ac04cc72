/* Arithmetic that layers share: sums in fixed lanes. Private to core/model. */
#ifndef MST_CORE_MODEL_LANES_H
#define MST_CORE_MODEL_LANES_H

#include <stdint.h>

/** sum(m) = the sum of x(n, m)'s rows, each entry added from the first row to the last. Local. */
void mst_sum_rows(int64_t n, int64_t m, const float *x, float *sum);

/** The sum of x(n)'s squares in double, over 16 fixed lanes and then a fixed tree. Local. */
double mst_square_sum(int64_t n, const float *x);

#endif
