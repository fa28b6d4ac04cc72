/* How fast a graph agrees: the eigenvalues of its weights, and accelerated consensus by Chebyshev
 * polynomials of them. */
#include <math.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/topology/topology.h"

static mst_status find(const mst_graph *g, double *w, double *values, mst_graph_spectrum *out) {
  const int64_t n = g->nodes;
  for (int64_t i = 0; i < n; i++) {
    w[i * n + i] = g->self[i];
    for (int64_t e = g->first[i]; e < g->first[i + 1]; e++)
      w[i * n + g->neighbour[e]] = g->weight[e];
  }
  MST_TRY(mst_eigen_symmetric(n, w, n, false, values));
  out->second = values[n - 2];
  out->least = values[0];
  out->rho = fmax(fabs(out->second), fabs(out->least));
  out->gap = 1 - out->rho;
  return MST_OK;
}

mst_status mst_graph_spectrum_find(const mst_graph *g, mst_graph_spectrum *out) {
  *out = (mst_graph_spectrum){.gap = 1};
  if (g->nodes < 2) return MST_OK;
  if (g->nodes > MST_GRAPH_SPECTRUM_NODES)
    return mst_fail(MST_ERR_INPUT,
                    "the spectral gap of a graph of %lld nodes takes too long to find; it is "
                    "found for %d nodes or fewer",
                    (long long)g->nodes, MST_GRAPH_SPECTRUM_NODES);
  double *w = NULL, *values = NULL;
  mst_status status = mst_alloc(&w, g->nodes * g->nodes, sizeof *w, "weights of a graph");
  if (status == MST_OK) status = mst_alloc(&values, g->nodes, sizeof *values, "eigenvalues");
  if (status == MST_OK) status = find(g, w, values, out);
  mst_free(w);
  mst_free(values);
  return status;
}

static mst_status check_rate(double rho, double share) {
  if (rho >= 0 && rho < 1 && share > 0 && share < 1) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "rounds of consensus to a share of %.6g at a rate of %.6g: choose a share "
                  "above 0 and below 1 and a connected graph (its rate is below 1)",
                  share, rho);
}

/* The least whole number from 1 on that is no less than x, but for x's rounding. */
static int64_t round_up(double x) {
  return (int64_t)fmax(1, ceil(x * (1 - 0x1p-48)));
}

mst_status mst_gossip_rounds(double rho, double share, int64_t *rounds) {
  MST_TRY(check_rate(rho, share));
  *rounds = rho > 0 ? round_up(log(share) / log(rho)) : 1;
  return MST_OK;
}

/* T_k(x) = cosh(k acosh(x)) for x >= 1. */
mst_status mst_chebyshev_rounds(double rho, double share, int64_t *rounds) {
  MST_TRY(check_rate(rho, share));
  *rounds = rho > 0 ? round_up(acosh(1 / share) / acosh(1 / rho)) : 1;
  return MST_OK;
}

void mst_chebyshev_weights(double rho, int64_t rounds, double *omega) {
  for (int64_t k = 0; k < rounds; k++)
    omega[k] = k == 0 ? 1 : 1 / (1 - rho * rho * (k == 1 ? 0.5 : omega[k - 1] / 4));
}
