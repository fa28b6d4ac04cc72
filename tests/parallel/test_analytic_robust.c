/* The analytic job by a robust rule: the sum's model where nobody lies and clients are alike, the
 * same bits on any ranks, what attackers come to, matrices that are none, and what is refused. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include <stdlib.h>

#include "comm/sum.h"
#include "parallel/analytic_robust.h"
#include "parallel/transpose.h"
#include "tests/parallel/learning.h"

enum {
  N = 900,
  D = 254, /* with targets and ones two tile columns, the second of two rows */
  C = 3,
  CLIENTS = 9,
  FEW = 20, /* features */
  WEIGHTS = D * C + C
};

static mst_team *world, *alone;

static void start_team(void) {
  mst_team_options options = mst_team_defaults();
  ck_ok(mst_team_create(MPI_COMM_WORLD, &options, &world));
  ck_ok(mst_team_create(MPI_COMM_SELF, &options, &alone));
}

static void end_team(void) {
  mst_team_destroy(world);
  mst_team_destroy(alone);
}

/* So small that the units it stands on make no difference. */
#define RIDGE 1e-6

static double got[WEIGHTS], other[WEIGHTS];

static mst_analytic_robust robust(const char *rule, int64_t byzantine) {
  mst_analytic_robust r = {.rule = {.name = rule, .byzantine = byzantine, .seed = 4}};
  r.rule.neighbours = "others";
  r.rule.nu = 0.1;
  r.rule.tolerance = 1e-9;
  return r;
}

static mst_analytic_robust attacked(mst_analytic_robust r, const char *name, int64_t count) {
  r.attack = (mst_attack_spec){.name = name,
                               .count = count,
                               .scale = 3,
                               .side = "above",
                               .evaluations = 9,
                               .start = 1,
                               .step = 1,
                               .contraction = 0.8,
                               .seed = 4};
  return r;
}

static const mst_partition_spec ALIKE = {.name = "iid", .seed = 3, .clients = CLIENTS};

/* The rows dealt so that clients are whole on a rank. */
static void begin(toy_run *r, mst_team *team, toy *t, const mst_partition_spec *spec,
                  int64_t groups) {
  static const mst_stage whole = {
      .name = "rule", .slot = MST_SLOT_AGGREGATE, .traits = MST_TRAIT_SINGLE};
  const mst_pipeline pipeline = {.slot[MST_SLOT_AGGREGATE] = &whole};
  toy_start(r, team, t, spec, pipeline, 1 << 20, groups);
}

static mst_status train(toy_run *r, const toy *t, const mst_analytic_robust *how,
                        mst_analytic_trust *trust) {
  const mst_analytic_data data = {
      .rows = r->rows, .roster = r->roster, .label = r->label, .outputs = t->c};
  MST_TRY(mst_analytic_robust_check(how, &r->options, r->roster->clients, r->roster->clients));
  return mst_analytic_robust_train(r->team, &data, r->features, &r->plan, &r->options, how, NULL,
                                   &r->model, trust);
}

static void take(const toy_run *r, double *out) {
  const int64_t n = r->model.d * r->model.c;
  memcpy(out, r->model.weights, (size_t)n * sizeof *out);
  memcpy(out + n, r->model.intercept, (size_t)r->model.c * sizeof *out);
}

static mst_analytic_trust train_to(mst_team *team, toy *t, mst_analytic_robust how, int64_t groups,
                                   double *out) {
  toy_run r;
  mst_analytic_trust trust;
  begin(&r, team, t, &ALIKE, groups);
  r.options.ridge = RIDGE;
  if (t->d == D && mst_analytic_has_rule(&how)) r.options.ridge = 2000; /* columns do not fit */
  ck_ok(train(&r, t, &how, &trust));
  take(&r, out);
  toy_end(&r);
  return trust;
}

START_TEST(the_mean_of_clients_alike_is_pooled_training) {
  toy t = toy_make(N, D, C);
  const mst_analytic_trust trust = train_to(world, &t, robust(NULL, 0), 1, got);
  ck_assert_int_eq(trust.sent, CLIENTS);
  ck_assert_int_eq(trust.excluded, 0);
  ck_assert_double_eq(trust.rows, N);
  toy_reference(&t, RIDGE, other, other + D * C);
  ck_assert_double_lt(relative_difference(got, other, WEIGHTS), 1e-8);
  toy_free(&t);
}
END_TEST

