/* The wavelet scattering transform of order two, as Kymatio's 2-D scattering:
 *
 *     S0 = x * phi,  S1 = |x * psi1| * phi,  S2 = ||x * psi1| * psi2| * phi  (j2 > j1),
 *
 * over L angles at scales j < J, sampled every 2^J pixels (Mallat, "Group invariant scattering",
 * CPAM 65(10), 2012; Bruna and Mallat, "Invariant scattering convolution networks", PAMI 2013,
 * equations 8 to 10). Features are ordered (channel, path, height, width); paths are S0, S1 by
 * (j1, angle1), S2 by (j1, angle1, j2, angle2).
 *
 * Convolutions are done in Fourier space with FFTW; a result at scale j is wanted every 2^j
 * pixels only, so its spectrum is folded before the inverse transform. Arrays hold all angles of
 * a pixel side by side ("lanes"), and a plan transforms all lanes at once. The average with phi,
 * a product of two one-dimensional averages, is two small matrix products. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <fftw3.h>

#include "core/base/memory.h"
#include "core/features/member.h"
#include "core/features/wavelets.h"

enum { SCALES_MAX = 8, ANGLES_MAX = 64 };

/* Level r is the padded grid sampled every 2^r pixels. */
typedef struct grid_level {
  int64_t height, width;
  float *average_down;           /* (output height, height): phi along columns      */
  float *average_across;         /* (output width, width)                           */
  float *wavelet[SCALES_MAX];    /* [j]: (height * width, lanes): psi at scale j, for
                                    fields of this level; NULL where no path needs it */
  fftwf_plan forward, inverse;   /* of the field: lanes / 2 complex; lanes complex  */
} grid_level;

typedef struct scattering_map {
  mst_features base;
  mst_image_shape image;
  int64_t scales, angles, lanes; /* lanes: angles, rounded up to an even number     */
  int64_t padded_height, padded_width, output_height, output_width;
  int64_t paths;
  grid_level level[SCALES_MAX];
  fftwf_plan forward_image;
  float *input;     /* (padded height, padded width) complex: the padded image      */
  float *spectrum;  /* the same shape: its transform                                */
  float *wave_hat;  /* (pixels, lanes) complex: the transform of x * psi            */
  float *wave;      /* (pixels, lanes) complex: x * psi                             */
  float *field;     /* (pixels, lanes): |x * psi|                                   */
  float *field_hat; /* (pixels, lanes) complex: the spectra of the field            */
  float *smooth;    /* (output height, padded width, lanes): the field, averaged down */
} scattering_map;

static int64_t padded_size(int64_t size, int64_t scales) {
  return ((size >> scales) + 2) << scales;
}

static mst_status check_spec(const mst_features_spec *spec, const mst_image_shape *image) {
  int64_t side = image->height < image->width ? image->height : image->width;
  MST_TRY(mst_features_check_range("scales", spec->scales, 1, SCALES_MAX));
  MST_TRY(mst_features_check_range("angles", spec->angles, 1, ANGLES_MAX));
  /* Reflection takes up to 2^J pixels beyond the border, the border pixel not among them. */
  int64_t fitting = 0;
  while (side > INT64_C(1) << (fitting + 1)) fitting++;
  if (spec->scales <= fitting) return MST_OK;
  if (fitting == 0)
    return mst_fail(MST_ERR_INPUT,
                    "features.kind scattering needs images of at least 3 x 3 pixels, not %lld x "
                    "%lld; choose another kind",
                    (long long)image->height, (long long)image->width);
  return mst_fail(MST_ERR_INPUT,
                  "features.scales is %lld but the images are %lld x %lld pixels, too small for "
                  "wavelets of scale 2^%lld; choose scales of 1 to %lld",
                  (long long)spec->scales, (long long)image->height, (long long)image->width,
                  (long long)spec->scales, (long long)fitting);
}

/* FFTW_ESTIMATE does not measure, so every map of this shape has the same plans and bits. */
static fftwf_plan plan(const grid_level *level, int64_t count, float *from, float *to, int sign) {
  const int size[2] = {(int)level->height, (int)level->width};
  return fftwf_plan_many_dft(2, size, (int)count, (fftwf_complex *)from, NULL, (int)count, 1,
                             (fftwf_complex *)to, NULL, (int)count, 1, sign, FFTW_ESTIMATE);
}

