/* Assignments against all permutations, networks that permutations do not change, and permuted
 * copies that are found again. */
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/merge/assignment.h"
#include "core/merge/matching.h"
#include "core/merge/path.h"
#include "core/merge/symmetry.h"
#include "tests/harness.h"

enum {
  MOST = 7,
  ROWS = 64,
  SIDE = 16,
  CLASSES = 5
};

static void *take(int64_t n, size_t size) {
  void *p = NULL;
  ck_ok(mst_alloc(&p, n, size, "test"));
  return p;
}

static mst_stream stream_of(uint64_t number) {
  return mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, number, 0));
}

static double sum_of(int64_t n, const double *value, const int64_t *column) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += value[i * n + column[i]];
  return sum;
}

/* The largest sum over all ways to fill rows i.. with columns that are free and whose group fits
 * (groups 1: all). */
static double best_sum(int64_t n, int64_t groups, const double *value, int64_t *column, int64_t i) {
  double best = -INFINITY;
  int64_t size = n / groups;
  if (i == n) return sum_of(n, value, column);
  for (int64_t j = 0; j < n; j++) {
    bool fits = true;
    for (int64_t k = 0; k < i; k++) {
      bool rows = i / size == k / size, columns = j / size == column[k] / size;
      fits = fits && column[k] != j && (groups == 1 || rows == columns);
    }
    if (!fits) continue;
    column[i] = j;
    best = fmax(best, best_sum(n, groups, value, column, i + 1));
  }
  return best;
}

static void ck_permutation(int64_t n, const int64_t *column) {
  bool taken[64] = {false};
  for (int64_t i = 0; i < n; i++) {
    ck_assert(column[i] >= 0 && column[i] < n && !taken[column[i]]);
    taken[column[i]] = true;
  }
}

START_TEST(an_assignment_is_the_best_of_all_permutations) {
  mst_stream s = stream_of(1);
  for (int trial = 0; trial < 60; trial++) {
    int64_t n = 1 + trial % MOST, column[MOST], scratch[MOST];
    double value[MOST * MOST], total = 0;
    for (int64_t i = 0; i < n * n; i++) /* every third matrix has many equal entries */
      value[i] = trial % 3 == 0 ? (double)mst_stream_below(&s, 3) : mst_stream_normal(&s);
    ck_ok(mst_assignment(n, value, n, column, &total));
    ck_permutation(n, column);
    ck_assert_double_eq(total, sum_of(n, value, column));
    ck_assert_double_eq_tol(total, best_sum(n, 1, value, scratch, 0), 1e-12);
  }
}
END_TEST

START_TEST(equal_values_leave_rows_where_they_are) {
  double value[36];
  int64_t column[6];
  for (int i = 0; i < 36; i++) value[i] = 2.5;
  ck_ok(mst_assignment(6, value, 6, column, NULL));
  for (int i = 0; i < 6; i++) ck_assert_int_eq(column[i], i);
}
END_TEST

START_TEST(a_value_that_is_not_finite_is_named) {
  double value[9] = {0};
  int64_t column[3];
  value[5] = NAN;
  ck_refused(mst_assignment(3, value, 3, column, NULL), MST_ERR_NONFINITE,
             "row 1 gives with column 2");
}
END_TEST

START_TEST(groups_stay_together_in_the_best_assignment_that_keeps_them) {
  mst_stream s = stream_of(2);
  for (int trial = 0; trial < 30; trial++) {
    const int64_t n = 6;
    mst_units u = {.name = "norm", .count = n, .groups = trial % 2 == 0 ? 3 : 2};
    int64_t column[6], scratch[6], size = n / u.groups;
    double value[36], total = 0;
    for (int i = 0; i < 36; i++) value[i] = mst_stream_normal(&s);
    ck_ok(mst_units_assign(&u, value, column, &total));
    ck_permutation(n, column);
    for (int64_t i = 0; i < n; i++)
      ck_assert_int_eq(column[i] / size, column[i / size * size] / size);
    ck_assert_double_eq_tol(total, best_sum(n, u.groups, value, scratch, 0), 1e-12);
  }
}
END_TEST

