/* The table of rules and the checks that hold for all of them. */
#include "core/robust/rule.h"

#include "core/base/registry.h"
#include "core/robust/member.h"

static const mst_rule_ops *const TABLE[] = {&mst_rule_mean, &mst_rule_median,
                                            &mst_rule_trimmed_mean, &mst_rule_meamed,
                                            &mst_rule_krum, &mst_rule_multi_krum,
                                            &mst_rule_bulyan, &mst_rule_geometric_median,
                                            &mst_rule_centered_clipping, &mst_rule_mda,
                                            &mst_rule_smea, &mst_rule_caf, &mst_rule_nna,
                                            &mst_rule_dnc, &mst_rule_fltrust, &mst_rule_zeno,
                                            &mst_rule_signguard};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_rule_ops *mst_rule_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_rule_ops *mst_rule_find(const char *name) {
  return mst_rule_at(mst_registry_find(name_at, name));
}

mst_status mst_rule_check(const mst_rule_spec *s, int64_t n) {
  const mst_rule_ops *ops = mst_rule_find(s->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "aggregate.rule", s->name);
  MST_TRY(mst_param_check(ops->params, s, "aggregate"));
  if (s->byzantine < 0)
    return mst_fail(MST_ERR_INPUT, "aggregate.byzantine is %lld; allowed are 0 and more",
                    (long long)s->byzantine);
  if (n > MST_RULE_ROWS)
    return mst_fail(MST_ERR_INPUT, "%lld vectors; a rule takes at most %d", (long long)n,
                    MST_RULE_ROWS);
  /* A larger f than vectors is refused before `least` could overflow. */
  const int64_t f = mst_least(s->byzantine, MST_RULE_ROWS), least = ops->least(f);
  if (n < least)
    return mst_fail(MST_ERR_INPUT,
                    "%s with aggregate.byzantine: %lld needs at least %lld vectors, there are %lld",
                    s->name, (long long)s->byzantine, (long long)least, (long long)n);
  return ops->check != NULL ? ops->check(s, n) : MST_OK;
}
