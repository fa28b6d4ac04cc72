/* Decentralised training among attackers, who harm what is not robust; models that diverge; what is
 * refused, and what fails on one rank. */
#define MST_TEST_MPI
#include "core/base/param.h"
#include "tests/parallel/graph_nodes.h"

static mst_decentralised_totals under_attack(fixture *f, const char *mixing, const char *attack,
                                             int64_t count) {
  f->options = defaults();
  f->options.rounds = 12;
  f->options.local_steps = 10;
  f->options.evaluate_every = 0;
  choose_topology(&f->options, "complete");
  choose_mixing(&f->options, mixing);
  f->options.mixing.bound = "theory";
  if (count > 0) choose_attack(&f->options, attack, count);
  f->options.attack.epsilon = 3;
  return run(f, NULL);
}

START_TEST(dissensus_breaks_gossip_and_not_self_centred_clipping) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  mst_decentralised_totals honest = under_attack(&f, "gossip", "dissensus", 0);
  mst_decentralised_totals broken = under_attack(&f, "gossip", "dissensus", 3);
  mst_decentralised_totals kept = under_attack(&f, "self_centred_clipping", "dissensus", 3);
  ck_assert_double_gt(honest.accuracy, 0.6); /* of 4 classes */
  ck_assert_double_lt(broken.accuracy, 0.35);
  ck_assert_double_gt(broken.consensus_distance, 1e6);
  ck_assert_double_gt(kept.accuracy, 0.45);
  ck_assert_double_lt(kept.consensus_distance, 2);
  end(&f);
}
END_TEST

START_TEST(what_is_not_finite_stays_with_its_attackers) {
  static const char *const mixing[] = {"gossip", "self_centred_clipping", "trimmed_mean", "rule"};
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 2);
  for (int k = 0; k < 4; k++) {
    f.options = defaults();
    choose_topology(&f.options, "complete");
    choose_mixing(&f.options, mixing[k]);
    if (k == 3) choose_rule(&f.options, "trimmed_mean", 3);
    choose_attack(&f.options, "nan", 3);
    mst_decentralised_totals t = run(&f, NULL);
    ck_assert_int_eq(t.nonfinite, 0);
    ck_assert_int_eq(t.excluded, 0);
    ck_assert(isfinite(t.loss) && isfinite(t.consensus_distance));
  }
  end(&f);
}
END_TEST

START_TEST(models_that_diverge_are_counted) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  mst_decentralised *loop = create(&f);
  for (int64_t m = 0; m < loop->n_mine; m++)
    if (loop->mine[m] % 5 == 0) mst_node_at(loop, loop->w, loop->mine[m])[3] = INFINITY;
  ck_ok(mst_decentralised_run(loop, NULL, NULL));
  mst_decentralised_totals t = mst_decentralised_figures(loop);
  ck_assert_int_eq(t.nonfinite, 3);
  ck_assert_int_eq(t.excluded, 2 * 3);
  ck_assert(isfinite(t.consensus_distance) && isfinite((double)mst_decentralised_mean(loop)[3]));
  mst_decentralised_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(a_quorum_is_all_attackers_and_some_of_the_others) {
  fixture f;
  begin(&f, MPI_COMM_SELF, true, 0);
  choose_topology(&f.options, "complete");
  choose_rule(&f.options, "nna", 3);
  choose_attack(&f.options, "ipm", 2);
  f.options.quorum = true;
  mst_decentralised *loop = create(&f);
  bool differ = false;
  for (int64_t i = 0; i < NODES; i++) {
    int64_t times[2] = {0, 0};
    if (loop->attacker[i]) continue;
    const float *first = NULL;
    for (int64_t round = 0; round < 20; round++) {
      int64_t n = mst_decentralised_receive(loop, i, round), hostile = 0;
      ck_assert_int_eq(n, NODES - 3 - 1); /* n - f, of which one is the own */
      for (int64_t e = 0; e < n; e++) hostile += loop->hostile[e];
      ck_assert_int_eq(hostile, 2);
      const float *taken = loop->received[n - 1];
      if (round == 0) first = taken;
      times[taken == first]++;
    }
    differ = differ || times[0] > 0;
  }
  ck_assert(differ);
  mst_decentralised_destroy(loop);
  end(&f);
}
END_TEST

static void refuse(fixture *f, const char *text) {
  mst_decentralised *loop = NULL;
  ck_refused(mst_decentralised_create(f->team, f->model, f->clients, &f->options, &loop),
             MST_ERR_INPUT, text);
  ck_assert_ptr_null(loop);
}

