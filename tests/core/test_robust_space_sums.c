/* What follows from the distances of points alone: distances of their sums, against sums that are
 * written out, and the canonical order. */
#include "core/robust/space.h"

#include "tests/core/robust_vectors.h"

/* k random rows that sum to 1 over the points. */
static double *make_matrix(int64_t k, int64_t points, mst_stream *s) {
  double *matrix = take_memory(k * points);
  for (int64_t i = 0; i < k; i++) {
    double sum = 0;
    for (int64_t p = 0; p < points; p++) sum += matrix[i * points + p] = mst_stream_uniform(s);
    for (int64_t p = 0; p < points; p++) matrix[i * points + p] /= sum;
  }
  return matrix;
}

/* mixed against the distances of the vectors themselves, which combine() writes out. */
static void expect_mixed(const vectors *v, int64_t k, const double *matrix, double tolerance) {
  const int64_t all = k + v->points - v->n;
  double *mixed = take_memory(all * all), *work = take_memory(v->points);
  double *x = take_memory(all * v->d);
  for (int64_t i = 0; i < k; i++) combine(v, matrix + i * v->points, x + i * v->d);
  for (int64_t i = k; i < all; i++)
    memcpy(x + i * v->d, row_of(v, v->n + i - k), (size_t)v->d * sizeof *x);
  for (int64_t i = 0; i < all * all; i++) mixed[i] = NAN;
  mst_space_mix(v->n, v->points, v->distance, v->n, k, matrix, work, mixed);
  for (int64_t i = 0; i < all; i++) {
    ck_assert(mixed[i * all + i] == 0);
    for (int64_t j = 0; j < all; j++) {
      const double want = square_between(v->d, x + i * v->d, x + j * v->d);
      expect_near(mixed[i * all + j], want, tolerance * want);
      ck_assert(mixed[i * all + j] == mixed[j * all + i]);
    }
  }
  mst_free(x), mst_free(work), mst_free(mixed);
}

