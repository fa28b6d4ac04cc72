/* Samplers: each draws what its event says, from streams of its own; charges that add up are
 * accounted for together. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/privacy/ledger.h"
#include "core/privacy/sampler.h"

enum {
  RECORDS = 3000
};

static mst_sampler *make(const char *kind, double rate, int64_t batch) {
  mst_sampler_spec spec = {.kind = kind, .rate = rate, .batch = batch, .population = RECORDS};
  mst_sampler *s = NULL;
  ck_ok(mst_sampler_create(&spec, &s));
  return s;
}

static int64_t draw(mst_sampler *s, uint64_t secret, int64_t step, int64_t *out) {
  mst_secret key = mst_secret_test(secret);
  mst_sampler_begin(s, &key, step);
  return mst_sampler_take(s, 0, RECORDS, out);
}

START_TEST(poisson_takes_each_record_by_itself_with_probability_q) {
  mst_sampler *s = make("poisson", 0, 300);
  static int64_t out[RECORDS], seen[RECORDS];
  double sum = 0, square = 0;
  const int steps = 400;
  memset(seen, 0, sizeof seen);
  ck_assert_double_eq(s->q, 0.1);
  for (int t = 0; t < steps; t++) {
    int64_t n = draw(s, 1, t, out);
    for (int64_t i = 0; i < n; i++) seen[out[i]]++;
    sum += (double)n;
    square += (double)(n * n);
  }
  double mean = sum / steps, variance = square / steps - mean * mean;
  ck_assert_double_lt(fabs(mean - 300), 4 * sqrt(270.0 / steps));
  ck_assert_double_lt(fabs(variance / 270 - 1), 4 * sqrt(2.0 / steps)); /* of a binomial count */
  double chi = 0; /* of the records' own counts: none is preferred */
  for (int i = 0; i < RECORDS; i++) chi += pow((double)seen[i] - 40, 2) / 36;
  ck_assert_double_lt(fabs(chi / RECORDS - 1), 5 * sqrt(2.0 / RECORDS));
  mst_sampler_destroy(s);
}
END_TEST

START_TEST(a_sample_is_the_same_however_the_records_are_shared_out) {
  static const char *const kind[] = {"poisson", "fixed", "full", "cyclic"};
  static int64_t whole[RECORDS], part[RECORDS];
  for (int k = 0; k < 4; k++) {
    mst_sampler *s = make(kind[k], 0, 250);
    int64_t n = draw(s, 1, 5, whole), got = 0;
    for (int64_t at = 0, step = 7; at < RECORDS; at += step, step = 2 * step % 601 + 1)
      got += mst_sampler_take(s, at, at + step < RECORDS ? step : RECORDS - at, part + got);
    ck_assert_int_eq(got, n);
    ck_assert(memcmp(whole, part, (size_t)n * sizeof *whole) == 0);
    mst_sampler_destroy(s);
  }
}
END_TEST

START_TEST(fixed_takes_exactly_its_batch_and_every_record_alike) {
  mst_sampler *s = make("fixed", 0, 300);
  static int64_t out[RECORDS], seen[RECORDS];
  memset(seen, 0, sizeof seen);
  for (int t = 0; t < 400; t++) {
    ck_assert_int_eq(draw(s, 1, t, out), 300);
    for (int i = 0; i < 300; i++) seen[out[i]]++;
  }
  double chi = 0;
  for (int i = 0; i < RECORDS; i++) chi += pow((double)seen[i] - 40, 2) / 36;
  ck_assert_double_lt(fabs(chi / RECORDS - 1), 5 * sqrt(2.0 / RECORDS));
  mst_event e = mst_sampler_event(s, 2);
  ck_assert_int_eq(e.sampling, MST_SAMPLING_WITHOUT_REPLACEMENT);
  ck_assert(e.n == RECORDS && e.m == 300);
  mst_sampler_destroy(s);
}
END_TEST

START_TEST(cyclic_takes_every_record_once_a_cycle_and_charges_it_once) {
  mst_sampler *s = make("cyclic", 0, 700); /* 5 groups */
  static int64_t out[RECORDS], seen[RECORDS];
  memset(seen, 0, sizeof seen);
  for (int t = 0; t < 10; t++) {
    int64_t n = draw(s, 1, t, out);
    ck_assert_int_gt(n, 400);
    for (int64_t i = 0; i < n; i++) seen[out[i]]++;
    ck_assert(mst_sampler_charged(s, t) == (t % 5 == 0));
  }
  for (int i = 0; i < RECORDS; i++) ck_assert_int_eq(seen[i], 2);
  ck_assert_int_eq(mst_sampler_charges(s, 0, 10), 2);
  ck_assert_int_eq(mst_sampler_charges(s, 0, 11), 3);
  ck_assert_int_eq(mst_sampler_charges(s, 3, 10), 1);
  ck_assert_double_eq(mst_sampler_expected(s), RECORDS / 5.0);
  mst_sampler_destroy(s);
}
END_TEST

/* The gain from sampling is for those who do not know the sample. */
START_TEST(samples_follow_the_secret_and_not_the_seed) {
  static const char *const kind[] = {"poisson", "fixed", "cyclic"};
  static int64_t a[RECORDS], b[RECORDS];
  for (int k = 0; k < 3; k++) {
    mst_sampler *s = make(kind[k], 0, 300);
    int64_t n = draw(s, 1, 0, a), same = draw(s, 1, 0, b);
    ck_assert(n == same && memcmp(a, b, (size_t)n * sizeof *a) == 0);
    int64_t m = draw(s, 2, 0, b);
    ck_assert(n != m || memcmp(a, b, (size_t)n * sizeof *a) != 0);
    m = draw(s, 1, s->cycle, b); /* the same turn of the next cycle */
    ck_assert(n != m || memcmp(a, b, (size_t)n * sizeof *a) != 0);
    mst_sampler_destroy(s);
  }
}
END_TEST

