/* Local training: what a client's result may depend on, how its rows become batches, and what is
 * never sent. */
#include "tests/core/test_method_federation.h"

START_TEST(a_result_does_not_depend_on_what_the_trainer_did_before) {
  const char *const optimizer[] = {"sgd", "adam", "schedule_free_sgd"};
  for (int m = 0; mst_method_at(m) != NULL; m++)
    for (int o = 0; o < 3; o++) {
      mst_method_spec spec = method_defaults(mst_method_at(m)->name);
      mst_optim_spec optim = mst_optim_defaults(optimizer[o]);
      federation *fresh = federate(&spec, &optim), *used = federate(&spec, &optim);
      sent a = {0}, b = {0}, other = {0};
      visit_client(fresh, 1, 4, &a);
      visit_client(used, 3, 2, &other);
      visit_client(used, 0, 3, &other);
      visit_client(used, 1, 4, &b);
      ck_assert_msg(same(&a, &b), "%s with %s", spec.name, optimizer[o]);
      ck_assert_mem_eq(fresh->own[1], used->own[1], sizeof fresh->own[1]);
      ck_assert(!same(&a, &other));
      disband(fresh);
      disband(used);
    }
}
END_TEST

START_TEST(batches_are_a_function_of_seed_client_and_round) {
  mst_method_spec spec = method_defaults("fedavg");
  federation *f = federate(&spec, NULL);
  sent a = {0}, b = {0};
  visit_client(f, 3, 1, &a);
  visit_client(f, 3, 1, &b);
  ck_assert(same(&a, &b));
  visit_client(f, 3, 2, &b);
  ck_assert(!same(&a, &b));
  f->local.seed++;
  visit_client(f, 3, 1, &b);
  ck_assert(!same(&a, &b));
  disband(f);
}
END_TEST

/* Row i has the loss 4^i as long as nothing is learnt: a sum of losses says which rows were seen,
 * and how often. */
enum {
  DIGITS = 11
};

static double visited(mst_client_trainer *t, mst_local_spec *local, mst_local_result *result) {
  float x[DIGITS], value[DIGITS], start[2] = {0, 0}, up[2];
  for (int i = 0; i < DIGITS; i++) {
    x[i] = 1;
    value[i] = (float)sqrt(2.0 * pow(4, i));
  }
  const mst_client_rows rows = {.n = DIGITS, .x = x, .value = value};
  float *sent_up[] = {up};
  ck_ok(mst_client_train(t, local, 0, 0, &rows, start, NULL, NULL, sent_up, NULL, result));
  return result->loss;
}

START_TEST(an_epoch_covers_every_row_once) {
  mst_model *m = NULL;
  const mst_model_spec spec = {.kind = "glm", .family = "linear", .init = "zero"};
  const mst_row_shape shape = {.dims = 1, .size = {1}};
  ck_ok(mst_model_create(&spec, &shape, false, 1, &m));
  mst_method_spec method = method_defaults("fedavg");
  mst_client_trainer *t = NULL;
  ck_ok(mst_client_trainer_create(m, &method, NULL, 16, &t));
  const double once = (pow(4, DIGITS) - 1) / 3;
  mst_local_result r = {0};
  for (int64_t batch = 1; batch <= 12; batch++)
    for (int64_t epochs = 1; epochs <= 3; epochs++) {
      mst_local_spec local = {.epochs = epochs, .batch = batch, .frozen = 2};
      ck_assert_double_eq_tol(visited(t, &local, &r), once, once * 1e-7);
      ck_assert_int_eq(r.steps, epochs * ((DIGITS + batch - 1) / batch));
      ck_assert_int_eq(r.gradients, r.steps);
      ck_assert_int_eq(r.rows, DIGITS);
    }
  /* Steps instead of epochs: 4 + 4 + 3 rows, then 4 of a new permutation. */
  mst_local_spec local = {.steps = 4, .batch = 4, .frozen = 2};
  double some = visited(t, &local, &r);
  ck_assert_int_eq(r.steps, 4);
  ck_assert_int_eq(r.rows, 4);
  ck_assert_double_lt(some, once);
  /* A new epoch has a new order: the first four rows are not those of the first epoch. */
  local.steps = 1;
  ck_assert_double_ne(visited(t, &local, &r), some);
  mst_client_trainer_destroy(t);
  mst_model_destroy(m);
}
END_TEST

START_TEST(a_perturbed_step_counts_two_gradients) {
  mst_method_spec spec = method_defaults("fedsam");
  federation *f = federate(&spec, NULL);
  sent a = {0};
  visit_client(f, 1, 0, &a); /* 10 rows by 4, twice */
  ck_assert_int_eq(a.result.steps, 6);
  ck_assert_int_eq(a.result.gradients, 12);
  disband(f);
}
END_TEST

static double length_of(const float *x) {
  double sum = 0;
  for (int i = 0; i < P; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum);
}

