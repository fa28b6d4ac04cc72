/* The analytic job behind masks: the bits of the same sum without them, on any ranks, over the
 * clients that are left; and what it is refused with. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "tests/parallel/learning.h"

enum {
  N = 600,
  D = 270, /* two tile columns with targets and ones */
  C = 4,
  CLIENTS = 30,
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

static double got[WEIGHTS], other[WEIGHTS];

/* Rows of the toy have norms of about 65. */
static mst_mask_options secure(mst_mask_kind kind, double dropout) {
  return (mst_mask_options){
      .kind = kind,
      .bound = 200,
      .secure = {.threshold = 0.55, .neighbours = 10, .dropout = dropout, .seed = 5}};
}

static void begin(toy_run *r, mst_team *team, toy *t, mst_mask_options o, int64_t groups) {
  const mst_partition_spec spec = {.name = "iid", .seed = 3, .clients = CLIENTS};
  mst_pipeline pipeline = mst_pipeline_sum();
  if (o.kind != MST_MASK_NONE) ck_ok(mst_pipeline_put(&pipeline, &mst_stage_mask));
  toy_start(r, team, t, &spec, pipeline, 1 << 20, groups);
  r->options.secure = o;
  r->options.target_bound = o.kind != MST_MASK_NONE ? 1 : 0;
}

static void take(toy_run *r, double *out) {
  memcpy(out, r->model.weights, (size_t)(D * C) * sizeof *out);
  memcpy(out + D * C, r->model.intercept, C * sizeof *out);
  toy_end(r);
}

static mst_gram_result train_to(mst_team *team, toy *t, mst_mask_options o, int64_t groups,
                                double *out) {
  toy_run r;
  begin(&r, team, t, o, groups);
  ck_ok(toy_train(&r, t));
  const mst_gram_result g = r.gram;
  take(&r, out);
  return g;
}

START_TEST(masked_statistics_have_the_bits_of_the_sum_on_any_ranks) {
  toy t = toy_make(N, D, C);
  const mst_gram_result g = train_to(world, &t, secure(MST_MASK_ON, 0.2), 1, got);
  ck_assert_int_lt(g.survivors, CLIENTS);
  ck_assert_int_gt(g.protocol.up, 0);
  const mst_gram_result h = train_to(world, &t, secure(MST_MASK_SUM, 0.2), 2, other);
  ck_assert_mem_eq(got, other, sizeof got);
  ck_assert_int_eq(h.survivors, g.survivors);
  ck_assert_int_eq(h.protocol.up, 0);
  train_to(alone, &t, secure(MST_MASK_ON, 0.2), 1, other);
  ck_assert_mem_eq(got, other, sizeof got);
  toy_free(&t);
}
END_TEST

START_TEST(a_wide_bound_gives_the_weights_of_plain_statistics) {
  toy t = toy_make(N, D, C);
  train_to(world, &t, secure(MST_MASK_ON, 0), 1, got);
  train_to(world, &t, secure(MST_MASK_NONE, 0), 1, other);
  ck_assert_double_lt(relative_difference(got, other, WEIGHTS), 1e-9);
  toy_free(&t);
}
END_TEST

/* A client that is gone is as if its rows had never been: those of the others, pooled. */
START_TEST(the_model_is_that_of_the_clients_that_are_left) {
  toy t = toy_make(N, D, C), left = toy_make(N, D, C);
  const mst_mask_options o = secure(MST_MASK_ON, 0.2);
  const mst_partition_spec spec = {.name = "iid", .seed = 3, .clients = CLIENTS};
  int32_t client[N];
  int64_t clients = 0;
  ck_ok(mst_partition_assign(&spec, N, t.label, C, NULL, client, &clients));
  left.n = 0;
  for (int64_t i = 0; i < N; i++) {
    if (mst_secure_drops(&o.secure, client[i], 0)) continue;
    memcpy(left.x + left.n * D, t.x + i * D, D * sizeof *t.x);
    left.label[left.n++] = t.label[i];
  }
  ck_assert_int_lt(left.n, N);
  toy_reference(&left, 0.5, other, other + D * C);
  train_to(world, &t, o, 1, got);
  ck_assert_double_lt(relative_difference(got, other, WEIGHTS), 1e-8);
  toy_free(&left);
  toy_free(&t);
}
END_TEST

