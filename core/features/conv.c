/* Convolutional random features: every patch of an image, contrast-normalised, meets a bank of
 * whitened random patch filters; the responses pass a two-sided ReLU, max(z - t, 0) and
 * max(-z - t, 0), and are averaged over the cells of a g x g grid (Coates and Ng, "The importance
 * of encoding versus training with sparse coding and vector quantization", ICML 2011, equation 4
 * and section 3.3). conv_fit.c learns the bank. Features are ordered (cell row, cell column, side,
 * filter).
 *
 * The whitening is folded into the bank, so one sgemm takes normalised patches (im2col) to
 * responses. An image is done in blocks of whole position rows, small enough for a core's cache;
 * blocks have the same shapes for every image, so an image's features are its own. */
#include "core/features/conv.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"

/* Vectors of any width divide LANES floats. A block's responses take about BLOCK_FLOATS. */
enum {
  LANES = 16,
  BLOCK_FLOATS = 24576
};

static int64_t round_up(int64_t n, int64_t step) {
  return (n + step - 1) / step * step;
}

static mst_status check_spec(const mst_features_spec *spec, const mst_image_shape *image) {
  int64_t side = image->height < image->width ? image->height : image->width;
  MST_TRY(mst_features_check_range("filters", spec->filters, 1, 1 << 20));
  if (spec->patch < 1 || spec->patch > side)
    return mst_fail(MST_ERR_INPUT,
                    "features.patch is %lld but the images are %lld x %lld pixels; choose a patch "
                    "of 1 to %lld",
                    (long long)spec->patch, (long long)image->height, (long long)image->width,
                    (long long)side);
  int64_t positions = side - spec->patch + 1;
  if (spec->grid < 1 || spec->grid > positions)
    return mst_fail(MST_ERR_INPUT,
                    "features.grid is %lld but a patch of %lld has %lld positions along an image "
                    "of %lld x %lld pixels; choose a grid of 1 to %lld, or a smaller patch",
                    (long long)spec->grid, (long long)spec->patch, (long long)positions,
                    (long long)image->height, (long long)image->width, (long long)positions);
  if (spec->patch * spec->patch * image->channels < 2)
    return mst_fail(MST_ERR_INPUT,
                    "features.patch is 1 on images of one channel: a single number has no "
                    "contrast; choose a patch of at least 2");
  if (!isfinite(spec->threshold) || spec->threshold < 0.0)
    return mst_fail(MST_ERR_INPUT,
                    "features.threshold is %g; choose a finite number of at least 0 (0.5 suits "
                    "whitened responses)",
                    spec->threshold);
  return MST_OK;
}