/* With a ridge that counts, where features are not standardised. */
START_TEST(the_mean_is_the_sum_without_intercept_or_standard_features_too) {
  toy t = toy_make(N, FEW, C);
  const mst_analytic_robust how = robust(NULL, 0);
  for (int k = 0; k < 2; k++) {
    toy_run r, plain;
    mst_analytic_trust trust;
    begin(&r, world, &t, &ALIKE, 1);
    toy_start(&plain, world, &t, &ALIKE, mst_pipeline_sum(), 1 << 20, 1);
    r.options.bias = k == 1;
    r.options.standardize = k == 0;
    r.options.ridge = k == 0 ? RIDGE : 300;
    plain.options = r.options;
    ck_ok(train(&r, &t, &how, &trust));
    ck_ok(toy_train(&plain, &t));
    take(&r, got);
    take(&plain, other);
    ck_assert_double_lt(relative_difference(got, other, FEW * C + C), 1e-8);
    toy_end(&r);
    toy_end(&plain);
  }
  toy_free(&t);
}
END_TEST

START_TEST(any_ranks_and_groups_give_the_same_bits) {
  toy t = toy_make(N, D, C);
  mst_analytic_robust how[] = {attacked(robust("geometric_median", 2), "alie", 2),
                               attacked(robust("trimmed_mean", 2), "sign_flip", 2)};
  how[0].mixer[0] = (mst_mixer_spec){.name = "nnm", .byzantine = 2, .seed = 4};
  how[0].mixers = 1;
  for (int k = 0; k < 2; k++) {
    const mst_analytic_trust a = train_to(world, &t, how[k], 1, got);
    const mst_analytic_trust b = train_to(alone, &t, how[k], 1 + k, other);
    ck_assert_mem_eq(got, other, sizeof got);
    ck_assert_int_eq(a.attackers, 2);
    ck_assert_int_eq(isnan(a.attackers_weight), k);
    if (k == 0) ck_assert_double_eq(a.attackers_weight, b.attackers_weight);
  }
  toy_free(&t);
}
END_TEST

/* Statistics that are turned round move the mean anywhere, and rules as little as honest clients
 * differ. */
START_TEST(rules_withstand_statistics_that_are_turned_round) {
  toy t = toy_make(N, FEW, C);
  const int64_t n = FEW * C + C;
  train_to(world, &t, robust(NULL, 0), 1, other);
  train_to(world, &t, attacked(robust(NULL, 0), "sign_flip", 3), 1, got);
  ck_assert_double_gt(relative_difference(got, other, n), 0.9);
  static const char *const rules[] = {"trimmed_mean", "median", "multi_krum", "geometric_median"};
  for (int k = 0; k < 4; k++) {
    train_to(world, &t, attacked(robust(rules[k], 3), "sign_flip", 3), 1, got);
    ck_assert_msg(relative_difference(got, other, n) < 0.35, "%s: %g", rules[k],
                  relative_difference(got, other, n));
  }
  toy_free(&t);
}
END_TEST

START_TEST(a_client_that_sends_no_numbers_is_left_out_and_counted) {
  toy t = toy_make(N, FEW, C), left = toy_make(N, FEW, C);
  const mst_analytic_trust trust = train_to(world, &t, attacked(robust(NULL, 0), "nan", 2), 1, got);
  ck_assert_int_eq(trust.excluded, 2);
  ck_assert_int_eq(trust.sent, CLIENTS);
  int32_t client[N];
  int64_t clients = 0, gone[2];
  ck_ok(mst_partition_assign(&ALIKE, N, t.label, C, NULL, client, &clients));
  mst_attack_clients(4, CLIENTS, 2, gone);
  left.n = 0;
  for (int64_t i = 0; i < N; i++) {
    if (client[i] == gone[0] || client[i] == gone[1]) continue;
    memcpy(left.x + left.n * FEW, t.x + i * FEW, FEW * sizeof *t.x);
    left.label[left.n++] = t.label[i];
  }
  toy_reference(&left, RIDGE, other, other + FEW * C);
  ck_assert_double_lt(relative_difference(got, other, FEW * C + C), 1e-8);
  toy_free(&left);
  toy_free(&t);
}
END_TEST

