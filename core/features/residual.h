/* Residual features: those of another map, standardised, behind a layer of random features or as
 * they are, with residual layers on top, each of which was solved in closed form. A layer adds to a
 * row's features what c numbers, linear in new random features of the row, move them along c
 * directions. Equations: doc/methods/depth.md. */
#ifndef MST_CORE_FEATURES_RESIDUAL_H
#define MST_CORE_FEATURES_RESIDUAL_H

#include "core/features/features.h"

typedef struct mst_residual_spec {
  uint64_t seed;
  int64_t outputs;        /* c: directions of a layer                               */
  int64_t depth;          /* most layers                                            */
  int64_t width;          /* h: random features of a layer, and of the first one    */
  bool random;            /* the residual layers stand on a layer of random features */
  const char *activation; /* gelu | relu; a static string                           */
} mst_residual_spec;

/** Wrap a map, which is owned from now on (not after an error). The new map has no layers: its
 *  features are those below the first. Fitting it fits the inner map.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY. Local. */
mst_status mst_residual_create(const mst_residual_spec *spec, mst_features *inner,
                               mst_features **out) MST_CHECKED;
/** Is that map such a one? Local. */
bool mst_residual_is(const mst_features *map);
mst_features *mst_residual_inner(const mst_features *map); /* Local */

/** Means and inverse deviations (0: left out) of the inner map's features; then of the features
 *  below the first layer, which the layers' random features are drawn on. Local. */
void mst_residual_standardise(mst_features *map, const double *mean, const double *inverse);
void mst_residual_scale(mst_features *map, const double *mean, const double *inverse);

/** The layers that count, from the lowest; letting the first n do, of those that were pushed or read.
 *  Local. */
int64_t mst_residual_layers(const mst_features *map);
void mst_residual_use(mst_features *map, int64_t n);
/** What the map was made of. Local. */
const mst_residual_spec *mst_residual_about(const mst_features *map);

/** phi(n, width) below the first layer, from features(n, inner width) of the inner map; phi may be
 *  features where both have one width. Local. */
void mst_residual_begin(mst_features *map, int64_t n, const float *features, float *phi);

/** hidden(n, h) = the random features of layer t (a pushed one, or the next) on phi(n, width),
 *  those below it. Local. */
void mst_residual_hidden(mst_features *map, int64_t t, int64_t n, const float *phi, float *hidden);

/** Add a layer: it takes step(n, c) = hidden q + offset and adds step weights' to a row's features;
 *  q(h, c), offset(c), weights(width, c) are rounded to float32.
 *  \return MST_OK, or MST_ERR_INTERNAL where all layers are there. Local. */
mst_status mst_residual_push(mst_features *map, const double *q, const double *offset,
                             const double *weights) MST_CHECKED;
/** weights(c, width) of layer t, as it adds them. Local. */
const float *mst_residual_weights(const mst_features *map, int64_t t);

/** step(n, c) of layer t from hidden(n, h); and phi(n, width) += step weights'. Local. */
void mst_residual_step(mst_features *map, int64_t t, int64_t n, const float *hidden, float *step);
void mst_residual_advance(mst_features *map, int64_t t, int64_t n, const float *step, float *phi);

/** Add the arrays of the layers alone to a state list, for a checkpoint. MST_ERR_MEMORY. Local. */
mst_status mst_residual_state(mst_features *map, mst_state *state) MST_CHECKED;

#endif
