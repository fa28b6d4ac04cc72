/* Private steps whose noise hangs together from step to step, or whose clip moves: the same bits on
 * any ranks, the variance that is claimed, nothing drawn twice, and a charge for the count. */
#include "tests/parallel/private_steps.h"

START_TEST(correlated_noise_and_moving_clips_have_the_same_bits_on_any_ranks) {
  static const char *const noise[] = {"tree", "toeplitz", "banded", "tree", NULL};
  for (int k = 0; k < 5; k++) {
    setting s = plain;
    s.noise = noise[k];
    s.kind = k < 4 ? "cyclic" : "poisson"; /* 4 groups */
    s.restart = k == 0;
    s.hardened = k == 3;
    s.quantile = k < 4 ? 0 : 0.7;
    outcome o[2] = {learn(MPI_COMM_SELF, true, 0, s), learn(MPI_COMM_WORLD, true, 2, s)};
    for (int i = 0; i < 2; i++) {
      ck_ok(o[i].st);
      ck_assert_msg(strcmp(o[i].hex, o[0].hex) == 0, "%d: way %d has other bits", k, i);
      ck_assert(o[i].clip == o[0].clip);
      forget(&o[i]);
    }
  }
}
END_TEST

/* So much noise that the gradients are nothing beside it: what is released is w_t of the tree, of
 * (1 - x)^(1/2) and of the bands. */
START_TEST(a_step_releases_correlated_noise_of_its_variance_once_on_any_ranks) {
  static const struct {
    const char *noise;
    bool restart, hardened;
    int64_t steps;
    double variance;
  } known[] = {{"tree", false, false, 4, 3},
               {"tree", false, false, 5, 1},
               {"tree", true, false, 6, 2}, /* step 2 of the second cycle's own tree */
               {"tree", false, true, 4, 3},
               {"toeplitz", false, false, 4, 1 + 1. / 4 + 1. / 64 + 1. / 256},
               {"toeplitz", true, false, 6, 1 + 1. / 4}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    setting s = plain;
    s.kind = "cyclic";
    s.noise = known[i].noise;
    s.restart = known[i].restart;
    s.hardened = known[i].hardened;
    s.steps = known[i].steps;
    s.sigma = s.hardened ? 1000 : 1e4;
    s.lr = 1e-9;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    double ratio = variance(&o) / pow(s.sigma * s.clip, 2) / known[i].variance;
    ck_assert_msg(fabs(ratio - 1) < 4 * sqrt(2.0 / (double)o.n) + 0.01,
                  "%s, %d steps: variance %g of what it must be", s.noise, (int)s.steps, ratio);
    forget(&o);
  }
}
END_TEST

START_TEST(noise_of_the_whole_run_goes_on_where_steps_were_lost_and_is_never_drawn_for_others) {
  static const char *const noise[] = {"tree", "toeplitz", "banded"};
  for (int k = 0; k < 3; k++) {
    setting s = plain;
    s.kind = "cyclic";
    s.noise = noise[k];
    s.steps = 7;
    s.sigma = 1e6;
    s.lr = 1e-9;
    outcome whole = learn(MPI_COMM_WORLD, true, 0, s);
    s.charged = 2; /* of a cycle of 4: nothing of the rest is lost */
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    ck_assert_int_eq(o.t.n, 5);
    ck_assert_int_eq(o.t.step[0], 2);
    ck_assert_int_eq(o.totals.repeated, 2);
    ck_assert_double_lt(distance(o.sum, whole.sum, o.n), 1e-3);
    forget(&o);
    s.restart = true; /* another start has another secret, and begins with a cycle */
    o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    ck_assert_int_eq(o.totals.repeated, 4);
    forget(&o);
    forget(&whole);
  }
}
END_TEST

/* On a grid that is too coarse for the clip, rounding alone would exceed it. */
START_TEST(sums_are_as_fine_as_the_clip_however_great_it_may_become) {
  setting s = plain;
  s.steps = 3;
  s.quantile = 0.5;
  outcome a = learn(MPI_COMM_WORLD, true, 0, s);
  s.most = 1e8;
  outcome b = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(a.st);
  ck_ok(b.st);
  ck_assert(a.clip == b.clip);
  ck_assert_int_eq(memcmp(a.sum, b.sum, (size_t)a.n * sizeof *a.sum), 0);
  forget(&a);
  forget(&b);
}
END_TEST

START_TEST(the_clip_moves_to_the_quantile_of_the_lengths) {
  setting s = plain;
  fixture f;
  mst_model_work *work = NULL;
  s.kind = "full";
  s.sigma = 0;
  s.steps = 25;
  s.clip = 20;
  s.lr = 1e-12;
  s.quantile = 0.4;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  begin(&f, MPI_COMM_SELF, true, 0, "sgd");
  float *w = NULL, *g = NULL;
  int within = 0;
  ck_ok(mst_alloc(&w, o.n, sizeof *w, "w"));
  ck_ok(mst_alloc(&g, o.n, sizeof *g, "g"));
  mst_model_init(f.model, f.options.seed, 0, w);
  ck_ok(mst_model_work_create(f.model, 1, &work));
  for (int64_t i = 0; i < ROWS; i++) {
    mst_batch row = {.n = 1, .x = f.t.x + i * WIDTH, .label = f.t.label + i};
    double norm = 0;
    mst_model_gradient(f.model, w, &row, work, g, NULL);
    for (int64_t k = 0; k < o.n; k++) norm += (double)g[k] * (double)g[k];
    within += sqrt(norm) <= o.clip;
  }
  ck_assert_msg(fabs((double)within / ROWS - s.quantile) < 0.01, "%d rows", within);
  mst_model_work_destroy(work);
  mst_free(w);
  mst_free(g);
  end(&f);
  forget(&o);
}
END_TEST

/* Sum and count are one release of noise sigma, each with one draw of its own. */
START_TEST(a_moving_clip_is_charged_with_its_count) {
  double sigma = 1.3, count = 12, of_sum = mst_private_clip_sigma(sigma, count);
  ck_assert_double_lt(fabs(1 / (of_sum * of_sum) + 1 / (4 * count * count) - 1 / (sigma * sigma)),
                      1e-14);
  ck_assert(isinf(mst_private_clip_sigma(2 * count, count)));
  setting s = plain;
  s.rate = 1e-3; /* b = 0.7 rows: the count's noise moves the clip far */
  s.quantile = 0.5;
  s.steps = 1;
  outcome first = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_double_lt(fabs(variance(&first) / pow(s.sigma * s.clip, 2) - 1),
                      4 * sqrt(2.0 / (double)first.n) + 0.01);
  s.steps = 2; /* the second step's noise is in units of the second step's clip */
  outcome second = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert(first.clip != s.clip && second.clip != first.clip);
  ck_assert_double_lt(fabs(variance(&second) / pow(s.sigma * first.clip, 2) - 1),
                      4 * sqrt(2.0 / (double)first.n) + 0.01);
  forget(&first);
  forget(&second);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("private_moving");
  TCase *c = tcase_create("private");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, correlated_noise_and_moving_clips_have_the_same_bits_on_any_ranks);
  tcase_add_test(c, a_step_releases_correlated_noise_of_its_variance_once_on_any_ranks);
  tcase_add_test(
      c, noise_of_the_whole_run_goes_on_where_steps_were_lost_and_is_never_drawn_for_others);
  tcase_add_test(c, sums_are_as_fine_as_the_clip_however_great_it_may_become);
  tcase_add_test(c, the_clip_moves_to_the_quantile_of_the_lengths);
  tcase_add_test(c, a_moving_clip_is_charged_with_its_count);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
