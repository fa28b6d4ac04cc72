/* Correlated noise: four steps by hand, the variance of what is published against theory, known
 * error figures from the noise itself, and a window that any start finds again. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/privacy/accountant.h"
#include "core/privacy/correlated.h"
#include "core/privacy/sensitivity.h"

enum {
  ENTRIES = 1024,
  CYCLE = 8
};

static const mst_secret *secret(void) {
  static mst_secret s;
  s = mst_secret_test(7);
  return &s;
}

/* Cycles of so many steps, whose groups are kept. */
static mst_sampler *cyclic(int64_t cycle, bool kept) {
  mst_sampler_spec spec = {.kind = "cyclic", .batch = 10, .population = 10 * cycle, .kept = kept};
  mst_sampler *s = NULL;
  ck_ok(mst_sampler_create(&spec, &s));
  ck_assert_int_eq(s->cycle, cycle);
  return s;
}

static mst_correlation *make(const char *kind, const mst_sampler *s, int64_t steps, bool restart,
                             int64_t bands) {
  mst_correlation_spec spec = {
      .kind = kind, .restart = restart, .bands = bands, .coefficients = "optimised"};
  mst_correlation *c = NULL;
  ck_ok(mst_correlation_create(&spec, s, steps, &c));
  return c;
}

static void draw(mst_noise_purpose purpose, uint64_t step, int64_t n, double *out) {
  mst_noise noise = mst_noise_of(secret(), purpose, 0, step);
  mst_noise_gaussian(&noise, 0, n, 1, out);
}

/* w_t of four steps = sum over the draws of weight[t][draw]. */
static void compare_by_hand(mst_correlation *c, int draws, const mst_correlation_term *of,
                            const double weight[4][8]) {
  double z[8][ENTRIES], w[ENTRIES];
  mst_correlated *m = NULL;
  for (int d = 0; d < draws; d++) draw(of[d].purpose, of[d].step, ENTRIES, z[d]);
  ck_ok(mst_correlated_create(c, secret(), 1, 0, ENTRIES, &m));
  for (int t = 0; t < 4; t++) {
    mst_correlated_noise(m, t, w);
    for (int e = 0; e < ENTRIES; e++) {
      double sum = 0;
      for (int d = 0; d < draws; d++) sum += weight[t][d] * z[d][e];
      ck_assert_msg(fabs(w[e] - sum) < 1e-12, "%s, step %d, entry %d: %g, by hand %g", c->ops->name,
                    t, e, w[e], sum);
    }
  }
  mst_correlated_destroy(m);
}

START_TEST(four_steps_of_each_correlation_are_what_a_hand_computes) {
  mst_sampler *s = cyclic(4, true);
  const mst_correlation_term step[4] = {
      {MST_NOISE_SUM, 0, 1}, {MST_NOISE_SUM, 1, 1}, {MST_NOISE_SUM, 2, 1}, {MST_NOISE_SUM, 3, 1}};
  mst_correlation *c = make("independent", s, 4, false, 0);
  compare_by_hand(c, 4, step, (const double[4][8]){{1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}});
  mst_correlation_destroy(c);
  c = make("toeplitz", s, 4, false, 0);
  compare_by_hand(c, 4, step,
                  (const double[4][8]){
                      {1}, {-1. / 2, 1}, {-1. / 8, -1. / 2, 1}, {-1. / 16, -1. / 8, -1. / 2, 1}});
  mst_correlation_destroy(c);
  /* c = (1, 1/2): the inverse's coefficients are (-1/2)^k. */
  mst_correlation_spec root = {.kind = "banded", .bands = 2, .coefficients = "root"};
  ck_ok(mst_correlation_create(&root, s, 4, &c));
  ck_assert_double_eq(c->coefficient[1], 0.5);
  compare_by_hand(
      c, 4, step,
      (const double[4][8]){{1}, {-1. / 2, 1}, {1. / 4, -1. / 2, 1}, {-1. / 8, 1. / 4, -1. / 2, 1}});
  mst_correlation_destroy(c);
  /* Sums 1, 1-2, 1-2 and 3, 1-4: leaves 0 and 2, nodes that end with 1 and 3. */
  const mst_correlation_term node[4] = {{MST_NOISE_LEAF, 0, 1},
                                        {MST_NOISE_LEAF, UINT64_C(1) << 56 | 1, 1},
                                        {MST_NOISE_LEAF, 2, 1},
                                        {MST_NOISE_LEAF, UINT64_C(2) << 56 | 3, 1}};
  c = make("tree", s, 4, true, 0);
  compare_by_hand(c, 4, node, (const double[4][8]){{1}, {-1, 1}, {0, 0, 1}, {0, -1, -1, 1}});
  mst_correlation_destroy(c);
  mst_sampler_destroy(s);
}
END_TEST

