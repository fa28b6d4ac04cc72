/* LeNet and ResNet as whole models: scores and the gradient of every tensor against the same
 * networks written out in double (model_networks.h), and the promises of model.h. */
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "tests/core/images.h"
#include "tests/core/model_networks.h"

enum {
  ROWS = 3,
  CLASSES = 4
};

static const mst_model_spec lenet = {.kind = "lenet", .init = "he", .channels = 4, .groups = 2};
static const mst_model_spec resnet = {
    .kind = "resnet", .init = "he", .channels = 4, .groups = 2, .blocks = 2};
static const mst_row_shape lenet_rows = {3, {16, 19, 2}}, resnet_rows = {2, {9, 8}};

static mst_model *make(const mst_model_spec *spec, const mst_row_shape *shape) {
  mst_model *m = NULL;
  ck_ok(mst_model_create(spec, shape, true, CLASSES, &m));
  return m;
}

/* A model with parameters, none of them 0, a workspace and a batch. */
typedef struct setting {
  mst_model *m;
  mst_model_work *work;
  float *w, *x, *g;
  int32_t label[ROWS];
  mst_batch batch;
} setting;

static void begin(setting *s, const mst_model_spec *spec, const mst_row_shape *shape) {
  s->m = make(spec, shape);
  ck_ok(mst_model_work_create(s->m, ROWS, &s->work));
  s->w = make_noise(s->m->parameters, 11);
  float *drawn = make_noise(s->m->parameters, 11);
  mst_model_init(s->m, 3, 0, drawn);
  for (int64_t k = 0; k < s->m->parameters; k++) s->w[k] = 0.3f * s->w[k] + drawn[k];
  free(drawn);
  s->x = make_noise(ROWS * s->m->inputs, 12);
  s->g = make_noise(s->m->parameters, 13);
  for (int i = 0; i < ROWS; i++) s->label[i] = i % CLASSES;
  s->batch = (mst_batch){.n = ROWS, .x = s->x, .label = s->label};
}

static void end(setting *s) {
  mst_model_work_destroy(s->work);
  mst_model_destroy(s->m);
  free(s->w), free(s->x), free(s->g);
}

static double reference_loss(const setting *s, const double *w) {
  double loss = 0.0;
  for (int i = 0; i < ROWS; i++) {
    double *score = reference_scores(s->m, w, s->x + i * s->m->inputs), sum = 0.0;
    for (int j = 0; j < CLASSES; j++) sum += exp(score[j]);
    loss += log(sum) - score[s->label[i]];
    free(score);
  }
  return loss / ROWS;
}

static void check_scores(const mst_model_spec *spec, const mst_row_shape *shape) {
  setting s;
  begin(&s, spec, shape);
  float out[ROWS * CLASSES];
  mst_model_scores(s.m, s.w, ROWS, s.x, s.work, out);
  double *w = to_double(s.m->parameters, s.w);
  for (int i = 0; i < ROWS; i++) {
    double *score = reference_scores(s.m, w, s.x + i * s.m->inputs);
    for (int j = 0; j < CLASSES; j++)
      ck_assert_msg(fabs(score[j] - (double)out[i * CLASSES + j]) < 1e-4 * (1.0 + fabs(score[j])),
                    "row %d: %g, not %g", i, (double)out[i * CLASSES + j], score[j]);
    free(score);
  }
  free(w);
  end(&s);
}

START_TEST(scores_are_those_of_the_network_written_out) {
  check_scores(&lenet, &lenet_rows);
  check_scores(&resnet, &resnet_rows);
}
END_TEST

/* Some entries of a tensor, spread over it. */
static void check_tensor(const setting *s, const mst_tensor *t, double *w) {
  const double step = 1e-6;
  const float *g = s->g + t->offset;
  double largest = 0.0;
  for (int64_t k = 0; k < t->count; k++) largest = fmax(largest, fabs((double)g[k]));
  ck_assert_msg(largest > 0.0, "%s: no gradient", t->name);
  int64_t stride = t->count / 23 + 1;
  for (int64_t k = 0; k < t->count; k += stride) {
    double *at = &w[t->offset + k], here = *at;
    *at = here + step;
    double above = reference_loss(s, w);
    *at = here - step;
    double wanted = (above - reference_loss(s, w)) / (2.0 * step);
    *at = here;
    ck_assert_msg(fabs(wanted - (double)g[k]) < 1e-4 * largest, "%s, entry %d: %g, not %g", t->name,
                  (int)k, (double)g[k], wanted);
  }
}

static void check_gradient(const mst_model_spec *spec, const mst_row_shape *shape) {
  setting s;
  begin(&s, spec, shape);
  double loss = 0.0, *w = to_double(s.m->parameters, s.w);
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, &loss);
  ck_assert(fabs(loss / ROWS - reference_loss(&s, w)) < 1e-4);
  for (int i = 0; i < s.m->tensors; i++) check_tensor(&s, &s.m->tensor[i], w);
  free(w);
  end(&s);
}

