/* The table of attacks, the checks that hold for all of them, and what of an attack is no member's:
 * who attacks, what is seen of the honest vectors, labels, the search along a line. */
#include "core/robust/attack.h"

#include "core/base/registry.h"
#include "core/robust/attack_member.h"

static const mst_attack_ops *const TABLE[] = {
    &mst_attack_sign_flip, &mst_attack_label_flip, &mst_attack_alie,     &mst_attack_ipm,
    &mst_attack_mimic,     &mst_attack_min_max,    &mst_attack_min_sum,  &mst_attack_gaussian,
    &mst_attack_nan,       &mst_attack_inf,        &mst_attack_constant, &mst_attack_free_rider,
    &mst_attack_dissensus,
};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_attack_ops *mst_attack_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_attack_ops *mst_attack_find(const char *name) {
  return mst_attack_at(mst_registry_find(name_at, name));
}

mst_status mst_attack_check(const mst_attack_spec *s, int64_t clients) {
  const mst_attack_ops *ops = mst_attack_find(s->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "attack.name", s->name);
  MST_TRY(mst_param_check(ops->params, s, "attack"));
  if (s->count < 0 || s->count > clients)
    return mst_fail(MST_ERR_INPUT, "attack.count is %lld; choose 0 .. %lld, the number of clients",
                    (long long)s->count, (long long)clients);
  return MST_OK;
}

int mst_attack_needs(const mst_attack_spec *s) {
  const mst_attack_ops *ops = mst_attack_find(s->name);
  return ops->unneeded != NULL ? ops->needs & ~ops->unneeded(s) : ops->needs;
}

void mst_attack_clients(uint64_t seed, int64_t clients, int64_t count, int64_t *attacker) {
  mst_stream stream = mst_stream_of(mst_key_make(seed, MST_PURPOSE_ATTACK, 0, 0));
  mst_stream_subset(&stream, clients, count, attacker);
}

#define MOMENTS(name, real)                                                            \
  void name(int64_t n, int64_t m, const real *const *row, double *mean, double *std) { \
    for (int64_t c = 0; c < m; c++) mean[c] = std[c] = 0;                              \
    for (int64_t i = 0; i < n; i++)                                                    \
      for (int64_t c = 0; c < m; c++) mean[c] += (double)row[i][c];                    \
    for (int64_t c = 0; n > 0 && c < m; c++) mean[c] /= (double)n;                     \
    for (int64_t i = 0; n > 1 && i < n; i++)                                           \
      for (int64_t c = 0; c < m; c++) {                                                \
        const double away = (double)row[i][c] - mean[c];                               \
        std[c] += away * away;                                                         \
      }                                                                                \
    for (int64_t c = 0; n > 1 && c < m; c++) std[c] = sqrt(std[c] / (double)(n - 1));  \
  }
MOMENTS(mst_attack_moments_f32, float)
MOMENTS(mst_attack_moments_f64, double)

void mst_attack_flip_labels(int64_t n, int64_t classes, const int32_t *label, int32_t *out) {
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)(classes - 1 - label[i]);
}

mst_status mst_attack_plan_make(const mst_attack_spec *s, const mst_attack_scene *scene,
                                double *work, mst_attack_memory *memory, mst_attack_plan *plan) {
  const mst_attack_ops *ops = mst_attack_find(s->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "attack.name", s->name);
  plan->factor = 0;
  plan->row = -1;
  return ops->plan != NULL ? ops->plan(s, scene, work, memory, plan) : MST_OK;
}

/* ByzFL's search: steps double while the harm grows; from the first that does not help on, every
 * step is shorter than the one before, and starts from the best factor so far. */
mst_status mst_attack_search(const mst_attack_spec *s, const mst_attack_scene *scene,
                             mst_attack_plan *plan) {
  if (scene->damage == NULL)
    return mst_fail(MST_ERR_INTERNAL, "a search of %s was given nothing to ask", s->name);
  double best = s->start, most = 0, step = s->step;
  bool grows = true;
  for (int64_t i = 0; i < s->evaluations; i++) {
    double damage = 0;
    plan->factor = i == 0 ? best : best + step;
    MST_TRY(scene->damage(scene->user, plan, &damage));
    const bool better = i == 0 || damage > most || (isnan(most) && !isnan(damage));
    if (better) {
      best = plan->factor;
      most = damage;
    }
    if (i == 0) continue;
    grows = grows && better;
    step *= grows ? 2 : s->contraction;
  }
  plan->factor = best;
  return MST_OK;
}
