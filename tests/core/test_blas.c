/* BLAS face: products against plain loops, with any transposition and stride. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/core/random_matrix.h"

START_TEST(the_kernel_has_a_name) {
  mst_blas_init();
  ck_assert_ptr_nonnull(mst_blas_kernel());
  ck_assert_int_gt((int)strlen(mst_blas_kernel()), 0);
}
END_TEST

enum {
  M = 7,
  N = 5,
  K = 6,
  LD = 11
};

START_TEST(gemm_multiplies_every_transposition_with_strides) {
  double *a = random_matrix(LD, LD, 1), *b = random_matrix(LD, LD, 2);
  for (int t = 0; t < 4; t++) {
    bool ta = t & 1, tb = t & 2;
    double *c = random_matrix(LD, LD, 3), *before = random_matrix(LD, LD, 3);
    float af[LD * LD], bf[LD * LD], cf[LD * LD];
    for (int i = 0; i < LD * LD; i++) {
      af[i] = (float)a[i];
      bf[i] = (float)b[i];
      cf[i] = (float)c[i];
    }
    mst_gemm(ta, tb, M, N, K, 1.5, a, LD, b, LD, -0.5, c, LD);
    mst_sgemm(ta, tb, M, N, K, 1.5f, af, LD, bf, LD, -0.5f, cf, LD);
    for (int i = 0; i < LD; i++)
      for (int j = 0; j < LD; j++) {
        double wanted = before[i * LD + j];
        if (i < M && j < N) {
          wanted *= -0.5;
          for (int k = 0; k < K; k++)
            wanted +=
                1.5 * (ta ? a[k * LD + i] : a[i * LD + k]) * (tb ? b[j * LD + k] : b[k * LD + j]);
        }
        ck_assert_double_eq_tol(c[i * LD + j], wanted, 1e-13);
        ck_assert_float_eq_tol(cf[i * LD + j], (float)wanted, 1e-5);
      }
    mst_free(c);
    mst_free(before);
  }
  mst_free(a);
  mst_free(b);
}
END_TEST

START_TEST(a_product_over_nothing_scales_c) {
  double c[4] = {1, 2, 3, 4};
  float f[4] = {1, 2, 3, 4};
  const double a[2] = {NAN, NAN};
  const float g[2] = {NAN, NAN};
  mst_gemm(false, false, 2, 2, 0, 1, a, 1, a, 2, 0.5, c, 2);
  mst_sgemm(false, false, 2, 2, 0, 1, g, 1, g, 2, 0.5f, f, 2);
  ck_assert_double_eq(c[3], 2);
  ck_assert_float_eq(f[3], 2);
  mst_syrk_at_a(2, 0, 1, a, 2, 0.5, c, 2);
  ck_assert_double_eq(c[3], 1);
}
END_TEST

START_TEST(strides_above_two_to_the_31_work) {
  /* Rows this far apart need address space only: the pages between are never touched. */
  const int64_t ld = (INT64_C(1) << 31) + 5;
  size_t bytes = (size_t)(2 * ld) * sizeof(double);
  double *far =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (far == MAP_FAILED) return; /* an address space limit is set */
  const double wanted[2][2] = {{1, 2}, {3, 4}}, b[4] = {1, 10, 100, 1000};
  for (int i = 0; i < 2; i++) memcpy(far + i * ld, wanted[i], sizeof wanted[i]);
  double c[4] = {0};
  mst_gemm(false, false, 2, 2, 2, 1, far, ld, b, 2, 0, c, 2);
  ck_assert_double_eq(c[1], 2010);
  ck_assert_double_eq(c[3], 4030);
  mst_gemm(true, false, 2, 2, 2, 1, far, ld, b, 2, 0, c, 2);
  ck_assert_double_eq(c[0], 301);
  ck_assert_double_eq(c[3], 4020);
  mst_gemm(false, true, 2, 2, 2, 1, b, 2, far, ld, 0, c, 2);
  ck_assert_double_eq(c[0], 21);
  ck_assert_double_eq(c[3], 4300);
  mst_syrk_at_a(2, 2, 1, far, ld, 0, c, 2);
  ck_assert_double_eq(c[0], 10);
  ck_assert_double_eq(c[2], 14);
  ck_assert_double_eq(c[3], 20);
  mst_gemm(false, false, 2, 2, 2, 1, b, 2, b, 2, 2, far, ld);
  ck_assert_double_eq(far[0], 1003);
  ck_assert_double_eq(far[ld + 1], 1001008);
  mst_syrk_at_a(2, 2, 1, b, 2, 0, far, ld);
  ck_assert_double_eq(far[ld], 100010);
  ck_assert_double_eq(far[1], 10014);
  munmap(far, bytes);
}
END_TEST

START_TEST(trmm_multiplies_by_the_lower_triangle_alone) {
  double *l = random_matrix(N, LD, 4), *x = random_matrix(K, LD, 5),
         *before = random_matrix(K, LD, 5);
  for (int i = 0; i < N; i++)
    for (int j = i + 1; j < LD; j++) l[i * LD + j] = NAN;
  mst_trmm_right_lower(K, N, 2, l, LD, x, LD);
  for (int i = 0; i < K; i++)
    for (int j = 0; j < LD; j++) {
      double wanted = before[i * LD + j];
      if (j < N) {
        wanted = 0;
        for (int k = j; k < N; k++) wanted += 2 * before[i * LD + k] * l[k * LD + j];
      }
      ck_assert_double_eq_tol(x[i * LD + j], wanted, 1e-12);
    }
  mst_free(l);
  mst_free(x);
  mst_free(before);
}
END_TEST

START_TEST(syrk_fills_the_lower_triangle_and_no_more) {
  double *a = random_matrix(K, LD, 4), *c = random_matrix(N, LD, 5),
         *before = random_matrix(N, LD, 5);
  mst_syrk_at_a(N, K, 2, a, LD, 0.5, c, LD);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < LD; j++) {
      double wanted = before[i * LD + j];
      if (j <= i) {
        wanted *= 0.5;
        for (int k = 0; k < K; k++) wanted += 2 * a[k * LD + i] * a[k * LD + j];
      }
      ck_assert_double_eq_tol(c[i * LD + j], wanted, 1e-13);
    }
  mst_free(a);
  mst_free(c);
  mst_free(before);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("blas");
  TCase *c = tcase_create("blas");
  tcase_add_test(c, the_kernel_has_a_name);
  tcase_add_test(c, gemm_multiplies_every_transposition_with_strides);
  tcase_add_test(c, a_product_over_nothing_scales_c);
  tcase_add_test(c, strides_above_two_to_the_31_work);
  tcase_add_test(c, syrk_fills_the_lower_triangle_and_no_more);
  tcase_add_test(c, trmm_multiplies_by_the_lower_triangle_alone);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
