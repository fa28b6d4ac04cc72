/* The grids, filters and averages of a scattering map. Pixels and frequencies are not in their
 * order but at the places of a transform of several dimensions (scattering.h), so everything that
 * counts them goes through a grid's axes. */
#include "core/features/scattering.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/features/wavelets.h"

/* Values of filters, whose largest are about 1, that rounding to float hides. */
static const double NEGLIGIBLE = 1e-8;

static void split_size(mst_scattering_axis *axis) {
  int64_t rest = axis->size;
  for (int64_t prime = 2; rest > 1; prime++) {
    if (prime * prime > rest) prime = rest;
    if (rest % prime != 0) continue;
    int64_t *part = &axis->part[axis->parts++];
    for (*part = 1; rest % prime == 0; rest /= prime) *part *= prime;
  }
}

/* At the place of digits d_i are the pixel sum_i d_i size / part_i and the frequency that is d_i
 * modulo part_i, both modulo size. */
static mst_status make_axis(int64_t size, mst_scattering_axis *axis) {
  axis->size = size;
  split_size(axis);
  MST_TRY(mst_alloc(&axis->pixel, 4 * size, sizeof(int64_t), "order of pixels"));
  axis->frequency = axis->pixel + size;
  axis->place = axis->frequency + size;
  axis->opposite = axis->place + size;
  for (int64_t p = 0; p < size; p++) {
    int64_t digits = p;
    for (int i = axis->parts - 1; i >= 0; digits /= axis->part[i--])
      axis->pixel[p] = (axis->pixel[p] + digits % axis->part[i] * (size / axis->part[i])) % size;
  }
  for (int64_t k = 0; k < size; k++) {
    for (int i = 0; i < axis->parts; i++)
      axis->place[k] = axis->place[k] * axis->part[i] + k % axis->part[i];
    axis->frequency[axis->place[k]] = k;
  }
  for (int64_t p = 0; p < size; p++)
    axis->opposite[p] = axis->place[(size - axis->frequency[p]) % size];
  return MST_OK;
}

/* Where the filters of scale j for spectra of `level` come from and go to. */
typedef struct fold {
  const mst_scattering_level *from, *to;
  const double *hats; /* (angles, padded pixels): the wavelets of scale j */
  int64_t padded_height, padded_width;
} fold;

/* Term (a, b) of pixel `place` of the folded product: its frequency's place in the spectrum, and
 * the filters' value for that frequency at their own resolution. */
static int64_t find_term(const fold *f, int64_t place, int64_t a, int64_t b, int64_t *at) {
  const mst_scattering_level *from = f->from, *to = f->to;
  int64_t k = to->down.frequency[place / to->width] + a * to->height;
  int64_t l = to->across.frequency[place % to->width] + b * to->width;
  *at = mst_wavelet_kept(k, from->height, f->padded_height) * f->padded_width +
        mst_wavelet_kept(l, from->width, f->padded_width);
  return from->down.place[k] * from->width + from->across.place[l];
}

/* The largest of `count` filters' values at a frequency. */
static double find_peak(const fold *f, int64_t angle, int64_t count, int64_t at) {
  double peak = 0.0;
  for (int64_t t = angle; t < angle + count; t++)
    peak = fmax(peak, fabs(f->hats[t * f->padded_height * f->padded_width + at]));
  return peak;
}

/* The terms of `count` filters that go together, of values beside each other, from `angle` on;
 * only counted when filter has no room yet. FFTW leaves out the factor 1/pixels. */
static int64_t list_terms(const fold *f, int64_t angle, int64_t count, int64_t values,
                          int64_t terms, mst_scattering_filter *filter, int64_t *first) {
  int64_t step = f->from->height / f->to->height;
  double scale = 1.0 / (double)f->from->pixels;
  for (int64_t p = 0; p < f->to->pixels; p++) {
    first[p] = terms;
    for (int64_t i = 0; i < step * step; i++) {
      int64_t at = 0, from = find_term(f, p, i / step, i % step, &at);
      if (find_peak(f, angle, count, at) < NEGLIGIBLE) continue;
      if (filter->value != NULL) {
        filter->from[terms] = from;
        for (int64_t t = 0; t < count; t++)
          filter->value[terms * values + t] =
              (float)(scale * f->hats[(angle + t) * f->padded_height * f->padded_width + at]);
      }
      terms++;
    }
  }
  return terms;
}