START_TEST(a_gradient_longer_than_the_clip_is_scaled_to_it) {
  mst_method_spec spec = method_defaults("fedavg");
  federation *f = federate(&spec, NULL);
  sent free_run = {0}, loose = {0}, tight = {0};
  f->local.steps = 1;
  f->local.batch = 16;
  visit_client(f, 1, 0, &free_run);
  double length = length_of(free_run.up[0]) / f->local.lr;
  f->local.clip = 2 * length;
  visit_client(f, 1, 0, &loose);
  ck_assert(same(&free_run, &loose));
  f->local.clip = 0.25 * length;
  visit_client(f, 1, 0, &tight);
  for (int i = 0; i < P; i++)
    ck_assert_double_eq_tol((double)tight.up[0][i], 0.25 * (double)free_run.up[0][i], 1e-6);
  disband(f);
}
END_TEST

START_TEST(what_is_not_finite_is_flagged_and_forgotten) {
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = method_defaults(mst_method_at(m)->name);
    federation *f = federate(&spec, NULL);
    visit_client(f, 1, 0, &(sent){.scalar = {0}});
    float own[2][P], zero[2][P] = {{0}};
    memcpy(own, f->own[1], sizeof own);
    f->x[1][3] = NAN;
    sent s = {.scalar = {9}};
    visit_client(f, 1, 1, &s);
    ck_assert_msg(!s.result.finite, "%s", spec.name);
    ck_assert_mem_eq(f->own[1], own, sizeof own);
    ck_assert_mem_eq(s.up, zero, sizeof(float) * P * (size_t)f->ops->uplink);
    disband(f);
  }
}
END_TEST

START_TEST(a_contribution_beyond_the_bound_is_flagged) {
  mst_method_spec spec = method_defaults("fedavg");
  federation *f = federate(&spec, NULL);
  sent s = {0};
  f->local.steps = 1;
  f->local.lr = 1e5;
  visit_client(f, 1, 0, &s);
  ck_assert(s.result.finite);
  f->local.lr = 1e9;
  visit_client(f, 1, 0, &s);
  ck_assert(!s.result.finite);
  disband(f);
}
END_TEST

/* The biases are the client's own. */
START_TEST(parameters_of_the_client_stay_with_it) {
  const int64_t mine = INPUTS * CLASSES;
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = method_defaults(mst_method_at(m)->name),
                    plain = method_defaults("fedavg");
    federation *f = federate(&spec, NULL), *g = federate(&plain, NULL);
    float personal[CLASSES] = {0.5f, -1.0f, 2.0f}, before[CLASSES], forgotten[CLASSES];
    memcpy(before, personal, sizeof before);
    f->local.frozen = g->local.frozen = mine;
    f->local.personal = personal;
    f->local.steps = g->local.steps = 1;
    for (int i = 0; i < P; i++) f->shared[0][i] = f->own[1][0][i] = 0.25f;
    sent a = {0}, b = {0};
    for (int i = 0; i < P; i++) a.up[0][i] = a.up[1][i] = 7;
    visit_client(f, 1, 0, &a);
    ck_assert(a.result.finite);
    for (int v = 0; v < f->ops->uplink; v++)
      for (int64_t i = mine; i < P; i++) ck_assert(a.up[v][i] == 0.0f);
    ck_assert_double_gt(distance(personal, before, CLASSES), 1e-4);
    for (int64_t i = mine; i < P && f->ops->own > 0; i++) ck_assert(f->own[1][0][i] == 0.25f);
    /* With one gradient a step, the client's own parameters move as fedavg's, whatever the terms.
     */
    memcpy(forgotten, before, sizeof before);
    g->local.personal = forgotten;
    visit_client(g, 1, 0, &b);
    if (f->ops->gradients == 1) ck_assert_mem_eq(personal, forgotten, sizeof personal);
    /* Without a place for them they start from the server's and are forgotten. */
    f->local.personal = NULL;
    visit_client(f, 1, 0, &b);
    ck_assert(b.up[0][mine] == 0.0f);
    ck_assert(!same(&a, &b));
    disband(f);
    disband(g);
  }
}
END_TEST

START_TEST(parameters_of_a_client_that_diverged_are_as_before) {
  mst_method_spec spec = method_defaults("fedavg");
  federation *f = federate(&spec, NULL);
  float personal[CLASSES] = {1, 2, 3};
  f->local.frozen = INPUTS * CLASSES;
  f->local.personal = personal;
  f->x[1][0] = INFINITY;
  sent s = {0};
  visit_client(f, 1, 0, &s);
  ck_assert(!s.result.finite);
  ck_assert(personal[0] == 1 && personal[1] == 2 && personal[2] == 3);
  disband(f);
}
END_TEST

