/* Each optimizer against its published update: the rule is written again, in double and as the
 * paper writes it. */
#include "tests/core/optim_vector.h"

enum {
  STEPS = 7
};

/* Everything that a rule may keep, in double. */
typedef struct trial {
  mst_optim_spec s;
  int t; /* steps done */
  double x[N], m[N], v[N], z[N], start[N], average[N], shift[N];
  double total, d, first, numerator, reach[LAYERS], energy[LAYERS];
} trial;

typedef void rule(trial *r, const double *g, double lr);

static double norm(const double *a, int64_t from, int64_t to) {
  double sum = 0;
  for (int64_t i = from; i < to; i++) sum += a[i] * a[i];
  return sqrt(sum);
}

static void sgd(trial *r, const double *g, double lr) {
  for (int i = 0; i < N; i++) {
    double gi = g[i] + r->s.weight_decay * r->x[i];
    r->m[i] = r->s.momentum * r->m[i] + gi;
    r->x[i] -= lr * (r->s.nesterov ? gi + r->s.momentum * r->m[i] : r->m[i]);
  }
}

static void adam(trial *r, const double *g, double lr) {
  const double b1 = r->s.beta1, b2 = r->s.beta2;
  for (int i = 0; i < N; i++) {
    double gi = g[i] + r->s.weight_decay * r->x[i];
    r->m[i] = b1 * r->m[i] + (1 - b1) * gi;
    r->v[i] = b2 * r->v[i] + (1 - b2) * gi * gi;
    double mean = r->m[i] / (1 - pow(b1, r->t + 1)), square = r->v[i] / (1 - pow(b2, r->t + 1));
    r->x[i] -= lr * mean / (sqrt(square) + r->s.epsilon);
  }
}

/* AdamW and Grams. */
static void adam_direction(trial *r, const double *g, double *u) {
  const double b1 = r->s.beta1, b2 = r->s.beta2;
  for (int i = 0; i < N; i++) {
    r->m[i] = b1 * r->m[i] + (1 - b1) * g[i];
    r->v[i] = b2 * r->v[i] + (1 - b2) * g[i] * g[i];
    double mean = r->m[i] / (1 - pow(b1, r->t + 1)), square = r->v[i] / (1 - pow(b2, r->t + 1));
    u[i] = mean / (sqrt(square) + r->s.epsilon);
  }
}

static void adamw(trial *r, const double *g, double lr) {
  double u[N];
  adam_direction(r, g, u);
  for (int i = 0; i < N; i++) r->x[i] -= lr * (u[i] + r->s.weight_decay * r->x[i]);
}

static void grams(trial *r, const double *g, double lr) {
  double u[N];
  adam_direction(r, g, u);
  for (int i = 0; i < N; i++) {
    double sign = g[i] > 0 ? 1 : g[i] < 0 ? -1 : 0;
    r->x[i] -= lr * (sign * fabs(u[i]) + r->s.weight_decay * r->x[i]);
  }
}

static void lamb(trial *r, const double *g, double lr) {
  double u[N];
  adam_direction(r, g, u);
  for (int l = 0; l < LAYERS; l++) {
    double x = norm(r->x, FIRST[l], FIRST[l + 1]);
    for (int64_t i = FIRST[l]; i < FIRST[l + 1]; i++) u[i] += r->s.weight_decay * r->x[i];
    double d = norm(u, FIRST[l], FIRST[l + 1]), ratio = x > 0 && d > 0 ? x / d : 1;
    for (int64_t i = FIRST[l]; i < FIRST[l + 1]; i++) r->x[i] -= lr * ratio * u[i];
  }
}

static void laprop(trial *r, const double *g, double lr) {
  const double b1 = r->s.beta1, b2 = r->s.beta2;
  for (int i = 0; i < N; i++) {
    r->v[i] = b2 * r->v[i] + (1 - b2) * g[i] * g[i];
    double root = sqrt(r->v[i] / (1 - pow(b2, r->t + 1)));
    r->m[i] = b1 * r->m[i] + (1 - b1) * g[i] / (root + r->s.epsilon);
    r->x[i] -= lr * (r->m[i] / (1 - pow(b1, r->t + 1)) + r->s.weight_decay * r->x[i]);
  }
}

