/* Clipped gradients against their definition: one row after the other. */
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
  mst_model_work *work;
  float *w, *g, *room, *x;
  int32_t label[ROWS];
  double norm[ROWS], *sum;
} fixture;

static fixture begin(const char *kind) {
  fixture f = {.model = NULL};
  mst_model_spec spec = {.kind = kind,
                         .init = "he",
                         .activation = "relu",
                         .hidden = {.n = 2, .value = {20, 15}},
                         .channels = 4,
                         .groups = 2,
                         .blocks = 1};
  mst_row_shape shape = {.dims = 2, .size = {SIDE, SIDE, 0}};
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &f.model));
  int64_t n = f.model->parameters;
  ck_ok(mst_model_work_create(f.model, ROWS, &f.work));
  ck_ok(mst_alloc(&f.w, n, sizeof *f.w, "w"));
  ck_ok(mst_alloc(&f.g, n, sizeof *f.g, "g"));
  ck_ok(mst_alloc(&f.sum, n, sizeof *f.sum, "sum"));
  ck_ok(mst_alloc(&f.room, mst_model_clipped_room(f.model, ROWS), sizeof *f.room, "room"));
  ck_ok(mst_alloc(&f.x, ROWS * PIXELS, sizeof *f.x, "x"));
  mst_model_init(f.model, 3, 0, f.w);
  mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < ROWS * PIXELS; i++)
    f.x[i] = (float)(mst_stream_normal(&s) * (double)(1 + i / PIXELS) / ROWS);
  for (int i = 0; i < ROWS; i++) f.label[i] = (int32_t)mst_stream_below(&s, CLASSES);
  return f;
}

static void end(fixture *f) {
  mst_model_work_destroy(f->work);
  mst_model_destroy(f->model);
  mst_free(f->w);
  mst_free(f->g);
  mst_free(f->sum);
  mst_free(f->room);
  mst_free(f->x);
}

static const char *const kinds[] = {"softmax", "mlp", "lenet", "resnet"};

START_TEST(every_row_is_shortened_by_itself) {
  for (int k = 0; k < 4; k++) {
    fixture f = begin(kinds[k]);
    int64_t n = f.model->parameters;
    double norm[ROWS], sorted[ROWS], error = 0, size = 0;
    mst_batch all = {.n = ROWS, .x = f.x, .label = f.label};
    mst_model_norms(f.model, f.w, &all, f.work, sorted);
    double bound = sorted[ROWS / 2]; /* some rows are longer, some shorter */
    for (int i = 0; i < ROWS; i++) {
      mst_batch row = {.n = 1, .x = f.x + i * PIXELS, .label = f.label + i};
      mst_model_gradient(f.model, f.w, &row, f.work, f.g, NULL);
      norm[i] = 0;
      for (int64_t j = 0; j < n; j++) norm[i] += (double)f.g[j] * (double)f.g[j];
      norm[i] = sqrt(norm[i]);
      for (int64_t j = 0; j < n; j++) f.sum[j] += (double)f.g[j] * fmin(1, bound / norm[i]);
    }
    ck_assert(mst_model_clipped_gradient(f.model, f.w, &all, bound, f.work, f.room, f.norm, f.g));
    for (int i = 0; i < ROWS; i++) ck_assert_double_lt(fabs(f.norm[i] / norm[i] - 1), 1e-5);
    for (int64_t j = 0; j < n; j++) {
      error += pow((double)f.g[j] - f.sum[j], 2);
      size += f.sum[j] * f.sum[j];
    }
    ck_assert_msg(sqrt(error / size) < 1e-5, "%s: %g", kinds[k], sqrt(error / size));
    end(&f);
  }
}
END_TEST

START_TEST(a_row_that_is_not_finite_is_found) {
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int k = 0; k < 4; k++)
    for (int b = 0; b < 3; b++) {
      fixture f = begin(kinds[k]);
      mst_batch all = {.n = ROWS, .x = f.x, .label = f.label};
      f.x[4 * PIXELS + 70] = bad[b];
      bool clipped = mst_model_clipped_gradient(f.model, f.w, &all, 1, f.work, f.room, f.norm, f.g);
      ck_assert_msg(!clipped, "%s: %g is not found", kinds[k], (double)bad[b]);
      ck_assert(!isfinite(f.norm[4]));
      for (int i = 0; i < ROWS; i++) ck_assert(i == 4 || isfinite(f.norm[i]));
      end(&f);
    }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("ghost");
  TCase *c = tcase_create("ghost");
  tcase_add_test(c, every_row_is_shortened_by_itself);
  tcase_add_test(c, a_row_that_is_not_finite_is_found);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