static const struct {
  mst_model_spec spec;
  int sets;
} kinds[] = {
    {{.kind = "softmax"}, 0},
    {{.kind = "mlp", .hidden = {3, {24, 20, 12}}, .activation = "tanh"}, 3},
    {{.kind = "lenet", .channels = 8, .groups = 4}, 4},
    {{.kind = "resnet", .channels = 8, .groups = 4, .blocks = 2}, 9},
};
enum {
  SOFTMAX,
  MLP,
  LENET,
  RESNET,
  KINDS
};

/* A network of one kind, a copy whose units are permuted, and rows. */
typedef struct pair {
  mst_model *m;
  mst_model_work *work;
  mst_symmetry s;
  float *a, *b, *scratch, *x;
  int64_t *unit;
} pair;

/* Whole groups and the members of each are permuted. */
static void draw_units(const mst_units *u, mst_stream *s, int64_t *unit) {
  int64_t group[128], inside[128], size = u->count / u->groups;
  mst_stream_permutation(s, u->groups, group);
  for (int64_t g = 0; g < u->groups; g++) {
    mst_stream_permutation(s, size, inside);
    for (int64_t k = 0; k < size; k++) unit[g * size + k] = group[g] * size + inside[k];
  }
}

static pair pair_of(int kind) {
  pair p = {.m = NULL};
  mst_model_spec spec = kinds[kind].spec;
  mst_row_shape shape = {2, {SIDE, SIDE}};
  mst_stream s = stream_of(10);
  spec.init = "uniform";
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &p.m));
  ck_ok(mst_model_work_create(p.m, ROWS, &p.work));
  ck_ok(mst_symmetry_find(p.m, &p.s));
  p.a = take(p.m->parameters, sizeof *p.a);
  p.b = take(p.m->parameters, sizeof *p.b);
  p.scratch = take(mst_symmetry_scratch(&p.s), sizeof *p.scratch);
  p.unit = take(p.s.units, sizeof *p.unit);
  p.x = take(ROWS * p.m->inputs, sizeof *p.x);
  for (int64_t i = 0; i < ROWS * p.m->inputs; i++) p.x[i] = (float)mst_stream_normal(&s);
  mst_model_init(p.m, 5, 0, p.a);
  for (int t = 0; t < p.m->tensors; t++) /* so that the place of scales and biases shows */
    for (int64_t i = 0; p.m->tensor[t].role != MST_TENSOR_WEIGHT && i < p.m->tensor[t].count; i++)
      p.a[p.m->tensor[t].offset + i] += (float)(0.2 + mst_stream_uniform(&s));
  memcpy(p.b, p.a, (size_t)p.m->parameters * sizeof *p.b);
  for (int i = 0; i < p.s.sets; i++) draw_units(&p.s.set[i], &s, p.unit + p.s.set[i].first);
  mst_symmetry_permute(&p.s, p.unit, p.b, p.scratch);
  return p;
}

static void release(pair *p) {
  mst_free(p->a);
  mst_free(p->b);
  mst_free(p->scratch);
  mst_free(p->unit);
  mst_free(p->x);
  mst_symmetry_clear(&p->s);
  mst_model_work_destroy(p->work);
  mst_model_destroy(p->m);
}

START_TEST(a_permutation_leaves_the_scores_and_moves_the_parameters) {
  for (int kind = 0; kind < KINDS; kind++) {
    pair p = pair_of(kind);
    float *before = take(ROWS * CLASSES, sizeof *before);
    float *after = take(ROWS * CLASSES, sizeof *after);
    ck_assert_int_eq(p.s.sets, kinds[kind].sets);
    int64_t differ = 0;
    for (int64_t i = 0; i < p.m->parameters; i++) differ += p.a[i] != p.b[i];
    ck_assert_msg(kind == SOFTMAX ? differ == 0 : differ > p.m->parameters / 2, "%s: %lld differ",
                  p.m->ops->name, (long long)differ);
    mst_model_scores(p.m, p.a, ROWS, p.x, p.work, before);
    mst_model_scores(p.m, p.b, ROWS, p.x, p.work, after);
    double size = 0, apart = 0;
    for (int64_t i = 0; i < ROWS * CLASSES; i++) {
      size = fmax(size, fabs((double)before[i]));
      apart = fmax(apart, fabs((double)before[i] - (double)after[i]));
    }
    ck_assert_double_gt(size, 1e-2);
    ck_assert_msg(apart <= 2e-6 * size, "%s: %g of %g", p.m->ops->name, apart, size);
    mst_free(before);
    mst_free(after);
    release(&p);
  }
}
END_TEST

