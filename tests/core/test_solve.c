/* LAPACK face: solutions and eigenvectors against their equations, and refusals that say what to
 * do. */
#include <math.h>
#include <string.h>

#include "tests/core/random_matrix.h"

START_TEST(cholesky_gives_a_lower_factor_that_solves) {
  const int64_t n = 60, m = 3;
  double *gram = random_gram(n, 90, 6), *l = random_gram(n, 90, 6);
  double *b = random_matrix(n, m + 1, 7), *x = random_matrix(n, m + 1, 7);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++) l[i * n + j] = NAN; /* must be neither read nor written */
  ck_ok(mst_cholesky(n, l, n));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) {
      double sum = 0;
      for (int64_t k = 0; k <= j; k++) sum += l[i * n + k] * l[j * n + k];
      ck_assert_double_eq_tol(sum, gram[i * n + j], 1e-11);
      if (j < i) ck_assert(isnan(l[j * n + i]));
    }
  mst_cholesky_solve(n, m, l, n, x, m + 1);
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < m; j++) {
      double sum = 0;
      for (int64_t k = 0; k < n; k++) sum += gram[i * n + k] * x[k * (m + 1) + j];
      ck_assert_double_eq_tol(sum, b[i * (m + 1) + j], 1e-9);
    }
    ck_assert_double_eq(x[i * (m + 1) + m], b[i * (m + 1) + m]);
  }
  mst_free(gram);
  mst_free(l);
  mst_free(b);
  mst_free(x);
}
END_TEST

START_TEST(cholesky_names_the_pivot_of_an_indefinite_matrix) {
  double a[9] = {4, 0, 0, 0, 9, 0, 2, 3, -1};
  ck_refused(mst_cholesky(3, a, 3), MST_ERR_SINGULAR, "pivot 3");
  double b[4] = {1, 0, NAN, 1};
  ck_refused(mst_cholesky(2, b, 2), MST_ERR_SINGULAR, "pivot 2");
  ck_refused(mst_cholesky(INT64_C(1) << 31, b, INT64_C(1) << 31), MST_ERR_INPUT, "2147483648");
  ck_ok(mst_cholesky(0, NULL, 1));
}
END_TEST

START_TEST(the_ridge_solution_satisfies_its_equation_and_leaves_a_alone) {
  const int64_t n = 50, m = 4, ld = 50;
  const double ridge = 3.5;
  double *a = random_gram(n, 20, 8), *before = random_gram(n, 20, 8); /* singular without ridge */
  double *b = random_matrix(n, m + 2, 9), *w = random_matrix(n, m, 10);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++) a[i * ld + j] = NAN; /* only the lower triangle is read */
  ck_ok(mst_ridge_solve(n, m, a, ld, b, m + 2, ridge, w));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < m; j++) {
      double sum = ridge * w[i * m + j];
      for (int64_t k = 0; k < n; k++) sum += before[i * n + k] * w[k * m + j];
      ck_assert_double_eq_tol(sum, b[i * (m + 2) + j], 1e-11);
    }
  for (int64_t i = 0; i < n; i++)
    ck_assert_mem_eq(a + i * ld, before + i * n, (size_t)(i + 1) * sizeof *a);
  mst_free(a);
  mst_free(before);
  mst_free(b);
  mst_free(w);
}
END_TEST

START_TEST(a_ridge_that_is_negative_or_not_finite_is_refused) {
  const double a[1] = {1}, b[1] = {1}, bad[] = {-1e-300, NAN, INFINITY};
  double w[1];
  for (int i = 0; i < 3; i++)
    ck_refused(mst_ridge_solve(1, 1, a, 1, b, 1, bad[i], w), MST_ERR_INPUT, "ridge");
  ck_ok(mst_ridge_solve(1, 1, a, 1, b, 1, 1, w));
  ck_assert_double_eq_tol(w[0], 0.5, 1e-15);
}
END_TEST

/* The number that the recorded sentence suggests. */
static double suggested_ridge(void) {
  const char *at = strstr(mst_status_detail(), "at least ");
  ck_assert_ptr_nonnull(at);
  return strtod(at + strlen("at least "), NULL);
}

START_TEST(singular_statistics_are_refused_with_a_ridge_that_works) {
  /* 30 features from 29 or fewer rows. At 29 the last pivot may come out positive, and far above
   * the rounding of its diagonal entry. */
  const int64_t n = 30;
  double *b = random_matrix(n, 1, 11), w[30];
  for (uint64_t r = 1; r < 30; r++) {
    double *a = random_gram(n, (int64_t)r, 100 + r);
    double scale = pow(10, (double)r - 15); /* the judgement must not depend on units */
    for (int64_t i = 0; i < n * n; i++) a[i] *= scale;
    ck_refused(mst_ridge_solve(n, 1, a, n, b, 1, 0, w), MST_ERR_SINGULAR,
               "singular at ridge 0: pivot ");
    ck_ok(mst_ridge_solve(n, 1, a, n, b, 1, suggested_ridge(), w));
    mst_free(a);
  }
  mst_free(b);
}
END_TEST

