/* Attackers in the round loop: those that ruin a mean do not ruin rules that are made for them; the
 * metrics say who attacked; what does not go together is refused; the memory that is planned for. */
#define MST_TEST_MPI
#include "tests/parallel/federation_rules.h"

/* Train loss of the honest clients after 40 rounds of all clients, a fifth of which attack. */
static double loss_under_attack(const char *rule, const char *attack) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_SELF, true, 0, "fedavg");
  int64_t with_rows = 0;
  for (int64_t k = 0; k < CLIENTS; k++) with_rows += mst_clients_rows(f.clients, k) > 0;
  ask_for_rule(&f.options, rule, with_rows / 5);
  /* by itself krum follows one client, some of which have two rows */
  if (strcmp(rule, "krum") == 0) ask_for_mixer(&f.options, "nnm");
  ask_for_attack(&f.options, attack, with_rows / 5);
  f.options.attack.epsilon = 7;
  f.options.cohort = with_rows;
  f.options.rounds = 40;
  f.options.local_steps = 4; /* alike, however many rows a client has */
  f.options.evaluate_clients = f.options.evaluate_gradient = false;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, NULL));
  const double loss = mst_federated_figures(loop).train_loss;
  mst_federated_destroy(loop);
  end(&f);
  return loss;
}

START_TEST(an_attack_that_ruins_the_mean_does_not_ruin_robust_rules) {
  static const char *const rule[] = {"trimmed_mean", "median", "krum", "centered_clipping",
                                     "multi_krum", "geometric_median", "fltrust", "zeno"};
  const double quiet = loss_under_attack("mean", "free_rider");
  const double ruined = loss_under_attack("mean", "ipm");
  ck_assert_double_lt(quiet, 1);
  ck_assert_double_gt(ruined, log(CLASSES));
  for (size_t i = 0; i < sizeof rule / sizeof rule[0]; i++) {
    const double loss = loss_under_attack(rule[i], "ipm");
    ck_assert_msg(loss < 1.3, "%s: loss %g under ipm; the mean's is %g without, %g with", rule[i],
                  loss, quiet, ruined);
  }
}
END_TEST

typedef struct heard {
  double attackers, excluded, contributions, chosen, weight;
  bool has_chosen, has_weight;
} heard;

static mst_status hear(void *context, int64_t round, int n, const mst_metric *metric) {
  heard *h = context;
  (void)round;
  for (int i = 0; i < n; i++) {
    if (strcmp(metric[i].name, "attackers") == 0) h->attackers += metric[i].value;
    if (strcmp(metric[i].name, "excluded") == 0) h->excluded += metric[i].value;
    if (strcmp(metric[i].name, "contributions") == 0) h->contributions += metric[i].value;
    if (strcmp(metric[i].name, "chosen") == 0) h->chosen += metric[i].value, h->has_chosen = true;
    if (strcmp(metric[i].name, "attackers_weight") == 0)
      h->weight += metric[i].value, h->has_weight = true;
  }
  return MST_OK;
}

static heard listen(const variant *v) {
  fixture f;
  heard h = {.attackers = 0};
  mst_observer o = {.context = &h, .on_round = hear};
  mst_federated *loop = NULL;
  begin_variant(&f, MPI_COMM_WORLD, true, 0, v);
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, &o));
  ck_assert_int_eq(mst_federated_figures(loop).uplink_bytes, 4 * 11 * 4 * f.model->parameters);
  mst_federated_destroy(loop);
  end(&f);
  return h;
}