static mst_status make_plans(scattering_map *map) {
  map->forward_image = plan(&map->level[0], 1, map->input, map->spectrum, FFTW_FORWARD);
  bool made = map->forward_image != NULL;
  for (int64_t r = 0; r < map->scales; r++) {
    grid_level *level = &map->level[r];
    level->inverse = plan(level, map->lanes, map->wave_hat, map->wave, FFTW_BACKWARD);
    level->forward = plan(level, map->lanes / 2, map->field, map->wave_hat, FFTW_FORWARD);
    made = made && level->inverse != NULL && level->forward != NULL;
  }
  return made ? MST_OK : mst_fail(MST_ERR_INTERNAL, "FFTW has no plan for %lld x %lld pixels",
                                  (long long)map->padded_height, (long long)map->padded_width);
}

/* The wavelets of scale j for fields of level r: their lowest frequencies, with FFTW's missing
 * 1/pixels. */
static void fill_wavelets(scattering_map *map, int64_t r, int64_t j, const double *hat,
                          int64_t angle) {
  grid_level *level = &map->level[r];
  double scale = 1.0 / (double)(level->height * level->width);
  for (int64_t k = 0; k < level->height; k++)
    for (int64_t l = 0; l < level->width; l++) {
      int64_t y = mst_wavelet_kept(k, level->height, map->padded_height);
      int64_t x = mst_wavelet_kept(l, level->width, map->padded_width);
      level->wavelet[j][(k * level->width + l) * map->lanes + angle] =
          (float)(scale * hat[y * map->padded_width + x]);
    }
}

static mst_status make_filters(scattering_map *map) {
  double *hat = NULL;
  MST_TRY(mst_alloc(&hat, map->padded_height * map->padded_width, sizeof *hat, "wavelet"));
  for (int64_t j = 0; j < map->scales; j++)
    for (int64_t angle = 0; angle < map->angles; angle++) {
      mst_wavelet_morlet(map->padded_height, map->padded_width, j, angle, map->angles, hat);
      for (int64_t r = 0; r <= j; r++)
        if (map->level[r].wavelet[j] != NULL) fill_wavelets(map, r, j, hat, angle);
    }
  for (int64_t r = 0; r < map->scales; r++) {
    grid_level *level = &map->level[r];
    mst_wavelet_average(map->padded_height, r, map->scales, map->output_height, hat,
                        level->average_down);
    mst_wavelet_average(map->padded_width, r, map->scales, map->output_width, hat,
                        level->average_across);
  }
  mst_free(hat);
  return MST_OK;
}

static mst_status allocate_level(scattering_map *map, int64_t r) {
  grid_level *level = &map->level[r];
  level->height = map->padded_height >> r;
  level->width = map->padded_width >> r;
  MST_TRY(mst_alloc(&level->average_down, map->output_height * level->height, sizeof(float),
                    "scattering average"));
  MST_TRY(mst_alloc(&level->average_across, map->output_width * level->width, sizeof(float),
                    "scattering average"));
  for (int64_t j = r == 0 ? 0 : r + 1; j < map->scales; j++)
    MST_TRY(mst_alloc(&level->wavelet[j], level->height * level->width * map->lanes,
                      sizeof(float), "wavelets"));
  return MST_OK;
}