START_TEST(a_feature_that_never_varies_is_named) {
  double a[9] = {2, 0, 0, 0, 0, 0, 1, 0, 3}, w[3];
  const double b[3] = {1, 1, 1};
  ck_refused(mst_ridge_solve(3, 1, a, 3, b, 1, 0, w), MST_ERR_SINGULAR,
             "pivot 2 (diagonal entry 0)");
  ck_ok(mst_ridge_solve(3, 1, a, 3, b, 1, suggested_ridge(), w));
  memset(a, 0, sizeof a);
  ck_refused(mst_ridge_solve(3, 1, a, 3, b, 1, 0, w), MST_ERR_SINGULAR, "pivot 1");
  ck_ok(mst_ridge_solve(3, 1, a, 3, b, 1, suggested_ridge(), w));
}
END_TEST

START_TEST(columns_that_sum_to_another_are_refused_at_any_size) {
  const int64_t sizes[] = {3, 10, 40, 150};
  for (int k = 0; k < 4; k++)
    for (uint64_t seed = 0; seed < 6; seed++) {
      int64_t n = sizes[k], rows = 2 * n;
      double *x = random_matrix(rows, n, 200 + seed), *b = random_matrix(n, 1, 11), *a, *w;
      ck_ok(mst_alloc(&a, n * n, sizeof *a, "Gram matrix"));
      ck_ok(mst_alloc(&w, n, sizeof *w, "solution"));
      for (int64_t i = 0; i < rows; i++) {
        x[i * n + n - 1] = 0;
        for (int64_t j = 0; j < n - 1; j++) x[i * n + n - 1] += x[i * n + j];
      }
      mst_syrk_at_a(n, rows, 1, x, n, 0, a, n);
      ck_refused(mst_ridge_solve(n, 1, a, n, b, 1, 0, w), MST_ERR_SINGULAR, "ridge");
      ck_ok(mst_ridge_solve(n, 1, a, n, b, 1, suggested_ridge(), w));
      mst_free(x);
      mst_free(b);
      mst_free(a);
      mst_free(w);
    }
}
END_TEST

START_TEST(features_in_unlike_units_are_not_singular) {
  /* Squared units 10^-80 to 10^80: the plain condition number is useless here. */
  const int64_t n = 20;
  double *a = random_gram(n, 40, 13), b[20], w[20], unit[20];
  for (int64_t i = 0; i < n; i++)
    unit[i] = pow(10, 4.0 * (double)(i % 7) - 40.0 * (double)(i % 3) + 30);
  for (int64_t i = 0; i < n; i++) {
    b[i] = 0;
    for (int64_t j = 0; j < n; j++) b[i] += a[i * n + j];
    b[i] *= unit[i];
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) a[i * n + j] *= unit[i] * unit[j];
  ck_ok(mst_ridge_solve(n, 1, a, n, b, 1, 0, w));
  for (int64_t i = 0; i < n; i++) ck_assert_double_eq_tol(w[i] * unit[i], 1, 1e-11);
  mst_free(a);
}
END_TEST

START_TEST(an_ill_conditioned_but_regular_matrix_is_solved) {
  /* Hilbert, order 8: condition 1.5e10. */
  double a[64], b[8], w[8];
  for (int i = 0; i < 8; i++) {
    b[i] = 0;
    for (int j = 0; j < 8; j++) b[i] += a[i * 8 + j] = 1.0 / (i + j + 1);
  }
  ck_ok(mst_ridge_solve(8, 1, a, 8, b, 1, 0, w));
  for (int i = 0; i < 8; i++) ck_assert_double_eq_tol(w[i], 1, 1e-4);
}
END_TEST

START_TEST(nonfinite_statistics_are_named_as_such) {
  double w[2];
  const double diagonal[4] = {1, 0, 0, INFINITY}, b[2] = {1, 1}, regular[4] = {1, 0, 0, 1};
  const double moments[2] = {1, NAN};
  ck_refused(mst_ridge_solve(2, 1, diagonal, 2, b, 1, 0, w), MST_ERR_NONFINITE, "NaN");
  ck_refused(mst_ridge_solve(2, 1, regular, 2, moments, 1, 0, w), MST_ERR_NONFINITE,
             "row 2 of the moments");
  const double inside[4] = {1, 0, NAN, 1}, tiny[4] = {1e-300, 0, 0, 1e-300}, large[2] = {1, 1e200};
  ck_refused(mst_ridge_solve(2, 1, inside, 2, b, 1, 0, w), MST_ERR_NONFINITE,
             "row 2 of the statistics");
  ck_refused(mst_ridge_solve(2, 1, tiny, 2, large, 1, 0, w), MST_ERR_NONFINITE, "of the solution");
}
END_TEST

