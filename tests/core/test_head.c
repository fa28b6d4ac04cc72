/* Heads of clients' own: the update of the common factor is the direct solution, both are the
 * weighted regression on everybody's rows and the client's, and a share of 0 is the head of all. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/analytic/head.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define ROWS    400 /* of all; those of the client are the first OWN or MANY */
#define OWN     17
#define MANY    300
#define WIDTH   60
#define OUTPUTS 3

static float x[ROWS * WIDTH], value[ROWS * OUTPUTS];
static double row_weight[ROWS];
static int32_t label[ROWS];
static double head[2][WIDTH * OUTPUTS + OUTPUTS], z[ROWS * (WIDTH + OUTPUTS)];
static double gram[WIDTH * WIDTH], moments[WIDTH * OUTPUTS], mean[WIDTH + OUTPUTS];
static mst_head_statistics all;

static double column(int64_t i, int64_t j) {
  return (double)(j < WIDTH ? x[i * WIDTH + j] : value[i * OUTPUTS + j - WIDTH]);
}

static double deviation(int64_t j) {
  double own = 0, square = 0;
  for (int64_t i = 0; i < ROWS; i++) own += column(i, j) / ROWS;
  for (int64_t i = 0; i < ROWS; i++) square += pow(column(i, j) - own, 2) / ROWS;
  return sqrt(square);
}

/* gram, moments and mean of rows that count weight[i] each, in units of all rows' deviations. */
static double take_statistics(const double *weight, bool bias) {
  double total = 0;
  memset(mean, 0, sizeof mean);
  for (int64_t i = 0; i < ROWS; i++) total += weight[i];
  for (int64_t j = 0; bias && j < WIDTH + OUTPUTS; j++)
    for (int64_t i = 0; i < ROWS; i++) mean[j] += weight[i] * column(i, j) / total;
  for (int64_t j = 0; j < WIDTH + OUTPUTS; j++) {
    const double scale = j < WIDTH ? 1 / deviation(j) : 1;
    for (int64_t i = 0; i < ROWS; i++)
      z[i * (WIDTH + OUTPUTS) + j] = sqrt(weight[i]) * (column(i, j) - mean[j]) * scale;
  }
  mst_gemm(true, false, WIDTH, WIDTH, ROWS, 1, z, WIDTH + OUTPUTS, z, WIDTH + OUTPUTS, 0, gram,
           WIDTH);
  mst_gemm(true, false, WIDTH, OUTPUTS, ROWS, 1, z, WIDTH + OUTPUTS, z + WIDTH, WIDTH + OUTPUTS, 0,
           moments, OUTPUTS);
  return total;
}

static void start(bool bias) {
  double one[ROWS];
  mst_stream s = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < ROWS; i++) {
    one[i] = 1;
    row_weight[i] = 0.25 + (double)(i % 3);
    label[i] = (int32_t)mst_stream_below(&s, OUTPUTS);
    for (int64_t k = 0; k < OUTPUTS; k++) value[i * OUTPUTS + k] = label[i] == k;
    for (int64_t j = 0; j < WIDTH; j++)
      x[i * WIDTH + j] = (float)(mst_stream_normal(&s) * (double)(1 + j % 4) + (double)(j % 5) +
                                 (j % OUTPUTS == label[i] ? 1 : 0) + (i < OWN ? 0.7 : 0));
  }
  ck_ok(mst_head_statistics_create(WIDTH, OUTPUTS, &all));
  all.rows = take_statistics(one, bias);
  all.ridge = 0.5;
  all.bias = bias;
  memcpy(all.gram, gram, sizeof gram);
  for (int64_t j = 0; j < WIDTH; j++) all.gram[j * WIDTH + j] += all.ridge;
  memcpy(all.moments, moments, sizeof moments);
  memcpy(all.mean, mean, sizeof mean);
  for (int64_t j = 0; j < WIDTH; j++) all.inverse[j] = 1 / deviation(j);
}

/* The head by the definition, into head[1]: rows count (1 - s), the client's s n / n_k more. */
static void define(double share, int64_t own, const double *weight, bool bias) {
  double each[ROWS], sum = 0, *w = head[1], *b = head[1] + WIDTH * OUTPUTS;
  for (int64_t i = 0; i < own; i++) sum += weight != NULL ? weight[i] : 1;
  for (int64_t i = 0; i < ROWS; i++)
    each[i] = (1 - share) + (i < own ? share * ROWS * (weight != NULL ? weight[i] : 1) / sum : 0);
  take_statistics(each, bias);
  ck_ok(mst_ridge_solve(WIDTH, OUTPUTS, gram, WIDTH, moments, OUTPUTS, all.ridge, w));
  for (int64_t k = 0; k < OUTPUTS; k++) b[k] = mean[WIDTH + k];
  for (int64_t j = 0; j < WIDTH; j++)
    for (int64_t k = 0; k < OUTPUTS; k++) {
      w[j * OUTPUTS + k] /= deviation(j);
      b[k] -= mean[j] * w[j * OUTPUTS + k];
    }
}

