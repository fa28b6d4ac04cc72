/* The bandit job's section `privacy`. */
#include "jobs/bandit_private.h"

#include <string.h>

#include "core/base/digest.h"
#include "jobs/figures.h"
#include "jobs/options.h"

const mst_key_spec mst_keys_bandit_private[] = {
    {.key = "privacy.unit",
     .type = MST_KEY_WORD,
     .fallback = "interaction",
     .allowed = "interaction|agent",
     .unit = "",
     .help = "bandit: what neighbouring histories differ in: one interaction, or all of an agent"},
    {.key = NULL}};

mst_status mst_job_bandit_private_read(mst_job_bandit_private *p, mst_job_context *context,
                                       mst_bandit_options *options) {
  const mst_experiment *e = context->experiment;
  p->on = mst_experiment_knows(e, "privacy.delta");
  if (!p->on) return MST_OK;
  MST_TRY(mst_privacy_read(&p->budget, context));
  p->options.clip = p->budget.clip;
  p->options.hardened = p->budget.hardened;
  p->options.agents = strcmp(mst_experiment_word(e, "privacy.unit"), "agent") == 0;
  options->privacy = &p->options;
  if (mst_experiment_is_set(e, "privacy.population"))
    return mst_experiment_refuse(e, "privacy.population",
                                 "agents and rounds are public, and so are their numbers");
  return MST_OK;
}

/* Discrete noise is counted as the Gaussian noise that it is as near to as its grid is fine. */
static mst_status check_grid(const mst_job_bandit_private *p, const mst_bandit_options *o) {
  int shift = 0;
  int64_t bound = 0;
  if (!p->options.hardened) return MST_OK;
  MST_TRY(mst_bandit_private_grid(o, &shift, &bound));
  const double entries = (double)(o->environment.dimension * MST_BATCHES);
  const double distance =
      mst_discrete_distance(p->options.sigma * (double)bound, entries, p->budget.planned.epsilon);
  if (distance <= mst_privacy_delta_kept(&p->budget)) return MST_OK;
  return mst_experiment_refuse(p->budget.context->experiment, "privacy.noise",
                               "the grid is too coarse for so many batches at this delta; choose a "
                               "larger privacy.delta or a smaller budget");
}

/* An agent's releases: a tree over its batches, in one of which an interaction is. */
static mst_status make_tree(mst_job_bandit_private *p, const mst_bandit_options *o) {
  const mst_sampler_spec batches = {
      .kind = "cyclic", .batch = mst_bandit_period(o), .population = o->horizon, .kept = true};
  const mst_correlation_spec spec = {.kind = "tree", .restart = false};
  MST_TRY(mst_sampler_create(&batches, &p->sampler));
  MST_TRY(mst_correlation_create(&spec, p->sampler, mst_bandit_releases(o), &p->tree));
  p->options.tree = p->tree;
  return MST_OK;
}

/* All agents' trees are of interactions of their own, so together they cost what one does. */
static mst_status plan_tree(mst_job_bandit_private *p, const mst_bandit_options *o) {
  MST_TRY(mst_team_agree(p->budget.context->team, make_tree(p, o)));
  p->releases = 1;
  p->budget.kind[0] = mst_correlation_event(p->tree, 1);
  p->budget.kind[0].count = 1;
  p->budget.kinds = 1;
  MST_TRY(mst_privacy_plan(&p->budget));
  p->options.sigma = p->budget.sigma;
  return MST_OK;
}

mst_status mst_job_bandit_private_plan(mst_job_bandit_private *p, const mst_bandit_options *o) {
  int64_t length[MST_BATCHES], batches = 0;
  if (!p->on) return MST_OK;
  if (mst_protocol_find(o->protocol.kind)->online != NULL) return plan_tree(p, o);
  mst_protocol_schedule(o->agents, o->horizon, o->environment.dimension, o->protocol.batches,
                        &batches, length);
  p->releases = p->options.agents ? batches : 1;
  p->budget.kind[0] = (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN,
                                  .noise = 1,
                                  .sensitivity = 1,
                                  .sampling = MST_SAMPLING_NONE,
                                  .count = p->releases};
  p->budget.kinds = 1;
  MST_TRY(mst_privacy_plan(&p->budget));
  p->options.sigma = p->budget.sigma;
  return mst_team_agree(p->budget.context->team, check_grid(p, o));
}