/* Losses of the labels that a itself gives, along the path to b. */
static double path_barrier(pair *p, const float *b) {
  enum {
    POINTS = 5
  };
  double loss[POINTS];
  int32_t label[ROWS];
  float *w = take(p->m->parameters, sizeof *w), *scores = take(ROWS * CLASSES, sizeof *scores);
  mst_model_scores(p->m, p->a, ROWS, p->x, p->work, scores);
  mst_model_choose(p->m, ROWS, scores, label);
  mst_batch batch = {.n = ROWS, .x = p->x, .label = label};
  for (int i = 0; i < POINTS; i++) {
    mst_merge_point(p->m->parameters, p->a, b, mst_merge_place(POINTS, i), w);
    mst_model_loss(p->m, w, &batch, p->work, &loss[i], NULL);
  }
  mst_free(w);
  mst_free(scores);
  return mst_merge_barrier(POINTS, loss);
}

START_TEST(weights_find_a_permuted_copy_again_exactly) {
  for (int kind = MLP; kind < KINDS; kind++) {
    pair p = pair_of(kind);
    const mst_match_pair both = {.symmetry = &p.s, .a = p.a, .b = p.b, .seed = 4};
    ck_assert_msg(path_barrier(&p, p.b) > 0, "%s: no barrier", p.m->ops->name);
    ck_ok(mst_matching_match(mst_matching_find("weights"), &both, p.unit));
    mst_symmetry_permute(&p.s, p.unit, p.b, p.scratch);
    ck_assert_msg(memcmp(p.a, p.b, (size_t)p.m->parameters * sizeof *p.a) == 0,
                  "%s: another permutation", p.m->ops->name);
    ck_assert_double_eq(path_barrier(&p, p.b), 0);
    release(&p);
  }
}
END_TEST

/* (positions, count) of a set over all rows, each unit with mean 0 and norm 1. */
static double *activations_of(pair *p, const float *w, const mst_units *u, int64_t *positions) {
  int64_t width = 0;
  float *scores = take(ROWS * CLASSES, sizeof *scores);
  mst_model_scores(p->m, w, ROWS, p->x, p->work, scores);
  const float *x = mst_model_given(p->m, p->work, ROWS, p->x, u->reader, &width);
  int64_t n = ROWS * width / u->count;
  double *z = take(n * u->count, sizeof *z);
  for (int64_t k = 0; k < u->count; k++) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) mean += (double)x[i * u->count + k] / (double)n;
    for (int64_t i = 0; i < n; i++) square += pow((double)x[i * u->count + k] - mean, 2);
    for (int64_t i = 0; i < n && square > 0; i++)
      z[i * u->count + k] = ((double)x[i * u->count + k] - mean) / sqrt(square);
  }
  mst_free(scores);
  *positions = n;
  return z;
}

/* Of a's units by b's. */
static double *likeness_of(pair *p, const mst_units *u) {
  int64_t n = 0, c = u->count;
  double *a = activations_of(p, p->a, u, &n), *b = activations_of(p, p->b, u, &n);
  double *likeness = take(c * c, sizeof *likeness);
  for (int64_t r = 0; r < n; r++)
    for (int64_t k = 0; k < c * c; k++) likeness[k] += a[r * c + k / c] * b[r * c + k % c];
  mst_free(a);
  mst_free(b);
  return likeness;
}

