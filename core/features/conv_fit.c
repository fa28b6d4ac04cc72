/* The fit of the convolutional map, after Coates, Ng and Lee, "An analysis of single-layer
 * networks in unsupervised feature learning", AISTATS 2011, section 3.1: patches of training
 * images are contrast-normalised and whitened (ZCA), and whitened patches themselves, drawn at
 * random and scaled to unit length, are the filters.
 *
 * The contrast floor that the paper adds to a patch's variance is 10 for pixels of 0..255. It is
 * kept in proportion: 10/255^2 times the squared range of the sample's pixels, so that the same
 * images stored as 0..1, 0..255 or standardised give the same features. */
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/conv.h"
#include "core/linalg/blas.h"

enum {
  PATCHES = 40000,
  TRIES = 8
}; /* patches wanted; draws allowed per patch  */
static const double CONTRAST = 10.0 / (255.0 * 255.0); /* of the squared pixel range         */
static const double WHITENING = 0.1; /* added to the eigenvalues of the patch covariance     */

typedef struct patch_sample {
  int64_t count;   /* patches drawn               */
  double *patches; /* (PATCHES, elements)         */
  double *mean;    /* (elements)                  */
  double *whiten;  /* (elements, elements)        */
  double *scratch; /* (elements, elements)        */
  double *values;  /* (elements): eigenvalues     */
  int64_t *chosen; /* (filters): patches taken    */
} patch_sample;

static mst_status find_contrast(const mst_conv_map *map, const float *sample, int64_t m,
                                float *contrast) {
  int64_t numbers = m * mst_row_elements(&map->base.shape);
  float low = sample[0], high = sample[0];
  for (int64_t i = 0; i < numbers; i++) {
    if (!isfinite(sample[i]))
      return mst_fail(MST_ERR_NONFINITE,
                      "a sampled training row holds %g; features.kind conv needs finite pixels",
                      (double)sample[i]);
    low = fminf(low, sample[i]);
    high = fmaxf(high, sample[i]);
  }
  double range = (double)high - (double)low;
  *contrast = (float)(CONTRAST * range * range);
  if (!(*contrast > 0.0f) || !isfinite(*contrast))
    return mst_fail(MST_ERR_INPUT,
                    "the sampled training images have pixels from %g to %g, which leaves no "
                    "contrast to learn filters from; check the dataset's x, or scale it",
                    (double)low, (double)high);
  return MST_OK;
}

/* The patch at (y, x) of an image, less its mean, over sqrt(variance + contrast); returns its
 * variance. */
static double normalise_patch(const mst_conv_map *map, const float *image, int64_t y, int64_t x,
                              double *patch) {
  int64_t run = map->patch * map->image.channels;
  double sum = 0.0, squares = 0.0;
  for (int64_t r = 0; r < map->patch; r++) {
    const float *row = image + ((y + r) * map->image.width + x) * map->image.channels;
    for (int64_t i = 0; i < run; i++) sum += patch[r * run + i] = row[i];
  }
  double mean = sum / (double)map->elements;
  for (int64_t i = 0; i < map->elements; i++) {
    patch[i] -= mean;
    squares += patch[i] * patch[i];
  }
  double variance = squares / (double)map->elements;
  double scale = 1.0 / sqrt(variance + (double)map->contrast[0]);
  for (int64_t i = 0; i < map->elements; i++) patch[i] *= scale;
  return variance;
}

/* Draw patches at random places, the images in turn. Patches flatter than the contrast floor,
 * such as an empty background, are left out: they carry no shape and would all be one filter. */
static mst_status draw_patches(const mst_conv_map *map, const float *sample, int64_t m,
                               patch_sample *s) {
  int64_t pixels = mst_row_elements(&map->base.shape);
  mst_stream stream = mst_stream_of(mst_key_make(map->base.spec.seed, MST_PURPOSE_FEATURE, 0, 0));
  for (int64_t i = 0; i < (int64_t)PATCHES * TRIES && s->count < PATCHES; i++) {
    int64_t y = (int64_t)mst_stream_below(&stream, (uint64_t)map->rows_of);
    int64_t x = (int64_t)mst_stream_below(&stream, (uint64_t)map->columns_of);
    double *patch = s->patches + s->count * map->elements;
    if (normalise_patch(map, sample + i % m * pixels, y, x, patch) > (double)map->contrast[0])
      s->count++;
  }
  if (s->count < map->filters)
    return mst_fail(MST_ERR_INPUT,
                    "only %lld of %d patches drawn from %lld training images have any contrast, "
                    "too few for features.filters: %lld; lower it, or check the images",
                    (long long)s->count, PATCHES * TRIES, (long long)m, (long long)map->filters);
  mst_stream choice = mst_stream_of(mst_key_make(map->base.spec.seed, MST_PURPOSE_FEATURE, 1, 0));
  mst_stream_subset(&choice, s->count, map->filters, s->chosen);
  return MST_OK;
}

