/* Models as a family: how they are made, named, initialised and refused; losses at scores where a
 * careless formula overflows. */
#include "core/model/elementary.h"
#include "tests/core/model_sample.h"

static const mst_row_shape images = {3, {4, 5, 2}};

static const mst_tensor *tensor(const mst_model *m, const char *name) {
  for (int t = 0; t < m->tensors; t++)
    if (strcmp(m->tensor[t].name, name) == 0) return &m->tensor[t];
  ck_abort_msg("no tensor %s", name);
  return NULL;
}

START_TEST(the_registry_finds_its_members) {
  for (int i = 0; mst_model_at(i) != NULL; i++)
    ck_assert_ptr_eq(mst_model_find(mst_model_at(i)->name), mst_model_at(i));
  ck_assert_ptr_null(mst_model_find("perceptron"));
  ck_assert_ptr_null(mst_model_at(-1));
  ck_assert_str_eq(mst_model_find("mlp")->name, "mlp");
}
END_TEST

START_TEST(tensors_fill_one_vector_in_order) {
  mst_model_spec spec = {.kind = "mlp", .hidden = {2, {20, 30}}, .activation = "tanh"};
  mst_model *m = NULL;
  int64_t next = 0;
  ck_ok(mst_model_create(&spec, &images, true, 7, &m));
  ck_assert_int_eq(m->inputs, 40);
  ck_assert_int_eq(m->tensors, 6);
  for (int t = 0; t < m->tensors; t++) {
    ck_assert_int_eq(m->tensor[t].offset, next);
    next += m->tensor[t].count;
  }
  ck_assert_int_eq(next, m->parameters);
  ck_assert_int_eq(next, 40 * 20 + 20 + 20 * 30 + 30 + 30 * 7 + 7);
  const mst_tensor *w = tensor(m, "dense2/weight");
  ck_assert_int_eq(w->shape[0], 20);
  ck_assert_int_eq(w->shape[1], 30);
  ck_assert_int_eq(w->fan_in, 20);
  ck_assert_int_eq(w->fan_out, 30);
  ck_assert_int_eq(tensor(m, "dense3/bias")->count, 7);
  mst_model_destroy(m);
  mst_model_destroy(NULL);
}
END_TEST

START_TEST(what_cannot_be_a_model_is_refused) {
  mst_model *m = NULL;
  mst_row_shape flat = {1, {5}}, none = {1, {0}}, many = {4, {1, 1, 1}},
                huge = {3, {1 << 20, 1 << 20, 2}};
  mst_model_spec mlp = {.kind = "mlp"};
  ck_refused(mst_model_create(&(mst_model_spec){.kind = "forest"}, &flat, true, 3, &m),
             MST_ERR_INPUT, "softmax, glm, mlp");
  ck_refused(mst_model_create(&(mst_model_spec){0}, &flat, true, 3, &m), MST_ERR_INPUT, "unknown");
  ck_refused(mst_model_create(&mlp, &none, true, 3, &m), MST_ERR_INPUT, "size 0");
  ck_refused(mst_model_create(&mlp, &many, true, 3, &m), MST_ERR_INPUT, "4 dimensions");
  ck_refused(mst_model_create(&mlp, &huge, true, 3, &m), MST_ERR_INPUT, "2^31");
  ck_refused(mst_model_create(&mlp, &flat, true, 1, &m), MST_ERR_INPUT, "2 or more");
  ck_refused(mst_model_create(&mlp, &flat, false, 0, &m), MST_ERR_INPUT, "1 or more");
  mlp.hidden = (mst_int_list){2, {3, 0}};
  ck_refused(mst_model_create(&mlp, &flat, true, 3, &m), MST_ERR_INPUT, "entry 2");
  mlp.hidden = (mst_int_list){MST_PARAM_LIST + 1, {3}};
  ck_refused(mst_model_create(&mlp, &flat, true, 3, &m), MST_ERR_INPUT, "17 entries");
  mlp.hidden = (mst_int_list){1, {3}};
  mlp.activation = "sine";
  ck_refused(mst_model_create(&mlp, &flat, true, 3, &m), MST_ERR_INPUT, "sine");
  mlp = (mst_model_spec){.kind = "mlp", .init = "ones"};
  ck_refused(mst_model_create(&mlp, &flat, true, 3, &m), MST_ERR_INPUT, "ones");
  ck_refused(mst_model_create(&(mst_model_spec){.kind = "softmax"}, &flat, false, 3, &m),
             MST_ERR_INPUT, "learns classes");
  mst_model_spec glm = {.kind = "glm", .family = "logistic"};
  ck_refused(mst_model_create(&glm, &flat, true, 3, &m), MST_ERR_INPUT, "two classes");
  ck_refused(mst_model_create(&glm, &flat, false, 2, &m), MST_ERR_INPUT, "two classes");
  glm.family = "poisson";
  ck_refused(mst_model_create(&glm, &flat, true, 2, &m), MST_ERR_INPUT, "values");
  glm.family = "gamma";
  ck_refused(mst_model_create(&glm, &flat, false, 2, &m), MST_ERR_INPUT, "gamma");
  ck_assert_ptr_null(m);
}
END_TEST

