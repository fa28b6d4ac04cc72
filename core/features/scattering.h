/* The scattering map's data, shared by its making (scattering.c), its filters
 * (scattering_filters.c) and its application (scattering_transform.c). Private to core/features.
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
  MST_SCATTERING_ANGLES = 64,
  MST_SCATTERING_PARTS = 10 /* the product of more prime powers passes 2^31 */
};

/* One side of a grid. Its size is a product of powers of different primes, and a transform whose
 * size is such a product is one of several dimensions, without factors between them, when pixels
 * and frequencies are put at the right places (Good, "The interaction algorithm and practical
 * Fourier analysis", JRSS B 20(2), 1958): so that FFTW's fixed small transforms do all the work,
 * over whole vectors of lanes. */
typedef struct mst_scattering_axis {
  int64_t size;
  int parts;
  int64_t part[MST_SCATTERING_PARTS]; /* the prime powers                            */
  int64_t *pixel;                     /* [place]: the pixel that is there            */
  int64_t *frequency;                 /* [place]: the frequency that is there        */
  int64_t *place;                     /* [frequency]: its place                      */
  int64_t *opposite;                  /* [place]: where the negative frequency is    */
} mst_scattering_axis;

/* Filters of one scale for spectra of one level, and the fold of the product to that scale's level,
 * as sums: pixel p of filter f is the sum of terms first[f * pixels + p] to the next one's. A term
 * is left out where no float could tell the sum from it. */
typedef struct mst_scattering_filter {
  int64_t *first; /* (filters * pixels + 1)                                              */
  int64_t *from;  /* (terms): place in the spectrum                                      */
  float *value;   /* (terms, values): of `lanes` filters for the image, of one for fields */
} mst_scattering_filter;

/* Level r is the padded grid sampled every 2^r pixels. */
typedef struct mst_scattering_level {
  int64_t height, width, pixels;
  mst_scattering_axis down, across;
  float *average_down;   /* (output height, height): phi, along a column              */
  float *average_across; /* (output width, width): phi, along a row                   */
  mst_scattering_filter filter[MST_SCATTERING_SCALES]; /* of fields, [j]: one an angle */
  fftwf_plan forward; /* field to wave, two lanes as one complex number               */
  fftwf_plan inverse; /* wave, in place                                               */
} mst_scattering_level;

typedef struct mst_scattering_map {
  mst_features base;
  mst_image_shape image;
  int64_t scales, angles, lanes; /* lanes: angles, rounded up to an even number     */
  int64_t padded_height, padded_width, output_height, output_width;
  int64_t paths;
  mst_scattering_level level[MST_SCATTERING_SCALES];
  mst_scattering_filter image_filter[MST_SCATTERING_SCALES]; /* [j]: of all angles   */
  fftwf_plan forward_image;
  float *spectrum;  /* (padded pixels) complex: the padded image, then its transform  */
  float *wave;      /* (pixels, lanes) complex: x * psi, first its transform          */
  float *field;     /* (pixels, lanes): |x * psi|                                     */
  float *field_hat; /* (pixels, lanes) complex: the spectra of the field              */
  float *smooth;    /* (output height, padded width, lanes): the field, averaged down */
} mst_scattering_map;

/** The grids of all levels, and the filters and averages on them; map's sizes must be set. On
 *  failure, mst_scattering_filters_free gives back what was made. Local. */
mst_status mst_scattering_filters_make(mst_scattering_map *map) MST_CHECKED;
void mst_scattering_filters_free(mst_scattering_map *map);

/** out(n, width) from rows(n, row elements). Local. */
mst_status mst_scattering_apply(mst_features *f, const float *rows, int64_t n,
                                float *out) MST_CHECKED;

#endif
