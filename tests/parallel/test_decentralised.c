/* Decentralised training: the same bits on any ranks and transports for every topology and mixing,
 * after any resume; the identities that hold of mixings and of gradient tracking. */
#define MST_TEST_MPI
#include "comm/sum.h"
#include "parallel/federated.h"
#include "tests/parallel/graph_nodes.h"

/* One after the other: every topology with every mixing, and what else there is to choose. */
static bool choose_case(mst_decentralised_options *o, int number) {
  int topologies = 0, mixings = 0;
  while (mst_topology_at(topologies) != NULL) topologies++;
  while (mst_mixing_at(mixings) != NULL) mixings++;
  *o = defaults();
  if (number < topologies * mixings) {
    const char *mixing = mst_mixing_at(number % mixings)->name;
    choose_topology(o, mst_topology_at(number / mixings)->name);
    if (strcmp(mixing, "rule") == 0)
      choose_rule(o, "median", 0);
    else
      choose_mixing(o, mixing);
    return true;
  }
  switch (number - topologies * mixings) {
    case 0: o->method = "gradient_tracking"; break;
    case 1: o->mixings = 3, o->accelerated = true; break;
    case 2:
      choose_topology(o, "complete");
      choose_rule(o, "nna", 2);
      choose_attack(o, "alie", 2);
      o->quorum = true, o->momentum = 0.9;
      break;
    case 3: choose_attack(o, "sign_flip", 3), o->mixings = 2; break;
    case 4: choose_attack(o, "label_flip", 3); break;
    case 5:
      choose_mixing(o, "self_centred_clipping");
      choose_topology(o, "torus");
      choose_attack(o, "dissensus", 3);
      break;
    case 6: choose_attack(o, "nan", 3); break;
    case 7: choose_attack(o, "mimic", 3); break;
    default: return false;
  }
  return true;
}

static char expected[128][MST_DIGEST_HEX];

START_TEST(a_run_has_the_same_bits_on_any_ranks_and_transports) {
  static const struct {
    bool alone, shared;
    int ranks_per_node;
  } way[] = {{true, true, 0}, {false, true, 0}, {false, true, 2}, {false, false, 0}};
  for (int k = 0; k < 4; k++) {
    fixture f;
    begin(&f, way[k].alone ? MPI_COMM_SELF : MPI_COMM_WORLD, way[k].shared, way[k].ranks_per_node);
    for (int c = 0; choose_case(&f.options, c); c++) {
      if (k > 1 && c % 2 == k % 2) continue; /* one of the two ways with messages for each case */
      char found[MST_DIGEST_HEX];
      run(&f, k == 0 ? expected[c] : found);
      if (k > 0)
        ck_assert_msg(strcmp(found, expected[c]) == 0, "case %d, %s with %s: other bits by way %d",
                      c, f.options.topology.kind, f.options.mixing.kind, k);
    }
    end(&f);
  }
}
END_TEST

START_TEST(gossip_on_a_complete_graph_is_federated_averaging) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  choose_topology(&f.options, "complete");
  const mst_decentralised_options *o = &f.options;
  mst_federated_options g = {.seed = o->seed,
                             .rounds = o->rounds,
                             .cohort = NODES,
                             .local_steps = o->local_steps,
                             .optimizer = o->optimizer,
                             .method = {.name = "fedavg", .server_lr = 1},
                             .schedule = o->schedule};
  mst_pipeline sum = mst_pipeline_sum();
  mst_federated *server = NULL;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &sum, &g, &server));
  ck_ok(mst_federated_run(server, NULL, NULL));
  mst_decentralised *loop = create(&f);
  ck_ok(mst_decentralised_run(loop, NULL, NULL));
  ck_assert_double_lt(mst_decentralised_figures(loop).consensus_distance, 1e-12);
  for (int64_t c = 0; c < f.model->parameters; c++)
    ck_assert_double_le(
        fabs((double)mst_decentralised_mean(loop)[c] - (double)mst_federated_parameters(server)[c]),
        1e-6);
  mst_federated_destroy(server);
  mst_decentralised_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(trackers_sum_to_the_gradients) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  f.options.method = "gradient_tracking";
  f.options.rounds = 5;
  int64_t p = f.model->parameters;
  double *sum = NULL, largest = 0;
  ck_ok(mst_alloc(&sum, 3 * p, sizeof *sum, "sums"));
  mst_decentralised *loop = create(&f);
  ck_ok(mst_decentralised_run(loop, NULL, NULL));
  for (int64_t m = 0; m < loop->n_mine; m++) {
    const float *x = mst_node_at(loop, loop->w, loop->mine[m]);
    const float *g = mst_clients_kept(f.clients, loop->kept, p, loop->mine[m]);
    for (int64_t c = 0; c < p; c++) {
      sum[c] += (double)x[p + c];
      sum[p + c] += (double)g[c];
      sum[2 * p + c] += fabs((double)x[p + c] - (double)g[c]);
    }
  }
  ck_ok(mst_sum_fast(f.team, sum, 3 * p));
  for (int64_t c = 0; c < p; c++) {
    ck_assert_double_le(fabs(sum[c] - sum[p + c]), 1e-6);
    largest = fmax(largest, sum[2 * p + c]);
  }
  ck_assert_double_gt(largest, 1e-2); /* each by itself is not its node's gradient */
  mst_free(sum);
  mst_decentralised_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(accelerated_mixings_bring_nodes_nearer) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  f.options.mixings = 6;
  double plain = run(&f, NULL).consensus_distance;
  f.options.accelerated = true;
  ck_assert_double_lt(run(&f, NULL).consensus_distance, plain / 2);
  end(&f);
}
END_TEST