START_TEST(attackers_may_learn_from_flipped_labels) {
  toy t = toy_make(N, FEW, C), flipped = toy_make(N, FEW, C);
  train_to(world, &t, attacked(robust(NULL, 0), "label_flip", CLIENTS), 1, got);
  for (int64_t i = 0; i < N; i++) flipped.label[i] = C - 1 - t.label[i];
  train_to(world, &flipped, robust(NULL, 0), 1, other);
  /* Rows are dealt without a look at labels. */
  ck_assert_mem_eq(got, other, (FEW * C + C) * sizeof *got);
  toy_free(&flipped);
  toy_free(&t);
}
END_TEST

static int by_number(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

START_TEST(the_number_of_rows_is_the_clients_median_times_the_clients) {
  toy t = toy_make(N, FEW, C);
  const mst_partition_spec spec = {.name = "quantity", .seed = 3, .clients = CLIENTS, .alpha = 0.5};
  const mst_analytic_robust how = robust("median", 2);
  toy_run r;
  mst_analytic_trust trust;
  int64_t rows[CLIENTS], n = 0, most = 0;
  begin(&r, world, &t, &spec, 1);
  for (int64_t k = 0; k < CLIENTS; k++) {
    rows[n] = r.roster->client_first[k + 1] - r.roster->client_first[k];
    most = rows[n] > most ? rows[n] : most;
    n += rows[n] > 0;
  }
  qsort(rows, (size_t)n, sizeof *rows, by_number);
  ck_assert_int_gt(most, 2 * rows[(n - 1) / 2]); /* else it would say nothing */
  r.options.ridge = 50;
  ck_ok(train(&r, &t, &how, &trust));
  ck_assert_double_eq(trust.rows, (double)(n * rows[(n - 1) / 2]));
  toy_end(&r);
  toy_free(&t);
}
END_TEST

/* Of 10 rows each in 60 dimensions: a median of their entries is no Gram matrix. */
START_TEST(a_matrix_that_is_none_is_refused_with_a_ridge_that_will_do) {
  toy t = toy_make(90, 60, C);
  const mst_analytic_robust how = robust("median", 2);
  toy_run r;
  mst_analytic_trust trust;
  begin(&r, world, &t, &ALIKE, 1);
  r.options.ridge = 0.01;
  ck_refused(train(&r, &t, &how, &trust), MST_ERR_SINGULAR,
             "what median made of the clients' statistics is no Gram matrix");
  const char *advice = strstr(mst_status_detail(), "for example ");
  ck_assert_ptr_nonnull(advice);
  r.options.ridge = strtod(advice + strlen("for example "), NULL);
  ck_assert_double_gt(r.options.ridge, 1);
  toy_end(&r);
  const double ridge = r.options.ridge;
  begin(&r, world, &t, &ALIKE, 1);
  r.options.ridge = ridge;
  ck_ok(train(&r, &t, &how, &trust));
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(the_planned_memory_is_that_of_the_rank_with_most_clients) {
  toy t = toy_make(N, FEW, C);
  const mst_partition_spec spec = {.name = "quantity", .seed = 3, .clients = CLIENTS, .alpha = 0.5};
  const mst_analytic_robust how = robust("median", 2);
  const int p = mst_team_size(world);
  const int64_t order = FEW + C + 1, vector = 8 * (order * (order + 1) / 2 - 1 + 2 * order);
  toy_run r;
  int64_t here = 0, all = 0;
  begin(&r, world, &t, &spec, 1);
  for (int64_t k = 0; k < CLIENTS; k++) {
    const int64_t first = r.roster->client_first[k];
    if (first == r.roster->client_first[k + 1]) continue;
    all++;
    here += first >= r.roster->first && first < r.roster->first + r.roster->count;
  }
  ck_ok(mst_max_i64(world, &here, 1));
  const int64_t bytes = mst_analytic_robust_bytes(&how, p, r.roster, FEW, C);
  const int64_t on_one = mst_analytic_robust_bytes(&how, 1, r.roster, FEW, C);
  ck_assert_int_eq(on_one - (bytes - (p > 1 ? 4 * MST_TRANSPOSE_BUCKET : 0)),
                   vector * (all - here));
  ck_assert_int_gt(on_one, vector * (all + 1));
  const mst_analytic_robust none = robust(NULL, 0);
  ck_assert_int_eq(mst_analytic_robust_bytes(&none, p, r.roster, FEW, C), 0);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(what_has_no_meaning_here_is_refused) {
  const mst_analytic_options plain = {.ridge = 1};
  mst_analytic_options masked = plain;
  masked.secure.kind = MST_MASK_ON;
  mst_analytic_robust r = robust("trimmed_mean", 5);
  ck_refused(mst_analytic_robust_check(&r, &plain, 12, CLIENTS), MST_ERR_INPUT,
             "the statistics of 9 clients with rows: ");
  r = robust("fltrust", 1);
  ck_refused(mst_analytic_robust_check(&r, &plain, CLIENTS, CLIENTS), MST_ERR_UNSUPPORTED,
             "the server has no statistics of its own");
  r = attacked(robust(NULL, 0), "dissensus", 2);
  r.attack.epsilon = 1;
  ck_refused(mst_analytic_robust_check(&r, &plain, CLIENTS, CLIENTS), MST_ERR_UNSUPPORTED,
             "all clients send to one server");
  r = attacked(robust(NULL, 0), "mimic", 2);
  r.attack.warmup = 3;
  ck_refused(mst_analytic_robust_check(&r, &plain, CLIENTS, CLIENTS), MST_ERR_UNSUPPORTED,
             "set attack.warmup: 0");
  r = attacked(robust(NULL, 0), "sign_flip", 2);
  ck_refused(mst_analytic_robust_check(&r, &masked, CLIENTS, CLIENTS), MST_ERR_UNSUPPORTED,
             "masks leave none to be read");
  ck_ok(mst_analytic_robust_check(&r, &plain, CLIENTS, CLIENTS));
  r = attacked(robust(NULL, 0), "sign_flip", CLIENTS + 1);
  ck_refused(mst_analytic_robust_check(&r, &plain, CLIENTS, CLIENTS), MST_ERR_INPUT, "");
}
END_TEST

/* Which allocation fails decides between which collective calls the rank leaves. */
START_TEST(one_rank_without_memory_is_everyones_failure) {
  toy t = toy_make(N, FEW, C);
  const mst_analytic_robust how = attacked(robust("krum", 2), "sign_flip", 2);
  mst_status st = MST_ERR_MEMORY;
  for (int64_t at = 1, held = 0; at < 200 && st == MST_ERR_MEMORY; at++) {
    mst_analytic_trust trust;
    toy_run r;
    begin(&r, world, &t, &ALIKE, 1);
    if (mst_team_rank(world) == 0) mst_memory_fail_at(at);
    st = train(&r, &t, &how, &trust);
    mst_memory_fail_at(0);
    ck_assert_msg(st == MST_OK || st == MST_ERR_MEMORY, "allocation %lld: %s", (long long)at,
                  mst_status_detail());
    held = st == MST_OK;
    ck_ok(mst_sum_i64(world, &held, 1));
    ck_assert_msg(held == 0 || held == mst_team_size(world), "allocation %lld", (long long)at);
    toy_end(&r);
  }
  ck_assert_int_eq(st, MST_OK);
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("analytic_robust");
  TCase *c = tcase_create("analytic_robust");
  tcase_set_timeout(c, 300);
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, the_mean_of_clients_alike_is_pooled_training);
  tcase_add_test(c, the_mean_is_the_sum_without_intercept_or_standard_features_too);
  tcase_add_test(c, any_ranks_and_groups_give_the_same_bits);
  tcase_add_test(c, rules_withstand_statistics_that_are_turned_round);
  tcase_add_test(c, a_client_that_sends_no_numbers_is_left_out_and_counted);
  tcase_add_test(c, attackers_may_learn_from_flipped_labels);
  tcase_add_test(c, the_number_of_rows_is_the_clients_median_times_the_clients);
  tcase_add_test(c, a_matrix_that_is_none_is_refused_with_a_ridge_that_will_do);
  tcase_add_test(c, the_planned_memory_is_that_of_the_rank_with_most_clients);
  tcase_add_test(c, what_has_no_meaning_here_is_refused);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
