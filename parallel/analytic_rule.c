/* The rule of analytic training: what is refused, what it takes of memory, and how clients'
 * messages pass attackers and the rule. doc/methods/analytic.md, "Clients that lie". */
#include "parallel/analytic_rule.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "parallel/attack.h"
#include "parallel/robust.h"
#include "parallel/transpose.h"

mst_rule_spec mst_analytic_rule(const mst_analytic_robust *r) {
  mst_rule_spec rule = r->rule;
  if (rule.name == NULL) rule.name = "mean";
  return rule;
}

bool mst_analytic_has_rule(const mst_analytic_robust *r) {
  return strcmp(mst_analytic_rule(r).name, "mean") != 0 || r->mixers > 0;
}

bool mst_analytic_robust_is_on(const mst_analytic_robust *r) {
  return mst_analytic_has_rule(r) || r->attack.name != NULL;
}

mst_stage mst_analytic_rule_stage(const mst_analytic_robust *r) {
  const mst_rule_spec rule = mst_analytic_rule(r);
  const mst_rule_ops *ops = mst_rule_find(rule.name);
  const bool looks = r->mixers > 0 || (ops != NULL && ops->weigh != NULL);
  return (mst_stage){.name = rule.name,
                     .slot = MST_SLOT_AGGREGATE,
                     .traits = MST_TRAIT_SINGLE | (looks ? MST_TRAIT_DISTANCES : 0)};
}

static mst_status check_attack(const mst_analytic_robust *r, const mst_analytic_options *o,
                               int64_t clients) {
  const mst_attack_spec *a = &r->attack;
  if (a->name == NULL) return MST_OK;
  MST_TRY(mst_attack_check(a, clients));
  if (o->secure.kind != MST_MASK_NONE)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s: attacks are played on the statistics of single clients, and "
                    "masks leave none to be read: leave out one of attack and secure",
                    a->name);
  const int needs = mst_attack_needs(a);
  if ((needs & MST_ATTACK_TARGET) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s tells each neighbour something else, but here all clients "
                    "send to one server: choose another (see muster list attacks)",
                    a->name);
  if ((needs & MST_ATTACK_MEMORY) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s learns over rounds, and there is one: set attack.warmup: 0, "
                    "or choose another",
                    a->name);
  return MST_OK;
}

mst_status mst_analytic_robust_check(const mst_analytic_robust *r, const mst_analytic_options *o,
                                     int64_t clients, int64_t with_rows) {
  const mst_rule_spec rule = mst_analytic_rule(r);
  if (r->mixers < 0 || r->mixers > MST_ANALYTIC_MIXERS)
    return mst_fail(MST_ERR_INPUT, "aggregate.pre has %d mixers; at most %d are allowed", r->mixers,
                    MST_ANALYTIC_MIXERS);
  if (!mst_analytic_robust_is_on(r)) return MST_OK;
  mst_status st = mst_aggregate_check(&rule, r->mixer, r->mixers, with_rows);
  if (st != MST_OK)
    return mst_fail_within(st, "the statistics of %lld clients with rows: ", (long long)with_rows);
  if ((mst_rule_find(rule.name)->needs & (MST_RULE_ROOT | MST_RULE_LOSSES)) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "aggregate.rule: %s compares with a vector that the server trusts, and the "
                    "server has no statistics of its own: choose another",
                    rule.name);
  return check_attack(r, o, clients);
}

int64_t mst_analytic_entries(int64_t order) {
  return order * (order + 1) / 2 - 1;
}

/* Clients with rows of the rank that has most, as the roster shares clients out: a rank begins at
 * the border that is nearest to its part of the rows. */
static int64_t most_clients(const mst_roster *r, int ranks) {
  int64_t most = 0, here = 0;
  int rank = 0;
  for (int64_t k = 0; k < r->clients; k++) {
    const int64_t first = r->client_first[k], end = r->client_first[k + 1];
    if (first == end) continue;
    for (; rank + 1 < ranks && 2 * mst_share_begin(r->rows, rank + 1, ranks) <= first + end; rank++)
      here = 0;
    most = mst_most(most, ++here);
  }
  return most;
}

static int64_t clients_with_rows(const mst_roster *r) {
  int64_t n = 0;
  for (int64_t k = 0; k < r->clients; k++) n += r->client_first[k] < r->client_first[k + 1];
  return n;
}

