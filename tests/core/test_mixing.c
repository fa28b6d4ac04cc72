/* Mixing: shares and bounds by hand, identities, neighbours that are not finite, pieces. */
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/decentralised/mixing.h"
#include "tests/harness.h"

enum {
  SIZE = 5003, /* three pieces, the last not whole */
  MOST = 5     /* neighbours */
};

static const int64_t border[] = {0, 1, 40, 40, 3000, SIZE};
static const double weights[MOST] = {0.125, 0.25, 0.0625, 0.2, 0.1};

/* A node with vectors from keys, about `common`, each of another spread. */
typedef struct scene {
  mst_mixing_node node;
  bool hostile[MOST];
  float own[SIZE], other[MOST][SIZE], out[SIZE];
  double own64[SIZE], other64[MOST][SIZE], out64[SIZE];
  const float *row[MOST];
  const double *row64[MOST];
  double work[256];
  mst_mixing_plan plan;
} scene;

static scene s; /* too large for a stack */

static void copy_wide(void) {
  for (int64_t c = 0; c < SIZE; c++) s.own64[c] = (double)s.own[c];
  for (int64_t j = 0; j < MOST; j++)
    for (int64_t c = 0; c < SIZE; c++) s.other64[j][c] = (double)s.other[j][c];
}

static void begin(int64_t neighbours) {
  s.node = (mst_mixing_node){.neighbours = neighbours,
                             .self = 1,
                             .weight = weights,
                             .hostile = s.hostile,
                             .tensors = 5,
                             .border = border};
  for (int64_t j = 0; j < neighbours; j++) s.node.self -= weights[j];
  for (int64_t j = -1; j < MOST; j++) {
    mst_stream stream = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, (uint64_t)(j + 1), 0));
    float *x = j < 0 ? s.own : s.other[j];
    for (int64_t c = 0; c < SIZE; c++)
      x[c] = (float)(0.3 + 0.1 * (double)(j + 2) * mst_stream_normal(&stream));
    if (j >= 0) {
      s.row[j] = s.other[j];
      s.row64[j] = s.other64[j];
      s.hostile[j] = false;
    }
  }
  copy_wide();
}

static void mix(const mst_mixing_spec *spec) {
  ck_assert_int_le(mst_mixing_doubles(spec, s.node.neighbours, s.node.tensors), 256);
  ck_ok(mst_mixing_apply_f32(spec, &s.node, SIZE, s.own, s.row, s.work, &s.plan, s.out));
}

static void mix64(const mst_mixing_spec *spec) {
  ck_ok(mst_mixing_apply_f64(spec, &s.node, SIZE, s.own64, s.row64, s.work, &s.plan, s.out64));
}

static mst_mixing_spec spec_of(const char *kind) {
  mst_mixing_spec spec = {.kind = kind};
  ck_assert_ptr_nonnull(mst_mixing_find(kind));
  mst_param_defaults(mst_mixing_find(kind)->params, &spec);
  return spec;
}

/* Column c of W x. */
static double average(int64_t c) {
  double sum = s.node.self * s.own64[c];
  for (int64_t j = 0; j < s.node.neighbours; j++) sum += weights[j] * s.other64[j][c];
  return sum;
}

static double distance_of(int64_t j) {
  double sum = 0;
  for (int64_t c = 0; c < SIZE; c++)
    sum += (s.other64[j][c] - s.own64[c]) * (s.other64[j][c] - s.own64[c]);
  return sqrt(sum);
}

static double variance_of(const double *x, int64_t n) {
  double mean = 0, sum = 0;
  for (int64_t c = 0; c < n; c++) mean += x[c] / (double)n;
  for (int64_t c = 0; c < n; c++) sum += (x[c] - mean) * (x[c] - mean);
  return sum / (double)(n - 1);
}

START_TEST(gossip_is_w_x_and_an_endless_bound_is_gossip) {
  begin(MOST);
  mst_mixing_spec gossip = spec_of("gossip"), clip = spec_of("self_centred_clipping");
  float expected[SIZE];
  mix(&gossip);
  for (int64_t c = 0; c < SIZE; c++)
    ck_assert_double_eq_tol((double)s.out[c], average(c), 6e-8 * fabs(average(c)));
  memcpy(expected, s.out, sizeof expected);
  clip.bound = "constant";
  clip.tau = INFINITY;
  mix(&clip);
  ck_assert_mem_eq(expected, s.out, sizeof expected);
  clip.bound = "theory"; /* no one is hostile */
  mix(&clip);
  ck_assert_mem_eq(expected, s.out, sizeof expected);
  ck_assert_int_eq(s.plan.clipped, 0);
  mix64(&gossip);
  for (int64_t c = 0; c < SIZE; c++) ck_assert_double_eq_tol(s.out64[c], average(c), 1e-15);
}
END_TEST

