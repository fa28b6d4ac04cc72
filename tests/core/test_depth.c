/* Residual layers: the closed form is where the objective's gradient vanishes, and the map that
 * layers make is a pure function of a row and of its arrays. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/analytic/depth.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/residual.h"
#include "core/linalg/blas.h"

enum {
  N = 90, /* rows                       */
  D = 15, /* features below the layer   */
  H = 20, /* random features            */
  C = 4   /* outputs                    */
};

static mst_stream stream;

static void draw(double *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] = mst_stream_normal(&stream);
}

static double norm(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

/* A problem whose W has rank C - 1, as that of classes has, and its solution. */
static double f[N * H], r[N * C], w[D * C], gram[H * H], moment[H * C];
static double value[C], vector[C * C], column[C * H], b[H], q[H * C], omega[H * D];

static void solve(double gamma) {
  stream = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, 0, 0));
  draw(f, N * H);
  draw(r, N * C);
  draw(w, D * C);
  for (int64_t i = 0; i < D; i++) {
    double sum = 0;
    for (int64_t k = 0; k < C; k++) sum += w[i * C + k] / C;
    for (int64_t k = 0; k < C; k++) w[i * C + k] -= sum;
  }
  mst_gemm(true, false, H, H, N, 1.0, f, H, f, H, 0.0, gram, H);
  mst_gemm(true, false, H, C, N, 1.0, f, H, r, C, 0.0, moment, C);
  ck_ok(mst_depth_directions(D, C, w, value, vector));
  for (int64_t j = 0; j < C; j++)
    ck_ok(mst_depth_column(H, C, gram, moment, gamma, value[j], vector + j * C, b, column + j * H));
  mst_depth_assemble(H, C, column, vector, q);
  mst_gemm(false, true, H, D, C, 1.0, q, C, w, C, 0.0, omega, D);
}

START_TEST(the_gradient_of_the_objective_vanishes) {
  const double gammas[] = {1e-3, 1, 1e4};
  for (int g = 0; g < 3; g++) {
    double all[N * D], fit[N * C], slope[H * C], gradient[H * D], first[H * D];
    solve(gammas[g]);
    mst_gemm(false, false, N, D, H, 1.0, f, H, omega, D, 0.0, all, D);
    memcpy(fit, r, sizeof fit);
    mst_gemm(false, false, N, C, D, 1.0, all, D, w, C, -1.0, fit, C);
    mst_gemm(true, false, H, C, N, 1.0, f, H, fit, C, 0.0, slope, C);
    memcpy(gradient, omega, sizeof gradient);
    mst_gemm(false, true, H, D, C, 1.0, slope, C, w, C, gammas[g], gradient, D);
    mst_gemm(false, true, H, D, C, 1.0, moment, C, w, C, 0.0, first, D);
    ck_assert_double_lt(norm(gradient, H * D), 1e-12 * norm(first, H * D));
    ck_assert_double_gt(norm(omega, H * D), 0);
  }
}
END_TEST

/* Delta_ij = (U' F'R W' V)_ij / (gamma + s_i t_j), Omega = U Delta V', of two decompositions. */
START_TEST(it_is_the_published_solution) {
  const double gamma = 0.7;
  double u[H * H], s[H], v[D * D], t[D], mixed[H * D], half[H * D], delta[H * D];
  solve(gamma);
  memcpy(u, gram, sizeof u);
  ck_ok(mst_eigen_symmetric(H, u, H, true, s)); /* eigenvectors in rows: U' and V' */
  mst_gemm(false, true, D, D, C, 1.0, w, C, w, C, 0.0, v, D);
  ck_ok(mst_eigen_symmetric(D, v, D, true, t));
  mst_gemm(false, true, H, D, C, 1.0, moment, C, w, C, 0.0, mixed, D);
  mst_gemm(false, false, H, D, H, 1.0, u, H, mixed, D, 0.0, half, D);
  mst_gemm(false, true, H, D, D, 1.0, half, D, v, D, 0.0, delta, D);
  for (int64_t i = 0; i < H; i++)
    for (int64_t j = 0; j < D; j++) delta[i * D + j] /= gamma + s[i] * fmax(t[j], 0);
  mst_gemm(true, false, H, D, H, 1.0, u, H, delta, D, 0.0, half, D);
  mst_gemm(false, false, H, D, D, 1.0, half, D, v, D, 0.0, mixed, D);
  for (int64_t i = 0; i < H * D; i++) mixed[i] -= omega[i];
  ck_assert_double_lt(norm(mixed, H * D), 1e-11 * norm(omega, H * D));
}
END_TEST

