/* Gauss-Newton in the space of the batch against Gauss-Newton in that of the parameters
 * (egn_reference.h), and what holds for its steps: damping, momentum, line search, restarts. */
#include "tests/core/egn_reference.h"

static mst_egn *optimizer(const mst_model *m, double damping, double momentum, double adapt,
                          bool search) {
  mst_optim_spec spec = mst_optim_defaults("egn");
  spec.damping = damping;
  spec.momentum = momentum;
  spec.adapt = adapt;
  spec.line_search = search;
  mst_egn *e;
  ck_ok(mst_egn_create(&spec, m, ROWS, &e));
  return e;
}

START_TEST(a_step_is_that_of_dense_gauss_newton) {
  const struct {
    const char *kind, *family;
    bool stable, classes;
    int outputs;
  } form[] = {
      {"softmax", "", false, true, 3},     {"softmax", "", true, true, 3},
      {"mlp", "", false, true, 3},         {"mlp", "", true, true, 3},
      {"mlp", "", false, false, 2},        {"glm", "linear", false, false, 1},
      {"glm", "logistic", false, true, 2}, {"glm", "poisson", false, false, 1},
  };
  const double damping[] = {1, 1e-2};
  for (size_t f = 0; f < sizeof form / sizeof *form; f++)
    for (int k = 0; k < 2; k++) {
      mst_model *m =
          made(form[f].kind, form[f].family, form[f].stable, form[f].classes, form[f].outputs);
      const mst_batch batch = batch_of(m, ROWS, form[f].classes);
      float w[128], before[128];
      double d[128], size = 0, off = 0;
      ck_assert_int_le(m->parameters, 128);
      for (int64_t j = 0; j < m->parameters; j++) before[j] = w[j] = sample(j, 60);
      dense_direction(m, w, &batch, ROWS * damping[k], d);
      mst_egn *e = optimizer(m, damping[k], 0, 1, false);
      ck_ok(mst_egn_step(e, w, &batch, 1, NULL));
      for (int64_t j = 0; j < m->parameters; j++) {
        size = fmax(size, fabs(d[j]));
        off = fmax(off, fabs((double)before[j] - (double)w[j] - d[j]));
      }
      ck_assert_msg(size > 1e-3 && off < 1e-5 * size + 1e-6, "%s %s: %g of %g", form[f].kind,
                    form[f].family, off, size);
      mst_egn_destroy(e);
      mst_model_destroy(m);
    }
}
END_TEST

START_TEST(least_squares_takes_one_undamped_step) {
  /* As many rows as parameters or fewer are met exactly; with more the gradient vanishes. */
  mst_model *m = made("glm", "linear", false, false, 1);
  const int64_t rows[] = {3, INPUTS + 1, ROWS};
  for (int k = 0; k < 3; k++) {
    const mst_batch batch = batch_of(m, rows[k], false);
    float w[INPUTS + 1], g[INPUTS + 1];
    mst_model_work *work;
    mst_egn_report report;
    double start = 0, end = 0, loss = 0;
    mst_egn *e = optimizer(m, 0, 0, 1, true);
    ck_ok(mst_model_work_create(m, ROWS, &work));
    ck_assert_int_eq(m->parameters, INPUTS + 1);
    for (int j = 0; j <= INPUTS; j++) w[j] = sample(j, 61);
    mst_model_gradient(m, w, &batch, work, g, NULL);
    for (int j = 0; j <= INPUTS; j++) start += (double)g[j] * g[j];
    ck_ok(mst_egn_step(e, w, &batch, 1, &report));
    mst_model_gradient(m, w, &batch, work, g, &loss);
    for (int j = 0; j <= INPUTS; j++) end += (double)g[j] * g[j];
    ck_assert_double_lt(sqrt(end / start), 1e-4);
    if (rows[k] <= INPUTS + 1) ck_assert_double_lt(loss, 1e-9 * report.loss);
    ck_assert_double_eq(report.length, 1);
    ck_assert_double_eq_tol(report.ratio, 1, 1e-4);
    ck_assert_double_eq_tol(report.after, loss, 1e-12);
    mst_model_work_destroy(work);
    mst_egn_destroy(e);
  }
  mst_model_destroy(m);
}
END_TEST

