/* The convolutional layers against their definitions in double (model_reference.h): outputs, and
 * the gradients of a random linear function of the outputs by central differences of the
 * reference. */
#include "tests/core/layer_pass.h"

static double *reference(const layer_case *c, const double *w, const double *x) {
  int64_t weights = c->size * c->size * c->in.channels * c->channels;
  if (c->kind == CONVOLUTION)
    return reference_convolution(c->in, x, w, c->bias ? w + weights : NULL, c->channels, c->size,
                                 c->stride, c->pad);
  if (c->kind == GROUP_NORM)
    return reference_group_norm(c->in, x, w, w + c->in.channels, c->groups, c->relu);
  if (c->kind == MAX_POOL) return reference_max_pool(c->in, x, c->size, c->stride);
  return reference_mean_pool(c->in, x);
}

static void check_outputs(const layer_case *c, const pass *p, const double *w, const double *x) {
  for (int64_t i = 0; i < p->n; i++) {
    double *y = reference(c, w, x + i * p->in);
    for (int64_t j = 0; j < p->out; j++)
      ck_assert_msg(fabs(y[j] - (double)p->y[i * p->out + j]) < 2e-5 * (1.0 + fabs(y[j])),
                    "row %d, output %d: %g, not %g", (int)i, (int)j, (double)p->y[i * p->out + j],
                    y[j]);
    free(y);
  }
}

/* sum over the rows from `first` to `end` of dy . y of the reference. */
static double pairing(const layer_case *c, const pass *p, const double *w, const double *x,
                      int64_t first, int64_t end_row) {
  double sum = 0.0;
  for (int64_t i = first; i < end_row; i++) {
    double *y = reference(c, w, x + i * p->in);
    for (int64_t j = 0; j < p->out; j++) sum += y[j] * (double)p->dy[i * p->out + j];
    free(y);
  }
  return sum;
}

static double slope(const layer_case *c, const pass *p, const double *w, const double *x,
                    double *at, int64_t first, int64_t end_row) {
  const double step = 1e-5, here = *at;
  *at = here + step;
  double above = pairing(c, p, w, x, first, end_row);
  *at = here - step;
  double below = pairing(c, p, w, x, first, end_row);
  *at = here;
  return (above - below) / (2.0 * step);
}

static void check_gradients(const layer_case *c, const pass *p, double *w, double *x) {
  for (int64_t k = 0; k < p->layer->parameters; k++) {
    double wanted = slope(c, p, w, x, &w[k], 0, p->n);
    ck_assert_msg(fabs(wanted - (double)p->g[k]) < 5e-5 * (1.0 + fabs(wanted)),
                  "parameter %d: %g, not %g", (int)k, (double)p->g[k], wanted);
  }
  for (int64_t k = 0; k < p->n * p->in; k++) {
    double wanted = slope(c, p, w, x, &x[k], k / p->in, k / p->in + 1);
    ck_assert_msg(fabs(wanted - (double)p->dx[k]) < 5e-5 * (1.0 + fabs(wanted)),
                  "input %d: %g, not %g", (int)k, (double)p->dx[k], wanted);
  }
}

static void check_layer(const layer_case *c) {
  pass p = begin(make_layer(c), ROWS, c->offset);
  run(&p);
  double *w = to_double(p.layer->parameters, p.w), *x = to_double(p.n * p.in, p.x);
  check_outputs(c, &p, w, x);
  check_gradients(c, &p, w, x);
  free(w), free(x);
  end(&p);
}

START_TEST(convolutions_are_their_definition_and_its_gradient) {
  EACH(convolutions) check_layer(&convolutions[i]);
}
END_TEST

START_TEST(group_norm_is_its_definition_and_its_gradient) {
  EACH(norms_cases) check_layer(&norms_cases[i]);
}
END_TEST

START_TEST(group_norm_keeps_its_digits_beside_a_large_mean) {
  layer_case c = {.kind = GROUP_NORM, .in = {9, 9, 4}, .groups = 2, .offset = 64.0};
  pass p = begin(make_layer(&c), ROWS, c.offset);
  run(&p);
  double *w = to_double(p.layer->parameters, p.w), *x = to_double(p.n * p.in, p.x);
  check_outputs(&c, &p, w, x);
  free(w), free(x);
  end(&p);
}
END_TEST

START_TEST(group_norm_of_equal_values_is_its_bias) {
  layer_case c = {.kind = GROUP_NORM, .in = {3, 3, 4}, .groups = 2};
  pass p = begin(make_layer(&c), 1, 0.0);
  for (int64_t j = 0; j < p.in; j++) p.x[j] = 3.0f;
  run(&p);
  for (int64_t j = 0; j < p.out; j++) ck_assert(p.y[j] == p.w[4 + j % 4]);
  for (int64_t j = 0; j < p.in; j++) ck_assert(isfinite(p.dx[j]));
  end(&p);
}
END_TEST