/* The bound is of a row: rows that are longer weigh as if they had been shortened at home. */
START_TEST(rows_beyond_the_bound_are_shortened_to_it) {
  toy t = toy_make(N, D, C), shortened = toy_make(N, D, C);
  mst_mask_options o = secure(MST_MASK_ON, 0);
  o.bound = 60;
  int64_t cut = 0;
  for (int64_t i = 0; i < N; i++) {
    double square = 0;
    for (int64_t j = 0; j < D; j++) square += pow((double)t.x[i * D + j], 2);
    if (square <= 60 * 60) continue;
    cut++;
    for (int64_t j = 0; j < D; j++)
      shortened.x[i * D + j] = (float)((double)t.x[i * D + j] * 60 / sqrt(square));
  }
  ck_assert_int_gt(cut, 10);
  train_to(world, &t, o, 1, got);
  train_to(world, &shortened, secure(MST_MASK_NONE, 0), 1, other);
  ck_assert_double_lt(relative_difference(got, other, WEIGHTS), 1e-5); /* rows are float32 */
  train_to(world, &t, secure(MST_MASK_NONE, 0), 1, other);
  ck_assert_double_gt(relative_difference(got, other, WEIGHTS), 1e-3);
  toy_free(&shortened);
  toy_free(&t);
}
END_TEST

START_TEST(too_few_clients_left_are_an_error) {
  toy t = toy_make(N, D, C);
  mst_mask_options o = secure(MST_MASK_ON, 0.5);
  toy_run r;
  o.secure.threshold = 0.9;
  begin(&r, world, &t, o, 1);
  ck_refused(toy_train(&r, &t), MST_ERR_INPUT, "too few to take the masks away");
  toy_end(&r);
  toy_free(&t);
}
END_TEST

static mst_status leave(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                        double *vector) {
  (void)stage, (void)client, (void)round, (void)n, (void)vector;
  return MST_OK;
}

START_TEST(what_masks_cannot_go_with_is_refused) {
  toy t = toy_make(200, 20, C);
  const mst_stage clip = {
      .name = "shorten", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE, .apply = leave};
  for (int k = 0; k < 5; k++) {
    toy_run r;
    begin(&r, world, &t, secure(MST_MASK_ON, 0), 1);
    if (k == 0) r.options.fast = true;
    if (k == 1) r.options.target_bound = 0;
    if (k == 2) r.options.secure.bound = 0;
    if (k == 3) ck_ok(mst_pipeline_put(&r.pipeline, &clip));
    if (k == 4) r.options.secure.kind = MST_MASK_NONE; /* a mask that nobody would apply */
    static const char *const why[] = {
        "reduce: fast adds floating-point", "secure.target_bound is 0", "secure.bound is 0",
        "the stage shorten cannot be applied", "the stage masks cannot be applied"};
    ck_refused(toy_train(&r, &t), k == 1 || k == 2 ? MST_ERR_INPUT : MST_ERR_UNSUPPORTED, why[k]);
    toy_end(&r);
  }
  toy_free(&t);
}
END_TEST

START_TEST(a_huge_row_is_shortened_like_any_other) {
  toy t = toy_make(200, 20, C);
  toy_run r;
  t.x[7] = 1e30F; /* its square is no float: norms are taken in doubles */
  begin(&r, world, &t, secure(MST_MASK_ON, 0), 1);
  ck_ok(toy_train(&r, &t));
  toy_end(&r);
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("secure_analytic");
  TCase *c = tcase_create("secure_analytic");
  tcase_set_timeout(c, 300);
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, masked_statistics_have_the_bits_of_the_sum_on_any_ranks);
  tcase_add_test(c, a_wide_bound_gives_the_weights_of_plain_statistics);
  tcase_add_test(c, the_model_is_that_of_the_clients_that_are_left);
  tcase_add_test(c, rows_beyond_the_bound_are_shortened_to_it);
  tcase_add_test(c, too_few_clients_left_are_an_error);
  tcase_add_test(c, what_masks_cannot_go_with_is_refused);
  tcase_add_test(c, a_huge_row_is_shortened_like_any_other);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
