/* Eigenvalues and eigenvectors of the tiled matrix, on one rank and on the grid. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include <float.h>

#include "tests/parallel/matrices.h"

static const int64_t orders[] = {1, 2, 5, 257, 300};
#define ORDERS ((int)(sizeof orders / sizeof *orders))

/* All of V, row-major, on every rank, from its tiles. */
static double *whole_of(const mst_tiles *v) {
  double *out = NULL;
  int64_t n = v->n;
  ck_ok(mst_alloc(&out, n * n, sizeof *out, "eigenvectors"));
  for (int64_t i = 0; i < v->tiles; i++)
    for (int64_t j = 0; j < v->tiles; j++) {
      double block[MST_TILE * MST_TILE];
      int64_t rows = mst_tiles_extent(v, i), cols = mst_tiles_extent(v, j);
      int owner = mst_tiles_owner(v->grid, i, j);
      if (owner == mst_team_rank(v->grid->team))
        for (int64_t c = 0; c < cols; c++)
          memcpy(block + c * rows, mst_tiles_at(v, i, j) + c * v->lld, (size_t)rows * 8);
      ck_ok(mst_team_bcast(v->grid->team, block, rows * cols * 8, owner));
      for (int64_t c = 0; c < cols; c++)
        for (int64_t r = 0; r < rows; r++)
          out[(i * MST_TILE + r) * n + j * MST_TILE + c] = block[c * rows + r];
    }
  return out;
}

static double largest_difference(int64_t n, const double *x, const double *y) {
  double most = 0.0;
  for (int64_t i = 0; i < n; i++)
    if (!(fabs(x[i] - y[i]) <= most)) most = fabs(x[i] - y[i]);
  return most;
}

/* A V = V diag(values), V'V = I, values ascend, and the largest entry of a column is positive. */
static void check_decomposition(int64_t n, const double *a, const double *values, const double *v) {
  double *av = NULL, *other = NULL;
  ck_ok(mst_alloc(&av, n * n, sizeof *av, "A V"));
  ck_ok(mst_alloc(&other, n * n, sizeof *other, "V D"));
  mst_gemm(false, false, n, n, n, 1.0, a, n, v, n, 0.0, av, n);
  for (int64_t i = 0; i < n * n; i++) other[i] = v[i] * values[i % n];
  double scale = fabs(values[n - 1]) * DBL_EPSILON * (double)(n + 10);
  ck_assert(largest_difference(n * n, av, other) <= scale);
  mst_gemm(true, false, n, n, n, 1.0, v, n, v, n, 0.0, av, n);
  for (int64_t i = 0; i < n * n; i++) other[i] = i / n == i % n;
  ck_assert(largest_difference(n * n, av, other) <= DBL_EPSILON * (double)(n + 10));
  for (int64_t i = 1; i < n; i++) ck_assert(values[i] >= values[i - 1]);
  for (int64_t j = 0; j < n; j++) {
    int64_t most = 0;
    for (int64_t i = 1; i < n; i++)
      if (fabs(v[i * n + j]) > fabs(v[most * n + j])) most = i;
    ck_assert(v[most * n + j] > 0.0);
  }
  mst_free(other);
  mst_free(av);
}

START_TEST(eigenvectors_reproduce_the_matrix) {
  int64_t n = orders[_i / 2];
  bool fast = _i % 2 == 1;
  double *a = random_spd(n, false), *values = NULL, *only = NULL;
  ck_ok(mst_alloc(&values, n, sizeof *values, "values"));
  ck_ok(mst_alloc(&only, n, sizeof *only, "values"));
  mst_grid *g = NULL;
  ck_ok(mst_grid_create(all, 0, &g));
  mst_tiles t = tiles_of(g, n, a), v;
  ck_ok(mst_tiles_eigen(&t, fast, values, &v));
  double *whole = whole_of(&v);
  check_decomposition(n, a, values, whole);
  ck_ok(mst_tiles_scatter(&t, 0, rank_of_all() == 0 ? a : NULL));
  ck_ok(mst_tiles_eigen(&t, fast, only, NULL));
  ck_assert(largest_difference(n, only, values) <= 1e-12 * fabs(values[n - 1]));
  mst_free(whole);
  mst_tiles_free(&v);
  mst_tiles_free(&t);
  mst_grid_destroy(g);
  mst_free(only);
  mst_free(values);
  mst_free(a);
}
END_TEST

