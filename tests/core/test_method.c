/* Federated methods against a plain simulation in double of the equations that their papers print:
 * other variables, other signs, no shared parts. Three rounds, all clients or some of them. */
#include "tests/core/test_method_federation.h"

/* What the papers keep. */
typedef struct paper {
  double w[P];
  double server[P], second[P]; /* momenta, c, h; mean squares, s */
  double own[CLIENTS][P], dual[CLIENTS][P];
  bool begun;
} paper;

/* The mean cross entropy's gradient over some rows, entry by entry. w is (INPUTS, CLASSES), then
 * the biases. */
static void gradient_of(const federation *f, int client, const int64_t *row, int64_t n,
                        const double *w, double *g) {
  memset(g, 0, P * sizeof *g);
  for (int64_t r = 0; r < n; r++) {
    const float *x = f->x[client] + row[r] * INPUTS;
    double score[CLASSES], sum = 0;
    for (int c = 0; c < CLASSES; c++) {
      score[c] = w[INPUTS * CLASSES + c];
      for (int j = 0; j < INPUTS; j++) score[c] += (double)x[j] * w[j * CLASSES + c];
      sum += exp(score[c]);
    }
    for (int c = 0; c < CLASSES; c++) {
      double residual = exp(score[c]) / sum - (f->label[client][row[r]] == c);
      for (int j = 0; j < INPUTS; j++) g[j * CLASSES + c] += (double)x[j] * residual / (double)n;
      g[INPUTS * CLASSES + c] += residual / (double)n;
    }
  }
}

static double norm_of(const double *v) {
  double sum = 0;
  for (int i = 0; i < P; i++) sum += v[i] * v[i];
  return sqrt(sum);
}

static bool is(const federation *f, const char *name) {
  return strcmp(f->method.name, name) == 0;
}

/* The direction of one local step at x. */
static void direct(const federation *f, paper *q, int k, const int64_t *row, int64_t n,
                   const double *x, double *d) {
  const mst_method_spec *s = &f->method;
  double g[P], e[P], near[P], g2[P];
  gradient_of(f, k, row, n, x, g);
  memcpy(d, g, sizeof g);
  if (f->ops->gradients == 2) {
    for (int i = 0; i < P; i++)
      e[i] = is(f, "fedsmoo") ? g[i] - q->dual[k][i] - q->second[i] : g[i];
    double length = norm_of(e);
    for (int i = 0; i < P; i++) {
      e[i] *= s->rho / length;
      near[i] = x[i] + e[i];
      if (is(f, "fedsmoo")) q->dual[k][i] += e[i] - q->second[i];
    }
    gradient_of(f, k, row, n, near, g2);
    for (int i = 0; i < P; i++)
      d[i] = is(f, "fedspeed") ? (1 - s->alpha) * g[i] + s->alpha * g2[i] : g2[i];
  }
  for (int i = 0; i < P; i++) {
    if (is(f, "fedprox")) d[i] += s->lambda * (x[i] - q->w[i]);
    if (is(f, "scaffold") || is(f, "fedgamma")) d[i] += q->server[i] - q->own[k][i];
    /* FedDyn, FedSpeed, FedSMOO: own is the gradient of client k that the dual stands for. */
    if (is(f, "feddyn") || is(f, "fedspeed") || is(f, "fedsmoo"))
      d[i] += s->lambda * (x[i] - q->w[i]) - q->own[k][i];
    if (is(f, "fedcm") || is(f, "mofedsam")) d[i] = s->alpha * d[i] + (1 - s->alpha) * q->server[i];
    d[i] += f->local.weight_decay * x[i];
  }
}

/* Local steps of client k; x becomes its model. Gives the number of steps. */
static int64_t train_client(const federation *f, paper *q, int k, int64_t round, double *x) {
  mst_stream stream =
      mst_stream_of(mst_key_make(f->local.seed, MST_PURPOSE_BATCH, (uint64_t)k, (uint64_t)round));
  int64_t order[MOST_ROWS], steps = 0;
  memcpy(x, q->w, P * sizeof *x);
  for (int64_t epoch = 0; epoch < f->local.epochs; epoch++) {
    mst_stream_permutation(&stream, SIZE[k], order);
    for (int64_t at = 0; at < SIZE[k]; at += f->local.batch, steps++) {
      int64_t n = SIZE[k] - at < f->local.batch ? SIZE[k] - at : f->local.batch;
      double d[P];
      direct(f, q, k, order + at, n, x, d);
      for (int i = 0; i < P; i++) x[i] -= f->local.lr * d[i];
    }
  }
  return steps;
}

