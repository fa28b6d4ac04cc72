/* Discrete noise: exact samplers against exact probabilities, the exact comparison against numbers
 * of 400 bits (mpmath), Skellam noise against sums of Poisson probabilities. */
#include <stdlib.h>

#include "core/base/normal.h"
#include "core/privacy/discrete.h"
#include "core/privacy/exact.h"
#include "core/privacy/skellam.h"
#include "tests/core/noise_check.h"

#define N 100000

/* ln of the weight of x, and the sum of all weights. */
static double log_weight(int power, double scale, double x) {
  return power == 2 ? -x * x / (2 * scale * scale) : -fabs(x) / scale;
}

static double total_weight(int power, double scale) {
  double sum = 0;
  for (double x = ceil(60 * scale) + 10; x >= 1; x--) sum += 2 * exp(log_weight(power, scale, x));
  return 1 + sum;
}

static mst_status make(int power, double scale, mst_discrete *d) {
  return power == 2 ? mst_discrete_gaussian(scale, d) : mst_discrete_laplace(scale, d);
}

static const double SCALE[] = {0.25, 0.5, 1, 2, 3.3, 10, 31.99, 32, 500};
enum {
  SCALES = sizeof SCALE / sizeof *SCALE
};

START_TEST(counts_are_those_of_the_law) {
  static int64_t x[N];
  for (int power = 1; power <= 2; power++)
    for (int i = 0; i < SCALES; i++) {
      const double total = total_weight(power, SCALE[i]);
      mst_discrete d;
      ck_ok(make(power, SCALE[i], &d));
      const mst_noise noise = test_noise((uint64_t)(10 * power + i));
      mst_noise_discrete(&d, &noise, 0, N, x);
      /* Bins of `width` numbers from -reach on, while they expect 20; the ends are one bin each. */
      const double width = ceil(SCALE[i] / 10);
      int reach = 0;
      while (N * width * exp(log_weight(power, SCALE[i], (reach + 1) * width)) / total > 20)
        reach++;
      const int bins = 2 * reach + 1;
      double *count = calloc((size_t)(2 * bins), sizeof *count), *expected = count + bins;
      double inside = 0;
      for (int b = 0; b < bins; b++) {
        double p = 0;
        for (double k = 0; k < width; k++)
          p += exp(log_weight(power, SCALE[i], (b - reach) * width + k)) / total;
        expected[b] = N * p;
        if (b > 0 && b < bins - 1) inside += p;
      }
      double square = 0;
      for (int k = 0; k < N; k++) {
        const double b = floor((double)x[k] / width) + reach;
        count[(int)fmax(0, fmin(bins - 1, b))]++;
        square += (double)x[k] * (double)x[k];
      }
      double below = 0; /* the lower end bin takes everything under it */
      for (double k = -reach * width + width - 1; k > -60 * SCALE[i] - 10; k--)
        below += exp(log_weight(power, SCALE[i], k)) / total;
      expected[0] = N * below;
      expected[bins - 1] = N * (1 - inside - below);
      char what[64];
      snprintf(what, sizeof what, "power %d scale %g", power, SCALE[i]);
      check_counts(bins, count, expected, what);
      double variance = 0, fourth = 0;
      for (double k = 1; k < 60 * SCALE[i] + 10; k++) {
        const double p = 2 * exp(log_weight(power, SCALE[i], k)) / total;
        variance += k * k * p;
        fourth += k * k * k * k * p;
      }
      const double off = (square / N - variance) / sqrt((fourth - variance * variance) / N);
      ck_assert_msg(fabs(off) < 4.5, "%s: variance %g of %g", what, square / N, variance);
      free(count);
    }
}
END_TEST

