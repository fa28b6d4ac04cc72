/* Sections `attack` and `aggregate`, in the terms of core/robust. */
#include "jobs/robust.h"

#include <string.h>

#include "jobs/options.h"

mst_status mst_job_attack(const mst_experiment *e, mst_attack_spec *attack) {
  *attack = (mst_attack_spec){.seed = mst_job_seed(e)};
  MST_TRY(mst_family_read(&mst_family_attacks, e, attack));
  if (strcmp(attack->name, "none") == 0) attack->name = NULL;
  attack->count = mst_experiment_int(e, "attack.count");
  if (attack->name == NULL && attack->count > 0)
    return mst_experiment_refuse(e, "attack.count", "but attack.name is none: choose an attack");
  if (attack->name != NULL && !mst_experiment_is_set(e, "attack.count"))
    return mst_experiment_refuse(e, "attack.count", "say how many clients attack");
  return MST_OK;
}

mst_status mst_job_rule(const mst_experiment *e, mst_rule_spec *rule, mst_mixer_spec *mixer,
                        int *mixers) {
  *rule = (mst_rule_spec){.seed = mst_job_seed(e)};
  MST_TRY(mst_family_read(&mst_family_rules, e, rule));
  rule->byzantine = mst_experiment_int(e, "aggregate.byzantine");
  *mixers = mst_experiment_count(e, "aggregate.pre");
  for (int i = 0; i < *mixers; i++) {
    mixer[i] = (mst_mixer_spec){.byzantine = rule->byzantine, .seed = rule->seed};
    MST_TRY(mst_family_read_at(&mst_family_mixers, e, i, &mixer[i]));
  }
  return MST_OK;
}