START_TEST(a_client_whose_result_is_not_used_is_as_before) {
  mst_method_spec spec = method_defaults("fedsmoo");
  federation *f = federate(&spec, NULL);
  const float *shared[] = {f->shared[0]};
  float before[2][P], layers[4], up[2][P], *to[] = {up[0], up[1]};
  float personal[4] = {1, -2, 3, -4}, *own[] = {f->own[1][0], f->own[1][1]};
  sent s = {0};
  visit_client(f, 1, 0, &s);
  mst_client_rows rows = rows_of(f, 1);
  mst_local_result result;
  f->local.frozen = P - 4;
  f->local.personal = personal;
  memcpy(before, f->own[1], sizeof before);
  memcpy(layers, personal, sizeof layers);
  ck_ok(mst_client_train(f->trainer, &f->local, 1, 1, &rows, f->w, shared, own, to, NULL, &result));
  ck_assert(result.finite);
  ck_assert_mem_ne(before[0], own[0], sizeof before[0]);
  ck_assert_mem_ne(before[1], own[1], sizeof before[1]);
  ck_assert_mem_ne(layers, personal, sizeof layers);
  mst_client_forget(f->trainer, &f->local, own);
  ck_assert_mem_eq(before[0], own[0], sizeof before[0]);
  ck_assert_mem_eq(before[1], own[1], sizeof before[1]);
  ck_assert_mem_eq(layers, personal, sizeof layers);
  disband(f);
}
END_TEST

START_TEST(what_cannot_be_trained_is_refused) {
  mst_method_spec spec = method_defaults("fedavg");
  federation *f = federate(&spec, NULL);
  mst_client_rows none = {.n = 0}, rows = rows_of(f, 0);
  float up[P], *ups[] = {up};
  mst_local_result r;
  const mst_local_spec good = f->local;
  ck_refused(mst_client_train(f->trainer, &good, 0, 0, &none, f->w, NULL, NULL, ups, NULL, &r),
             MST_ERR_INPUT, "no rows");
  mst_local_spec bad = good;
  bad.epochs = 0;
  ck_refused(mst_client_train(f->trainer, &bad, 0, 0, &rows, f->w, NULL, NULL, ups, NULL, &r),
             MST_ERR_INPUT, "epoch");
  bad = good;
  bad.lr = NAN;
  ck_refused(mst_client_train(f->trainer, &bad, 0, 0, &rows, f->w, NULL, NULL, ups, NULL, &r),
             MST_ERR_INPUT, "step size");
  bad = good;
  bad.batch = 17;
  ck_refused(mst_client_train(f->trainer, &bad, 0, 0, &rows, f->w, NULL, NULL, ups, NULL, &r),
             MST_ERR_INTERNAL, "17");
  disband(f);
}
END_TEST

START_TEST(a_trainer_takes_the_bytes_that_it_says) {
  const char *const optimizer[] = {"sgd", "adam"};
  mst_model *model = make_softmax();
  for (int m = 0; mst_method_at(m) != NULL; m++)
    for (int o = 0; o < 2; o++) {
      mst_method_spec spec = method_defaults(mst_method_at(m)->name);
      mst_optim_spec optim = mst_optim_defaults(optimizer[o]);
      mst_client_trainer *t = NULL;
      int64_t before = mst_memory_current();
      ck_ok(mst_client_trainer_create(model, &spec, &optim, 64, &t));
      int64_t taken = mst_memory_current() - before;
      int64_t said = mst_client_trainer_bytes(model, &spec, &optim, 64);
      ck_assert_msg(taken <= said + 64 && taken > said - 2048, "%s with %s: %lld, said %lld",
                    spec.name, optimizer[o], (long long)taken, (long long)said);
      mst_client_trainer_destroy(t);
      ck_assert_int_eq(mst_memory_current(), before);
    }
  mst_model_destroy(model);
}
END_TEST

START_TEST(a_trainer_that_cannot_be_made_leaves_nothing) {
  mst_model *model = make_softmax();
  mst_method_spec spec = method_defaults("fedsmoo");
  mst_optim_spec optim = mst_optim_defaults("adam");
  int64_t before = mst_memory_current();
  mst_client_trainer *t = NULL;
  int failures = 0;
  for (int64_t n = 1;; n++) {
    mst_memory_fail_at(n);
    mst_status st = mst_client_trainer_create(model, &spec, &optim, 8, &t);
    mst_memory_fail_at(0);
    if (st == MST_OK) break;
    ck_assert_int_eq(st, MST_ERR_MEMORY);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(mst_memory_current(), before);
    failures++;
  }
  ck_assert_int_gt(failures, 5);
  mst_client_trainer_destroy(t);
  mst_model_destroy(model);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("client");
  TCase *c = tcase_create("client");
  tcase_add_test(c, a_result_does_not_depend_on_what_the_trainer_did_before);
  tcase_add_test(c, batches_are_a_function_of_seed_client_and_round);
  tcase_add_test(c, an_epoch_covers_every_row_once);
  tcase_add_test(c, a_perturbed_step_counts_two_gradients);
  tcase_add_test(c, a_gradient_longer_than_the_clip_is_scaled_to_it);
  tcase_add_test(c, what_is_not_finite_is_flagged_and_forgotten);
  tcase_add_test(c, a_contribution_beyond_the_bound_is_flagged);
  tcase_add_test(c, parameters_of_the_client_stay_with_it);
  tcase_add_test(c, parameters_of_a_client_that_diverged_are_as_before);
  tcase_add_test(c, a_client_whose_result_is_not_used_is_as_before);
  tcase_add_test(c, what_cannot_be_trained_is_refused);
  tcase_add_test(c, a_trainer_takes_the_bytes_that_it_says);
  tcase_add_test(c, a_trainer_that_cannot_be_made_leaves_nothing);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