START_TEST(equal_vectors_stay_bit_for_bit) {
  begin(MOST);
  for (int64_t j = 0; j < MOST; j++) memcpy(s.other[j], s.own, sizeof s.own);
  for (int i = 0; mst_mixing_at(i) != NULL; i++) {
    mst_mixing_spec spec = spec_of(mst_mixing_at(i)->name);
    if ((mst_mixing_needs(&spec) & MST_MIXING_RULE) != 0) continue;
    mix(&spec);
    for (int64_t c = 0; c < SIZE; c++)
      ck_assert_msg(s.out[c] == s.own[c], "%s moved entry %d", spec.kind, (int)c);
  }
}
END_TEST

/* out = x + sum_j W_ij (x_j - x) min(1, tau / |x_j - x|), in the order of the neighbours. */
static void check_clipped(const mst_mixing_spec *clip, double tau) {
  mix64(clip);
  ck_assert_double_eq_tol(s.plan.tau, tau, 1e-13 * tau);
  for (int64_t c = 0; c < SIZE; c += 17) {
    double expected = s.own64[c];
    for (int64_t j = 0; j < s.node.neighbours; j++)
      expected += weights[j] * fmin(1, tau / distance_of(j)) * (s.other64[j][c] - s.own64[c]);
    ck_assert_double_eq_tol(s.out64[c], expected, 1e-14);
  }
}

START_TEST(bounds_are_constant_second_largest_furthest_or_the_theory_s) {
  begin(MOST); /* distances ascend */
  mst_mixing_spec clip = spec_of("self_centred_clipping");
  double away[MOST];
  for (int64_t j = 0; j < MOST; j++) away[j] = distance_of(j);
  for (int64_t j = 1; j < MOST; j++) ck_assert(away[j] > away[j - 1]);
  clip.bound = "constant";
  clip.tau = 7;
  check_clipped(&clip, 7);
  clip.bound = "second_largest";
  check_clipped(&clip, away[MOST - 2]);
  ck_assert_int_eq(s.plan.clipped, 1);
  double spread = 0;
  for (int64_t j = 0; j < 3; j++) spread += weights[j] * away[j] * away[j];
  clip.bound = "furthest";
  clip.byzantine = 2;
  check_clipped(&clip, sqrt(spread / (weights[3] + weights[4])));
  clip.byzantine = 0;
  mix64(&clip);
  ck_assert(isinf(s.plan.tau));
  clip.bound = "theory";
  s.hostile[1] = true;
  spread = 0;
  for (int64_t j = 0; j < MOST; j++)
    if (j != 1) spread += weights[j] * away[j] * away[j];
  check_clipped(&clip, sqrt(spread / weights[1]));
  clip.bound = "second_largest"; /* of one neighbour it is its own */
  begin(1);
  check_clipped(&clip, away[0]);
}
END_TEST

START_TEST(no_neighbour_moves_a_node_farther_than_its_weight_times_the_bound) {
  begin(MOST);
  mst_mixing_spec clip = spec_of("self_centred_clipping");
  clip.bound = "constant";
  clip.tau = 0.5;
  for (int64_t c = 0; c < SIZE; c++) s.other[2][c] = c % 2 == 0 ? 3e38F : -3e38F;
  mix(&clip);
  double moved = 0;
  for (int64_t c = 0; c < SIZE; c++) moved += pow((double)s.out[c] - (double)s.own[c], 2);
  ck_assert_double_lt(sqrt(moved), 0.5 * (1 - s.node.self) * (1 + 1e-5));
  ck_assert_int_eq(s.plan.clipped, MOST);
}
END_TEST

