/* Steps of decentralised training beside mixing: entry by entry, in float64, rounded once. `mixed`
 * is what a mixing made of the vectors that are named; out may be any argument of the same call.
 * Equations and sources: doc/methods/decentralised.md. All functions are Local. */
#ifndef MST_CORE_DECENTRALISED_STEPS_H
#define MST_CORE_DECENTRALISED_STEPS_H

#include <stdint.h>

/** Decentralised gradient descent, and the model of gradient tracking: out(m) = x - lr direction.
 *  Mixing before it is x_{t+1} = W x_t - lr g_t; mixing after it x_{t+1} = W (x_t - lr g_t). */
void mst_step_descend_f32(int64_t m, double lr, const float *x, const float *direction, float *out);

/** Gradient tracking (Nedic, Olshevsky, Shi 2017; Di Lorenzo, Scutari 2016):
 *  out(m) = y_{t+1} = W y_t + g_{t+1} - g_t, from mixed = W y_t; y_0 = g_0. The nodes' mean of y
 *  is then always that of their gradients. */
void mst_step_track_f32(int64_t m, const float *mixed, const float *gradient, const float *before,
                        float *out);

/** D^2 (Tang, Lian, Yan, Zhang, Liu 2018), what is mixed in round t:
 *  out(m) = 2 x_t - x_{t-1} - lr (g_t - g_{t-1}); in round 0 it is x_0 - lr g_0. */
void mst_step_d2_f32(int64_t m, double lr, const float *x, const float *x_before,
                     const float *gradient, const float *gradient_before, float *out);

/** One round of accelerated consensus (mst_chebyshev_weights in core/topology/topology.h):
 *  out(m) = omega mixed + (1 - omega) before, from mixed = W x_k and before = x_{k-1}. With
 *  omega = 1 `before` is not read and may be NULL. */
void mst_step_chebyshev_f32(int64_t m, double omega, const float *mixed, const float *before,
                            float *out);

#endif
