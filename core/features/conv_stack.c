/* Two layers of convolutional random features. The responses of the first, two-sided ReLU and all,
 * are averaged on a fine grid, which makes them an image of many channels; groups of its channels
 * ("receptive fields": Coates and Ng, "Selecting receptive fields in deep networks", NIPS 2011)
 * each meet a second bank of contrast-normalised, whitened random patch filters, two-sided ReLU and
 * averages on a coarse grid. conv_stack_fit.c chooses the groups. doc/methods/features.md.
 *
 * Each layer is a conv map, so its features are a row's own. Features are ordered: those of the
 * first layer (cell row, cell column, side, filter) if asked for, then of each field (cell row,
 * cell column, side, filter). */
#include "core/features/conv_stack.h"

#include <stdio.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/conv.h"

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static mst_status check_spec(const mst_features_spec *s, const mst_image_shape *image) {
  int64_t side = least(image->height, image->width);
  MST_TRY(mst_features_check_range("filters", s->filters, 1, 1 << 20));
  MST_TRY(mst_features_check_range("patch", s->patch, 1, side));
  MST_TRY(mst_features_check_range("pool", s->pool, 1, side - s->patch + 1));
  MST_TRY(mst_features_check_range("second_patch", s->second_patch, 1, s->pool));
  MST_TRY(mst_features_check_range("grid", s->grid, 1, s->pool - s->second_patch + 1));
  MST_TRY(mst_features_check_range("second_filters", s->second_filters, 1, 1 << 20));
  MST_TRY(mst_features_check_range("fields", s->fields, 1, 2 * s->filters));
  MST_TRY(mst_features_check_range("field_maps", s->field_maps, 1, 2 * s->filters));
  if (s->second_patch * s->second_patch * s->field_maps >= 2) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "features.second_patch is 1 in fields of one map: a single number has no "
                  "contrast; choose features.field_maps of at least 2");
}

/* A field's conv map has a seed of its own: fields draw their patches at other places. */
static mst_status create_field(mst_conv_stack_map *map, int64_t k) {
  const mst_features_spec *own = &map->base.spec;
  mst_stream s = mst_stream_of(mst_key_make(own->seed, MST_PURPOSE_FEATURE, 3, (uint64_t)k));
  mst_features_spec spec = {.kind = "conv",
                            .seed = mst_stream_below(&s, UINT64_C(1) << 53),
                            .filters = own->second_filters,
                            .patch = own->second_patch,
                            .grid = own->grid,
                            .threshold = own->threshold};
  mst_row_shape shape = {3, {map->pool, map->pool, map->field_maps}};
  return mst_features_create(&spec, &shape, &map->second[k]);
}

static mst_status create_layers(mst_conv_stack_map *map) {
  mst_features_spec spec = map->base.spec;
  spec.kind = "conv";
  spec.grid = spec.pool;
  MST_TRY(mst_features_create(&spec, &map->base.shape, &map->first));
  MST_TRY(mst_alloc(&map->second, map->fields, sizeof(mst_features *), "receptive fields"));
  for (int64_t k = 0; k < map->fields; k++) MST_TRY(create_field(map, k));
  return MST_OK;
}

static mst_status allocate(mst_conv_stack_map *map) {
  int64_t pixels = MST_CONV_STACK_ROWS * map->pool * map->pool;
  MST_TRY(mst_alloc(&map->chosen, map->fields * map->field_maps, sizeof *map->chosen,
                    "maps of receptive fields"));
  MST_TRY(mst_alloc(&map->layer, pixels * map->maps, sizeof(float), "maps of the first layer"));
  MST_TRY(mst_alloc(&map->field, pixels * map->field_maps, sizeof(float), "maps of a field"));
  return mst_alloc(&map->features, MST_CONV_STACK_ROWS * map->second[0]->width, sizeof(float),
                   "features of a field");
}

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  mst_image_shape image;
  MST_TRY(mst_image_shape_of(shape, "conv_stack", &image));
  MST_TRY(check_spec(spec, &image));
  MST_TRY(
      mst_features_new(&mst_features_conv_stack, spec, shape, sizeof(mst_conv_stack_map), out));
  mst_conv_stack_map *map = (mst_conv_stack_map *)*out;
  map->pool = spec->pool;
  map->maps = 2 * spec->filters;
  map->fields = spec->fields;
  map->field_maps = spec->field_maps;
  map->first_width = spec->both ? spec->grid * spec->grid * map->maps : 0;
  mst_status status = create_layers(map);
  if (status == MST_OK) status = allocate(map);
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
    return status;
  }
  map->base.width = map->first_width + map->fields * map->second[0]->width;
  return MST_OK;
}

static int64_t sample_rows(const mst_features *f) {
  return mst_features_sample_rows(((const mst_conv_stack_map *)f)->first);
}

static mst_status parameters(mst_features *f, mst_state *state) {
  mst_conv_stack_map *map = (mst_conv_stack_map *)f;
  MST_TRY(mst_features_parameters_below(map->first, "first", state));
  MST_TRY(mst_state_add(state, "features/maps", MST_I32, 2,
                        (const int64_t[]){map->fields, map->field_maps}, map->chosen));
  for (int64_t k = 0; k < map->fields; k++) {
    char name[32];
    snprintf(name, sizeof name, "field_%lld", (long long)k);
    MST_TRY(mst_features_parameters_below(map->second[k], name, state));
  }
  return MST_OK;
}