static mst_status allocate(scattering_map *map) {
  int64_t pixels = map->padded_height * map->padded_width;
  MST_TRY(mst_alloc(&map->input, 2 * pixels, sizeof(float), "padded image"));
  MST_TRY(mst_alloc(&map->spectrum, 2 * pixels, sizeof(float), "image spectrum"));
  MST_TRY(mst_alloc(&map->wave_hat, 2 * pixels * map->lanes, sizeof(float), "wavelet products"));
  MST_TRY(mst_alloc(&map->wave, 2 * pixels * map->lanes, sizeof(float), "wavelet responses"));
  MST_TRY(mst_alloc(&map->field, pixels * map->lanes, sizeof(float), "wavelet moduli"));
  MST_TRY(mst_alloc(&map->field_hat, 2 * pixels * map->lanes, sizeof(float), "moduli's spectra"));
  MST_TRY(mst_alloc(&map->smooth, map->output_height * map->padded_width * map->lanes,
                    sizeof(float), "averaged moduli"));
  for (int64_t r = 0; r < map->scales; r++) MST_TRY(allocate_level(map, r));
  return MST_OK;
}

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  mst_image_shape image;
  MST_TRY(mst_image_shape_of(shape, "scattering", &image));
  MST_TRY(check_spec(spec, &image));
  MST_TRY(mst_features_new(&mst_features_scattering, spec, shape, sizeof(scattering_map), out));
  scattering_map *map = (scattering_map *)*out;
  map->image = image;
  map->scales = spec->scales;
  map->angles = spec->angles;
  map->lanes = spec->angles + spec->angles % 2;
  map->padded_height = padded_size(image.height, spec->scales);
  map->padded_width = padded_size(image.width, spec->scales);
  map->output_height = image.height >> spec->scales;
  map->output_width = image.width >> spec->scales;
  map->paths = 1 + spec->scales * spec->angles +
               spec->scales * (spec->scales - 1) / 2 * spec->angles * spec->angles;
  map->base.width = image.channels * map->paths * map->output_height * map->output_width;
  mst_status status = allocate(map);
  if (status == MST_OK) status = make_filters(map);
  if (status == MST_OK) status = make_plans(map);
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
  }
  return status;
}

static int64_t sample_rows(const mst_features *f) {
  (void)f;
  return 0;
}

