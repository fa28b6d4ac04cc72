/* Exact Gauss-Newton in batch space: the split of the loss Hessian, the system of order b c, the
 * line search and the damping. All scalars and the system are in double; the direction is float32,
 * as the model's products are. Equations are those of doc/methods/optimizers.md, "Gauss-Newton". */
#include "core/optim/egn.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/optim/member.h"

static const double ARMIJO = 1e-4;       /* share of the slope that a step must achieve          */
static const double NOISE = 2e-7;        /* of a loss, relative: float32 scores                  */
static const double FLOOR = 1e-10;       /* of probabilities in Q: keeps t = R^-1 r bounded      */
static const double SPECTRUM = 1e-12;    /* of the largest eigenvalue, the smallest that counts   */
static const int64_t LARGEST = 32766;    /* order of the system: 8 GiB, and LAPACK's limit       */
enum {
  HALVINGS = 10
};

struct mst_egn {
  mst_optim_spec spec;
  const mst_model *model;
  mst_model_work *work;
  int64_t n_max;
  double damping;   /* lambda                                            */
  double weight;    /* that `mean` holds of directions so far            */
  double *kernel;   /* (N, N), N = n_max outputs                         */
  double *diagonal; /* (N)                                               */
  double *p, *root; /* (N): R = D (diag(root) - p root'), see split      */
  double *slope;    /* (N): D                                            */
  double *t, *y, *q; /* (N)                                              */
  float *scores, *r, *v; /* (N)                                          */
  float *direction; /* (P)                                               */
  float *trial;     /* (P)                                               */
  float *mean;      /* (P), (P) with momentum only                       */
  float *gradient;
};

static const mst_param params[] = {
    MST_OPTIM_LR("1"), MST_OPTIM_MOMENTUM("0"),
    MST_OPTIM_REAL(damping, "1", 0, INFINITY, false, "lambda at the first step"),
    MST_OPTIM_REAL(adapt, "0.99", 0, 1, true,
                   "lambda falls by this factor after a good step, rises by it after a bad one"),
    MST_OPTIM_BOOL(line_search, "true", "shorten the step until the loss of the batch falls"),
    MST_OPTIM_END};

const mst_optim_ops mst_optim_egn = {
    .name = "egn",
    .summary = "Gauss-Newton, solved in the space of the batch",
    .params = params,
    .vectors = 1,
    .vector_name = {"momentum"},
    .needs_model = true,
};

int64_t mst_egn_bytes(const mst_optim_spec *spec, const mst_model *m, int64_t n_max) {
  const int64_t order = n_max * m->outputs, vectors = spec->momentum > 0 ? 4 : 2;
  return (int64_t)sizeof(mst_egn) + (order * order + 7 * order) * (int64_t)sizeof(double) +
         (3 * order + vectors * m->parameters) * (int64_t)sizeof(float) +
         mst_model_work_bytes(m, n_max);
}

static mst_status allocate(mst_egn *e) {
  const int64_t order = e->n_max * e->model->outputs, n = e->model->parameters;
  double **const real[] = {&e->diagonal, &e->p, &e->root, &e->slope, &e->t, &e->y, &e->q};
  float **const single[] = {&e->scores, &e->r, &e->v};
  MST_TRY(mst_alloc(&e->kernel, order * order, sizeof(double), "Gauss-Newton system"));
  for (size_t i = 0; i < sizeof real / sizeof *real; i++)
    MST_TRY(mst_alloc(real[i], order, sizeof(double), "Gauss-Newton vector"));
  for (size_t i = 0; i < sizeof single / sizeof *single; i++)
    MST_TRY(mst_alloc(single[i], order, sizeof(float), "Gauss-Newton vector"));
  MST_TRY(mst_alloc(&e->direction, n, sizeof(float), "Gauss-Newton direction"));
  MST_TRY(mst_alloc(&e->trial, n, sizeof(float), "trial parameters"));
  if (e->spec.momentum > 0) {
    MST_TRY(mst_alloc(&e->mean, n, sizeof(float), "mean direction"));
    MST_TRY(mst_alloc(&e->gradient, n, sizeof(float), "gradient"));
  }
  return mst_model_work_create(e->model, e->n_max, &e->work);
}

