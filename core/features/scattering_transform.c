/* The wavelet scattering transform of order two, as Kymatio's 2-D scattering:
 *
 *     S0 = x * phi,  S1 = |x * psi1| * phi,  S2 = ||x * psi1| * psi2| * phi  (j2 > j1),
 *
 * over L angles at scales j < J, sampled every 2^J pixels (Mallat, "Group invariant scattering",
 * CPAM 65(10), 2012; Bruna and Mallat, "Invariant scattering convolution networks", PAMI 35(8),
 * 2013, section 2.2). Features are ordered (channel, path, height, width); paths are S0, then S1
 * by (j1, angle1), then S2 by (j1, angle1, j2, angle2).
 *
 * Convolutions are done in Fourier space; a result at scale j is wanted every 2^j pixels only, so
 * its spectrum is folded before the inverse transform. The average with phi, a product of two
 * one-dimensional averages, is two small matrix products. Pixels and frequencies lie in the order
 * of scattering.h. */
#include "core/features/scattering.h"

#include <math.h>
#include <string.h>

#include "core/linalg/dense.h"

#define NORM_EPSILON 1e-5 /* added to a group's variance */

/* i as an index into n values that are mirrored at both ends, the end values not repeated. */
static int64_t reflect(int64_t i, int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

/* The padded image, as a real field for S0 and as complex numbers for its transform. */
static void pad_image(mst_scattering_map *map, const float *image, int64_t channel) {
  const mst_scattering_level *level = &map->level[0];
  int64_t width = map->image.width, channels = map->image.channels;
  int64_t top = (level->height - map->image.height) / 2, left = (level->width - width) / 2;
  float *field = map->field, *number = map->spectrum;
  for (int64_t p = 0; p < level->height; p++) {
    int64_t y = reflect(level->down.pixel[p] - top, map->image.height);
    const float *row = image + y * width * channels + channel;
    for (int64_t q = 0; q < level->width; q++, field++, number += 2) {
      *field = row[reflect(level->across.pixel[q] - left, width) * channels];
      number[0] = *field;
      number[1] = 0.0f;
    }
  }
}

/* The image has one spectrum for the wavelets of all angles: each of its complex numbers meets
 * `lanes` filter values. to(pixels, lanes). */
MST_RUN filter_image_lanes(const mst_scattering_filter *filter, int64_t pixels, int64_t lanes,
                           const float *restrict spectrum, float *restrict to) {
  const float *restrict value = filter->value;
  for (int64_t p = 0; p < pixels; p++, to += 2 * lanes) {
    memset(to, 0, (size_t)(2 * lanes) * sizeof *to);
    for (int64_t i = filter->first[p]; i < filter->first[p + 1]; i++) {
      float re = spectrum[2 * filter->from[i]], im = spectrum[2 * filter->from[i] + 1];
      for (int64_t t = 0; t < lanes; t++) {
        to[2 * t] += re * value[i * lanes + t];
        to[2 * t + 1] += im * value[i * lanes + t];
      }
    }
  }
}

/* A field has one spectrum a lane, and all meet the wavelet of one angle. */
MST_RUN filter_field_lanes(const mst_scattering_filter *filter, int64_t angle, int64_t pixels,
                           int64_t lanes, const float *restrict spectra, float *restrict to) {
  const int64_t *restrict first = filter->first + angle * pixels;
  for (int64_t p = 0; p < pixels; p++, to += 2 * lanes) {
    memset(to, 0, (size_t)(2 * lanes) * sizeof *to);
    for (int64_t i = first[p]; i < first[p + 1]; i++) {
      const float *restrict from = spectra + filter->from[i] * 2 * lanes;
      for (int64_t t = 0; t < 2 * lanes; t++) to[t] += filter->value[i] * from[t];
    }
  }
}

/* Eight lanes, the usual number of angles, are compiled with their number known. */
MST_WIDE_BODY filter_image_body(const mst_scattering_filter *filter, int64_t pixels, int64_t lanes,
                                const float *spectrum, float *to) {
  if (lanes == 8)
    filter_image_lanes(filter, pixels, 8, spectrum, to);
  else
    filter_image_lanes(filter, pixels, lanes, spectrum, to);
}
MST_WIDE(filter_image,
         (const mst_scattering_filter *filter, int64_t pixels, int64_t lanes, const float *spectrum,
          float *to),
         (filter, pixels, lanes, spectrum, to))

MST_WIDE_BODY filter_field_body(const mst_scattering_filter *filter, int64_t angle, int64_t pixels,
                                int64_t lanes, const float *spectra, float *to) {
  if (lanes == 8)
    filter_field_lanes(filter, angle, pixels, 8, spectra, to);
  else
    filter_field_lanes(filter, angle, pixels, lanes, spectra, to);
}
MST_WIDE(filter_field,
         (const mst_scattering_filter *filter, int64_t angle, int64_t pixels, int64_t lanes,
          const float *spectra, float *to),
         (filter, angle, pixels, lanes, spectra, to))

MST_WIDE_BODY take_modulus_body(const float *restrict wave, int64_t n, float *restrict field) {
  for (int64_t i = 0; i < n; i++)
    field[i] = sqrtf(wave[2 * i] * wave[2 * i] + wave[2 * i + 1] * wave[2 * i + 1]);
}
MST_WIDE(take_modulus, (const float *restrict wave, int64_t n, float *restrict field),
         (wave, n, field))

/* A pair of lanes of the real field went through the transform as one complex number z = f + i g;
 * their spectra are f^(k) = (z^(k) + conj z^(-k)) / 2 and g^(k) = (z^(k) - conj z^(-k)) / 2i. */
MST_RUN split_pairs_lanes(const mst_scattering_level *level, int64_t lanes,
                          const float *restrict mixed, float *restrict spectra) {
  for (int64_t p = 0; p < level->height; p++)
    for (int64_t q = 0; q < level->width; q++, spectra += 2 * lanes) {
      int64_t opposite = level->down.opposite[p] * level->width + level->across.opposite[q];
      const float *restrict z = mixed + (p * level->width + q) * lanes;
      const float *restrict o = mixed + opposite * lanes;
      for (int64_t t = 0; t < lanes / 2; t++) {
        spectra[4 * t] = 0.5f * (z[2 * t] + o[2 * t]);
        spectra[4 * t + 1] = 0.5f * (z[2 * t + 1] - o[2 * t + 1]);
        spectra[4 * t + 2] = 0.5f * (z[2 * t + 1] + o[2 * t + 1]);
        spectra[4 * t + 3] = 0.5f * (o[2 * t] - z[2 * t]);
      }
    }
}
MST_WIDE_BODY split_pairs_body(const mst_scattering_level *level, int64_t lanes, const float *mixed,
                               float *spectra) {
  if (lanes == 8)
    split_pairs_lanes(level, 8, mixed, spectra);
  else
    split_pairs_lanes(level, lanes, mixed, spectra);
}
MST_WIDE(split_pairs,
         (const mst_scattering_level *level, int64_t lanes, const float *mixed, float *spectra),
         (level, lanes, mixed, spectra))

/* Average the field (pixels of level, lanes) down its columns and then across its rows, and write
 * lane t as the map of path `first + t * stride`. */
static void write_paths(mst_scattering_map *map, const mst_scattering_level *level, int64_t lanes,
                        int64_t count, int64_t first, int64_t stride, float *out) {
  int64_t height = map->output_height, width = map->output_width, run = level->width * lanes;
  mst_dense_forward(height, level->height, run, level->average_down, level->height, map->field, run,
                    NULL, map->smooth, run);
  for (int64_t u = 0; u < height; u++)
    mst_dense_forward(width, level->width, lanes, level->average_across, level->width,
                      map->smooth + u * run, lanes, NULL, map->field + u * width * lanes, lanes);
  for (int64_t t = 0; t < count; t++) {
    float *to = out + (first + t * stride) * height * width;
    for (int64_t i = 0; i < height * width; i++) to[i] = map->field[i * lanes + t];
  }
}

static void find_field(mst_scattering_map *map, const mst_scattering_level *level) {
  fftwf_execute(level->inverse);
  take_modulus(map->wave, level->pixels * map->lanes, map->field);
}

/* The paths (j1, all angles, j2, all angles) from the spectra of the field of j1. */
static void transform_field(mst_scattering_map *map, int64_t j1, int64_t first, float *out) {
  int64_t stride = (map->scales - 1 - j1) * map->angles;
  for (int64_t j2 = j1 + 1; j2 < map->scales; j2++) {
    const mst_scattering_level *level = &map->level[j2];
    for (int64_t angle = 0; angle < map->angles; angle++) {
      filter_field(&map->level[j1].filter[j2], angle, level->pixels, map->lanes, map->field_hat,
                   map->wave);
      find_field(map, level);
      write_paths(map, level, map->lanes, map->angles, first + (j2 - j1 - 1) * map->angles + angle,
                  stride, out);
    }
  }
}

static void transform_channel(mst_scattering_map *map, const float *image, int64_t channel,
                              float *out) {
  pad_image(map, image, channel);
  write_paths(map, &map->level[0], 1, 1, 0, 0, out);
  fftwf_execute(map->forward_image);
  int64_t second = 1 + map->scales * map->angles;
  for (int64_t j1 = 0; j1 < map->scales; j1++) {
    const mst_scattering_level *level = &map->level[j1];
    filter_image(&map->image_filter[j1], level->pixels, map->lanes, map->spectrum, map->wave);
    find_field(map, level);
    if (j1 + 1 < map->scales) {
      fftwf_execute(level->forward);
      split_pairs(level, map->lanes, map->wave, map->field_hat);
    }
    write_paths(map, level, map->lanes, map->angles, 1 + j1 * map->angles, 1, out);
    transform_field(map, j1, second, out);
    second += map->angles * (map->scales - 1 - j1) * map->angles;
  }
}

/* Bring x(n) to mean 0 and variance 1 (Wu and He, "Group normalization", ECCV 2018, without gain).
 */
static void normalise(int64_t n, float *x) {
  double sum = 0, square = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i];
  double mean = sum / (double)n;
  for (int64_t i = 0; i < n; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
  double scale = 1 / sqrt(square / (double)n + NORM_EPSILON);
  for (int64_t i = 0; i < n; i++) x[i] = (float)(((double)x[i] - mean) * scale);
}

mst_status mst_scattering_apply(mst_features *f, const float *rows, int64_t n, float *out) {
  mst_scattering_map *map = (mst_scattering_map *)f;
  int64_t elements = mst_row_elements(&f->shape);
  int64_t channel_width = f->width / map->image.channels, groups = f->spec.groups;
  for (int64_t i = 0; i < n; i++) {
    float *to = out + i * f->width;
    for (int64_t c = 0; c < map->image.channels; c++)
      transform_channel(map, rows + i * elements, c, to + c * channel_width);
    for (int64_t g = 0; g < groups; g++) normalise(f->width / groups, to + g * (f->width / groups));
  }
  return MST_OK;
}
