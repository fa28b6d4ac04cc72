/* Rounds with a robust rule or attackers: messages lie in slots of their node, one a client of the
 * cohort; between training and the server's step attackers' slots are overwritten and the rule
 * makes one message of all. Honest clients may send a momentum of their messages (Karimireddy, He,
 * Jaggi 2021). doc/methods/federated.md. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/federated_internal.h"

struct mst_federated_robust {
  mst_stage stage; /* of the pipeline */
  mst_rule_spec rule;
  mst_mixer_spec mixer[MST_FEDERATED_MIXERS];
  int needs; /* of the rule */
  int64_t d;
  int64_t slots;
  mst_share *slot;     /* (slots, d) of a node's clients, by ticket                */
  int64_t n;           /* messages that this rank brings to the rule ...           */
  float **row;         /* (slots)(d) ... where they are                            */
  int64_t *client;     /* (slots) ... whose they are                               */
  double *weight;      /* (slots) ... the clients' weights, or NULL                */
  double *loss;        /* (slots) ... changes of the trusted loss, or NULL         */
  float *result;       /* (d) the last result, the same on every rank              */
  mst_share *momentum; /* (clients, d + 1), the last entry 1 once there is one     */
  mst_attackers *attackers;
  int32_t *flipped;     /* labels of an attacker                                    */
  mst_trusted *trusted; /* NULL: the rule asks for nothing of the kind              */
  float *root;          /* (d) the trusted message, or NULL                         */
};

/* The cohorts of all rounds are known: how small and large they get, and how large on this node. */
typedef struct sizes {
  int64_t least, least_round, most, here;
} sizes;

static sizes look_ahead(mst_federated *f) {
  const mst_federated_options *o = &f->options;
  sizes s = {.least = o->cohort, .most = o->cohort};
  if (!o->bernoulli) {
    for (int64_t k = 0; k < f->cohort.candidates; k++)
      s.here += mst_clients_here(f->clients, f->cohort.candidate[k]);
    s.here = mst_least(s.here, o->cohort);
    return s;
  }
  s.least = INT64_MAX;
  for (int64_t round = 0; round < o->rounds; round++) {
    mst_cohort_draw(&f->cohort, f->clients, o->seed, round, true, 0, o->participation);
    if (f->cohort.n < s.least) s.least_round = round;
    s.least = mst_least(s.least, f->cohort.n);
    s.most = mst_most(s.most, f->cohort.n);
    s.here = mst_most(s.here, f->cohort.local);
  }
  return s;
}

static mst_status check_sizes(const mst_federated_robust *r, const mst_federated_options *o,
                              const sizes *s) {
  if (!o->bernoulli) return MST_OK; /* checked with the options */
  if (s->most > MST_RULE_ROWS)
    return mst_fail(MST_ERR_INPUT,
                    "a round of %lld clients: a rule takes at most %d; use a smaller "
                    "method.participation",
                    (long long)s->most, MST_RULE_ROWS);
  mst_status st = mst_aggregate_check(&r->rule, r->mixer, o->aggregate.mixers, s->least);
  return st == MST_OK
             ? st
             : mst_fail_within(st,
                               "round %lld draws %lld clients; use method.sampling: fixed, or a "
                               "larger method.participation: ",
                               (long long)s->least_round + 1, (long long)s->least);
}

/* What a rank holds for itself. Local. */
static mst_status allocate(mst_federated *f) {
  mst_federated_robust *r = f->robust;
  const mst_federated_options *o = &f->options;
  const sizes s = look_ahead(f);
  MST_TRY(check_sizes(r, o, &s));
  r->slots = s.here;
  MST_TRY(mst_alloc(&r->row, r->slots, sizeof *r->row, "messages"));
  MST_TRY(mst_alloc(&r->client, r->slots, sizeof *r->client, "messages"));
  if (o->method.weighted)
    MST_TRY(mst_alloc(&r->weight, r->slots, sizeof *r->weight, "weights of clients"));
  if ((r->needs & MST_RULE_LOSSES) != 0)
    MST_TRY(mst_alloc(&r->loss, r->slots, sizeof *r->loss, "trusted losses"));
  if ((r->needs & MST_RULE_ROOT) != 0)
    MST_TRY(mst_alloc(&r->root, r->d, sizeof *r->root, "the trusted message"));
  MST_TRY(mst_alloc(&r->result, r->d, sizeof *r->result, "the last result"));
  if (o->attack.name == NULL) return MST_OK;
  return mst_attackers_labels(&o->attack, mst_model_classes(f->model), f->most_rows, &r->flipped);
}

