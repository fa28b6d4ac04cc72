/* Local training under every kind of optimizer: it steps on the method's direction, the method
 * hears of its momentum, and what is sent is the model that the optimizer stands for. */
#include "core/optim/egn.h"
#include "tests/core/test_method_federation.h"

static mst_optim_spec momentum_spec(double momentum, bool nesterov) {
  mst_optim_spec s = mst_optim_defaults("sgd");
  s.lr = 0.1;
  s.momentum = momentum;
  s.nesterov = nesterov;
  return s;
}

/* The rule's direction is what the optimizer steps on: heavy balls under fedprox, by hand. */
START_TEST(other_optimizers_step_on_the_methods_direction) {
  mst_method_spec spec = method_defaults("fedprox"), plain = method_defaults("fedavg");
  mst_optim_spec optim = momentum_spec(0.6, false);
  spec.lambda = 0.8;
  federation *f = federate(&spec, &optim), *g = federate(&plain, NULL);
  sent s = {0};
  f->local.epochs = 3;
  f->local.batch = 16;
  visit_client(f, 1, 0, &s);
  float start[P];
  double w[P], m[P] = {0};
  memcpy(start, f->w, sizeof start);
  for (int i = 0; i < P; i++) w[i] = (double)start[i];
  g->local.steps = 1;
  g->local.batch = 16;
  for (int k = 0; k < 3; k++) {
    sent one = {0}; /* a single plain step gives the gradient */
    for (int i = 0; i < P; i++) g->w[i] = (float)w[i];
    visit_client(g, 1, 0, &one);
    for (int i = 0; i < P; i++) {
      double d = -(double)one.up[0][i] / g->local.lr + spec.lambda * (w[i] - (double)start[i]);
      m[i] = 0.6 * m[i] + d;
      w[i] -= f->local.lr * m[i];
    }
  }
  for (int i = 0; i < P; i++)
    ck_assert_double_eq_tol((double)s.up[0][i], w[i] - (double)start[i], 5e-6);
  disband(f);
  disband(g);
}
END_TEST

/* Unit gradients in three steps: 1, 1 + mu, 1 + mu + mu^2 times; Nesterov looks one step further.
 */
START_TEST(momentum_counts_in_the_weight_of_steps) {
  mst_method_spec spec = method_defaults("fednova");
  const double wanted[] = {1 + 1.5 + 1.75, 1.5 + 1.75 + 1.875};
  for (int nesterov = 0; nesterov < 2; nesterov++) {
    mst_optim_spec optim = momentum_spec(0.5, nesterov);
    federation *f = federate(&spec, &optim);
    f->local.steps = 3;
    sent s = {0};
    visit_client(f, 1, 0, &s);
    ck_assert_double_eq_tol(s.scalar[0], wanted[nesterov], 1e-12);
    disband(f);
  }
}
END_TEST

START_TEST(a_schedule_may_turn_the_momentum) {
  mst_method_spec spec = method_defaults("fedavg");
  static const char *const kind[] = {"sgd", "adamw", "egn"};
  for (int k = 0; k < 3; k++) {
    mst_optim_spec low = mst_optim_defaults(kind[k]), high = low;
    double *turned = k == 1 ? &low.beta1 : &low.momentum,
           *there = k == 1 ? &high.beta1 : &high.momentum;
    *turned = 0.3;
    *there = 0.8;
    federation *f = federate(&spec, &high), *g = federate(&spec, &low);
    sent a = {0}, b = {0};
    visit_client(f, 1, 0, &a);
    visit_client(g, 1, 0, &b);
    ck_assert(!same(&a, &b));
    f->local.turned = true;
    f->local.momentum = 0.3;
    visit_client(f, 1, 0, &a);
    ck_assert_msg(same(&a, &b), "%s", kind[k]);
    disband(f);
    disband(g);
  }
}
END_TEST