/* Reddi et al., algorithm 2. */
static void step_adaptive(const federation *f, paper *q, const double *mean) {
  const mst_method_spec *s = &f->method;
  for (int i = 0; i < P; i++) {
    double d2 = mean[i] * mean[i], *v = &q->second[i];
    if (!q->begun && !is(f, "fedadam")) *v = s->epsilon * s->epsilon;
    if (is(f, "fedadam")) *v = s->beta2 * *v + (1 - s->beta2) * d2;
    if (is(f, "fedadagrad")) *v += d2;
    if (is(f, "fedyogi")) *v -= (1 - s->beta2) * d2 * (double)((*v > d2) - (*v < d2));
    q->server[i] = s->beta1 * q->server[i] + (1 - s->beta1) * mean[i];
    q->w[i] += s->server_lr * q->server[i] / (sqrt(*v) + s->epsilon);
  }
}

static void run_paper_round(const federation *f, paper *q, int64_t round, unsigned cohort) {
  const mst_method_spec *s = &f->method;
  double delta[CLIENTS][P], tau[CLIENTS] = {0}, share[CLIENTS] = {0}, total = 0, members = 0;
  for (int k = 0; k < CLIENTS; k++) {
    if (!(cohort >> k & 1)) continue;
    tau[k] = (double)train_client(f, q, k, round, delta[k]);
    for (int i = 0; i < P; i++) delta[k][i] -= q->w[i];
    share[k] = s->weighted ? (double)SIZE[k] : 1.0;
    total += share[k];
    members++;
  }
  double mean[P] = {0}, steps = 0, common[P] = {0};
  for (int k = 0; k < CLIENTS; k++) {
    if (!(cohort >> k & 1)) continue;
    for (int i = 0; i < P; i++) {
      mean[i] += share[k] / total * delta[k][i];
      common[i] += q->dual[k][i] / members;
    }
    steps += share[k] / total * tau[k];
  }
  if (f->ops->server == 2) {
    step_adaptive(f, q, mean);
  } else if (is(f, "fedavgm")) {
    for (int i = 0; i < P; i++) {
      q->server[i] = s->momentum * q->server[i] - mean[i];
      q->w[i] -= s->server_lr * q->server[i];
    }
  } else if (is(f, "fednova")) {
    double d[P] = {0}; /* of normalised gradients */
    for (int k = 0; k < CLIENTS; k++)
      for (int i = 0; i < P && tau[k] > 0; i++)
        d[i] += share[k] / total * -delta[k][i] / (f->local.lr * tau[k]);
    for (int i = 0; i < P; i++) q->w[i] -= s->server_lr * steps * f->local.lr * d[i];
  } else if (is(f, "scaffold") || is(f, "fedgamma")) {
    double past[P];
    memcpy(past, q->server, sizeof past);
    for (int k = 0; k < CLIENTS; k++)
      for (int i = 0; i < P && tau[k] > 0; i++) {
        double renewed = q->own[k][i] - past[i] - delta[k][i] / (tau[k] * f->local.lr);
        q->server[i] += (renewed - q->own[k][i]) / CLIENTS;
        q->own[k][i] = renewed;
      }
    for (int i = 0; i < P; i++) q->w[i] += s->server_lr * mean[i];
  } else if (is(f, "feddyn") || is(f, "fedspeed") || is(f, "fedsmoo")) {
    for (int i = 0; i < P; i++) {
      for (int k = 0; k < CLIENTS; k++)
        if (tau[k] > 0) q->own[k][i] -= s->lambda * delta[k][i];
      q->server[i] -= s->lambda * members / CLIENTS * mean[i];
      q->w[i] += mean[i] - q->server[i] / s->lambda;
    }
    double length = norm_of(common);
    for (int i = 0; i < P && is(f, "fedsmoo"); i++) q->second[i] = s->rho * common[i] / length;
  } else {
    for (int i = 0; i < P; i++) {
      q->server[i] = -mean[i] / (steps * f->local.lr);
      q->w[i] += s->server_lr * mean[i];
    }
  }
  q->begun = true;
}

/* Settings that make every term weigh. */
static mst_method_spec strong_spec(const char *name) {
  mst_method_spec s = method_defaults(name);
  if (s.server_lr > 0) s.server_lr = 0.7;
  if (s.lambda > 0) s.lambda = 0.6;
  if (s.rho > 0) s.rho = 0.4;
  if (s.alpha > 0) s.alpha = 0.35;
  if (s.beta1 > 0) s.beta1 = 0.8;
  return s;
}

/* The largest difference to the equations after three rounds; *moved: how far w came. */
static double compare_with_paper(const mst_method_spec *spec, const unsigned *cohort, float *w) {
  federation *f = federate(spec, NULL);
  f->local.weight_decay = 0.05;
  paper q = {.begun = false};
  for (int i = 0; i < P; i++) q.w[i] = (double)f->w[i];
  double worst = 0;
  for (int64_t round = 0; round < 3; round++) {
    f->local.lr = 0.3 / (double)(1 + round);
    run_round(f, round, cohort[round]);
    run_paper_round(f, &q, round, cohort[round]);
    for (int i = 0; i < P; i++)
      worst = fmax(worst, fabs((double)f->w[i] - q.w[i]) / (1 + fabs(q.w[i])));
  }
  memcpy(w, f->w, sizeof f->w);
  disband(f);
  return worst;
}

