/* Mechanisms that add to vectors, by their table; and clipping onto the integer grid, whose bound
 * must hold exactly after rounding. */
#include <float.h>
#include <stdlib.h>

#include "core/linalg/lattice.h"
#include "core/privacy/mechanism.h"
#include "core/privacy/whole.h"
#include "tests/core/noise_check.h"

START_TEST(every_member_is_found_and_adds_to_its_own_type) {
  int members = 0, adders = 0;
  const mst_noise noise = test_noise(1);
  for (const mst_mechanism_ops *ops; (ops = mst_mechanism_at(members)) != NULL; members++) {
    double real[3] = {1, 2, 3};
    int64_t whole[3] = {1, 2, 3};
    ck_assert_ptr_eq(mst_mechanism_find(ops->name), ops);
    ck_assert(ops->summary != NULL && (ops->add == NULL) == (ops->type == MST_MECHANISM_CHOICE));
    adders += ops->add != NULL;
    if (ops->type != MST_MECHANISM_REAL)
      ck_refused(mst_mechanism_add_real(ops->name, 2, &noise, 0, 3, real), MST_ERR_UNSUPPORTED,
                 ops->name);
    if (ops->type != MST_MECHANISM_WHOLE)
      ck_refused(mst_mechanism_add_whole(ops->name, 2, &noise, 0, 3, whole), MST_ERR_UNSUPPORTED,
                 ops->name);
    ck_assert(real[0] == 1 && real[2] == 3 && whole[0] == 1 && whole[2] == 3);
  }
  ck_assert_int_eq(members, 10);
  ck_assert_int_eq(adders, 5);
  double x = 0;
  ck_refused(mst_mechanism_add_real("gausian", 1, &noise, 0, 1, &x), MST_ERR_INPUT, "gaussian");
  ck_refused(mst_mechanism_add_real("gaussian", 0, &noise, 0, 1, &x), MST_ERR_INPUT, "positive");
  ck_refused(mst_mechanism_add_real("laplace", NAN, &noise, 0, 1, &x), MST_ERR_INPUT, "nan");
}
END_TEST

/* Its last bits show what it was added to. */
START_TEST(noise_on_reals_is_never_called_exact) {
  const mst_mechanism_ops *ops;
  int reals = 0;
  for (int i = 0; (ops = mst_mechanism_at(i)) != NULL; i++)
    if (ops->type == MST_MECHANISM_REAL) {
      ck_assert_msg(!ops->exact, "%s", ops->name);
      reals++;
    }
  ck_assert_int_eq(reals, 2);
  ck_assert(mst_mechanism_find("discrete_gaussian")->exact);
}
END_TEST

START_TEST(noise_of_a_piece_is_that_of_the_whole_vector) {
  enum {
    LENGTH = 5000
  };
  static double real[2][LENGTH];
  static int64_t whole[2][LENGTH];
  const mst_noise noise = test_noise(2);
  for (int i = 0; mst_mechanism_at(i) != NULL; i++) {
    const mst_mechanism_ops *ops = mst_mechanism_at(i);
    if (ops->add == NULL) continue;
    for (int k = 0; k < 2; k++)
      for (int j = 0; j < LENGTH; j++) {
        real[k][j] = j;
        whole[k][j] = j;
      }
    void *once = ops->type == MST_MECHANISM_REAL ? (void *)real[0] : (void *)whole[0];
    void *twice = ops->type == MST_MECHANISM_REAL ? (void *)real[1] : (void *)whole[1];
    ck_ok(ops->add(50, &noise, 1000, LENGTH, once));
    ck_ok(ops->add(50, &noise, 1000 + 3333, LENGTH - 3333, (char *)twice + 8 * 3333));
    ck_ok(ops->add(50, &noise, 1000, 3333, twice));
    ck_assert_mem_eq(once, twice, 8 * LENGTH);
    double square = 0;
    for (int j = 0; j < LENGTH; j++) {
      const double off =
          ops->type == MST_MECHANISM_REAL ? real[0][j] - j : (double)(whole[0][j] - j);
      square += off * off;
    }
    /* Variance 50^2, of Laplace laws twice that. */
    const bool laplace = strstr(ops->name, "laplace") != NULL;
    ck_assert_double_eq_tol(square / LENGTH / 2500, laplace ? 2 : 1, laplace ? 0.3 : 0.1);
  }
}
END_TEST

/* The norm of k(n) as an integer: its sum of magnitudes, or of squares. */
static unsigned __int128 measure(const int64_t *k, int n, mst_whole_norm norm) {
  unsigned __int128 sum = 0;
  for (int i = 0; i < n; i++) {
    const unsigned __int128 a = (unsigned __int128)llabs(k[i]);
    sum += norm == MST_WHOLE_L1 ? a : a * a;
  }
  return sum;
}

static void check_clip(const double *x, int n, double clip, int shift) {
  static int64_t k[4096];
  for (int norm = 1; norm <= 2; norm++) {
    bool finite;
    const int64_t bound = mst_whole_bound(clip, shift);
    ck_ok(mst_whole_clip(x, n, (mst_whole_norm)norm, clip, shift, k, &finite));
    ck_assert(finite);
    const unsigned __int128 most =
        norm == 1 ? (unsigned __int128)bound : (unsigned __int128)bound * (unsigned __int128)bound;
    ck_assert_msg(measure(k, n, (mst_whole_norm)norm) <= most, "norm %d n %d clip %g shift %d",
                  norm, n, clip, shift);
  }
}

