/* What rules over weights are shown, measured over ranks, is what plain loops find: a rule that is
 * asked directly gives the weights that the report tells. And transposition and exact sums by
 * themselves. */
#define MST_TEST_MPI
#include "parallel/robust_sums.h"
#include "parallel/transpose.h"
#include "tests/parallel/robust_rows.h"

static const mst_robust_options plain = {.mixer = NULL};

/* The same vectors as a view of plain loops: columns(d) says which count. */
static vectors vectors_of(const rows *x, const bool *columns) {
  vectors v = vectors_make(x->n, x->d);
  for (int64_t i = 0; i < v.points; i++)
    for (int64_t c = 0; c < x->d; c++) {
      double value = i < x->n ? x->f64[i * x->d + c] : 0;
      if (i == x->n + 1 && x->previous != NULL) value = entry_of(x, x->previous, c);
      if (i == x->n + 2 && x->root != NULL) value = entry_of(x, x->root, c);
      row_of(&v, i)[c] = columns == NULL || columns[c] ? value : 0;
    }
  vectors_measure(&v);
  return v;
}

/* Shares of positive, zero and negative entries. */
static double *signs_of(const vectors *v) {
  double *sign = take_memory(3 * v->n);
  for (int64_t i = 0; i < v->n; i++)
    for (int64_t c = 0; c < v->d; c++) {
      double value = row_of(v, i)[c];
      sign[3 * i + (value > 0 ? 0 : value < 0 ? 2 : 1)] += 1 / (double)v->d;
    }
  return sign;
}

/* Squared distances over the columns of each sample, by the definition of a sample. */
static double *samples_of(const rows *x, const mst_rule_spec *s) {
  double *sampled = take_memory(s->iterations * x->n * x->n);
  bool *columns = NULL;
  ck_ok(mst_alloc(&columns, x->d, sizeof *columns, "test"));
  for (int64_t t = 0; t < s->iterations; t++) {
    mst_key key = mst_key_make(s->seed, MST_PURPOSE_RULE, (uint64_t)(1 + t), (uint64_t)s->round);
    int64_t taken = 0;
    for (int64_t c = 0; c < x->d; c++) {
      uint32_t word[4];
      mst_key_block(key, (uint64_t)(c / 4), word);
      columns[c] = word[c % 4] < s->fraction * 0x1p32;
      taken += columns[c];
    }
    ck_assert_double_eq_tol((double)taken / (double)x->d, s->fraction, 0.05);
    vectors v = vectors_of(x, columns);
    for (int64_t i = 0; i < x->n; i++)
      memcpy(sampled + (t * x->n + i) * x->n, v.distance + i * v.points,
             (size_t)x->n * sizeof *sampled);
    vectors_free(&v);
  }
  mst_free(columns);
  return sampled;
}

static void expect_weights(const mst_rule_ops *rule, bool wide) {
  rows x = rows_noisy(13, 4500, wide, 2);
  rows_give(&x, rule->needs);
  for (int64_t i = 0; i < x.n; i++)
    for (int64_t c = 0; c < 40 * (i % 3); c++) rows_set(&x, i, 100 * i + c, 0);
  mst_rule_spec s = rule_spec(rule->name, 2);
  mst_robust_report report;
  void *got = rows_aggregate(all, &x, &s, plain, &report);
  vectors v = vectors_of(&x, NULL);
  double *sign = signs_of(&v), *sampled = NULL;
  v.view.sign = sign;
  v.view.loss = x.loss;
  if ((rule->needs & MST_RULE_SAMPLED) != 0) v.view.sampled = sampled = samples_of(&x, &s);
  run_rule(&s, &v);
  for (int64_t i = 0; i < x.n; i++)
    ck_assert_msg(fabs(report.weight[i] - v.weight[i]) <= 1e-9,
                  "%s: weight %lld is %.17g, plainly %.17g", rule->name, (long long)i,
                  report.weight[i], v.weight[i]);
  for (int64_t c = 0; c < x.d && rule->columns_f32 == NULL; c++)
    ck_assert_double_eq_tol(entry_of(&x, got, c), v.result[c], wide ? 1e-8 : 1e-5);
  mst_robust_report_clear(&report);
  mst_free(sampled);
  mst_free(sign);
  mst_free(got);
  vectors_free(&v);
  rows_free(&x);
}

START_TEST(rules_see_what_plain_loops_see) {
  int tried = 0;
  for (int i = 0; mst_rule_at(i) != NULL; i++) {
    const mst_rule_ops *rule = mst_rule_at(i);
    if (rule->weigh == NULL || strcmp(rule->name, "mda") == 0) continue; /* ties by order */
    expect_weights(rule, false);
    expect_weights(rule, true);
    tried++;
  }
  ck_assert_int_ge(tried, 10);
}
END_TEST