/* The published figures of the law itself: the formula that the counts are held against. */
START_TEST(the_law_has_the_published_figures) {
  const double sigma[4] = {0.5, 1, 2, 10};
  const double at_zero[4] = {0.786570707041948, 0.398942278266862, 0.199471140200716,
                             0.0398942280401433};
  const double variance[4] = {0.215012675088138, 0.999999788767728, 4, 100};
  for (int i = 0; i < 4; i++) {
    const double total = total_weight(2, sigma[i]);
    double sum = 0;
    for (double x = 1; x < 60 * sigma[i]; x++) sum += 2 * x * x * exp(log_weight(2, sigma[i], x));
    ck_assert_double_eq_tol(1 / total, at_zero[i], 1e-14);
    ck_assert_double_eq_tol(sum / total, variance[i], 1e-13 * fmax(1, variance[i]));
  }
  const double scale[4] = {1, 2, 4, 10}, epsilon[4] = {1, 1, 1, 0.5};
  const double delta[4] = {0.141351339405622, 0.00724877684595258, 3.05545464926682e-6,
                           6.93437034751787e-9};
  static int64_t x[N];
  for (int i = 0; i < 4; i++) {
    const double total = total_weight(2, scale[i]);
    double sum = 0;
    for (double k = -400; k <= 400; k++)
      sum += fmax(0, exp(log_weight(2, scale[i], k)) -
                         exp(epsilon[i] + log_weight(2, scale[i], k - 1))) /
             total;
    ck_assert_double_eq_tol(sum, delta[i], 1e-13);
  }
  /* And drawn: P(x <= k) - e P(x - 1 <= k) where the losses turn, for sigma 1 and 2. */
  for (int i = 0; i < 2; i++) {
    mst_discrete d;
    ck_ok(mst_discrete_gaussian(scale[i], &d));
    const mst_noise noise = test_noise((uint64_t)(900 + i));
    mst_noise_discrete(&d, &noise, 0, N, x);
    const double turn = 0.5 - epsilon[i] * scale[i] * scale[i];
    double p = 0, q = 0;
    for (int k = 0; k < N; k++) {
      p += (double)x[k] < turn;
      q += (double)(x[k] + 1) < turn;
    }
    const double drawn = (p - exp(epsilon[i]) * q) / N;
    const double spread = sqrt((p + exp(2 * epsilon[i]) * q) / N / N);
    ck_assert_double_lt(fabs(drawn - delta[i]), 4.5 * spread);
  }
}
END_TEST

START_TEST(wide_laws_are_normal_or_exponential_between_the_numbers) {
  enum {
    BINS = 200
  };
  const double scale[] = {12345.678, 1e9, 0x1p47};
  static int64_t x[N];
  for (int power = 1; power <= 2; power++)
    for (int i = 0; i < 3; i++) {
      double count[BINS] = {0}, expected[BINS];
      mst_discrete d;
      ck_ok(make(power, scale[i], &d));
      const mst_noise noise = test_noise((uint64_t)(500 + 10 * power + i));
      mst_noise_discrete(&d, &noise, 0, N, x);
      int odd = 0;
      for (int k = 0; k < N; k++) {
        const double z = (double)x[k] / scale[i];
        const double f =
            power == 2 ? mst_normal_below(z) : (z < 0 ? 0.5 * exp(z) : 1 - 0.5 * exp(-z));
        count[(int)fmin(BINS - 1, f * BINS)]++;
        odd += (int)(x[k] & 1);
      }
      for (int b = 0; b < BINS; b++) expected[b] = (double)N / BINS;
      check_counts(BINS, count, expected, "quantiles");
      check_share(odd, N, 0.5, "odd numbers");
    }
}
END_TEST

START_TEST(the_table_never_asks_for_a_probability_above_one) {
  const double scale[] = {
      MST_DISCRETE_SCALE_MIN, 0.05, 0.9, 1, 7, 15.999, 16, 31.999, 1e3, 123456.7,
      MST_DISCRETE_SCALE_MAX};
  for (int power = 1; power <= 2; power++)
    for (int i = 0; i < 11; i++) {
      mst_discrete d;
      ck_ok(make(power, scale[i], &d));
      int64_t slots[MST_DISCRETE_CELLS + 1] = {0};
      for (int s = 0; s < MST_DISCRETE_SLOTS; s++) slots[d.slot[s]]++;
      int64_t next = 0, used = 0;
      for (int k = 0; k < d.cells; k++) {
        const mst_discrete_cell *cell = &d.cell[k];
        const bool tail = k == d.cells - 1;
        ck_assert_int_eq(slots[k], (int64_t)cell->n);
        ck_assert_int_eq(cell->start, next);
        used += slots[k];
        next += INT64_C(1) << d.bits;
        const double first = log_weight(power, scale[i], (double)cell->start);
        const double last = log_weight(power, scale[i], (double)next - 1);
        const double asked = (double)d.factor * exp(first) / (double)cell->n;
        if (!tail) {
          ck_assert_double_le(asked, k == 0 ? 1 : 1 - 1e-13);
          const double sure = (double)d.factor * exp(last) / (double)cell->n;
          ck_assert_double_lt((double)cell->sure * 0x1p-64, sure);
          ck_assert_double_gt((double)cell->sure * 0x1p-64, sure * (1 - 1e-11) - 1e-18);
          continue;
        }
        /* 2^-(1+j) of the tail's slots over 2^tail_bits numbers each. */
        ck_assert_uint_eq(cell->sure, 0);
        for (int j = 0; j < 40; j++) {
          const double x = (double)cell->start + ldexp(j, d.tail_bits);
          ck_assert_double_le(ldexp((double)d.factor, d.tail_bits - d.bits + 1 + j) *
                                  exp(log_weight(power, scale[i], x)),
                              (double)cell->n);
        }
      }
      ck_assert_int_le(used, MST_DISCRETE_SLOTS);
      ck_assert_int_gt(used, MST_DISCRETE_SLOTS * 9 / 10);
    }
}
END_TEST

