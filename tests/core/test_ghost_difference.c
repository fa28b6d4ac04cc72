/* Clipped differences of gradients against their definition: one row after the other, at two
 * points, near and far. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/model/ghost.h"

enum {
  ROWS = 9,
  SIDE = 16,
  PIXELS = SIDE * SIDE,
  CLASSES = 3
};

typedef struct fixture {
  mst_model *model;
  mst_model_work *work[2];
  float *w[2], *g, *h, *room, *x;
  int32_t label[ROWS];
  double length[ROWS], *sum;
} fixture;

static fixture begin(const char *kind, const char *activation, double apart) {
  fixture f = {.model = NULL};
  mst_model_spec spec = {.kind = kind,
                         .init = "he",
                         .activation = activation,
                         .hidden = {.n = 2, .value = {20, 15}},
                         .channels = 4,
                         .groups = 2,
                         .blocks = 1};
  mst_row_shape shape = {.dims = 2, .size = {SIDE, SIDE, 0}};
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &f.model));
  int64_t n = f.model->parameters;
  ck_ok(mst_alloc(&f.g, n, sizeof *f.g, "g"));
  ck_ok(mst_alloc(&f.h, n, sizeof *f.h, "h"));
  ck_ok(mst_alloc(&f.sum, n, sizeof *f.sum, "sum"));
  ck_ok(mst_alloc(&f.room, mst_model_difference_room(f.model, ROWS), sizeof *f.room, "room"));
  ck_ok(mst_alloc(&f.x, ROWS * PIXELS, sizeof *f.x, "x"));
  for (int k = 0; k < 2; k++) {
    ck_ok(mst_model_work_create(f.model, ROWS, &f.work[k]));
    ck_ok(mst_alloc(&f.w[k], n, sizeof *f.w[k], "w"));
    mst_model_init(f.model, 3, 0, f.w[k]);
  }
  mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, 0, 0));
  for (int64_t j = 0; j < n; j++) f.w[1][j] += (float)(apart * mst_stream_normal(&s));
  for (int64_t i = 0; i < ROWS * PIXELS; i++)
    f.x[i] = (float)(mst_stream_normal(&s) * (double)(1 + i / PIXELS) / ROWS);
  for (int i = 0; i < ROWS; i++) f.label[i] = (int32_t)mst_stream_below(&s, CLASSES);
  return f;
}

static void end(fixture *f) {
  for (int k = 0; k < 2; k++) {
    mst_model_work_destroy(f->work[k]);
    mst_free(f->w[k]);
  }
  mst_model_destroy(f->model);
  mst_free(f->g);
  mst_free(f->h);
  mst_free(f->sum);
  mst_free(f->room);
  mst_free(f->x);
}

static mst_batch rows(const fixture *f, int64_t first, int64_t n) {
  return (mst_batch){.n = n, .x = f->x + first * PIXELS, .label = f->label + first};
}

static bool clip(fixture *f, const mst_batch *b, double bound, float *g) {
  return mst_model_clipped_difference(f->model, (const float *const *)f->w, b, bound, f->work,
                                      f->room, f->length, g);
}

/* The difference of row i by the definition, into sum. */
static double by_definition(fixture *f, int64_t i) {
  double square = 0;
  mst_batch row = rows(f, i, 1);
  mst_model_gradient(f->model, f->w[0], &row, f->work[0], f->g, NULL);
  mst_model_gradient(f->model, f->w[1], &row, f->work[1], f->h, NULL);
  for (int64_t j = 0; j < f->model->parameters; j++) {
    f->sum[j] = (double)f->g[j] - (double)f->h[j];
    square += f->sum[j] * f->sum[j];
  }
  return sqrt(square);
}

static int by_size(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return (d > 0) - (d < 0);
}

static const char *const kinds[] = {"softmax", "mlp", "mlp", "lenet", "resnet"};
static const char *const activations[] = {"relu", "tanh", "relu", "relu", "relu"};