/* Mixed vectors are never written, but a rule must see their signs, samples and products. */
START_TEST(rules_see_mixed_vectors_as_if_they_were_whole) {
  static const char *const name[] = {"signguard", "fltrust", "centered_clipping", "bulyan",
                                     "median"};
  for (int k = 0; k < 5; k++) {
    const mst_rule_ops *rule = mst_rule_find(name[k]);
    rows x = rows_noisy(13, 4500, true, 2);
    rows_give(&x, rule->needs);
    mst_mixer_spec nnm = mixer_spec("nnm", 2);
    mst_rule_spec s = rule_spec(name[k], 2);
    mst_robust_options o = {.mixer = &nnm, .mixers = 1};
    double *got = rows_aggregate(all, &x, &s, o, NULL);
    vectors v = vectors_of(&x, NULL), mixed = vectors_mixed(&nnm, &v);
    rows whole = rows_make(x.n, x.d, true);
    memcpy(whole.f64, mixed.x, (size_t)(x.n * x.d) * sizeof *whole.f64);
    whole.root = x.root;
    whole.previous = x.previous;
    double *want = rows_aggregate(all, &whole, &s, plain, NULL);
    for (int64_t c = 0; c < x.d; c++)
      ck_assert_msg(fabs(got[c] - want[c]) <= 1e-9,
                    "%s behind nnm: column %lld is %.17g, want %.17g", name[k], (long long)c,
                    got[c], want[c]);
    whole.root = whole.previous = NULL;
    mst_free(want);
    mst_free(got);
    rows_free(&whole);
    vectors_free(&mixed);
    vectors_free(&v);
    rows_free(&x);
  }
}
END_TEST

/* Vectors as far from every further point as each other: one with signs of its own, two of them
 * equal. turn: which comes first. */
static rows rows_of_one_length(int64_t turn) {
  rows x = rows_make(10, 2500, true);
  for (int64_t i = 0; i < x.n; i++) {
    const int64_t which = (i + turn) % x.n;
    mst_stream common = draws(0, 77), own = draws(which == 9 ? 8 : which, 76);
    for (int64_t c = 0; c < x.d; c++)
      rows_set(&x, i, c, mst_stream_normal(&common) * (mst_stream_u32(&own) % 2 == 0 ? 1.0 : -1.0));
  }
  return x;
}

/* For these, distances of two vectors are taken only where those to further points are equal. */
START_TEST(vectors_of_one_length_give_the_same_bits_in_any_order) {
  static const char *const name[] = {"centered_clipping", "signguard", "mean", "mean"};
  static const char *const before[] = {NULL, NULL, "clipping", "arc"};
  for (int k = 0; k < 4; k++) {
    const mst_rule_spec s = rule_spec(name[k], 2);
    mst_mixer_spec mixer = mixer_spec(before[k] != NULL ? before[k] : "nnm", 2);
    const mst_robust_options o = {.mixer = &mixer, .mixers = before[k] != NULL};
    rows x = rows_of_one_length(0);
    void *want = rows_aggregate(alone, &x, &s, o, NULL);
    for (int64_t turn = 0; turn < 10; turn += 3) {
      rows y = rows_of_one_length(turn);
      void *got = rows_aggregate(all, &y, &s, o, NULL);
      ck_assert_msg(memcmp(got, want, vector_bytes(&x)) == 0, "%s behind %s, turn %lld", name[k],
                    before[k] != NULL ? before[k] : "nothing", (long long)turn);
      mst_free(got);
      rows_free(&y);
    }
    mst_free(want);
    rows_free(&x);
  }
}
END_TEST

START_TEST(a_sample_without_columns_is_all_of_them) {
  rows x = rows_noisy(13, 2100, false, 2);
  mst_rule_spec none = rule_spec("dnc", 2), every = none;
  none.fraction = 1e-9;
  every.fraction = 1;
  void *got = rows_aggregate(all, &x, &none, plain, NULL);
  void *want = rows_aggregate(all, &x, &every, plain, NULL);
  ck_assert_mem_eq(got, want, vector_bytes(&x));
  mst_free(want);
  mst_free(got);
  rows_free(&x);
}
END_TEST

