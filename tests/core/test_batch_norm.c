/* Batch norm over ghost batches: four rows worked by hand, gradients of every tensor against
 * central differences of the network written out in double, and what running statistics do. */
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/model/layer.h"
#include "core/model/model.h"
#include "tests/harness.h"

enum {
  INPUTS = 5,
  HIDDEN = 70,
  CLASSES = 3,
  MOST = 13
};

typedef struct network {
  mst_model *m;
  mst_model_work *work;
  float *w, *g, x[MOST * INPUTS];
  int32_t label[MOST];
  mst_batch batch;
} network;

static network network_of(int64_t n, int64_t ghost) {
  network k = {.m = NULL};
  mst_model_spec spec = {.kind = "mlp",
                         .init = "xavier",
                         .activation = "tanh",
                         .norm = "batch",
                         .ghost = ghost,
                         .momentum = 0.9,
                         .hidden = {2, {HIDDEN, 4}}};
  mst_row_shape shape = {.dims = 1, .size = {INPUTS}};
  mst_stream r = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 0, 0));
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &k.m));
  ck_ok(mst_model_work_create(k.m, n, &k.work));
  ck_ok(mst_alloc(&k.w, k.m->parameters, sizeof *k.w, "w"));
  ck_ok(mst_alloc(&k.g, k.m->parameters, sizeof *k.g, "g"));
  mst_model_init(k.m, 5, 0, k.w);
  for (int t = 0; t < k.m->tensors;
       t++) /* numbers that are not 0 or 1, so that their place shows */
    for (int64_t i = 0; i < k.m->tensor[t].count; i++)
      if (k.m->tensor[t].role != MST_TENSOR_WEIGHT)
        k.w[k.m->tensor[t].offset + i] += (float)(0.4 * mst_stream_uniform(&r));
  for (int64_t i = 0; i < n * INPUTS; i++) k.x[i] = (float)mst_stream_normal(&r);
  for (int64_t i = 0; i < n; i++) k.label[i] = (int32_t)mst_stream_below(&r, CLASSES);
  return k;
}

static void network_free(network *k) {
  mst_free(k->w);
  mst_free(k->g);
  mst_model_work_destroy(k->work);
  mst_model_destroy(k->m);
}

static const mst_tensor *tensor_of(const mst_model *m, const char *name) {
  for (int t = 0; t < m->tensors; t++)
    if (strcmp(m->tensor[t].name, name) == 0) return &m->tensor[t];
  ck_abort_msg("no tensor %s", name);
  return NULL;
}

/* y(n, out) = x W + b. */
static void reference_dense(int64_t n, int64_t in, int64_t out, const double *w, const double *b,
                            const double *x, double *y) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t o = 0; o < out; o++) {
      y[i * out + o] = b[o];
      for (int64_t j = 0; j < in; j++) y[i * out + o] += x[i * in + j] * w[j * out + o];
    }
}

/* x(n, c) normalised by its ghost batches, which begin at first[0 .. ghosts); by w's running
 * statistics with ghosts = 0. w: scale, bias, mean, variance. moment(2, c), unless NULL: the row's
 * average of the ghost batches' means and variances without bias. */
static void reference_norm(int64_t n, int64_t c, int ghosts, const int64_t *first, const double *w,
                           double *x, double *moment) {
  for (int64_t k = 0; k < c; k++) {
    if (moment != NULL) moment[k] = moment[c + k] = 0;
    for (int g = 0; g < (ghosts > 0 ? ghosts : 1); g++) {
      int64_t begin = ghosts > 0 ? first[g] : 0, end = ghosts > 0 ? first[g + 1] : n;
      double rows = (double)(end - begin), mean = 0, variance = 0;
      for (int64_t i = begin; i < end; i++) mean += x[i * c + k] / rows;
      for (int64_t i = begin; i < end; i++) variance += pow(x[i * c + k] - mean, 2) / rows;
      if (moment != NULL) moment[k] += mean * rows / (double)n;
      if (moment != NULL) moment[c + k] += variance * rows / (rows - 1) * rows / (double)n;
      if (ghosts == 0) mean = w[2 * c + k];
      if (ghosts == 0) variance = w[3 * c + k];
      for (int64_t i = begin; i < end; i++)
        x[i * c + k] = w[k] * (x[i * c + k] - mean) / sqrt(variance + 1e-5) + w[c + k];
    }
  }
}