START_TEST(a_direction_without_weights_gets_none) {
  solve(1);
  ck_assert_double_eq(value[0], 0);
  ck_assert_double_gt(value[1], 0);
  ck_assert_double_eq(norm(column, H), 0);
  ck_assert_double_gt(norm(column + H, H), 0);
}
END_TEST

static mst_features *make_map(int64_t depth, bool random, const char *activation) {
  const mst_features_spec spec = mst_features_defaults("identity");
  const mst_row_shape shape = {.dims = 1, .size = {D}};
  const mst_residual_spec residual = {.seed = 9, .outputs = C, .depth = depth, .width = H,
                                      .random = random, .activation = activation};
  mst_features *inner = NULL, *map = NULL;
  ck_ok(mst_features_create(&spec, &shape, &inner));
  ck_ok(mst_residual_create(&residual, inner, &map));
  return map;
}

/* Two layers with weights of moderate size, and rows. */
static void fill_map(mst_features *map, float *rows, int64_t n) {
  double mean[D], inverse[D], step[H * C], offset[C], head[H * C];
  stream = mst_stream_of(mst_key_make(6, MST_PURPOSE_TEST, 0, 0));
  for (int64_t j = 0; j < D; j++) mean[j] = 0.1 * (double)j, inverse[j] = 1 + 0.1 * (double)j;
  mst_residual_standardise(map, mean, inverse);
  for (int t = 0; t < 2; t++) {
    draw(step, H * C);
    draw(offset, C);
    draw(head, map->width * C);
    for (int64_t i = 0; i < H * C; i++) step[i] *= 0.2;
    ck_ok(mst_residual_push(map, step, offset, head));
  }
  for (int64_t i = 0; i < n * D; i++) rows[i] = (float)mst_stream_normal(&stream);
}

START_TEST(a_rows_bits_do_not_depend_on_its_neighbours) {
  static float rows[230 * D], all[230 * H], one[H];
  for (int random = 0; random < 2; random++) {
    mst_features *map = make_map(2, random == 1, random == 1 ? "gelu" : "relu");
    fill_map(map, rows, 230);
    ck_ok(mst_features_apply(map, rows, 230, all));
    for (int64_t i = 0; i < 230; i += 19) {
      ck_ok(mst_features_apply(map, rows + i * D, 1, one));
      ck_assert_mem_eq(one, all + i * map->width, (size_t)map->width * sizeof *one);
    }
    mst_features_destroy(map);
  }
}
END_TEST

START_TEST(layers_add_steps_along_their_weights) {
  static float rows[7 * D], below[7 * D], hidden[7 * H], step[7 * C], out[7 * D];
  mst_features *map = make_map(2, false, "gelu");
  fill_map(map, rows, 7);
  ck_ok(mst_features_apply(map, rows, 7, out));
  mst_residual_use(map, 0);
  ck_ok(mst_features_apply(map, rows, 7, below));
  for (int64_t i = 0; i < 7 * D; i++) {
    const double j = (double)(i % D);
    ck_assert_double_eq_tol((double)below[i], ((double)rows[i] - 0.1 * j) * (1 + 0.1 * j), 1e-5);
  }
  for (int64_t t = 0; t < 2; t++) {
    const float *weights = mst_residual_weights(map, t);
    mst_residual_hidden(map, t, 7, below, hidden);
    mst_residual_step(map, t, 7, hidden, step);
    for (int64_t i = 0; i < 7; i++)
      for (int64_t j = 0; j < D; j++)
        for (int64_t k = 0; k < C; k++)
          below[i * D + j] += step[i * C + k] * weights[k * D + j];
  }
  for (int64_t i = 0; i < 7 * D; i++)
    ck_assert_double_eq_tol((double)below[i], (double)out[i], 1e-4);
  mst_features_destroy(map);
}
END_TEST

