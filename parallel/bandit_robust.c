/* Batches with agents that lie: what attackers gathered is replaced by what they send, and a robust
 * rule makes one vector of all, N times which stands for the sum. In a batch agents gather alike,
 * so their vectors are what rules are made for. doc/methods/robust.md, attacks.md. */
#include <string.h>

#include "core/base/memory.h"
#include "parallel/attack.h"
#include "parallel/bandit_stages.h"
#include "parallel/robust.h"

struct mst_bandit_robust {
  mst_rule_spec rule;
  mst_mixer_spec mixer[MST_BANDIT_MIXERS];
  mst_attackers **attackers; /* (replicates); NULL: nobody attacks                      */
  int64_t *client;           /* (count) agents of this rank's tracks                    */
  float *sent, **row;        /* (count, n) what agents send, while attackers look at it */
  float *last, *tried;       /* (n) the last mean; what a search would come to          */
  double *previous;          /* (n) the last mean                                       */
};

static mst_rule_spec rule_of(const mst_bandit_options *o) {
  mst_rule_spec rule = o->aggregate.rule;
  if (rule.name == NULL) rule.name = "mean";
  return rule;
}

static mst_status check_attack(const mst_bandit_options *o) {
  const mst_attack_spec *a = &o->attack;
  if (a->name == NULL) return MST_OK;
  MST_TRY(mst_attack_check(a, o->agents));
  const int needs = mst_attack_needs(a);
  if ((needs & (MST_ATTACK_TARGET | MST_ATTACK_LABELS)) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s: agents of a bandit tell one server sums of rewards: there "
                    "are no neighbours to lie to and no labels to flip; choose another",
                    a->name);
  if ((needs & MST_ATTACK_MEMORY) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s learns over rounds, and there are a few batches: set "
                    "attack.warmup: 0, or choose another",
                    a->name);
  return MST_OK;
}

mst_status mst_bandit_robust_check(const mst_bandit_options *o) {
  const mst_bandit_aggregate *a = &o->aggregate;
  const mst_rule_spec rule = rule_of(o);
  if (a->mixers < 0 || a->mixers > MST_BANDIT_MIXERS)
    return mst_fail(MST_ERR_INPUT, "aggregate.pre has %d mixers; at most %d are allowed", a->mixers,
                    MST_BANDIT_MIXERS);
  MST_TRY(check_attack(o));
  if (strcmp(rule.name, "mean") == 0 && a->mixers == 0) return MST_OK;
  mst_status st = mst_aggregate_check(&rule, a->mixer, a->mixers, o->agents);
  if (st != MST_OK) return mst_fail_within(st, "a batch of %lld agents: ", (long long)o->agents);
  if ((mst_rule_find(rule.name)->needs & (MST_RULE_ROOT | MST_RULE_LOSSES)) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "aggregate.rule: %s compares with a vector that the server trusts, and the "
                    "server plays no arms: choose another",
                    rule.name);
  return MST_OK;
}

/* Local. */
static mst_status allocate(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  const int64_t n = f->message_n;
  MST_TRY(mst_alloc(&f->robust, 1, sizeof *f->robust, "robust batches"));
  mst_bandit_robust *r = f->robust;
  r->rule = rule_of(o);
  memcpy(r->mixer, o->aggregate.mixer, sizeof r->mixer);
  MST_TRY(mst_alloc(&r->client, f->count, sizeof *r->client, "agents"));
  MST_TRY(mst_alloc(&r->previous, n, sizeof *r->previous, "the last mean"));
  for (int64_t i = 0; i < f->count; i++) r->client[i] = mst_bandit_agent(f, i);
  if (o->attack.name == NULL) return MST_OK;
  MST_TRY(mst_alloc(&r->attackers, f->replicates, sizeof *r->attackers, "attackers"));
  MST_TRY(mst_alloc(&r->sent, f->count * n, sizeof *r->sent, "what agents send"));
  MST_TRY(mst_alloc(&r->row, f->count, sizeof *r->row, "what agents send"));
  MST_TRY(mst_alloc(&r->last, n, sizeof *r->last, "the last mean"));
  MST_TRY(mst_alloc(&r->tried, n, sizeof *r->tried, "a search of attackers"));
  for (int64_t i = 0; i < f->count; i++) r->row[i] = r->sent + i * n;
  return MST_OK;
}

