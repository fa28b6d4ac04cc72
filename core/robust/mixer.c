/* The table of mixers, the checks that hold for all of them, and what several of them do. */
#include "core/robust/mixer.h"

#include <math.h>

#include "core/base/registry.h"

static const mst_mixer_ops *const TABLE[] = {&mst_mixer_nnm, &mst_mixer_bucketing,
                                             &mst_mixer_clipping, &mst_mixer_arc};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_mixer_ops *mst_mixer_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_mixer_ops *mst_mixer_find(const char *name) {
  return mst_mixer_at(mst_registry_find(name_at, name));
}

mst_status mst_mixer_check(const mst_mixer_spec *s, int64_t n) {
  const mst_mixer_ops *ops = mst_mixer_find(s->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "aggregate.pre", s->name);
  MST_TRY(mst_param_check(ops->params, s, "aggregate"));
  if (s->byzantine < 0)
    return mst_fail(MST_ERR_INPUT, "aggregate.byzantine is %lld; allowed are 0 and more",
                    (long long)s->byzantine);
  if (n > MST_RULE_ROWS)
    return mst_fail(MST_ERR_INPUT, "%lld vectors; %s takes at most %d", (long long)n, s->name,
                    MST_RULE_ROWS);
  const int64_t least = mst_rule_majority(mst_least(s->byzantine, MST_RULE_ROWS));
  if (n < least)
    return mst_fail(MST_ERR_INPUT,
                    "%s with aggregate.byzantine: %lld needs at least %lld vectors, there are %lld",
                    s->name, (long long)s->byzantine, (long long)least, (long long)n);
  return MST_OK;
}

int64_t mst_mixer_count_all(const mst_mixer_spec *s, int64_t n) {
  (void)s;
  return n;
}

void mst_mixer_shorten(const mst_rule_view *v, double bound, double *matrix) {
  for (int64_t i = 0; i < v->n; i++) {
    double *row = matrix + i * v->points;
    const double norm = sqrt(v->distance[i * v->points + v->zero]);
    for (int64_t j = 0; j < v->points; j++) row[j] = 0;
    row[i] = norm > bound ? bound / norm : 1;
    row[v->zero] = 1 - row[i];
  }
}
