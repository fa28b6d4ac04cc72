/* Private steps of methods with differences: the estimate is the mean gradient where nothing is cut
 * and no noise added, whatever the blocks; the noise follows how far points are apart; one digest
 * on any ranks; and nothing is gone on with that another start alone could know. */
#include "tests/parallel/private_differences.h"

static const mst_estimator_spec boost = {
    .name = "spiderboost", .period = 3, .smoothness = 1, .share = 0.5, .rows = 80};
static const mst_estimator_spec tree = {.name = "tree_spider", .depth = 2, .smoothness = 1};

static const mst_estimator_spec stages = {.name = "recursive", .stages = 2, .regularizer = 1};

START_TEST(methods_with_differences_have_the_same_bits_on_any_ranks_and_transport) {
  for (int k = 0; k < 5; k++) {
    setting s = plain;
    if (k == 1) s.method = boost;
    if (k == 4) s.method = stages;
    if (k == 2) s.method = tree, s.steps = 4, s.lr = 0.01;
    if (k == 3) s.hardened = true, s.steps = 2;
    int ways = k == 0 ? 4 : 2;
    outcome o[4] = {learn(MPI_COMM_SELF, true, 0, &s), learn(MPI_COMM_WORLD, true, 2, &s)};
    if (ways > 2) o[2] = learn(MPI_COMM_WORLD, false, 0, &s);
    if (ways > 2) o[3] = learn(MPI_COMM_WORLD, true, 0, &s);
    for (int i = 0; i < ways; i++) {
      ck_ok(o[i].st);
      ck_assert_msg(strcmp(o[i].hex, o[0].hex) == 0, "%d: way %d has other bits", k, i);
      forget(&o[i]);
    }
  }
}
END_TEST

/* 700 rows in blocks of 32 and pieces of 512: a mean of the blocks' means would give the rows of
 * the last ones more than the others'. */
START_TEST(every_row_has_the_same_part_of_the_estimate) {
  for (int k = 0; k < 2; k++) {
    setting s = plain;
    if (k == 1) s.method = boost, s.method.rows = ROWS, s.batch = ROWS; /* samples of all */
    s.noise = 0;
    s.clip = 1e3;
    s.method.smoothness = 1e6;
    s.method.period = 4;
    s.steps = 4;
    outcome o = learn(MPI_COMM_WORLD, true, 0, &s); /* v_3 = g(w_0) + three differences */
    s.steps = 3;
    outcome at = learn(MPI_COMM_WORLD, true, 0, &s); /* w_3 */
    fixture f;
    mst_model_work *work = NULL;
    float *g = NULL;
    double *want = NULL;
    begin(&f, MPI_COMM_SELF, true, 0, "sgd");
    ck_ok(mst_alloc(&g, o.n, sizeof *g, "g"));
    ck_ok(mst_alloc(&want, o.n, sizeof *want, "want"));
    ck_ok(mst_model_work_create(f.model, 1, &work));
    for (int64_t i = 0; i < ROWS; i++) {
      mst_batch row = {.n = 1, .x = f.t.x + i * WIDTH, .label = f.t.label + i};
      mst_model_gradient(f.model, at.w, &row, work, g, NULL);
      for (int64_t j = 0; j < o.n; j++) want[j] += (double)g[j] / ROWS;
    }
    double error = length(o.n, o.v, want) / length(o.n, want, NULL);
    ck_assert_msg(error < 1e-5, "%s: %g", s.method.name, error);
    mst_model_work_destroy(work);
    mst_free(g);
    mst_free(want);
    end(&f);
    forget(&o);
    forget(&at);
  }
}
END_TEST

/* Nobody takes part: what is left of a difference is noise of the bound L |w_1 - w_0|, or 2 C. */
START_TEST(a_difference_has_the_noise_of_how_far_its_points_are_apart) {
  for (int k = 0; k < 4; k++) {
    setting s = plain;
    bool capped = k % 2 == 1;
    s.method = boost;
    s.method.smoothness = capped ? 1e6 : 2;
    s.method.rows = 1;
    s.rate = 1e-12;
    s.hardened = k >= 2;
    s.steps = 1;
    s.lr = 1e-14; /* the estimate is divided by the expected rows: 7e-10 */
    outcome first = learn(MPI_COMM_WORLD, true, 0, &s);
    s.steps = 2;
    outcome second = learn(MPI_COMM_WORLD, true, 0, &s);
    ck_ok(second.st);
    double apart = s.lr * length(first.n, first.v, NULL);
    double bound = capped ? 2 * s.clip : s.method.smoothness * apart;
    double noise = length(first.n, second.v, first.v) / sqrt((double)first.n);
    double ratio = noise / (s.noise * bound); /* of 1 expected row; one may have come */
    if (k < 2) ck_assert_double_gt(length(first.n, first.v, NULL), 0);
    ck_assert_msg(ratio > 0.9 && ratio < 1.1, "%d: %g of what it must be", k, ratio);
    forget(&first);
    forget(&second);
  }
}
END_TEST