START_TEST(more_rows_than_parameters_do_not_drown_the_step_in_rounding) {
  mst_model *m = made("glm", "linear", false, false, 1);
  const mst_batch batch = batch_of(m, ROWS, false);
  for (double damping = 1e-4; damping > 1e-10; damping /= 10) {
    float w[INPUTS + 1], before[INPUTS + 1];
    double d[INPUTS + 1];
    for (int j = 0; j <= INPUTS; j++) before[j] = w[j] = sample(j, 63);
    dense_direction(m, w, &batch, ROWS * damping, d);
    mst_egn *e = optimizer(m, damping, 0, 1, false);
    ck_ok(mst_egn_step(e, w, &batch, 1, NULL));
    for (int j = 0; j <= INPUTS; j++) ck_assert_double_eq_tol(before[j] - w[j], d[j], 1e-5);
    mst_egn_destroy(e);
  }
  mst_model_destroy(m);
}
END_TEST

START_TEST(a_network_is_fitted_and_the_loss_never_rises) {
  mst_model *m = made("mlp", "", false, true, 3);
  const mst_batch batch = batch_of(m, ROWS, true);
  for (int k = 0; k < 2; k++) {
    float w[128];
    mst_egn *e = optimizer(m, 0.1, k == 0 ? 0 : 0.5, 0.6, true);
    mst_egn_report report = {0};
    double last = INFINITY;
    mst_model_init(m, 1, 0, w);
    for (int t = 0; t < 60; t++) {
      ck_ok(mst_egn_step(e, w, &batch, 1, &report));
      ck_assert_double_le(report.after, report.loss * (1 + 1e-6));
      ck_assert_double_le(report.loss, last * (1 + 1e-6));
      last = report.after;
    }
    ck_assert_double_lt(last, 0.05 * ROWS);
    mst_egn_destroy(e);
  }
  mst_model_destroy(m);
}
END_TEST

START_TEST(a_step_that_is_far_too_long_is_shortened) {
  mst_model *m = made("mlp", "", false, false, 2);
  const mst_batch batch = batch_of(m, ROWS, false);
  float w[128];
  mst_egn_report report;
  mst_model_init(m, 3, 0, w);
  mst_egn *e = optimizer(m, 1e-3, 0, 0.5, true);
  ck_ok(mst_egn_step(e, w, &batch, 64, &report));
  ck_assert_double_gt(report.length, 0);
  ck_assert_double_lt(report.length, 64);
  ck_assert_double_lt(report.after, report.loss);
  ck_assert_int_gt(report.passes, 2);
  mst_egn_destroy(e);
  mst_model_destroy(m);
}
END_TEST

START_TEST(damping_follows_how_well_the_model_of_the_loss_predicts) {
  /* The quadratic model of least squares is exact: the ratio is 1 and damping falls. */
  mst_model *m = made("glm", "linear", false, false, 1);
  mst_batch batch = batch_of(m, ROWS, false);
  mst_egn_report report;
  float w[128] = {0};
  mst_egn *e = optimizer(m, 1, 0, 0.5, true);
  for (int t = 0; t < 3; t++) {
    ck_ok(mst_egn_step(e, w, &batch, 1, &report));
    ck_assert_double_eq_tol(report.damping, pow(0.5, t), 1e-15);
    ck_assert_double_eq_tol(report.ratio, 1, 1e-4);
  }
  mst_egn_destroy(e);
  mst_model_destroy(m);
  /* A confident and wrong classifier is hardly curved, so its undamped step goes much too far. */
  m = made("glm", "logistic", false, true, 2);
  batch = batch_of(m, 1, true);
  for (int j = 0; j < INPUTS; j++) w[j] = (label[0] == 1 ? -4.0f : 4.0f) * x[j];
  e = optimizer(m, 1e-6, 0, 0.5, true);
  ck_ok(mst_egn_step(e, w, &batch, 1, &report));
  ck_assert_double_lt(report.ratio, 0.25);
  ck_ok(mst_egn_step(e, w, &batch, 1, &report));
  ck_assert_double_eq_tol(report.damping, 2e-6, 1e-15);
  mst_egn_destroy(e);
  mst_model_destroy(m);
}
END_TEST

