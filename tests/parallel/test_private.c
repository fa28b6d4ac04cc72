/* Private steps: one draw of noise whatever the ranks, clipping before any sum, a public divisor,
 * and nothing that a row alone can bring down. */
#include "tests/parallel/private_steps.h"

START_TEST(private_training_has_the_same_bits_on_any_ranks_and_transport) {
  static const char *const kind[] = {"poisson", "fixed", "full", "cyclic"};
  for (int k = 0; k < 5; k++) {
    setting s = plain;
    s.kind = kind[k % 4];
    s.hardened = k == 4;
    s.steps = 2;
    int ways = k % 4 == 0 ? 4 : 2; /* how sums travel does not know the sampler */
    outcome o[4] = {learn(MPI_COMM_SELF, true, 0, s), learn(MPI_COMM_WORLD, true, 2, s)};
    if (ways > 2) o[2] = learn(MPI_COMM_WORLD, false, 0, s);
    if (ways > 2) o[3] = learn(MPI_COMM_WORLD, true, 0, s);
    for (int i = 0; i < ways; i++) {
      ck_ok(o[i].st);
      ck_assert_msg(strcmp(o[i].hex, o[0].hex) == 0, "%d: way %d has other bits", k, i);
      forget(&o[i]);
    }
  }
}
END_TEST

/* Nobody takes part: what is left is the noise. */
START_TEST(an_empty_batch_gets_the_whole_noise_once_on_any_ranks) {
  for (int hardened = 0; hardened < 2; hardened++) {
    setting s = plain;
    s.rate = 1e-12;
    s.hardened = hardened;
    s.steps = 1;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    double want = s.sigma * s.clip * s.sigma * s.clip;
    double ratio = variance(&o) / want;
    ck_assert_msg(fabs(ratio - 1) < 4 * sqrt(2.0 / (double)o.n), "variance %g of what it must be",
                  ratio);
    forget(&o);
  }
}
END_TEST

START_TEST(the_sum_is_of_clipped_gradients_and_the_divisor_is_public) {
  setting s = plain;
  fixture f;
  mst_model_work *work = NULL;
  s.kind = "full";
  s.sigma = 0;
  s.steps = 1;
  s.population = 1000; /* not the 700 rows that there are */
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_double_eq(o.expected, 1000);
  begin(&f, MPI_COMM_SELF, true, 0, "sgd");
  float *w = NULL, *g = NULL;
  double *sum = NULL, longest = 0;
  ck_ok(mst_alloc(&w, o.n, sizeof *w, "w"));
  ck_ok(mst_alloc(&g, o.n, sizeof *g, "g"));
  ck_ok(mst_alloc(&sum, o.n, sizeof *sum, "sum"));
  mst_model_init(f.model, f.options.seed, 0, w);
  ck_ok(mst_model_work_create(f.model, 1, &work));
  for (int64_t i = 0; i < ROWS; i++) { /* by the definition: one row after the other */
    mst_batch row = {.n = 1, .x = f.t.x + i * WIDTH, .label = f.t.label + i};
    double norm = 0;
    mst_model_gradient(f.model, w, &row, work, g, NULL);
    for (int64_t k = 0; k < o.n; k++) norm += (double)g[k] * (double)g[k];
    norm = sqrt(norm);
    longest = fmax(longest, norm);
    for (int64_t k = 0; k < o.n; k++) sum[k] += (double)g[k] * fmin(1, s.clip / norm);
  }
  ck_assert_double_gt(longest, 2 * s.clip); /* clipping the whole sum would be another thing */
  ck_assert_double_lt(distance(o.sum, sum, o.n), 1e-4);
  double step = 0, want = 0;
  for (int64_t k = 0; k < o.n; k++) { /* lr sum / 1000 */
    step += pow((double)w[k] - (double)o.w[k], 2);
    want += pow(f.options.optimizer.lr * sum[k] / 1000, 2);
  }
  ck_assert_double_lt(fabs(sqrt(step / want) - 1), 1e-3);
  mst_model_work_destroy(work);
  mst_free(w);
  mst_free(g);
  mst_free(sum);
  end(&f);
  forget(&o);
}
END_TEST

