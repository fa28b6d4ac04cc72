/* One round: nodes are trained wherever a rank is free; then, once or several times, attackers
 * choose what to send, rows cross between domains, and every node's vector is mixed with those that
 * it receives. Nodes all of whose neighbours are here are mixed while rows are under way. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/clock.h"
#include "core/decentralised/steps.h"
#include "core/robust/space.h"
#include "parallel/decentralised_internal.h"

/* What this rank's nodes came to; summed over ranks. */
enum {
  COUNT_EXCLUDED,
  COUNT_GRADIENTS,
  COUNT_LOSSES,
  COUNTS
};

mst_status mst_decentralised_turn(mst_decentralised *f) {
  f->turn = !f->turn; /* nobody takes tickets of this one since the turn before */
  if (mst_team_domain_rank(f->team) == 0) mst_share_rewind(f->counter[f->turn]);
  return mst_share_sync(f->counter[f->turn]);
}

static mst_local_spec local_spec(const mst_decentralised *f) {
  const mst_decentralised_options *o = &f->options;
  const mst_schedule_ops *schedule = mst_schedule_find(o->schedule.name);
  int64_t round = f->totals.rounds;
  double factor = mst_schedule_factor(&o->schedule, round, o->rounds);
  double momentum = mst_optim_base_momentum(&o->optimizer);
  return (mst_local_spec){
      .epochs = o->local_epochs,
      .steps = o->local_steps,
      .batch = o->optimizer.batch,
      .lr = o->optimizer.lr * factor,
      .turned = schedule->momentum != NULL,
      .momentum = mst_schedule_momentum(&o->schedule, momentum, round, o->rounds),
      .clip = o->optimizer.clip,
      .weight_decay = o->optimizer.weight_decay,
      .seed = o->seed,
      .frozen = f->model->parameters};
}

/* f->change = what local steps change of node i's model; 0 without rows, or where that is not
 * finite. */
static mst_status find_change(mst_decentralised *f, int64_t i, const float *x, int64_t *count) {
  int64_t p = f->model->parameters;
  mst_batch rows = mst_clients_data(f->clients, i);
  if (rows.n == 0) {
    memset(f->change, 0, (size_t)p * sizeof *f->change);
    return MST_OK;
  }
  if (f->attacker[i] && f->flipped != NULL) {
    mst_attack_flip_labels(rows.n, mst_model_classes(f->model), rows.label, f->flipped);
    rows.label = f->flipped;
  }
  mst_local_spec spec = local_spec(f);
  mst_local_result result = {0};
  mst_status st = mst_client_train(f->trainer, &spec, i, f->totals.rounds, &rows, x, NULL, NULL,
                                   &f->change, NULL, &result);
  if (st != MST_OK) return mst_fail_within(st, "node %lld: ", (long long)i);
  count[COUNT_GRADIENTS] += result.gradients;
  if (f->attacker[i]) return MST_OK;
  count[COUNT_EXCLUDED] += !result.finite;
  if (result.finite && result.rows > 0)
    count[COUNT_LOSSES] += mst_tally_add_scaled(&f->losses, 0, result.loss / (double)result.rows);
  return MST_OK;
}

/* Node i's model after its local steps; its tracker and what it keeps. */
static mst_status train(mst_decentralised *f, int64_t i, int64_t *count) {
  int64_t p = f->model->parameters;
  float *x = mst_node_at(f, f->w, i);
  MST_TRY(find_change(f, i, x, count));
  float *kept = f->kept != NULL ? mst_clients_kept(f->clients, f->kept, p, i) : NULL;
  const float *step = f->change;
  if (f->tracking) {
    mst_step_track_f32(p, x + p, f->change, kept, x + p);
    memcpy(kept, f->change, (size_t)p * sizeof *kept);
    step = x + p;
  } else if (kept != NULL) {
    const double share[2] = {f->options.momentum, 1 - f->options.momentum};
    mst_space_combine_f32(2, p, (const float *const[2]){kept, f->change}, share, kept);
    step = kept;
  }
  mst_step_descend_f32(p, -1, x, step, x);
  return MST_OK;
}

