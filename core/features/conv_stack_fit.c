/* The fit of the stacked convolutional map. The first layer is fitted as conv is. Each field then
 * starts from a map of the first layer drawn at random and takes the maps whose responses, place by
 * place, correlate most with it: after Coates and Ng, "Selecting receptive fields in deep
 * networks", NIPS 2011, section 3, whose measure is the correlation of squared responses. Responses
 * here are rectified and averaged over a cell, which measures energy as the square does. The
 * field's own conv map is fitted on its maps of the sample. */
#include <math.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/conv_stack.h"
#include "core/linalg/blas.h"

enum {
  SAMPLE_ROWS = 1000 /* of the second layer, evenly spaced in that of the first */
};

typedef struct layer_sample {
  int64_t rows;
  float *layer;        /* (rows, pool, pool, maps)                         */
  float *field;        /* (rows, pool, pool, field_maps)                   */
  double *pixels;      /* (pool * pool, maps) of one row                   */
  double *mean;        /* (maps)                                           */
  double *correlation; /* (maps, maps), lower triangle; then all of it     */
  int64_t *seed;       /* (fields): the maps that fields start from        */
} layer_sample;

static mst_status allocate(const mst_conv_stack_map *map, int64_t m, layer_sample *s) {
  int64_t pixels = map->pool * map->pool;
  s->rows = m < SAMPLE_ROWS ? m : SAMPLE_ROWS;
  MST_TRY(mst_alloc(&s->layer, s->rows * pixels * map->maps, sizeof *s->layer,
                    "sampled maps of the first layer"));
  MST_TRY(mst_alloc(&s->field, s->rows * pixels * map->field_maps, sizeof *s->field,
                    "sampled maps of a field"));
  MST_TRY(mst_alloc(&s->pixels, pixels * map->maps, sizeof *s->pixels, "maps of a row"));
  MST_TRY(mst_alloc(&s->mean, map->maps, sizeof *s->mean, "means of maps"));
  MST_TRY(mst_alloc(&s->correlation, map->maps * map->maps, sizeof *s->correlation,
                    "correlations of maps"));
  return mst_alloc(&s->seed, map->fields, sizeof *s->seed, "first maps of fields");
}

static void release(layer_sample *s) {
  mst_free(s->layer);
  mst_free(s->field);
  mst_free(s->pixels);
  mst_free(s->mean);
  mst_free(s->correlation);
  mst_free(s->seed);
}

static mst_status map_sample(const mst_conv_stack_map *map, const float *sample, int64_t m,
                             layer_sample *s) {
  int64_t elements = mst_row_elements(&map->base.shape);
  for (int64_t i = 0; i < s->rows; i++)
    MST_TRY(mst_features_apply(map->first, sample + i * m / s->rows * elements, 1,
                               s->layer + i * map->first->width));
  return MST_OK;
}

/* Correlations over all places of all rows; 0 for a map that never responds, so that a field takes
 * it last. */
static void correlate(const mst_conv_stack_map *map, layer_sample *s) {
  int64_t maps = map->maps, pixels = map->pool * map->pool, places = s->rows * pixels;
  double *c = s->correlation;
  for (int64_t i = 0; i < places; i++)
    for (int64_t j = 0; j < maps; j++) s->mean[j] += (double)s->layer[i * maps + j];
  for (int64_t j = 0; j < maps; j++) s->mean[j] /= (double)places;
  for (int64_t r = 0; r < s->rows; r++) {
    const float *from = s->layer + r * pixels * maps;
    for (int64_t i = 0; i < pixels; i++)
      for (int64_t j = 0; j < maps; j++)
        s->pixels[i * maps + j] = (double)from[i * maps + j] - s->mean[j];
    mst_syrk_at_a(maps, pixels, 1.0, s->pixels, maps, r > 0 ? 1.0 : 0.0, c, maps);
  }
  for (int64_t j = 0; j < maps; j++) s->mean[j] = sqrt(c[j * maps + j]); /* deviations, now */
  for (int64_t i = 0; i < maps; i++)
    for (int64_t j = 0; j <= i; j++) {
      double scale = s->mean[i] * s->mean[j];
      c[i * maps + j] = c[j * maps + i] = scale > 0.0 ? c[i * maps + j] / scale : 0.0;
    }
}

/* The maps that correlate most with `seed`, itself first; the first of equals. Changes that row of
 * the correlations, which no other field reads. */
static void choose_maps(const mst_conv_stack_map *map, layer_sample *s, int64_t seed,
                        int32_t *chosen) {
  double *row = s->correlation + seed * map->maps;
  row[seed] = INFINITY;
  for (int64_t c = 0; c < map->field_maps; c++) {
    int64_t best = 0;
    for (int64_t j = 1; j < map->maps; j++)
      if (row[j] > row[best]) best = j;
    chosen[c] = (int32_t)best;
    row[best] = -INFINITY;
  }
}

static mst_status fit_fields(mst_conv_stack_map *map, layer_sample *s) {
  mst_stream choice = mst_stream_of(mst_key_make(map->base.spec.seed, MST_PURPOSE_FEATURE, 2, 0));
  mst_stream_subset(&choice, map->maps, map->fields, s->seed);
  for (int64_t k = 0; k < map->fields; k++) {
    choose_maps(map, s, s->seed[k], map->chosen + k * map->field_maps);
    mst_conv_stack_take(map, k, s->layer, s->rows, s->field);
    mst_status status = mst_features_fit(map->second[k], s->field, s->rows);
    if (status != MST_OK)
      return mst_fail_within(status, "features.kind conv_stack, second layer: ");
  }
  return MST_OK;
}

mst_status mst_conv_stack_fit(mst_features *f, const float *sample, int64_t m) {
  mst_conv_stack_map *map = (mst_conv_stack_map *)f;
  MST_TRY(mst_features_fit(map->first, sample, m));
  layer_sample s = {0};
  mst_status status = allocate(map, m, &s);
  if (status == MST_OK) status = map_sample(map, sample, m, &s);
  if (status == MST_OK) correlate(map, &s);
  if (status == MST_OK) status = fit_fields(map, &s);
  release(&s);
  return status;
}
