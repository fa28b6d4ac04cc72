/* Robust rules, momentum and attackers in the round loop: the same bits on any ranks and transport and
 * after a resume; what clients send is what their pages say. */
#define MST_TEST_MPI
#include "comm/sum.h"
#include "tests/parallel/federation_rules.h"

/* All rules follow by themselves. */
static const variant VARIANT[] = {
    {.name = "history", .rule = "centered_clipping", .byzantine = 4, .momentum = 0.9,
     .attack = "ipm", .attackers = 8},
    {.name = "averaged history", .rule = "centered_clipping", .byzantine = 4, .momentum = 0.9,
     .averaged = true, .attack = "ipm", .attackers = 8},
    {.name = "weighted clipping", .rule = "centered_clipping", .byzantine = 4, .weighted = true},
    {.name = "chain", .rule = "trimmed_mean", .byzantine = 2, .pre = {"clipping", "nnm"},
     .attack = "alie", .attackers = 4},
    {.name = "buckets", .rule = "krum", .byzantine = 1, .pre = {"bucketing"}, .attack = "sign_flip",
     .attackers = 3},
    {.name = "two vectors", .method = "scaffold", .rule = "median", .byzantine = 3,
     .attack = "gaussian", .attackers = 6},
    {.name = "numbers", .method = "fednova", .rule = "multi_krum", .byzantine = 3,
     .attack = "free_rider", .attackers = 6, .sends = "previous"},
    {.name = "flipped labels", .method = "feddyn", .rule = "nna", .byzantine = 3,
     .attack = "label_flip", .attackers = 6},
    {.name = "mimic", .rule = "geometric_median", .byzantine = 3, .weighted = true,
     .attack = "mimic", .attackers = 6, .warmup = 9},
    {.name = "distances", .rule = "krum", .byzantine = 3, .attack = "min_max", .attackers = 6},
    {.name = "left out", .rule = "krum", .byzantine = 4, .attack = "nan", .attackers = 8},
    {.name = "a search", .rule = "trimmed_mean", .byzantine = 3, .pre = {"nnm"}, .attack = "alie",
     .attackers = 6, .search = true},
    {.name = "signs", .rule = "median", .byzantine = 3, .compress = "sign", .momentum = 0.5},
    {.name = "coins", .rule = "median", .byzantine = 1, .bernoulli = true, .momentum = 0.5}};
enum { VARIANTS = sizeof VARIANT / sizeof VARIANT[0] };

/* Metrics, parameters, totals. */
static void run_digest(MPI_Comm comm, bool shared, int per_node, const variant *v, char *hex) {
  fixture f;
  record r = {.rounds = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_federated *loop = NULL;
  begin_variant(&f, comm, shared, per_node, v);
  f.options.rounds = 2;
  mst_digest_start(&r.digest);
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, &o));
  mst_federated_totals t = mst_federated_figures(loop);
  mst_digest_add(&r.digest, &t, offsetof(mst_federated_totals, accuracy));
  finish(&f, loop, &r, hex);
  mst_federated_destroy(loop);
  end(&f);
}

/* One rank against all, on the i-th transport: shared memory, none, nodes of two ranks. */
static void expect_same_bits(const variant *v, int i) {
  static const char *const transport[] = {"shared memory", "no shared memory",
                                          "nodes of two ranks"};
  char alone[MST_DIGEST_HEX], team[MST_DIGEST_HEX];
  run_digest(MPI_COMM_SELF, true, 0, v, alone);
  run_digest(MPI_COMM_WORLD, i % 3 != 1, i % 3 == 2 ? 2 : 0, v, team);
  ck_assert_msg(strcmp(alone, team) == 0, "%s: %s changes the bits", v->name, transport[i % 3]);
}

START_TEST(every_rule_has_the_same_bits_on_any_ranks_and_transport) {
  for (int i = 0; mst_rule_at(i) != NULL; i++) {
    const char *name = mst_rule_at(i)->name;
    expect_same_bits(&(variant){.name = name, .rule = name, .byzantine = 2}, i);
  }
}
END_TEST

START_TEST(every_variant_has_the_same_bits_on_any_ranks_and_transport) {
  for (int i = 0; i < VARIANTS; i++) expect_same_bits(&VARIANT[i], i + 1);
}
END_TEST

static void run_saved(const variant *v, bool interrupted, char *hex) {
  fixture f;
  begin_variant(&f, MPI_COMM_WORLD, true, 0, v);
  run_through_a_drawer(&f, interrupted, hex);
  end(&f);
}

START_TEST(a_saved_variant_goes_on_with_the_same_bits) {
  for (int i = 0; i < VARIANTS; i++) {
    char straight[MST_DIGEST_HEX], resumed[MST_DIGEST_HEX];
    run_saved(&VARIANT[i], false, straight);
    run_saved(&VARIANT[i], true, resumed);
    ck_assert_msg(strcmp(straight, resumed) == 0, "%s: a resume changes the bits", VARIANT[i].name);
  }
}
END_TEST

/* Clients that attack, on every rank. */
static bool is_hostile(const fixture *f, int64_t client) {
  int64_t attacker[CLIENTS];
  mst_attack_clients(f->options.seed, CLIENTS, f->options.attack.count, attacker);
  for (int64_t i = 0; i < f->options.attack.count; i++)
    if (attacker[i] == client) return true;
  return false;
}

