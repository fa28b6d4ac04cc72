/* The pipeline's slots and the combinations that it refuses. A refusal is about honesty, not
 * about taste: what is refused would run, and would state something that is not so. */
#include "parallel/pipeline.h"

#include <stddef.h>

static const char *const SLOT_NAME[MST_SLOTS] = {"clip", "local noise", "compress",
                                                 "mask", "aggregate",   "noise"};

const mst_stage mst_stage_sum = {
    .name = "sum",
    .slot = MST_SLOT_AGGREGATE,
    .traits = MST_TRAIT_SUM,
};

mst_pipeline mst_pipeline_sum(void) {
  mst_pipeline p = {{NULL}};
  p.slot[MST_SLOT_AGGREGATE] = &mst_stage_sum;
  return p;
}

static bool has(const mst_stage *stage, unsigned traits) {
  return stage != NULL && (stage->traits & traits) != 0;
}

mst_status mst_pipeline_put(mst_pipeline *p, const mst_stage *stage) {
  if ((int)stage->slot < 0 || stage->slot >= MST_SLOTS)
    return mst_fail(MST_ERR_INTERNAL, "pipeline: stage '%s' names slot %d, but slots are 0 .. %d",
                    stage->name, (int)stage->slot, MST_SLOTS - 1);
  const mst_stage *there = p->slot[stage->slot];
  if (there != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "pipeline: both '%s' and '%s' are %s stages, and there is room for one: "
                    "leave one out",
                    there->name, stage->name, SLOT_NAME[stage->slot]);
  p->slot[stage->slot] = stage;
  return MST_OK;
}

/* Errors of whoever wrote the stage, not of whoever chose it. */
static mst_status check_stage(const mst_stage *stage, mst_slot slot) {
  if (stage->slot != slot)
    return mst_fail(MST_ERR_INTERNAL,
                    "pipeline: stage '%s' stands in the %s slot but is not made for it: use "
                    "mst_pipeline_put",
                    stage->name, SLOT_NAME[slot]);
  const bool whole = slot == MST_SLOT_MASK && stage->mask != NULL;
  if (slot != MST_SLOT_AGGREGATE && stage->apply == NULL && !whole)
    return mst_fail(MST_ERR_INTERNAL, "pipeline: the %s stage '%s' has nothing to apply",
                    SLOT_NAME[slot], stage->name);
  if (slot == MST_SLOT_AGGREGATE && has(stage, MST_TRAIT_SUM) &&
      has(stage, MST_TRAIT_SINGLE | MST_TRAIT_DISTANCES))
    return mst_fail(MST_ERR_INTERNAL,
                    "pipeline: aggregate '%s' says that it is a sum and that it needs single "
                    "contributions",
                    stage->name);
  if (slot <= MST_SLOT_COMPRESS && !has(stage, MST_TRAIT_SINGLE))
    return mst_fail(MST_ERR_INTERNAL,
                    "pipeline: the %s stage '%s' does not say that it needs single contributions, "
                    "so it might meet many clients' vectors added together",
                    SLOT_NAME[slot], stage->name);
  if (slot == MST_SLOT_MASK && !has(stage, MST_TRAIT_HIDES))
    return mst_fail(MST_ERR_INTERNAL,
                    "pipeline: mask '%s' does not say that it hides contributions", stage->name);
  if (slot == MST_SLOT_COMPRESS && !has(stage, MST_TRAIT_PACKS))
    return mst_fail(MST_ERR_INTERNAL, "pipeline: compressor '%s' does not say that it packs",
                    stage->name);
  return MST_OK;
}

/* The last stage before the aggregate that hides single contributions, or NULL. */
static const mst_stage *find_hiding(const mst_pipeline *p) {
  for (int slot = MST_SLOT_AGGREGATE - 1; slot >= 0; slot--)
    if (has(p->slot[slot], MST_TRAIT_HIDES)) return p->slot[slot];
  return NULL;
}

