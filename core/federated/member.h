/* What the members of the method family share: their names, entries of their parameter tables, and
 * the parts that several published methods have in common. Private to core/federated; all functions
 * are Local. */
#ifndef MST_CORE_FEDERATED_MEMBER_H
#define MST_CORE_FEDERATED_MEMBER_H

#include <math.h>
#include <stddef.h>

#include "core/federated/method.h"

extern const mst_method_ops mst_method_fedavg, mst_method_fedavgm, mst_method_fedprox,
    mst_method_fedadam, mst_method_fedyogi, mst_method_fedadagrad, mst_method_scaffold,
    mst_method_feddyn, mst_method_fedcm, mst_method_fedsam, mst_method_mofedsam,
    mst_method_fedgamma, mst_method_fedspeed, mst_method_fedsmoo, mst_method_fednova;

/* Entries of parameter tables, with the member's own default. */
#define MST_METHOD_REAL(field, default_, min_, max_, open_, unit_, help_)          \
  {                                                                                \
    .name = #field, .type = MST_PARAM_REAL, .offset = offsetof(mst_method_spec, field), \
    .fallback = (default_), .min = (min_), .max = (max_), .open_min = (open_), .unit = (unit_), \
    .help = (help_)                                                                \
  }
#define MST_METHOD_WEIGHTED(default_)                                               \
  {                                                                                \
    .name = "weighted", .type = MST_PARAM_BOOL, .offset = offsetof(mst_method_spec, weighted), \
    .fallback = (default_), .unit = "",                                            \
    .help = "mean over the cohort weighted by the clients' rows, not plain"        \
  }
#define MST_METHOD_SERVER_LR(default_) \
  MST_METHOD_REAL(server_lr, default_, 0, INFINITY, true, "", "step size of the server")
#define MST_METHOD_RHO(default_)                                    \
  MST_METHOD_REAL(rho, default_, 0, INFINITY, true, "units of the parameters", \
                  "radius at which the second gradient of a step is taken")
#define MST_METHOD_DUAL_LAMBDA(default_)                   \
  MST_METHOD_REAL(lambda, default_, 0, INFINITY, true, "", \
                  "strength of the proximal and dual terms")

/** w += server_lr mean(0): the server of FedAvg and of all methods that differ in the clients. */
void mst_method_step_mean(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                          double *const *mean, float *const *shared, float *const *server,
                          const double *sum);

/* Control variates (scaffold, fedgamma): own c_i, shared c, uplink delta and change of c_i. */
void mst_variates_begin(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule);
void mst_variates_finish(const mst_method_spec *s, const mst_client_view *v, double lr,
                         int64_t steps, float *const *up, double *scalar);
void mst_variates_step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                       double *const *mean, float *const *shared, float *const *server,
                       const double *sum);

/* Dynamic regularisation (feddyn, fedspeed, fedsmoo): own h_i first, server h first. */
void mst_dual_begin(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule);
void mst_dual_finish(const mst_method_spec *s, const mst_client_view *v, double lr, int64_t steps,
                     float *const *up, double *scalar);
void mst_dual_step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                   double *const *mean, float *const *shared, float *const *server,
                   const double *sum);

/* Momentum of the clients (fedcm, mofedsam): shared m, scalar: moves. */
void mst_momentum_begin(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule);
void mst_momentum_finish(const mst_method_spec *s, const mst_client_view *v, double lr,
                         int64_t steps, float *const *up, double *scalar);
void mst_momentum_step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                       double *const *mean, float *const *shared, float *const *server,
                       const double *sum);

#endif
