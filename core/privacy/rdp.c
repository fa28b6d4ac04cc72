/* rdp: Renyi differential privacy over the usual table of orders (Mironov 2017; Mironov, Talwar and
 * Zhang 2019). Divergences of like order add over any releases; the best order gives epsilon. */
#include <math.h>

#include "core/privacy/member.h"

/* 1.1 to 10.9 in tenths, 11 to 63, 128 to 1024: the table of the published accountants, so that
 * figures can be compared. */
enum {
  TENTHS = 99,
  WHOLES = 53,
  ORDERS = TENTHS + WHOLES + 4
};

static double order_at(int i) {
  if (i < TENTHS) return (11 + i) / 10.0;
  if (i < TENTHS + WHOLES) return 11 + i - TENTHS;
  return ldexp(128, i - TENTHS - WHOLES);
}

/* Divergence of order alpha of the whole list. */
static mst_status total(const mst_events *events, double alpha, double *rho) {
  *rho = 0;
  for (int64_t i = 0; i < events->n; i++) {
    const mst_event *e = &events->event[i];
    double one;
    if (e->count == 0) continue;
    MST_TRY(mst_rdp_order(e, events->adjacency, events->group, alpha, &one));
    *rho += (double)e->count * one;
  }
  return MST_OK;
}

/* The least figure over the orders: epsilon at a delta, or delta at an epsilon. */
static mst_status least(const mst_events *events, double given,
                        double (*convert)(double, double, double), double *figure, double *order) {
  *figure = INFINITY;
  for (int i = 0; i < ORDERS; i++) {
    const double alpha = order_at(i);
    double rho;
    MST_TRY(total(events, alpha, &rho));
    const double got = convert(alpha, rho, given) * MST_UPWARD;
    if (got < *figure) {
      *figure = got;
      *order = alpha;
    }
  }
  return MST_OK;
}

static mst_status rdp_epsilon(const mst_events *events, double delta, const mst_account_spec *spec,
                              mst_spent *out) {
  (void)spec;
  return least(events, delta, mst_rdp_epsilon, &out->epsilon, &out->order);
}

static mst_status rdp_delta(const mst_events *events, double epsilon, const mst_account_spec *spec,
                            mst_spent *out) {
  (void)spec;
  return least(events, epsilon, mst_rdp_delta, &out->delta, &out->order);
}

const mst_accountant_ops mst_accountant_rdp = {
    .name = "rdp",
    .summary = "Renyi differential privacy over a table of orders: an upper bound",
    .epsilon = rdp_epsilon,
    .delta = rdp_delta};
