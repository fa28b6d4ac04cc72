/* Mixers before a rule, with hostile vectors of any length: the result is that of the mixed vectors
 * written out, and stays with the honest ones. The mixed vectors are never written here by the call
 * itself, which knows distances alone. */
#define MST_TEST_MPI
#include "tests/parallel/robust_rows.h"

static const char *const RULES[] = {"krum", "multi_krum",       "mda",
                                    "smea", "geometric_median", "trimmed_mean"};
enum {
  RULE_COUNT = sizeof RULES / sizeof RULES[0]
};

/* n vectors, the last f of them hostile and `length` long, each in a direction of its own. The
 * others have `size` of noise about `common` in the last column. */
static rows rows_hostile(int64_t n, int64_t f, int64_t d, bool wide, double size, double common,
                         double length) {
  rows x = rows_make(n, d, wide);
  for (int64_t i = 0; i < n; i++) {
    mst_stream s = draws(i, 79);
    for (int64_t c = 0; c < d; c++) {
      double honest = size / sqrt((double)d) * mst_stream_normal(&s);
      if (c == d - 1) honest += common;
      rows_set(&x, i, c,
               i < n - f              ? honest
               : c == 0               ? length
               : c == 1 + (n - 1 - i) ? length / 3
                                      : 0);
    }
  }
  return x;
}

/* The vectors behind a chain, written out. */
static vectors write_out(const rows *x, const mst_mixer_spec *chain, int mixers) {
  vectors v = vectors_make(x->n, x->d);
  memcpy(v.x, x->f64, (size_t)(x->n * x->d) * sizeof *v.x);
  vectors_measure(&v);
  for (int i = 0; i < mixers; i++) {
    vectors next = vectors_mixed(&chain[i], &v);
    vectors_free(&v);
    v = next;
  }
  return v;
}

static void honest_mean(const rows *x, int64_t f, double *mean) {
  for (int64_t c = 0; c < x->d; c++) {
    mean[c] = 0;
    for (int64_t i = 0; i < x->n - f; i++) mean[c] += x->f64[i * x->d + c] / (double)(x->n - f);
  }
}

/* The result of a chain, the same on one rank, in float64. */
static void aggregate(const rows *x, const mst_rule_spec *s, mst_mixer_spec *chain, int mixers,
                      double *result) {
  const mst_robust_options o = {.mixer = chain, .mixers = mixers};
  void *together = rows_aggregate(all, x, s, o, NULL),
       *single = rows_aggregate(alone, x, s, o, NULL);
  ck_assert(memcmp(together, single, vector_bytes(x)) == 0);
  for (int64_t c = 0; c < x->d; c++) result[c] = entry_of(x, together, c);
  mst_free(single);
  mst_free(together);
}

/* The result beside the rule on vectors written out, and how far that is from the honest mean. */
static void compare(const rows *x, int64_t f, const char *rule, mst_mixer_spec *chain, int mixers,
                    double *off, double *away) {
  double got[32], mean[32];
  mst_rule_spec s = rule_spec(rule, f);
  vectors v = write_out(x, chain, mixers);
  if (strcmp(rule, "trimmed_mean") == 0)
    trimmed_mean(&v, f, v.result);
  else
    run_rule(&s, &v);
  aggregate(x, &s, chain, mixers, got);
  honest_mean(x, f, mean);
  *off = sqrt(square_between(x->d, got, v.result));
  *away = sqrt(square_between(x->d, got, mean));
  vectors_free(&v);
}

/* Rules that pick vectors pick the same ones. What weighs by distances, or means of neighbours, may
 * differ by what rounding hides of the distance of a shortened vector. */
static void expect(const rows *x, int64_t f, const char *rule, mst_mixer_spec *chain, int mixers,
                   double same, double near, double allowed) {
  const bool weighs = strcmp(rule, "geometric_median") == 0 || strcmp(rule, "trimmed_mean") == 0;
  double off, away;
  compare(x, f, rule, chain, mixers, &off, &away);
  ck_assert_msg(off <= (weighs ? near : same), "%s, %d mixers: off by %g", rule, mixers, off);
  ck_assert_msg(away <= allowed, "%s, %d mixers: away by %g", rule, mixers, away);
}