START_TEST(a_solve_without_memory_fails_and_holds_nothing) {
  const double a[1] = {1}, b[1] = {1};
  double w[1], e[4] = {2, 0, 1, 2}, values[2];
  int64_t before = mst_memory_current();
  for (int n = 1; n <= 4; n++) {
    mst_memory_fail_at(n);
    ck_refused(mst_ridge_solve(1, 1, a, 1, b, 1, 0, w), MST_ERR_MEMORY, "Cholesky");
  }
  for (int n = 1; n <= 2; n++) {
    mst_memory_fail_at(n);
    ck_refused(mst_eigen_symmetric(2, e, 2, true, values), MST_ERR_MEMORY, "eigenvalue");
  }
  mst_memory_fail_at(0);
  ck_assert_int_eq(mst_memory_current(), before);
}
END_TEST

START_TEST(eigenvectors_are_rows_that_rebuild_the_matrix) {
  const int64_t n = 40, ld = 43;
  double *gram = random_gram(n, 25, 12), *a, *again, values[40], alone[40]; /* 15 zero values */
  ck_ok(mst_alloc(&a, n * ld, sizeof *a, "matrix"));
  ck_ok(mst_alloc(&again, n * ld, sizeof *again, "matrix"));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      again[i * ld + j] = a[i * ld + j] = j <= i ? gram[i * n + j] : NAN;
  ck_ok(mst_eigen_symmetric(n, a, ld, true, values));
  ck_ok(mst_eigen_symmetric(n, again, ld, false, alone));
  for (int64_t i = 0; i < n; i++) {
    if (i > 0) ck_assert_double_ge(values[i], values[i - 1]);
    ck_assert_double_eq_tol(values[i], alone[i], 1e-11);
    int64_t largest = 0;
    for (int64_t j = 0; j < n; j++) {
      double dot = 0, sum = 0;
      for (int64_t k = 0; k < n; k++) {
        dot += a[i * ld + k] * a[j * ld + k];
        sum += values[k] * a[k * ld + i] * a[k * ld + j];
      }
      ck_assert_double_eq_tol(dot, i == j, 1e-12);
      ck_assert_double_eq_tol(sum, gram[i * n + j], 1e-11);
      if (fabs(a[i * ld + j]) > fabs(a[i * ld + largest])) largest = j;
    }
    ck_assert_double_gt(a[i * ld + largest], 0);
  }
  mst_free(gram);
  mst_free(a);
  mst_free(again);
}
END_TEST

START_TEST(small_eigenproblems_are_exact) {
  double a[4] = {2, NAN, 1, 2}, values[2], one[1] = {-3};
  ck_ok(mst_eigen_symmetric(2, a, 2, true, values));
  ck_assert_double_eq_tol(values[0], 1, 1e-15);
  ck_assert_double_eq_tol(values[1], 3, 1e-15);
  ck_assert_double_eq_tol(a[2], sqrt(0.5), 1e-15);
  ck_assert_double_eq_tol(a[3], sqrt(0.5), 1e-15);
  ck_assert_double_lt(a[0] * a[1], 0);
  ck_ok(mst_eigen_symmetric(1, one, 1, true, values));
  ck_assert_double_eq(values[0], -3);
  ck_assert_double_eq(one[0], 1);
  ck_ok(mst_eigen_symmetric(0, NULL, 1, true, NULL));
}
END_TEST

START_TEST(a_matrix_with_nan_has_no_eigenvalues) {
  double a[4] = {1, 0, NAN, 1}, values[2];
  ck_refused(mst_eigen_symmetric(2, a, 2, true, values), MST_ERR_NONFINITE, "row 2");
  ck_refused(mst_eigen_symmetric(40000, a, 40000, true, values), MST_ERR_INPUT, "40000");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("solve");
  TCase *c = tcase_create("solve");
  tcase_add_test(c, cholesky_gives_a_lower_factor_that_solves);
  tcase_add_test(c, cholesky_names_the_pivot_of_an_indefinite_matrix);
  tcase_add_test(c, the_ridge_solution_satisfies_its_equation_and_leaves_a_alone);
  tcase_add_test(c, a_ridge_that_is_negative_or_not_finite_is_refused);
  tcase_add_test(c, singular_statistics_are_refused_with_a_ridge_that_works);
  tcase_add_test(c, a_feature_that_never_varies_is_named);
  tcase_add_test(c, columns_that_sum_to_another_are_refused_at_any_size);
  tcase_add_test(c, features_in_unlike_units_are_not_singular);
  tcase_add_test(c, an_ill_conditioned_but_regular_matrix_is_solved);
  tcase_add_test(c, nonfinite_statistics_are_named_as_such);
  tcase_add_test(c, a_solve_without_memory_fails_and_holds_nothing);
  tcase_add_test(c, eigenvectors_are_rows_that_rebuild_the_matrix);
  tcase_add_test(c, small_eigenproblems_are_exact);
  tcase_add_test(c, a_matrix_with_nan_has_no_eigenvalues);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  mst_blas_init();
  return mst_test_main(argc, argv, suite());
}