static void adopt(trial *r, const double *g, double lr) {
  const double b1 = r->s.beta1, b2 = r->s.beta2;
  for (int i = 0; i < N; i++) {
    if (r->t == 0) {
      r->v[i] = g[i] * g[i];
      continue;
    }
    double normal = g[i] / fmax(sqrt(r->v[i]), r->s.epsilon);
    double bound = r->s.cap > 0 ? pow(r->t, r->s.cap) : INFINITY;
    normal = fmin(fmax(normal, -bound), bound);
    r->m[i] = r->s.cap == 0 && r->t == 1 ? normal : b1 * r->m[i] + (1 - b1) * normal;
    r->x[i] -= lr * (r->m[i] + r->s.weight_decay * r->x[i]);
    r->v[i] = b2 * r->v[i] + (1 - b2) * g[i] * g[i];
  }
}

static void lars(trial *r, const double *g, double lr) {
  for (int l = 0; l < LAYERS; l++) {
    double x = norm(r->x, FIRST[l], FIRST[l + 1]), d = norm(g, FIRST[l], FIRST[l + 1]);
    double local = x > 0 && d > 0 ? r->s.trust * x / (d + r->s.weight_decay * x) : 1;
    for (int64_t i = FIRST[l]; i < FIRST[l + 1]; i++) {
      r->m[i] = r->s.momentum * r->m[i] + lr * local * (g[i] + r->s.weight_decay * r->x[i]);
      r->x[i] -= r->m[i];
    }
  }
}

static void schedule_free(trial *r, const double *g, double lr, double beta, bool adaptive) {
  if (adaptive) lr *= sqrt(1 - pow(r->s.beta2, r->t + 1));
  r->total += lr * lr;
  for (int i = 0; i < N; i++) {
    double step = g[i];
    if (adaptive) {
      r->v[i] = r->s.beta2 * r->v[i] + (1 - r->s.beta2) * g[i] * g[i];
      step = g[i] / (sqrt(r->v[i]) + r->s.epsilon);
    }
    r->z[i] -= lr * (step + r->s.weight_decay * r->x[i]);
    double c = lr * lr / r->total;
    r->average[i] = (1 - c) * r->average[i] + c * r->z[i];
    r->x[i] = (1 - beta) * r->z[i] + beta * r->average[i];
  }
}

static void schedule_free_sgd(trial *r, const double *g, double lr) {
  schedule_free(r, g, lr, r->s.momentum, false);
}

static void schedule_free_adamw(trial *r, const double *g, double lr) {
  schedule_free(r, g, lr, r->s.beta1, true);
}

static void dog_range(trial *r, const double *g, double lr, int own, int64_t from, int64_t to) {
  double away = 0;
  for (int64_t i = from; i < to; i++) away += (r->x[i] - r->start[i]) * (r->x[i] - r->start[i]);
  if (r->t == 0) r->reach[own] = r->s.initial * (1 + norm(r->start, from, to));
  r->reach[own] = fmax(r->reach[own], sqrt(away));
  for (int64_t i = from; i < to; i++) {
    double gi = g[i] + r->s.weight_decay * r->x[i];
    r->energy[own] += gi * gi;
  }
  double eta = lr * r->reach[own] / sqrt(r->energy[own] + 1e-8);
  for (int64_t i = from; i < to; i++) {
    r->x[i] -= eta * (g[i] + r->s.weight_decay * r->x[i]);
    double share = 9.0 / (r->t + 1 + 8);
    r->average[i] = (1 - share) * r->average[i] + share * r->x[i];
  }
}

static void dog(trial *r, const double *g, double lr) {
  if (!r->s.layerwise) dog_range(r, g, lr, 0, 0, N);
  for (int l = 0; l < LAYERS && r->s.layerwise; l++) dog_range(r, g, lr, l, FIRST[l], FIRST[l + 1]);
}