/* whiten = U (D + eps I)^-1/2 U' for the covariance U D U' of the patches, which are centred. */
static mst_status find_whitening(const mst_conv_map *map, patch_sample *s) {
  int64_t k = map->elements;
  for (int64_t i = 0; i < s->count; i++)
    for (int64_t e = 0; e < k; e++) s->mean[e] += s->patches[i * k + e];
  for (int64_t e = 0; e < k; e++) s->mean[e] /= (double)s->count;
  for (int64_t i = 0; i < s->count; i++)
    for (int64_t e = 0; e < k; e++) s->patches[i * k + e] -= s->mean[e];
  mst_syrk_at_a(k, s->count, 1.0 / (double)s->count, s->patches, k, 0.0, s->scratch, k);
  MST_TRY(mst_eigen_symmetric(k, s->scratch, k, true, s->values));
  /* Row i of scratch is now the i-th eigenvector; scaled, the whitening is scratch' scratch. */
  for (int64_t i = 0; i < k; i++) {
    double scale = 1.0 / sqrt(sqrt(fmax(s->values[i], 0.0) + WHITENING));
    for (int64_t e = 0; e < k; e++) s->scratch[i * k + e] *= scale;
  }
  mst_gemm(true, false, k, k, k, 1.0, s->scratch, k, s->scratch, k, 0.0, s->whiten, k);
  return MST_OK;
}

/* Filter j is f = W (p - mean) / |W (p - mean)| of a chosen patch; it meets unwhitened patches
 * as g = W f. */
static void make_filters(mst_conv_map *map, patch_sample *s) {
  int64_t k = map->elements;
  double *filter = s->values, *folded = s->scratch;
  for (int64_t j = 0; j < map->filters; j++) {
    const double *patch = s->patches + s->chosen[j] * k;
    mst_gemm(false, false, 1, k, k, 1.0, patch, k, s->whiten, k, 0.0, filter, k);
    double length = 0.0, bias = 0.0;
    for (int64_t e = 0; e < k; e++) length += filter[e] * filter[e];
    length = sqrt(length);
    mst_gemm(false, false, 1, k, k, length > 0.0 ? 1.0 / length : 0.0, filter, k, s->whiten, k, 0.0,
             folded, k);
    for (int64_t e = 0; e < k; e++) {
      bias += s->mean[e] * folded[e];
      map->bank[e * map->filters + j] = (float)folded[e];
    }
    map->bias[j] = (float)bias;
  }
}

static mst_status allocate(const mst_conv_map *map, patch_sample *s) {
  int64_t k = map->elements;
  MST_TRY(mst_alloc(&s->patches, PATCHES * k, sizeof *s->patches, "sampled patches"));
  MST_TRY(mst_alloc(&s->mean, k, sizeof *s->mean, "mean patch"));
  MST_TRY(mst_alloc(&s->whiten, k * k, sizeof *s->whiten, "patch whitening"));
  MST_TRY(mst_alloc(&s->scratch, k * k, sizeof *s->scratch, "patch covariance"));
  MST_TRY(mst_alloc(&s->values, k, sizeof *s->values, "patch eigenvalues"));
  return mst_alloc(&s->chosen, map->filters, sizeof *s->chosen, "chosen patches");
}

mst_status mst_conv_fit(mst_features *f, const float *sample, int64_t m) {
  mst_conv_map *map = (mst_conv_map *)f;
  MST_TRY(find_contrast(map, sample, m, map->contrast));
  patch_sample s = {0};
  mst_status status = allocate(map, &s);
  if (status == MST_OK) status = draw_patches(map, sample, m, &s);
  if (status == MST_OK) status = find_whitening(map, &s);
  if (status == MST_OK)
    make_filters(map, &s);
  else
    map->contrast[0] = 0.0f;
  mst_free(s.patches);
  mst_free(s.mean);
  mst_free(s.whiten);
  mst_free(s.scratch);
  mst_free(s.values);
  mst_free(s.chosen);
  return status;
}
