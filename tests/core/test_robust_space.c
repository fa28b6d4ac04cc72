/* Distances and sums of vectors, and what follows from distances alone: against long double and
 * against vectors that are written out, at every width of vectors. */
#include "core/robust/space.h"

#include "tests/core/robust_vectors.h"

static void expect_near(double got, double want, double tolerance) {
  ck_assert_msg(fabs(got - want) <= tolerance, "%.17g is not %.17g", got, want);
}

/* n rows of m normal entries about `shift`. */
static double *make_rows(int64_t n, int64_t m, double shift, float **floats, const double ***row,
                         const float ***floats_row) {
  mst_stream s = draws(n, m);
  double *x = take_memory(n * m);
  *floats = take_memory(n * m);
  *row = take_memory(n);
  *floats_row = take_memory(n);
  for (int64_t i = 0; i < n * m; i++) {
    x[i] = shift + mst_stream_normal(&s);
    (*floats)[i] = (float)x[i];
  }
  for (int64_t i = 0; i < n; i++) {
    (*row)[i] = x + i * m;
    (*floats_row)[i] = *floats + i * m;
  }
  return x;
}

typedef struct rows {
  int64_t n, m;
  double *x;
  float *floats;
  const double **row;
  const float **floats_row;
} rows;

static rows rows_make(int64_t n, int64_t m, double shift) {
  rows r = {.n = n, .m = m};
  r.x = make_rows(n, m, shift, &r.floats, &r.row, &r.floats_row);
  return r;
}

static void rows_free(rows *r) {
  mst_free(r->x), mst_free(r->floats), mst_free(r->row), mst_free(r->floats_row);
}

static void expect_distances(const rows *r, bool floats, const double *distance) {
  for (int64_t i = 0; i < r->n; i++)
    for (int64_t j = 0; j < r->n; j++) {
      long double sum = 0;
      for (int64_t c = 0; c < r->m; c++) {
        long double d = floats ? (long double)r->floats_row[i][c] - r->floats_row[j][c]
                               : (long double)r->row[i][c] - r->row[j][c];
        sum += d * d;
      }
      expect_near(distance[i * r->n + j], (double)sum, 2e-15 * (double)sum);
      ck_assert(distance[i * r->n + j] == distance[j * r->n + i]);
    }
}

/* At each width, of both types. */
static void check_distances(int64_t n, int64_t m, double shift) {
  rows r = rows_make(n, m, shift);
  double *distance = take_memory(n * n), *first = take_memory(n * n);
  for (int floats = 0; floats < 2; floats++)
    for (int w = 0; mst_space_width_at(w) != NULL; w++) {
      const mst_space_width *width = mst_space_width_at(w);
      for (int64_t i = 0; i < n * n; i++) distance[i] = NAN;
      if (floats)
        width->distances_f32(n, m, r.floats_row, distance);
      else
        width->distances_f64(n, m, r.row, distance);
      expect_distances(&r, floats, distance);
      if (w == 0) memcpy(first, distance, (size_t)(n * n) * sizeof *first);
      if (width->fused == mst_space_width_at(0)->fused)
        ck_assert_mem_eq(first, distance, (size_t)(n * n) * sizeof *first);
    }
  mst_free(first), mst_free(distance);
  rows_free(&r);
}

START_TEST(distances_agree_with_long_double) {
  for (int64_t n = 1; n <= 23; n++) check_distances(n, 1 + 7 * n % 40, 0);
  for (int64_t m = 0; m <= 20; m++) check_distances(5, m, 0);
  check_distances(6, 2048, 0);
}
END_TEST

START_TEST(a_common_shift_costs_no_digit) {
  check_distances(9, 1003, 1e4);
  check_distances(9, 1003, -1e4);
}
END_TEST

