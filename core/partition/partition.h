/* Partitions: which client holds which row.
 *
 * A pure function of (labels, count, parameters, seed), without communication. Every row goes to
 * exactly one client; clients may stay empty, and there may be more clients than rows; every member
 * ends after O(n + K c log K) work for c classes (mixture: O((n + K) c)) whatever its parameters
 * (the public recipes that redraw until all clients are large enough do not end at alpha = 0.005).
 * The draws of dirichlet, mixture and quantity use libm's log and exp, which may round differently
 * on another kind of processor: one rank assigns and the team copies `client`.
 *
 * One file a member: iid.c shards.c dirichlet.c mixture.c quantity.c natural.c; the table is in
 * partition.c, what they share in deal.c. Recipes and sources: doc/methods/partitions.md. */
#ifndef MST_CORE_PARTITION_PARTITION_H
#define MST_CORE_PARTITION_PARTITION_H

#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"

typedef struct mst_partition_spec {
  const char *name;   /* iid | shards | dirichlet | mixture | quantity | natural             */
  uint64_t seed;
  int64_t clients;    /* K >= 1; natural: 0 = as many as the data has                        */
  double alpha;       /* dirichlet, mixture, quantity: concentration, > 0                    */
  int64_t classes;    /* shards: classes a client holds, 1 .. n_classes; those without rows
                         are not counted                                                     */
} mst_partition_spec;

typedef struct mst_partition_ops {
  const char *name;
  const char *summary; /* one line for `muster list partitions` */
  const mst_param *params; /* keys of section `clients` that the member reads; NULL = none */
  /* client(n) out: the client of each row, 0 .. K-1. label(n): class of each row (may be NULL
   * where the member does not need it); natural(n): the dataset's own client numbers, or NULL. */
  mst_status (*assign)(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                       int64_t n_classes, const int32_t *natural, int32_t *client);
} mst_partition_ops;

/** The member of that name, or NULL; the i-th member, or NULL past the end. Local. */
const mst_partition_ops *mst_partition_find(const char *name);
const mst_partition_ops *mst_partition_at(int i);

/** Assign rows to clients.
 *  \param label    (n) class of each row in [0, n_classes), or NULL for regression data.
 *  \param natural  (n) the dataset's /client, or NULL.
 *  \param client   (n) out: client of each row; undefined on an error.
 *  \param clients  out: K, the number of clients (natural may find it in the data).
 *  \return MST_OK; MST_ERR_INPUT, saying what to change: unknown name; K outside 1 .. 2^31-1;
 *          alpha not a finite number above 0; labels needed but absent or out of range; shards:
 *          more classes a client than there are, or too few clients to hold every class; natural:
 *          /client absent, negative, or not below K; MST_ERR_MEMORY. Local.
 *  Memory: 8 n bytes (natural: none), and 24 K (dirichlet, quantity) or 16 K s (shards, s classes
 *  a client) bytes; freed on return. */
mst_status mst_partition_assign(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                                int64_t n_classes, const int32_t *natural, int32_t *client,
                                int64_t *clients) MST_CHECKED;

#endif
