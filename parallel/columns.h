/* Columns of Z = [features | targets | 1] before they are multiplied: a shift that takes their
 * offsets out, so that centring the summed statistics loses no digits, and a power-of-two scale
 * that bounds every partial sum of their products by 1. Both are the same for any rank count. Where
 * nothing may be learned from the data, they come from public bounds, and longer rows are
 * shortened. */
#ifndef MST_PARALLEL_COLUMNS_H
#define MST_PARALLEL_COLUMNS_H

#include "core/base/matrix.h"
#include "parallel/gram.h"

typedef struct mst_columns {
  int64_t n;
  double *shift;              /* (n) subtracted from each column, 0 for the ones               */
  double *scale;              /* (n) power of two: the column has norm at most 1 after both    */
  double bound, target_bound; /* of the norms of a row's features and targets; 0: none     */
} mst_columns;

/** Look at all rows. centre = false leaves shift at 0. Allocates; free with mst_columns_free.
 *  \param seconds  waiting for rows and features is added to it.
 *  \return MST_OK; MST_ERR_NONFINITE naming the column; what the source returns. A stop that the
 *          observer asks for ends the look early on this rank: the caller checks for it.
 *  Collective on team. */
mst_status mst_columns_find(mst_team *team, const mst_roster *roster,
                            const mst_block_source *source, bool centre,
                            const mst_observer *observer, double *seconds,
                            mst_columns *out) MST_CHECKED;
/** Columns for rows that join sums: out has those of the sums. filled(n) of them are the sums'
 *  squares so far, in [0, 1]; a column with -1 takes its scale from the new rows and leaves
 *  2 room bits to others.
 *  \return as mst_columns_find; MST_ERR_INPUT naming a column whose squares would pass 1.
 *          Collective on team. */
mst_status mst_columns_join(mst_team *team, const mst_roster *roster,
                            const mst_block_source *source, const double *filled, int room,
                            const mst_observer *observer, double *seconds,
                            mst_columns *out) MST_CHECKED;
/** From public numbers alone: no shift, and scales for rows that weigh at most `rows` together,
 * whose features have norm at most bound and targets at most target_bound. Allocates likewise.
 *  \return MST_OK, MST_ERR_INPUT for bounds that leave no scale, or MST_ERR_MEMORY. Local. */
mst_status mst_columns_public(const mst_block_source *source, double bound, double target_bound,
                              double rows, mst_columns *out) MST_CHECKED;
/** NULLs are allowed. Local. */
void mst_columns_free(mst_columns *c);

/** z(rows, n) = ([features | targets | 1] - shift) * scale, from features(rows, d) and
 *  targets(rows, c); with bounds, longer rows shortened to them.
 *  \param weight  (rows) each row is multiplied by the root of its weight last; NULL: 1.
 *  \return MST_OK, or with bounds MST_ERR_NONFINITE for a row that is not finite. Local. */
mst_status mst_columns_apply(const mst_columns *c, const mst_block_source *source,
                             const float *features, const float *targets, const double *weight,
                             mst_matrix *z) MST_CHECKED;

#endif