static void squash(int64_t count, double *x) {
  for (int64_t i = 0; i < count; i++) x[i] = tanh(x[i]);
}

/* The mean loss; scores(n, CLASSES) and the two layers' moments unless NULL. */
static double reference_loss(const network *k, int64_t n, int ghosts, const int64_t *first,
                             const double *w, double *scores, double *moment[2]) {
  double x[MOST * INPUTS], a[MOST * HIDDEN], b[MOST * 4], s[MOST * CLASSES], loss = 0;
  const mst_model *m = k->m;
  for (int64_t i = 0; i < n * INPUTS; i++) x[i] = (double)k->x[i];
  const double *d1 = w + tensor_of(m, "dense1/weight")->offset,
               *d2 = w + tensor_of(m, "dense2/weight")->offset,
               *d3 = w + tensor_of(m, "dense3/weight")->offset;
  reference_dense(n, INPUTS, HIDDEN, d1, d1 + INPUTS * HIDDEN, x, a);
  reference_norm(n, HIDDEN, ghosts, first, w + tensor_of(m, "norm1/scale")->offset, a,
                 moment != NULL ? moment[0] : NULL);
  squash(n * HIDDEN, a);
  reference_dense(n, HIDDEN, 4, d2, d2 + HIDDEN * 4, a, b);
  reference_norm(n, 4, ghosts, first, w + tensor_of(m, "norm2/scale")->offset, b,
                 moment != NULL ? moment[1] : NULL);
  squash(n * 4, b);
  reference_dense(n, 4, CLASSES, d3, d3 + 4 * CLASSES, b, s);
  for (int64_t i = 0; i < n; i++) {
    double sum = 0;
    for (int c = 0; c < CLASSES; c++) sum += exp(s[i * CLASSES + c]);
    loss += (log(sum) - s[i * CLASSES + k->label[i]]) / (double)n;
  }
  if (scores != NULL) memcpy(scores, s, (size_t)(n * CLASSES) * sizeof *s);
  return loss;
}

typedef struct cut {
  int64_t n, ghost;
  int ghosts;
  int64_t first[5];
} cut;

static const cut cuts[] = {
    {12, 4, 3, {0, 4, 8, 12}}, /* whole ghost batches            */
    {11, 4, 3, {0, 4, 8, 11}}, /* the last is smaller            */
    {13, 4, 3, {0, 4, 8, 13}}, /* one row joins the one before   */
    {10, 4, 3, {0, 4, 8, 10}}, /* two rows are enough            */
    {3, 32, 1, {0, 3}},        /* fewer rows than a ghost batch  */
    {1, 4, 0, {0, 1}},         /* a row alone: running           */
};
enum {
  CUTS = sizeof cuts / sizeof cuts[0]
};

static double *doubled(const network *k) {
  double *w = NULL;
  ck_ok(mst_alloc(&w, k->m->parameters, sizeof *w, "w"));
  for (int64_t p = 0; p < k->m->parameters; p++) w[p] = (double)k->w[p];
  return w;
}

static void check_running(const network *k, const mst_tensor *t, const double *moment, bool alone) {
  for (int64_t i = 0; i < t->count; i++) {
    double want = alone ? 0 : (double)k->w[t->offset + i] - moment[i];
    double size = alone ? 0 : 1 + fabs(moment[i]);
    ck_assert_msg(fabs((double)k->g[t->offset + i] - want) <= 2e-6 * size, "%s[%d]: %g, not %g",
                  t->name, (int)i, (double)k->g[t->offset + i], want);
  }
}