/* The gain from sampling is for samples that are drawn anew. */
START_TEST(groups_alone_are_kept_and_never_samples) {
  static const char *const kind[] = {"poisson", "fixed", "cyclic"};
  static int64_t a[RECORDS], b[RECORDS];
  for (int k = 0; k < 3; k++) {
    const mst_sampler_spec spec = {
        .kind = kind[k], .batch = 300, .population = RECORDS, .kept = true};
    mst_sampler *s = NULL;
    ck_ok(mst_sampler_create(&spec, &s));
    int64_t n = draw(s, 1, 0, a), m = draw(s, 1, s->cycle, b);
    ck_assert((n == m && memcmp(a, b, (size_t)n * sizeof *a) == 0) == (k == 2));
    mst_sampler_destroy(s);
  }
}
END_TEST

START_TEST(what_is_charged_is_what_the_sampler_does) {
  static const char *const kind[] = {"poisson", "full", "cyclic"};
  for (int k = 0; k < 3; k++) {
    mst_sampler *s = make(kind[k], 0, 300);
    const mst_event e = mst_sampler_event(s, 1.5);
    ck_assert(e.mechanism == MST_MECHANISM_GAUSSIAN && e.noise == 1.5 && e.count == 1);
    ck_assert_int_eq(e.sampling, k == 0 ? MST_SAMPLING_POISSON : MST_SAMPLING_NONE);
    ck_assert_double_eq(mst_event_rate(&e), k == 0 ? 0.1 : 1); /* groups in turn gain nothing */
    mst_sampler_destroy(s);
  }
}
END_TEST

START_TEST(what_cannot_be_sampled_is_refused) {
  mst_sampler *s = NULL;
  mst_sampler_spec spec = {.kind = "shuffled", .batch = 5, .population = 9};
  ck_refused(mst_sampler_create(&spec, &s), MST_ERR_INPUT, "shuffled");
  spec.kind = "poisson";
  spec.batch = 10;
  ck_refused(mst_sampler_create(&spec, &s), MST_ERR_INPUT, "1 to 9");
  spec.kind = "fixed";
  ck_refused(mst_sampler_create(&spec, &s), MST_ERR_INPUT, "10 of 9");
  spec.population = 0;
  ck_refused(mst_sampler_create(&spec, &s), MST_ERR_INPUT, "population");
}
END_TEST

START_TEST(like_charges_add_up_and_a_budget_holds_to_the_last_release) {
  mst_charges c = {.n = 0};
  mst_account_spec pld = {.name = "pld"};
  mst_budget budget = {.epsilon = 2, .delta = 1e-5, .adjacency = MST_ADJACENCY_ADD_REMOVE};
  mst_event e = {.mechanism = MST_MECHANISM_GAUSSIAN,
                 .noise = 4,
                 .sensitivity = 1,
                 .sampling = MST_SAMPLING_POISSON,
                 .q = 0.1,
                 .count = 1};
  mst_event other = e;
  other.noise = 5;
  mst_spent before, after;
  ck_ok(mst_charges_spent(&c, NULL, 0, &pld, &budget, &before));
  ck_assert_double_eq(before.epsilon, 0);
  for (int i = 0; i < 50; i++) ck_ok(mst_charges_add(&c, &e, 1));
  ck_ok(mst_charges_add(&c, &other, 20));
  ck_assert_int_eq(c.n, 2);
  ck_assert_int_eq(c.event[0].count, 50);
  ck_ok(mst_charges_spent(&c, NULL, 0, &pld, &budget, &before));
  e.count = 30;
  ck_ok(mst_charges_spent(&c, &e, 1, &pld, &budget, &after));
  ck_assert_double_gt(after.epsilon, before.epsilon);
  int64_t most = 0;
  for (e.count = 64; most < 4096 && mst_charges_allow(&c, &e, 1, &pld, &budget) == MST_OK;)
    e.count = (most += 64) + 64;
  ck_assert(most > 0 && most < 4096);
  ck_refused(mst_charges_allow(&c, &e, 1, &pld, &budget), MST_ERR_BUDGET, "epsilon 2 at");
  mst_account_spec estimate = {.name = "gdp_clt"};
  ck_refused(mst_charges_allow(&c, &e, 1, &estimate, &budget), MST_ERR_UNSUPPORTED, "estimate");
  mst_charges_free(&c);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("sampler");
  TCase *c = tcase_create("sampler");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, poisson_takes_each_record_by_itself_with_probability_q);
  tcase_add_test(c, a_sample_is_the_same_however_the_records_are_shared_out);
  tcase_add_test(c, fixed_takes_exactly_its_batch_and_every_record_alike);
  tcase_add_test(c, cyclic_takes_every_record_once_a_cycle_and_charges_it_once);
  tcase_add_test(c, samples_follow_the_secret_and_not_the_seed);
  tcase_add_test(c, groups_alone_are_kept_and_never_samples);
  tcase_add_test(c, what_is_charged_is_what_the_sampler_does);
  tcase_add_test(c, what_cannot_be_sampled_is_refused);
  tcase_add_test(c, like_charges_add_up_and_a_budget_holds_to_the_last_release);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
