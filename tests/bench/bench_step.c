/* One step of local training, gradient and plain SGD, of a 784-200-200-10 network: the rate of its
 * products against the processor's multiply-adds, and its CPU time against the same step in PyTorch
 * (step_torch.py), if python3 has it. Figures are medians of repeats on one thread.
 *
 *   bench_step [batch ...]      (default 10 50) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/dense.h"
#include "core/model/model.h"
#include "tests/bench/bench.h"

#define ROWS    600 /* of a client; batches go round */
#define INPUTS  784
#define CLASSES 10
#define REPEATS 41
#define RATE    0.01f

/* GFLOP/s of multiply-adds: a product whose operands stay in the first cache. */
static double peak(void) {
  enum {
    N = 14,
    IN = 200,
    OUT = 32,
    TIMES = 2000
  };
  static float x[N * IN], w[IN * OUT], y[N * OUT];
  double best = 0;
  for (int r = 0; r < REPEATS; r++) {
    double start = cpu_seconds();
    for (int i = 0; i < TIMES; i++) mst_dense_forward(N, IN, OUT, x, IN, w, OUT, NULL, y, OUT);
    double rate = 2e-9 * N * IN * OUT * TIMES / (cpu_seconds() - start);
    if (rate > best) best = rate;
  }
  return best;
}

typedef struct training {
  mst_model *model;
  mst_model_work *work;
  float *w, *g, *x;
  int32_t *label;
} training;

static void start(training *t, int64_t batch) {
  mst_model_spec spec = {
      .kind = "mlp", .init = "xavier", .hidden = {2, {200, 200}}, .activation = "relu"};
  mst_row_shape shape = {1, {INPUTS}};
  need(mst_model_create(&spec, &shape, true, CLASSES, &t->model));
  need(mst_model_work_create(t->model, batch, &t->work));
  need(mst_alloc(&t->w, t->model->parameters, sizeof *t->w, "parameters"));
  need(mst_alloc(&t->g, t->model->parameters, sizeof *t->g, "gradient"));
  need(mst_alloc(&t->x, ROWS * INPUTS, sizeof *t->x, "rows"));
  need(mst_alloc(&t->label, ROWS, sizeof *t->label, "labels"));
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < ROWS * INPUTS; i++) t->x[i] = (float)mst_stream_uniform(&s);
  for (int64_t i = 0; i < ROWS; i++) t->label[i] = (int32_t)mst_stream_below(&s, CLASSES);
  mst_model_init(t->model, 1, 0, t->w);
}

static void finish(training *t) {
  mst_free(t->label);
  mst_free(t->x);
  mst_free(t->g);
  mst_free(t->w);
  mst_model_work_destroy(t->work);
  mst_model_destroy(t->model);
}

static void step(training *t, int64_t first, int64_t n) {
  mst_batch batch = {.n = n, .x = t->x + first * INPUTS, .label = t->label + first};
  const mst_descent d = {.rate = RATE, .gradient = 1.0f, .from = t->w, .to = t->w, .g = t->g};
  mst_model_descend(t->model, t->w, &batch, t->work, &d, NULL);
}

/* CPU microseconds of a step. */
static double step_microseconds(int64_t batch) {
  training t = {0};
  double seconds[REPEATS];
  start(&t, batch);
  for (int r = 0; r < REPEATS; r++) {
    int steps = 0;
    double begin = cpu_seconds();
    for (int epoch = 0; epoch < 3; epoch++)
      for (int64_t i = 0; i + batch <= ROWS; i += batch, steps++) step(&t, i, batch);
    seconds[r] = (cpu_seconds() - begin) / steps;
  }
  finish(&t);
  return 1e6 * median(seconds, REPEATS);
}

/* Floating-point operations of the step's products: forward, gradients, and back through all but
 * the first layer. */
static double operations(int64_t batch) {
  double first = INPUTS * 200.0, later = 200.0 * 200.0 + 200.0 * CLASSES;
  return 2.0 * (double)batch * (2.0 * first + 3.0 * later);
}

/* CPU microseconds of PyTorch's step; 0 without PyTorch. */
static double torch_microseconds(const char *python, int64_t batch) {
  const char *srcdir = getenv("srcdir");
  char command[1024];
  double found = 0;
  snprintf(command, sizeof command, "%s '%s/tests/bench/step_torch.py' %lld 2>/dev/null", python,
           srcdir != NULL ? srcdir : ".", (long long)batch);
  FILE *out = popen(command, "r");
  if (out == NULL) return 0;
  if (fscanf(out, "%lf", &found) != 1) found = 0;
  pclose(out);
  return found;
}

static void report(int64_t batch, double limit) {
  double ours = step_microseconds(batch), rate = operations(batch) / ours * 1e-3, peer = 0;
  printf("step_rate_b%lld  ours %.1f GF/s  limit %.1f GF/s  ratio %.2fx\n", (long long)batch, rate,
         limit, rate / limit);
  const char *pythons[] = {getenv("PYTHON"), "python3", "/usr/bin/python3"};
  for (int i = 0; i < 3 && peer <= 0; i++)
    if (pythons[i] != NULL) peer = torch_microseconds(pythons[i], batch);
  if (peer > 0)
    printf("step_vs_torch_b%lld  ours %.1f us  peer %.1f us  ratio %.2fx\n", (long long)batch, ours,
           peer, peer / ours);
  else
    printf("step_b%lld  ours %.1f us (no PyTorch here to compare with)\n", (long long)batch, ours);
}

int main(int argc, char **argv) {
  double limit = peak();
  if (argc < 2) {
    report(10, limit);
    report(50, limit);
  }
  for (int i = 1; i < argc; i++) report(atoll(argv[i]), limit);
  return 0;
}