START_TEST(neighbours_that_are_not_finite_count_as_the_node_itself) {
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; mst_mixing_at(i) != NULL; i++) {
    mst_mixing_spec spec = spec_of(mst_mixing_at(i)->name);
    if ((mst_mixing_needs(&spec) & MST_MIXING_RULE) != 0) continue;
    for (int b = 0; b < 3; b++) {
      float expected[SIZE];
      begin(MOST);
      memcpy(s.other[1], s.own, sizeof s.own);
      if (strcmp(spec.kind, "self_centred_clipping") == 0) {
        spec.bound = "constant"; /* a second largest is of fewer */
        spec.tau = 9;
      }
      mix(&spec);
      ck_assert_int_eq(s.plan.left_out, 0);
      memcpy(expected, s.out, sizeof expected);
      s.other[1][4500] = bad[b]; /* one entry is enough */
      mix(&spec);
      ck_assert_int_eq(s.plan.left_out, 1);
      for (int64_t c = 0; c < SIZE; c++)
        ck_assert_double_eq_tol((double)s.out[c], (double)expected[c],
                                2e-7 * fabs((double)expected[c]));
    }
    begin(MOST); /* no one is left */
    for (int64_t j = 0; j < MOST; j++) s.other[j][j] = NAN;
    mix(&spec);
    ck_assert_int_eq(s.plan.left_out, MOST);
    for (int64_t c = 0; c < SIZE; c++)
      ck_assert_double_eq_tol((double)s.out[c], (double)s.own[c], 1e-7);
  }
}
END_TEST

START_TEST(variance_correction_gives_every_tensor_the_variance_of_the_vectors) {
  begin(MOST);
  mst_mixing_spec vc = spec_of("variance_corrected");
  const char *follow[] = {"mixing", "others", "conservative"};
  vc.conservative = 0.4;
  for (int way = 0; way < 3; way++) {
    vc.follow = follow[way];
    mix64(&vc);
    const double share = way == 0 ? s.node.self : way == 1 ? 0 : 0.4, total = 1 - s.node.self;
    for (int t = 0; t < 5; t++) {
      const int64_t at = border[t], n = border[t + 1] - at;
      double plain[SIZE], mean = 0, after = 0, wanted = 0;
      if (n == 0) continue;
      for (int64_t c = 0; c < n; c++) {
        plain[c] = share * s.own64[at + c];
        for (int64_t j = 0; j < MOST; j++)
          plain[c] += (1 - share) * weights[j] / total * s.other64[j][at + c];
        mean += plain[c] / (double)n;
        after += s.out64[at + c] / (double)n;
      }
      ck_assert_double_eq_tol(after, mean, 1e-12);
      if (n == 1) continue;
      wanted = share * variance_of(s.own64 + at, n);
      for (int64_t j = 0; j < MOST; j++)
        wanted += (1 - share) * weights[j] / total * variance_of(s.other64[j] + at, n);
      const double had = variance_of(plain, n), scale = sqrt((wanted + 1e-4) / (had + 1e-4));
      ck_assert_double_gt(scale, 1.2);
      ck_assert_double_eq_tol(variance_of(s.out64 + at, n), had * scale * scale, 1e-10);
      for (int64_t c = 0; c < n; c++)
        ck_assert_double_eq_tol(s.out64[at + c], mean + (plain[c] - mean) * scale, 1e-10);
    }
  }
}
END_TEST

START_TEST(the_trimmed_mean_drops_weight_at_both_ends) {
  begin(3); /* self 0.5625, others 0.125, 0.25, 0.0625 */
  mst_mixing_spec trim = spec_of("trimmed_mean");
  const float values[] = {4, 1, 10};
  for (int64_t c = 0; c < SIZE; c++) {
    s.own[c] = 2;
    for (int64_t j = 0; j < 3; j++) s.other[j][c] = values[j];
  }
  trim.trim = 0.125;
  mix(&trim); /* of 1: 0.125; of 2: all; of 4: 0.0625; of 10: none */
  ck_assert_float_eq_tol(s.out[0], (0.125F + 1.125F + 0.25F) / 0.75F, 1e-6F);
  trim.trim = 0;
  trim.byzantine = 1; /* the heaviest: 0.25 */
  mix(&trim);
  ck_assert(s.out[SIZE - 1] == 2);
  trim.byzantine = 3; /* nothing is left: the weighted median */
  mix(&trim);
  ck_assert(s.out[7] == 2);
  trim.byzantine = 0;
  mix(&trim);
  ck_assert_double_eq_tol((double)s.out[7], 0.5 + 0.25 + 1.125 + 0.625, 1e-6);
  static const double half[] = {0.5};
  s.node = (mst_mixing_node){.neighbours = 1, .self = 0.5, .weight = half};
  trim.byzantine = 1; /* between 2 and 4 */
  mix(&trim);
  ck_assert(s.out[7] == 3);
  begin(3);
  for (int64_t c = 0; c < SIZE; c++) {
    s.own[c] = 2;
    for (int64_t j = 0; j < 3; j++) s.other[j][c] = values[j];
  }
  /* What is cut off whole leaves nothing of itself, however large it is. */
  static const double odd[] = {0.1, 0.2, 0.3};
  s.node.weight = odd;
  s.node.self = 1 - (0.1 + 0.2 + 0.3);
  for (int64_t c = 0; c < SIZE; c++) s.other[2][c] = c % 2 == 0 ? 3e38F : -3e38F;
  trim.byzantine = 1;
  mix(&trim);
  for (int64_t c = 0; c < SIZE; c++) ck_assert(s.out[c] >= 1 && s.out[c] <= 4);
}
END_TEST