START_TEST(metrics_say_who_attacked_and_who_counted) {
  heard h = listen(&(variant){.name = "nan", .rule = "krum", .byzantine = 5, .attack = "nan",
                              .attackers = 8});
  ck_assert_double_gt(h.attackers, 4);
  ck_assert_double_eq(h.excluded, h.attackers);
  ck_assert_double_eq(h.contributions, 44 - h.attackers);
  ck_assert_double_eq(h.chosen, 4);
  ck_assert_double_eq(h.weight, 0);
  h = listen(&(variant){.name = "mean", .rule = "mean", .attack = "ipm", .attackers = 8});
  ck_assert(!h.has_chosen && !h.has_weight);
  ck_assert_double_eq(h.excluded, 0);
  h = listen(&(variant){.name = "history", .rule = "centered_clipping", .byzantine = 5,
                        .attack = "sign_flip", .attackers = 8});
  ck_assert(h.has_weight);
  ck_assert_double_gt(h.weight, 0);
}
END_TEST

/* What does not fit, and the sentence that says so. */
static void refuse(fixture *f, mst_status code, const char *sentence) {
  mst_federated *loop = NULL;
  ck_refused(mst_federated_create(f->team, f->model, f->clients, &f->pipeline, &f->options, &loop),
             code, sentence);
  ck_assert_ptr_null(loop);
  f->options = defaults("fedavg");
}

START_TEST(what_does_not_go_together_is_refused) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  mst_federated_options *o = &f.options;
  ask_for_rule(o, "krum", 2);
  o->method.weighted = true;
  refuse(&f, MST_ERR_INPUT, "krum takes no weights of clients, but method.weighted is true: set");
  ask_for_rule(o, "centered_clipping", 2);
  ask_for_mixer(o, "nnm");
  o->method.weighted = true;
  refuse(&f, MST_ERR_INPUT, "behind nnm the vectors are no longer the clients'");
  ask_for_rule(o, "bulyan", 2);
  refuse(&f, MST_ERR_INPUT, "a round of 9 clients: bulyan with aggregate.byzantine: 2 needs at "
                            "least 11 vectors, there are 9");
  ask_for_rule(o, "trimmed_mean", 2);
  ask_for_mixer(o, "bucketing");
  o->aggregate.mixer[0].size = 3;
  refuse(&f, MST_ERR_INPUT, "there are 3");
  ask_for_rule(o, "nna", 2);
  ask_for_mixer(o, "bucketing");
  refuse(&f, MST_ERR_INPUT, "nna behind mixer bucketing");
  ask_for_rule(o, "krumm", 2);
  refuse(&f, MST_ERR_INPUT, "'krumm' is unknown");
  ask_for_rule(o, "median", 3);
  o->bernoulli = true;
  o->participation = 0.3;
  o->rounds = 200;
  refuse(&f, MST_ERR_INPUT, "median with aggregate.byzantine: 3 needs at least 7 vectors");
  ask_for_rule(o, "fltrust", 2);
  o->aggregate.trusted_rows = 0;
  refuse(&f, MST_ERR_INPUT, "fltrust needs rows that the server trusts: set aggregate.trusted_rows");
  ask_for_rule(o, "krum", 2);
  o->aggregate.trusted_rows = 10;
  refuse(&f, MST_ERR_INPUT, "krum looks at no trusted rows");
  ask_for_rule(o, "zeno", 2);
  o->aggregate.trusted_rows = ROWS + 1;
  refuse(&f, MST_ERR_INPUT, "clients train on 400 rows");
  ask_for_rule(o, "zeno", 2);
  ask_for_mixer(o, "nnm");
  refuse(&f, MST_ERR_UNSUPPORTED, "zeno scores the clients' own vectors, but behind nnm");
  ask_for_rule(o, "zeno", 2);
  o->keep = 1;
  refuse(&f, MST_ERR_UNSUPPORTED, "with personal.keep there is none");
  ask_for_rule(o, "krum", 2);
  o->aggregate.momentum = 1;
  refuse(&f, MST_ERR_INPUT, "aggregate.momentum is 1; allowed are 0 and more, below 1");
  ask_for_attack(o, "dissensus", 2);
  refuse(&f, MST_ERR_UNSUPPORTED, "all clients send to one server");
  ask_for_attack(o, "ipm", CLIENTS + 1);
  refuse(&f, MST_ERR_INPUT, "attack.count is 24; choose 0 .. 23");
  ask_for_attack(o, "imp", 2);
  refuse(&f, MST_ERR_INPUT, "'imp' is unknown");
  ask_for_rule(o, "krum", 2);
  mst_param_defaults(mst_compress_find("sign")->params, &o->compress);
  o->compress.kind = "sign";
  o->compress.feedback = false;
  o->compress.majority = true;
  refuse(&f, MST_ERR_UNSUPPORTED, "compress.majority is an aggregate, and so is 'krum'");
  const mst_stage mask = {.name = "mask", .slot = MST_SLOT_MASK, .traits = MST_TRAIT_HIDES,
                          .apply = keep};
  ck_ok(mst_pipeline_put(&f.pipeline, &mask));
  ask_for_rule(o, "krum", 2);
  refuse(&f, MST_ERR_UNSUPPORTED, "rule 'krum' compares distances between contributions, but 'mask'");
  ask_for_rule(o, "median", 2);
  refuse(&f, MST_ERR_UNSUPPORTED, "aggregate 'median' is not a sum: leave out 'mask'");
  *o = defaults("scaffold");
  f.pipeline = mst_pipeline_sum();
  ask_for_rule(o, "fltrust", 2);
  refuse(&f, MST_ERR_UNSUPPORTED, "fltrust trains at the server, but scaffold keeps vectors");
  end(&f);
}
END_TEST

