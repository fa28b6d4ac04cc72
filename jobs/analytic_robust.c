/* Sections `aggregate` and `attack` of the analytic job: read, checked, reported. */
#include "jobs/analytic_robust.h"

#include <math.h>
#include <string.h>

#include "jobs/figures.h"
#include "jobs/robust.h"
#include "jobs/say.h"

_Static_assert(MST_ANALYTIC_MIXERS >= MST_FAMILY_LIST, "room for all mixers that can be chosen");

/* The plain mean of all is the job's own sum: then nothing is asked of rules. */
mst_status mst_job_analytic_robust_read(mst_job_analytic_robust *r, const mst_experiment *e,
                                        bool privacy, mst_pipeline *pipeline) {
  mst_analytic_robust *o = &r->options;
  MST_TRY(mst_job_rule(e, &o->rule, o->mixer, &o->mixers));
  MST_TRY(mst_job_attack(e, &o->attack));
  r->on = mst_analytic_robust_is_on(o);
  const bool rule = mst_analytic_has_rule(o);
  if (rule && !mst_experiment_is_set(e, "aggregate.byzantine"))
    return mst_experiment_refuse(e, "aggregate.byzantine",
                                 "say how many clients may send anything, so that %s is known to "
                                 "withstand them",
                                 o->rule.name);
  if (r->on && privacy)
    return mst_experiment_refuse(e, rule ? "aggregate.rule" : "attack.name",
                                 "the noise of private statistics is measured by what one client "
                                 "changes in their sum, which says nothing of what a rule makes of "
                                 "single ones: leave out one of them");
  if (!rule) return MST_OK;
  r->stage = mst_analytic_rule_stage(o);
  pipeline->slot[MST_SLOT_AGGREGATE] = NULL;
  return mst_pipeline_put(pipeline, &r->stage);
}

mst_status mst_job_analytic_robust_plan(mst_job_analytic_robust *r, const mst_job_data *data,
                                        const mst_analytic_options *options) {
  if (!r->on) return MST_OK;
  MST_TRY(mst_analytic_robust_check(&r->options, options, data->clients, data->clients_with_rows));
  r->bytes = mst_analytic_robust_bytes(&r->options, mst_job_ranks(data->context),
                                       data->train.roster, data->features->width, data->outputs);
  if (mst_analytic_has_rule(&r->options) && strcmp(data->partition.name, "iid") != 0)
    mst_say(
        data->team,
        "clients.partition is %s: honest clients' statistics then differ too, and what %s makes "
        "of them may be far from the pooled ones%s",
        data->partition.name, r->options.rule.name,
        r->options.mixers == 0 ? "; aggregate.pre: [nnm] brings them nearer" : "");
  return MST_OK;
}

mst_status mst_job_analytic_robust_results(const mst_job_analytic_robust *r,
                                           mst_job_context *context) {
  if (!r->on) return MST_OK;
  const bool attacked = r->options.attack.name != NULL;
  const mst_job_count figure[] = {{"contributions", r->trust.sent - r->trust.excluded},
                                  {"excluded", r->trust.excluded},
                                  {attacked ? "attackers" : NULL, r->trust.attackers},
                                  {NULL, 0}};
  MST_TRY(mst_job_results(context, figure));
  if (!attacked || isnan(r->trust.attackers_weight)) return MST_OK;
  return mst_job_result(context, "attackers_weight", r->trust.attackers_weight, false);
}
