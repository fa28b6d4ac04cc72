/* The convolutional map's data, shared by its fit (conv_fit.c) and its application (conv.c).
 * Private to core/features. */
#ifndef MST_CORE_FEATURES_CONV_H
#define MST_CORE_FEATURES_CONV_H

#include <math.h>
#include <stdint.h>

#include "core/features/member.h"

/* The parameters of a layer, for the tables of the maps that have one. */
#define MST_CONV_FILTERS                                                                         \
  {.name = "filters", .type = MST_PARAM_INT, .offset = offsetof(mst_features_spec, filters),     \
   .fallback = "128", .min = 1, .max = 1 << 20, .unit = "filters",                               \
   .help = "random patch filters; features = 2 grid^2 filters"}
#define MST_CONV_PATCH                                                                           \
  {.name = "patch", .type = MST_PARAM_INT, .offset = offsetof(mst_features_spec, patch),         \
   .fallback = "6", .min = 1, .max = 1024, .unit = "pixels", .help = "side of a patch"}
#define MST_CONV_GRID                                                                            \
  {.name = "grid", .type = MST_PARAM_INT, .offset = offsetof(mst_features_spec, grid),           \
   .fallback = "3", .min = 1, .max = 1024, .unit = "cells",                                      \
   .help = "side of the grid on which responses are averaged"}
#define MST_CONV_THRESHOLD                                                                       \
  {.name = "threshold", .type = MST_PARAM_REAL, .offset = offsetof(mst_features_spec, threshold), \
   .fallback = "0.5", .min = 0, .max = INFINITY, .unit = "whitened response",                    \
   .help = "of the two-sided ReLU"}

typedef struct mst_conv_map {
  mst_features base;
  mst_image_shape image;
  int64_t patch, grid, filters;
  int64_t elements;   /* numbers of a patch: patch * patch * channels                     */
  int64_t rows_of;    /* positions of a patch down the image: height - patch + 1          */
  int64_t columns_of; /* and across                                                       */

  /* The parameters. A response is z = ((p - mean(p)) / sqrt(var(p) + contrast)) . g - b. */
  float *bank;       /* (elements, filters): g, the filters behind the whitening          */
  float *bias;       /* (filters): b = mean of the normalised patches . g                 */
  float contrast[1]; /* squared pixels; 0 until fitted                                    */

  /* Scratch of one image. Lanes are filters rounded up to whole vectors. */
  int64_t lanes, pitch, block_rows;
  float *bank_lanes;    /* (elements, lanes)                                                 */
  float *upper, *lower; /* (lanes): b + threshold, b - threshold                             */
  float *planes;        /* (channels, height, width)                                         */
  double *sums;         /* box sums of pixels and of squares, down a patch and over it       */
  float *mean, *scale;  /* (rows_of, pitch): a patch's mean and 1 / sqrt(var + contrast)     */
  float *columns;       /* (elements, positions of a block): normalised patches              */
  float *response;      /* (positions of a block, lanes)                                     */
  float *cells;         /* (grid, 2, lanes): sums of one grid row                            */
} mst_conv_map;

/** The first of `positions` in a cell of a grid. Local. */
static inline int64_t mst_conv_cell_edge(int64_t cell, int64_t positions, int64_t grid) {
  return cell * positions / grid;
}

/** Training rows that the fit wants. Local. */
enum {
  MST_CONV_SAMPLE_ROWS = 4000
};

/** Learn contrast, whitening and filters from sample(m, row elements). Local. */
mst_status mst_conv_fit(mst_features *f, const float *sample, int64_t m) MST_CHECKED;

#endif