mst_status mst_egn_create(const mst_optim_spec *spec, const mst_model *m, int64_t n_max,
                          mst_egn **out) {
  *out = NULL;
  MST_TRY(mst_param_check(params, spec, "optimizer"));
  if (n_max < 1 || n_max > LARGEST / m->outputs)
    return mst_fail(
        MST_ERR_INPUT,
        "optimizer.batch %lld with %lld scores a row gives a Gauss-Newton system of more "
        "than %lld unknowns; choose a smaller batch",
        (long long)n_max, (long long)m->outputs, (long long)LARGEST);
  mst_egn *e = NULL;
  MST_TRY(mst_alloc(&e, 1, sizeof *e, "Gauss-Newton optimizer"));
  e->spec = *spec;
  e->spec.kind = mst_optim_egn.name;
  e->model = m;
  e->n_max = n_max;
  mst_status status = allocate(e);
  if (status != MST_OK) {
    mst_egn_destroy(e);
    return status;
  }
  mst_egn_start(e);
  *out = e;
  return MST_OK;
}

void mst_egn_destroy(mst_egn *e) {
  if (e == NULL) return;
  double *const real[] = {e->kernel, e->diagonal, e->p, e->root, e->slope, e->t, e->y, e->q};
  float *const single[] = {e->scores, e->r, e->v, e->direction, e->trial, e->mean, e->gradient};
  for (size_t i = 0; i < sizeof real / sizeof *real; i++) mst_free(real[i]);
  for (size_t i = 0; i < sizeof single / sizeof *single; i++) mst_free(single[i]);
  mst_model_work_destroy(e->work);
  mst_free(e);
}

void mst_egn_start(mst_egn *e) {
  e->damping = e->spec.damping;
  e->weight = 0;
  if (e->mean != NULL) memset(e->mean, 0, (size_t)e->model->parameters * sizeof(float));
}

void mst_egn_momentum(mst_egn *e, double momentum) {
  if (e->mean != NULL) e->spec.momentum = momentum;
}

/* A row of a classifier. With u the logarithms that softmax takes (the scores themselves, or those
 * of StableMax's s), D = diag(du/dscore), and p the probabilities:
 *   Q = D (diag(p) - p p') D = R R',  R = D (diag(sqrt p) - p sqrt(p)'),  t = D^-1 r / sqrt(p),
 * by R t = r - D p (1' D^-1 r) and 1' D^-1 r = 0. */
static void split_classes(bool stable, int64_t c, const float *score, const float *r, double *p,
                          double *root, double *slope, double *t) {
  double most = -INFINITY, sum = 0;
  for (int64_t k = 0; k < c; k++) {
    const double s = (double)score[k];
    p[k] = !stable ? s : s >= 0 ? log1p(s) : -log1p(-s);
    slope[k] = stable ? 1 / (1 + fabs(s)) : 1;
    if (p[k] > most) most = p[k];
  }
  for (int64_t k = 0; k < c; k++) sum += p[k] = exp(p[k] - most);
  double floored = 0;
  for (int64_t k = 0; k < c; k++) floored += p[k] = fmax(p[k] / sum, FLOOR);
  for (int64_t k = 0; k < c; k++) {
    p[k] /= floored;
    root[k] = sqrt(p[k]);
    t[k] = (double)r[k] / (slope[k] * root[k]);
  }
}

/* Losses whose scores do not meet: Q is diagonal, p = 0, D = 1. */
static double curvature(mst_loss loss, double score) {
  switch (loss) {
    case MST_LOSS_LOGISTIC: {
      const double p = 1 / (1 + exp(-fabs(score)));
      return p * exp(-fabs(score)) * p;
    }
    case MST_LOSS_BRIER: {
      const double p = 1 / (1 + exp(-fabs(score))), slope = p * exp(-fabs(score)) * p;
      return slope * slope;
    }
    case MST_LOSS_POISSON: return exp(score);
    case MST_LOSS_SQUARED:
    case MST_LOSS_CROSS_ENTROPY: break;
  }
  return 1;
}