/* up(n) = what a client makes of the parameters by itself; on flipped labels if it is hostile. */
static void train_alone(const fixture *f, int64_t client, int64_t round, const float *start,
                        float *up) {
  mst_client_trainer *trainer = NULL;
  mst_batch rows = mst_clients_data(f->clients, client);
  int32_t label[ROWS];
  mst_local_result result;
  double scalar[MST_METHOD_SUMS];
  if (is_hostile(f, client)) {
    for (int64_t i = 0; i < rows.n; i++) label[i] = CLASSES - 1 - rows.label[i];
    rows.label = label;
  }
  const mst_local_spec spec = {.epochs = 2, .batch = 8, .lr = 0.05, .seed = 11,
                               .frozen = f->model->parameters,
                               .clip = f->options.optimizer.clip,
                               .weight_decay = f->options.optimizer.weight_decay};
  float *part[MST_METHOD_VECTORS] = {up};
  ck_ok(mst_client_trainer_create(f->model, &f->options.method, &f->options.optimizer, 8, &trainer));
  ck_ok(mst_client_train(trainer, &spec, client, round, &rows, start, NULL, NULL, part, scalar,
                         &result));
  mst_client_trainer_destroy(trainer);
}

/* Two rounds of the mean, with momentum of honest clients, attackers on flipped labels; every client
 * takes part, so each message can be made by hand. */
static void expect_two_rounds(double momentum, bool averaged, int64_t attackers, bool weighted) {
  fixture f;
  mst_federated *loop = NULL;
  float *w[3] = {NULL}, *kept = NULL, *up = NULL;
  double *sum = NULL;
  begin(&f, MPI_COMM_SELF, true, 0, "fedavg");
  f.options.aggregate.momentum = momentum;
  f.options.aggregate.averaged = averaged;
  f.options.method.weighted = weighted;
  f.options.bernoulli = true;
  f.options.participation = 1;
  f.options.evaluate_clients = f.options.evaluate_gradient = false;
  ask_for_attack(&f.options, "label_flip", attackers);
  const int64_t n = f.model->parameters;
  for (int r = 0; r < 3; r++) {
    f.options.rounds = r;
    ck_ok(mst_alloc(&w[r], n, sizeof **w, "test"));
    if (r > 0) {
      ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
      ck_ok(mst_federated_run(loop, &no_test, NULL));
      memcpy(w[r], mst_federated_parameters(loop), (size_t)n * sizeof **w);
      mst_federated_destroy(loop);
    } else {
      mst_model_init(f.model, f.options.seed, 0, w[r]);
    }
  }
  ck_ok(mst_alloc(&kept, CLIENTS * n, sizeof *kept, "test"));
  ck_ok(mst_alloc(&up, n, sizeof *up, "test"));
  ck_ok(mst_alloc(&sum, n, sizeof *sum, "test"));
  for (int r = 0; r < 2; r++) {
    double all = 0, worst = 0, largest = 0;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t k = 0; k < CLIENTS; k++) {
      const int64_t rows = mst_clients_rows(f.clients, k);
      const double weight = weighted ? (double)rows : 1;
      float *m = kept + k * n;
      if (rows == 0) continue;
      train_alone(&f, k, r, w[r], up);
      const bool remembers = r > 0 && !is_hostile(&f, k);
      for (int64_t i = 0; i < n; i++) {
        m[i] = remembers ? (float)(momentum * m[i] + (averaged ? 1 - momentum : 1) * up[i]) : up[i];
        sum[i] += weight * (double)m[i];
      }
      all += weight;
    }
    for (int64_t i = 0; i < n; i++) {
      worst = fmax(worst, fabs((double)w[r + 1][i] - ((double)w[r][i] + sum[i] / all)));
      largest = fmax(largest, fabs(sum[i] / all));
    }
    ck_assert_double_gt(largest, 1e-3);
    ck_assert_double_le(worst, 2e-7);
  }
  for (int r = 0; r < 3; r++) mst_free(w[r]);
  mst_free(kept);
  mst_free(up);
  mst_free(sum);
  end(&f);
}

START_TEST(a_round_is_the_rule_of_what_clients_make_alone) {
  expect_two_rounds(0, false, 0, false);
  expect_two_rounds(0.8, false, 6, false);
  expect_two_rounds(0.8, true, 6, true);
}
END_TEST

/* The way through slots and a rule against that through exact sums. */
START_TEST(the_mean_as_a_rule_is_the_plain_loop_to_rounding) {
  for (int weighted = 0; weighted < 2; weighted++) {
    fixture f;
    mst_federated *plain = NULL, *ruled = NULL;
    begin(&f, MPI_COMM_WORLD, true, 0, "fednova");
    f.options.method.weighted = weighted;
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &plain));
    ask_for_attack(&f.options, "ipm", 0);
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &ruled));
    ck_ok(mst_federated_run(plain, &no_test, NULL));
    ck_ok(mst_federated_run(ruled, &no_test, NULL));
    for (int64_t i = 0; i < f.model->parameters; i++)
      ck_assert_double_eq_tol((double)mst_federated_parameters(plain)[i],
                              (double)mst_federated_parameters(ruled)[i], 1e-5);
    const mst_federated_totals a = mst_federated_figures(plain), b = mst_federated_figures(ruled);
    ck_assert_int_eq(a.contributions, b.contributions);
    ck_assert_int_eq(a.uplink_bytes, b.uplink_bytes);
    ck_assert_double_eq_tol(a.train_loss, b.train_loss, 1e-5);
    mst_federated_destroy(ruled);
    mst_federated_destroy(plain);
    end(&f);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("federated_robust");
  TCase *c = tcase_create("robust");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, every_rule_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, every_variant_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, a_saved_variant_goes_on_with_the_same_bits);
  tcase_add_test(c, a_round_is_the_rule_of_what_clients_make_alone);
  tcase_add_test(c, the_mean_as_a_rule_is_the_plain_loop_to_rounding);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
