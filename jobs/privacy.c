/* Budgets of jobs: noise, ledger, secret, record. */
#include "jobs/privacy.h"

#include <string.h>
#include <sys/stat.h>

#include "core/privacy/calibrate.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/options.h"
#include "jobs/output.h"
#include "jobs/record.h"
#include "jobs/say.h"

mst_status mst_privacy_read(mst_privacy *p, mst_job_context *context) {
  const mst_experiment *e = context->experiment;
  bool epsilon = mst_experiment_is_set(e, "privacy.epsilon");
  p->context = context;
  MST_TRY(mst_family_read(&mst_family_accountants, e, &p->account));
  bool replace = strcmp(mst_experiment_word(e, "privacy.adjacency"), "replace_one") == 0;
  p->budget =
      (mst_budget){.epsilon = mst_experiment_real(e, "privacy.epsilon"),
                   .delta = mst_experiment_real(e, "privacy.delta"),
                   .adjacency = replace ? MST_ADJACENCY_REPLACE_ONE : MST_ADJACENCY_ADD_REMOVE};
  p->clip = mst_experiment_real(e, "privacy.clip");
  p->sigma = mst_experiment_real(e, "privacy.sigma");
  p->hardened = strcmp(mst_experiment_word(e, "privacy.noise"), "hardened") == 0;
  if (epsilon == mst_experiment_is_set(e, "privacy.sigma"))
    return mst_experiment_refuse(e, epsilon ? "privacy.sigma" : "privacy.epsilon",
                                 "give one of privacy.epsilon and privacy.sigma");
  return MST_OK;
}

void mst_privacy_close(mst_privacy *p) {
  mst_ledger_close(p->ledger);
  p->ledger = NULL;
  mst_secret_wipe(&p->secret);
  mst_text_free(&p->ledger_path);
}

int64_t mst_privacy_population(const mst_privacy *p, int64_t rows) {
  const mst_experiment *e = p->context->experiment;
  return mst_experiment_is_set(e, "privacy.population")
             ? mst_experiment_int(e, "privacy.population")
             : rows;
}

static void scale(mst_privacy *p, double factor) {
  for (int k = 0; k < p->kinds; k++) {
    if (p->kind[k].mechanism == MST_MECHANISM_PURE)
      p->kind[k].noise /= factor;
    else
      p->kind[k].noise *= factor;
  }
}

/* The factor from the budget, and what is spent. Local, on one rank. */
static mst_status find_noise(mst_privacy *p) {
  double delta = MST_DELTA_COUNTED * p->budget.delta;
  mst_events list = {.event = p->kind, .n = p->kinds, .adjacency = p->budget.adjacency};
  if (p->budget.epsilon > 0) {
    MST_TRY(mst_calibrate_noise(&p->account, &list, p->budget.epsilon, delta, 0, &p->sigma,
                                &p->planned));
  } else {
    mst_privacy scaled = *p;
    scale(&scaled, p->sigma);
    list.event = scaled.kind;
    MST_TRY(mst_account_epsilon(&p->account, &list, delta, &p->planned));
  }
  if (p->planned.estimate)
    return mst_experiment_refuse(p->context->experiment, "privacy.accountant",
                                 "%s only estimates, and what it says may be too little to be "
                                 "charged; choose pld",
                                 p->account.name);
  return MST_OK;
}

mst_status mst_privacy_plan(mst_privacy *p) {
  mst_team *team = p->context->team;
  const mst_experiment *e = p->context->experiment;
  if (mst_experiment_is_set(e, "privacy.budget") && !mst_experiment_is_set(e, "privacy.ledger"))
    return mst_experiment_refuse(e, "privacy.budget", "without privacy.ledger no run shares it");
  MST_TRY(mst_team_agree(team, mst_team_rank(team) == 0 ? find_noise(p) : MST_OK));
  MST_TRY(mst_team_bcast(team, &p->sigma, sizeof p->sigma, 0));
  MST_TRY(mst_team_bcast(team, &p->planned, sizeof p->planned, 0));
  scale(p, p->sigma);
  return MST_OK;
}

static double budget_of_ledger(const mst_privacy *p, bool shared) {
  const mst_experiment *e = p->context->experiment;
  if (mst_experiment_is_set(e, "privacy.budget")) return mst_experiment_real(e, "privacy.budget");
  struct stat about; /* an empty file is what a full disk left of one that was to begin */
  if (shared && stat(p->ledger_path.at, &about) == 0 && about.st_size > 0)
    return 0; /* what it says */
  return p->budget.epsilon > 0 ? p->budget.epsilon : p->planned.epsilon;
}

mst_status mst_privacy_open(mst_privacy *p) {
  const mst_experiment *e = p->context->experiment;
  mst_team *team = p->context->team;
  bool shared = mst_experiment_is_set(e, "privacy.ledger");
  mst_status st =
      shared ? mst_text_add(&p->ledger_path, "%s", mst_experiment_path(e, "privacy.ledger"))
             : mst_text_add(&p->ledger_path, "%s.ledger", p->context->run_path);
  MST_TRY(mst_team_agree(team, st));
  mst_ledger_run run = {.path = p->ledger_path.at,
                        .name = p->context->run_path,
                        .shared = shared,
                        .resume = p->context->resume,
                        .budget = p->budget,
                        .spec = p->account};
  run.budget.epsilon = budget_of_ledger(p, shared);
  MST_TRY(mst_ledger_open(team, &run, &p->ledger));
  p->charged = mst_ledger_charged(p->ledger);
  double before = p->kind[0].noise;
  for (int k = 0; k < p->kinds; k++) MST_TRY(mst_ledger_match(p->ledger, &p->kind[k]));
  p->sigma *= p->kind[0].noise / before;
  return MST_OK;
}

