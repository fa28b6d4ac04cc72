/* Gradients of every dense model, loss and activation, and what is made of them, against central
 * differences of a reference in double. */
#include "tests/core/model_sample.h"

/* The most that got may differ, for numbers of about `size`. */
static double allowed(double size) {
  return 2e-5 * (size + 0.05);
}

static double largest(int64_t count, const double *x) {
  double most = 0;
  for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(x[i]));
  return most;
}

/* Compare tensor by tensor with the sum over rows and outputs of v(n, outputs) times the Jacobian.
 */
static void check_pullback(const sample *s, const reference *ref, const double *v, const float *g) {
  const mst_model *m = s->m;
  for (int t = 0; t < m->tensors; t++) {
    const mst_tensor *tensor = &m->tensor[t];
    double *want = NULL;
    ck_ok(mst_alloc(&want, tensor->count, sizeof *want, "gradient"));
    for (int64_t k = 0; k < s->batch.n * m->outputs; k++)
      for (int64_t p = 0; p < tensor->count; p++)
        want[p] += v[k] * ref->jacobian[k * m->parameters + tensor->offset + p];
    double size = largest(tensor->count, want);
    for (int64_t p = 0; p < tensor->count; p++)
      ck_assert_msg(fabs(g[tensor->offset + p] - want[p]) <= allowed(size),
                    "%s, %s[%d]: %g, not %g", s->name, tensor->name, (int)p, g[tensor->offset + p],
                    want[p]);
    mst_free(want);
  }
}

static double total_loss(const sample *s, const reference *ref) {
  double sum = 0;
  for (int64_t i = 0; i < s->batch.n; i++) sum += ref->loss[i];
  return sum;
}

static void check_scores_and_loss(sample *s, const reference *ref) {
  float scores[SAMPLE_ROWS * 8];
  double loss = 0;
  int64_t correct = -1;
  mst_model_scores(s->m, s->w, s->batch.n, s->x, s->work, scores);
  for (int64_t k = 0; k < s->batch.n * s->m->outputs; k++)
    ck_assert_msg(fabs(scores[k] - ref->scores[k]) <= allowed(1), "%s: score %g, not %g", s->name,
                  scores[k], ref->scores[k]);
  mst_model_loss(s->m, s->w, &s->batch, s->work, &loss, &correct);
  ck_assert_msg(fabs(loss - total_loss(s, ref)) <= 1e-5 * (1 + fabs(loss)), "%s: loss %g, not %g",
                s->name, loss, total_loss(s, ref));
  mst_model_loss(s->m, s->w, &s->batch, s->work, &loss, NULL);
}

static void check_gradient(sample *s, const reference *ref) {
  double v[SAMPLE_ROWS * 8], loss = 0;
  for (int64_t k = 0; k < s->batch.n * s->m->outputs; k++)
    v[k] = ref->residual[k] / (double)s->batch.n;
  mst_model_gradient(s->m, s->w, &s->batch, s->work, s->g, &loss);
  check_pullback(s, ref, v, s->g);
  ck_assert(fabs(loss - total_loss(s, ref)) <= 1e-5 * (1 + fabs(loss)));
  mst_model_gradient(s->m, s->w, &s->batch, s->work, s->g, NULL);
}

static void check_weighted(sample *s, const reference *ref) {
  double v[SAMPLE_ROWS * 8], loss = 0;
  float weight[SAMPLE_ROWS];
  for (int64_t i = 0; i < s->batch.n; i++) weight[i] = i == 2 ? 0.0f : 1.0f / (float)(i + 1);
  for (int64_t k = 0; k < s->batch.n * s->m->outputs; k++)
    v[k] = ref->residual[k] * weight[k / s->m->outputs];
  mst_model_weighted_gradient(s->m, s->w, &s->batch, weight, s->work, s->g, &loss);
  check_pullback(s, ref, v, s->g);
  ck_assert(fabs(loss - total_loss(s, ref)) <= 1e-5 * (1 + fabs(loss)));
}

static void check_norms(sample *s) {
  double norm[SAMPLE_ROWS];
  mst_model_norms(s->m, s->w, &s->batch, s->work, norm);
  for (int64_t i = 0; i < s->batch.n; i++) {
    mst_batch row = sample_row(s, i);
    double square = 0;
    mst_model_gradient(s->m, s->w, &row, s->work, s->g, NULL);
    for (int64_t p = 0; p < s->m->parameters; p++) square += (double)s->g[p] * s->g[p];
    ck_assert_msg(fabs(norm[i] - sqrt(square)) <= 1e-5 * norm[i], "%s: norm %g, not %g", s->name,
                  norm[i], sqrt(square));
  }
}