START_TEST(what_is_not_finite_shows_without_distances_of_two_vectors) {
  static const char *const before[] = {"bucketing", "clipping", "arc"};
  for (int k = 0; k < 3; k++) {
    rows x = rows_noisy(12, 5000, false, 1);
    const mst_rule_spec s = rule_spec("mean", 2);
    mst_mixer_spec mixer = mixer_spec(before[k], 2);
    const mst_robust_options o = {.mixer = &mixer, .mixers = 1};
    mst_robust_report report;
    x.f32[3 * x.d + 4998] = NAN;
    float *got = rows_aggregate(all, &x, &s, o, &report);
    ck_assert_int_eq(report.excluded, 1);
    ck_assert_int_eq(report.excluded_row[0], 3);
    for (int64_t c = 0; c < x.d; c++) ck_assert(isfinite(got[c]));
    mst_robust_report_clear(&report);
    mst_free(got);
    rows_free(&x);
  }
}
END_TEST

/* The mean behind mixers is one sum, of which the report tells the weights. */
START_TEST(the_mean_of_mixed_vectors_is_that_of_vectors_written_out) {
  static const char *const before[] = {"nnm", "bucketing", "clipping", "arc"};
  for (int k = 0; k < 4; k++) {
    rows x = rows_noisy(12, 3000, true, 2);
    const mst_rule_spec s = rule_spec("mean", 2);
    mst_mixer_spec mixer = mixer_spec(before[k], 2);
    const mst_robust_options o = {.mixer = &mixer, .mixers = 1};
    mst_robust_report report;
    double *got = rows_aggregate(all, &x, &s, o, &report);
    vectors v = vectors_of(&x, NULL), mixed = vectors_mixed(&mixer, &v);
    for (int64_t c = 0; c < x.d; c++) {
      double mean = 0, weighed = 0;
      for (int64_t i = 0; i < mixed.n; i++) mean += row_of(&mixed, i)[c] / (double)mixed.n;
      for (int64_t i = 0; i < x.n; i++) weighed += report.weight[i] * x.f64[i * x.d + c];
      ck_assert_double_eq_tol(got[c], mean, 1e-12);
      ck_assert_double_eq_tol(got[c], weighed, 1e-12);
    }
    mst_robust_report_clear(&report);
    vectors_free(&mixed);
    vectors_free(&v);
    mst_free(got);
    rows_free(&x);
  }
}
END_TEST

/* Vectors in each rank's own memory, or in a share. */
static void check_columns(mst_team *team, bool shared) {
  const int64_t n = 11, d = 5003, block = 64, bucket[] = {0, 1, 70000};
  int p = mst_team_size(team), rank = mst_team_rank(team);
  mst_share *share = NULL;
  rows x = rows_noisy(n, d, false, 0);
  int64_t first = 0, mine = part_of(n, rank, p);
  for (int r = 0; r < rank; r++) first += part_of(n, r, p);
  const char *row[11];
  for (int64_t i = 0; i < mine; i++) row[i] = (const char *)(x.f32 + (first + i) * d);
  if (shared) ck_ok(mst_share_create(team, n * d * (int64_t)sizeof *x.f32, "test", &share));
  for (int64_t i = 0; i < mine && shared; i++) { /* the last one first */
    float *to = (float *)mst_share_at(share) + (n - 1 - first - i) * d;
    row[i] = memcpy(to, row[i], (size_t)d * sizeof *to);
  }
  float *sum = NULL;
  ck_ok(mst_alloc(&sum, d, sizeof *sum, "test"));
  for (int b = 0; b < 3; b++) {
    mst_transpose *t = NULL;
    mst_transposed at;
    int64_t seen = 0, buckets = 0;
    bool more = true;
    ck_ok(mst_transpose_create_in(team, share, row, mine, d, sizeof(float), block, bucket[b], &t));
    memset(sum, 0, (size_t)d * sizeof *sum);
    for (;; buckets++) {
      ck_ok(mst_transpose_next(t, &at, &more));
      if (!more) break;
      ck_assert(at.count == 0 || at.first % block == 0);
      for (int64_t i = 0; i < n; i++)
        ck_assert(memcmp(at.row[i], x.f32 + i * d + at.first, (size_t)at.count * sizeof *sum) == 0);
      for (int64_t c = at.first; c < at.first + at.count; c++) sum[c] += x.f32[4 * d + c];
      seen += at.count;
      ck_ok(mst_transpose_gather(t, sum));
    }
    ck_ok(mst_sum_i64(team, &seen, 1));
    ck_assert_int_eq(seen, d);
    ck_assert(p == 1 ? buckets == 1 : b != 1 || buckets >= d / (block * p));
    ck_assert(memcmp(sum, x.f32 + 4 * d, (size_t)d * sizeof *sum) == 0);
    mst_transpose_destroy(t);
  }
  mst_share_destroy(share);
  mst_free(sum);
  rows_free(&x);
}