static void split(mst_egn *e, int64_t n) {
  const mst_model *m = e->model;
  const int64_t c = m->outputs;
  if (m->loss == MST_LOSS_CROSS_ENTROPY) {
    for (int64_t i = 0; i < n * c; i += c)
      split_classes(m->spec.stable_max, c, e->scores + i, e->r + i, e->p + i, e->root + i,
                    e->slope + i, e->t + i);
    return;
  }
  for (int64_t i = 0; i < n * c; i++) {
    e->p[i] = 0;
    e->slope[i] = 1;
    e->root[i] = sqrt(fmax(curvature(m->loss, (double)e->scores[i]), FLOOR));
    e->t[i] = (double)e->r[i] / e->root[i];
  }
}

/* x = R' x for x(n c): (R' x)_k = root_k (D_k x_k - p' D x). */
static void pull_root(const mst_egn *e, int64_t n, double *x) {
  const int64_t c = e->model->outputs;
  for (int64_t i = 0; i < n * c; i += c) {
    double mean = 0;
    for (int64_t k = i; k < i + c; k++) mean += e->p[k] * e->slope[k] * x[k];
    for (int64_t k = i; k < i + c; k++) x[k] = e->root[k] * (e->slope[k] * x[k] - mean);
  }
}

/* v = R y in float: (R y)_k = D_k (root_k y_k - p_k root' y). The second term is 0 but for
 * rounding, which it keeps from growing with 1 / damping. */
static void push_root(mst_egn *e, int64_t n) {
  const int64_t c = e->model->outputs;
  for (int64_t i = 0; i < n * c; i += c) {
    double sum = 0;
    for (int64_t k = i; k < i + c; k++) sum += e->root[k] * e->y[k];
    for (int64_t k = i; k < i + c; k++)
      e->v[k] = (float)(e->slope[k] * (e->root[k] * e->y[k] - e->p[k] * sum));
  }
}

/* Column by column would miss the cache: the rows of a block are taken together. */
static void pull_root_rows(const mst_egn *e, int64_t n) {
  const int64_t c = e->model->outputs, order = n * c;
  double *mean = e->y;
  for (int64_t i = 0; i < order; i += c) {
    for (int64_t j = 0; j < order; j++) mean[j] = 0;
    for (int64_t k = i; k < i + c; k++)
      for (int64_t j = 0; j < order; j++)
        mean[j] += e->p[k] * e->slope[k] * e->kernel[k * order + j];
    for (int64_t k = i; k < i + c; k++)
      for (int64_t j = 0; j < order; j++)
        e->kernel[k * order + j] =
            e->root[k] * (e->slope[k] * e->kernel[k * order + j] - mean[j]);
  }
}

/* Both solvers: y = (mu I + S)^-1 t and q = S y for the symmetric S in `kernel`, which is lost. */

static bool solve_factored(mst_egn *e, int64_t order, double mu) {
  for (int64_t i = 0; i < order; i++) e->kernel[i * order + i] += mu;
  if (mst_cholesky(order, e->kernel, order) != MST_OK) return false;
  memcpy(e->y, e->t, (size_t)order * sizeof *e->y);
  mst_cholesky_solve(order, 1, e->kernel, order, e->y, 1);
  for (int64_t i = 0; i < order; i++) e->q[i] = e->t[i] - mu * e->y[i];
  return true;
}

/* By eigenvectors, without those of eigenvalues that are 0 but for rounding: what y holds along
 * them does not reach the direction J'R y, but is so long for a small mu that in float32 it would
 * drown the rest. */
