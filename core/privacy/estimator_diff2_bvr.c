/* diff2_bvr: rounds whose first step has the estimate of diff2 over all rows, and whose other steps
 * are one worker's, on small samples of its own rows (Murata and Suzuki, DIFF2, ICML 2023, with the
 * local routine of their BVR-L-SGD, ICML 2021).
 *
 * A round begins at x_r with v_r: gradients of all rows in every period-th round, else v_(r-1) and
 * the differences from x_(r-1) to x_r. Then th_1 = th_0 - eta v_r, and for k = 2 .. K
 *
 *     v_k = v_(k-1) + (sum over the sample of cut(grad f_i(th_(k-1)) - grad f_i(th_(k-2))) + noise)
 * / b.
 *
 * Every worker could do so, and a uniformly chosen one's th_K is the next round's x: the choice
 * depends on no data, so it is drawn before the round and the others' steps are not made. Slot 0
 * holds x_r and v_r, slot 1 the worker's last point and estimate. */
#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/privacy/estimator_member.h"

/* Of the steps [0, step): the rounds that begin there; those of them that take gradients. */
static int64_t rounds(const mst_estimator *e, int64_t step) {
  return mst_ceil_div(step, e->spec.local_steps);
}

static int64_t releases(const mst_estimator *e, int kind, int64_t from) {
  const int64_t period = e->spec.period;
  const int64_t all = rounds(e, e->steps) - rounds(e, from);
  const int64_t whole =
      mst_ceil_div(rounds(e, e->steps), period) - mst_ceil_div(rounds(e, from), period);
  return kind == 0 ? whole : kind == 1 ? all - whole : e->steps - from - all;
}

static mst_release at(const mst_estimator *e, int64_t step) {
  const int64_t round = step / e->spec.local_steps;
  if (step % e->spec.local_steps == 0) {
    const bool whole = round % e->spec.period == 0;
    return (mst_release){.kind = whole ? 0 : 1, .from = whole ? -1 : 0, .to = 0};
  }
  mst_stream turn =
      mst_stream_of(mst_key_make(e->spec.seed, MST_PURPOSE_PRIVATE_TURN, 0, (uint64_t)round));
  return (mst_release){.kind = 2,
                       .from = 1,
                       .to = 1,
                       .worker = (int64_t)mst_stream_below(&turn, (uint64_t)e->spec.workers)};
}

/* n releases of noise s on samples of rate q spend about n (q / s)^2. */
static void share_out(mst_estimator *e) {
  const double differ = 1 - e->spec.share, local = e->spec.local_share;
  const double share[] = {e->spec.share, differ * (1 - local), differ * local};
  for (int k = 0; k < (int)(sizeof share / sizeof share[0]); k++) {
    const double n = (double)releases(e, k, 0);
    const double cost = e->sampler[k]->q * sqrt(n / share[k]);
    e->noise[k] = n > 0 ? cost / sqrt((double)releases(e, 0, 0) / share[0]) : 1;
  }
}

static mst_status prepare(mst_estimator *e) {
  mst_sampler_spec all = e->sampling;
  all.kind = "full";
  e->kinds = 3;
  e->slots = 2;
  for (int k = 0; k < 2; k++) MST_TRY(mst_sampler_create(&all, &e->sampler[k]));
  MST_TRY(
      mst_sampler_create_workers(all.population, e->spec.workers, e->spec.rows, &e->sampler[2]));
  share_out(e);
  return MST_OK;
}

static const mst_param params[] = {{.name = "period",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, period),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = 1e12,
                                    .unit = "rounds",
                                    .help = "from one sum of gradients to the next"},
                                   MST_ESTIMATOR_PARAM_SMOOTHNESS,
                                   MST_ESTIMATOR_PARAM_SHARE,
                                   {.name = "workers",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, workers),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = 1e12,
                                    .unit = "",
                                    .help = "among whom the rows are dealt, whatever the ranks"},
                                   {.name = "local_steps",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, local_steps),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = 1e12,
                                    .unit = "steps",
                                    .help = "K: of a round; the first takes all rows. 1: diff2"},
                                   {.name = "rows",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, rows),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = 1e15,
                                    .unit = "rows",
                                    .help = "of its worker's that a local step expects"},
                                   {.name = "local_share",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_estimator_spec, local_share),
                                    .fallback = "0.5",
                                    .min = 0.001,
                                    .max = 0.999,
                                    .unit = "",
                                    .help = "of what differences spend, for those of local steps"},
                                   {.name = NULL}};

const mst_estimator_ops mst_estimator_diff2_bvr = {
    .name = "diff2_bvr",
    .summary = "diff2 with local steps of one worker, on samples of its rows, between",
    .params = params,
    .sampler = "full",
    .prepare = prepare,
    .at = at,
    .releases = releases,
};