static void check_all_methods(const unsigned *cohort) {
  float plain[P], w[P];
  mst_method_spec base = strong_spec("fedavg");
  ck_assert_double_lt(compare_with_paper(&base, cohort, plain), 2e-6);
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = strong_spec(mst_method_at(m)->name);
    double worst = compare_with_paper(&spec, cohort, w);
    ck_assert_msg(worst < 5e-6, "%s differs from its equations by %g", spec.name, worst);
    double apart = distance(w, plain, P);
    ck_assert_msg(apart > 1e-3 || strcmp(spec.name, "fedavg") == 0,
                  "%s cannot be told from fedavg: %g", spec.name, apart);
  }
}

START_TEST(every_method_follows_its_published_equations) {
  check_all_methods((const unsigned[]){15, 15, 15});
}
END_TEST

START_TEST(every_method_follows_its_equations_when_few_take_part) {
  check_all_methods((const unsigned[]){5, 10, 3});
}
END_TEST

START_TEST(weights_are_the_clients_rows_where_a_method_weighs) {
  const unsigned cohort[] = {15, 6, 9};
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = strong_spec(mst_method_at(m)->name);
    spec.weighted = !spec.weighted;
    if (mst_method_check(&spec) != MST_OK) continue;
    float w[P];
    double worst = compare_with_paper(&spec, cohort, w);
    ck_assert_msg(worst < 5e-6, "%s differs from its equations by %g", spec.name, worst);
  }
}
END_TEST

START_TEST(the_servers_variate_is_the_mean_of_the_clients) {
  mst_method_spec spec = method_defaults("scaffold");
  federation *f = federate(&spec, NULL);
  for (int64_t round = 0; round < 3; round++) run_round(f, round, 15);
  double length = 0;
  for (int i = 0; i < P; i++) {
    double mean = 0;
    for (int k = 0; k < CLIENTS; k++) mean += (double)f->own[k][0][i] / CLIENTS;
    ck_assert_double_eq_tol((double)f->shared[0][i], mean, 1e-6);
    length += mean * mean;
  }
  ck_assert_double_gt(sqrt(length), 0.01);
  disband(f);
}
END_TEST

/* Vectors of the clients are zero at first, so the first round adds nothing to the gradient. */
START_TEST(scaffold_begins_as_fedavg) {
  mst_method_spec spec = method_defaults("scaffold"), plain = method_defaults("fedavg");
  federation *f = federate(&spec, NULL), *g = federate(&plain, NULL);
  for (int k = 0; k < CLIENTS; k++) {
    sent a = {0}, b = {0};
    visit_client(f, k, 0, &a);
    visit_client(g, k, 0, &b);
    ck_assert_mem_eq(a.up[0], b.up[0], sizeof a.up[0]);
  }
  disband(f);
  disband(g);
}
END_TEST

START_TEST(fedprox_without_its_term_is_fedavg_bit_for_bit) {
  mst_method_spec spec = method_defaults("fedprox"), plain = method_defaults("fedavg");
  spec.lambda = 0;
  plain.weighted = false;
  federation *f = federate(&spec, NULL), *g = federate(&plain, NULL);
  for (int64_t round = 0; round < 3; round++) {
    run_round(f, round, 15);
    run_round(g, round, 15);
  }
  ck_assert_mem_eq(f->w, g->w, sizeof f->w);
  disband(f);
  disband(g);
}
END_TEST

START_TEST(fednova_is_fedavg_when_all_make_the_same_steps) {
  mst_method_spec spec = method_defaults("fednova"), plain = method_defaults("fedavg");
  federation *f = federate(&spec, NULL), *g = federate(&plain, NULL);
  for (int unequal = 0; unequal < 2; unequal++) {
    f->local.steps = g->local.steps = unequal ? 0 : 5;
    for (int64_t round = 0; round < 3; round++) {
      run_round(f, round, 15);
      run_round(g, round, 15);
    }
    if (!unequal) ck_assert_double_lt(distance(f->w, g->w, P), 1e-6);
  }
  ck_assert_double_gt(distance(f->w, g->w, P), 1e-3);
  disband(f);
  disband(g);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("method");
  TCase *c = tcase_create("method");
  tcase_add_test(c, every_method_follows_its_published_equations);
  tcase_add_test(c, every_method_follows_its_equations_when_few_take_part);
  tcase_add_test(c, weights_are_the_clients_rows_where_a_method_weighs);
  tcase_add_test(c, the_servers_variate_is_the_mean_of_the_clients);
  tcase_add_test(c, scaffold_begins_as_fedavg);
  tcase_add_test(c, fedprox_without_its_term_is_fedavg_bit_for_bit);
  tcase_add_test(c, fednova_is_fedavg_when_all_make_the_same_steps);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