START_TEST(lenet_has_the_gradient_of_its_loss_in_every_tensor) {
  check_gradient(&lenet, &lenet_rows);
}
END_TEST

START_TEST(resnet_has_the_gradient_of_its_loss_in_every_tensor) {
  check_gradient(&resnet, &resnet_rows);
}
END_TEST

static void check_norms(const mst_model_spec *spec, const mst_row_shape *shape) {
  setting s;
  begin(&s, spec, shape);
  double norm[ROWS];
  mst_model_norms(s.m, s.w, &s.batch, s.work, norm);
  for (int i = 0; i < ROWS; i++) {
    mst_batch one = {.n = 1, .x = s.x + i * s.m->inputs, .label = s.label + i};
    mst_model_gradient(s.m, s.w, &one, s.work, s.g, NULL);
    double square = 0.0;
    for (int64_t k = 0; k < s.m->parameters; k++) square += (double)s.g[k] * (double)s.g[k];
    ck_assert_msg(fabs(norm[i] - sqrt(square)) < 1e-5 * norm[i], "row %d: %.9g, not %.9g", i,
                  norm[i], sqrt(square));
  }
  end(&s);
}

START_TEST(norms_are_those_of_the_rows_own_gradients) {
  const mst_model_spec wide = {
      .kind = "resnet", .init = "he", .channels = 16, .groups = 4, .blocks = 1};
  check_norms(&lenet, &lenet_rows);
  check_norms(&resnet, &resnet_rows);
  check_norms(&wide, &resnet_rows); /* its last stage sums over pairs of positions */
}
END_TEST

static void check_bits(const mst_model_spec *spec, const mst_row_shape *shape) {
  setting s;
  begin(&s, spec, shape);
  float all[ROWS * CLASSES], one[CLASSES];
  mst_model_scores(s.m, s.w, ROWS, s.x, s.work, all);
  for (int i = 0; i < ROWS; i++) {
    mst_model_scores(s.m, s.w, 1, s.x + i * s.m->inputs, s.work, one);
    ck_assert(memcmp(one, all + i * CLASSES, sizeof one) == 0);
  }
  end(&s);
}

START_TEST(a_row_has_the_same_scores_alone_and_in_a_batch) {
  check_bits(&lenet, &lenet_rows);
  check_bits(&resnet, &resnet_rows);
}
END_TEST

/* The second pass finds the workspace full of the first one's leavings. */
static void check_repeat(const mst_model_spec *spec, const mst_row_shape *shape) {
  setting s;
  begin(&s, spec, shape);
  float *again = make_noise(s.m->parameters, 14);
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, NULL);
  float *other = make_noise(ROWS * s.m->inputs, 15);
  mst_batch foreign = {.n = ROWS, .x = other, .label = s.label};
  mst_model_gradient(s.m, s.w, &foreign, s.work, again, NULL);
  ck_assert(memcmp(again, s.g, (size_t)s.m->parameters * sizeof *again) != 0);
  mst_model_gradient(s.m, s.w, &s.batch, s.work, again, NULL);
  ck_assert(memcmp(again, s.g, (size_t)s.m->parameters * sizeof *again) == 0);
  free(other), free(again);
  end(&s);
}

START_TEST(a_gradient_does_not_depend_on_what_the_workspace_saw_before) {
  check_repeat(&lenet, &lenet_rows);
  check_repeat(&resnet, &resnet_rows);
}
END_TEST

START_TEST(tensors_lie_one_after_the_other_under_their_names) {
  mst_model *m = make(&resnet, &resnet_rows);
  int64_t offset = 0;
  for (int i = 0; i < m->tensors; i++) {
    ck_assert_int_eq(m->tensor[i].offset, offset);
    offset += m->tensor[i].count;
  }
  ck_assert_int_eq(offset, m->parameters);
  ck_assert_int_eq(m->tensors, 3 + 6 * 6 + 2 + 2);
  const mst_tensor *t = find(m, "s3b1/shortcut/weight");
  ck_assert_int_eq(t->dims, 4);
  ck_assert_int_eq(t->shape[0] * t->shape[1], 1);
  ck_assert_int_eq(t->shape[2], 8);
  ck_assert_int_eq(t->shape[3], 16);
  ck_assert_int_eq(t->fan_in, 8);
  ck_assert_int_eq(find(m, "s2b2/conv2/weight")->fan_in, 72);
  ck_assert_int_eq(find(m, "s1b2/norm2/scale")->role, MST_TENSOR_SCALE);
  mst_model_destroy(m);
}
END_TEST