START_TEST(every_tensor_has_the_differences_of_the_reference) {
  const cut *c = &cuts[_i];
  network k = network_of(c->n, c->ghost);
  mst_batch batch = {.n = c->n, .x = k.x, .label = k.label};
  double *w = doubled(&k), loss = 0, first[2 * HIDDEN], second[8], *moment[2] = {first, second};
  double want = reference_loss(&k, c->n, c->ghosts, c->first, w, NULL, moment);
  mst_model_gradient(k.m, k.w, &batch, k.work, k.g, &loss);
  ck_assert_msg(fabs(loss / (double)c->n - want) < 1e-5, "loss %g, not %g", loss / (double)c->n,
                want);
  for (int t = 0; t < k.m->tensors; t++) {
    const mst_tensor *at = &k.m->tensor[t];
    int layer = strncmp(at->name, "norm2", 5) == 0;
    if (mst_tensor_runs(at)) {
      check_running(&k, at, moment[layer] + (at->role == MST_TENSOR_MEAN ? 0 : at->count),
                    c->n == 1);
      continue;
    }
    for (int64_t i = at->offset; i < at->offset + at->count; i++) {
      const double kept = w[i], h = 1e-5;
      w[i] = kept + h;
      double up = reference_loss(&k, c->n, c->ghosts, c->first, w, NULL, NULL);
      w[i] = kept - h;
      double slope = (up - reference_loss(&k, c->n, c->ghosts, c->first, w, NULL, NULL)) / (2 * h);
      w[i] = kept;
      ck_assert_msg(fabs((double)k.g[i] - slope) < 1e-5 * (0.2 + fabs(slope)), "%s[%d]: %g, not %g",
                    at->name, (int)(i - at->offset), (double)k.g[i], slope);
    }
  }
  mst_free(w);
  network_free(&k);
}
END_TEST

START_TEST(scores_and_losses_take_the_running_statistics_row_by_row) {
  network k = network_of(MOST, 4);
  mst_batch batch = {.n = MOST, .x = k.x, .label = k.label};
  double *w = doubled(&k), want[MOST * CLASSES], loss = 0, other = 0;
  float all[MOST * CLASSES], one[CLASSES];
  double mean = reference_loss(&k, MOST, 0, NULL, w, want, NULL);
  mst_model_scores(k.m, k.w, MOST, k.x, k.work, all);
  mst_model_loss(k.m, k.w, &batch, k.work, &loss, NULL);
  mst_model_gradient(k.m, k.w, &batch, k.work, k.g, &other);
  for (int i = 0; i < MOST * CLASSES; i++) ck_assert(fabs((double)all[i] - want[i]) < 1e-5);
  ck_assert(fabs(loss / MOST - mean) < 1e-5);
  ck_assert(fabs(loss - other) > 1e-2); /* a gradient's loss is that of its ghost batches */
  for (int i = 0; i < MOST; i++) {
    mst_model_scores(k.m, k.w, 1, k.x + i * INPUTS, k.work, one);
    ck_assert(memcmp(one, all + i * CLASSES, sizeof one) == 0);
  }
  mst_free(w);
  network_free(&k);
}
END_TEST

/* One channel, rows 1, 3 | 10, 16 in ghost batches of two: means 2 and 13, variances 1 and 9. With
 * scale 2 and shift 1, y = 1 +- 2. Slopes dy = 1, 0 | 0, 2: the shift's gradient is their sum 3,
 * the scale's -1 + 2 = 1; of two rows nothing is left in dx, z mean(dy z) + mean(dy) being dy.
 * Running mean 4 and variance 7: means average to 7.5, variances without bias 2 and 18 to 10. */
START_TEST(four_rows_are_as_worked_by_hand) {
  const float w[4] = {2, 1, 4, 7}, x[4] = {1, 3, 10, 16}, dy[4] = {1, 0, 0, 2};
  float y[4], keep[4], dx[4], g[4];
  mst_layer *l = NULL;
  ck_ok(mst_layer_batch_norm((mst_extent){1, 1, 1}, 2, &l));
  ck_assert_int_eq(l->parameters, 4);
  ck_assert_int_eq(l->keep, 1);
  l->ops->forward(l, w, 4, x, y, keep, NULL);
  l->ops->backward(l, w, 4, x, y, keep, dy, dx, g, NULL);
  const double want[4] = {-1, 3, -1, 3}, gradient[4] = {1, 3, -3.5, -3};
  for (int i = 0; i < 4; i++) {
    ck_assert_msg(fabs((double)y[i] - want[i]) < 2e-5, "y[%d] = %g", i, (double)y[i]);
    ck_assert_msg(fabs((double)g[i] - gradient[i]) < 2e-5, "g[%d] = %g", i, (double)g[i]);
    ck_assert_msg(fabs((double)dx[i]) < 2e-5, "dx[%d] = %g", i, (double)dx[i]);
  }
  l->ops->evaluate(l, w, 4, x, y);
  for (int i = 0; i < 4; i++)
    ck_assert(fabs((double)y[i] - (2 * ((double)x[i] - 4) / sqrt(7 + 1e-5) + 1)) < 1e-5);
  mst_layer_destroy(l);
}
END_TEST