mst_status mst_privacy_allow(mst_privacy *p, const mst_event *left, int64_t n) {
  int64_t count = 0;
  if (left == NULL) left = p->kind, n = p->kinds;
  for (int64_t k = 0; k < n; k++) count += left[k].count;
  return count > 0 ? mst_ledger_allow(p->ledger, left, n) : MST_OK;
}

mst_status mst_privacy_charge(mst_privacy *p, int kind, int64_t count, const int64_t *left) {
  mst_event now = p->kind[kind], planned[MST_PRIVACY_KINDS];
  now.count = count;
  for (int k = 0; k < p->kinds; k++) {
    planned[k] = p->kind[k];
    planned[k].count = left[k];
  }
  return mst_ledger_charge(p->ledger, &now, planned, p->kinds);
}

double mst_privacy_delta_kept(const mst_privacy *p) {
  double kept = (1 - MST_DELTA_COUNTED) * p->budget.delta, k = 0;
  if (!mst_experiment_is_set(p->context->experiment, "privacy.ledger")) return kept;
  if (p->ledger != NULL) k = (double)mst_ledger_number(p->ledger);
  return kept / ((k + 1) * (k + 2)); /* 1 / (1 2) + 1 / (2 3) + ... is 1 */
}

mst_status mst_privacy_secret(mst_privacy *p) {
  mst_status st = MST_OK;
  mst_team *team = p->context->team;
  const mst_experiment *e = p->context->experiment;
  if (mst_experiment_bool(e, "privacy.test_key")) {
    p->secret = mst_secret_test(mst_job_seed(e));
    mst_say(team,
            "privacy.test_key: samples and noise follow from the seed, which protects nobody");
    return MST_OK;
  }
  if (mst_team_rank(team) == 0) st = mst_secret_fresh(&p->secret);
  MST_TRY(mst_team_agree(team, st));
  return mst_team_bcast(team, &p->secret, sizeof p->secret, 0);
}

mst_status mst_privacy_estimate(const mst_privacy *p) {
  MST_TRY(mst_job_estimate_real(p->context, "sigma", p->sigma));
  MST_TRY(mst_job_estimate_real(p->context, "epsilon", p->planned.epsilon));
  return mst_job_estimate_real(p->context, "delta", p->budget.delta);
}

/* Arrays of an entry a kind. */
typedef struct table {
  int64_t kind[4 * MST_PRIVACY_KINDS], releases[MST_PRIVACY_KINDS];
  double noise[MST_PRIVACY_KINDS], sensitivity[MST_PRIVACY_KINDS], rate[MST_PRIVACY_KINDS];
} table;

static void fill(const mst_privacy *p, table *t) {
  for (int k = 0; k < p->kinds; k++) {
    const mst_event *e = &p->kind[k];
    const int64_t kind[4] = {e->mechanism, e->sampling, e->n, e->m};
    memcpy(t->kind + (ptrdiff_t)4 * k, kind, sizeof kind);
    t->releases[k] = e->count;
    t->noise[k] = e->noise;
    t->sensitivity[k] = e->sensitivity;
    t->rate[k] = e->q;
  }
}

mst_status mst_privacy_record(mst_privacy *p) {
  table t;
  mst_state state;
  mst_spent own, all;
  MST_TRY(mst_ledger_spent(p->ledger, false, &own));
  MST_TRY(mst_ledger_spent(p->ledger, true, &all));
  int64_t one = 1, three = 3, n = p->kinds, wide[2] = {n, 4};
  double spent[3] = {own.epsilon, all.epsilon, p->budget.delta};
  fill(p, &t);
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "kind", MST_I64, 2, wide, t.kind);
  if (st == MST_OK) st = mst_state_add(&state, "noise", MST_F64, 1, &n, t.noise);
  if (st == MST_OK) st = mst_state_add(&state, "sensitivity", MST_F64, 1, &n, t.sensitivity);
  if (st == MST_OK) st = mst_state_add(&state, "rate", MST_F64, 1, &n, t.rate);
  if (st == MST_OK) st = mst_state_add(&state, "releases", MST_I64, 1, &n, t.releases);
  if (st == MST_OK) st = mst_state_add(&state, "clip", MST_F64, 1, &one, &p->clip);
  if (st == MST_OK) st = mst_state_add(&state, "spent", MST_F64, 1, &three, spent);
  mst_job_context *c = p->context;
  MST_TRY(mst_record_group(c->team, c->runfile, st, "privacy", &state));
  MST_TRY(mst_job_result(c, "epsilon", own.epsilon, false));
  MST_TRY(mst_job_result(c, "delta", p->budget.delta, false));
  MST_TRY(mst_job_result(c, "sigma", p->sigma, false));
  MST_TRY(mst_job_result(c, "ledger_epsilon", all.epsilon, false));
  return mst_job_result(c, "ledger_budget", mst_ledger_budget(p->ledger).epsilon, false);
}