/* Variance, over the entries, of the noise of the first steps together; mean over all steps. */
static double measured_error(mst_correlation *c, double *last) {
  double w[ENTRIES], sum[ENTRIES] = {0}, mean = 0;
  mst_correlated *m = NULL;
  ck_ok(mst_correlated_create(c, secret(), 1, 0, ENTRIES, &m));
  for (int64_t t = 0; t < c->steps; t++) {
    *last = 0;
    mst_correlated_noise(m, t, w);
    for (int e = 0; e < ENTRIES; e++) {
      sum[e] += w[e];
      *last += sum[e] * sum[e] / ENTRIES;
    }
    mean += *last / (double)c->steps;
  }
  mst_correlated_destroy(m);
  return mean;
}

/* Five standard deviations of a variance of that many entries. */
static const double close_to = 5 * 0.0441941738241592; /* sqrt(2 / 1024) */

START_TEST(prefix_sums_have_the_variance_of_theory) {
  static const struct {
    const char *kind;
    bool restart;
    double last; /* of the sum of all 24 steps */
  } known[] = {{"independent", false, 24}, {"tree", true, 3},     {"tree", false, 2},
               {"toeplitz", false, 0},     {"toeplitz", true, 0}, {"banded", false, 0},
               {"banded", true, 0}};
  mst_sampler *s = cyclic(CYCLE, true);
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    mst_correlation *c = make(known[i].kind, s, 24, known[i].restart, 0);
    double last = 0, mean = measured_error(c, &last), theory = pow(mst_correlation_error(c), 2);
    ck_assert_msg(fabs(mean / theory - 1) < close_to, "%s: %g, theory %g", known[i].kind, mean,
                  theory);
    if (known[i].last > 0) ck_assert_double_lt(fabs(last / known[i].last - 1), close_to);
    mst_correlation_destroy(c);
  }
  mst_sampler_destroy(s);
}
END_TEST

/* Of noise that makes the sensitivity 1 private: root of the greatest and of the mean variance of n
 * prefix sums, from an independent computation. The greatest is sum of C(2k, k)^2 / 16^k. */
START_TEST(the_square_root_of_the_prefix_sums_has_its_known_errors) {
  static const struct {
    int64_t n;
    double greatest, mean, independent;
  } known[] = {{10, 1.7913439416, 1.6531805807670894, 2.345207879911715},
               {100, 2.5313521126, 2.3706582072971605, 7.106335201775948},
               {1000, 3.2650030807, 3.102239063528975, 22.371857321197094},
               {2000, 3.4856784633, 3.322963415567399, 31.63068130786942}};
  for (int i = 0; i < 4; i++) {
    int64_t n = known[i].n;
    mst_sampler *s = cyclic(n, true);
    mst_correlation *c = make("toeplitz", s, n, false, 0), *none = make("independent", s, n, 0, 0);
    double length = sqrt(c->squared), last = 0;
    ck_assert_double_lt(fabs(c->squared / known[i].greatest - 1), 1e-10);
    ck_assert_double_lt(fabs(length * sqrt(c->ops->variance(c, n - 1)) / known[i].greatest - 1),
                        1e-10);
    ck_assert_double_lt(fabs(length * mst_correlation_error(c) / known[i].mean - 1), 1e-12);
    ck_assert_double_lt(fabs(mst_correlation_error(none) / known[i].independent - 1), 1e-12);
    double mean = n > 100 ? 0 : measured_error(c, &last); /* by the noise itself */
    if (n <= 100) ck_assert_double_lt(fabs(length * sqrt(last) / known[i].greatest - 1), close_to);
    if (n <= 100) ck_assert_double_lt(fabs(length * sqrt(mean) / known[i].mean - 1), close_to);
    mst_correlation_destroy(none);
    mst_correlation_destroy(c);
    mst_sampler_destroy(s);
  }
}
END_TEST

START_TEST(what_is_charged_is_what_the_sensitivities_say) {
  double squared = 0;
  mst_sampler *s = cyclic(CYCLE, true);
  mst_correlation *c = make("tree", s, 24, false, 0);
  ck_ok(mst_sensitivity_tree(3, CYCLE - 1, 24, NULL, &squared));
  ck_assert_double_eq(c->squared, squared);
  ck_assert_int_eq(mst_correlation_charges(c, 0, 24), 1);
  ck_assert_int_eq(mst_correlation_charges(c, 1, 24), 0);
  ck_assert(mst_correlation_charged(c, 0) && !mst_correlation_charged(c, CYCLE));
  ck_assert(mst_correlation_kept(c));
  mst_event e = mst_correlation_event(c, 3);
  ck_assert(e.noise == 3 && e.sensitivity == sqrt(squared) && e.sampling == MST_SAMPLING_NONE);
  mst_correlation_destroy(c);
  c = make("tree", s, 20, true, 0); /* three trees, the last one cut */
  ck_assert_double_eq(c->squared, 4);
  ck_assert_int_eq(mst_correlation_charges(c, 0, 20), 3);
  ck_assert_int_eq(mst_correlation_charges(c, 3, 20), 2);
  ck_assert(!mst_correlation_kept(c));
  mst_correlation_destroy(c);
  c = make("banded", s, 24, false, 5); /* columns that do not overlap: 3 |c|^2 */
  squared = 0;
  for (int k = 0; k < 5; k++) squared += 3 * c->coefficient[k] * c->coefficient[k];
  ck_assert_double_lt(fabs(c->squared / squared - 1), 1e-14);
  mst_correlation_destroy(c);
  c = make("independent", s, 24, false, 0);
  ck_assert_int_eq(mst_correlation_charges(c, 0, 24), 3);
  ck_assert_double_eq(mst_correlation_event(c, 2).sensitivity, 1);
  mst_correlation_destroy(c);
  mst_sampler_destroy(s);
}
END_TEST