START_TEST(a_node_of_too_few_vectors_is_refused) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  choose_rule(&f.options, "median", 2);
  refuse(&f, "node 0, which counts 3 vectors"); /* on a ring */
  mst_mixer_spec pairs = {.name = "bucketing", .seed = 11};
  mst_param_defaults(mst_mixer_find("bucketing")->params, &pairs);
  ck_assert_int_eq(pairs.size, 2);
  f.options = defaults();
  choose_topology(&f.options, "complete");
  choose_rule(&f.options, "trimmed_mean", 3);
  mst_decentralised_destroy(create(&f));
  f.options.mixer = &pairs; /* 12 vectors become 6 */
  f.options.mixers = 1;
  refuse(&f, "node 0, which counts 12 vectors");
  end(&f);
}
END_TEST

/* An attacker on flipped labels mixes as the others do, so it must be able to. */
START_TEST(an_attacker_of_too_few_neighbours_is_refused_if_it_mixes) {
  fixture f;
  int64_t who = 0, edges = 0, edge[NODES * NODES];
  char text[64];
  begin(&f, MPI_COMM_WORLD, true, 0);
  mst_attack_clients(11, NODES, 1, &who);
  for (int64_t i = 0; i < NODES; i++)
    for (int64_t j = i + 1; j < NODES; j++) {
      if ((i == who || j == who) && i + j != (who + 1) % NODES + who) continue;
      edge[2 * edges] = i;
      edge[2 * edges++ + 1] = j;
    }
  choose_topology(&f.options, "list");
  f.options.topology.edge = edge;
  f.options.topology.edges = edges;
  choose_rule(&f.options, "median", 1);
  choose_attack(&f.options, "label_flip", 1);
  snprintf(text, sizeof text, "node %lld, which counts 2 vectors", (long long)who);
  refuse(&f, text);
  choose_attack(&f.options, "nan", 1);
  mst_decentralised_totals t = run(&f, NULL);
  ck_assert_int_eq(t.rounds, 2);
  end(&f);
}
END_TEST

START_TEST(labels_of_values_cannot_be_flipped) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  f.model->loss = MST_LOSS_SQUARED;
  choose_attack(&f.options, "label_flip", 2);
  refuse(&f, "label_flip is about labels, but data.train holds values");
  end(&f);
}
END_TEST

START_TEST(what_does_not_go_together_is_refused) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0);
  mst_decentralised_options o = defaults();
  o.method = "gradient_tracking";
  choose_mixing(&o, "trimmed_mean");
  ck_refused(mst_decentralised_check(&o), MST_ERR_UNSUPPORTED, "keeps the mean");
  choose_mixing(&o, "gossip");
  choose_attack(&o, "nan", 1);
  ck_refused(mst_decentralised_check(&o), MST_ERR_UNSUPPORTED, "no defence");
  o = defaults();
  choose_rule(&o, "fltrust", 0);
  ck_refused(mst_decentralised_check(&o), MST_ERR_UNSUPPORTED, "trusted");
  o = defaults();
  o.quorum = true;
  ck_refused(mst_decentralised_check(&o), MST_ERR_UNSUPPORTED, "quorum");
  o = defaults();
  choose_attack(&o, "alie", 1);
  o.attack.search = true;
  ck_refused(mst_decentralised_check(&o), MST_ERR_UNSUPPORTED, "search");
  f.options = defaults();
  f.options.topology.nodes = NODES + 1;
  refuse(&f, "12 clients");
  end(&f);
}
END_TEST

START_TEST(one_rank_without_memory_stops_all_ranks) {
  fixture f;
  mst_decentralised *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 1);
  choose_topology(&f.options, "torus");
  choose_attack(&f.options, "dissensus", 2);
  bool last = mst_team_rank(f.team) == mst_team_size(f.team) - 1;
  int64_t failures = 0;
  for (int64_t n = 1; n < 500; n += 6) {
    if (last) mst_memory_fail_at(n);
    mst_status st = mst_decentralised_create(f.team, f.model, f.clients, &f.options, &loop);
    mst_memory_fail_at(0);
    if (st == MST_OK) break;
    ck_assert_int_eq(st, MST_ERR_MEMORY);
    ck_assert_ptr_null(loop);
    failures++;
  }
  ck_assert_int_gt(failures, 5);
  mst_decentralised_destroy(loop);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("decentralised attacks");
  TCase *c = tcase_create("decentralised attacks");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, dissensus_breaks_gossip_and_not_self_centred_clipping);
  tcase_add_test(c, what_is_not_finite_stays_with_its_attackers);
  tcase_add_test(c, models_that_diverge_are_counted);
  tcase_add_test(c, a_quorum_is_all_attackers_and_some_of_the_others);
  tcase_add_test(c, a_node_of_too_few_vectors_is_refused);
  tcase_add_test(c, an_attacker_of_too_few_neighbours_is_refused_if_it_mixes);
  tcase_add_test(c, labels_of_values_cannot_be_flipped);
  tcase_add_test(c, what_does_not_go_together_is_refused);
  tcase_add_test(c, one_rank_without_memory_stops_all_ranks);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