START_TEST(labels_of_values_cannot_be_flipped) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.model->loss = MST_LOSS_SQUARED;
  ask_for_attack(&f.options, "label_flip", 2);
  refuse(&f, MST_ERR_INPUT, "label_flip is about labels, but data.train holds values");
  end(&f);
}
END_TEST

/* Once more than f of a round cannot be used, the round is named. */
START_TEST(a_round_with_too_few_vectors_is_named) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  ask_for_rule(&f.options, "krum", 1);
  ask_for_attack(&f.options, "inf", CLIENTS);
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_refused(mst_federated_run(loop, &no_test, NULL), MST_ERR_NONFINITE,
             "round 1: none of the 9 vectors is finite");
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(the_plan_counts_slots_momentum_and_the_last_result) {
  fixture f;
  const mst_clients_spill spill = {.kept = NULL};
  int64_t rank[3], node[3], file;
  begin(&f, MPI_COMM_WORLD, true, 0, "fednova");
  const int64_t d = f.model->parameters + 1;
  for (int i = 0; i < 3; i++) {
    if (i == 1) ask_for_rule(&f.options, "median", 2);
    if (i == 2) f.options.aggregate.momentum = 0.9;
    mst_federated_plan(1, 1, f.model, CLIENTS, &f.options, &spill, &rank[i], &node[i], &file);
  }
  ck_assert_int_eq(node[1] - node[0], 9 * 4 * d);
  ck_assert_int_eq(node[2] - node[1], CLIENTS * 4 * (d + 1));
  ck_assert_int_eq(rank[2], rank[1]);
  f.options.evaluate_gradient = false; /* then nothing is added up */
  mst_federated_plan(1, 1, f.model, CLIENTS, &f.options, &spill, &rank[2], &node[2], &file);
  ck_assert_int_eq(rank[1] - rank[2], 16 * f.model->parameters);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("federated_attacks");
  TCase *c = tcase_create("robust");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, an_attack_that_ruins_the_mean_does_not_ruin_robust_rules);
  tcase_add_test(c, metrics_say_who_attacked_and_who_counted);
  tcase_add_test(c, what_does_not_go_together_is_refused);
  tcase_add_test(c, labels_of_values_cannot_be_flipped);
  tcase_add_test(c, a_round_with_too_few_vectors_is_named);
  tcase_add_test(c, the_plan_counts_slots_momentum_and_the_last_result);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