START_TEST(distances_of_sums_follow_from_distances) {
  mst_stream s = draws(3, 3);
  for (int64_t n = 1; n <= 90; n += n < 8 ? 1 : 41) { /* by differences, and by products */
    vectors v = vectors_normal(n, 30, &s);
    double *matrix = make_matrix(n + 2, v.points, &s);
    expect_mixed(&v, n + 2, matrix, 1e-11);
    for (int64_t i = 1; i < n; i++) {
      const double *a = matrix + (i - 1) * v.points, *b = matrix + i * v.points;
      combine(&v, a, v.result);
      double *other = take_memory(v.d);
      combine(&v, b, other);
      const double want = square_between(v.d, v.result, other);
      expect_near(mst_space_between(v.points, v.distance, v.n, a, b), want, 1e-11 * want);
      ck_assert(mst_space_between(v.points, v.distance, v.n, a, a) == 0);
      mst_free(other);
    }
    mst_free(matrix);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(a_point_far_away_that_sums_share_costs_no_digit) {
  mst_stream s = draws(4, 4);
  for (int64_t n = 5; n <= 85; n += 80) {
    vectors v = vectors_normal(n, 8, &s), near = vectors_make(n, 8);
    double *matrix = make_matrix(4, v.points, &s);
    for (int64_t i = 0; i < 4; i++) { /* rows still sum to 1 */
      double *row = matrix + i * v.points, others = 1 - row[0];
      row[0] = 0.25;
      for (int64_t p = 1; p < v.points; p++) row[p] *= 0.75 / others;
    }
    memcpy(near.x, v.x, (size_t)(v.points * v.d) * sizeof *v.x);
    for (int64_t c = 0; c < v.d; c++) row_of(&near, 0)[c] = 0;
    double *work = take_memory(v.points), mixed[49];
    for (int64_t c = 0; c < v.d; c++) row_of(&v, 0)[c] = 1e7 * (double)(c + 1);
    vectors_measure(&v);
    mst_space_mix(n, v.points, v.distance, n, 4, matrix, work, mixed);
    for (int64_t i = 0; i < 4; i++)
      for (int64_t j = 0; j < i; j++) {
        double want = 0;
        for (int64_t c = 0; c < v.d; c++) {
          double d = 0;
          for (int64_t p = 1; p < v.points; p++)
            d += (matrix[i * v.points + p] - matrix[j * v.points + p]) * row_of(&near, p)[c];
          want += d * d;
        }
        expect_near(mixed[i * 7 + j], want, 1e-9 * want);
      }
    mst_free(work), mst_free(matrix);
    vectors_free(&near), vectors_free(&v);
  }
}
END_TEST

/* Long vectors that a factor shortens: the factor is below the rounding of 1, which is all that the
 * zero vector's weight can show. */
START_TEST(shortened_vectors_keep_distances_that_can_be) {
  for (int exponent = 8; exponent <= 36; exponent += 4) {
    const double length[3] = {pow(10, exponent), 2 * pow(10, exponent), 3e4};
    mst_stream s = draws(exponent, 8);
    vectors v = vectors_normal(5, 6, &s);
    double *matrix = take_memory(5 * v.points), *work = take_memory(v.points), mixed[64];
    vectors written = vectors_make(5, 6);
    for (int64_t i = 0; i < 5; i++) {
      const double scale = i < 3 ? length[i] : 1e-3;
      for (int64_t k = 0; k < 6; k++) row_of(&v, i)[k] *= scale;
      const double factor = i < 3 ? 2 / length_of(6, row_of(&v, i)) : 1;
      for (int64_t k = 0; k < 6; k++) row_of(&written, i)[k] = factor * row_of(&v, i)[k];
      matrix[i * v.points + i] = factor;
      matrix[i * v.points + v.n] = 1 - factor;
    }
    vectors_measure(&v);
    vectors_measure(&written);
    mst_space_mix(5, v.points, v.distance, v.n, 5, matrix, work, mixed);
    for (int64_t i = 0; i < 5; i++)
      for (int64_t j = 0; j < i; j++) {
        const double want = written.distance[i * 8 + j], got = mixed[i * 8 + j];
        const double path = sqrt(written.distance[i * 8 + 5]) + sqrt(written.distance[j * 8 + 5]);
        ck_assert_double_le(got, path * path * (1 + 1e-12));
        ck_assert_msg(got >= want / 2, "1e%d: %lld, %lld: %g is not %g", exponent, (long long)i,
                      (long long)j, got, want);
      }
    for (int64_t i = 0; i < 5; i++) /* to the zero vector: nothing cancels */
      expect_near(mixed[i * 8 + 5], i < 3 ? 4 : written.distance[i * 8 + 5], 1e-12 * 4);
    vectors_free(&written), vectors_free(&v);
    mst_free(work), mst_free(matrix);
  }
}
END_TEST

/* Two vectors far away on opposite sides, whose mean may be anywhere: that it is near the others
 * cannot be known, so it does not come out so. */
START_TEST(what_cancels_in_the_rounding_is_not_near) {
  vectors v = vectors_make(4, 3);
  row_of(&v, 0)[0] = 1e36;
  row_of(&v, 1)[0] = -1e36;
  row_of(&v, 0)[1] = row_of(&v, 1)[1] = 1e3;
  row_of(&v, 2)[2] = 1;
  vectors_measure(&v);
  double both[7] = {0.5, 0.5}, honest[7] = {0, 0, 0.5, 0.5};
  const double got = mst_space_between(v.points, v.distance, v.n, both, honest);
  ck_assert_double_ge(got, 1e6);
  ck_assert_double_le(got, 1.01e72);
  ck_assert(mst_space_between(v.points, v.distance, v.n, both, both) == 0);
  const double other[7] = {0, 0, 1, 0};
  expect_near(mst_space_between(v.points, v.distance, v.n, honest, other), 0.25, 1e-15);
  vectors_free(&v);
}
END_TEST

START_TEST(equal_distances_are_ordered_by_the_keys) {
  const double distance[9] = {0, 1, 1, 1, 0, 1, 1, 1, 0};
  const double key[3][2] = {{1, 5}, {2, 3}, {1, 4}};
  static const int64_t want[3] = {2, 0, 1};
  double work[9];
  int64_t order[3];
  mst_space_order(3, 3, distance, 2, &key[0][0], work, order);
  for (int i = 0; i < 3; i++) ck_assert_int_eq(order[i], want[i]);
}
END_TEST

START_TEST(the_order_follows_the_vectors_whatever_their_numbers) {
  enum {
    N = 12
  };
  mst_stream s = draws(5, 5);
  vectors v = vectors_normal(N, 4, &s), moved = vectors_make(N, 4);
  memcpy(row_of(&v, 7), row_of(&v, 2), 4 * sizeof *v.x); /* two equal vectors */
  /* Mirror images: all distances of one vector are those of another, but to the further points. */
  for (int64_t c = 0; c < 4; c++) row_of(&v, 9)[c] = -row_of(&v, 8)[c];
  vectors_measure(&v);
  double work[3 * N];
  int64_t order[N], again[N], number[N];
  mst_space_order(N, v.points, v.distance, 0, NULL, work, order);
  for (int64_t i = 1; i < N; i++) {
    double before = 0, after = 0;
    for (int64_t j = 0; j < N; j++) {
      before += v.distance[order[i - 1] * v.points + j];
      after += v.distance[order[i] * v.points + j];
    }
    ck_assert(before <= after * (1 + 1e-14));
  }
  for (int trial = 0; trial < 20; trial++) {
    mst_stream_permutation(&s, N, number);
    memcpy(moved.x, v.x, (size_t)(v.points * v.d) * sizeof *v.x);
    for (int64_t i = 0; i < N; i++)
      memcpy(row_of(&moved, i), row_of(&v, number[i]), (size_t)v.d * sizeof *v.x);
    vectors_measure(&moved);
    mst_space_order(N, v.points, moved.distance, 0, NULL, work, again);
    for (int64_t i = 0; i < N; i++) /* the same vectors, if not the same of two equal ones */
      ck_assert_mem_eq(row_of(&moved, again[i]), row_of(&v, order[i]), 4 * sizeof *v.x);
  }
  vectors_free(&moved), vectors_free(&v);
}
END_TEST

START_TEST(two_vectors_are_ordered_by_the_further_points) {
  mst_stream s = draws(6, 6);
  vectors v = vectors_normal(2, 3, &s), moved = vectors_make(2, 3);
  memcpy(moved.x, v.x, (size_t)(v.points * v.d) * sizeof *v.x);
  memcpy(row_of(&moved, 0), row_of(&v, 1), 3 * sizeof *v.x);
  memcpy(row_of(&moved, 1), row_of(&v, 0), 3 * sizeof *v.x);
  vectors_measure(&moved);
  double work[6];
  int64_t order[2], again[2];
  mst_space_order(2, v.points, v.distance, 0, NULL, work, order);
  mst_space_order(2, v.points, moved.distance, 0, NULL, work, again);
  ck_assert_int_eq(order[0], 1 - again[0]);
  ck_assert_int_eq(order[1], 1 - again[1]);
  vectors_free(&moved), vectors_free(&v);
}
END_TEST

START_TEST(equal_sums_are_ordered_by_the_sorted_distances) {
  const double distance[4][4] = {{0, 0, 2, 4}, {0, 0, 3, 3}, {2, 3, 0, 1}, {4, 3, 1, 0}};
  mst_stream s = draws(7, 7);
  for (int trial = 0; trial < 50; trial++) {
    double moved[4][4], work[12];
    int64_t number[4], order[4];
    mst_stream_permutation(&s, 4, number);
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++) moved[i][j] = distance[number[i]][number[j]];
    mst_space_order(4, 4, &moved[0][0], 0, NULL, work, order);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(number[order[i]], i);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("robust_space_sums");
  TCase *c = tcase_create("space");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, distances_of_sums_follow_from_distances);
  tcase_add_test(c, a_point_far_away_that_sums_share_costs_no_digit);
  tcase_add_test(c, shortened_vectors_keep_distances_that_can_be);
  tcase_add_test(c, what_cancels_in_the_rounding_is_not_near);
  tcase_add_test(c, equal_distances_are_ordered_by_the_keys);
  tcase_add_test(c, the_order_follows_the_vectors_whatever_their_numbers);
  tcase_add_test(c, two_vectors_are_ordered_by_the_further_points);
  tcase_add_test(c, equal_sums_are_ordered_by_the_sorted_distances);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