mst_status mst_bandit_robust_create(mst_bandit *f) {
  MST_TRY(mst_team_agree(f->sums, allocate(f)));
  mst_attack_spec attack = f->options.attack;
  for (int64_t k = 0; attack.name != NULL && k < f->replicates; k++) {
    attack.seed = f->options.seed + (uint64_t)(f->first_replicate + k);
    MST_TRY(mst_attackers_create(f->sums, &attack, f->options.agents, f->message_n,
                                 &f->robust->attackers[k]));
  }
  return MST_OK;
}

void mst_bandit_robust_destroy(mst_bandit *f) {
  mst_bandit_robust *r = f->robust;
  if (r == NULL) return;
  for (int64_t k = 0; r->attackers != NULL && k < f->replicates; k++)
    mst_attackers_destroy(r->attackers[k]);
  void *const array[] = {
      (void *)r->attackers, r->client, r->sent, (void *)r->row, r->last, r->tried, r->previous};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(r);
}

/* What is drawn for a batch of a replicate. */
static void set_round(mst_bandit *f, int64_t k, int64_t batch) {
  mst_bandit_robust *r = f->robust;
  r->rule.round = batch;
  r->rule.seed = f->options.seed + (uint64_t)(f->first_replicate + k);
  for (int m = 0; m < f->options.aggregate.mixers; m++) {
    r->mixer[m].round = batch;
    r->mixer[m].seed = r->rule.seed;
  }
}

/* The vectors of a replicate's tracks [begin, end) of this rank. */
typedef struct messages {
  mst_bandit *f;
  int64_t begin, end;
} messages;

static mst_robust_options options_of(const messages *m, const void *previous) {
  const mst_bandit_robust *r = m->f->robust;
  return (mst_robust_options){.mixer = r->mixer,
                              .mixers = m->f->options.aggregate.mixers,
                              .previous = previous,
                              .client = r->client + m->begin};
}

/* For a search: what the vectors as they are would come to. */
static mst_status try_out(void *user, float *out) {
  const messages *m = user;
  const mst_bandit_robust *r = m->f->robust;
  const mst_robust_options o = options_of(m, r->last);
  return mst_aggregate_rows(m->f->sums, &r->rule, &o, m->end - m->begin, m->f->message_n,
                            (const float *const *)r->row + m->begin, out, NULL);
}

static mst_status attack(messages *m, int64_t k, int64_t batch) {
  mst_bandit *f = m->f;
  mst_bandit_robust *r = f->robust;
  const int64_t n = f->message_n;
  for (int64_t j = m->begin * n; j < m->end * n; j++) r->sent[j] = (float)f->gathered[j];
  for (int64_t j = 0; j < n; j++) r->last[j] = (float)r->previous[j];
  const mst_attack_round round = {.round = batch,
                                  .n_mine = m->end - m->begin,
                                  .client = r->client + m->begin,
                                  .row = r->row + m->begin,
                                  .previous = r->last,
                                  .aggregate = try_out,
                                  .user = m};
  MST_TRY(mst_attackers_act(r->attackers[k], &round));
  for (int64_t i = m->begin; i < m->end; i++)
    if (mst_attackers_has(r->attackers[k], r->client[i]))
      for (int64_t j = 0; j < n; j++) f->gathered[i * n + j] = (double)r->sent[i * n + j];
  return MST_OK;
}

mst_status mst_bandit_robust_total(mst_bandit *f, int64_t k, const double *last) {
  mst_bandit_robust *r = f->robust;
  const int64_t n = f->message_n, batch = f->batch[k * MST_BANDIT_BATCH + MST_BANDIT_CLOSED];
  const double agents = (double)f->options.agents;
  messages m = {.f = f};
  mst_bandit_tracks(f, f->first_replicate + k, &m.begin, &m.end);
  for (int64_t j = 0; j < n; j++) r->previous[j] = last != NULL ? last[j] / agents : 0;
  set_round(f, k, batch);
  if (r->attackers != NULL) MST_TRY(attack(&m, k, batch));
  const double bound = f->protocol->phased->bound(f->phase[k]);
  for (int64_t i = m.begin; i < m.end; i++)
    mst_protocol_round(n, f->gathered + i * n, bound, f->options.protocol.bits);
  const mst_robust_options o = options_of(&m, r->previous);
  MST_TRY(mst_aggregate_f64(f->sums, &r->rule, &o, m.end - m.begin, n, f->gathered + m.begin * n,
                            f->total, NULL));
  for (int64_t j = 0; j < n; j++) f->total[j] *= agents;
  memset(f->gathered + m.begin * n, 0, (size_t)((m.end - m.begin) * n) * sizeof *f->gathered);
  return MST_OK;
}