static mst_status charge(void *context, int64_t release) {
  mst_job_bandit_private *p = context;
  const int64_t left = p->releases - release;
  return mst_privacy_charge(&p->budget, 0, 1, &left);
}

/* What the noise is for: another start must release the same sums, so all that the experiment says
 * must be the same. */
static mst_status describe(const mst_job_bandit_private *p, mst_text *of) {
  char noise[MST_NUMBER], hex[MST_DIGEST_HEX];
  const mst_job_context *c = p->budget.context;
  const char *text = mst_experiment_text(c->experiment);
  mst_digest digest;
  mst_digest_start(&digest);
  mst_digest_add(&digest, text, (int64_t)strlen(text));
  mst_digest_hex(&digest, hex);
  return mst_text_add(of, "bandit %s %s %lld %s", hex, mst_text_real(p->options.sigma, noise),
                      (long long)mst_ledger_number(p->budget.ledger), c->run_path);
}

static mst_status find_secret(mst_job_bandit_private *p) {
  mst_text of = MST_TEXT_EMPTY;
  mst_team *team = p->budget.context->team;
  if (p->file == NULL) return mst_privacy_secret(&p->budget);
  mst_status st = mst_team_agree(team, describe(p, &of));
  if (st == MST_OK && p->budget.charged > 0) {
    st = mst_secret_file_find(p->file, of.at, &p->budget.secret);
  } else if (st == MST_OK) {
    st = mst_privacy_secret(&p->budget);
    if (st == MST_OK) st = mst_secret_file_keep(p->file, &p->budget.secret, of.at);
  }
  mst_text_free(&of);
  return st;
}

mst_status mst_job_bandit_private_open(mst_job_bandit_private *p) {
  if (!p->on) return MST_OK;
  const mst_job_context *c = p->budget.context;
  if (!mst_experiment_bool(c->experiment, "privacy.test_key")) {
    MST_TRY(mst_team_agree(c->team, mst_text_add(&p->path, "%s.secret", c->run_path)));
    MST_TRY(mst_secret_file_open(c->team, p->path.at, &p->file));
  }
  MST_TRY(mst_privacy_open(&p->budget));
  p->options.sigma = p->budget.sigma;
  p->options.charged = p->budget.charged;
  p->options.charge = charge;
  p->options.context = p;
  mst_event left = p->budget.kind[0];
  left.count = p->releases > p->budget.charged ? p->releases - p->budget.charged : 0;
  MST_TRY(mst_privacy_allow(&p->budget, &left, 1));
  MST_TRY(find_secret(p));
  p->options.secret = p->budget.secret;
  return MST_OK;
}

mst_status mst_job_bandit_private_estimate(const mst_job_bandit_private *p) {
  if (!p->on) return MST_OK;
  const mst_job_count figure[] = {{"releases", p->releases}, {NULL, 0}};
  MST_TRY(mst_job_estimate(p->budget.context, figure));
  if (p->tree != NULL)
    MST_TRY(mst_job_estimate_real(p->budget.context, "sensitivity", p->budget.kind[0].sensitivity));
  return mst_privacy_estimate(&p->budget);
}

mst_status mst_job_bandit_private_end(mst_job_bandit_private *p) {
  if (!p->on) return MST_OK;
  MST_TRY(mst_privacy_record(&p->budget));
  return p->file != NULL ? mst_secret_file_remove(p->file) : MST_OK;
}

void mst_job_bandit_private_close(mst_job_bandit_private *p) {
  if (!p->on) return;
  mst_correlation_destroy(p->tree);
  mst_sampler_destroy(p->sampler);
  mst_secret_file_close(p->file);
  mst_privacy_close(&p->budget);
  mst_secret_wipe(&p->options.secret);
  mst_text_free(&p->path);
}