static mst_status allocate(mst_conv_map *map) {
  int64_t positions = map->block_rows * map->columns_of;
  int64_t plane = map->image.height * map->image.width;
  MST_TRY(mst_alloc(&map->bank, map->elements * map->filters, sizeof(float), "filter bank"));
  MST_TRY(mst_alloc(&map->bias, map->filters, sizeof(float), "filter bias"));
  MST_TRY(mst_alloc(&map->bank_lanes, map->elements * map->lanes, sizeof(float), "filter lanes"));
  MST_TRY(mst_alloc(&map->upper, map->lanes, sizeof(float), "upper thresholds"));
  MST_TRY(mst_alloc(&map->lower, map->lanes, sizeof(float), "lower thresholds"));
  /* LANES more: runs are read and written in whole vectors, over their end. */
  MST_TRY(
      mst_alloc(&map->planes, map->image.channels * plane + LANES, sizeof(float), "image planes"));
  MST_TRY(mst_alloc(&map->sums, 4 * (map->image.width + 2 * LANES), sizeof(double), "box sums"));
  MST_TRY(mst_alloc(&map->mean, map->rows_of * map->pitch, sizeof(float), "patch means"));
  MST_TRY(mst_alloc(&map->scale, map->rows_of * map->pitch, sizeof(float), "patch scales"));
  MST_TRY(
      mst_alloc(&map->columns, map->elements * positions + LANES, sizeof(float), "patch columns"));
  MST_TRY(mst_alloc(&map->response, positions * map->lanes, sizeof(float), "filter responses"));
  return mst_alloc(&map->cells, map->grid * 2 * map->lanes, sizeof(float), "grid cells");
}

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  mst_image_shape image;
  MST_TRY(mst_image_shape_of(shape, "conv", &image));
  MST_TRY(check_spec(spec, &image));
  MST_TRY(mst_features_new(&mst_features_conv, spec, shape, sizeof(mst_conv_map), out));
  mst_conv_map *map = (mst_conv_map *)*out;
  map->image = image;
  map->patch = spec->patch;
  map->grid = spec->grid;
  map->filters = spec->filters;
  map->elements = spec->patch * spec->patch * image.channels;
  map->rows_of = image.height - spec->patch + 1;
  map->columns_of = image.width - spec->patch + 1;
  map->lanes = round_up(spec->filters, LANES);
  map->pitch = round_up(map->columns_of, LANES);
  int64_t band = (map->rows_of + map->grid - 1) / map->grid;
  int64_t fitting = BLOCK_FLOATS / (map->columns_of * map->lanes);
  map->block_rows = fitting < 1 ? 1 : fitting > band ? band : fitting;
  map->base.width = 2 * map->filters * map->grid * map->grid;
  mst_status status = allocate(map);
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
  }
  return status;
}

static int64_t sample_rows(const mst_features *f) {
  (void)f;
  return MST_CONV_SAMPLE_ROWS;
}

static mst_status parameters(mst_features *f, mst_state *state) {
  mst_conv_map *map = (mst_conv_map *)f;
  MST_TRY(mst_state_add(
      state, "features/filters", MST_F32, 4,
      (const int64_t[]){map->patch, map->patch, map->image.channels, map->filters}, map->bank));
  MST_TRY(mst_state_add(state, "features/bias", MST_F32, 1, (const int64_t[]){map->filters},
                        map->bias));
  return mst_state_add(state, "features/contrast", MST_F32, 1, (const int64_t[]){1}, map->contrast);
}

/* The parameters may have been overwritten since the last call, so what follows from them is
 * made anew. */
static mst_status prepare(mst_conv_map *map) {
  if (!(map->contrast[0] > 0.0f))
    return mst_fail(MST_ERR_INTERNAL, "features.kind conv is applied before it was fitted");
  for (int64_t e = 0; e < map->elements; e++)
    memcpy(map->bank_lanes + e * map->lanes, map->bank + e * map->filters,
           (size_t)map->filters * sizeof(float));
  float threshold = (float)map->base.spec.threshold;
  for (int64_t j = 0; j < map->filters; j++) {
    map->upper[j] = map->bias[j] + threshold;
    map->lower[j] = map->bias[j] - threshold;
  }
  return MST_OK;
}

static void split_channels(mst_conv_map *map, const float *image) {
  int64_t plane = map->image.height * map->image.width, channels = map->image.channels;
  if (channels == 1) {
    memcpy(map->planes, image, (size_t)plane * sizeof *image);
    return;
  }
  for (int64_t c = 0; c < channels; c++)
    for (int64_t i = 0; i < plane; i++) map->planes[c * plane + i] = image[i * channels + c];
}

MST_RUN add_pixels(const float *restrict pixels, int64_t n, double *restrict sums,
                   double *restrict squares) {
  for (int64_t x = 0; x < n; x++) {
    double v = pixels[x];
    sums[x] += v;
    squares[x] += v * v;
  }
}

MST_RUN add_doubles(const double *restrict from, int64_t n, double *restrict to) {
  for (int64_t x = 0; x < n; x++) to[x] += from[x];
}