static double distance(const double *a, const double *b, int64_t n) {
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    difference += pow(a[i] - b[i], 2);
    norm += b[i] * b[i];
  }
  return sqrt(difference / norm);
}

static void make(double share, const mst_head_rows *rows, mst_head_way way, double *to) {
  mst_heads *h = NULL;
  ck_ok(mst_heads_create(&all, share, rows->n, &h));
  ck_ok(mst_heads_solve(h, rows, way, to, to + WIDTH * OUTPUTS));
  mst_heads_free(h);
}

#define ENTRIES (WIDTH * OUTPUTS + OUTPUTS)

START_TEST(the_update_of_the_common_factor_is_the_direct_solution) {
  const double share[] = {0, 0.1, 0.5, 0.9, 1};
  for (int bias = 0; bias < 2; bias++) {
    start(bias);
    for (size_t i = 0; i < sizeof share / sizeof share[0]; i++)
      for (int64_t n = 1; n <= OWN; n += OWN - 1) {
        const mst_head_rows rows = {.n = n, .x = x, .label = label, .weight = row_weight};
        make(share[i], &rows, MST_HEAD_UPDATE, head[0]);
        make(share[i], &rows, MST_HEAD_DIRECT, head[1]);
        const double far = distance(head[0], head[1], ENTRIES);
        ck_assert_msg(far < 1e-10, "share %g, %d rows: %g", share[i], (int)n, far);
      }
    mst_head_statistics_free(&all);
  }
}
END_TEST

START_TEST(a_head_is_the_regression_on_everybodys_rows_and_its_own) {
  for (int k = 0; k < 4; k++) {
    const int64_t n = k % 2 == 0 ? OWN : MANY;
    const bool bias = k < 2;
    start(bias);
    const double *weight = k == 1 ? row_weight : NULL;
    const mst_head_rows rows = {.n = n, .x = x, .value = value, .weight = weight};
    make(0.6, &rows, MST_HEAD_EITHER, head[0]);
    define(0.6, n, weight, bias);
    const double far = distance(head[0], head[1], bias ? ENTRIES : ENTRIES - OUTPUTS);
    ck_assert_msg(far < 1e-10, "%d: %g", k, far);
    mst_head_statistics_free(&all);
  }
}
END_TEST

START_TEST(a_share_of_nothing_is_the_head_of_all_and_so_is_a_client_without_rows) {
  start(true);
  const mst_head_rows rows = {.n = OWN, .x = x, .label = label}, none = {.n = 0};
  define(0, 0, NULL, true);
  make(0, &rows, MST_HEAD_EITHER, head[0]);
  ck_assert_double_lt(distance(head[0], head[1], ENTRIES), 1e-11);
  make(0, &none, MST_HEAD_EITHER, head[0]);
  ck_assert_double_lt(distance(head[0], head[1], ENTRIES), 1e-11);
  make(0.5, &rows, MST_HEAD_EITHER, head[0]);
  ck_assert_double_gt(distance(head[0], head[1], ENTRIES), 1e-2);
  mst_head_statistics_free(&all);
}
END_TEST

START_TEST(what_cannot_be_solved_is_refused) {
  mst_heads *h = NULL;
  start(true);
  ck_refused(mst_heads_create(&all, 1.5, OWN, &h), MST_ERR_INPUT, "from 0 to 1");
  all.ridge = 0; /* what is on the diagonal of gram does not count at a share of 1 */
  ck_refused(mst_heads_create(&all, 1, OWN, &h), MST_ERR_SINGULAR, "positive definite");
  ck_assert_ptr_null(h);
  const mst_head_rows rows = {.n = OWN + 1, .x = x, .label = label};
  double *to = head[0];
  ck_ok(mst_heads_create(&all, 0.5, OWN, &h));
  ck_refused(mst_heads_solve(h, &rows, MST_HEAD_EITHER, to, to + WIDTH * OUTPUTS), MST_ERR_INPUT,
             "room for 17");
  mst_heads_free(h);
  mst_head_statistics_free(&all);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("head");
  TCase *c = tcase_create("head");
  tcase_add_test(c, the_update_of_the_common_factor_is_the_direct_solution);
  tcase_add_test(c, a_head_is_the_regression_on_everybodys_rows_and_its_own);
  tcase_add_test(c, a_share_of_nothing_is_the_head_of_all_and_so_is_a_client_without_rows);
  tcase_add_test(c, what_cannot_be_solved_is_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