START_TEST(the_model_that_is_sent_is_the_one_that_an_averaging_optimizer_evaluates) {
  mst_method_spec spec = method_defaults("fedavg"), plain = method_defaults("fedavg");
  mst_optim_spec optim = mst_optim_defaults("schedule_free_sgd");
  federation *f = federate(&spec, &optim), *g = federate(&plain, NULL);
  sent s = {0};
  f->local.steps = 3;
  g->local.steps = 1;
  f->local.batch = g->local.batch = 16;
  visit_client(f, 1, 0, &s);
  const mst_optim_layers layers = {.n = 1, .first = (const int64_t[]){0, P}};
  mst_optim *o = NULL;
  float d[P], mean[P];
  ck_ok(mst_optim_create(&optim, &layers, 0, P, &o));
  mst_optim_start(o, g->w);
  for (int k = 0; k < 3; k++) {
    sent one = {0}; /* a single plain step gives the gradient */
    visit_client(g, 1, 0, &one);
    for (int i = 0; i < P; i++) d[i] = -one.up[0][i] / (float)g->local.lr;
    mst_optim_step(o, g->w, d, f->local.lr);
  }
  mst_optim_average(o, g->w, mean);
  ck_assert_double_gt(distance(mean, g->w, P), 1e-3);
  for (int i = 0; i < P; i++)
    ck_assert_double_eq_tol((double)s.up[0][i], (double)(mean[i] - f->w[i]), 5e-6);
  mst_optim_destroy(o);
  disband(f);
  disband(g);
}
END_TEST

START_TEST(a_schedules_zero_step_size_changes_nothing) {
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = method_defaults(mst_method_at(m)->name);
    federation *f = federate(&spec, NULL);
    run_round(f, 0, 15);
    float before[P];
    memcpy(before, f->own[1][0], sizeof before);
    f->local.lr = 0;
    run_round(f, 1, 15);
    for (int i = 0; i < P; i++) ck_assert_msg(isfinite(f->w[i]), "%s", spec.name);
    ck_assert_mem_eq(before, f->own[1][0], sizeof before);
    disband(f);
  }
}
END_TEST

/* One batch of all rows: the step of egn itself. */
START_TEST(egn_serves_methods_that_leave_gradients_alone) {
  mst_optim_spec optim = mst_optim_defaults("egn");
  mst_method_spec spec = method_defaults("fednova");
  federation *f = federate(&spec, &optim);
  f->local.batch = 16;
  f->local.steps = 1;
  f->local.lr = 1;
  sent s = {0};
  visit_client(f, 1, 0, &s);
  ck_assert(s.result.finite);
  ck_assert_int_eq(s.result.gradients, 1);
  mst_egn *egn = NULL;
  ck_ok(mst_egn_create(&optim, f->model, 16, &egn));
  mst_egn_start(egn);
  float w[P];
  memcpy(w, f->w, sizeof w);
  mst_client_rows rows = rows_of(f, 1);
  ck_ok(mst_egn_step(egn, w, &rows, 1, NULL));
  for (int i = 0; i < P; i++)
    ck_assert_double_eq_tol((double)(w[i] - f->w[i]), (double)s.up[0][i], 1e-4);
  ck_assert_double_gt(distance(w, f->w, P), 1e-2);
  mst_egn_destroy(egn);
  f->x[1][2] = NAN;
  visit_client(f, 1, 0, &s);
  ck_assert(!s.result.finite);
  mst_method_spec prox = method_defaults("fedprox");
  mst_client_trainer *t = NULL;
  ck_refused(mst_client_trainer_create(f->model, &prox, &optim, 16, &t), MST_ERR_UNSUPPORTED,
             "fedprox");
  optim.clip = 1;
  ck_refused(mst_client_trainer_create(f->model, &spec, &optim, 16, &t), MST_ERR_UNSUPPORTED,
             "clip");
  disband(f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("client_optim");
  TCase *c = tcase_create("client_optim");
  tcase_add_test(c, other_optimizers_step_on_the_methods_direction);
  tcase_add_test(c, momentum_counts_in_the_weight_of_steps);
  tcase_add_test(c, a_schedule_may_turn_the_momentum);
  tcase_add_test(c, the_model_that_is_sent_is_the_one_that_an_averaging_optimizer_evaluates);
  tcase_add_test(c, a_schedules_zero_step_size_changes_nothing);
  tcase_add_test(c, egn_serves_methods_that_leave_gradients_alone);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