MST_RUN write_moments(const double *restrict sums, const double *restrict squares, int64_t n,
                      double weight, double contrast, float *restrict mean, float *restrict scale) {
  for (int64_t x = 0; x < n; x++) {
    double m = sums[x] * weight, variance = squares[x] * weight - m * m;
    variance = variance < 0.0 ? 0.0 : variance;
    mean[x] = (float)m;
    scale[x] = (float)(1.0 / sqrt(variance + contrast));
  }
}

/* Mean and variance of every patch by box sums: down its rows, then across. In double, where the
 * difference E[p^2] - E[p]^2 of float pixels keeps its digits. */
MST_WIDE_BODY find_moments_body(mst_conv_map *map) {
  int64_t width = map->image.width, plane = map->image.height * width, room = width + 2 * LANES;
  double *down = map->sums, *down_squares = down + room;
  double *box = down_squares + room, *box_squares = box + room;
  for (int64_t y = 0; y < map->rows_of; y++) {
    memset(down, 0, (size_t)(4 * room) * sizeof *down);
    for (int64_t c = 0; c < map->image.channels; c++)
      for (int64_t r = 0; r < map->patch; r++)
        add_pixels(map->planes + c * plane + (y + r) * width, round_up(width, LANES), down,
                   down_squares);
    for (int64_t s = 0; s < map->patch; s++) {
      add_doubles(down + s, map->pitch, box);
      add_doubles(down_squares + s, map->pitch, box_squares);
    }
    write_moments(box, box_squares, map->pitch, 1.0 / (double)map->elements, map->contrast[0],
                  map->mean + y * map->pitch, map->scale + y * map->pitch);
  }
}
MST_WIDE(find_moments, (mst_conv_map * map), (map))

MST_RUN write_run(const float *restrict from, const float *restrict mean,
                  const float *restrict scale, int64_t n, float *restrict to) {
  for (int64_t x = 0; x < n; x++) to[x] = (from[x] - mean[x]) * scale[x];
}

/* columns(elements, rows * columns_of) = the normalised patches at position rows y0 .. y0+rows-1,
 * transposed. Runs are written in whole vectors: what one writes over its end, the next, which
 * starts there, writes again. */
MST_WIDE_BODY gather_patches_body(mst_conv_map *map, int64_t y0, int64_t rows) {
  int64_t width = map->image.width, plane = map->image.height * width;
  int64_t across = map->columns_of, pitch = map->pitch;
  float *to = map->columns;
  for (int64_t r = 0; r < map->patch; r++)
    for (int64_t s = 0; s < map->patch; s++)
      for (int64_t c = 0; c < map->image.channels; c++)
        for (int64_t y = y0; y < y0 + rows; y++, to += across)
          write_run(map->planes + c * plane + (y + r) * width + s, map->mean + y * pitch,
                    map->scale + y * pitch, pitch, to);
}
MST_WIDE(gather_patches, (mst_conv_map * map, int64_t y0, int64_t rows), (map, y0, rows))

/* Add the two-sided ReLU of `count` responses (count, lanes) to a cell's sums, in order. NaN
 * passes through. */
MST_RUN add_responses(const float *restrict z, int64_t count, int64_t lanes,
                      const float *restrict upper, const float *restrict lower,
                      float *restrict positive, float *restrict negative) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4, z += 4 * lanes)
    for (int64_t j = 0; j < lanes; j++) {
      float p = positive[j], n = negative[j];
      for (int k = 0; k < 4; k++) {
        float above = z[k * lanes + j] - upper[j], below = lower[j] - z[k * lanes + j];
        p += above < 0.0f ? 0.0f : above;
        n += below < 0.0f ? 0.0f : below;
      }
      positive[j] = p;
      negative[j] = n;
    }
  for (; i < count; i++, z += lanes)
    for (int64_t j = 0; j < lanes; j++) {
      float above = z[j] - upper[j], below = lower[j] - z[j];
      positive[j] += above < 0.0f ? 0.0f : above;
      negative[j] += below < 0.0f ? 0.0f : below;
    }
}

