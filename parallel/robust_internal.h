/* What the steps of a robust aggregation share, private to them: the vectors that take part and the
 * further points, what is measured of them, and what the rule made of that.
 *
 *   robust.c          the call: the order of the steps, the report
 *   robust_check.c    what is refused of a number of vectors
 *   robust_prepare.c  agreement of the ranks, vectors that are left out
 *   robust_measure.c  a pass over all columns: distances, samples, signs, inner products
 *   robust_weigh.c    mixers and the rule, on what was measured; the same on every rank
 *   robust_combine.c  a pass over the columns of the vectors that count: the result
 *   robust_walk.c     what both passes are: buckets, blocks, addresses */
#ifndef MST_PARALLEL_ROBUST_INTERNAL_H
#define MST_PARALLEL_ROBUST_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/robust/rule.h"
#include "parallel/robust.h"

enum {
  MST_ROBUST_EXTRA = 3 /* most further points: zero, previous, root */
};

typedef struct mst_robust {
  mst_team *team;
  const mst_rule_ops *rule;
  mst_rule_spec spec;    /* with f, centre, select of what is left */
  mst_mixer_spec *mixer; /* (mixers) likewise                 */
  int mixers;
  bool wide;       /* float64           */
  int64_t element; /* bytes of an entry */
  int64_t d, bucket_bytes;
  mst_share *memory; /* that holds all vectors, or NULL */
  bool spoiled;      /* distances were found that are not finite: a vector is not */

  int64_t n;                  /* vectors that take part                           */
  int64_t *number;            /* (n) of each among all                            */
  int64_t *by_rank;           /* (n) the vectors in the order of the ranks        */
  int64_t n_mine, first_mine; /* this rank's, which follow each other in by_rank  */
  const char **mine;          /* (n_mine) where they begin                        */
  double *weight, *loss;      /* (n) of the vectors, or NULL                      */

  int64_t points;                      /* n, then the further ones               */
  int64_t zero, previous, root;        /* which they are, -1 where not asked for */
  const char *extra[MST_ROBUST_EXTRA]; /* where point n + i begins, NULL = all 0 */

  double *distance; /* (points, points): all, or those to points that rule and mixers look at   */
  double *sampled;  /* (iterations, points, points) or NULL      */
  double *sign;     /* (n, 3), of what the rule sees, or NULL    */
  double *product;  /* (points) with the trusted vector, or NULL */

  int64_t *order; /* (points) the vectors in their canonical order, in which everything behind
                     mst_robust_measure is; further points stay in their place              */
  int64_t made;   /* vectors that the rule sees                                             */
  double *matrix; /* (made, points) each as a sum of points; NULL = the vectors themselves  */
  double *chosen; /* (made + further) weights of the rule; NULL where it is over columns alone */
  double *share;  /* (points) the same as weights of points                                 */
} mst_robust;

/* What a rank says of its part. */
typedef struct mst_robust_head {
  int64_t n, d;
  int64_t asked;                    /* a fingerprint of what must agree */
  int64_t weights, losses, clients; /* 1 = given               */
} mst_robust_head;

/* A call: what is needed until vectors are left out, and after. */
typedef struct mst_robust_call {
  mst_robust r;
  bool scan; /* look at every entry first, even where distances would tell */
  const mst_robust_options *options;
  const char *vectors;    /* (n_mine, d), or                  */
  const void *const *row; /* (n_mine)(d)                      */
  int64_t n_mine, n, excluded;
  mst_robust_head *head; /* (p)                              */
  int64_t *place_number; /* (n) number of each vector in the order of the ranks */
  uint8_t *out;          /* (n) of all vectors: 1 = left out */
  double *weight, *loss; /* (n) of all clients, or NULL      */
} mst_robust_call;

/** Whether the result is a sum of points with weights, not a rule's columns. Local. */
static inline bool mst_robust_is_sum(const mst_robust *r) {
  return r->rule->columns_f32 == NULL || (r->mixers > 0 && (r->rule->needs & MST_RULE_LINEAR) != 0);
}

/** Agree on what is asked (call: team, d, element, wide, bucket_bytes, options, vectors, n_mine)
 * and on
 *  what is left of the vectors. \return what mst_aggregate refuses. Collective. */
mst_status mst_robust_prepare(mst_robust_call *c, const mst_rule_spec *rule,
                              const void *out) MST_CHECKED;

/** Whether a rule is about one client's vector, of number spec.centre. Local. */
bool mst_robust_has_centre(const mst_rule_ops *rule);

/* Rows of a block, of one of the types. */
typedef struct mst_robust_rows {
  const float **f32;
  const double **f64;
} mst_robust_rows;

/** Room for the addresses of n rows. Local. */
mst_status mst_robust_rows_create(int64_t n, mst_robust_rows *rows) MST_CHECKED;
void mst_robust_rows_free(mst_robust_rows *rows); /* Local */
/** Row i begins at `at`. Local. */
static inline void mst_robust_rows_set(const mst_robust *r, const mst_robust_rows *rows, int64_t i,
                                       const void *at) {
  if (r->wide)
    rows->f64[i] = at;
  else
    rows->f32[i] = at;
}

/** distance(n, n), and out(m) = sum_i weight(i) row i, of a block of m columns. Local. */
void mst_robust_distances(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                          double *distance);
/** away(n) = distances of the rows to row `to`, of a block of m columns. Local. */
void mst_robust_away(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                     int64_t to, double *away);
void mst_robust_sum(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                    const double *weight, void *out);

/* Called for each of this rank's blocks: columns [first, first + m) of the points of the walk, in
 * its order; out(m), where the walk has one. */
typedef void (*mst_robust_visit)(void *context, int64_t first, int64_t m,
                                 const mst_robust_rows *row, void *out);

/** Walk over all columns of points point[0 .. used), block by block, each on one rank. Vectors that
 *  are not among them do not travel.
 *  \param out  (d) or NULL: what the visits put there, afterwards on every rank. It may be the array
 *              of the last result: a block of it is written after it was read.
 *  \return MST_OK, MST_ERR_MEMORY or MST_ERR_COMM. Collective. */
mst_status mst_robust_walk(const mst_robust *r, int64_t used, const int64_t *point,
                           mst_robust_visit visit, void *context, void *out) MST_CHECKED;

/** Fill in what rule and mixers look at, but for signs of mixed vectors; or set `spoiled` and leave
 *  it. Collective. */
mst_status mst_robust_measure(mst_robust *r) MST_CHECKED;

/** Whether the vectors keep their given order. Local. */
bool mst_robust_is_ordered(const mst_robust *r);

/** Put the vectors in order, mix them, and ask the rule. Collective. */
mst_status mst_robust_weigh(mst_robust *r) MST_CHECKED;

/** sign(made, 3) of what the mixers made. Collective. */
mst_status mst_robust_mixed_signs(mst_robust *r) MST_CHECKED;

/** The result, out(d), on every rank. Collective. */
mst_status mst_robust_combine(mst_robust *r, void *out) MST_CHECKED;

/** Count the signs of a block: count(n, 2) += positive, negative entries of each row. Local. */
void mst_robust_count_signs(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                            int64_t *count);
/** sign(n, 3) = shares of the counts of all ranks. count is left with the totals. Collective. */
mst_status mst_robust_share_signs(const mst_robust *r, int64_t n, int64_t *count,
                                  double *sign) MST_CHECKED;

#endif
