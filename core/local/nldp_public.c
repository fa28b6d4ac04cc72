/* Non-interactive regression with public rows without responses: second moments come from those, so
 * that users send, and spend their whole budget on, their products with the response alone (Zhu,
 * Ding, Aggarwal, Xu and Wang 2024, section 3). */
#include <math.h>

#include "core/local/member.h"
#include "core/privacy/gaussian.h"

/* Two users' products are at most 2 r tau apart. */
static mst_status prepare(mst_ldp *m) {
  const double most = m->spec.radius * m->spec.truncation;
  const double mu =
      m->spec.noise > 0 ? 2 / m->spec.noise : mst_gaussian_mu(m->spec.epsilon, m->spec.delta);
  m->vector_noise = 2 * most / mu;
  m->bound = most + MST_LDP_REACH * m->vector_noise;
  m->event = (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN, .noise = 2 / mu, .count = 1};
  return MST_OK;
}

static mst_status message(const mst_ldp *m, const mst_noise *noise, const float *x, double y,
                          double *work, double *out) {
  const double response = mst_ldp_clamp(mst_ldp_scale(m, x, y, work), m->spec.truncation);
  mst_noise_gaussian(noise, 0, m->entries, m->vector_noise, out);
  for (int64_t j = 0; j < m->entries; j++) out[j] += response * work[j];
  return MST_OK;
}

/* What public rows are off is their moments times theta, of length at most 1. */
static mst_status end(mst_ldp *m, int64_t users, const double *mean) {
  const double each = m->spec.radius / sqrt((double)m->spec.width);
  const double own = each * m->spec.truncation, off = each * each;
  return mst_ldp_solve(m, m->moments, mean,
                       sqrt((m->vector_noise * m->vector_noise + own * own) / (double)users +
                            off * off / (double)m->moment_rows));
}

const mst_ldp_ops mst_ldp_nldp_public = {
    .name = "nldp_public",
    .summary = "one message each: products with the response; second moments from public rows",
    .params = mst_ldp_solve_params,
    .public = true,
    .prepare = prepare,
    .message = message,
    .close = end,
};