START_TEST(pools_are_their_definition_and_its_gradient) {
  EACH(pools) check_layer(&pools[i]);
}
END_TEST

START_TEST(the_first_of_equals_gets_a_pool_s_gradient) {
  layer_case c = {.kind = MAX_POOL, .in = {2, 4, 2}, .size = 2, .stride = 2};
  pass p = begin(make_layer(&c), 1, 0.0);
  const float x[16] = {1, 5, 1, 5, /**/ 0, 2, 3, 2, /* second row */ 1, 5, 1, 5, /**/ 3, 9, 3, 2};
  memcpy(p.x, x, sizeof x);
  for (int64_t j = 0; j < p.out; j++) p.dy[j] = (float)(j + 1);
  run(&p);
  const float y[4] = {1, 5, 3, 9};
  const float dx[16] = {1, 2, 0, 0, /**/ 0, 0, 3, 0, /* second row */ 0, 0, 0, 0, /**/ 0, 4, 0, 0};
  ck_assert(memcmp(p.y, y, sizeof y) == 0);
  for (int j = 0; j < 16; j++) ck_assert(p.dx[j] == dx[j]);
  end(&p);
}
END_TEST

static double *residual_reference(bool shortcut_convolution, const double *w, const double *x) {
  mst_extent in = {5, 6, 4};
  int64_t channels = shortcut_convolution ? 6 : 4, stride = shortcut_convolution ? 2 : 1;
  mst_extent out = reference_window(in, channels, 3, stride, 1);
  const double *bias = w + 9 * 4 * channels, *scale = bias + channels;
  const double *second = scale + 2 * channels, *other = second + 9 * channels * channels;
  double *a = reference_convolution(in, x, w, bias, channels, 3, stride, 1);
  double *b = reference_group_norm(out, a, scale, scale + channels, 2, true);
  double *y = reference_convolution(out, b, second, NULL, channels, 3, 1, 1);
  double *s = shortcut_convolution
                  ? reference_convolution(in, x, other, NULL, channels, 1, stride, 0)
                  : NULL;
  for (int64_t j = 0; j < mst_extent_size(out); j++) y[j] += s != NULL ? s[j] : x[j];
  free(a), free(b), free(s);
  return y;
}

static double residual_pairing(bool other, const pass *p, const double *w, const double *x) {
  double sum = 0.0;
  for (int64_t i = 0; i < p->n; i++) {
    double *y = residual_reference(other, w, x + i * p->in);
    for (int64_t j = 0; j < p->out; j++) sum += y[j] * (double)p->dy[i * p->out + j];
    free(y);
  }
  return sum;
}

static void check_residual_slopes(bool other, const pass *p, const double *w, const double *x,
                                  double *at, int64_t count, const float *found) {
  const double step = 1e-6;
  for (int64_t k = 0; k < count; k++) {
    double here = at[k];
    at[k] = here + step;
    double above = residual_pairing(other, p, w, x);
    at[k] = here - step;
    double wanted = (above - residual_pairing(other, p, w, x)) / (2.0 * step);
    at[k] = here;
    ck_assert_msg(fabs(wanted - (double)found[k]) < 2e-4 * (1.0 + fabs(wanted)),
                  "entry %d: %g, not %g", (int)k, (double)found[k], wanted);
  }
}

START_TEST(a_residual_layer_is_the_sum_of_its_paths_and_has_its_gradient) {
  for (int other = 0; other < 2; other++) {
    pass p = begin(make_residual(other), 2, 0.0);
    run(&p);
    double *w = to_double(p.layer->parameters, p.w), *x = to_double(p.n * p.in, p.x);
    for (int64_t i = 0; i < p.n; i++) {
      double *y = residual_reference(other, w, x + i * p.in);
      for (int64_t j = 0; j < p.out; j++)
        ck_assert(fabs(y[j] - (double)p.y[i * p.out + j]) < 1e-4 * (1.0 + fabs(y[j])));
      free(y);
    }
    check_residual_slopes(other, &p, w, x, w, p.layer->parameters, p.g);
    check_residual_slopes(other, &p, w, x, x, p.n * p.in, p.dx);
    free(w), free(x);
    end(&p);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("model_conv");
  TCase *t = tcase_create("model_conv");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, convolutions_are_their_definition_and_its_gradient);
  tcase_add_test(t, group_norm_is_its_definition_and_its_gradient);
  tcase_add_test(t, group_norm_keeps_its_digits_beside_a_large_mean);
  tcase_add_test(t, group_norm_of_equal_values_is_its_bias);
  tcase_add_test(t, pools_are_their_definition_and_its_gradient);
  tcase_add_test(t, the_first_of_equals_gets_a_pool_s_gradient);
  tcase_add_test(t, a_residual_layer_is_the_sum_of_its_paths_and_has_its_gradient);
  suite_add_tcase(s, t);
  return mst_test_main(argc, argv, s);
}