static void decompose_on(mst_grid *g, int64_t n, const double *a, fingerprint out[2]) {
  double *values = NULL;
  ck_ok(mst_alloc(&values, n, sizeof *values, "values"));
  mst_tiles t = tiles_of(g, n, a), v;
  ck_ok(mst_tiles_eigen(&t, false, values, &v));
  double *whole = whole_of(&v);
  out[0] = fingerprint_of(values, n);
  out[1] = fingerprint_of(whole, n * n);
  mst_free(whole);
  mst_tiles_free(&v);
  mst_tiles_free(&t);
  mst_free(values);
}

START_TEST(every_grid_gives_the_bits_of_one_rank) {
  const int64_t n = 300;
  double *a = random_spd(n, false);
  fingerprint one[2], many[2];
  mst_grid *self = NULL;
  ck_ok(mst_grid_create(alone, 0, &self));
  decompose_on(self, n, a, one);
  mst_grid_destroy(self);
  for (mst_grid *g = next_grid(0); g != NULL;) {
    decompose_on(g, n, a, many);
    ck_assert_str_eq(one[0].hex, many[0].hex);
    ck_assert_str_eq(one[1].hex, many[1].hex);
    int rows = g->rows;
    mst_grid_destroy(g);
    g = next_grid(rows);
  }
  mst_free(a);
}
END_TEST

START_TEST(a_matrix_that_is_not_finite_is_refused) {
  const int64_t n = 300;
  double *a = random_spd(n, false), *values = NULL;
  a[290 * n + 4] = NAN;
  ck_ok(mst_alloc(&values, n, sizeof *values, "values"));
  mst_grid *g = NULL;
  ck_ok(mst_grid_create(all, 0, &g));
  mst_tiles t = tiles_of(g, n, a), v;
  for (int fast = 0; fast < 2; fast++)
    ck_refused(mst_tiles_eigen(&t, fast == 1, values, &v), MST_ERR_NONFINITE, "(290, 4)");
  mst_tiles_free(&t);
  mst_grid_destroy(g);
  mst_free(values);
  mst_free(a);
}
END_TEST

START_TEST(one_rank_without_memory_fails_all_ranks) {
  const int64_t n = 257;
  double *a = random_spd(n, false), *values = NULL;
  ck_ok(mst_alloc(&values, n, sizeof *values, "values"));
  mst_grid *g = NULL;
  ck_ok(mst_grid_create(all, 0, &g));
  for (int fast = 0; fast < 2; fast++)
    for (int at = 1;; at++) {
      mst_tiles t = tiles_of(g, n, a), v;
      int64_t held = mst_memory_current();
      mst_memory_fail_at(rank_of_all() == 0 ? at : 0);
      mst_status st = mst_tiles_eigen(&t, fast == 1, values, &v);
      mst_memory_fail_at(0);
      if (st == MST_OK) mst_tiles_free(&v);
      ck_assert_int_eq(mst_memory_current(), held);
      mst_tiles_free(&t);
      ck_assert_msg(st == MST_OK || st == MST_ERR_MEMORY, "%s", mst_status_detail());
      ck_assert_int_lt(at, 40);
      if (st == MST_OK) {
        ck_assert_int_gt(at, 3);
        break;
      }
    }
  mst_grid_destroy(g);
  mst_free(values);
  mst_free(a);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("eigen");
  TCase *c = tcase_create("eigen");
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_set_timeout(c, 0);
  tcase_add_loop_test(c, eigenvectors_reproduce_the_matrix, 0, 2 * ORDERS);
  tcase_add_test(c, every_grid_gives_the_bits_of_one_rank);
  tcase_add_test(c, a_matrix_that_is_not_finite_is_refused);
  tcase_add_test(c, one_rank_without_memory_fails_all_ranks);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
