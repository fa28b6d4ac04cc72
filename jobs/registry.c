/* The jobs that experiments can name, and which one an experiment names. */
#include <string.h>

#include "core/base/word.h"
#include "jobs/job.h"
#include "jobs/options.h"

static const mst_job_ops *const jobs[] = {&mst_job_analytic, &mst_job_federated, &mst_job_train,
                                         &mst_job_private,
                                         &mst_job_decentralised, &mst_job_bandit,
                                         &mst_job_tuning, &mst_job_treatment, &mst_job_low_rank_rl,
                                         &mst_job_identify, &mst_job_local_regression, &mst_job_off_policy, &mst_job_pca, &mst_job_ease, &mst_job_naive_bayes,
                                         &mst_job_sketch};

const mst_job_ops *mst_job_at(int i) {
  return i >= 0 && i < (int)(sizeof jobs / sizeof jobs[0]) ? jobs[i] : NULL;
}

const mst_job_ops *mst_job_find(const char *name) {
  for (int i = 0; mst_job_at(i) != NULL; i++)
    if (strcmp(jobs[i]->name, name) == 0) return jobs[i];
  return NULL;
}

static const char *job_name(int i) {
  return mst_job_at(i) != NULL ? jobs[i]->name : NULL;
}

mst_status mst_job_choose(const mst_draft *draft, const mst_job_ops **job) {
  static const mst_key_spec key = {
      .key = "job", .type = MST_KEY_WORD, .fallback = MST_KEY_REQUIRED};
  const char *name = NULL;
  bool overridden;
  MST_TRY(mst_draft_word(draft, &key, &name, &overridden));
  if (name == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "%s: job: missing; say what to run, such as 'job: %s' (see muster list jobs)",
                    mst_draft_name(draft), job_name(0));
  *job = mst_job_find(name);
  return *job != NULL
             ? MST_OK
             : mst_draft_refuse(draft, "job",
                                "which is no job; the nearest is %s (see muster list jobs)",
                                mst_word_nearest(name, job_name));
}

mst_status mst_job_experiment(const char *text, const char *name, const char *const *override,
                              int n_override, const mst_job_ops **job, mst_job_schema *schema,
                              mst_experiment **out) {
  mst_draft *draft = NULL;
  *out = NULL;
  MST_TRY(mst_draft_read(text, name, override, n_override, &draft));
  mst_status st = mst_job_choose(draft, job);
  if (st == MST_OK) st = mst_job_schema_for(draft, *job, schema);
  mst_draft_free(draft);
  MST_TRY(st);
  return mst_experiment_parse(text, name, override, n_override, &schema->schema, out);
}