/* LeNet learns to tell four bars apart by descent. */
START_TEST(lenet_learns_the_place_of_a_bar) {
  setting s;
  begin(&s, &lenet, &lenet_rows);
  mst_model_work *work = NULL;
  ck_ok(mst_model_work_create(s.m, CLASSES, &work));
  float *x = calloc((size_t)(CLASSES * s.m->inputs), sizeof *x);
  ck_assert_ptr_nonnull(x);
  int32_t label[CLASSES] = {0, 1, 2, 3};
  for (int64_t i = 0; i < CLASSES; i++)
    for (int64_t j = 0; j < 38; j++) x[i * s.m->inputs + (2 + 3 * i) * 38 + j] = 1.0f;
  mst_batch batch = {.n = CLASSES, .x = x, .label = label};
  double loss = 0.0;
  int64_t correct = 0;
  mst_model_init(s.m, 4, 0, s.w);
  for (int round = 0; round < 60; round++) {
    mst_model_gradient(s.m, s.w, &batch, work, s.g, NULL);
    for (int64_t k = 0; k < s.m->parameters; k++) s.w[k] -= 0.02f * s.g[k];
  }
  mst_model_loss(s.m, s.w, &batch, work, &loss, &correct);
  ck_assert_int_eq(correct, CLASSES);
  ck_assert_msg(loss / CLASSES < 0.1, "loss %g", loss / CLASSES);
  free(x);
  mst_model_work_destroy(work);
  end(&s);
}
END_TEST

static void refuse(mst_model_spec spec, mst_row_shape shape, const char *text) {
  mst_model *m = NULL;
  ck_refused(mst_model_create(&spec, &shape, true, CLASSES, &m), MST_ERR_INPUT, text);
  ck_assert_ptr_null(m);
}

START_TEST(rows_that_are_no_images_or_too_small_are_refused) {
  refuse(lenet, (mst_row_shape){1, {784}}, "vectors of 784 numbers");
  refuse(resnet, (mst_row_shape){1, {784}}, "vectors of 784 numbers");
  refuse(lenet, (mst_row_shape){2, {15, 28}}, "at least 16 x 16");
  refuse(resnet, (mst_row_shape){3, {28, 7, 3}}, "at least 8 x 8");
  mst_model *m = make(&lenet, &(mst_row_shape){2, {16, 16}});
  mst_model_destroy(m);
  m = make(&resnet, &(mst_row_shape){2, {8, 8}});
  mst_model_destroy(m);
}
END_TEST

START_TEST(impossible_widths_are_refused) {
  mst_model_spec spec = lenet;
  spec.groups = 3;
  refuse(spec, lenet_rows, "does not divide the 4 channels");
  spec = resnet;
  spec.groups = 0;
  refuse(spec, resnet_rows, "model.groups is 0");
  spec = resnet;
  spec.channels = 0;
  refuse(spec, resnet_rows, "0 channels");
  spec = resnet;
  spec.blocks = 0;
  refuse(spec, resnet_rows, "model.blocks is 0");
}
END_TEST

START_TEST(batch_space_kernels_are_refused) {
  setting s;
  begin(&s, &lenet, &lenet_rows);
  double k[ROWS * ROWS * CLASSES * CLASSES];
  ck_refused(mst_model_kernel(s.m, s.w, &s.batch, s.work, k), MST_ERR_UNSUPPORTED, "lenet");
  end(&s);
}
END_TEST

static void starve(const mst_model_spec *spec, const mst_row_shape *shape) {
  int64_t before = mst_memory_current();
  mst_status status = MST_ERR_MEMORY;
  int64_t n = 1;
  for (; status != MST_OK; n++) {
    mst_model *m = NULL;
    mst_memory_fail_at(n);
    status = mst_model_create(spec, shape, true, CLASSES, &m);
    mst_memory_fail_at(0);
    ck_assert(status == MST_OK || status == MST_ERR_MEMORY);
    ck_assert(status == MST_OK || m == NULL);
    mst_model_destroy(m);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_assert_int_gt(n, 10);
}

START_TEST(a_failed_allocation_leaves_nothing_behind) {
  starve(&lenet, &lenet_rows);
  starve(&resnet, &resnet_rows);
}
END_TEST

int main(int argc, char **argv) {
  mst_blas_init();
  Suite *s = suite_create("model_conv_models");
  TCase *t = tcase_create("model_conv_models");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, scores_are_those_of_the_network_written_out);
  tcase_add_test(t, lenet_has_the_gradient_of_its_loss_in_every_tensor);
  tcase_add_test(t, resnet_has_the_gradient_of_its_loss_in_every_tensor);
  tcase_add_test(t, norms_are_those_of_the_rows_own_gradients);
  tcase_add_test(t, a_row_has_the_same_scores_alone_and_in_a_batch);
  tcase_add_test(t, a_gradient_does_not_depend_on_what_the_workspace_saw_before);
  tcase_add_test(t, tensors_lie_one_after_the_other_under_their_names);
  tcase_add_test(t, lenet_learns_the_place_of_a_bar);
  tcase_add_test(t, rows_that_are_no_images_or_too_small_are_refused);
  tcase_add_test(t, impossible_widths_are_refused);
  tcase_add_test(t, batch_space_kernels_are_refused);
  tcase_add_test(t, a_failed_allocation_leaves_nothing_behind);
  suite_add_tcase(s, t);
  return mst_test_main(argc, argv, s);
}
