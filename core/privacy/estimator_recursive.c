/* recursive: recursive regularisation of convex losses (Arora et al., ICML 2023, algorithm 3). A
 * run is a row of stages of equal length, each on rows of its own; stage t goes along noisy
 * gradients of f_t(w) = f(w) + sum over s <= t of (lambda_s / 2) |w - wbar_s|^2, lambda_s = 2^s
 * lambda, where wbar_s is the point at which stage s began.
 *
 * The quadratics together pull to one centre: their gradient is Lambda_t (w - c_t) with Lambda_t =
 * (2^(t+1) - 1) lambda and c_t = c_(t-1) + (lambda_t / Lambda_t) (wbar_t - c_(t-1)). Slot 0 holds
 * it. A row is in one stage alone, so a run costs what the releases of one stage do. */
#include <math.h>

#include "core/privacy/estimator_member.h"

#define MOST_STAGES 40

static int64_t stage_steps(const mst_estimator *e) {
  return e->steps / e->spec.stages;
}

static mst_status prepare(mst_estimator *e) {
  e->kinds = 1;
  e->slots = 1;
  e->once = true;
  if (e->steps % e->spec.stages != 0)
    return mst_fail(MST_ERR_INPUT, "train.steps: %lld steps are not %lld stages of equal length",
                    (long long)e->steps, (long long)e->spec.stages);
  MST_TRY(mst_sampler_create_disjoint(e->sampling.population, &e->sampler[0]));
  mst_sampler_part(e->sampler[0], 0, 1 / (double)e->spec.stages);
  return MST_OK;
}

static mst_release at(const mst_estimator *e, int64_t step) {
  const int64_t stage = step / stage_steps(e);
  const double stages = (double)e->spec.stages;
  const double newest = ldexp(1, (int)stage), all = 2 * newest - 1; /* in units of lambda */
  return (mst_release){.kind = 0,
                       .from = -1,
                       .to = e->slots,
                       .part = {(double)stage / stages, (double)(stage + 1) / stages},
                       .pull = all * e->spec.regularizer,
                       .blend = step % stage_steps(e) == 0 ? newest / all : 0,
                       .halvings = (int)stage};
}

/* Those of the first stage stand for all, whose rows are others. */
static int64_t releases(const mst_estimator *e, int kind, int64_t from) {
  (void)kind;
  return from < stage_steps(e) ? stage_steps(e) - from : 0;
}

static const mst_param params[] = {{.name = "stages",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, stages),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = MOST_STAGES,
                                    .unit = "",
                                    .help = "of equal length, each on rows of its own"},
                                   {.name = "regularizer",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_estimator_spec, regularizer),
                                    .fallback = NULL,
                                    .min = 1e-12,
                                    .max = 1e12,
                                    .unit = "",
                                    .help = "lambda of the first stage; each doubles it"},
                                   {.name = NULL}};

const mst_estimator_ops mst_estimator_recursive = {
    .name = "recursive",
    .summary =
        "one pass for convex losses: stages on rows of their own, pulled to where they began",
    .params = params,
    .sampler = "disjoint",
    .prepare = prepare,
    .at = at,
    .releases = releases,
};