/* `filters` of them, each of `count` angles. */
static mst_status make_filter(const fold *f, int64_t filters, int64_t count, int64_t values,
                              mst_scattering_filter *filter) {
  int64_t pixels = f->to->pixels;
  MST_TRY(mst_alloc(&filter->first, filters * pixels + 1, sizeof(int64_t), "wavelets"));
  for (int pass = 0; pass < 2; pass++) {
    int64_t terms = 0;
    for (int64_t i = 0; i < filters; i++)
      terms = list_terms(f, i * count, count, values, terms, filter, filter->first + i * pixels);
    filter->first[filters * pixels] = terms;
    if (pass > 0) break;
    MST_TRY(mst_alloc(&filter->from, terms, sizeof(int64_t), "wavelets"));
    MST_TRY(mst_alloc(&filter->value, terms * values, sizeof(float), "wavelets"));
  }
  return MST_OK;
}

/* hats(angles, padded pixels) is scratch. */
static mst_status make_filters(mst_scattering_map *map, double *hats) {
  fold f = {.hats = hats, .padded_height = map->padded_height, .padded_width = map->padded_width};
  for (int64_t j = 0; j < map->scales; j++) {
    for (int64_t angle = 0; angle < map->angles; angle++)
      mst_wavelet_morlet(map->padded_height, map->padded_width, j, angle, map->angles,
                         hats + angle * map->padded_height * map->padded_width);
    f.to = &map->level[j];
    f.from = &map->level[0];
    MST_TRY(make_filter(&f, 1, map->angles, map->lanes, &map->image_filter[j]));
    for (int64_t r = 0; r < j; r++) {
      f.from = &map->level[r];
      MST_TRY(make_filter(&f, map->angles, 1, 1, &map->level[r].filter[j]));
    }
  }
  return MST_OK;
}

/* (outputs, pixels along the axis), pixels at their places. `ordered` and `hat` are scratch. */
static mst_status make_average(const mst_scattering_axis *axis, int64_t size, int64_t level,
                               int64_t scales, int64_t outputs, float **average) {
  float *ordered = NULL;
  double *hat = NULL;
  mst_status status = mst_alloc(average, outputs * axis->size, sizeof(float), "scattering average");
  if (status == MST_OK)
    status = mst_alloc(&ordered, outputs * axis->size, sizeof(float), "scattering average");
  if (status == MST_OK) status = mst_alloc(&hat, axis->size, sizeof *hat, "wavelet");
  if (status == MST_OK) {
    mst_wavelet_average(size, level, scales, outputs, hat, ordered);
    for (int64_t u = 0; u < outputs; u++)
      for (int64_t p = 0; p < axis->size; p++)
        (*average)[u * axis->size + p] = ordered[u * axis->size + axis->pixel[p]];
  }
  mst_free(ordered);
  mst_free(hat);
  return status;
}

static mst_status make_level(mst_scattering_map *map, int64_t r) {
  mst_scattering_level *level = &map->level[r];
  level->height = map->padded_height >> r;
  level->width = map->padded_width >> r;
  level->pixels = level->height * level->width;
  MST_TRY(make_axis(level->height, &level->down));
  MST_TRY(make_axis(level->width, &level->across));
  MST_TRY(make_average(&level->down, map->padded_height, r, map->scales, map->output_height,
                       &level->average_down));
  return make_average(&level->across, map->padded_width, r, map->scales, map->output_width,
                      &level->average_across);
}

mst_status mst_scattering_filters_make(mst_scattering_map *map) {
  double *hats = NULL;
  int64_t pixels = map->padded_height * map->padded_width;
  for (int64_t r = 0; r < map->scales; r++) MST_TRY(make_level(map, r));
  MST_TRY(mst_alloc(&hats, map->angles * pixels, sizeof *hats, "wavelet"));
  mst_status status = make_filters(map, hats);
  mst_free(hats);
  return status;
}

static void free_filter(mst_scattering_filter *filter) {
  mst_free(filter->first);
  mst_free(filter->from);
  mst_free(filter->value);
}

void mst_scattering_filters_free(mst_scattering_map *map) {
  for (int64_t r = 0; r < map->scales; r++) {
    mst_scattering_level *level = &map->level[r];
    free_filter(&map->image_filter[r]);
    for (int64_t j = 0; j < map->scales; j++) free_filter(&level->filter[j]);
    mst_free(level->average_down);
    mst_free(level->average_across);
    mst_free(level->down.pixel);
    mst_free(level->across.pixel);
  }
}
