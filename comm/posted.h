/* Posted sums: a reduce-scatter that goes on while its terms are still being made.
 *
 * Terms become final from the last to the first, as a backward pass makes gradients. They are cut
 * into buckets of a fixed size; a bucket that is final on all ranks is summed by whoever comes by,
 * between two pieces of its own work: no thread, and nobody ever waits before `finish`. Within a
 * domain ranks add each other's terms where they lie; between domains the leaders pass buckets on
 * by MPI's non-blocking reductions. Modulo 2^64, so the sums have the same bits as those of
 * mst_sum_scatter_i64. */
#ifndef MST_COMM_POSTED_H
#define MST_COMM_POSTED_H

#include <stdint.h>

#include "comm/team.h"

typedef struct mst_posted_sum mst_posted_sum;

/** Make room for the terms of one sum after another; parts of count[0..p-1] entries go to ranks
 *  0..p-1 and may be empty. n below is their sum. The terms lie in memory that the domain shares:
 *  8 n bytes for each of its ranks.
 *  \return MST_OK; MST_ERR_INTERNAL (a negative part); MST_ERR_MEMORY, as mst_share_create.
 *          Collective on team; count must agree. */
mst_status mst_posted_sum_create(mst_team *team, const int64_t *count,
                                 mst_posted_sum **out) MST_CHECKED;
void mst_posted_sum_destroy(mst_posted_sum *s); /* Collective on team; NULL is allowed */

/** Where this rank's terms (n) are to be written, between begin and their post. Local. */
int64_t *mst_posted_sum_terms(const mst_posted_sum *s);

/** Begin a sum; what the last one gave is lost. Collective on the domain: waits until all its ranks
 *  have begun, and with that need nothing of the last sum any more. */
void mst_posted_sum_begin(mst_posted_sum *s);

/** Terms [first, n) are final, first never growing; sum what can be summed. Local: never waits. */
void mst_posted_sum_post(mst_posted_sum *s, int64_t first);

/** All terms are final. *part: the sums of this rank's part, until the next begin. A rank that has
 *  failed meanwhile must come here all the same, with whatever terms it has.
 *  \return MST_OK or MST_ERR_COMM, agreed. Collective on team.
 *  Cost: bytes as mst_sum_scatter_i64; in a domain nothing is copied. */
mst_status mst_posted_sum_finish(mst_posted_sum *s, const int64_t **part) MST_CHECKED;

/** Seconds of this rank in `post` since the sum was made: work that was done meanwhile. Local. */
double mst_posted_sum_seconds(const mst_posted_sum *s);

#endif