static mst_status train_some(mst_decentralised *f, int64_t *count) {
  double start = mst_clock_seconds();
  mst_status st = MST_OK;
  for (;;) {
    int64_t ticket = mst_share_ticket(f->counter[f->turn]);
    if (ticket >= f->trains.n) break;
    if (st == MST_OK) st = train(f, f->trains.node[ticket], count);
  }
  f->seconds_training += mst_clock_seconds() - start;
  return st;
}

/* Take nodes from a list until it is empty. Local. */
static mst_status mix_some(mst_decentralised *f, const mst_node_list *list, int64_t k) {
  mst_status st = MST_OK;
  for (;;) {
    int64_t ticket = mst_share_ticket(f->counter[f->turn]);
    if (ticket >= list->n) break;
    if (st == MST_OK) st = mst_decentralised_mix(f, list->node[ticket], k);
    if (st != MST_OK) st = mst_fail_within(st, "node %lld: ", (long long)list->node[ticket]);
  }
  return st;
}

static float *lie_of(const mst_decentralised *f, int64_t i) {
  return (float *)mst_share_at(f->lie) + f->place[i] * f->n;
}

/* Attackers choose what they send to everybody. Collective. */
static mst_status act(mst_decentralised *f, int64_t k) {
  for (int64_t m = 0; m < f->n_mine; m++) {
    int64_t i = f->mine[m];
    f->row[m] = mst_node_at(f, f->w, i);
    if (!f->attacker[i]) continue;
    memcpy(lie_of(f, i), f->row[m], (size_t)f->n * sizeof **f->row);
    f->row[m] = lie_of(f, i);
  }
  const mst_attack_round round = {.round = f->totals.rounds * f->options.mixings + k,
                                  .n_mine = f->n_mine,
                                  .client = f->mine,
                                  .row = f->row};
  MST_TRY(mst_attackers_act(f->act, &round));
  return mst_decentralised_turn(f);
}

static const void *row_to_send(void *context, int64_t i) {
  const mst_decentralised *f = context;
  return f->lie != NULL && f->attacker[i] ? lie_of(f, i) : mst_node_at(f, f->w, i);
}

/* One mixing of all nodes. Collective. */
static mst_status mix(mst_decentralised *f, int64_t k) {
  MST_TRY(mst_decentralised_turn(f));
  if (f->lie != NULL) MST_TRY(act(f, k));
  mst_neighbours_begin(f->exchange, row_to_send, f);
  mst_status st = mix_some(f, &f->inner, k);
  MST_TRY(mst_neighbours_finish(f->exchange));
  MST_TRY(mst_team_agree(f->team, st));
  if (mst_team_domains(f->team) > 1) {
    MST_TRY(mst_decentralised_turn(f));
    MST_TRY(mst_team_agree(f->team, mix_some(f, &f->outer, k)));
  }
  mst_share *mixed = f->next;
  f->next = f->w;
  f->w = mixed;
  return MST_OK;
}

static mst_status sum_up(mst_decentralised *f, int64_t *count) {
  double loss[MST_TALLY_SCALES];
  mst_decentralised_facts *r = &f->facts;
  MST_TRY(mst_sum_i64(f->team, count, COUNTS));
  MST_TRY(mst_tally_total(f->team, &f->losses, loss));
  r->excluded = count[COUNT_EXCLUDED];
  r->gradients = count[COUNT_GRADIENTS];
  r->train_loss =
      count[COUNT_LOSSES] > 0 ? mst_tally_scaled(loss) / (double)count[COUNT_LOSSES] : (double)NAN;
  r->messages = 2 * f->graph.edges * f->options.mixings;
  r->uplink_bytes = 2 * f->graph.edges * mst_decentralised_traffic(f->model, &f->options);
  return MST_OK;
}

mst_status mst_decentralised_round(mst_decentralised *f) {
  int64_t count[COUNTS] = {0};
  f->facts = (mst_decentralised_facts){.train_loss = NAN};
  mst_tally_clear(&f->losses);
  MST_TRY(mst_decentralised_turn(f));
  MST_TRY(mst_team_agree(f->team, train_some(f, count)));
  double start = mst_clock_seconds();
  for (int64_t k = 0; k < f->options.mixings; k++) MST_TRY(mix(f, k));
  f->seconds_mixing += mst_clock_seconds() - start;
  return sum_up(f, count);
}