START_TEST(pieces_of_any_size_and_in_place_give_the_same_bits) {
  static const int64_t sizes[] = {MST_MIXING_COLUMNS, 2 * MST_MIXING_COLUMNS, SIZE};
  for (int i = 0; mst_mixing_at(i) != NULL; i++) {
    mst_mixing_spec spec = spec_of(mst_mixing_at(i)->name);
    if ((mst_mixing_needs(&spec) & MST_MIXING_RULE) != 0) continue;
    float expected[SIZE];
    begin(4);
    mix(&spec);
    memcpy(expected, s.out, sizeof expected);
    for (int way = 0; way < 3; way++) {
      const float *row[4];
      ck_ok(mst_mixing_start(&spec, &s.node, s.work, &s.plan));
      while (mst_mixing_measures(&s.plan)) {
        for (int64_t at = 0; at < SIZE; at += sizes[way]) {
          for (int64_t j = 0; j < 4; j++) row[j] = s.other[j] + at;
          mst_mixing_measure_f32(&s.plan, at, at + sizes[way] < SIZE ? sizes[way] : SIZE - at,
                                 s.own + at, row);
        }
        mst_mixing_conclude(&s.plan);
      }
      memcpy(s.out, s.own, sizeof s.out);
      for (int64_t at = 0; at < SIZE; at += sizes[way]) {
        for (int64_t j = 0; j < 4; j++) row[j] = s.other[j] + at;
        mst_mixing_step_f32(&s.plan, at, at + sizes[way] < SIZE ? sizes[way] : SIZE - at,
                            s.out + at, row, s.out + at);
      }
      ck_assert_mem_eq(expected, s.out, sizeof expected);
    }
  }
}
END_TEST

START_TEST(specs_that_cannot_be_are_refused) {
  begin(2);
  mst_mixing_spec spec = spec_of("self_centred_clipping");
  spec.tau = 0;
  ck_refused(mst_mixing_check(&spec), MST_ERR_INPUT, "mixing.tau");
  spec = spec_of("self_centred_clipping");
  spec.bound = "guess";
  ck_refused(mst_mixing_check(&spec), MST_ERR_INPUT, "second_largest");
  spec.kind = "gosip";
  ck_refused(mst_mixing_check(&spec), MST_ERR_INPUT, "gossip");
  spec = spec_of("variance_corrected");
  spec.conservative = 1.5;
  ck_refused(mst_mixing_check(&spec), MST_ERR_INPUT, "mixing.conservative");
  spec = spec_of("self_centred_clipping");
  ck_assert_int_eq(mst_mixing_needs(&spec), 0);
  spec.bound = "theory";
  ck_assert_int_eq(mst_mixing_needs(&spec), MST_MIXING_HOSTILE);
  s.node.hostile = NULL;
  ck_refused(mst_mixing_start(&spec, &s.node, s.work, &s.plan), MST_ERR_INTERNAL, "asks for");
  spec = spec_of("rule");
  ck_assert_int_eq(mst_mixing_needs(&spec), MST_MIXING_RULE);
  ck_refused(mst_mixing_start(&spec, &s.node, s.work, &s.plan), MST_ERR_INTERNAL, "robust rule");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("mixing");
  TCase *c = tcase_create("mixing");
  tcase_add_test(c, gossip_is_w_x_and_an_endless_bound_is_gossip);
  tcase_add_test(c, equal_vectors_stay_bit_for_bit);
  tcase_add_test(c, bounds_are_constant_second_largest_furthest_or_the_theory_s);
  tcase_add_test(c, no_neighbour_moves_a_node_farther_than_its_weight_times_the_bound);
  tcase_add_test(c, neighbours_that_are_not_finite_count_as_the_node_itself);
  tcase_add_test(c, variance_correction_gives_every_tensor_the_variance_of_the_vectors);
  tcase_add_test(c, the_trimmed_mean_drops_weight_at_both_ends);
  tcase_add_test(c, pieces_of_any_size_and_in_place_give_the_same_bits);
  tcase_add_test(c, specs_that_cannot_be_are_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
