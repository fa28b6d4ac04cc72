/* What privacy costs a step on one core: the gradient of 2,048 rows in blocks of 64, added on the
 * lattice, against the same with every row's gradient clipped and Gaussian noise on the sum. Both
 * in turn, CPU time, medians of repeats. The limits are those that private training asks for.
 * Beside it, where python3 has them (OPACUS_PYTHON names another interpreter), the same step in
 * Opacus. */
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/model/ghost.h"
#include "core/privacy/noise.h"
#include "tests/bench/bench.h"

enum {
  INPUTS = 784,
  CLASSES = 10,
  BLOCK = 64,
  ROWS = 2048,
  REPEATS = 15,
  SHIFT = 30
};

#define CLIP  0.1
#define SIGMA 1.1

typedef struct training {
  mst_model *model;
  mst_model_work *work;
  float *w, *g, *x, *room;
  int32_t *label;
  double *wide, *norm;
  int64_t *sum;
} training;

static void start(training *t, const mst_model_spec *spec, const mst_row_shape *shape) {
  need(mst_model_create(spec, shape, true, CLASSES, &t->model));
  const int64_t n = t->model->parameters;
  need(mst_model_work_create(t->model, BLOCK, &t->work));
  need(mst_alloc(&t->w, n, sizeof *t->w, "parameters"));
  need(mst_alloc(&t->g, n, sizeof *t->g, "gradient"));
  need(mst_alloc(&t->wide, n, sizeof *t->wide, "gradient"));
  need(mst_alloc(&t->sum, n, sizeof *t->sum, "sum"));
  need(mst_alloc(&t->x, ROWS * INPUTS, sizeof *t->x, "rows"));
  need(mst_alloc(&t->label, ROWS, sizeof *t->label, "labels"));
  need(mst_alloc(&t->norm, BLOCK, sizeof *t->norm, "norms"));
  need(mst_alloc(&t->room, mst_model_clipped_room(t->model, BLOCK), sizeof *t->room, "room"));
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < ROWS * INPUTS; i++) t->x[i] = (float)mst_stream_uniform(&s);
  for (int64_t i = 0; i < ROWS; i++) t->label[i] = (int32_t)mst_stream_below(&s, CLASSES);
  mst_model_init(t->model, 1, 0, t->w);
}

static void finish(training *t) {
  mst_free(t->room);
  mst_free(t->norm);
  mst_free(t->label);
  mst_free(t->x);
  mst_free(t->sum);
  mst_free(t->wide);
  mst_free(t->g);
  mst_free(t->w);
  mst_model_work_destroy(t->work);
  mst_model_destroy(t->model);
}

/* CPU milliseconds. */
static double step(training *t, bool private, uint64_t number) {
  const int64_t n = t->model->parameters;
  const double begin = cpu_seconds();
  memset(t->sum, 0, (size_t)n * sizeof *t->sum);
  for (int64_t i = 0; i < ROWS; i += BLOCK) {
    const mst_batch b = {.n = BLOCK, .x = t->x + i * INPUTS, .label = t->label + i};
    if (!private)
      mst_model_gradient(t->model, t->w, &b, t->work, t->g, NULL);
    else if (!mst_model_clipped_gradient(t->model, t->w, &b, CLIP, t->work, t->room, t->norm, t->g))
      exit(EXIT_FAILURE);
    for (int64_t k = 0; k < n; k++) t->wide[k] = (double)t->g[k];
    mst_lattice_add(t->sum, t->wide, n, SHIFT);
  }
  if (private) {
    const mst_secret secret = mst_secret_test(1);
    const mst_noise noise = mst_noise_of(&secret, MST_NOISE_SUM, 0, number);
    mst_noise_gaussian(&noise, 0, n, SIGMA * CLIP, t->wide);
  }
  return 1e3 * (cpu_seconds() - begin);
}

/* Milliseconds of Opacus's private step; 0 without Opacus. */
static double opacus(const char *model) {
  const char *python = getenv("OPACUS_PYTHON"), *source = getenv("srcdir");
  char command[1024];
  double found = 0;
  snprintf(command, sizeof command, "'%s' '%s/tests/bench/private_opacus.py' %s 2>/dev/null",
           python != NULL ? python : "python3", source != NULL ? source : ".", model);
  FILE *out = popen(command, "r");
  if (out == NULL) return 0;
  if (fscanf(out, "%lf", &found) != 1) found = 0;
  pclose(out);
  return found;
}

static void report(const char *name, const mst_model_spec *spec, const mst_row_shape *shape,
                   double limit) {
  training t = {0};
  double plain[REPEATS], private[REPEATS], ratio[REPEATS];
  start(&t, spec, shape);
  step(&t, false, 0);
  step(&t, true, 0);
  for (int r = 0; r < REPEATS; r++) {
    plain[r] = step(&t, false, 0);
    private[r] = step(&t, true, 1 + (uint64_t)r);
    ratio[r] = private[r] / plain[r];
  }
  const double cost = median(ratio, REPEATS), ours = median(private, REPEATS);
  printf(
      "private_step_%s  ours %.2f plain steps  limit %.1f plain steps (%.2f ms and %.2f ms)  "
      "ratio %.2fx\n",
      name, cost, limit, ours, median(plain, REPEATS), limit / cost);
  const double peer = opacus(name);
  if (peer > 0)
    printf("private_step_%s_opacus  ours %.2f ms  peer %.2f ms  ratio %.2fx\n", name, ours, peer,
           peer / ours);
  else
    printf(
        "private_step_%s_opacus  ours %.2f ms; skipped: Opacus is not installed (pip install "
        "opacus, OPACUS_PYTHON=its python)\n",
        name, ours);
  finish(&t);
}

int main(void) {
  const mst_row_shape row = {1, {INPUTS}}, image = {2, {28, 28}};
  const mst_model_spec softmax = {.kind = "softmax", .init = "xavier"};
  const mst_model_spec mlp = {
      .kind = "mlp", .init = "xavier", .hidden = {2, {200, 200}}, .activation = "relu"};
  const mst_model_spec lenet = {.kind = "lenet", .init = "he", .channels = 16, .groups = 4};
  report("softmax", &softmax, &row, 1.3);
  report("mlp", &mlp, &row, 1.3);
  report("lenet", &lenet, &image, 2);
  return EXIT_SUCCESS;
}