START_TEST(exact_and_quick_decisions_draw_the_same) {
  enum {
    DRAWS = 1500
  };
  const double scale[] = {0.3, 1, 20, 1e6, 3.7e13};
  static int64_t quick[DRAWS], slow[DRAWS];
  for (int power = 1; power <= 2; power++)
    for (int i = 0; i < 5; i++) {
      mst_discrete d;
      ck_ok(make(power, scale[i], &d));
      const mst_noise noise = test_noise((uint64_t)(700 + 10 * power + i));
      mst_noise_discrete(&d, &noise, 50, DRAWS, quick);
      d.slow = true;
      mst_noise_discrete(&d, &noise, 50, DRAWS, slow);
      ck_assert_mem_eq(quick, slow, sizeof quick);
    }
}
END_TEST

typedef struct border {
  uint64_t n, factor;
  int shift;
  mst_ratio t;
  uint64_t at; /* floor(2^64 factor 2^shift exp(-t) / n) */
} border;

START_TEST(the_exact_comparison_turns_where_mpmath_says) {
  const mst_u128 one = 1;
  const border known[] = {
      {1, 1, 0, {1, 1, 0}, UINT64_C(0x5e2d58d8b3bcdf1a)},
      {7, 5, 0, {1, 3, 0}, UINT64_C(0x8305dab10d9cd262)},
      {300, 299, 0, {152399025, 1600000000, -1}, UINT64_C(0xf347bae83ac93a48)},
      {16, 255, 73, {7777, 100, 0}, UINT64_C(0x1bc79bab)},
      {16, 255, 9, {977, 100, 0}, UINT64_C(0x775d29319f5647e2)},
      {3, 2, 200, {1420, 10, 0}, UINT64_C(0x05dda8bfbaea0c4b)},
      {1, 1, 0, {3, 1, -40}, UINT64_C(0xfffffffffd000000)},
      {1, 1, 0, {(one << 100) + 12345, (one << 99) + 777, 1}, UINT64_C(0x04b0556e084f3d1d)},
  };
  const mst_noise noise = test_noise(5);
  for (int i = 0; i < (int)(sizeof known / sizeof *known); i++) {
    const border *b = &known[i];
    mst_noise_cursor c;
    mst_noise_open(&c, &noise, (uint64_t)i, 8);
    for (uint64_t off = 1; off < 4; off++) {
      ck_assert_msg(mst_exact_below(&c, b->at - off, b->n, b->factor, b->shift, &b->t), "%d", i);
      ck_assert_msg(!mst_exact_below(&c, b->at + off, b->n, b->factor, b->shift, &b->t), "%d", i);
    }
    mst_noise_close(&c);
  }
  /* On the border the later bits decide: those of exp(-1) go on with badec782... */
  int yes = 0;
  for (uint64_t block = 0; block < 5000; block++) {
    mst_noise_cursor c;
    mst_noise_open(&c, &noise, 100 + block, 8);
    yes += mst_exact_below(&c, known[0].at, 1, 1, 0, &known[0].t);
    mst_noise_close(&c);
  }
  check_share(yes, 5000, (double)0xbadec782 * 0x1p-32, "the next bits of 1/e");
}
END_TEST

/* P(difference of two Poisson draws = k) by its sum. */
static double skellam_at(double mean, int k) {
  double sum = 0;
  for (int j = 0; j < 400; j++)
    sum += exp((2 * j + k) * log(mean) - 2 * mean - lgamma(j + 1) - lgamma(j + k + 1));
  return sum;
}