/* Rows 1, 2, 6: mean 3, variance 14 / 3, z = (-2, -1, 3) / d. dy = (0, 0, 1): mean 1 / 3, mean of
 * dy z is 1 / d, so dx = (-1/3 + 2 q, -1/3 + q, 2/3 - 3 q) / d with q = 3 / 14. */
START_TEST(three_rows_pull_on_each_other_as_worked_by_hand) {
  const float w[4] = {1, 0, 0, 1}, x[3] = {1, 2, 6}, dy[3] = {0, 0, 1};
  const double d = sqrt(14.0 / 3), q = 3.0 / 14;
  const double want[3] = {(-1.0 / 3 + 2 * q) / d, (-1.0 / 3 + q) / d, (2.0 / 3 - 3 * q) / d};
  float y[3], keep[3], dx[3];
  mst_layer *l = NULL;
  ck_ok(mst_layer_batch_norm((mst_extent){1, 1, 1}, 2, &l)); /* the third joins the two */
  l->ops->forward(l, w, 3, x, y, keep, NULL);
  l->ops->backward(l, w, 3, x, y, keep, dy, dx, NULL, NULL);
  for (int i = 0; i < 3; i++)
    ck_assert_msg(fabs((double)dx[i] - want[i]) < 1e-5, "dx[%d] = %g, not %g", i, (double)dx[i],
                  want[i]);
  mst_layer_destroy(l);
}
END_TEST

START_TEST(a_large_mean_costs_the_variance_no_digits) {
  const float w[4] = {1, 0, 0, 1};
  float x[64], y[64], keep[64];
  mst_layer *l = NULL;
  ck_ok(mst_layer_batch_norm((mst_extent){1, 1, 1}, 64, &l));
  for (int i = 0; i < 64; i++) x[i] = 1e6f + (float)(i % 2);
  l->ops->forward(l, w, 64, x, y, keep, NULL);
  for (int i = 0; i < 64; i++)
    ck_assert(fabs((double)y[i] - (i % 2 == 0 ? -1 : 1) * 0.5 / sqrt(0.25 + 1e-5)) < 1e-6);
  mst_layer_destroy(l);
}
END_TEST

START_TEST(what_cannot_be_is_refused_with_the_reason) {
  mst_model_spec spec = {.kind = "mlp", .norm = "batch", .ghost = 1, .hidden = {1, {4}}};
  mst_row_shape shape = {.dims = 1, .size = {INPUTS}};
  mst_model *m = NULL;
  double k[9 * 9];
  ck_refused(mst_model_create(&spec, &shape, true, CLASSES, &m), MST_ERR_INPUT, "model.ghost is 1");
  spec.ghost = 2;
  spec.momentum = 1;
  ck_refused(mst_model_create(&spec, &shape, true, CLASSES, &m), MST_ERR_INPUT,
             "model.momentum is 1");
  spec.momentum = 0.9;
  spec.norm = "layer";
  ck_refused(mst_model_create(&spec, &shape, true, CLASSES, &m), MST_ERR_INPUT,
             "model.norm is layer");
  network n = network_of(3, 2);
  ck_refused(mst_model_refuse_shared(n.m, "somebody", "a reason"), MST_ERR_UNSUPPORTED,
             "model.norm: batch is not for somebody: a reason");
  n.batch = (mst_batch){.n = 3, .x = n.x, .label = n.label};
  ck_refused(mst_model_kernel(n.m, n.w, &n.batch, n.work, k), MST_ERR_UNSUPPORTED, "batch norm");
  network_free(&n);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("batch norm");
  TCase *tc = tcase_create("batch norm");
  tcase_set_timeout(tc, 0);
  tcase_add_loop_test(tc, every_tensor_has_the_differences_of_the_reference, 0, CUTS);
  tcase_add_test(tc, scores_and_losses_take_the_running_statistics_row_by_row);
  tcase_add_test(tc, four_rows_are_as_worked_by_hand);
  tcase_add_test(tc, three_rows_pull_on_each_other_as_worked_by_hand);
  tcase_add_test(tc, a_large_mean_costs_the_variance_no_digits);
  tcase_add_test(tc, what_cannot_be_is_refused_with_the_reason);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