static mst_status solve_spectrum(mst_egn *e, int64_t order, double mu) {
  double *value = e->diagonal;
  MST_TRY(mst_eigen_symmetric(order, e->kernel, order, true, value));
  for (int64_t j = 0; j < order; j++) e->y[j] = e->q[j] = 0;
  for (int64_t i = 0; i < order; i++) {
    const double *u = e->kernel + i * order;
    double along = 0;
    if (!(value[i] > SPECTRUM * value[order - 1])) continue;
    for (int64_t j = 0; j < order; j++) along += u[j] * e->t[j];
    along /= value[i] + mu;
    for (int64_t j = 0; j < order; j++) {
      e->y[j] += along * u[j];
      e->q[j] += value[i] * along * u[j];
    }
  }
  return MST_OK;
}

/* Factoring is the faster; it needs damping, and no more scores than parameters, since more make S
 * singular. */
static mst_status solve(mst_egn *e, int64_t order, double mu) {
  double trace = 0;
  for (int64_t i = 0; i < order; i++) {
    e->diagonal[i] = e->kernel[i * order + i];
    trace += e->diagonal[i];
    for (int64_t j = 0; j < i; j++) e->kernel[i * order + j] = e->kernel[j * order + i];
  }
  if (!isfinite(trace))
    return mst_fail(MST_ERR_NONFINITE, "the Gauss-Newton matrix of the batch is not finite");
  if (mu > 0 && order <= e->model->parameters) {
    if (solve_factored(e, order, mu)) return MST_OK;
    mst_status_clear();
    for (int64_t i = 0; i < order; i++) {
      e->kernel[i * order + i] = e->diagonal[i];
      for (int64_t j = 0; j < i; j++) e->kernel[i * order + j] = e->kernel[j * order + i];
    }
  }
  return solve_spectrum(e, order, mu);
}

MST_WIDE_BODY dot_body(int64_t n, const float *restrict a, const float *restrict b,
                       double *restrict lanes) {
  double s[MST_OPTIM_LANES] = {0};
  MST_OPTIM_EACH(i, n, s[lane] += (double)a[i] * (double)b[i];);
  for (int j = 0; j < MST_OPTIM_LANES; j++) lanes[j] = s[j];
}
MST_WIDE(dot, (int64_t n, const float *restrict a, const float *restrict b, double *restrict lanes),
         (n, a, b, lanes))

static double inner(int64_t n, const float *a, const float *b) {
  double lanes[MST_OPTIM_LANES];
  dot(n, a, b, lanes);
  return mst_optim_fold(lanes);
}

static double loss_at(mst_egn *e, const float *w, const mst_batch *batch, const float *d,
                      double length, mst_egn_report *report) {
  double loss = 0;
  const float alpha = (float)length;
  for (int64_t i = 0; i < e->model->parameters; i++) e->trial[i] = w[i] - alpha * d[i];
  mst_model_loss(e->model, e->trial, batch, e->work, &loss, NULL);
  report->passes++;
  return loss;
}

/* The mean direction, and its slope; the new direction alone where the mean leads uphill. */
static const float *turn(mst_egn *e, const float *gradient, double *slope) {
  const int64_t n = e->model->parameters;
  const double mu = e->spec.momentum;
  e->weight = mu * e->weight + (1 - mu);
  const float keep = (float)mu, take = (float)(1 - mu), scale = (float)(1 / e->weight);
  for (int64_t i = 0; i < n; i++) {
    e->mean[i] = keep * e->mean[i] + take * e->direction[i];
    e->trial[i] = scale * e->mean[i];
  }
  const double along = inner(n, gradient, e->trial);
  if (along > 0) {
    memcpy(e->gradient, e->trial, (size_t)n * sizeof(float));
    *slope = along;
    return e->gradient;
  }
  for (int64_t i = 0; i < n; i++) e->mean[i] = take * e->direction[i];
  e->weight = 1 - mu;
  return e->direction;
}

/* The solved system as a direction: *slope is how fast the loss falls along it, *bend the curvature
 * of its quadratic model, so that a length a is predicted to gain a slope - a^2 bend / 2. */
