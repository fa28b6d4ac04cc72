/* A little is enough (Baruch, Baruch, Goldberg 2019): the mean of the honest vectors moved by z
 * standard deviations, z such that in each coordinate as many honest vectors as make a majority
 * with the attackers are farther out. Kind: over columns; z is known from n and f, or given, or
 * searched for. */
#include "core/base/normal.h"
#include "core/robust/attack_member.h"

double mst_attack_alie_factor(int64_t n, int64_t byzantine) {
  const int64_t others = n - byzantine, supporters = mst_most(n / 2 + 1 - byzantine, 1);
  if (others <= supporters) return 0;
  return mst_normal_quantile((double)(others - supporters) / (double)others);
}

static mst_status plan_round(const mst_attack_spec *s, const mst_attack_scene *scene, double *work,
                             mst_attack_memory *memory, mst_attack_plan *plan) {
  (void)work;
  (void)memory;
  if (s->search) return mst_attack_search(s, scene, plan);
  plan->factor = s->factor != 0 ? s->factor : mst_attack_alie_factor(scene->n, scene->byzantine);
  return MST_OK;
}

static int unneeded(const mst_attack_spec *s) {
  return s->search ? 0 : MST_ATTACK_SEARCH;
}

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  const double z = strcmp(s->side, "below") == 0 ? -plan->factor : plan->factor;
  for (int64_t i = 0; i < c->m; i++) out[i] = c->mean[i] + z * c->std[i];
}

static const mst_param params[] = {
    MST_ATTACK_REAL(factor, "0", 0, 0, false, "standard deviations",
                    "distance from the mean; 0 = from the numbers of vectors and attackers"),
    MST_ATTACK_WORD(side, "above", "above|below", "side of the mean"),
    MST_ATTACK_SEARCH_PARAMS,
    {.name = NULL}};

const mst_attack_ops mst_attack_alie = {
    .name = "alie",
    .summary = "the mean, moved by as many standard deviations as go unseen",
    .params = params,
    .needs = MST_ATTACK_MEAN | MST_ATTACK_STD | MST_ATTACK_SEARCH,
    .unneeded = unneeded,
    .plan = plan_round,
    .send = send,
};
