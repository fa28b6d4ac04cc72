/* Min-max (Shejwalkar, Houmansadr 2021): mean + gamma p, as far as it is no farther
 * from any honest vector than two honest vectors are from each other. Kind: gamma over scalars,
 * then over columns. */
#include "core/robust/attack_member.h"

static mst_status plan_round(const mst_attack_spec *s, const mst_attack_scene *scene, double *work,
                             mst_attack_memory *memory, mst_attack_plan *plan) {
  (void)memory;
  return mst_attack_distance_plan(s, scene, false, work, plan);
}

static const mst_param params[] = {MST_ATTACK_DISTANCE, {.name = NULL}};

const mst_attack_ops mst_attack_min_max = {
    .name = "min_max",
    .summary = "off the mean, as far as no distance exceeds the largest honest one",
    .params = params,
    .needs = MST_ATTACK_MEAN | MST_ATTACK_STD | MST_ATTACK_DISTANCES,
    .plan = plan_round,
    .point = mst_attack_distance_point,
    .send = mst_attack_distance_send,
};
