/* What the partitions share: their table entries, their streams, rows grouped by class, and the
 * rounding of proportions to whole rows. Private to core/partition. */
#ifndef MST_CORE_PARTITION_MEMBERS_H
#define MST_CORE_PARTITION_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/partition/partition.h"

extern const mst_partition_ops mst_partition_iid;
extern const mst_partition_ops mst_partition_shards;
extern const mst_partition_ops mst_partition_dirichlet;
extern const mst_partition_ops mst_partition_mixture;
extern const mst_partition_ops mst_partition_quantity;
extern const mst_partition_ops mst_partition_natural;

/* K, a parameter of every partition that deals rows itself. */
#define MST_PARTITION_COUNT(otherwise, text)                                                     \
  {.name = "count", .type = MST_PARAM_INT, .offset = offsetof(mst_partition_spec, clients),      \
   .fallback = (otherwise), .min = 1, .max = INT32_MAX, .unit = "clients", .help = (text)}

/* What a stream decides. The numbers are the key's round word: never renumber, only add. */
typedef enum mst_deal_draw {
  MST_DEAL_ROWS = 0,   /* the order of rows (of one class)     */
  MST_DEAL_SHARES = 1, /* the clients' proportions (of a class) */
  MST_DEAL_HANDS = 2   /* which classes a client holds          */
} mst_deal_draw;

/** The stream of one decision about one class (0 where there is none). Local. */
mst_stream mst_deal_stream(const mst_partition_spec *spec, mst_deal_draw draw, int64_t class_);

/** Put x(n) in a uniformly random order. Local. */
void mst_deal_shuffle(mst_stream *s, int64_t n, int64_t *x);

typedef struct mst_deal_classes {
  int64_t *first; /* (n_classes + 1) where each class begins in row */
  int64_t *row;   /* (n) rows by class, each class shuffled          */
} mst_deal_classes;

/** Group rows by class and shuffle each class, keyed by the class alone.
 *  \return MST_OK, MST_ERR_INPUT (no labels, or one outside [0, n_classes), named), or
 *          MST_ERR_MEMORY. Free with mst_deal_classes_free in every case. Local. */
mst_status mst_deal_by_class(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                             int64_t n_classes, mst_deal_classes *out) MST_CHECKED;
void mst_deal_classes_free(mst_deal_classes *classes);

/** Room to draw the clients' proportions and round them to rows. */
typedef struct mst_deal_shares {
  double *share;  /* (K) proportions, then what rounding left over */
  int64_t *count; /* (K) out: rows of each client                  */
  int64_t *heap;  /* (K) scratch                                   */
} mst_deal_shares;

/** Room for spec->clients.
 *  \return MST_OK; MST_ERR_INPUT when spec->alpha is not a finite number above 0; MST_ERR_MEMORY.
 *          Free with mst_deal_shares_free in every case. Local. */
mst_status mst_deal_shares_make(const mst_partition_spec *spec, mst_deal_shares *out) MST_CHECKED;
void mst_deal_shares_free(mst_deal_shares *shares);

/** shares->count = n rows divided over the clients by proportions from Dirichlet(alpha), drawn
 *  for one class: largest remainder, ties to the lower client; the counts add up to n. Local. */
void mst_deal_divide(const mst_partition_spec *spec, int64_t class_, int64_t n,
                     mst_deal_shares *shares);

#endif