/* Of what the kept groups of a run do to any two neighbours, by the noise's own weights: release C
 * g + Z, g the parts of one record. */
START_TEST(no_group_has_more_than_the_charged_sensitivity) {
  mst_sampler *s = cyclic(CYCLE, true);
  static const char *const kind[] = {"toeplitz", "banded"};
  for (int i = 0; i < 2; i++) {
    mst_correlation *c = make(kind[i], s, 21, false, 0);
    double most = 0;
    for (int group = 0; group < CYCLE; group++) {
      double square = 0;
      for (int t = 0; t < 21; t++) {
        double sum = 0;
        for (int u = group; u <= t; u += CYCLE) sum += c->coefficient[t - u];
        square += sum * sum;
      }
      most = fmax(most, square);
    }
    ck_assert_double_lt(fabs(c->squared / most - 1), 1e-12);
    mst_correlation_destroy(c);
  }
  mst_sampler_destroy(s);
}
END_TEST

/* Its objective at other coefficients, and against independent noise. */
START_TEST(optimised_bands_beat_those_of_the_root_and_all_beat_independent_noise) {
  mst_sampler *s = cyclic(CYCLE, true);
  mst_correlation *none = make("independent", s, 80, false, 0), *c = NULL;
  double alone = sqrt(10) * mst_correlation_error(none), before = alone;
  mst_correlation_spec root = {.kind = "banded", .coefficients = "root"};
  for (int64_t bands = 2; bands <= CYCLE; bands *= 2) {
    mst_correlation *best = make("banded", s, 80, false, bands);
    root.bands = bands;
    ck_ok(mst_correlation_create(&root, s, 80, &c));
    double optimised = mst_correlation_error(best) * sqrt(best->squared);
    double truncated = mst_correlation_error(c) * sqrt(c->squared);
    ck_assert_double_lt(optimised, truncated);
    ck_assert_double_lt(optimised, before);
    before = optimised;
    for (int64_t k = 1; k < bands; k++) /* nearby it is not better */
      for (int sign = -1; sign <= 1; sign += 2) {
        double beta[80], near[CYCLE], v = 0, size = 0, b = 0;
        memcpy(near, best->coefficient, (size_t)bands * sizeof *near);
        near[k] += sign * 1e-3;
        for (int t = 0; t < 80; t++) {
          beta[t] = 1;
          for (int64_t j = 1; j < bands && j <= t; j++) beta[t] -= near[j] * beta[t - j];
          b += beta[t] * beta[t];
          v += b / 80;
        }
        for (int64_t j = 0; j < bands; j++) size += 10 * near[j] * near[j];
        ck_assert_double_gt(sqrt(v * size), optimised);
      }
    mst_correlation_destroy(best);
    mst_correlation_destroy(c);
  }
  mst_correlation_destroy(none);
  mst_sampler_destroy(s);
}
END_TEST

START_TEST(shards_and_starts_in_the_middle_have_the_same_noise) {
  static const char *const kind[] = {"independent", "tree", "toeplitz", "banded"};
  static double whole[20][ENTRIES], part[ENTRIES];
  mst_sampler *s = cyclic(CYCLE, true);
  for (int k = 0; k < 8; k++) {
    mst_correlation *c = make(kind[k % 4], s, 20, k >= 4, 3);
    mst_correlated *m = NULL;
    ck_ok(mst_correlated_create(c, secret(), 2, 0, ENTRIES, &m));
    for (int t = 0; t < 20; t++) mst_correlated_noise(m, t, whole[t]);
    mst_correlated_destroy(m);
    for (int start = 13; start <= 17; start += 4) {
      ck_ok(mst_correlated_create(c, secret(), 2, 300, 400, &m));
      for (int t = start; t < 20; t += 2) { /* also with steps left out */
        mst_correlated_noise(m, t, part);
        ck_assert(memcmp(part, whole[t] + 300, 400 * sizeof *part) == 0);
      }
      mst_correlated_destroy(m);
    }
    mst_correlation_destroy(c);
  }
  mst_sampler_destroy(s);
}
END_TEST

