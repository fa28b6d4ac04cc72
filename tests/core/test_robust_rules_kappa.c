/* (f, kappa)-robustness (Allouah et al. 2023): for every n-f of the vectors, the
 * result is no farther from their mean than kappa times their variance allows. Held against ten
 * thousand hostile draws; the bounds are those of the paper, r = f / (n - 2f). */
#include "tests/core/robust_vectors.h"

enum {
  DRAWS = 10002,
  CASES = 3,
  TRIMMED = 0,
  KRUM,
  MEDIAN,
  RULES
};

static const int64_t vectors_of[CASES] = {11, 10, 20}, hostile_of[CASES] = {2, 4, 4};

/* The honest vectors: normal, in two places, or with a long tail. */
static void place_honest(vectors *v, int64_t f, mst_stream *s) {
  const uint64_t kind = mst_stream_below(s, 3);
  for (int64_t i = f; i < v->n; i++) {
    const double side = mst_stream_uniform(s) < 0.5 ? -3 : 3;
    const double tail = 1 / sqrt(mst_stream_uniform(s));
    for (int64_t k = 0; k < v->d; k++) {
      const double x = mst_stream_normal(s);
      row_of(v, i)[k] = kind == 0 ? x : kind == 1 ? side + 0.3 * x : tail * x;
    }
  }
}

/* The hostile ones: all in one place at some distance, on an honest vector, or each by itself. */
static void place_hostile(vectors *v, int64_t f, mst_stream *s) {
  const uint64_t kind = mst_stream_below(s, 3);
  const int64_t copied = f + (int64_t)mst_stream_below(s, (uint64_t)(v->n - f));
  const double scale = pow(10, 4 * mst_stream_uniform(s) - 1);
  double place[8];
  for (int64_t k = 0; k < v->d; k++)
    place[k] = kind == 1 ? row_of(v, copied)[k] : scale * mst_stream_normal(s);
  for (int64_t i = 0; i < f; i++)
    for (int64_t k = 0; k < v->d; k++)
      row_of(v, i)[k] =
          kind == 2 ? scale * mst_stream_normal(s) : place[k] * (1 + 1e-9 * (double)i);
}

/* |out - mean|^2 over the variance, of the honest vectors. */
static double ratio(const vectors *v, int64_t f, const double *out) {
  double mean[8] = {0}, variance = 0;
  const double size = (double)(v->n - f);
  for (int64_t i = f; i < v->n; i++)
    for (int64_t k = 0; k < v->d; k++) mean[k] += row_of(v, i)[k] / size;
  for (int64_t i = f; i < v->n; i++) variance += square_between(v->d, row_of(v, i), mean) / size;
  return square_between(v->d, out, mean) / variance;
}

static double bound(int rule, double r) {
  return rule == TRIMMED ? 6 * r * (1 + r) : rule == KRUM ? 6 * (1 + r) : 4 * (1 + r) * (1 + r);
}

static void answer(int rule, vectors *v, int64_t f) {
  if (rule == TRIMMED) {
    trimmed_mean(v, f, v->result);
    return;
  }
  mst_rule_spec s = rule_spec(rule == KRUM ? "krum" : "geometric_median", f);
  s.nu = 1e-6;
  s.iterations = 40;
  run_rule(&s, v);
}

START_TEST(rules_are_robust_alone_and_after_mixing) {
  double most[CASES][RULES][2] = {0}, average[CASES] = {0};
  for (int64_t t = 0; t < DRAWS; t++) {
    const int64_t c = t % CASES, n = vectors_of[c], f = hostile_of[c];
    const double r = (double)f / (double)(n - 2 * f);
    mst_stream stream = draws(t, 50);
    vectors v = vectors_make(n, 1 + t / CASES % 4);
    place_honest(&v, f, &stream);
    place_hostile(&v, f, &stream);
    vectors_measure(&v);
    mst_mixer_spec nnm = mixer_spec("nnm", f);
    vectors mixed = vectors_mixed(&nnm, &v);
    for (int rule = 0; rule < RULES; rule++) {
      const double kappa[2] = {bound(rule, r),
                               8.0 * (double)f / (double)(n - f) * (bound(rule, r) + 1)};
      for (int after = 0; after < 2; after++) {
        vectors *from = after ? &mixed : &v;
        answer(rule, from, f);
        const double got = ratio(&v, f, from->result);
        ck_assert_msg(got <= kappa[after], "rule %d, draw %lld: %g > %g", rule, (long long)t, got,
                      kappa[after]);
        most[c][rule][after] = fmax(most[c][rule][after], got);
      }
    }
    double mean[8] = {0};
    for (int64_t i = 0; i < n; i++)
      for (int64_t k = 0; k < v.d; k++) mean[k] += row_of(&v, i)[k] / (double)n;
    average[c] = fmax(average[c], ratio(&v, f, mean));
    vectors_free(&v);
    vectors_free(&mixed);
  }
  /* The draws are hostile: the mean breaks every bound, and the trimmed mean comes near to r, below
   * which no rule can stay. */
  for (int c = 0; c < CASES; c++) {
    const double r = (double)hostile_of[c] / (double)(vectors_of[c] - 2 * hostile_of[c]);
    ck_assert_double_gt(average[c], 100);
    ck_assert_double_gt(most[c][TRIMMED][0], 0.8 * r);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_rules_kappa");
  TCase *t = tcase_create("kappa");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, rules_are_robust_alone_and_after_mixing);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