START_TEST(momentum_is_the_unbiased_mean_of_the_directions) {
  mst_model *m = made("glm", "linear", false, false, 1);
  const mst_batch batch = batch_of(m, ROWS, false);
  float w[INPUTS + 1] = {0}, plain[INPUTS + 1] = {0}, at[INPUTS + 1];
  mst_egn_report report;
  mst_egn *e = optimizer(m, 1, 0.5, 0.9999999, false), *single = optimizer(m, 1, 0, 1, false);
  double d[2][INPUTS + 1];
  for (int t = 0; t < 2; t++) {
    memcpy(at, w, sizeof at);
    memcpy(plain, w, sizeof at);
    ck_ok(mst_egn_step(single, plain, &batch, 0.5, NULL));
    for (int j = 0; j <= INPUTS; j++) d[t][j] = ((double)at[j] - plain[j]) / 0.5;
    ck_ok(mst_egn_step(e, w, &batch, 0.5, &report));
    ck_assert_double_eq_tol(report.ratio, 1, 1e-4); /* of the new direction, not of the mean */
    for (int j = 0; j <= INPUTS; j++) {
      const double mean = t == 0 ? d[0][j] : (d[0][j] * 0.25 + d[1][j] * 0.5) / 0.75;
      ck_assert_double_eq_tol(at[j] - w[j], 0.5 * mean, 1e-6);
    }
  }
  mst_egn_destroy(e);
  mst_egn_destroy(single);
  mst_model_destroy(m);
}
END_TEST

START_TEST(a_mean_that_leads_uphill_is_forgotten) {
  /* Half beyond the minimum of least squares the direction is -1/2 the first one; the mean
   * (0.09 - 0.05) / 0.19 of it leads on. */
  mst_model *m = made("glm", "linear", false, false, 1);
  const mst_batch batch = batch_of(m, 3, false);
  float w[INPUTS + 1] = {0}, first[INPUTS + 1], end[INPUTS + 1];
  mst_egn *e = optimizer(m, 0, 0.9, 1, false);
  ck_ok(mst_egn_step(e, w, &batch, 1.5, NULL));
  memcpy(first, w, sizeof w);
  ck_ok(mst_egn_step(e, w, &batch, 1, NULL));
  for (int j = 0; j <= INPUTS; j++) end[j] = first[j] / 1.5f;
  for (int j = 0; j <= INPUTS; j++) ck_assert_double_eq_tol(w[j], end[j], 1e-5);
  mst_egn_destroy(e);
  mst_model_destroy(m);
}
END_TEST

START_TEST(a_stored_state_continues_with_the_same_bits) {
  mst_model *m = made("mlp", "", false, true, 3);
  const mst_batch batch = batch_of(m, ROWS, true);
  float w[128], other[128];
  mst_egn *e = optimizer(m, 1, 0.6, 0.7, true), *p = optimizer(m, 1, 0.6, 0.7, true);
  mst_model_init(m, 1, 0, w);
  for (int t = 0; t < 3; t++) ck_ok(mst_egn_step(e, w, &batch, 1, NULL));
  memcpy(other, w, sizeof w);
  mst_state kept, fresh;
  mst_state_init(&kept);
  mst_state_init(&fresh);
  ck_ok(mst_egn_state(e, &kept));
  ck_ok(mst_egn_state(p, &fresh));
  for (int k = 0; k < kept.n; k++)
    memcpy(fresh.item[k].data, kept.item[k].data,
           (size_t)(mst_state_local_elements(&kept.item[k]) * mst_dtype_size(kept.item[k].type)));
  for (int t = 0; t < 3; t++) {
    ck_ok(mst_egn_step(e, w, &batch, 1, NULL));
    ck_ok(mst_egn_step(p, other, &batch, 1, NULL));
  }
  ck_assert_int_eq(memcmp(w, other, (size_t)m->parameters * sizeof *w), 0);
  mst_state_clear(&kept);
  mst_state_clear(&fresh);
  mst_egn_destroy(e);
  mst_egn_destroy(p);
  mst_model_destroy(m);
}
END_TEST