/* Without the two rows the sum is the same but for them: at most 2 clips in all. */
START_TEST(rows_that_are_not_finite_contribute_nothing_and_spoil_nobody) {
  for (int hardened = 0; hardened < 2; hardened++) {
    setting s = plain;
    s.kind = "full";
    s.sigma = hardened ? 1e-6 : 0;
    s.hardened = hardened;
    s.steps = 1;
    outcome sound = learn(MPI_COMM_WORLD, true, 0, s);
    s.spoil = true;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    double d = 0;
    for (int64_t k = 0; k < o.n; k++) {
      ck_assert(isfinite(o.sum[k]));
      d += pow(o.sum[k] - sound.sum[k], 2);
    }
    ck_assert_double_gt(sqrt(d), 0.01 * s.clip);
    ck_assert_double_le(sqrt(d), 2.001 * s.clip);
    forget(&sound);
    forget(&o);
  }
}
END_TEST

START_TEST(steps_that_were_charged_before_are_never_taken_again) {
  setting s = plain;
  s.charged = 2;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.t.n, STEPS - 2);
  for (int64_t i = 0; i < o.t.n; i++) ck_assert_int_eq(o.t.step[i], i + 2);
  ck_assert_int_eq(o.totals.steps, STEPS);
  ck_assert_int_eq(o.totals.repeated, 2);
  forget(&o);
  s.charged = STEPS; /* all of them: what there is is reported, and nothing is released */
  o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.t.n, 0);
  forget(&o);
}
END_TEST

/* Its groups followed from the secret of the start that began it. */
START_TEST(a_cycle_that_another_start_began_is_not_gone_on_with) {
  setting s = plain;
  s.kind = "cyclic"; /* 4 groups */
  s.charged = 1;
  s.steps = 6;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.t.n, 5); /* 1, 2 and 3 to keep count, 4 and 5 taken */
  for (int64_t i = 0; i < o.t.n; i++) ck_assert_int_eq(o.t.step[i], i + 1);
  ck_assert_int_eq(o.totals.repeated, 4);
  ck_assert_int_eq(o.totals.steps, 6);
  forget(&o);
}
END_TEST

START_TEST(no_two_steps_and_no_two_secrets_have_the_same_noise) {
  setting s = plain;
  s.rate = 1e-12;
  s.steps = 1;
  outcome first = learn(MPI_COMM_WORLD, true, 0, s);
  s.secret = 2;
  outcome other = learn(MPI_COMM_WORLD, true, 0, s);
  s.secret = 1;
  s.steps = 2;
  outcome second = learn(MPI_COMM_WORLD, true, 0, s);
  const outcome *pair[2] = {&other, &second};
  for (int i = 0; i < 2; i++) {
    double dot = 0;
    for (int64_t k = 0; k < first.n; k++) dot += first.sum[k] * pair[i]->sum[k];
    dot /= (double)first.n * sqrt(variance(&first) * variance(pair[i]));
    ck_assert_double_lt(fabs(dot), 5 / sqrt((double)first.n));
  }
  forget(&first);
  forget(&other);
  forget(&second);
}
END_TEST

START_TEST(a_spent_budget_ends_the_run_before_the_release) {
  setting s = plain;
  s.refuse = 3;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_int_eq(o.st, MST_ERR_BUDGET);
  ck_assert_int_eq(o.totals.steps, 3);
  s.refuse = -1;
  s.steps = 3;
  outcome three = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert(memcmp(o.w, three.w, (size_t)o.n * sizeof *o.w) == 0);
  forget(&o);
  forget(&three);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("private");
  TCase *c = tcase_create("private");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, private_training_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, an_empty_batch_gets_the_whole_noise_once_on_any_ranks);
  tcase_add_test(c, the_sum_is_of_clipped_gradients_and_the_divisor_is_public);
  tcase_add_test(c, rows_that_are_not_finite_contribute_nothing_and_spoil_nobody);
  tcase_add_test(c, steps_that_were_charged_before_are_never_taken_again);
  tcase_add_test(c, a_cycle_that_another_start_began_is_not_gone_on_with);
  tcase_add_test(c, no_two_steps_and_no_two_secrets_have_the_same_noise);
  tcase_add_test(c, a_spent_budget_ends_the_run_before_the_release);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
