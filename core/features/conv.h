/* The convolutional map's data, shared by its fit (conv_fit.c) and its application (conv.c).
 * Private to core/features. */
#ifndef MST_CORE_FEATURES_CONV_H
#define MST_CORE_FEATURES_CONV_H

#include <stdint.h>

#include "core/features/member.h"

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

/** Training rows that the fit wants. Local. */
enum {
  MST_CONV_SAMPLE_ROWS = 4000
};

/** Learn contrast, whitening and filters from sample(m, row elements). Local. */
mst_status mst_conv_fit(mst_features *f, const float *sample, int64_t m) MST_CHECKED;

#endif