static const double LENGTHS[] = {3, 1e8, 1e17, 1e36};

START_TEST(rules_behind_clipping_see_vectors_of_the_bound) {
  for (int wide = 0; wide < 2; wide++)
    for (int l = 0; l < 4; l++)
      for (int k = 1; k <= 2; k++)
        for (int r = 0; r < RULE_COUNT; r++) {
          rows x = rows_hostile(11, 3, 12, wide != 0, 1e-3, 0, LENGTHS[l]);
          mst_mixer_spec chain[2] = {mixer_spec("clipping", 3), mixer_spec("nnm", 3)};
          expect(&x, 3, RULES[r], chain, k, 1e-9, 1e-4,
                 strcmp(RULES[r], "geometric_median") == 0 ? 0.05 : 1e-3);
          rows_free(&x);
        }
}
END_TEST

START_TEST(rules_behind_arc_see_vectors_of_the_norm_of_others) {
  for (int wide = 0; wide < 2; wide++)
    for (int l = 1; l < 4; l++)
      for (int k = 1; k <= 2; k++)
        for (int r = 0; r < RULE_COUNT; r++) {
          rows x = rows_hostile(15, 3, 12, wide != 0, 0.1, 10, LENGTHS[l]);
          mst_mixer_spec chain[2] = {mixer_spec("arc", 3), mixer_spec("nnm", 3)};
          expect(&x, 3, RULES[r], chain, k, 1e-6, 0.05, 0.25);
          rows_free(&x);
        }
}
END_TEST

/* A permutation that puts the last two of the vectors into one bucket, or not. */
static void deal(mst_mixer_spec *m, const rows *x, bool together) {
  vectors v = write_out(x, NULL, 0);
  for (m->seed = 0;; m->seed++) {
    double *matrix = mixer_matrix(m, &v);
    bool share = false;
    for (int64_t b = 0; b < x->n / 2; b++)
      share |= matrix[b * v.points + x->n - 1] != 0 && matrix[b * v.points + x->n - 2] != 0;
    mst_free(matrix);
    if (share == together) break;
  }
  vectors_free(&v);
}

/* Two that are far away on opposite sides: in one bucket they cancel but for `rest`, of which the
 * distances say nothing. */
START_TEST(a_bucket_in_which_long_vectors_cancel_is_rejected) {
  static const double rest[] = {1e3, 1e27};
  for (int together = 0; together < 2; together++)
    for (int w = 0; w < 2; w++)
      for (int mixers = 1; mixers <= 2; mixers++)
        for (int r = 0; r < RULE_COUNT; r++) {
          if (strcmp(RULES[r], "trimmed_mean") == 0 && mixers == 1) continue;
          rows x = rows_hostile(12, 2, 12, false, 1, 0, 0);
          for (int64_t i = 10; i < 12; i++) {
            for (int64_t c = 0; c < 12; c++) rows_set(&x, i, c, 0);
            rows_set(&x, i, 0, i == 10 ? 1e36 : -1e36);
            rows_set(&x, i, 1, rest[w]);
          }
          mst_mixer_spec chain[2] = {mixer_spec("bucketing", 2), mixer_spec("nnm", 2)};
          deal(&chain[0], &x, together != 0);
          expect(&x, 2, RULES[r], chain, mixers, 1e-7, 0.25, 1);
          rows_free(&x);
        }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust chains");
  TCase *c = tcase_create("chains");
  tcase_set_timeout(c, 0);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, rules_behind_clipping_see_vectors_of_the_bound);
  tcase_add_test(c, rules_behind_arc_see_vectors_of_the_norm_of_others);
  tcase_add_test(c, a_bucket_in_which_long_vectors_cancel_is_rejected);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
