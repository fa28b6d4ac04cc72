/* A client's own head: the ridge solution of a mixture of everybody's loss and of its own,
 *
 *     (1 - s) sum over all rows + s (n / n_k) sum over the client's rows + rho |W|^2,
 *
 * from the centred and scaled statistics of all and the client's rows. One matrix is factored for
 * all clients; what a client adds to it is of rank n_k + 1, so with few rows its head is an update
 * of that solution (Woodbury), at d^2 n_k instead of d^3. doc/methods/personal_heads.md. */
#ifndef MST_CORE_ANALYTIC_HEAD_H
#define MST_CORE_ANALYTIC_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* Statistics of all rows: features in units of their deviations, about the means. */
typedef struct mst_head_statistics {
  int64_t d, c;
  double rows;     /* n, or the sum of the rows' weights                            */
  double ridge;    /* rho                                                           */
  bool bias;       /* features and targets are centred; otherwise mean is 0          */
  double *mean;    /* (d + c) of features and targets                               */
  double *inverse; /* (d) 1 / deviation; 0 for a feature that is constant           */
  double *gram;    /* (d, d) of the features, lower triangle, the ridge on its diagonal */
  double *moments; /* (d, c) of features and targets                                */
} mst_head_statistics;

/** Zero statistics. Free with mst_head_statistics_free, after an error too. MST_OK or
 *  MST_ERR_MEMORY. Local. */
mst_status mst_head_statistics_create(int64_t d, int64_t c, mst_head_statistics *out) MST_CHECKED;
void mst_head_statistics_free(mst_head_statistics *s);

/* A client's rows: x (n, d) with a class each (label) or c values each. */
typedef struct mst_head_rows {
  int64_t n;
  const float *x;
  const int32_t *label; /* (n), or NULL */
  const float *value;   /* (n, c), where there are no labels */
  const double *weight; /* (n) what each counts for, >= 0; NULL: 1 */
} mst_head_rows;

typedef struct mst_heads mst_heads;

/** Factor what all clients have in common. s must outlive it.
 *  \param share  s of the mixture, in [0, 1].
 *  \param most_rows  of a client.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_INPUT, or MST_ERR_SINGULAR (a share of 1 without a ridge).
 *          Local. Cost: d^3 / 3. */
mst_status mst_heads_create(const mst_head_statistics *s, double share, int64_t most_rows,
                            mst_heads **out) MST_CHECKED;
/** NULL is allowed. Local. */
void mst_heads_free(mst_heads *h);

/** Bytes of it, and of statistics. Local. */
int64_t mst_heads_bytes(int64_t d, int64_t c, int64_t most_rows);
int64_t mst_head_statistics_bytes(int64_t d, int64_t c);

/* How a client's system is solved. */
typedef enum mst_head_way {
  MST_HEAD_EITHER, /* whichever is less work: a client's rows and d decide, nothing else */
  MST_HEAD_UPDATE, /* Woodbury: of the common factor */
  MST_HEAD_DIRECT  /* its own matrix is made and factored */
} mst_head_way;

/** A client's head, for features as they come: score = x W + b, weights W (d, c), intercept b (c).
 * A client without rows, or whose rows weigh nothing, has that of the statistics alone at the same
 *  share.
 *  \return MST_OK; MST_ERR_INPUT (more rows than were said); MST_ERR_SINGULAR. Local. Bits depend on the arguments alone. */
mst_status mst_heads_solve(mst_heads *h, const mst_head_rows *rows, mst_head_way way,
                           double *weights, double *intercept) MST_CHECKED;

#endif
