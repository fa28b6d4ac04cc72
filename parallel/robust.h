/* Robust aggregation over ranks: one vector from n that the ranks hold, some of which may be
 * anything.
 *
 * Rules over columns (median, trimmed_mean), and the sum that a rule over weights (krum,
 * geometric_median) asks for, are taken on transposed buckets of columns, so that of several ranks
 * none holds all vectors; what rules over weights look at, the mutual distances, is summed exactly
 * over blocks of columns. So the result has the same bits on any number of ranks, however the
 * vectors are spread. Rules and mixers: core/robust/rule.h, doc/methods/robust.md; the distributed
 * form: doc/methods/robust_distributed.md. */
#ifndef MST_PARALLEL_ROBUST_H
#define MST_PARALLEL_ROBUST_H

#include <stdint.h>

#include "comm/share.h"
#include "comm/team.h"
#include "core/robust/rule.h"

/* What a call may add. All zero, or NULL in its place, is a rule by itself. */
typedef struct mst_robust_options {
  const mst_mixer_spec *mixer; /* (mixers) that make other vectors first, one after the other     */
  int mixers;
  const void *previous; /* (d) the last result, of the vectors' type, on every rank; NULL = 0. May
                           be the array that the result goes to                                   */
  const void *root;     /* (d) a trusted vector, likewise, for rules that need one                */
  const double *weight; /* (n_mine) of the clients, positive; NULL on every rank = all 1          */
  const double *loss;   /* (n_mine) change of a trusted loss by a step along each vector          */
  const int64_t *client; /* (n_mine) numbers >= 0, no one twice on all ranks: vectors are numbered
                           in their order. NULL on every rank = in the order of the ranks */
  mst_share *share;      /* of this team, in which the vectors of all ranks lie; they are then read
                            there,      on one node. NULL on every rank = each rank's memory is its own      */
  int64_t bucket_bytes; /* of vectors that a rank sends and holds at a time; 0 = 1 MiB            */
} mst_robust_options;

/* What came of it, the same on every rank. Vectors are numbered from 0 in the order of the ranks,
 * or of their clients. */
typedef struct mst_robust_report {
  const char *rule;      /* its name                                                              */
  int64_t n;             /* vectors of all ranks                                                  */
  int64_t byzantine;     /* f, less the vectors that were left out; never below 0                 */
  int64_t excluded;      /* vectors that were left out                                            */
  int64_t *excluded_row; /* (excluded) which                                                      */
  double *weight;        /* (n) share of each vector in the result; NULL for a rule over columns
                            alone, but for the mean behind mixers. Of one that is both: share in the
                            mean of the vectors that its columns are taken from                   */
  int64_t vector_bytes;  /* of n vectors: what clients would send to one server                   */
} mst_robust_report;

/** Give back a report's arrays. Local. */
void mst_robust_report_clear(mst_robust_report *report);

/** Check a rule behind mixers against n vectors.
 *  \return what mst_rule_check and mst_mixer_check return. Local. */
mst_status mst_aggregate_check(const mst_rule_spec *rule, const mst_mixer_spec *mixer, int mixers,
                               int64_t n) MST_CHECKED;

/** Aggregate float32 vectors. The result's bits depend neither on the number of ranks nor, unless
 *  the rule or a mixer says so (MST_RULE_ORDERED), on the order of the vectors; but vectors that
 *  are different and alike in all distances, weights, losses, inner products and shares of signs
 *  that the rule asks for are taken by their numbers. A vector with an entry that is not finite, or
 *  beyond the range of float32, is left out, as is one whose loss is not finite; each that is left
 *  out lowers f by one, of the rule and of the mixers. multi_krum then selects no more vectors than
 *  are left.
 *  \param options  NULL means none. rule, options and d must agree on all ranks; this is checked.
 *  \param n_mine  vectors of this rank, 0 or more.
 *  \param my_vectors  (n_mine, d).
 *  \param out  (d) on every rank; must not overlap the vectors.
 *  \param report  is filled, or NULL; to be given back with mst_robust_report_clear.
 *  \return MST_OK, or the same error on every rank:
 *          MST_ERR_INPUT: what mst_rule_check and mst_mixer_check refuse; ranks that disagree; a
 *          trusted vector, losses or weights that the rule lacks or does not take; a weight that is
 *          not positive; a client's number that is negative or of two vectors; nna behind
 * bucketing. MST_ERR_NONFINITE: no vector is left; the one that nna is centred on was left out; a
 *          trusted vector or last result that is not finite.
 *          MST_ERR_UNSUPPORTED: losses or weights of clients behind a mixer.
 *          MST_ERR_MEMORY, MST_ERR_COMM.
 *  Collective on team. Cost and memory: doc/methods/robust_distributed.md. */
mst_status mst_aggregate(mst_team *team, const mst_rule_spec *rule,
                         const mst_robust_options *options, int64_t n_mine, int64_t d,
                         const float *my_vectors, float *out,
                         mst_robust_report *report) MST_CHECKED;
/** The same of vectors that do not follow each other: row(n_mine)(d). Collective on team. */
mst_status mst_aggregate_rows(mst_team *team, const mst_rule_spec *rule,
                              const mst_robust_options *options, int64_t n_mine, int64_t d,
                              const float *const *row, float *out,
                              mst_robust_report *report) MST_CHECKED;
/** The same of float64 vectors. Collective on team. */
mst_status mst_aggregate_f64(mst_team *team, const mst_rule_spec *rule,
                             const mst_robust_options *options, int64_t n_mine, int64_t d,
                             const double *my_vectors, double *out,
                             mst_robust_report *report) MST_CHECKED;

#endif