START_TEST(every_column_is_somewhere_once_and_whole) {
  const mst_team_options way[] = {{.shared_memory = true},
                                  {.shared_memory = false},
                                  {.shared_memory = true, .ranks_per_node = 2},
                                  {.shared_memory = true, .ranks_per_node = 3}};
  for (int k = 0; k < 4; k++) {
    mst_team *team = NULL;
    ck_ok(mst_team_create(MPI_COMM_WORLD, &way[k], &team));
    for (int shared = 0; shared < 2; shared++) check_columns(team, shared != 0);
    mst_team_destroy(team);
  }
}
END_TEST

/* Terms over 400 binary orders, in two orders and over ranks: one sum, and the right one. */
START_TEST(exact_sums_know_no_order_and_no_unit) {
  enum {
    SUMS = 40,
    TERMS = 500
  };
  int p = mst_team_size(all), rank = mst_team_rank(all);
  double term[SUMS], total[2][SUMS];
  long double want[SUMS] = {0}, size[SUMS] = {0};
  mst_robust_sums s[2];
  for (int k = 0; k < 2; k++) ck_ok(mst_robust_sums_create(SUMS, &s[k]));
  for (int64_t t = 0; t < TERMS; t++)
    for (int k = 0; k < 2; k++) { /* forwards on ranks; backwards, all on one */
      int64_t number = k == 0 ? t : TERMS - 1 - t;
      mst_stream draw = draws(number, 9);
      for (int i = 0; i < SUMS; i++) {
        double x = mst_stream_normal(&draw);
        int e = i < 20 ? (int)mst_stream_below(&draw, 400) - 200 : 10 * (i - 20) - 100;
        term[i] = ldexp(i % 2 == 0 ? fabs(x) : x, e);
        if (k == 0) want[i] += term[i];
        if (k == 0) size[i] = fmaxl(size[i], fabsl(term[i]));
      }
      if (k == 1 || t % p == rank) mst_robust_sums_add(&s[k], 0, SUMS, term);
    }
  ck_ok(mst_robust_sums_total(all, &s[0], total[0]));
  ck_ok(mst_robust_sums_total(alone, &s[1], total[1]));
  for (int i = 0; i < SUMS; i++) {
    ck_assert_msg(total[0][i] == total[1][i], "sum %d: %a in one order, %a in another", i,
                  total[0][i], total[1][i]);
    ck_assert_double_le((double)fabsl(total[0][i] - want[i]),
                        (double)(fabsl(want[i]) * 0x1p-52L + size[i] * TERMS * 0x1p-59L));
  }
  for (int k = 0; k < 2; k++) mst_robust_sums_free(&s[k]);
}
END_TEST

/* A term that is just at a border between places, before or after a larger one, which is then taken
 * off: what is left is what was kept of it. */
START_TEST(exact_sums_drop_the_same_of_a_term_before_and_after_a_larger_one) {
  for (int e = -40; e <= 100; e++)
    for (int above = 0; above < 3; above++) {
      const double small =
          above == 0 ? ldexp(1, e) : nextafter(ldexp(1, e), above == 1 ? 0 : INFINITY);
      for (int far = 20; far <= 130; far++) {
        const double large = ldexp(0.7, e + far), term[3] = {small, large, -large};
        double total[2];
        for (int k = 0; k < 2; k++) {
          mst_robust_sums s;
          ck_ok(mst_robust_sums_create(1, &s));
          for (int t = 0; t < 3; t++) mst_robust_sums_add(&s, 0, 1, &term[k == 0 ? t : 2 - t]);
          ck_ok(mst_robust_sums_total(alone, &s, &total[k]));
          mst_robust_sums_free(&s);
        }
        ck_assert_msg(total[0] == total[1], "2^%d then 2^%d", e, e + far);
      }
    }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust views");
  TCase *c = tcase_create("views");
  tcase_set_timeout(c, 0);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, rules_see_what_plain_loops_see);
  tcase_add_test(c, rules_see_mixed_vectors_as_if_they_were_whole);
  tcase_add_test(c, vectors_of_one_length_give_the_same_bits_in_any_order);
  tcase_add_test(c, a_sample_without_columns_is_all_of_them);
  tcase_add_test(c, what_is_not_finite_shows_without_distances_of_two_vectors);
  tcase_add_test(c, the_mean_of_mixed_vectors_is_that_of_vectors_written_out);
  tcase_add_test(c, every_column_is_somewhere_once_and_whole);
  tcase_add_test(c, exact_sums_know_no_order_and_no_unit);
  tcase_add_test(c, exact_sums_drop_the_same_of_a_term_before_and_after_a_larger_one);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
