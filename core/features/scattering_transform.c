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
 * one-dimensional averages, is two small matrix products. */
#include "core/features/scattering.h"

#include <math.h>

#define NORM_EPSILON 1e-5 /* added to a group's variance */

/* i as an index into n values that are mirrored at both ends, the end values not repeated. */
static int64_t reflect(int64_t i, int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

/* The padded image, first as a real field for S0, then as complex numbers for its transform. */
static void pad_image(mst_scattering_map *map, const float *image, int64_t channel) {
  int64_t width = map->image.width, channels = map->image.channels;
  int64_t top = (map->padded_height - map->image.height) / 2;
  int64_t left = (map->padded_width - width) / 2;
  for (int64_t y = 0; y < map->padded_height; y++) {
    const float *row = image + reflect(y - top, map->image.height) * width * channels + channel;
    for (int64_t x = 0; x < map->padded_width; x++) {
      float pixel = row[reflect(x - left, width) * channels];
      int64_t i = y * map->padded_width + x;
      map->field[i] = pixel;
      map->input[2 * i] = pixel;
      map->input[2 * i + 1] = 0.0f;
    }
  }
}

/* A spectrum of `level` times a wavelet of scale j, folded to level j. to(pixels of level j,
 * lanes). The image has one spectrum for the wavelets of all angles: each pixel's complex number
 * meets `lanes` filter values. */
MST_RUN filter_image_lanes(const float *restrict spectrum, const mst_scattering_level *level,
                           int64_t j, int64_t fold, int64_t lanes, float *restrict to) {
  int64_t height = level->height / fold, width = level->width / fold;
  const float *restrict wavelet = level->wavelet[j];
  for (int64_t k = 0; k < height; k++)
    for (int64_t l = 0; l < width; l++, to += 2 * lanes)
      for (int64_t a = 0; a < fold; a++)
        for (int64_t b = 0; b < fold; b++) {
          int64_t i = (k + a * height) * level->width + l + b * width;
          float re = spectrum[2 * i], im = spectrum[2 * i + 1];
          const float *restrict value = wavelet + i * lanes;
          for (int64_t t = 0; t < lanes; t++) {
            to[2 * t] = (a + b > 0 ? to[2 * t] : 0.0f) + re * value[t];
            to[2 * t + 1] = (a + b > 0 ? to[2 * t + 1] : 0.0f) + im * value[t];
          }
        }
}

/* A field has one spectrum a lane, and all meet the wavelet of one angle. */
MST_RUN filter_field_lanes(const float *restrict spectra, const mst_scattering_level *level,
                           int64_t j, int64_t angle, int64_t fold, int64_t lanes,
                           float *restrict to) {
  int64_t height = level->height / fold, width = level->width / fold;
  const float *restrict wavelet = level->wavelet[j] + angle;
  for (int64_t k = 0; k < height; k++)
    for (int64_t l = 0; l < width; l++, to += 2 * lanes)
      for (int64_t a = 0; a < fold; a++)
        for (int64_t b = 0; b < fold; b++) {
          int64_t i = (k + a * height) * level->width + l + b * width;
          float value = wavelet[i * lanes];
          const float *restrict from = spectra + i * 2 * lanes;
          for (int64_t t = 0; t < 2 * lanes; t++)
            to[t] = (a + b > 0 ? to[t] : 0.0f) + value * from[t];
        }
}

/* Eight lanes, the usual number of angles, are compiled with their number known. */
MST_WIDE_BODY filter_image_body(const float *spectrum, const mst_scattering_level *level, int64_t j,
                                int64_t fold, int64_t lanes, float *to) {
  if (lanes == 8)
    filter_image_lanes(spectrum, level, j, fold, 8, to);
  else
    filter_image_lanes(spectrum, level, j, fold, lanes, to);
}
MST_WIDE(filter_image,
         (const float *spectrum, const mst_scattering_level *level, int64_t j, int64_t fold,
          int64_t lanes, float *to),
         (spectrum, level, j, fold, lanes, to))

MST_WIDE_BODY filter_field_body(const float *spectra, const mst_scattering_level *level, int64_t j,
                                int64_t angle, int64_t fold, int64_t lanes, float *to) {
  if (lanes == 8)
    filter_field_lanes(spectra, level, j, angle, fold, 8, to);
  else
    filter_field_lanes(spectra, level, j, angle, fold, lanes, to);
}
MST_WIDE(filter_field,
         (const float *spectra, const mst_scattering_level *level, int64_t j, int64_t angle,
          int64_t fold, int64_t lanes, float *to),
         (spectra, level, j, angle, fold, lanes, to))

MST_WIDE_BODY take_modulus_body(const float *restrict wave, int64_t n, float *restrict field) {
  for (int64_t i = 0; i < n; i++)
    field[i] = sqrtf(wave[2 * i] * wave[2 * i] + wave[2 * i + 1] * wave[2 * i + 1]);
}
MST_WIDE(take_modulus, (const float *restrict wave, int64_t n, float *restrict field),
         (wave, n, field))

/* A pair of lanes of the real field went through the transform as one complex number z = f + i g;
 * their spectra are f^(k) = (z^(k) + conj z^(-k)) / 2 and g^(k) = (z^(k) - conj z^(-k)) / 2i. */
MST_RUN split_pairs_lanes(const float *restrict mixed, int64_t height, int64_t width, int64_t lanes,
                          float *restrict spectra) {
  for (int64_t k = 0; k < height; k++)
    for (int64_t l = 0; l < width; l++, spectra += 2 * lanes) {
      int64_t opposite = (k > 0 ? height - k : 0) * width + (l > 0 ? width - l : 0);
      const float *restrict z = mixed + (k * width + l) * lanes;
      const float *restrict o = mixed + opposite * lanes;
      for (int64_t t = 0; t < lanes / 2; t++) {
        spectra[4 * t] = 0.5f * (z[2 * t] + o[2 * t]);
        spectra[4 * t + 1] = 0.5f * (z[2 * t + 1] - o[2 * t + 1]);
        spectra[4 * t + 2] = 0.5f * (z[2 * t + 1] + o[2 * t + 1]);
        spectra[4 * t + 3] = 0.5f * (o[2 * t] - z[2 * t]);
      }
    }
}
MST_WIDE_BODY split_pairs_body(const float *mixed, int64_t height, int64_t width, int64_t lanes,
                               float *spectra) {
  if (lanes == 8)
    split_pairs_lanes(mixed, height, width, 8, spectra);
  else
    split_pairs_lanes(mixed, height, width, lanes, spectra);
}
MST_WIDE(split_pairs,
         (const float *mixed, int64_t height, int64_t width, int64_t lanes, float *spectra),
         (mixed, height, width, lanes, spectra))

/* to(m, count) = weight(m, n) from(n, count). */
MST_RUN average(const float *restrict weight, int64_t m, int64_t n, int64_t count,
                const float *restrict from, float *restrict to) {
  for (int64_t u = 0; u < m; u++, to += count) {
    for (int64_t i = 0; i < count; i++) to[i] = weight[u * n] * from[i];
    for (int64_t x = 1; x < n; x++)
      for (int64_t i = 0; i < count; i++) to[i] += weight[u * n + x] * from[x * count + i];
  }
}

/* The field (pixels of level, lanes), averaged down its columns and then across its rows, to
 * field's first (output height, output width, lanes) numbers. */
MST_WIDE_BODY average_field_body(mst_scattering_map *map, const mst_scattering_level *level,
                                 int64_t lanes) {
  average(level->average_down, map->output_height, level->height, level->width * lanes, map->field,
          map->smooth);
  for (int64_t u = 0; u < map->output_height; u++)
    average(level->average_across, map->output_width, level->width, lanes,
            map->smooth + u * level->width * lanes, map->field + u * map->output_width * lanes);
}
MST_WIDE(average_field,
         (mst_scattering_map * map, const mst_scattering_level *level, int64_t lanes),
         (map, level, lanes))

/* Average the field and write lane t as the map of path `first + t * stride`. */
static void write_paths(mst_scattering_map *map, const mst_scattering_level *level, int64_t lanes,
                        int64_t count, int64_t first, int64_t stride, float *out) {
  int64_t pixels = map->output_height * map->output_width;
  average_field(map, level, lanes);
  for (int64_t t = 0; t < count; t++) {
    float *to = out + (first + t * stride) * pixels;
    for (int64_t i = 0; i < pixels; i++) to[i] = map->field[i * lanes + t];
  }
}

static void find_field(mst_scattering_map *map, int64_t j) {
  const mst_scattering_level *level = &map->level[j];
  fftwf_execute(level->inverse);
  take_modulus(map->wave, level->height * level->width * map->lanes, map->field);
}

/* The paths (j1, all angles, j2, all angles) from the spectra of the field of j1. */
static void transform_field(mst_scattering_map *map, int64_t j1, int64_t first, float *out) {
  int64_t stride = (map->scales - 1 - j1) * map->angles;
  for (int64_t j2 = j1 + 1; j2 < map->scales; j2++)
    for (int64_t angle = 0; angle < map->angles; angle++) {
      filter_field(map->field_hat, &map->level[j1], j2, angle, INT64_C(1) << (j2 - j1), map->lanes,
                   map->wave_hat);
      find_field(map, j2);
      write_paths(map, &map->level[j2], map->lanes, map->angles,
                  first + (j2 - j1 - 1) * map->angles + angle, stride, out);
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
    filter_image(map->spectrum, &map->level[0], j1, INT64_C(1) << j1, map->lanes, map->wave_hat);
    find_field(map, j1);
    if (j1 + 1 < map->scales) {
      fftwf_execute(level->forward);
      split_pairs(map->wave_hat, level->height, level->width, map->lanes, map->field_hat);
    }
    write_paths(map, level, map->lanes, map->angles, 1 + j1 * map->angles, 1, out);
    transform_field(map, j1, second, out);
    second += map->angles * (map->scales - 1 - j1) * map->angles;
  }
}

/* Bring x(n) to mean 0 and variance 1 (Wu and He, "Group normalization", ECCV 2018, without gain). */
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
    for (int64_t g = 0; g < groups; g++)
      normalise(f->width / groups, to + g * (f->width / groups));
  }
  return MST_OK;
}