static void check_residual_and_pull(sample *s, const reference *ref) {
  float scores[SAMPLE_ROWS * 8], r[SAMPLE_ROWS * 8], v[SAMPLE_ROWS * 8];
  double exact[SAMPLE_ROWS * 8];
  mst_model_residual(s->m, s->w, &s->batch, s->work, scores, r);
  for (int64_t k = 0; k < s->batch.n * s->m->outputs; k++) {
    ck_assert(fabs(scores[k] - ref->scores[k]) <= allowed(1));
    ck_assert_msg(fabs(r[k] - ref->residual[k]) <= allowed(fabs(ref->residual[k])),
                  "%s: residual %g, not %g", s->name, r[k], ref->residual[k]);
    exact[k] = v[k] = (float)cos((double)k);
  }
  mst_model_pull(s->m, s->w, &s->batch, v, s->work, s->g);
  check_pullback(s, ref, exact, s->g);
}

static void check_kernel(sample *s, const reference *ref) {
  int64_t rows = s->batch.n * s->m->outputs, count = s->m->parameters;
  double *k = NULL;
  ck_ok(mst_alloc(&k, rows * rows, sizeof *k, "kernel"));
  ck_ok(mst_model_kernel(s->m, s->w, &s->batch, s->work, k));
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < rows; j++) {
      double want = 0, size = sqrt(k[i * rows + i] * k[j * rows + j]);
      for (int64_t p = 0; p < count; p++)
        want += ref->jacobian[i * count + p] * ref->jacobian[j * count + p];
      ck_assert_msg(fabs(k[i * rows + j] - want) <= allowed(size), "%s: k(%d, %d) is %g, not %g",
                    s->name, (int)i, (int)j, k[i * rows + j], want);
    }
  mst_free(k);
}

START_TEST(all_agrees_with_differences_of_the_reference) {
  sample s = sample_of(&sample_kinds[_i], SAMPLE_ROWS);
  reference ref = reference_of(&s);
  check_scores_and_loss(&s, &ref);
  check_gradient(&s, &ref);
  check_weighted(&s, &ref);
  check_norms(&s);
  check_residual_and_pull(&s, &ref);
  check_kernel(&s, &ref);
  reference_release(&ref);
  sample_release(&s);
}
END_TEST

typedef struct report {
  const float *g;
  float *copy;
  int64_t next; /* all from here on is final */
} report;

static void note(void *context, int64_t first, int64_t count) {
  report *r = context;
  ck_assert_int_eq(first + count, r->next);
  r->next = first;
  memcpy(r->copy + first, r->g + first, (size_t)count * sizeof *r->g);
}

START_TEST(a_gradient_is_final_when_it_is_told_so) {
  sample s = sample_of(&sample_kinds[_i], SAMPLE_ROWS);
  report r = {.g = s.g, .next = s.m->parameters};
  ck_ok(mst_alloc(&r.copy, s.m->parameters, sizeof *r.copy, "copy"));
  mst_model_on_gradient(s.work, note, &r);
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, NULL);
  ck_assert_int_eq(r.next, 0);
  ck_assert(memcmp(r.copy, s.g, (size_t)s.m->parameters * sizeof *s.g) == 0);
  mst_model_on_gradient(s.work, NULL, NULL);
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, NULL);
  mst_free(r.copy);
  sample_release(&s);
}
END_TEST

static void count_ranges(void *context, int64_t first, int64_t count) {
  int64_t *ranges = context;
  (void)first;
  ck_assert_int_le(count, 1 << 15);
  ++*ranges;
}