/* Units that are 0 on all rows are like any other such unit. */
START_TEST(activations_find_every_unit_of_a_permuted_copy_that_is_awake) {
  for (int kind = MLP; kind < KINDS; kind++) {
    pair p = pair_of(kind);
    double *likeness[16];
    int64_t *found = take(p.s.units, sizeof *found), awake = 0;
    for (int i = 0; i < p.s.sets; i++) likeness[i] = likeness_of(&p, &p.s.set[i]);
    const mst_match_pair both = {
        .symmetry = &p.s, .a = p.a, .b = p.b, .likeness = (const double *const *)likeness};
    ck_ok(mst_matching_match(mst_matching_find("activations"), &both, found));
    for (int i = 0; i < p.s.sets; i++)
      for (int64_t u = 0, c = p.s.set[i].count; u < c; u++) {
        const int64_t *f = found + p.s.set[i].first, *q = p.unit + p.s.set[i].first;
        if (likeness[i][u * c + f[u]] < 0.5) continue;
        awake++;
        ck_assert_msg(q[f[u]] == u, "%s: unit %d of %s", p.m->ops->name, (int)u, p.s.set[i].name);
      }
    ck_assert_msg(awake >= p.s.units * 4 / 5, "%s: %lld", p.m->ops->name, (long long)awake);
    double before = path_barrier(&p, p.b);
    mst_symmetry_permute(&p.s, found, p.b, p.scratch);
    ck_assert_double_lt(path_barrier(&p, p.b), 1e-5 * before);
    for (int i = 0; i < p.s.sets; i++) mst_free(likeness[i]);
    mst_free(found);
    release(&p);
  }
}
END_TEST

START_TEST(without_a_matching_units_stay) {
  pair p = pair_of(MLP);
  const mst_match_pair both = {.symmetry = &p.s, .a = p.a, .b = p.b};
  ck_ok(mst_matching_match(mst_matching_find("none"), &both, p.unit));
  for (int i = 0; i < p.s.sets; i++)
    for (int64_t u = 0; u < p.s.set[i].count; u++)
      ck_assert_int_eq(p.unit[p.s.set[i].first + u], u);
  release(&p);
}
END_TEST

START_TEST(weights_that_are_not_finite_name_their_layer) {
  pair p = pair_of(MLP);
  const mst_match_pair both = {.symmetry = &p.s, .a = p.a, .b = p.b, .seed = 4};
  p.b[p.m->tensor[2].offset] = NAN;
  ck_refused(mst_matching_match(mst_matching_find("weights"), &both, p.unit), MST_ERR_NONFINITE,
             "dense");
  release(&p);
}
END_TEST

START_TEST(the_barrier_is_the_largest_height_over_the_chord) {
  const double hill[] = {1, 4, 2, 3}, valley[] = {3, 1, 1, 3}, broken[] = {1, INFINITY, 1};
  ck_assert_double_eq_tol(mst_merge_barrier(4, hill), 4 - (1 + 2.0 / 3), 1e-15);
  ck_assert_double_eq(mst_merge_barrier(4, valley), 0);
  ck_assert(isnan(mst_merge_barrier(3, broken)));
}
END_TEST

START_TEST(points_and_means_are_rounded_once) {
  const float a[2] = {1, -3}, b[2] = {2, 5}, c[2] = {6, 1};
  const float *all[3] = {a, b, c};
  float w[2];
  mst_merge_point(2, a, b, 0.25, w);
  ck_assert_float_eq(w[0], 1.25f);
  ck_assert_float_eq(w[1], -1);
  mst_merge_mean(2, 3, all, w);
  ck_assert_float_eq(w[0], 3);
  ck_assert_float_eq(w[1], 1);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("merging");
  TCase *tc = tcase_create("merging");
  tcase_add_test(tc, an_assignment_is_the_best_of_all_permutations);
  tcase_add_test(tc, equal_values_leave_rows_where_they_are);
  tcase_add_test(tc, a_value_that_is_not_finite_is_named);
  tcase_add_test(tc, groups_stay_together_in_the_best_assignment_that_keeps_them);
  tcase_add_test(tc, a_permutation_leaves_the_scores_and_moves_the_parameters);
  tcase_add_test(tc, weights_find_a_permuted_copy_again_exactly);
  tcase_add_test(tc, activations_find_every_unit_of_a_permuted_copy_that_is_awake);
  tcase_add_test(tc, without_a_matching_units_stay);
  tcase_add_test(tc, weights_that_are_not_finite_name_their_layer);
  tcase_add_test(tc, the_barrier_is_the_largest_height_over_the_chord);
  tcase_add_test(tc, points_and_means_are_rounded_once);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