START_TEST(every_rows_difference_is_shortened_by_itself) {
  for (int k = 0; k < 5; k++) {
    fixture f = begin(kinds[k], activations[k], 0.05);
    int64_t n = f.model->parameters;
    double length[ROWS], sorted[ROWS], error = 0, size = 0, *want = NULL;
    ck_ok(mst_alloc(&want, n, sizeof *want, "sum"));
    for (int i = 0; i < ROWS; i++) sorted[i] = length[i] = by_definition(&f, i);
    qsort(sorted, ROWS, sizeof *sorted, by_size);
    double bound = sorted[ROWS / 2]; /* some are longer, some shorter */
    for (int i = 0; i < ROWS; i++) {
      by_definition(&f, i);
      for (int64_t j = 0; j < n; j++) want[j] += f.sum[j] * fmin(1, bound / length[i]);
    }
    mst_batch all = rows(&f, 0, ROWS);
    ck_assert(clip(&f, &all, bound, f.g));
    for (int i = 0; i < ROWS; i++) ck_assert_double_lt(fabs(f.length[i] / length[i] - 1), 1e-4);
    for (int64_t j = 0; j < n; j++) {
      error += pow((double)f.g[j] - want[j], 2);
      size += want[j] * want[j];
    }
    ck_assert_msg(sqrt(error / size) < 1e-4, "%s: %g", kinds[k], sqrt(error / size));
    mst_free(want);
    end(&f);
  }
}
END_TEST

/* Near points: the difference is of the size of the rounding of the gradients themselves, and what
 * a row adds is within its bound all the same, and no shorter than it need be. */
START_TEST(no_row_adds_more_than_the_bound_however_near_the_points) {
  static const double apart[] = {1e-1, 1e-3, 1e-5, 1e-7};
  for (int k = 0; k < 3; k++)
    for (int a = 0; a < 4; a++) {
      fixture f = begin(kinds[k], activations[k], apart[a]);
      int64_t n = f.model->parameters;
      for (int64_t i = 0; i < ROWS; i++) {
        mst_batch row = rows(&f, i, 1);
        ck_assert(clip(&f, &row, 1e30, f.g));
        double bound = 0.37 * f.length[0], square = 0;
        if (f.length[0] == 0) continue;
        ck_assert(clip(&f, &row, bound, f.g));
        for (int64_t j = 0; j < n; j++) square += (double)f.g[j] * (double)f.g[j];
        ck_assert_msg(sqrt(square) <= bound && sqrt(square) > 0.99 * bound, "%s %g: %.9g of %.9g",
                      kinds[k], apart[a], sqrt(square), bound);
      }
      end(&f);
    }
}
END_TEST

START_TEST(rows_at_one_and_the_same_point_do_not_differ) {
  for (int k = 0; k < 5; k++) {
    fixture f = begin(kinds[k], activations[k], 0);
    mst_batch all = rows(&f, 0, ROWS);
    ck_assert(clip(&f, &all, 1, f.g));
    for (int i = 0; i < ROWS; i++) ck_assert_double_eq(f.length[i], 0);
    for (int64_t j = 0; j < f.model->parameters; j++) ck_assert(f.g[j] == 0.0F);
    end(&f);
  }
}
END_TEST

START_TEST(a_row_whose_difference_is_not_finite_is_found) {
  for (int k = 0; k < 5; k++) {
    fixture f = begin(kinds[k], activations[k], 0.05);
    f.x[4 * PIXELS + 70] = NAN;
    mst_batch all = rows(&f, 0, ROWS);
    ck_assert(!clip(&f, &all, 1, f.g));
    for (int i = 0; i < ROWS; i++) ck_assert(!isfinite(f.length[i]) == (i == 4));
    end(&f);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("ghost_difference");
  TCase *c = tcase_create("ghost_difference");
  tcase_add_test(c, every_rows_difference_is_shortened_by_itself);
  tcase_add_test(c, no_row_adds_more_than_the_bound_however_near_the_points);
  tcase_add_test(c, rows_at_one_and_the_same_point_do_not_differ);
  tcase_add_test(c, a_row_whose_difference_is_not_finite_is_found);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