/* As algorithm 4 writes it, with z of its own and the numerator of the first version. */
static void d_adaptation(trial *r, const double *g, double lr) {
  double shift = 0;
  if (r->t == 0) r->d = r->s.initial;
  if (r->t == 0) r->first = norm(g, 0, N);
  double lambda = r->d * lr / r->first;
  for (int i = 0; i < N; i++) {
    r->shift[i] += lambda * g[i];
    r->z[i] -= lambda * g[i];
    r->x[i] = r->s.momentum * r->x[i] + (1 - r->s.momentum) * r->z[i];
    shift += r->shift[i] * r->shift[i];
    r->numerator += lambda * lambda * g[i] * g[i];
  }
  r->d = fmax(r->d, (shift - r->numerator) / sqrt(shift));
}

static void d_adaptation_adam(trial *r, const double *g, double lr) {
  const double b1 = r->s.beta1, b2 = r->s.beta2, root = sqrt(b2);
  double along = 0, length = 0;
  if (r->t == 0) r->d = r->s.initial;
  double lambda = r->d * lr;
  for (int i = 0; i < N; i++) {
    along += g[i] * r->shift[i] / (sqrt(r->v[i]) + r->s.epsilon);
    r->m[i] = b1 * r->m[i] + (1 - b1) * lambda * g[i];
    r->v[i] = b2 * r->v[i] + (1 - b2) * g[i] * g[i];
    r->shift[i] = root * r->shift[i] + (1 - root) * lambda * g[i];
    length += fabs(r->shift[i]);
    r->x[i] -= r->m[i] / (sqrt(r->v[i]) + r->s.epsilon) + lambda * r->s.weight_decay * r->x[i];
  }
  r->numerator = root * r->numerator + (1 - root) * lambda * along;
  r->d = fmax(r->d, r->numerator / ((1 - root) * length));
}

/* How far a is from b beyond a few roundings of a parameter to float, as a share of the way. */
static double error(double a, double b, double way) {
  const double beyond = fabs(a - b) - 3e-7 * fabs(b);
  return isnan(a) || isnan(b) ? INFINITY : beyond > 0 ? beyond / way : 0;
}

/* The largest error of an entry, as a share of the largest change of an entry so far. lr varies;
 * one gradient entry is 0, and one layer starts at 0. */
static double follow(const mst_optim_spec *spec, rule *step) {
  trial r = {.s = *spec};
  float w[N], out[N];
  double worst = 0, moved = 0;
  for (int i = 0; i < N; i++) {
    w[i] = i == 3 ? 0 : sample(i, -7);
    r.x[i] = r.z[i] = r.start[i] = r.average[i] = w[i];
  }
  mst_optim *o = made(spec, w);
  for (; r.t < STEPS; r.t++) {
    float g[N];
    double gd[N], lr = spec->lr * (1 - 0.1 * r.t);
    for (int i = 0; i < N; i++) gd[i] = g[i] = i == 5 && r.t % 2 == 1 ? 0 : sample(i, r.t);
    mst_optim_step(o, w, g, lr);
    step(&r, gd, lr);
    mst_optim_average(o, w, out);
    for (int i = 0; i < N; i++) moved = fmax(moved, fabs(r.x[i] - r.start[i]));
    for (int i = 0; i < N; i++) {
      worst = fmax(worst, error(w[i], r.x[i], moved));
      const double evaluated = o->ops->averages ? r.average[i] : r.x[i];
      worst = fmax(worst, error(out[i], evaluated, moved));
    }
  }
  mst_optim_destroy(o);
  ck_assert_double_gt(moved, 1e-4);
  return worst;
}

