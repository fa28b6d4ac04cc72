/* What an experiment says of clients that attack, and of the rules that withstand them: sections
 * `attack` and `aggregate`, whose families the job has. */
#ifndef MST_JOBS_ROBUST_H
#define MST_JOBS_ROBUST_H

#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "io/experiment.h"
#include "jobs/family.h"

/* The keys that the families do not have, for the table of a job whose rules take WHAT
 * ("messages of a round"). */
#define MST_KEYS_ROBUST(WHAT)                                                                     \
  {.key = "aggregate.byzantine",                                                                  \
   .type = MST_KEY_INT,                                                                           \
   .min = 0,                                                                                      \
   .max = MST_RULE_ROWS,                                                                          \
   .unit = "clients",                                                                             \
   .help = "most " WHAT " that may be anything; rules need it"},                                  \
  {                                                                                               \
    .key = "attack.count", .type = MST_KEY_INT, .min = 0, .max = 2147483647.0, .unit = "clients", \
    .help = "clients that attack, of all; attacks need it"                                        \
  }

/** The attack; name NULL when nobody attacks. MST_ERR_INPUT for a count without an attack, or an
 *  attack without a count. Local. */
mst_status mst_job_attack(const mst_experiment *e, mst_attack_spec *attack) MST_CHECKED;

/** The rule, and the mixer(MST_FAMILY_LIST) before it: *mixers of them, all with
 * aggregate.byzantine and the experiment's seed. Local. */
mst_status mst_job_rule(const mst_experiment *e, mst_rule_spec *rule, mst_mixer_spec *mixer,
                        int *mixers) MST_CHECKED;

#endif