int64_t mst_analytic_robust_bytes(const mst_analytic_robust *r, int ranks, const mst_roster *roster,
                                  int64_t features, int64_t outputs) {
  if (!mst_analytic_robust_is_on(r)) return 0;
  const int64_t order = features + outputs + 1, entries = mst_analytic_entries(order);
  const int64_t mine = most_clients(roster, ranks), points = clients_with_rows(roster) + 3;
  int64_t bytes = 8 * (entries + 2 * order) * (mine + 1) +
                  8 * order * (order + MST_BLOCK_ROWS + 1) + 32 * points * (points - 1) / 2 +
                  16 * points * points + (ranks > 1 ? 4 * MST_TRANSPOSE_BUCKET : 0);
  if (r->attack.name == NULL) return bytes;
  if ((mst_attack_needs(&r->attack) & MST_ATTACK_LABELS) != 0) bytes += 4 * roster->rows;
  return bytes + 4 * entries * mine + mst_attackers_bytes(&r->attack, entries);
}

/* A message on its way to the rule. */
typedef struct asking {
  const mst_analytic_message *message;
  float *sent, **row; /* (n, m) while attackers look at it         */
  mst_rule_spec rule;
  mst_mixer_spec mixer[MST_ANALYTIC_MIXERS];
} asking;

static mst_robust_options options_of(const asking *a) {
  return (mst_robust_options){
      .mixer = a->mixer, .mixers = a->message->robust->mixers, .client = a->message->client};
}

/* For a search: what the vectors as they are would come to. */
static mst_status try_out(void *user, float *out) {
  const asking *a = user;
  const mst_analytic_message *m = a->message;
  const mst_robust_options o = options_of(a);
  return mst_aggregate_rows(m->team, &a->rule, &o, m->n, m->m, (const float *const *)a->row, out,
                            NULL);
}

/* Attackers look at single precision, and honest vectors keep what they have. Collective. */
static mst_status let_act(asking *a, mst_attackers *attackers) {
  const mst_analytic_message *m = a->message;
  mst_status st = mst_alloc(&a->sent, m->n * m->m, sizeof *a->sent, "what clients send");
  if (st == MST_OK) st = mst_alloc(&a->row, m->n, sizeof *a->row, "what clients send");
  MST_TRY(mst_team_agree(m->team, st));
  for (int64_t j = 0; j < m->n * m->m; j++) a->sent[j] = (float)m->vector[j];
  for (int64_t i = 0; i < m->n; i++) a->row[i] = a->sent + i * m->m;
  const mst_attack_round round = {.round = m->round,
                                  .n_mine = m->n,
                                  .client = m->client,
                                  .row = a->row,
                                  .aggregate = try_out,
                                  .user = a};
  MST_TRY(mst_attackers_act(attackers, &round));
  for (int64_t i = 0; i < m->n; i++)
    for (int64_t j = 0; j < m->m && mst_attackers_has(attackers, m->client[i]); j++)
      m->vector[i * m->m + j] = (double)a->sent[i * m->m + j];
  return MST_OK;
}

/* The report's vectors are numbered as the clients with rows. */
static void note_report(const mst_roster *r, const mst_attackers *attackers,
                        const mst_robust_report *report, mst_analytic_trust *trust) {
  const bool weighed = report->weight != NULL;
  trust->sent = report->n;
  trust->excluded = report->excluded;
  trust->attackers = 0;
  trust->attackers_weight = weighed ? 0 : NAN;
  for (int64_t k = 0, i = 0; k < r->clients; k++) {
    if (r->client_first[k] == r->client_first[k + 1]) continue;
    const bool hostile = attackers != NULL && mst_attackers_has(attackers, k);
    trust->attackers += hostile;
    if (hostile && weighed) trust->attackers_weight += report->weight[i];
    i++;
  }
}

mst_status mst_analytic_ask(const mst_analytic_message *m, double *result,
                            mst_analytic_trust *trust) {
  const mst_attack_spec *attack = &m->robust->attack;
  asking a = {.message = m, .rule = mst_analytic_rule(m->robust)};
  mst_attackers *attackers = NULL;
  mst_robust_report report = {.rule = NULL};
  a.rule.round = m->round;
  memcpy(a.mixer, m->robust->mixer, sizeof a.mixer);
  for (int i = 0; i < m->robust->mixers; i++) a.mixer[i].round = m->round;
  mst_status st = MST_OK;
  if (attack->name != NULL)
    st = mst_attackers_create(m->team, attack, m->roster->clients, m->m, &attackers);
  if (st == MST_OK && attackers != NULL && !mst_attackers_flip_labels(attackers))
    st = let_act(&a, attackers);
  if (st == MST_OK) {
    const mst_robust_options o = options_of(&a);
    st = mst_aggregate_f64(m->team, &a.rule, &o, m->n, m->m, m->vector, result, &report);
  }
  if (st == MST_OK) note_report(m->roster, attackers, &report, trust);
  mst_robust_report_clear(&report);
  mst_attackers_destroy(attackers);
  mst_free(a.sent);
  mst_free((void *)a.row);
  return st;
}