/* i as an index into n values that are mirrored at both ends, the end values not repeated. */
static int64_t reflect(int64_t i, int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

/* The padded image, first as a real field for S0, then as complex numbers for its transform. */
static void pad_image(scattering_map *map, const float *image, int64_t channel) {
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
static inline __attribute__((always_inline)) void filter_image_lanes(
    const float *restrict spectrum, const grid_level *level, int64_t j, int64_t fold,
    int64_t lanes, float *restrict to) {
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
static inline __attribute__((always_inline)) void filter_field_lanes(
    const float *restrict spectra, const grid_level *level, int64_t j, int64_t angle,
    int64_t fold, int64_t lanes, float *restrict to) {
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
MST_WIDE_BODY filter_image_body(const float *spectrum, const grid_level *level, int64_t j,
                                int64_t fold, int64_t lanes, float *to) {
  if (lanes == 8)
    filter_image_lanes(spectrum, level, j, fold, 8, to);
  else
    filter_image_lanes(spectrum, level, j, fold, lanes, to);
}
MST_WIDE(filter_image,
         (const float *spectrum, const grid_level *level, int64_t j, int64_t fold, int64_t lanes,
          float *to),
         (spectrum, level, j, fold, lanes, to))

MST_WIDE_BODY filter_field_body(const float *spectra, const grid_level *level, int64_t j,
                                int64_t angle, int64_t fold, int64_t lanes, float *to) {
  if (lanes == 8)
    filter_field_lanes(spectra, level, j, angle, fold, 8, to);
  else
    filter_field_lanes(spectra, level, j, angle, fold, lanes, to);
}
MST_WIDE(filter_field,
         (const float *spectra, const grid_level *level, int64_t j, int64_t angle, int64_t fold,
          int64_t lanes, float *to),
         (spectra, level, j, angle, fold, lanes, to))

MST_WIDE_BODY take_modulus_body(const float *restrict wave, int64_t n, float *restrict field) {
  for (int64_t i = 0; i < n; i++)
    field[i] = sqrtf(wave[2 * i] * wave[2 * i] + wave[2 * i + 1] * wave[2 * i + 1]);
}
MST_WIDE(take_modulus, (const float *restrict wave, int64_t n, float *restrict field),
         (wave, n, field))

/* A pair of lanes of the real field went through the transform as one complex number z = f + i g;
 * their spectra are f^(k) = (z^(k) + conj z^(-k)) / 2 and g^(k) = (z^(k) - conj z^(-k)) / 2i. */
static inline __attribute__((always_inline)) void split_pairs_lanes(
    const float *restrict mixed, int64_t height, int64_t width, int64_t lanes,
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
static inline __attribute__((always_inline)) void average(const float *restrict weight, int64_t m,
                                                          int64_t n, int64_t count,
                                                          const float *restrict from,
                                                          float *restrict to) {
  for (int64_t u = 0; u < m; u++, to += count) {
    for (int64_t i = 0; i < count; i++) to[i] = weight[u * n] * from[i];
    for (int64_t x = 1; x < n; x++)
      for (int64_t i = 0; i < count; i++) to[i] += weight[u * n + x] * from[x * count + i];
  }
}

/* The field (pixels of level, lanes), averaged down its columns and then across its rows, to
 * field's first (output height, output width, lanes) numbers. */
MST_WIDE_BODY average_field_body(scattering_map *map, const grid_level *level, int64_t lanes) {
  average(level->average_down, map->output_height, level->height, level->width * lanes,
          map->field, map->smooth);
  for (int64_t u = 0; u < map->output_height; u++)
    average(level->average_across, map->output_width, level->width, lanes,
            map->smooth + u * level->width * lanes, map->field + u * map->output_width * lanes);
}
MST_WIDE(average_field, (scattering_map * map, const grid_level *level, int64_t lanes),
         (map, level, lanes))

/* Average the field and write lane t as the map of path `first + t * stride`. */
static void write_paths(scattering_map *map, const grid_level *level, int64_t lanes,
                        int64_t count, int64_t first, int64_t stride, float *out) {
  int64_t pixels = map->output_height * map->output_width;
  average_field(map, level, lanes);
  for (int64_t t = 0; t < count; t++) {
    float *to = out + (first + t * stride) * pixels;
    for (int64_t i = 0; i < pixels; i++) to[i] = map->field[i * lanes + t];
  }
}

static void find_field(scattering_map *map, int64_t j) {
  const grid_level *level = &map->level[j];
  fftwf_execute(level->inverse);
  take_modulus(map->wave, level->height * level->width * map->lanes, map->field);
}

/* The paths (j1, all angles, j2, all angles) from the spectra of the field of j1. */
static void transform_field(scattering_map *map, int64_t j1, int64_t first, float *out) {
  int64_t stride = (map->scales - 1 - j1) * map->angles;
  for (int64_t j2 = j1 + 1; j2 < map->scales; j2++)
    for (int64_t angle = 0; angle < map->angles; angle++) {
      filter_field(map->field_hat, &map->level[j1], j2, angle, INT64_C(1) << (j2 - j1),
                   map->lanes, map->wave_hat);
      find_field(map, j2);
      write_paths(map, &map->level[j2], map->lanes, map->angles,
                  first + (j2 - j1 - 1) * map->angles + angle, stride, out);
    }
}

static void transform_channel(scattering_map *map, const float *image, int64_t channel,
                              float *out) {
  pad_image(map, image, channel);
  write_paths(map, &map->level[0], 1, 1, 0, 0, out);
  fftwf_execute(map->forward_image);
  int64_t second = 1 + map->scales * map->angles;
  for (int64_t j1 = 0; j1 < map->scales; j1++) {
    const grid_level *level = &map->level[j1];
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

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  scattering_map *map = (scattering_map *)f;
  int64_t elements = mst_row_elements(&f->shape);
  int64_t channel_width = f->width / map->image.channels;
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < map->image.channels; c++)
      transform_channel(map, rows + i * elements, c, out + i * f->width + c * channel_width);
  return MST_OK;
}

static void destroy(mst_features *f) {
  scattering_map *map = (scattering_map *)f;
  for (int64_t r = 0; r < map->scales; r++) {
    grid_level *level = &map->level[r];
    if (level->forward != NULL) fftwf_destroy_plan(level->forward);
    if (level->inverse != NULL) fftwf_destroy_plan(level->inverse);
    for (int64_t j = 0; j < map->scales; j++) mst_free(level->wavelet[j]);
    mst_free(level->average_down);
    mst_free(level->average_across);
  }
  if (map->forward_image != NULL) fftwf_destroy_plan(map->forward_image);
  mst_free(map->input);
  mst_free(map->spectrum);
  mst_free(map->wave_hat);
  mst_free(map->wave);
  mst_free(map->field);
  mst_free(map->field_hat);
  mst_free(map->smooth);
  mst_free(map);
}

const mst_features_ops mst_features_scattering = {
    .name = "scattering",
    .summary = "wavelet scattering of order two (Morlet wavelets, modulus, average)",
    .create = create,
    .sample_rows = sample_rows,
    .fit = NULL,
    .parameters = NULL,
    .apply = apply,
    .destroy = destroy,
};