/* 500 x 300 weights, which do not stay in cache, and whose rows are no whole number of ranges. */
START_TEST(a_large_layer_is_told_of_in_ranges_with_the_bits_of_its_whole) {
  enum { IN = 500, OUT = 300, N = 9 };
  mst_model_spec spec = {.kind = "mlp", .init = "xavier", .activation = "tanh",
                         .hidden = {.n = 1, .value = {OUT}}};
  mst_row_shape shape = {.dims = 1, .size = {IN}};
  mst_model *m = NULL;
  mst_model_work *work = NULL;
  float *w = NULL, *x = NULL, *g[2] = {NULL, NULL};
  int32_t label[N];
  int64_t ranges = 0;
  ck_ok(mst_model_create(&spec, &shape, true, 3, &m));
  ck_ok(mst_model_work_create(m, N, &work));
  ck_ok(mst_alloc(&w, m->parameters, sizeof *w, "w"));
  ck_ok(mst_alloc(&x, N * IN, sizeof *x, "x"));
  for (int64_t i = 0; i < N * IN; i++) x[i] = (float)((i * 7919) % 65537) / 65537.0f - 0.5f;
  for (int i = 0; i < N; i++) label[i] = i % 3;
  mst_model_init(m, 1, 0, w);
  mst_batch batch = {.n = N, .x = x, .label = label};
  for (int told = 0; told < 2; told++) {
    ck_ok(mst_alloc(&g[told], m->parameters, sizeof **g, "g"));
    mst_model_on_gradient(work, told ? count_ranges : NULL, &ranges);
    mst_model_gradient(m, w, &batch, work, g[told], NULL);
  }
  ck_assert_int_ge(ranges, 5);
  ck_assert(memcmp(g[0], g[1], (size_t)m->parameters * sizeof **g) == 0);
  for (int told = 0; told < 2; told++) mst_free(g[told]);
  mst_free(x);
  mst_free(w);
  mst_model_work_destroy(work);
  mst_model_destroy(m);
}
END_TEST

START_TEST(a_step_has_the_bits_of_the_gradient_and_then_the_step) {
  const float rate = 0.1f, decays[] = {0.0f, 0.01f};
  for (int k = 0; k < 2; k++) {
    sample s = sample_of(&sample_kinds[_i], SAMPLE_ROWS),
           t = sample_of(&sample_kinds[_i], SAMPLE_ROWS);
    double loss = 0, other = 1;
    mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, &loss);
    for (int64_t p = 0; p < s.m->parameters; p++) {
      volatile float move = s.g[p];
      if (decays[k] != 0.0f) {
        volatile float pull = decays[k] * s.w[p];
        move += pull;
      }
      move *= rate;
      s.w[p] -= move;
    }
    const mst_descent d = {
        .rate = rate, .gradient = 1.0f, .decay = decays[k], .from = t.w, .to = t.w, .g = t.g};
    mst_model_descend(t.m, t.w, &t.batch, t.work, &d, &other);
    ck_assert(memcmp(s.w, t.w, (size_t)s.m->parameters * sizeof *s.w) == 0);
    ck_assert(loss == other);
    sample_release(&s);
    sample_release(&t);
  }
}
END_TEST

/* One element of a step, a rounding after each operation. */
static float step_of(const mst_descent *d, int64_t p, float g) {
  volatile float sum = d->gradient * g, term;
  if (d->proximal != 0.0f) {
    term = d->from[p] - d->start[p];
    term *= d->proximal;
    sum += term;
  }
  if (d->constant != NULL) sum += d->constant[p];
  if (d->decay != 0.0f) {
    term = d->decay * d->from[p];
    sum += term;
  }
  sum *= d->rate;
  return d->from[p] - sum;
}

START_TEST(a_step_with_terms_from_elsewhere_has_the_bits_of_the_gradient_and_then_the_step) {
  sample s = sample_of(&sample_kinds[_i], SAMPLE_ROWS),
         t = sample_of(&sample_kinds[_i], SAMPLE_ROWS);
  const int64_t parameters = s.m->parameters;
  float *to = NULL, *start = NULL, *moved = NULL;
  ck_ok(mst_alloc(&to, parameters, sizeof *to, "w after the step"));
  ck_ok(mst_alloc(&moved, parameters, sizeof *moved, "w before and after the step"));
  ck_ok(mst_alloc(&start, parameters, sizeof *start, "start"));
  for (int64_t p = 0; p < parameters; p++) {
    start[p] = 0.5f * s.w[p] + 0.01f;
    t.w[p] = 0.9f * s.w[p]; /* what moves; the gradient is taken at s.w */
  }
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, NULL);
  for (int terms = 0; terms < 8; terms++) {
    const mst_descent d = {.rate = 0.1f,
                           .gradient = terms == 0 ? 0.3f : 1.0f,
                           .proximal = terms & 1 ? 0.2f : 0.0f,
                           .constant = terms & 2 ? start : NULL,
                           .decay = terms & 4 ? 0.01f : 0.0f,
                           .start = start,
                           .from = t.w,
                           .to = to,
                           .g = t.g};
    mst_model_descend(t.m, s.w, &s.batch, t.work, &d, NULL);
    for (int64_t p = 0; p < parameters; p++) ck_assert(to[p] == step_of(&d, p, s.g[p]));
    /* the same where what moves is overwritten */
    mst_descent same = d;
    memcpy(moved, t.w, (size_t)parameters * sizeof *moved);
    same.from = same.to = moved;
    mst_model_descend(t.m, s.w, &s.batch, t.work, &same, NULL);
    ck_assert(memcmp(moved, to, (size_t)parameters * sizeof *to) == 0);
    /* and is what the gradient is taken at */
    memcpy(moved, s.w, (size_t)parameters * sizeof *moved);
    mst_model_descend(t.m, moved, &s.batch, t.work, &same, NULL);
    same.from = s.w;
    for (int64_t p = 0; p < parameters; p++) ck_assert(moved[p] == step_of(&same, p, s.g[p]));
  }
  mst_free(moved);
  mst_free(start);
  mst_free(to);
  sample_release(&s);
  sample_release(&t);
}
END_TEST

