/* One local step under rule (1) of method.h. Where the model can move its own parameters (plain
 * SGD), it makes the step with all its terms while it takes the gradient (core/linalg/descent.h);
 * other optimizers are handed the rule's direction; egn, which makes its steps from batches, serves
 * the methods without a rule of their own. */
#include <math.h>

#include "core/federated/passes.h"
#include "core/federated/trainer.h"

/* point = w + e with e = radius (g - shift) / |g - shift|. The client's own parameters are
 * perturbed with the others, but have no shift. */
static void perturb(mst_client_trainer *t, const mst_client_visit *v) {
  const int64_t all = t->model->parameters, n = v->view.n;
  const float *shift = v->rule.shift;
  const double norm =
      sqrt(mst_pass_square_norm(n, t->g, shift) + mst_pass_square_norm(all - n, t->g + n, NULL));
  const float scale = norm > 0.0 ? (float)(v->rule.radius / norm) : 0.0f;
  if (t->ops->perturb != NULL)
    t->ops->perturb(&t->method, &v->view, scale, t->g, t->w, t->point);
  else
    mst_pass_perturb(n, scale, t->g, shift, t->w, t->point);
  mst_pass_perturb(all - n, scale, t->g + n, NULL, t->w + n, t->point + n);
}

static float clip_factor(const mst_client_trainer *t, double clip) {
  if (clip <= 0.0) return 1.0f;
  double norm = sqrt(mst_pass_square_norm(t->model->parameters, t->g, NULL));
  return norm > clip ? (float)(clip / norm) : 1.0f;
}

/* The rule with a gradient that is shortened by a factor. It holds for shared parameters; the
 * client's own follow the gradient. */
static mst_descent shared_terms(const mst_client_trainer *t, const mst_client_visit *v,
                                float factor) {
  return (mst_descent){.rate = (float)v->spec->lr,
                       .gradient = v->rule.gradient * factor,
                       .proximal = v->rule.proximal,
                       .decay = (float)v->spec->weight_decay,
                       .start = v->rule.proximal != 0.0f ? v->view.start : NULL,
                       .constant = v->rule.constant,
                       .from = t->w,
                       .to = t->w,
                       .g = t->g};
}

static mst_descent own_terms(const mst_client_trainer *t, const mst_client_visit *v, float factor) {
  mst_descent d = {.rate = (float)v->spec->lr,
                   .gradient = factor,
                   .decay = (float)v->spec->weight_decay,
                   .from = t->w,
                   .to = t->w};
  return mst_descent_at(&d, v->view.n);
}

/* Move w by one step along the gradient in t->g. */
static void move(mst_client_trainer *t, const mst_client_visit *v) {
  const int64_t n = v->view.n, rest = t->model->parameters - n;
  const float factor = clip_factor(t, v->spec->clip);
  const mst_descent ours = shared_terms(t, v, factor), theirs = own_terms(t, v, factor);
  if (t->optim == NULL) {
    mst_descend(&ours, n, t->g);
    mst_descend(&theirs, rest, t->g + n);
    return;
  }
  mst_pass_direction(&ours, n, t->g, t->direction);
  mst_pass_direction(&theirs, rest, t->g + n, t->direction + n);
  mst_optim_step(t->optim, t->w, t->direction, v->spec->lr);
}

/* Can the model make the step while it takes the gradient? A clip has to know all of the gradient
 * first, and all parameters must follow the same rule. */
static bool is_descent(const mst_client_trainer *t, const mst_client_visit *v) {
  const mst_local_rule *r = &v->rule;
  return t->optim == NULL && v->spec->clip <= 0.0 &&
         (v->view.n == t->model->parameters ||
          (r->gradient == 1.0f && r->proximal == 0.0f && r->constant == NULL));
}

/* A step along the gradient at `at`, or along its mixture with the one at w that is in t->g. */
static void follow(mst_client_trainer *t, const mst_client_visit *v, const float *at,
                   const mst_batch *batch, double *loss) {
  const bool mixes = at != t->w && v->rule.perturbed != 1.0f;
  if (!mixes && is_descent(t, v)) {
    const mst_descent d = shared_terms(t, v, 1.0f);
    mst_model_descend(t->model, at, batch, t->work, &d, loss);
    return;
  }
  mst_model_gradient(t->model, at, batch, t->work, mixes ? t->second : t->g, loss);
  if (mixes) mst_pass_mix(t->model->parameters, v->rule.perturbed, t->second, t->g);
  move(t, v);
}

/* What a diverged client meets makes its result not finite, like any other. */
static mst_status take_egn_step(mst_client_trainer *t, const mst_client_visit *v,
                                const mst_batch *batch, double *loss) {
  mst_egn_report report = {.loss = NAN};
  mst_status st = mst_egn_step(t->egn, t->w, batch, v->spec->lr, &report);
  *loss = report.loss;
  if (st != MST_ERR_NONFINITE && st != MST_ERR_SINGULAR) return st;
  t->w[0] = NAN;
  mst_status_clear();
  return MST_OK;
}

mst_status mst_client_step(mst_client_trainer *t, const mst_client_visit *v, const mst_batch *batch,
                           mst_local_result *result) {
  const bool perturbs = t->egn == NULL && v->rule.radius > 0.0;
  double loss = 0.0;
  mst_status st = MST_OK;
  if (perturbs) {
    mst_model_gradient(t->model, t->w, batch, t->work, t->g, &loss);
    perturb(t, v);
  }
  if (t->egn != NULL)
    st = take_egn_step(t, v, batch, &loss);
  else
    follow(t, v, perturbs ? t->point : t->w, batch, perturbs ? NULL : &loss);
  result->gradients += perturbs ? 2 : 1;
  result->loss += loss;
  result->rows += batch->n;
  return st;
}