/* A node's slots; what is kept for clients; who attacks; what the server has. Collective. */
static mst_status allocate_shared(mst_federated *f) {
  mst_federated_robust *r = f->robust;
  mst_federated_options *o = &f->options;
  MST_TRY(mst_share_create(f->team, r->slots * r->d * (int64_t)sizeof(float), "messages of clients",
                           &r->slot));
  if (o->aggregate.momentum > 0)
    MST_TRY(mst_clients_keep(f->clients, r->d + 1, "momentum of the clients", &r->momentum));
  if (o->attack.name != NULL) {
    o->attack.seed = o->seed;
    MST_TRY(mst_attackers_create(f->team, &o->attack, mst_clients_count(f->clients), r->d,
                                 &r->attackers));
  }
  return o->aggregate.trusted_rows > 0 ? mst_trusted_create(f, &r->trusted) : MST_OK;
}

mst_status mst_federated_robust_create(mst_federated *f) {
  const mst_federated_options *o = &f->options;
  if (!mst_federated_robust_is_on(o)) return MST_OK;
  mst_federated_robust *r = NULL;
  mst_status st = mst_alloc(&r, 1, sizeof *r, "rounds with a rule");
  if (st == MST_OK) {
    f->robust = r;
    r->stage = mst_federated_rule_stage(o);
    r->rule = mst_federated_rule(o);
    r->needs = mst_rule_find(r->rule.name)->needs;
    r->d = mst_federated_message(f->model, o);
    for (int i = 0; i < o->aggregate.mixers; i++) {
      r->mixer[i] = o->aggregate.mixer[i];
      r->mixer[i].seed = o->seed;
    }
    st = allocate(f);
  }
  if (st == MST_OK) st = mst_federated_rule_put(o, &r->stage, &f->pipeline);
  st = mst_team_agree(f->team, st);
  return st == MST_OK ? allocate_shared(f) : st;
}

void mst_federated_robust_destroy(mst_federated *f) {
  mst_federated_robust *r = f->robust;
  if (r == NULL) return;
  mst_trusted_destroy(r->trusted);
  mst_attackers_destroy(r->attackers);
  mst_share_destroy(r->momentum);
  mst_share_destroy(r->slot);
  void *const array[] = {(void *)r->row, r->client, r->weight, r->loss,
                         r->result,      r->root,   r->flipped};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(r);
  f->robust = NULL;
}

bool mst_federated_attacks(const mst_federated *f, int64_t client) {
  const mst_federated_robust *r = f->robust;
  return r != NULL && r->attackers != NULL && mst_attackers_has(r->attackers, client);
}

bool mst_federated_trains(const mst_federated *f, int64_t client) {
  return !mst_federated_attacks(f, client) || mst_attackers_train(f->robust->attackers);
}

mst_batch mst_federated_rows(mst_federated *f, int64_t client) {
  mst_batch rows = mst_clients_data(f->clients, client);
  if (!mst_federated_attacks(f, client) || !mst_attackers_flip_labels(f->robust->attackers))
    return rows;
  mst_attack_flip_labels(rows.n, mst_model_classes(f->model), rows.label, f->robust->flipped);
  rows.label = f->robust->flipped;
  return rows;
}

static float *slot_at(const mst_federated *f, int64_t ticket) {
  return (float *)mst_share_at(f->robust->slot) + ticket * f->robust->d;
}

void mst_federated_send_nothing(mst_federated *f, int64_t ticket) {
  slot_at(f, ticket)[0] = NAN;
}