/* A drawer that keeps whole arrays, so that another number of ranks finds them. */
typedef struct drawer {
  mst_team *team;
  mst_digest digest;
  int64_t round, rounds;
  char *kept;
  bool stop_after_three;
} drawer;

static int64_t whole_bytes(const mst_state_item *i) {
  return i->shape[0] * mst_state_row_elements(i) * mst_dtype_size(i->type);
}

static mst_status on_save(void *context, int64_t round, const mst_state *state) {
  drawer *d = context;
  int64_t all = 0, at = 0, bytes[64];
  for (int i = 0; i < state->n; i++) all += whole_bytes(&state->item[i]);
  mst_free(d->kept);
  MST_TRY(mst_alloc(&d->kept, all, 1, "kept state"));
  d->round = round;
  for (int i = 0; i < state->n; at += whole_bytes(&state->item[i]), i++) {
    const mst_state_item *item = &state->item[i];
    int64_t part = mst_state_local_elements(item) * mst_dtype_size(item->type);
    if (item->layout == MST_SHARDED) {
      MST_TRY(mst_gather_i64(d->team, part, bytes));
      MST_TRY(mst_gather_all(d->team, item->data, bytes, d->kept + at));
    } else {
      memcpy(d->kept + at, item->data, (size_t)part);
    }
  }
  return MST_OK;
}

static mst_status on_restore(void *context, mst_state *state, int64_t *round) {
  drawer *d = context;
  int64_t at = 0;
  *round = d->round;
  for (int i = 0; i < state->n && d->round > 0; at += whole_bytes(&state->item[i]), i++) {
    mst_state_item *item = &state->item[i];
    int64_t row = mst_state_row_elements(item) * mst_dtype_size(item->type);
    if (item->count > 0)
      memcpy(item->data, d->kept + at + item->first * row, (size_t)(item->count * row));
  }
  return MST_OK;
}

static mst_status hear_round(void *context, int64_t round, int n, const mst_metric *metric) {
  drawer *d = context;
  d->rounds = round;
  return on_round(&d->digest, round, n, metric);
}

static bool should_stop(void *context) {
  const drawer *d = context;
  return d->stop_after_three && d->rounds == 3;
}

/* Five rounds, from what is in the drawer. */
static void go_on(fixture *f, drawer *d, char *hex) {
  const mst_observer o = {.context = d,
                          .on_round = hear_round,
                          .on_save = on_save,
                          .on_restore = on_restore,
                          .should_stop = should_stop};
  d->team = f->team;
  mst_decentralised *loop = create(f);
  if (d->stop_after_three) {
    ck_refused(mst_decentralised_run(loop, &f->test, &o), MST_ERR_INTERRUPTED,
               "after round 3 of 5");
  } else {
    ck_ok(mst_decentralised_run(loop, &f->test, &o));
    finish(f, loop, &d->digest, hex);
  }
  mst_decentralised_destroy(loop);
}

START_TEST(a_run_that_is_resumed_on_other_ranks_has_the_same_bits) {
  fixture f, alone;
  begin(&f, MPI_COMM_WORLD, true, 2);
  begin(&alone, MPI_COMM_SELF, true, 0);
  for (int c = 0; c < 3; c++) {
    f.options = defaults();
    if (c == 0) f.options.method = "gradient_tracking";
    if (c == 1) f.options.momentum = 0.8;
    if (c == 2) {
      choose_attack(&f.options, "mimic", 3);
      f.options.attack.warmup = 12; /* of the 15 mixings */
    }
    f.options.rounds = 5;
    f.options.mixings = 3; /* the array that holds the models is another one after each round */
    alone.options = f.options;
    char unbroken[MST_DIGEST_HEX], found[MST_DIGEST_HEX];
    drawer d = {.round = 0}, e = {.stop_after_three = true};
    mst_digest_start(&d.digest);
    mst_digest_start(&e.digest);
    go_on(&alone, &d, unbroken);
    go_on(&f, &e, NULL);
    ck_assert_int_eq(e.round, 3);
    e.stop_after_three = false;
    go_on(&alone, &e, found);
    ck_assert_msg(strcmp(found, unbroken) == 0, "case %d: other bits", c);
    mst_free(d.kept);
    mst_free(e.kept);
  }
  end(&alone);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("decentralised");
  TCase *c = tcase_create("decentralised");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, a_run_has_the_same_bits_on_any_ranks_and_transports);
  tcase_add_test(c, gossip_on_a_complete_graph_is_federated_averaging);
  tcase_add_test(c, trackers_sum_to_the_gradients);
  tcase_add_test(c, accelerated_mixings_bring_nodes_nearer);
  tcase_add_test(c, a_run_that_is_resumed_on_other_ranks_has_the_same_bits);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
