/* List-decodable linear regression from batches: some users, perhaps a minority, have rows with
 * y = <w*, x> + noise; the others have anything, even rows made to agree with other vectors. No
 * rule can tell which group is meant, so the answer is a short list, one of whose members is near
 * w*. Of each user only X'X, X'y, y'y and the number of rows are looked at.
 *
 * After Das, Jain, Kong, Sen: "Efficient list-decodable regression using batches", ICML 2023, with
 * normalised gradients in the place of clipped ones. doc/methods/list_regression.md. */
#ifndef MST_CORE_ROBUST_LIST_REGRESSION_H
#define MST_CORE_ROBUST_LIST_REGRESSION_H

#include <stdint.h>

#include "core/base/status.h"

/* What is known of n users' rows. */
typedef struct mst_list_batches {
  int64_t n, d;
  const double *xx;    /* (n, d, d) X'X; the lower triangles are read */
  const double *xy;    /* (n, d) X'y                                  */
  const double *yy;    /* (n) y'y                                     */
  const int64_t *rows; /* (n)                                         */
} mst_list_batches;

/* A member of the list. */
typedef struct mst_list_candidate {
  double weight; /* users that stand for it, in whole users; a user may stand for several         */
  double spread; /* rows of a user times the largest variance of their normalised gradients in any
                    direction: about 1 where they have one vector in common */
  double loss;   /* median of their mean squared residuals                                        */
} mst_list_candidate;

/** Most members of a list: 4 / alpha, rounded up. Local. */
int64_t mst_list_regression_room(double alpha);

/** The list, the best supported first. Users whose numbers are not finite, or who have no rows or
 * no x, are left out.
 *  \param alpha  in (0, 1]: at least this share of the users is genuine.
 *  \param w  (room, d) out; member: (room) out; *found out: 1 or more members.
 *  \return MST_OK; MST_ERR_INPUT (alpha out of range, no sizes, fewer than alpha n users left);
 *          MST_ERR_MEMORY; MST_ERR_SINGULAR (what the eigenvalues return). Local.
 *  Memory: 8 (n (d + 3) + 2 d^2) bytes and 8 n for each of 8 / alpha^2 sets. */
mst_status mst_list_regression(const mst_list_batches *b, double alpha, double *w,
                               mst_list_candidate *member, int64_t *found) MST_CHECKED;

#endif
