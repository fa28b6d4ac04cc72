/* The scattering map's data, shared by its making (scattering.c) and its application
 * (scattering_transform.c). Private to core/features.
 *
 * Arrays hold all angles of a pixel side by side ("lanes"), so that one FFTW plan transforms all
 * angles at once and loops run over whole vectors. */
#ifndef MST_CORE_FEATURES_SCATTERING_H
#define MST_CORE_FEATURES_SCATTERING_H

#include <stdint.h>

#include <fftw3.h>

#include "core/features/member.h"

enum {
  MST_SCATTERING_SCALES = 8,
  MST_SCATTERING_ANGLES = 64
};

/* Level r is the padded grid sampled every 2^r pixels. */
typedef struct mst_scattering_level {
  int64_t height, width;
  float *average_down;   /* (output height, height): phi, along a column              */
  float *average_across; /* (output width, width): phi, along a row                   */
  /* [j](height, width, lanes): psi at scale j for spectra of this level, NULL where no path
   * needs it. */
  float *wavelet[MST_SCATTERING_SCALES];
  fftwf_plan forward; /* field to wave_hat, two lanes as one complex number           */
  fftwf_plan inverse; /* wave_hat to wave                                             */
} mst_scattering_level;

typedef struct mst_scattering_map {
  mst_features base;
  mst_image_shape image;
  int64_t scales, angles, lanes; /* lanes: angles, rounded up to an even number     */
  int64_t padded_height, padded_width, output_height, output_width;
  int64_t paths;
  mst_scattering_level level[MST_SCATTERING_SCALES];
  fftwf_plan forward_image;
  float *input;     /* (padded height, padded width) complex: the padded image      */
  float *spectrum;  /* the same shape: its transform                                */
  float *wave_hat;  /* (pixels, lanes) complex: the transform of x * psi            */
  float *wave;      /* (pixels, lanes) complex: x * psi                             */
  float *field;     /* (pixels, lanes): |x * psi|                                   */
  float *field_hat; /* (pixels, lanes) complex: the spectra of the field            */
  float *smooth;    /* (output height, padded width, lanes): the field, averaged down */
} mst_scattering_map;

/** out(n, width) from rows(n, row elements). Local. */
mst_status mst_scattering_apply(mst_features *f, const float *rows, int64_t n,
                                float *out) MST_CHECKED;

#endif