/* to(d) = the client's message, with what it keeps of those before unless kept is NULL. */
static void write_message(const mst_federated *f, const double *scalar, const float *kept,
                          float *to) {
  const mst_federated_aggregate *a = &f->options.aggregate;
  const int64_t n = f->model->parameters, numbers = f->ops->scalars;
  const double share[2] = {a->momentum, a->averaged ? 1 - a->momentum : 1};
  float number[MST_METHOD_SUMS];
  for (int64_t s = 0; s < numbers; s++) number[s] = (float)scalar[s];
  for (int v = 0; v <= f->ops->uplink; v++) {
    const bool last = v == f->ops->uplink;
    const float *part = last ? number : f->up[v];
    const int64_t count = last ? numbers : n, at = v * n;
    if (kept != NULL && kept[f->robust->d] != 0)
      mst_space_combine_f32(2, count, (const float *const[2]){kept + at, part}, share, to + at);
    else
      memcpy(to + at, part, (size_t)count * sizeof *to);
  }
}

static mst_status pass_stages(mst_federated *f, int64_t client, float *message) {
  const int64_t all = f->model->parameters * f->ops->uplink;
  for (int64_t i = 0; i < all; i++) f->vector[i] = (double)message[i];
  MST_TRY(mst_federated_stages(f, client));
  for (int64_t i = 0; i < all; i++) message[i] = (float)f->vector[i];
  return MST_OK;
}

mst_status mst_federated_send(mst_federated *f, int64_t ticket, int64_t client,
                              const double *scalar) {
  const mst_federated_robust *r = f->robust;
  float *to = slot_at(f, ticket), *kept = NULL;
  if (r->momentum != NULL && !mst_federated_attacks(f, client))
    kept = mst_clients_kept(f->clients, r->momentum, r->d + 1, client);
  write_message(f, scalar, kept, to);
  if (f->staged) MST_TRY(pass_stages(f, client, to));
  if (!mst_space_finite_f32(r->d, to))
    return mst_fail(MST_ERR_NONFINITE, "client %lld: its message is not finite", (long long)client);
  if (kept == NULL) return MST_OK;
  write_message(f, scalar, kept, kept); /* only now: what is not sent leaves no trace */
  kept[r->d] = 1;
  return MST_OK;
}

mst_status mst_federated_robust_begin(mst_federated *f) {
  mst_federated_robust *r = f->robust;
  if (r == NULL) return MST_OK;
  r->rule.round = f->totals.rounds;
  for (int i = 0; i < f->options.aggregate.mixers; i++) r->mixer[i].round = f->totals.rounds;
  if (f->cohort.local > r->slots)
    return mst_fail(MST_ERR_INTERNAL, "%lld clients for %lld slots", (long long)f->cohort.local,
                    (long long)r->slots);
  if (r->root == NULL || mst_team_rank(f->team) != 0) return MST_OK;
  const mst_local_spec spec = mst_federated_local_spec(f);
  return mst_trusted_train(f, r->trusted, &spec, r->root);
}

/* This rank's share of its node's slots. */
static void take_slots(mst_federated *f) {
  mst_federated_robust *r = f->robust;
  const int64_t rank = mst_team_domain_rank(f->team), ranks = mst_team_domain_size(f->team);
  const int64_t first = mst_share_begin(f->cohort.local, rank, ranks);
  const int64_t end = mst_share_begin(f->cohort.local, rank + 1, ranks);
  r->n = end - first;
  for (int64_t i = 0; i < r->n; i++) {
    r->row[i] = slot_at(f, first + i);
    r->client[i] = f->cohort.list[first + i];
    if (r->weight != NULL) r->weight[i] = mst_federated_row_share(f, r->client[i]);
  }
}