START_TEST(a_distance_does_not_depend_on_the_other_rows) {
  rows r = rows_make(11, 77, 0);
  double all[121], two[4];
  for (int w = 0; mst_space_width_at(w) != NULL; w++) {
    const mst_space_width *width = mst_space_width_at(w);
    width->distances_f32(r.n, r.m, r.floats_row, all);
    for (int64_t i = 0; i < r.n; i++)
      for (int64_t j = 0; j < r.n; j++) {
        const float *pair[2] = {r.floats_row[i], r.floats_row[j]};
        width->distances_f32(2, r.m, pair, two);
        ck_assert(all[i * r.n + j] == two[1]);
      }
  }
  rows_free(&r);
}
END_TEST

START_TEST(sums_take_the_rows_in_their_order) {
  for (int64_t m = 0; m <= 300; m += m < 70 ? 1 : 57) {
    rows r = rows_make(7, m, 0);
    const double weight[7] = {0.3, 0, -1.7, 0.1, 0, 2, 1e-3};
    float want[300], got[300];
    double wide[300], narrow[300];
    for (int64_t c = 0; c < m; c++) {
      double sum = 0, of_floats = 0;
      for (int64_t i = 0; i < 7; i++) {
        if (weight[i] != 0) sum += weight[i] * r.row[i][c];
        if (weight[i] != 0) of_floats += weight[i] * (double)r.floats_row[i][c];
      }
      wide[c] = sum;
      want[c] = (float)of_floats;
    }
    r.row[1] = r.row[4] = NULL; /* not read */
    r.floats_row[1] = r.floats_row[4] = NULL;
    for (int w = 0; mst_space_width_at(w) != NULL; w++) {
      mst_space_width_at(w)->combine_f32(7, m, r.floats_row, weight, got);
      mst_space_width_at(w)->combine_f64(7, m, r.row, weight, narrow);
      ck_assert(memcmp(got, want, (size_t)m * sizeof *got) == 0);
      ck_assert(memcmp(narrow, wide, (size_t)m * sizeof *wide) == 0);
    }
    rows_free(&r);
  }
}
END_TEST

START_TEST(a_single_row_is_copied) {
  const float x[3] = {-0.0f, 0x1p-149f, 1.5f};
  const double y[3] = {-0.0, 0x1p-1074, 1.5};
  const float *row[3] = {NULL, x, NULL};
  const double *rows_of_doubles[3] = {NULL, y, NULL};
  const double weight[3] = {0, 1, 0};
  float out[3];
  double wide[3];
  mst_space_combine_f32(3, 3, row, weight, out);
  mst_space_combine_f64(3, 3, rows_of_doubles, weight, wide);
  ck_assert_mem_eq(out, x, sizeof x);
  ck_assert_mem_eq(wide, y, sizeof y);
}
END_TEST

START_TEST(what_is_not_finite_is_found_at_every_place) {
  const double bad[4] = {NAN, -NAN, INFINITY, -INFINITY};
  float x[70] = {0};
  double y[70] = {0};
  ck_assert(mst_space_finite_f32(0, x) && mst_space_finite_f64(0, y));
  for (int n = 1; n <= 70; n++)
    for (int at = 0; at < n; at++) {
      for (int i = 0; i < n; i++) {
        x[i] = i % 2 != 0 ? 3.4028234e38f : -1;
        y[i] = i % 2 != 0 ? -1.7976931348623157e308 : 1;
      }
      ck_assert(mst_space_finite_f32(n, x) && mst_space_finite_f64(n, y));
      x[at] = (float)bad[(n + at) % 4];
      ck_assert(!mst_space_finite_f32(n, x));
      y[at] = bad[(n + at) % 4];
      ck_assert(!mst_space_finite_f64(n, y));
    }
}
END_TEST

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
  Suite *suite = suite_create("robust_space");
  TCase *c = tcase_create("space");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, distances_agree_with_long_double);
  tcase_add_test(c, a_common_shift_costs_no_digit);
  tcase_add_test(c, a_distance_does_not_depend_on_the_other_rows);
  tcase_add_test(c, sums_take_the_rows_in_their_order);
  tcase_add_test(c, a_single_row_is_copied);
  tcase_add_test(c, what_is_not_finite_is_found_at_every_place);
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