START_TEST(a_clipped_vector_is_within_the_bound_to_the_last_step) {
  static double x[4096];
  const mst_noise noise = test_noise(3);
  const double clip[] = {1, 0.1, 3.7, 1e-3, 1e6};
  for (int c = 0; c < 5; c++)
    for (int shift = 12; shift <= 40; shift += 7)
      for (int n = 1; n <= 4096; n *= 4)
        for (int big = -1; big <= 2; big++) {
          if (mst_whole_bound(clip[c], shift) == 0) continue;
          mst_noise_gaussian(&noise, 0, n, pow(10, big) * clip[c] / sqrt(n), x);
          check_clip(x, n, clip[c], shift);
        }
  /* All entries just over half a step: rounding to nearest doubles the norm. */
  for (int i = 0; i < 4096; i++) x[i] = 0.5001 * 0x1p-10;
  check_clip(x, 4096, 0.51 * 64 * 0x1p-10, 10);
  check_clip(x, 4096, 1 * 0x1p-10, 10);
  for (int i = 0; i < 4096; i++) x[i] = i % 2 ? DBL_MAX : -DBL_MAX;
  check_clip(x, 4096, 1, 40);
  for (int i = 0; i < 4096; i++) x[i] = DBL_TRUE_MIN;
  check_clip(x, 4096, 1, 40);
}
END_TEST

START_TEST(a_short_vector_is_only_rounded) {
  const double x[4] = {0.25, -0.5, 0.1, 0};
  int64_t k[4];
  bool finite;
  ck_ok(mst_whole_clip(x, 4, MST_WHOLE_L2, 1, 30, k, &finite));
  for (int i = 0; i < 4; i++) ck_assert_int_eq(k[i], (int64_t)nearbyint(ldexp(x[i], 30)));
  ck_ok(mst_whole_clip(x, 2, MST_WHOLE_L2, 0.05, 30, k, &finite));
  ck_assert_double_eq_tol(hypot((double)k[0], (double)k[1]), ldexp(0.05, 30), 2);
  ck_assert_double_eq_tol((double)k[0] / (double)k[1], -0.5, 1e-6);
}
END_TEST

START_TEST(a_vector_that_is_not_finite_counts_as_zero) {
  for (int kind = 0; kind < 2; kind++) {
    double x[3] = {1, kind == 0 ? NAN : -INFINITY, 2};
    int64_t k[3] = {7, 7, 7};
    bool finite = true;
    ck_ok(mst_whole_clip(x, 3, MST_WHOLE_L2, 1, 20, k, &finite));
    ck_assert(!finite && k[0] == 0 && k[1] == 0 && k[2] == 0);
  }
  int64_t k;
  bool finite;
  const double x = 1;
  ck_refused(mst_whole_clip(&x, 1, MST_WHOLE_L2, 1e-9, 20, &k, &finite), MST_ERR_INPUT, "steps");
  ck_refused(mst_whole_clip(&x, 1, MST_WHOLE_L2, NAN, 20, &k, &finite), MST_ERR_INPUT, "steps");
}
END_TEST

START_TEST(the_grid_holds_all_vectors_and_the_noise) {
  const double clip[] = {1e-3, 1, 20}, multiplier[] = {0.3, 5, 700};
  const int64_t summands[] = {1, 60000, INT64_C(10000000000)};
  for (int a = 0; a < 3; a++)
    for (int b = 0; b < 3; b++)
      for (int c = 0; c < 3; c++) {
        int shift;
        ck_ok(mst_whole_shift(clip[a], multiplier[b], summands[c], &shift));
        const double steps = (double)mst_whole_bound(clip[a], shift);
        ck_assert_double_ge(steps, 1024);
        ck_assert_double_le(steps * ((double)summands[c] + 1000 * multiplier[b]), 0x1p62);
        int64_t x = 0;
        const mst_noise noise = test_noise(4);
        ck_ok(
            mst_mechanism_add_whole("discrete_gaussian", multiplier[b] * steps, &noise, 0, 1, &x));
      }
  int shift;
  ck_refused(mst_whole_shift(0, 1, 1, &shift), MST_ERR_INPUT, "positive");
  ck_refused(mst_whole_shift(1, 1, INT64_C(1) << 60, &shift), MST_ERR_INPUT, "coarse");
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("mechanisms");
  TCase *c = tcase_create("mechanisms");
  tcase_add_test(c, every_member_is_found_and_adds_to_its_own_type);
  tcase_add_test(c, noise_on_reals_is_never_called_exact);
  tcase_add_test(c, noise_of_a_piece_is_that_of_the_whole_vector);
  tcase_add_test(c, a_clipped_vector_is_within_the_bound_to_the_last_step);
  tcase_add_test(c, a_short_vector_is_only_rounded);
  tcase_add_test(c, a_vector_that_is_not_finite_counts_as_zero);
  tcase_add_test(c, the_grid_holds_all_vectors_and_the_noise);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