/* What the rule makes of the messages as they are. Collective. */
static mst_status ask_rule(mst_federated *f, float *out, mst_robust_report *report) {
  mst_federated_robust *r = f->robust;
  if (r->loss != NULL) mst_trusted_losses(f, r->trusted, r->n, r->row, r->loss);
  const mst_robust_options o = {.mixer = r->mixer,
                                .mixers = f->options.aggregate.mixers,
                                .previous = r->result,
                                .root = r->root,
                                .weight = r->weight,
                                .loss = r->loss,
                                .client = r->client,
                                .share = r->slot};
  return mst_aggregate_rows(f->team, &r->rule, &o, r->n, r->d, (const float *const *)r->row, out,
                            report);
}

static mst_status ask_for_attackers(void *user, float *out) {
  return ask_rule(user, out, NULL);
}

static mst_status let_attackers_act(mst_federated *f) {
  mst_federated_robust *r = f->robust;
  if (r->attackers == NULL) return MST_OK;
  const mst_attack_round round = {.round = f->totals.rounds,
                                  .n_mine = r->n,
                                  .client = r->client,
                                  .row = r->row,
                                  .previous = r->result,
                                  .share = r->slot,
                                  .aggregate = ask_for_attackers,
                                  .user = f};
  return mst_attackers_act(r->attackers, &round);
}

/* Who counted: the report's vectors are numbered as the clients of the cohort. */
static void note_report(mst_federated *f, const mst_robust_report *report) {
  mst_federated_facts *facts = &f->facts;
  facts->excluded = report->excluded;
  facts->contributions = report->n - report->excluded;
  facts->sent = report->n;
  facts->weighed = report->weight != NULL;
  for (int64_t i = 0; i < f->cohort.n; i++) {
    const bool hostile = mst_federated_attacks(f, f->cohort.client[i]);
    const double weight = report->weight != NULL ? report->weight[i] : 0;
    facts->attackers += hostile;
    facts->chosen += weight != 0;
    if (hostile) facts->attackers_weight += weight;
  }
}

/* The result as the means that the server steps on. */
static mst_status read_result(mst_federated *f, double *scalar_mean) {
  const mst_federated_robust *r = f->robust;
  const int64_t n = f->model->parameters;
  if (!mst_space_finite_f32(r->d, r->result))
    return mst_fail(MST_ERR_NONFINITE, "what %s made of the clients' messages is not finite",
                    r->rule.name);
  for (int v = 0; v < f->ops->uplink; v++)
    for (int64_t i = 0; i < f->mine; i++) f->mean[v][i] = (double)r->result[v * n + f->first + i];
  for (int s = 0; s < f->ops->scalars; s++)
    scalar_mean[s] = (double)r->result[f->ops->uplink * n + s];
  return MST_OK;
}

mst_status mst_federated_robust_finish(mst_federated *f, double *scalar_mean) {
  mst_federated_robust *r = f->robust;
  mst_robust_report report = {.rule = NULL};
  MST_TRY(mst_share_sync(r->slot));
  if (r->root != NULL)
    MST_TRY(mst_team_bcast(f->team, r->root, r->d * (int64_t)sizeof *r->root, 0));
  take_slots(f);
  mst_status st = let_attackers_act(f);
  if (st == MST_OK) st = ask_rule(f, r->result, &report);
  if (st == MST_OK) note_report(f, &report);
  mst_robust_report_clear(&report);
  if (st == MST_OK) st = read_result(f, scalar_mean);
  return st == MST_OK ? st : mst_fail_within(st, "round %lld: ", (long long)f->totals.rounds + 1);
}

mst_status mst_federated_robust_state(mst_federated *f, mst_state *state) {
  mst_federated_robust *r = f->robust;
  if (r == NULL) return MST_OK;
  if (mst_federated_needs_previous(&f->options))
    MST_TRY(mst_state_add(state, "aggregate", MST_F32, 1, &r->d, r->result));
  if (r->momentum != NULL)
    MST_TRY(mst_clients_state(f->clients, r->momentum, r->d + 1, "momentum", state));
  return r->attackers != NULL ? mst_attackers_state(r->attackers, state) : MST_OK;
}

mst_status mst_federated_robust_restored(mst_federated *f) {
  const mst_federated_robust *r = f->robust;
  return r != NULL && r->momentum != NULL ? mst_share_sync(r->momentum) : MST_OK;
}