START_TEST(the_tree_is_whole_numbers_for_discrete_noise) {
  mst_sampler *s = cyclic(CYCLE, true);
  mst_correlation *c = make("tree", s, 16, false, 0);
  static mst_discrete law;
  mst_correlated *m = NULL;
  int64_t w[ENTRIES], sum[ENTRIES] = {0};
  ck_ok(mst_discrete_gaussian(1000, &law));
  ck_ok(mst_correlated_create(c, secret(), 1, 0, ENTRIES, &m));
  for (int t = 0; t < 16; t++) {
    double square = 0;
    int nodes = 0;
    mst_correlated_whole(m, &law, t, w);
    for (int n = t + 1; n > 0; n &= n - 1) nodes++;
    for (int e = 0; e < ENTRIES; e++) {
      sum[e] += w[e];
      square += (double)sum[e] * (double)sum[e] / ENTRIES;
    }
    ck_assert_double_lt(fabs(square / (1e6 * nodes) - 1), close_to);
  }
  mst_correlated_destroy(m);
  mst_correlation_destroy(c);
  mst_sampler_destroy(s);
}
END_TEST

START_TEST(kept_groups_come_again_after_exactly_a_cycle) {
  static int64_t first[100], again[100];
  for (int kept = 0; kept < 2; kept++) {
    mst_sampler *s = cyclic(CYCLE, kept);
    mst_secret key = mst_secret_test(1);
    int same = 0;
    for (int t = 0; t < CYCLE; t++) {
      mst_sampler_begin(s, &key, t);
      int64_t n = mst_sampler_take(s, 0, 10 * CYCLE, first);
      mst_sampler_begin(s, &key, 2 * CYCLE + t);
      int64_t m = mst_sampler_take(s, 0, 10 * CYCLE, again);
      same += n == m && memcmp(first, again, (size_t)n * sizeof *first) == 0;
    }
    ck_assert(kept ? same == CYCLE : same < CYCLE / 2);
    ck_assert_int_eq(s->separation, kept ? CYCLE : 1);
    mst_sampler_destroy(s);
  }
}
END_TEST

static void check_refusal(const mst_sampler_spec *of, mst_correlation_spec spec, mst_status status,
                          const char *says) {
  mst_sampler *s = NULL;
  mst_correlation *c = NULL;
  ck_ok(mst_sampler_create(of, &s));
  ck_refused(mst_correlation_create(&spec, s, 20, &c), status, says);
  ck_assert_ptr_null(c);
  mst_sampler_destroy(s);
}

START_TEST(samples_whose_patterns_no_accountant_knows_are_refused) {
  mst_correlation_spec spec = {.coefficients = "root"};
  mst_sampler_spec of = {.kind = "poisson", .batch = 10, .population = 40};
  static const char *const kind[] = {"tree", "toeplitz", "banded"};
  for (int k = 0; k < 3; k++) {
    spec.kind = kind[k];
    for (int restart = 0; restart < 2; restart++) {
      spec.restart = restart;
      of.kind = "poisson";
      check_refusal(&of, spec, MST_ERR_UNSUPPORTED, "draws anew");
      of.kind = "fixed";
      check_refusal(&of, spec, MST_ERR_UNSUPPORTED, "draws anew");
    }
    spec.restart = false;
    of.kind = "cyclic";
    check_refusal(&of, spec, MST_ERR_UNSUPPORTED, "next one's first");
  }
  of.kept = true;
  spec.bands = 5; /* of cycles of 4 */
  check_refusal(&of, spec, MST_ERR_INPUT, "may come again after 4");
  spec.kind = "brownian";
  check_refusal(&of, spec, MST_ERR_INPUT, "brownian");
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("correlation");
  TCase *c = tcase_create("correlation");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, four_steps_of_each_correlation_are_what_a_hand_computes);
  tcase_add_test(c, prefix_sums_have_the_variance_of_theory);
  tcase_add_test(c, the_square_root_of_the_prefix_sums_has_its_known_errors);
  tcase_add_test(c, what_is_charged_is_what_the_sensitivities_say);
  tcase_add_test(c, no_group_has_more_than_the_charged_sensitivity);
  tcase_add_test(c, optimised_bands_beat_those_of_the_root_and_all_beat_independent_noise);
  tcase_add_test(c, shards_and_starts_in_the_middle_have_the_same_noise);
  tcase_add_test(c, the_tree_is_whole_numbers_for_discrete_noise);
  tcase_add_test(c, kept_groups_come_again_after_exactly_a_cycle);
  tcase_add_test(c, samples_whose_patterns_no_accountant_knows_are_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
