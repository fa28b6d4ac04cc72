/* Rows of a dataset as a bandit's environment: a round offers one row's numbers to every arm, and
 * an arm pays what the row says of it. All functions are Local. */
#ifndef MST_CORE_BANDIT_ROWS_H
#define MST_CORE_BANDIT_ROWS_H

#include <stdint.h>

/* Borrowed; what has it must outlive every environment made of it. */
typedef struct mst_bandit_rows {
  int64_t rows;
  int64_t agents; /* who take turns at the rows: 1 where one agent plays in a round          */
  const float *x; /* (rows, d)                                                               */
  const int32_t *label; /* (rows) the arm that pays 1, the others 0; or NULL, and */
  const float *value; /* (rows, K) what every arm pays, or costs                                 */
  double most; /* no product of two numbers of a row, x and what it pays, is larger; 1 at least  */
} mst_bandit_rows;

#endif