START_TEST(a_failed_allocation_leaves_nothing) {
  mst_model_spec spec = {.kind = "mlp", .hidden = {2, {20, 30}}, .activation = "relu"};
  int64_t before = mst_memory_current();
  mst_status status = MST_ERR_MEMORY;
  int failures = 0;
  for (int64_t i = 1; status == MST_ERR_MEMORY; i++) {
    mst_model *m = NULL;
    mst_model_work *work = NULL;
    mst_memory_fail_at(i);
    status = mst_model_create(&spec, &images, true, 3, &m);
    if (status == MST_OK) status = mst_model_work_create(m, 10, &work);
    mst_memory_fail_at(0);
    failures += status == MST_ERR_MEMORY;
    mst_model_work_destroy(work);
    mst_model_destroy(m);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_assert_int_eq(status, MST_OK);
  ck_assert_int_ge(failures, 10);
}
END_TEST

START_TEST(a_workspace_has_the_bytes_it_says) {
  for (int i = 0; i < SAMPLE_KINDS; i++) {
    sample s = sample_of(&sample_kinds[i], 3);
    int64_t before = mst_memory_current();
    mst_model_work *work = NULL;
    ck_ok(mst_model_work_create(s.m, 50, &work));
    ck_assert_int_eq(mst_memory_current() - before, mst_model_work_bytes(s.m, 50));
    mst_model_work_destroy(work);
    ck_refused(mst_model_work_create(s.m, 0, &work), MST_ERR_INPUT, "0 rows");
    sample_release(&s);
  }
}
END_TEST

/* Mean and mean square of a tensor. */
static void moments(const mst_tensor *t, const float *w, double *mean, double *square) {
  *mean = *square = 0;
  for (int64_t i = 0; i < t->count; i++) {
    double x = w[t->offset + i];
    *mean += x / (double)t->count;
    *square += x * x / (double)t->count;
  }
}

START_TEST(weights_start_with_the_spread_of_their_fans) {
  const char *inits[] = {"xavier", "he", "zero"};
  for (int k = 0; k < 3; k++) {
    mst_model_spec spec = {
        .kind = "mlp", .init = inits[k], .hidden = {2, {400, 300}}, .activation = "relu"};
    mst_row_shape shape = {1, {200}};
    mst_model *m = NULL;
    float *w = NULL;
    ck_ok(mst_model_create(&spec, &shape, true, 10, &m));
    ck_ok(mst_alloc(&w, m->parameters, sizeof *w, "w"));
    for (int64_t i = 0; i < m->parameters; i++) w[i] = NAN;
    mst_model_init(m, 1, 0, w);
    for (int t = 0; t < m->tensors; t++) {
      const mst_tensor *at = &m->tensor[t];
      double mean, square,
          want = k == 0   ? 2.0 / (double)(at->fan_in + at->fan_out)
                 : k == 1 ? 2.0 / (double)at->fan_in
                          : 0;
      if (at->role == MST_TENSOR_BIAS) want = 0;
      moments(at, w, &mean, &square);
      /* 5 standard errors of the mean; of a normal's mean square, 5 sqrt(2 / count). */
      ck_assert(fabs(mean) <= 5 * sqrt(want / (double)at->count));
      ck_assert(fabs(square - want) <= 5 * sqrt(2.0 / (double)at->count) * want);
      double bound = sqrt(6.0 / (double)(at->fan_in + at->fan_out));
      for (int64_t i = 0; k == 0 && i < at->count; i++)
        ck_assert(fabs(w[at->offset + i]) <= bound * 1.0000001);
    }
    mst_free(w);
    mst_model_destroy(m);
  }
}
END_TEST

START_TEST(initial_weights_are_a_function_of_the_seed_and_the_tensor) {
  mst_model_spec spec = {
      .kind = "mlp", .init = "xavier", .hidden = {2, {20, 20}}, .activation = "relu"};
  mst_row_shape shape = {1, {20}};
  mst_model *m = NULL;
  float w[2000], again[2000], other[2000];
  ck_ok(mst_model_create(&spec, &shape, true, 3, &m));
  mst_model_init(m, 7, 0, w);
  mst_model_init(m, 7, 0, again);
  mst_model_init(m, 8, 0, other);
  ck_assert(memcmp(w, again, (size_t)m->parameters * sizeof *w) == 0);
  ck_assert(w[0] != other[0]);
  /* Tensors of one shape do not share their draws. */
  ck_assert(w[tensor(m, "dense1/weight")->offset] != w[tensor(m, "dense2/weight")->offset]);
  mst_stream s = mst_stream_of(mst_key_make(7, MST_PURPOSE_INIT, 2, 0));
  float first = (float)(sqrt(6.0 / 40.0) * (2.0 * mst_stream_uniform(&s) - 1.0));
  ck_assert(w[tensor(m, "dense2/weight")->offset] == first);
  mst_model_destroy(m);
}
END_TEST

/* A model whose scores are its inputs. */
static mst_model *mirror(mst_model_spec spec, bool classes, int64_t outputs, float *w) {
  mst_model *m = NULL;
  mst_row_shape shape = {
      1, {spec.family != NULL && strcmp(spec.family, "logistic") == 0 ? 1 : outputs}};
  ck_ok(mst_model_create(&spec, &shape, classes, outputs, &m));
  memset(w, 0, (size_t)m->parameters * sizeof *w);
  for (int64_t i = 0; i < m->inputs; i++) w[i * m->outputs + i] = 1;
  return m;
}

/* Loss, residual and whether it is correct, of one row with those scores. */
static double loss_at(mst_model *m, const float *w, const float *scores, int32_t label,
                      const float *value, float *r, int64_t *correct) {
  mst_model_work *work = NULL;
  float got[8];
  double loss = 0;
  mst_batch b = {.n = 1, .x = scores, .label = value == NULL ? &label : NULL, .value = value};
  ck_ok(mst_model_work_create(m, 1, &work));
  mst_model_residual(m, w, &b, work, got, r);
  mst_model_loss(m, w, &b, work, &loss, correct);
  mst_model_work_destroy(work);
  return loss;
}

START_TEST(losses_do_not_overflow_at_large_scores) {
  float w[32], r[8];
  int64_t correct = 0;
  mst_model *softmax = mirror((mst_model_spec){.kind = "softmax"}, true, 3, w);
  double loss = loss_at(softmax, w, (float[]){1e4f, -1e4f, 0}, 1, NULL, r, &correct);
  ck_assert_double_eq_tol(loss, 2e4, 1e-2);
  ck_assert_int_eq(correct, 0);
  ck_assert_double_eq_tol(r[0], 1, 1e-6);
  ck_assert_double_eq_tol(r[1], -1, 1e-6);
  ck_assert_double_eq_tol(r[2], 0, 1e-6);
  loss = loss_at(softmax, w, (float[]){1e4f, -1e4f, 0}, 0, NULL, r, &correct);
  ck_assert_double_eq_tol(loss, 0, 1e-12);
  ck_assert_int_eq(correct, 1);
  mst_model_destroy(softmax);

  mst_model *stable = mirror((mst_model_spec){.kind = "softmax", .stable_max = true}, true, 3, w);
  loss = loss_at(stable, w, (float[]){1e4f, -1e4f, 0}, 1, NULL, r, &correct);
  ck_assert_double_eq_tol(loss, log((10001 + 1 + 1 / 10001.0) * 10001), 1e-5);
  ck_assert_double_eq_tol(r[1], -1 / 10001.0, 1e-9);
  mst_model_destroy(stable);

  mst_model *logistic = mirror((mst_model_spec){.kind = "glm", .family = "logistic"}, true, 2, w);
  ck_assert_double_eq_tol(loss_at(logistic, w, (float[]){1e4f}, 0, NULL, r, &correct), 1e4, 1e-9);
  ck_assert(r[0] == 1 && correct == 0);
  ck_assert_double_eq_tol(loss_at(logistic, w, (float[]){-1e4f}, 0, NULL, r, &correct), 0, 1e-12);
  ck_assert(r[0] == 0 && correct == 1);
  ck_assert_double_eq_tol(loss_at(logistic, w, (float[]){-1e4f}, 1, NULL, r, &correct), 1e4, 1e-9);
  ck_assert(r[0] == -1 && correct == 0);
  mst_model_destroy(logistic);

  mst_model *poisson = mirror((mst_model_spec){.kind = "glm", .family = "poisson"}, false, 1, w);
  ck_assert_double_eq_tol(loss_at(poisson, w, (float[]){-1e4f}, 0, (float[]){2}, r, &correct), 2e4,
                          1e-9);
  ck_assert(r[0] == -2 && correct == 0);
  ck_assert(isfinite(loss_at(poisson, w, (float[]){88}, 0, (float[]){2}, r, &correct)) &&
            isfinite(r[0]));
  mst_model_destroy(poisson);
}
END_TEST

START_TEST(of_equal_scores_the_first_is_the_answer) {
  float w[32], r[8];
  int64_t correct = 0;
  mst_model *m = mirror((mst_model_spec){.kind = "softmax"}, true, 3, w);
  loss_at(m, w, (float[]){1, 2, 2}, 1, NULL, r, &correct);
  ck_assert_int_eq(correct, 1);
  loss_at(m, w, (float[]){1, 2, 2}, 2, NULL, r, &correct);
  ck_assert_int_eq(correct, 0);
  mst_model_destroy(m);
}
END_TEST

START_TEST(elementary_functions_are_accurate) {
  for (double x = -86.9; x <= 0; x += 0.0137)
    ck_assert(fabs(mst_exp_lane((float)x) / exp((float)x) - 1) < 3e-7);
  for (double x = 1e-30; x < 20; x *= 1.01)
    ck_assert(fabs(mst_tanh_lane((float)x) / tanh((float)x) - 1) < 5e-7 &&
              mst_tanh_lane(-(float)x) == -mst_tanh_lane((float)x));
  for (double x = -12; x < 12; x += 0.00731) {
    float density, tail = mst_normal_tail_lane((float)x, &density);
    ck_assert(fabs(tail / (0.5 * erfc(fabs((float)x) / sqrt(2.0))) - 1) < 3e-7 * (1 + x * x));
    ck_assert(fabs(density - exp(-0.5 * (double)(float)x * (float)x) / sqrt(2 * M_PI)) < 2e-7);
  }
  ck_assert(mst_exp_lane(0) == 1 && mst_tanh_lane(0) == 0 && mst_exp_lane(-1e30f) < 1e-37f);
  ck_assert(isnan(mst_exp_lane(NAN)) && isnan(mst_tanh_lane(NAN)));
  ck_assert(mst_tanh_lane(INFINITY) == 1 && mst_exp_lane(-INFINITY) < 1e-37f);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("models");
  TCase *tc = tcase_create("models");
  tcase_set_timeout(tc, 0);
  tcase_add_test(tc, the_registry_finds_its_members);
  tcase_add_test(tc, tensors_fill_one_vector_in_order);
  tcase_add_test(tc, what_cannot_be_a_model_is_refused);
  tcase_add_test(tc, a_failed_allocation_leaves_nothing);
  tcase_add_test(tc, a_workspace_has_the_bytes_it_says);
  tcase_add_test(tc, weights_start_with_the_spread_of_their_fans);
  tcase_add_test(tc, initial_weights_are_a_function_of_the_seed_and_the_tensor);
  tcase_add_test(tc, losses_do_not_overflow_at_large_scores);
  tcase_add_test(tc, of_equal_scores_the_first_is_the_answer);
  tcase_add_test(tc, elementary_functions_are_accurate);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
