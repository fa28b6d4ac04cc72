/* What the convolutional layers promise beside their definitions: the norms of every row's own
 * gradient, the same bits alone and in a batch and for every width of vectors, and no NaN that is
 * hidden. */
#include "core/model/patches.h"
#include "tests/core/layer_pass.h"

START_TEST(a_nan_passes_through_every_layer) {
  const layer_case cases[] = {convolutions[1], norms_cases[1], norms_cases[2], pools[0], pools[4]};
  EACH(cases) {
    pass p = begin(make_layer(&cases[i]), 2, 0.0);
    p.x[p.in] = NAN; /* of the second example */
    run(&p);
    bool found = false;
    for (int64_t j = 0; j < p.out; j++) {
      ck_assert(!isnan(p.y[j]));
      found = found || isnan(p.y[p.out + j]);
    }
    ck_assert(found);
    end(&p);
  }
}
END_TEST

/* Every row's norm against the gradient of that row alone. */
static void check_norms(mst_layer *l) {
  pass p = begin(l, ROWS, 0.0);
  run(&p);
  double square[ROWS] = {1.0, 1.0, 1.0}; /* norms are added */
  l->ops->norms(l, p.w, p.n, p.x, p.y, p.keep, p.dy, square, p.scratch);
  for (int64_t i = 0; i < ROWS; i++) {
    l->ops->forward(l, p.w, 1, p.x + i * p.in, p.y, p.keep, p.scratch);
    l->ops->backward(l, p.w, 1, p.x + i * p.in, p.y, p.keep, p.dy + i * p.out, NULL, p.g,
                     p.scratch);
    double wanted = 1.0;
    for (int64_t k = 0; k < l->parameters; k++) wanted += (double)p.g[k] * (double)p.g[k];
    ck_assert_msg(fabs(square[i] - wanted) < 1e-5 * wanted, "row %d: %.9g, not %.9g", (int)i,
                  square[i], wanted);
  }
  end(&p);
}

START_TEST(norms_are_those_of_the_rows_own_gradients) {
  EACH(convolutions) check_norms(make_layer(&convolutions[i]));
  EACH(norms_cases) check_norms(make_layer(&norms_cases[i]));
  check_norms(make_residual(false));
  check_norms(make_residual(true));
}
END_TEST

/* Few positions and many channels: here the norm is a sum over pairs of positions. */
START_TEST(norms_by_pairs_of_positions_are_those_of_the_gradients) {
  const layer_case cases[] = {
      {.kind = CONVOLUTION, .in = {3, 4, 24}, .channels = 40, .size = 3, .stride = 1, .pad = 1},
      {.kind = CONVOLUTION, .in = {4, 4, 32}, .channels = 33, .size = 1, .stride = 2, .bias = true},
  };
  EACH(cases) check_norms(make_layer(&cases[i]));
}
END_TEST

static void check_alone(mst_layer *l) {
  pass p = begin(l, ROWS, 0.0);
  run(&p);
  float *y = guarded(p.out, 0), *dx = guarded(p.in, 0), *keep = guarded(l->keep, 0);
  for (int64_t i = 0; i < ROWS; i++) {
    l->ops->forward(l, p.w, 1, p.x + i * p.in, y, keep, p.scratch);
    l->ops->backward(l, p.w, 1, p.x + i * p.in, y, keep, p.dy + i * p.out, dx, NULL, p.scratch);
    ck_assert(memcmp(y, p.y + i * p.out, (size_t)p.out * sizeof *y) == 0);
    ck_assert(memcmp(dx, p.dx + i * p.in, (size_t)p.in * sizeof *dx) == 0);
  }
  free(y), free(dx), free(keep);
  end(&p);
}

START_TEST(an_example_has_the_same_bits_alone_and_in_a_batch) {
  EACH(convolutions) check_alone(make_layer(&convolutions[i]));
  EACH(norms_cases) check_alone(make_layer(&norms_cases[i]));
  EACH(pools) check_alone(make_layer(&pools[i]));
  check_alone(make_residual(false));
  check_alone(make_residual(true));
}
END_TEST

static void check_widths(const mst_patches *p, int64_t lanes) {
  int64_t longest = p->positions * p->step + p->taps * p->pitch + p->run;
  float *x = make_noise(longest, 1), *w = make_noise(p->taps * p->run * lanes, 2);
  float *start = make_noise(lanes, 3), *dy = make_noise(p->taps * p->positions * lanes, 4);
  float *y[2], *g[2];
  for (int k = 0; k < 2; k++) {
    y[k] = guarded(p->positions * lanes, 0);
    g[k] = make_noise(p->run * lanes, 5);
  }
  const mst_patches_width *first = mst_patches_width_at(0), *other;
  first->product(p, x, w, lanes, start, y[0]);
  first->gradient(p, x, dy, lanes, g[0]);
  for (int i = 1; (other = mst_patches_width_at(i)) != NULL; i++) {
    float *fresh = make_noise(p->run * lanes, 5);
    memcpy(g[1], fresh, (size_t)(p->run * lanes) * sizeof *fresh);
    free(fresh);
    other->product(p, x, w, lanes, start, y[1]);
    other->gradient(p, x, dy, lanes, g[1]);
    float slack = other->fused && first->fused ? 0.0f : 1e-5f;
    for (int64_t j = 0; j < p->positions * lanes; j++)
      ck_assert_msg(fabsf(y[0][j] - y[1][j]) <= slack, "%s: output %d", other->name, (int)j);
    for (int64_t j = 0; j < p->run * lanes; j++)
      ck_assert_msg(fabsf(g[0][j] - g[1][j]) <= slack, "%s: gradient %d", other->name, (int)j);
  }
  free(x), free(w), free(start), free(dy);
  for (int k = 0; k < 2; k++) free(y[k]), free(g[k]);
}

START_TEST(every_width_of_vectors_gives_the_same_bits) {
  for (int64_t n = 1; n < 29; n++) {
    mst_patches p = {.positions = n, .step = 3, .taps = 2, .pitch = 11, .run = 29 - n};
    check_widths(&p, n % 2 == 0 ? 16 : 48);
  }
}
END_TEST

START_TEST(impossible_layers_are_refused) {
  mst_layer *l = NULL;
  mst_extent in = {4, 5, 6};
  ck_refused(mst_layer_convolution(in, 3, 5, 1, 0, false, &l), MST_ERR_INPUT, "too small");
  ck_refused(mst_layer_convolution(in, 0, 3, 1, 0, false, &l), MST_ERR_INPUT, "0 channels");
  ck_refused(mst_layer_group_norm(in, 4, false, &l), MST_ERR_INPUT, "does not divide");
  ck_refused(mst_layer_group_norm(in, 0, false, &l), MST_ERR_INPUT, "does not divide");
  ck_refused(mst_layer_max_pool(in, 5, 2, &l), MST_ERR_INPUT, "too small");
  ck_assert_ptr_null(l);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("model_conv_rows");
  TCase *t = tcase_create("model_conv_rows");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, a_nan_passes_through_every_layer);
  tcase_add_test(t, norms_are_those_of_the_rows_own_gradients);
  tcase_add_test(t, norms_by_pairs_of_positions_are_those_of_the_gradients);
  tcase_add_test(t, an_example_has_the_same_bits_alone_and_in_a_batch);
  tcase_add_test(t, every_width_of_vectors_gives_the_same_bits);
  tcase_add_test(t, impossible_layers_are_refused);
  suite_add_tcase(s, t);
  return mst_test_main(argc, argv, s);
}