/* The first step is at the centre, so w_1 does not depend on lambda. In a second stage the new
 * quadratic is flat where the stage begins, and steps are half as long. */
START_TEST(stages_are_pulled_to_where_they_began) {
  for (int k = 1; k <= 2; k++) {
    setting s = plain;
    s.noise = 0;
    s.steps = 2;
    s.lr = 5;
    s.method = stages;
    s.method.stages = k;
    s.method.regularizer = 3;
    outcome pulled = learn(MPI_COMM_WORLD, true, 0, &s);
    s.method.regularizer = 1e-12;
    outcome loose = learn(MPI_COMM_WORLD, true, 0, &s);
    const double lr = s.lr;
    s.lr = 1e-30;
    outcome still = learn(MPI_COMM_WORLD, true, 0, &s);
    double moved = 0;
    for (int64_t i = 0; i < pulled.n; i++) {
      const double first = (double)loose.w[i] + lr * loose.v[i] - (double)still.w[i];
      ck_assert_double_eq_tol(pulled.v[i] - loose.v[i], 3 * first / k, 1e-5);
      moved = fmax(moved, fabs(first));
    }
    ck_assert_double_gt(moved, 1e-3);
    forget(&pulled);
    forget(&loose);
    forget(&still);
  }
}
END_TEST

START_TEST(rows_that_are_not_finite_contribute_nothing_to_differences) {
  for (int hardened = 0; hardened < 2; hardened++) {
    setting s = plain;
    s.noise = hardened ? 1e-6 : 0;
    s.hardened = hardened;
    s.steps = 2;
    outcome sound = learn(MPI_COMM_WORLD, true, 0, &s);
    s.spoil = true;
    outcome o = learn(MPI_COMM_WORLD, true, 0, &s);
    ck_ok(o.st);
    double d = length(o.n, o.v, sound.v) * ROWS; /* two rows' gradients and differences */
    ck_assert_double_gt(d, 0.01 * s.clip);
    ck_assert_double_le(d, 2.2 * s.clip);
    forget(&sound);
    forget(&o);
  }
}
END_TEST

START_TEST(a_start_with_nothing_kept_waits_for_the_next_sum_of_gradients) {
  setting s = plain; /* gradients at 0 and 4 */
  s.charged = 2;
  outcome o = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(o.st);
  ck_assert_int_eq(o.c.n, 4);
  for (int64_t i = 0; i < o.c.n; i++) ck_assert_int_eq(o.c.step[i], i + 2); /* 2, 3: not taken */
  ck_assert_int_eq(o.totals.repeated, 4);
  forget(&o);
  s.method = tree; /* its rows were dealt to steps by another secret */
  s.steps = 8;
  s.charged = 1;
  o = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(o.st);
  ck_assert_int_eq(o.totals.repeated, 8);
  forget(&o);
}
END_TEST

START_TEST(steps_along_a_direction_have_the_length_that_is_asked_for) {
  setting s = plain;
  s.method = tree;
  s.steps = 4;
  s.lr = 0.03;
  outcome o = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(o.st);
  ck_assert_double_eq_tol(length(o.n, o.v, NULL), 1, 1e-6);
  forget(&o);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("private_difference");
  TCase *c = tcase_create("private_difference");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, methods_with_differences_have_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, every_row_has_the_same_part_of_the_estimate);
  tcase_add_test(c, a_difference_has_the_noise_of_how_far_its_points_are_apart);
  tcase_add_test(c, stages_are_pulled_to_where_they_began);
  tcase_add_test(c, rows_that_are_not_finite_contribute_nothing_to_differences);
  tcase_add_test(c, a_start_with_nothing_kept_waits_for_the_next_sum_of_gradients);
  tcase_add_test(c, steps_along_a_direction_have_the_length_that_is_asked_for);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
