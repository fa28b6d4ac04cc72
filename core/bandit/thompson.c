/* Linear Thompson sampling: the best arm under theta drawn from N(theta, v^2 V^-1) (Agrawal, Goyal
 * 2013). With V = L L' and z ~ N(0, I) the draw is theta + v L'^-1 z = theta + v V^-1 L z. Arms
 * with vectors of their own are independent, so each one's mean is drawn alone. */
#include <string.h>

#include "core/bandit/policy_member.h"
#include "core/linalg/blas.h"

static void draw_each(const mst_policy_spec *s, const mst_arms *arms, mst_stream *stream) {
  for (int64_t a = 0; a < arms->n; a++)
    arms->mean[a] += s->scale * sqrt(fmax(arms->spread[a], 0)) * mst_stream_normal(stream);
}

static mst_status draw_theta(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                             mst_stream *stream) {
  const int64_t w = known->width;
  double *l = arms->work, *z = l + w * w, *shift = z + w;
  memcpy(l, known->v, (size_t)(w * w) * sizeof *l);
  MST_TRY(mst_cholesky(w, l, w));
  for (int64_t i = 0; i < w; i++) z[i] = mst_stream_normal(stream);
  for (int64_t i = 0; i < w; i++) {
    shift[i] = 0;
    for (int64_t j = 0; j <= i; j++) shift[i] += l[i * w + j] * z[j];
  }
  mst_gemm(false, false, w, 1, w, s->scale, known->inverse, w, shift, 1, 0, z, 1);
  mst_gemm(false, false, arms->n, 1, w, 1, arms->x, w, z, 1, 1, arms->mean, 1);
  return MST_OK;
}

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  if (known->blocks > 1)
    draw_each(s, arms, stream);
  else
    MST_TRY(draw_theta(s, known, arms, stream));
  choice->arm = mst_policy_largest(arms->n, arms->mean);
  return MST_OK;
}

static const mst_param params[] = {
    {.name = "scale",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_policy_spec, scale),
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "how many standard deviations of what is known the draw has"},
    MST_POLICY_RIDGE,
    MST_POLICY_DISJOINT,
    {.name = NULL}};

const mst_policy_ops mst_policy_thompson = {
    .name = "thompson",
    .summary = "the best arm under a draw from what is known (linear Thompson sampling)",
    .params = params,
    .choose = choose,
};