START_TEST(random_features_have_the_moments_of_their_activation) {
  static float rows[4000 * D], hidden[4000 * H];
  double sum = 0, square = 0;
  mst_features *map = make_map(1, false, "relu");
  stream = mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < 4000 * D; i++) rows[i] = (float)mst_stream_normal(&stream);
  mst_residual_hidden(map, 0, 4000, rows, hidden);
  for (int64_t i = 0; i < 4000 * H; i++) {
    sum += (double)hidden[i] / (4000 * H);
    square += (double)hidden[i] * (double)hidden[i] / (4000 * H);
  }
  ck_assert_double_eq_tol(sum, 0.39894, 0.01);
  ck_assert_double_eq_tol(square, 0.5, 0.02);
  mst_features_destroy(map);
}
END_TEST

START_TEST(its_arrays_make_a_copy_of_it) {
  static float rows[5 * D], out[5 * H], copied[5 * H];
  mst_features *map = make_map(3, true, "gelu"), *copy = make_map(3, true, "gelu");
  mst_state from, to;
  mst_state_init(&from);
  mst_state_init(&to);
  fill_map(map, rows, 5);
  ck_ok(mst_features_parameters(map, &from));
  ck_ok(mst_features_parameters(copy, &to));
  for (int i = 0; i < from.n; i++)
    memcpy(to.item[i].data, from.item[i].data,
           (size_t)(mst_state_local_elements(&from.item[i]) * mst_dtype_size(from.item[i].type)));
  ck_ok(mst_features_apply(map, rows, 5, out));
  ck_ok(mst_features_apply(copy, rows, 5, copied));
  ck_assert_mem_eq(out, copied, sizeof out);
  ck_assert_int_eq(mst_residual_layers(copy), 2);
  mst_state_clear(&from);
  mst_state_clear(&to);
  mst_features_destroy(copy);
  mst_features_destroy(map);
}
END_TEST

START_TEST(one_layer_too_many_is_refused) {
  static float rows[D];
  mst_features *map = make_map(2, true, "gelu");
  fill_map(map, rows, 1);
  ck_refused(mst_residual_push(map, q, b, w), MST_ERR_INTERNAL, "no layer is left");
  mst_features_destroy(map);
}
END_TEST

START_TEST(memory_that_is_missing_leaves_the_inner_map_alone) {
  const mst_features_spec spec = mst_features_defaults("identity");
  const mst_row_shape shape = {.dims = 1, .size = {D}};
  const mst_residual_spec residual = {.seed = 9, .outputs = C, .depth = 2, .width = H,
                                      .random = true, .activation = "gelu"};
  mst_features *inner = NULL, *map = NULL;
  ck_ok(mst_features_create(&spec, &shape, &inner));
  const int64_t held = mst_memory_current();
  mst_status st = MST_ERR_MEMORY;
  int64_t at = 1;
  for (; st == MST_ERR_MEMORY && at < 60; at++) {
    mst_memory_fail_at(at);
    st = mst_residual_create(&residual, inner, &map);
    mst_memory_fail_at(0);
    if (st != MST_OK) ck_assert_int_eq(mst_memory_current(), held);
  }
  ck_ok(st);
  ck_assert_int_gt(at, 10);
  mst_features_destroy(map);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("depth");
  TCase *c = tcase_create("residual layers");
  tcase_add_test(c, the_gradient_of_the_objective_vanishes);
  tcase_add_test(c, it_is_the_published_solution);
  tcase_add_test(c, a_direction_without_weights_gets_none);
  tcase_add_test(c, a_rows_bits_do_not_depend_on_its_neighbours);
  tcase_add_test(c, layers_add_steps_along_their_weights);
  tcase_add_test(c, random_features_have_the_moments_of_their_activation);
  tcase_add_test(c, its_arrays_make_a_copy_of_it);
  tcase_add_test(c, one_layer_too_many_is_refused);
  tcase_add_test(c, memory_that_is_missing_leaves_the_inner_map_alone);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  mst_blas_init();
  return mst_test_main(argc, argv, suite());
}