void mst_conv_stack_take(const mst_conv_stack_map *map, int64_t k, const float *layer, int64_t n,
                         float *field) {
  const int32_t *chosen = map->chosen + k * map->field_maps;
  for (int64_t i = 0; i < n * map->pool * map->pool; i++, layer += map->maps)
    for (int64_t c = 0; c < map->field_maps; c++) *field++ = layer[chosen[c]];
}

/* out(grid, grid, maps) = means of layer(pool, pool, maps), the first layer's features on the
 * grid of the second. */
static void write_first(const mst_conv_stack_map *map, const float *layer, float *out) {
  int64_t grid = map->base.spec.grid, pool = map->pool, maps = map->maps;
  for (int64_t g = 0; g < grid; g++)
    for (int64_t h = 0; h < grid; h++, out += maps) {
      int64_t y0 = mst_conv_cell_edge(g, pool, grid), y1 = mst_conv_cell_edge(g + 1, pool, grid);
      int64_t x0 = mst_conv_cell_edge(h, pool, grid), x1 = mst_conv_cell_edge(h + 1, pool, grid);
      float weight = 1.0f / (float)((y1 - y0) * (x1 - x0));
      memset(out, 0, (size_t)maps * sizeof *out);
      for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
          for (int64_t j = 0; j < maps; j++) out[j] += layer[(y * pool + x) * maps + j];
      for (int64_t j = 0; j < maps; j++) out[j] *= weight;
    }
}

/* Features of n <= MST_CONV_STACK_ROWS rows. */
static mst_status apply_rows(mst_conv_stack_map *map, const float *rows, int64_t n, float *out) {
  int64_t width = map->base.width, own = map->second[0]->width;
  MST_TRY(mst_features_apply(map->first, rows, n, map->layer));
  for (int64_t i = 0; i < n && map->first_width > 0; i++)
    write_first(map, map->layer + i * map->first->width, out + i * width);
  for (int64_t k = 0; k < map->fields; k++) {
    mst_conv_stack_take(map, k, map->layer, n, map->field);
    MST_TRY(mst_features_apply(map->second[k], map->field, n, map->features));
    for (int64_t i = 0; i < n; i++)
      memcpy(out + i * width + map->first_width + k * own, map->features + i * own,
             (size_t)own * sizeof *out);
  }
  return MST_OK;
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  mst_conv_stack_map *map = (mst_conv_stack_map *)f;
  int64_t pixels = mst_row_elements(&f->shape);
  for (int64_t done = 0; done < n; done += MST_CONV_STACK_ROWS)
    MST_TRY(apply_rows(map, rows + done * pixels, least(n - done, MST_CONV_STACK_ROWS),
                       out + done * f->width));
  return MST_OK;
}

static void destroy(mst_features *f) {
  mst_conv_stack_map *map = (mst_conv_stack_map *)f;
  mst_features_destroy(map->first);
  for (int64_t k = 0; map->second != NULL && k < map->fields; k++)
    mst_features_destroy(map->second[k]);
  mst_free(map->second);
  mst_free(map->chosen);
  mst_free(map->layer);
  mst_free(map->field);
  mst_free(map->features);
  mst_free(map);
}

static const mst_param params[] = {
    MST_CONV_FILTERS,
    MST_CONV_PATCH,
    MST_CONV_GRID,
    MST_CONV_THRESHOLD,
    {.name = "pool", .type = MST_PARAM_INT, .offset = offsetof(mst_features_spec, pool),
     .fallback = "12", .min = 1, .max = 1024, .unit = "cells",
     .help = "side of the grid that carries the first layer's maps to the second"},
    {.name = "fields", .type = MST_PARAM_INT, .offset = offsetof(mst_features_spec, fields),
     .fallback = "16", .min = 1, .max = 1 << 16, .unit = "fields",
     .help = "groups of the first layer's maps, each with filters of its own"},
    {.name = "field_maps", .type = MST_PARAM_INT, .offset = offsetof(mst_features_spec, field_maps),
     .fallback = "16", .min = 1, .max = 1 << 20, .unit = "maps", .help = "maps of a field"},
    {.name = "second_filters", .type = MST_PARAM_INT,
     .offset = offsetof(mst_features_spec, second_filters), .fallback = "32", .min = 1,
     .max = 1 << 20, .unit = "filters",
     .help = "of each field; features = 2 grid^2 fields second_filters"},
    {.name = "second_patch", .type = MST_PARAM_INT,
     .offset = offsetof(mst_features_spec, second_patch), .fallback = "3", .min = 1, .max = 1024,
     .unit = "cells", .help = "side of the second layer's patches"},
    {.name = "both", .type = MST_PARAM_BOOL, .offset = offsetof(mst_features_spec, both),
     .fallback = "true", .unit = "",
     .help = "the first layer's features too, averaged on the same grid: 2 grid^2 filters more"},
    {.name = NULL}};

const mst_features_ops mst_features_conv_stack = {
    .name = "conv_stack",
    .summary = "two layers of conv: patch filters over groups of the first layer's maps",
    .params = params,
    .create = create,
    .sample_rows = sample_rows,
    .fit = mst_conv_stack_fit,
    .parameters = parameters,
    .apply = apply,
    .destroy = destroy,
};