MST_WIDE_BODY pool_body(mst_conv_map *map, int64_t rows) {
  int64_t lanes = map->lanes, n = map->columns_of;
  for (int64_t y = 0; y < rows; y++)
    for (int64_t c = 0; c < map->grid; c++) {
      int64_t first = mst_conv_cell_edge(c, n, map->grid), end = mst_conv_cell_edge(c + 1, n, map->grid);
      add_responses(map->response + (y * n + first) * lanes, end - first, lanes, map->upper,
                    map->lower, map->cells + c * 2 * lanes, map->cells + (c * 2 + 1) * lanes);
    }
}
MST_WIDE(pool, (mst_conv_map * map, int64_t rows), (map, rows))

/* out(grid, 2, filters) = the cell means of one grid row. */
static void write_cells(const mst_conv_map *map, int64_t rows, float *out) {
  for (int64_t c = 0; c < map->grid; c++) {
    int64_t across =
        mst_conv_cell_edge(c + 1, map->columns_of, map->grid) - mst_conv_cell_edge(c, map->columns_of, map->grid);
    float weight = 1.0f / (float)(rows * across);
    for (int64_t side = 0; side < 2; side++, out += map->filters) {
      const float *sums = map->cells + (c * 2 + side) * map->lanes;
      for (int64_t j = 0; j < map->filters; j++) out[j] = weight * sums[j];
    }
  }
}

static void transform_image(mst_conv_map *map, const float *image, float *out) {
  split_channels(map, image);
  find_moments(map);
  for (int64_t g = 0; g < map->grid; g++) {
    int64_t first = mst_conv_cell_edge(g, map->rows_of, map->grid);
    int64_t end = mst_conv_cell_edge(g + 1, map->rows_of, map->grid);
    memset(map->cells, 0, (size_t)(map->grid * 2 * map->lanes) * sizeof *map->cells);
    for (int64_t y = first; y < end; y += map->block_rows) {
      int64_t rows = y + map->block_rows < end ? map->block_rows : end - y;
      int64_t positions = rows * map->columns_of;
      gather_patches(map, y, rows);
      mst_sgemm(true, false, positions, map->lanes, map->elements, 1.0f, map->columns, positions,
                map->bank_lanes, map->lanes, 0.0f, map->response, map->lanes);
      pool(map, rows);
    }
    write_cells(map, end - first, out + g * map->grid * 2 * map->filters);
  }
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  mst_conv_map *map = (mst_conv_map *)f;
  MST_TRY(prepare(map));
  int64_t pixels = mst_row_elements(&f->shape);
  for (int64_t i = 0; i < n; i++) transform_image(map, rows + i * pixels, out + i * f->width);
  return MST_OK;
}

static void destroy(mst_features *f) {
  mst_conv_map *map = (mst_conv_map *)f;
  mst_free(map->bank);
  mst_free(map->bias);
  mst_free(map->bank_lanes);
  mst_free(map->upper);
  mst_free(map->lower);
  mst_free(map->planes);
  mst_free(map->sums);
  mst_free(map->mean);
  mst_free(map->scale);
  mst_free(map->columns);
  mst_free(map->response);
  mst_free(map->cells);
  mst_free(map);
}

static const mst_param params[] = {MST_CONV_FILTERS, MST_CONV_PATCH, MST_CONV_GRID,
                                   MST_CONV_THRESHOLD, {.name = NULL}};

const mst_features_ops mst_features_conv = {
    .name = "conv",
    .summary = "whitened random patch filters, two-sided ReLU, mean-pooled on a grid",
    .params = params,
    .create = create,
    .sample_rows = sample_rows,
    .fit = mst_conv_fit,
    .parameters = parameters,
    .apply = apply,
    .destroy = destroy,
};