START_TEST(scores_beyond_any_probability_still_give_a_step) {
  mst_model *m = made("softmax", "", false, true, 3);
  const mst_batch batch = batch_of(m, ROWS, true);
  float w[128];
  mst_egn_report report;
  for (int64_t j = 0; j < m->parameters; j++) w[j] = 300 * sample(j, 62);
  mst_egn *e = optimizer(m, 1, 0, 0.5, true);
  ck_ok(mst_egn_step(e, w, &batch, 1, &report));
  ck_assert_double_lt(report.after, report.loss);
  mst_egn_destroy(e);
  mst_model_destroy(m);
}
END_TEST

START_TEST(what_cannot_be_is_refused_and_nothing_moves) {
  mst_model *m = made("mlp", "", false, true, 3);
  mst_batch batch = batch_of(m, ROWS, true);
  mst_optim_spec spec = mst_optim_defaults("egn");
  mst_egn *e;
  float w[128], before[128];
  ck_refused(mst_egn_create(&spec, m, 100000, &e), MST_ERR_INPUT, "optimizer.batch 100000");
  spec.adapt = 0;
  ck_refused(mst_egn_create(&spec, m, ROWS, &e), MST_ERR_INPUT, "optimizer.adapt");
  e = optimizer(m, 1, 0, 1, true);
  mst_model_init(m, 1, 0, w);
  memcpy(before, w, sizeof w);
  batch.n = ROWS + 1;
  ck_refused(mst_egn_step(e, w, &batch, 1, NULL), MST_ERR_INTERNAL, "13 rows");
  batch.n = ROWS;
  x[5] = NAN;
  mst_status status = mst_egn_step(e, w, &batch, 1, NULL);
  ck_assert_int_eq(status, MST_ERR_NONFINITE);
  ck_assert_int_eq(memcmp(w, before, (size_t)m->parameters * sizeof *w), 0);
  mst_egn_destroy(e);
  mst_model_destroy(m);
}
END_TEST

START_TEST(missing_memory_is_an_error_without_a_leak) {
  mst_model *m = made("mlp", "", false, true, 3);
  mst_optim_spec spec = mst_optim_defaults("egn");
  spec.momentum = 0.5;
  int n = 1;
  for (; n < 100; n++) {
    const int64_t before = mst_memory_current();
    mst_egn *e;
    mst_memory_fail_at(n);
    const mst_status status = mst_egn_create(&spec, m, ROWS, &e);
    mst_memory_fail_at(0);
    if (status == MST_OK) {
      ck_assert_int_le(mst_memory_current() - before, mst_egn_bytes(&spec, m, ROWS));
      mst_egn_destroy(e);
    }
    ck_assert_int_eq(mst_memory_current(), before);
    if (status == MST_OK) break;
    ck_assert_int_eq(status, MST_ERR_MEMORY);
  }
  ck_assert_int_gt(n, 14);
  ck_assert_int_lt(n, 100);
  mst_model_destroy(m);
}
END_TEST

int main(int argc, char **argv) {
  mst_blas_init();
  Suite *suite = suite_create("Gauss-Newton");
  TCase *t = tcase_create("egn");
  tcase_set_timeout(t, 60);
  suite_add_tcase(suite, t);
  tcase_add_test(t, a_step_is_that_of_dense_gauss_newton);
  tcase_add_test(t, least_squares_takes_one_undamped_step);
  tcase_add_test(t, more_rows_than_parameters_do_not_drown_the_step_in_rounding);
  tcase_add_test(t, a_network_is_fitted_and_the_loss_never_rises);
  tcase_add_test(t, a_step_that_is_far_too_long_is_shortened);
  tcase_add_test(t, damping_follows_how_well_the_model_of_the_loss_predicts);
  tcase_add_test(t, momentum_is_the_unbiased_mean_of_the_directions);
  tcase_add_test(t, a_mean_that_leads_uphill_is_forgotten);
  tcase_add_test(t, a_stored_state_continues_with_the_same_bits);
  tcase_add_test(t, scores_beyond_any_probability_still_give_a_step);
  tcase_add_test(t, what_cannot_be_is_refused_and_nothing_moves);
  tcase_add_test(t, missing_memory_is_an_error_without_a_leak);
  return mst_test_main(argc, argv, suite);
}