/* A setting of every rule, and what it is told; KEPT is the default. */
enum {
  KEPT = -1
};
static const struct told {
  const char *kind;
  rule *step;
  double lr, decay, momentum, initial, cap, beta2;
  bool nesterov, layerwise;
} told[] = {
    {"sgd", sgd, KEPT, 0.05, 0, KEPT, KEPT, KEPT, false, false},
    {"sgd", sgd, KEPT, 0.05, 0.8, KEPT, KEPT, KEPT, false, false},
    {"sgd", sgd, KEPT, 0.05, 0.8, KEPT, KEPT, KEPT, true, false},
    {"adam", adam, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"adam", adam, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"adamw", adamw, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"adamw", adamw, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"laprop", laprop, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"laprop", laprop, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"adopt", adopt, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"adopt", adopt, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"adopt", adopt, 1e-3, KEPT, KEPT, KEPT, 0, 0.7, false, false}, /* without the clip */
    {"grams", grams, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"grams", grams, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"lars", lars, 1, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"lars", lars, 1, 0.05, KEPT, KEPT, KEPT, KEPT, false, false},
    {"lamb", lamb, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"lamb", lamb, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"schedule_free_sgd", schedule_free_sgd, 0.1, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"schedule_free_sgd", schedule_free_sgd, 0.1, 0.2, KEPT, KEPT, KEPT, KEPT, false, false},
    {"schedule_free_adamw", schedule_free_adamw, 0.01, 0, KEPT, KEPT, KEPT, KEPT, false, false},
    {"schedule_free_adamw", schedule_free_adamw, 0.01, 0.3, KEPT, KEPT, KEPT, KEPT, false, false},
    {"dog", dog, KEPT, 0, KEPT, 0.01, KEPT, KEPT, false, false},
    {"dog", dog, KEPT, 0, KEPT, 0.01, KEPT, KEPT, false, true},
    {"dog", dog, KEPT, 0.1, KEPT, 0.01, KEPT, KEPT, false, false},
    {"dog", dog, KEPT, 0.1, KEPT, 0.01, KEPT, KEPT, false, true},
    {"d_adaptation", d_adaptation, KEPT, KEPT, KEPT, 0.01, KEPT, KEPT, false, false},
    {"d_adaptation", d_adaptation, KEPT, KEPT, 0, 0.01, KEPT, KEPT, false, false},
    {"d_adaptation_adam", d_adaptation_adam, KEPT, 0, KEPT, 0.01, KEPT, KEPT, false, false},
    {"d_adaptation_adam", d_adaptation_adam, KEPT, 0.2, KEPT, 0.01, KEPT, KEPT, false, false},
};

static void tell(double *field, double value) {
  if (value >= 0) *field = value;
}

START_TEST(every_rule_follows_its_published_update) {
  const struct told *is = &told[_i];
  mst_optim_spec spec = mst_optim_defaults(is->kind);
  tell(&spec.lr, is->lr);
  tell(&spec.weight_decay, is->decay);
  tell(&spec.momentum, is->momentum);
  tell(&spec.initial, is->initial);
  tell(&spec.cap, is->cap);
  tell(&spec.beta2, is->beta2);
  spec.nesterov = is->nesterov;
  spec.layerwise = is->layerwise;
  const double worst = follow(&spec, is->step);
  ck_assert_msg(worst < 1e-6, "%s, case %d: error %g of the way", is->kind, _i, worst);
}
END_TEST

/* A member without a case above would go unseen; egn, which needs a model, has tests of its own. */
START_TEST(every_rule_has_a_case) {
  for (int k = 0; mst_optim_at(k) != NULL; k++) {
    bool found = mst_optim_at(k)->needs_model;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
      found = found || strcmp(told[i].kind, mst_optim_at(k)->name) == 0;
    ck_assert_msg(found, "%s", mst_optim_at(k)->name);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("optimizer rules");
  TCase *t = tcase_create("rules");
  suite_add_tcase(suite, t);
  tcase_add_loop_test(t, every_rule_follows_its_published_update, 0, sizeof told / sizeof *told);
  tcase_add_test(t, every_rule_has_a_case);
  return mst_test_main(argc, argv, suite);
}