START_TEST(scores_do_not_depend_on_the_rows_beside) {
  enum {
    MANY = 61
  };
  sample s = sample_of(&sample_kinds[_i], MANY);
  float all[MANY * 8], one[8];
  mst_model_scores(s.m, s.w, MANY, s.x, s.work, all);
  for (int64_t i = 0; i < MANY; i++) {
    mst_model_scores(s.m, s.w, 1, s.x + i * SAMPLE_INPUTS, s.work, one);
    ck_assert(memcmp(one, all + i * s.m->outputs, (size_t)s.m->outputs * sizeof *one) == 0);
  }
  sample_release(&s);
}
END_TEST

START_TEST(a_large_batch_has_the_mean_of_its_parts) {
  enum {
    MANY = 5000
  };
  sample s = sample_of(&sample_kinds[_i], MANY);
  double *sum = NULL, loss = 0, part_loss = 0, losses = 0;
  ck_ok(mst_alloc(&sum, s.m->parameters, sizeof *sum, "sum"));
  for (int64_t i = 0; i < MANY; i += 100) {
    mst_batch part = sample_row(&s, i);
    part.n = 100;
    mst_model_gradient(s.m, s.w, &part, s.work, s.g, &part_loss);
    for (int64_t p = 0; p < s.m->parameters; p++) sum[p] += (double)s.g[p] * 100 / MANY;
    losses += part_loss;
  }
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, &loss);
  ck_assert(fabs(loss - losses) <= 1e-9 * fabs(loss));
  for (int64_t p = 0; p < s.m->parameters; p++) ck_assert(fabs(s.g[p] - sum[p]) <= allowed(1));
  mst_free(sum);
  sample_release(&s);
}
END_TEST

START_TEST(a_nan_in_a_row_reaches_its_scores_loss_and_gradient) {
  sample s = sample_of(&sample_kinds[_i], SAMPLE_ROWS);
  float scores[SAMPLE_ROWS * 8];
  double loss = 0;
  bool found = false;
  s.x[3 * SAMPLE_INPUTS + 5] = NAN;
  mst_model_scores(s.m, s.w, SAMPLE_ROWS, s.x, s.work, scores);
  for (int64_t i = 0; i < SAMPLE_ROWS; i++)
    for (int64_t c = 0; c < s.m->outputs; c++)
      ck_assert_int_eq(isnan(scores[i * s.m->outputs + c]) != 0, i == 3);
  mst_model_gradient(s.m, s.w, &s.batch, s.work, s.g, &loss);
  for (int64_t p = 0; p < s.m->parameters; p++) found = found || isnan(s.g[p]);
  ck_assert_msg(isnan(loss) && found, "%s", s.name);
  sample_release(&s);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("model gradients");
  TCase *tc = tcase_create("model gradients");
  tcase_set_timeout(tc, 0);
  tcase_add_loop_test(tc, all_agrees_with_differences_of_the_reference, 0, SAMPLE_KINDS);
  tcase_add_loop_test(tc, a_gradient_is_final_when_it_is_told_so, 0, SAMPLE_KINDS);
  tcase_add_test(tc, a_large_layer_is_told_of_in_ranges_with_the_bits_of_its_whole);
  tcase_add_loop_test(tc, a_step_has_the_bits_of_the_gradient_and_then_the_step, 0, SAMPLE_KINDS);
  tcase_add_loop_test(
      tc, a_step_with_terms_from_elsewhere_has_the_bits_of_the_gradient_and_then_the_step, 0,
      SAMPLE_KINDS);
  tcase_add_loop_test(tc, scores_do_not_depend_on_the_rows_beside, 0, SAMPLE_KINDS);
  tcase_add_loop_test(tc, a_large_batch_has_the_mean_of_its_parts, 0, SAMPLE_KINDS);
  tcase_add_loop_test(tc, a_nan_in_a_row_reaches_its_scores_loss_and_gradient, 0, SAMPLE_KINDS);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