START_TEST(skellam_noise_has_the_counts_of_its_law) {
  enum {
    DRAWS = 40000
  };
  const double variance[] = {0.1, 1, 2, 9.7, 60};
  static int64_t x[DRAWS];
  for (int i = 0; i < 5; i++) {
    mst_skellam law;
    ck_ok(mst_skellam_make(variance[i], &law));
    const mst_noise noise = test_noise((uint64_t)(40 + i));
    mst_noise_skellam(&law, &noise, 0, DRAWS, x);
    int reach = 0;
    while (DRAWS * skellam_at(law.mean, reach + 1) > 20) reach++;
    double count[101] = {0}, expected[101] = {0}, inside = 0;
    const int bins = 2 * reach + 1;
    for (int b = 1; b < bins - 1; b++)
      inside += expected[b] = DRAWS * skellam_at(law.mean, abs(b - reach));
    expected[0] = expected[bins - 1] = (DRAWS - inside) / 2;
    for (int k = 0; k < DRAWS; k++) count[(int)fmax(0, fmin(bins - 1, (double)(x[k] + reach)))]++;
    check_counts(bins, count, expected, "Skellam");
  }
  const double wide[] = {2e6, 3e12, MST_SKELLAM_VARIANCE_MAX};
  for (int i = 0; i < 3; i++) {
    enum {
      BINS = 100
    };
    double count[BINS] = {0}, expected[BINS];
    mst_skellam law;
    ck_ok(mst_skellam_make(wide[i], &law));
    const mst_noise noise = test_noise((uint64_t)(60 + i));
    mst_noise_skellam(&law, &noise, 0, DRAWS, x);
    for (int k = 0; k < DRAWS; k++)
      count[(int)fmin(BINS - 1, BINS * mst_normal_below((double)x[k] / sqrt(wide[i])))]++;
    for (int b = 0; b < BINS; b++) expected[b] = (double)DRAWS / BINS;
    check_counts(BINS, count, expected, "wide Skellam");
  }
}
END_TEST

START_TEST(skellam_noise_is_within_its_renyi_bound) {
  for (int i = 0; i < 3; i++)
    for (int move = 1; move <= 3; move++)
      for (int alpha = 2; alpha <= 16; alpha *= 2) {
        const double mean = 4 << 2 * i;
        double sum = 0;
        const int reach = (int)(12 * sqrt(2 * mean)) + 20;
        for (int k = -reach; k <= reach; k++)
          sum += exp(alpha * log(skellam_at(mean, abs(k))) +
                     (1 - alpha) * log(skellam_at(mean, abs(k - move))));
        const double divergence = log(sum) / (alpha - 1);
        const double bound = mst_skellam_renyi(2 * mean, move, move, alpha);
        ck_assert_double_ge(bound, divergence);
        ck_assert_double_le(bound, 2.5 * divergence + 0.02);
      }
}
END_TEST

START_TEST(scales_outside_the_samplers_range_are_refused) {
  mst_discrete d;
  mst_skellam law;
  ck_refused(mst_discrete_gaussian(0, &d), MST_ERR_INPUT, "scale 0");
  ck_refused(mst_discrete_gaussian(NAN, &d), MST_ERR_INPUT, "nan");
  ck_refused(mst_discrete_laplace(0x1p49, &d), MST_ERR_INPUT, "choose");
  ck_refused(mst_skellam_make(-1, &law), MST_ERR_INPUT, "variance -1");
  ck_refused(mst_skellam_make(0x1p51, &law), MST_ERR_INPUT, "choose");
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("discrete noise");
  TCase *c = tcase_create("discrete noise");
  tcase_add_test(c, counts_are_those_of_the_law);
  tcase_add_test(c, the_law_has_the_published_figures);
  tcase_add_test(c, wide_laws_are_normal_or_exponential_between_the_numbers);
  tcase_add_test(c, the_table_never_asks_for_a_probability_above_one);
  tcase_add_test(c, exact_and_quick_decisions_draw_the_same);
  tcase_add_test(c, the_exact_comparison_turns_where_mpmath_says);
  tcase_add_test(c, skellam_noise_has_the_counts_of_its_law);
  tcase_add_test(c, skellam_noise_is_within_its_renyi_bound);
  tcase_add_test(c, scales_outside_the_samplers_range_are_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
