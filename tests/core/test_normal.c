/* Normal quantiles against figures of 50-digit arithmetic, and against the distribution itself. */
#include "core/base/normal.h"

#include <math.h>

#include "tests/harness.h"

START_TEST(quantiles_are_the_known_ones) {
  static const double known[][2] = {
      {0.6, 0.25334710313579974132},     {0.75, 0.6744897501960817432},
      {0.9, 1.2815515655446005935},      {0.975, 1.9599639845400538556},
      {0.99999, 4.2648907939238407699},  {0.5 + 0x1p-40, 2.2797651350911114627e-12},
      {0.001, -3.0902323061678135354},   {1e-10, -6.3613409024040561991},
      {1e-100, -21.273453560965324294},  {1e-300, -37.047096299361199237},
      {0.2499, -0.67480447011060998732}, {0.7500001, 0.67449006488262303023},
      {0.25, -0.6744897501960817432},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double got = mst_normal_quantile(known[i][0]), want = known[i][1];
    ck_assert_msg(fabs(got - want) <= 1e-14 * fabs(want), "p = %g: %.17g, not %.17g", known[i][0],
                  got, want);
  }
}
END_TEST

START_TEST(quantiles_are_odd_around_a_half) {
  for (int k = 1; k < 1024; k++) {
    const double p = k / 2048.0;
    ck_assert_double_eq(mst_normal_quantile(p), -mst_normal_quantile(1 - p));
  }
  ck_assert_double_eq(mst_normal_quantile(0.5), 0);
}
END_TEST

START_TEST(quantiles_ascend_and_are_inverse_to_the_distribution) {
  double last = -INFINITY;
  for (int k = 1; k < 4096; k++) {
    const double p = k / 4096.0, x = mst_normal_quantile(p);
    ck_assert_double_gt(x, last);
    ck_assert_double_eq_tol(mst_normal_below(x), p, 4e-16);
    last = x;
  }
}
END_TEST

START_TEST(quantiles_end_at_infinity) {
  ck_assert_double_eq(mst_normal_quantile(0), -INFINITY);
  ck_assert_double_eq(mst_normal_quantile(1), INFINITY);
  ck_assert(isnan(mst_normal_quantile(-0.1)));
  ck_assert(isnan(mst_normal_quantile(1.1)));
  ck_assert(isnan(mst_normal_quantile(NAN)));
  /* the least number above 0, where erfc has few digits left */
  ck_assert_double_eq_tol(mst_normal_quantile(0x1p-1074), -38.467405617144346, 1e-3);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("normal");
  TCase *c = tcase_create("normal");
  tcase_add_test(c, quantiles_are_the_known_ones);
  tcase_add_test(c, quantiles_are_odd_around_a_half);
  tcase_add_test(c, quantiles_ascend_and_are_inverse_to_the_distribution);
  tcase_add_test(c, quantiles_end_at_infinity);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