static mst_status solve_batch(mst_egn *e, const float *w, const mst_batch *batch, double *slope,
                              double *bend) {
  const mst_model *m = e->model;
  const int64_t order = batch->n * m->outputs;
  MST_TRY(mst_model_kernel(m, w, batch, e->work, e->kernel));
  mst_model_residual(m, w, batch, e->work, e->scores, e->r);
  for (int64_t i = 0; i < order; i++)
    if (!isfinite(e->r[i]) || !isfinite(e->scores[i]))
      return mst_fail(MST_ERR_NONFINITE, "the score of row %lld of the batch is not finite",
                      (long long)(i / m->outputs));
  split(e, batch->n);
  pull_root_rows(e, batch->n);
  for (int64_t i = 0; i < order; i++) pull_root(e, batch->n, e->kernel + i * order);
  MST_TRY(solve(e, order, e->damping * (double)batch->n));
  *slope = *bend = 0;
  for (int64_t i = 0; i < order; i++) {
    *slope += e->t[i] * e->q[i];
    *bend += e->q[i] * e->q[i];
  }
  push_root(e, batch->n);
  mst_model_pull(m, w, batch, e->v, e->work, e->direction);
  return MST_OK;
}

static void adapt_damping(mst_egn *e, double ratio) {
  if (ratio > 0.75) e->damping *= e->spec.adapt;
  if (!(ratio >= 0.25)) e->damping /= e->spec.adapt;
}

mst_status mst_egn_step(mst_egn *e, float *w, const mst_batch *batch, double lr,
                        mst_egn_report *report) {
  mst_egn_report own = {0};
  mst_egn_report *const now = report != NULL ? report : &own;
  double slope = 0, bend = 0;
  if (batch->n < 1 || batch->n > e->n_max)
    return mst_fail(MST_ERR_INTERNAL, "a Gauss-Newton batch of %lld rows; made for 1 to %lld",
                    (long long)batch->n, (long long)e->n_max);
  *now = (mst_egn_report){.damping = e->damping, .passes = 1};
  mst_model_loss(e->model, w, batch, e->work, &now->loss, NULL);
  MST_TRY(solve_batch(e, w, batch, &slope, &bend));
  const double predicted = lr * slope - lr * lr * bend / 2;
  const float *d = e->direction;
  const bool momentum = e->mean != NULL;
  if (momentum) {
    mst_model_pull(e->model, w, batch, e->r, e->work, e->gradient);
    d = turn(e, e->gradient, &slope);
  }
  double length = lr, after = loss_at(e, w, batch, d, length, now), first = after;
  for (int i = 0; e->spec.line_search; i++) {
    if (after <= now->loss - ARMIJO * length * slope + NOISE * fabs(now->loss)) break;
    length = i < HALVINGS ? length / 2 : 0;
    after = length > 0 ? loss_at(e, w, batch, d, length, now) : now->loss;
    if (length == 0) break;
  }
  if (d != e->direction && e->spec.adapt < 1)
    first = loss_at(e, w, batch, e->direction, lr, now);
  now->ratio = predicted > 0 ? (now->loss - first) / predicted : 0;
  now->length = length;
  now->after = after;
  const float alpha = (float)length;
  if (length > 0)
    for (int64_t i = 0; i < e->model->parameters; i++) w[i] -= alpha * d[i];
  adapt_damping(e, now->ratio);
  return MST_OK;
}

mst_status mst_egn_state(mst_egn *e, mst_state *state) {
  MST_TRY(mst_state_add(state, "optimizer/damping", MST_F64, 1, (int64_t[]){1}, &e->damping));
  if (e->mean == NULL) return MST_OK;
  MST_TRY(mst_state_add(state, "optimizer/weight", MST_F64, 1, (int64_t[]){1}, &e->weight));
  return mst_state_add(state, "optimizer/momentum", MST_F32, 1,
                       (int64_t[]){e->model->parameters}, e->mean);
}