static mst_status check_hiding(const mst_pipeline *p) {
  const mst_stage *hiding = find_hiding(p), *aggregate = p->slot[MST_SLOT_AGGREGATE];
  if (hiding == NULL || has(aggregate, MST_TRAIT_SUM)) return MST_OK;
  if (has(aggregate, MST_TRAIT_DISTANCES))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "pipeline: rule '%s' compares distances between contributions, but '%s' hides "
                    "them, so it would compare masks: leave out '%s', or aggregate by sum",
                    aggregate->name, hiding->name, hiding->name);
  return mst_fail(MST_ERR_UNSUPPORTED,
                  "pipeline: '%s' hides contributions and only their sum can be revealed, but "
                  "aggregate '%s' is not a sum: leave out '%s', or aggregate by sum",
                  hiding->name, aggregate->name, hiding->name);
}

static mst_status check_packing(const mst_pipeline *p) {
  const mst_stage *packs = p->slot[MST_SLOT_COMPRESS], *mask = p->slot[MST_SLOT_MASK];
  const mst_stage *noise = p->slot[MST_SLOT_NOISE];
  if (packs == NULL) return MST_OK;
  if (mask != NULL)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "pipeline: '%s' sends an encoding, but mask '%s' needs every entry as a whole number, "
        "those that '%s' leaves out too, so nothing would be saved: leave out one of them",
        packs->name, mask->name, packs->name);
  if (has(noise, MST_TRAIT_PRIVATE))
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "pipeline: '%s' adds privacy noise to the sum, but '%s' can make a contribution "
        "larger than the clip left it, so no epsilon can be stated: leave out one of them",
        noise->name, packs->name);
  return MST_OK;
}

static mst_status check_private(const mst_pipeline *p) {
  if (p->slot[MST_SLOT_CLIP] != NULL) return MST_OK;
  for (int slot = 0; slot < MST_SLOTS; slot++)
    if (has(p->slot[slot], MST_TRAIT_PRIVATE))
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "pipeline: '%s' adds privacy noise, but nothing clips the contributions, so "
                      "one client's influence has no bound and no epsilon can be stated: add a "
                      "clip stage",
                      p->slot[slot]->name);
  return MST_OK;
}

mst_status mst_pipeline_check(const mst_pipeline *p) {
  for (int slot = 0; slot < MST_SLOTS; slot++)
    if (p->slot[slot] != NULL) MST_TRY(check_stage(p->slot[slot], (mst_slot)slot));
  if (p->slot[MST_SLOT_AGGREGATE] == NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "pipeline: nothing aggregates the contributions: put mst_stage_sum or a "
                    "robust rule into the aggregate slot");
  MST_TRY(check_hiding(p));
  MST_TRY(check_packing(p));
  return check_private(p);
}

bool mst_pipeline_needs_single(const mst_pipeline *p) {
  if (!has(p->slot[MST_SLOT_AGGREGATE], MST_TRAIT_SUM)) return true;
  for (int slot = 0; slot < MST_SLOTS; slot++)
    if (has(p->slot[slot], MST_TRAIT_SINGLE)) return true;
  return false;
}

mst_status mst_pipeline_contribute(const mst_pipeline *p, int64_t client, int64_t round, int64_t n,
                                   double *vector) {
  for (int slot = 0; slot < MST_SLOT_AGGREGATE; slot++) {
    const mst_stage *stage = p->slot[slot];
    if (stage == NULL || stage->apply == NULL) continue;
    mst_status status = stage->apply(stage, client, round, n, vector);
    if (status != MST_OK)
      return mst_fail_within(status, "client %lld, stage '%s': ", (long long)client, stage->name);
  }
  return MST_OK;
}

mst_status mst_pipeline_mask(const mst_pipeline *p, int64_t client, int64_t round, int64_t n,
                             int64_t *whole) {
  const mst_stage *stage = p->slot[MST_SLOT_MASK];
  if (stage == NULL || stage->mask == NULL) return MST_OK;
  mst_status status = stage->mask(stage, client, round, n, whole);
  if (status != MST_OK)
    return mst_fail_within(status, "client %lld, stage '%s': ", (long long)client, stage->name);
  return MST_OK;
}
