/* The pipeline (doc/architecture.md): what happens between the clients' contributions and the
 * update. Stages are slots; a job asks what its pipeline needs and is refused combinations that
 * cannot be honest before any work starts. */
#ifndef MST_PARALLEL_PIPELINE_H
#define MST_PARALLEL_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* Where a stage stands; the order is the order of application. */
typedef enum mst_slot {
  MST_SLOT_CLIP,
  MST_SLOT_LOCAL_NOISE,
  MST_SLOT_COMPRESS,
  MST_SLOT_MASK,
  MST_SLOT_AGGREGATE,
  MST_SLOT_NOISE,
  MST_SLOTS
} mst_slot;

/* What a stage needs and gives; the pipeline checks that neighbours fit. A stage before the
 * aggregate without MST_TRAIT_SINGLE may meet a sum of several clients' vectors; clips, local noise
 * and compressors must therefore have it. */
typedef enum mst_stage_trait {
  MST_TRAIT_SINGLE = 1 << 0,    /* looks at one contribution at a time                        */
  MST_TRAIT_DISTANCES = 1 << 1, /* needs distances between contributions: cannot follow a mask */
  MST_TRAIT_SUM = 1 << 2,       /* is a sum: allows contributions to be added before it        */
  MST_TRAIT_HIDES = 1 << 3,     /* what follows sees no single contribution                    */
  MST_TRAIT_PRIVATE = 1 << 4,   /* draws cryptographic noise and charges the ledger            */
  MST_TRAIT_PACKS = 1 << 5      /* what is sent is an encoding, not entries; and it is not
                                   bounded by what came in                                     */
} mst_stage_trait;

typedef struct mst_stage {
  const char *name;
  mst_slot slot;
  unsigned traits;
  /* In place on one client's vector(n) (slots before aggregate) or on the aggregate (noise).
   * MST_ERR_NONFINITE says that this contribution cannot be used, and is no failure of the job.
   * For the aggregate slot, which the driver of the job performs: NULL, or what is made of the
   * mean, entry by entry on whatever part of it a rank holds, with client -1. */
  mst_status (*apply)(const struct mst_stage *stage, int64_t client, int64_t round, int64_t n,
                      double *vector);
  void *data;
  /* For the mask slot, in place of apply: in place on one client's contribution(n) as whole numbers
   * of a public grid, modulo 2^64. The driver, whose grid it is, rounds before it. */
  mst_status (*mask)(const struct mst_stage *stage, int64_t client, int64_t round, int64_t n,
                     int64_t *whole);
} mst_stage;

typedef struct mst_pipeline {
  const mst_stage *slot[MST_SLOTS]; /* NULL = absent */
} mst_pipeline;

/** The stage that sums on the lattice: the default aggregate. */
extern const mst_stage mst_stage_sum;

/** The pipeline that only sums. Local. */
mst_pipeline mst_pipeline_sum(void);

/** Put a stage into its slot. The stage is not copied: it must outlive the pipeline.
 *  MST_ERR_UNSUPPORTED if the slot is taken, naming both; MST_ERR_INTERNAL if the stage names no
 *  slot. Local. */
mst_status mst_pipeline_put(mst_pipeline *p, const mst_stage *stage) MST_CHECKED;

/** Refuse combinations that cannot be honest, with the reason:
 *  - no aggregate;
 *  - an aggregate that is not a sum, above all one that needs distances, behind a stage that hides
 *    single contributions: it would aggregate masks;
 *  - a mask behind a compressor: masks need every entry, as a whole number of a common grid, so
 *    what is sent would not be the encoding;
 *  - private noise without a clip: no bound on one client's influence, so no epsilon;
 *  - private noise on the aggregate with a compressor behind the clip: what is read from an
 *    encoding can be larger than what was clipped.
 *  \return MST_OK, MST_ERR_UNSUPPORTED with the reason, or MST_ERR_INTERNAL for a stage that
 *          contradicts itself (wrong slot, nothing to apply, a sum that needs distances, a mask
 *          that does not hide, a compressor that does not pack, a clip that does not need single
 *          contributions). Local. */
mst_status mst_pipeline_check(const mst_pipeline *p) MST_CHECKED;

/** Whether single contributions are needed: by a stage, or because the aggregate is not a sum (or
 *  is absent). If not, a driver may add contributions of many clients before the pipeline (the
 *  sum is the same on the lattice), which makes its cost flat in the number of clients. Local. */
bool mst_pipeline_needs_single(const mst_pipeline *p);

/** Apply the stages before the aggregate, in slot order, to one contribution, vector(n), in
 *  place. Stops at the first stage that fails and names it and the client. A mask of whole numbers
 *  is left to mst_pipeline_mask. Local. */
mst_status mst_pipeline_contribute(const mst_pipeline *p, int64_t client, int64_t round, int64_t n,
                                   double *vector) MST_CHECKED;

/** Apply the mask of whole numbers, if there is one, to one contribution, whole(n), in place.
 *  \return MST_OK, or what the stage returns, naming it and the client. Local. */
mst_status mst_pipeline_mask(const mst_pipeline *p, int64_t client, int64_t round, int64_t n,
                             int64_t *whole) MST_CHECKED;

#endif
