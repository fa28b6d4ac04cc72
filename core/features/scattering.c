/* The wavelet scattering transform: checks and FFTW plans of the map whose
 * filters scattering_filters.c makes and that scattering_transform.c applies. */
#include "core/features/scattering.h"

#include <stdbool.h>

#include "core/base/memory.h"

static int64_t padded_size(int64_t size, int64_t scales) {
  return ((size >> scales) + 2) << scales;
}

static mst_status check_spec(const mst_features_spec *spec, const mst_image_shape *image) {
  int64_t side = image->height < image->width ? image->height : image->width;
  MST_TRY(mst_features_check_range("scales", spec->scales, 1, MST_SCATTERING_SCALES));
  MST_TRY(mst_features_check_range("angles", spec->angles, 1, MST_SCATTERING_ANGLES));
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

/* The dimensions of one axis, `step` complex numbers between its pixels. */
static int add_dimensions(const mst_scattering_axis *axis, int64_t step, fftwf_iodim64 *dims) {
  for (int i = axis->parts - 1; i >= 0; i--) {
    dims[i] = (fftwf_iodim64){axis->part[i], step, step};
    step *= axis->part[i];
  }
  return axis->parts;
}

/* FFTW_ESTIMATE does not measure, so every map of this shape has the same plans and bits. */
static fftwf_plan plan(const mst_scattering_level *level, int64_t count, float *from, float *to,
                       int sign) {
  fftwf_iodim64 dims[2 * MST_SCATTERING_PARTS], lanes = {count, 1, 1};
  int rank = add_dimensions(&level->down, level->width * count, dims);
  rank += add_dimensions(&level->across, count, dims + rank);
  return fftwf_plan_guru64_dft(rank, dims, 1, &lanes, (fftwf_complex *)from, (fftwf_complex *)to,
                               sign, FFTW_ESTIMATE);
}

static mst_status make_plans(mst_scattering_map *map) {
  map->forward_image = plan(&map->level[0], 1, map->spectrum, map->spectrum, FFTW_FORWARD);
  bool made = map->forward_image != NULL;
  for (int64_t r = 0; r < map->scales; r++) {
    mst_scattering_level *level = &map->level[r];
    level->inverse = plan(level, map->lanes, map->wave, map->wave, FFTW_BACKWARD);
    level->forward = plan(level, map->lanes / 2, map->field, map->wave, FFTW_FORWARD);
    made = made && level->inverse != NULL && level->forward != NULL;
  }
  return made ? MST_OK
              : mst_fail(MST_ERR_INTERNAL, "FFTW has no plan for %lld x %lld pixels",
                         (long long)map->padded_height, (long long)map->padded_width);
}

static mst_status allocate(mst_scattering_map *map) {
  int64_t pixels = map->padded_height * map->padded_width;
  MST_TRY(mst_alloc(&map->spectrum, 2 * pixels, sizeof(float), "image spectrum"));
  MST_TRY(mst_alloc(&map->wave, 2 * pixels * map->lanes, sizeof(float), "wavelet responses"));
  MST_TRY(mst_alloc(&map->field, pixels * map->lanes, sizeof(float), "wavelet moduli"));
  MST_TRY(mst_alloc(&map->field_hat, 2 * pixels * map->lanes, sizeof(float), "moduli's spectra"));
  return mst_alloc(&map->smooth, map->output_height * map->padded_width * map->lanes, sizeof(float),
                   "averaged moduli");
}

static mst_status check_groups(const mst_scattering_map *map) {
  int64_t groups = map->base.spec.groups, maps = map->image.channels * map->paths;
  if (groups == 0 || (groups > 0 && maps % groups == 0)) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "features.groups is %lld, but %lld maps cannot be cut into so many groups alike; "
                  "choose a divisor of %lld, or 0",
                  (long long)groups, (long long)maps, (long long)maps);
}

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  mst_image_shape image;
  MST_TRY(mst_image_shape_of(shape, "scattering", &image));
  MST_TRY(check_spec(spec, &image));
  MST_TRY(mst_features_new(&mst_features_scattering, spec, shape, sizeof(mst_scattering_map), out));
  mst_scattering_map *map = (mst_scattering_map *)*out;
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
  mst_status status = check_groups(map);
  if (status == MST_OK) status = allocate(map);
  if (status == MST_OK) status = mst_scattering_filters_make(map);
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

static void destroy(mst_features *f) {
  mst_scattering_map *map = (mst_scattering_map *)f;
  for (int64_t r = 0; r < map->scales; r++) {
    mst_scattering_level *level = &map->level[r];
    if (level->forward != NULL) fftwf_destroy_plan(level->forward);
    if (level->inverse != NULL) fftwf_destroy_plan(level->inverse);
  }
  if (map->forward_image != NULL) fftwf_destroy_plan(map->forward_image);
  mst_scattering_filters_free(map);
  mst_free(map->spectrum);
  mst_free(map->wave);
  mst_free(map->field);
  mst_free(map->field_hat);
  mst_free(map->smooth);
  mst_free(map);
}

static const mst_param params[] = {
    {.name = "scales",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_features_spec, scales),
     .fallback = "2",
     .min = 1,
     .max = MST_SCATTERING_SCALES,
     .unit = "octaves",
     .help = "J: features are invariant to shifts of up to 2^J pixels"},
    {.name = "angles",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_features_spec, angles),
     .fallback = "8",
     .min = 1,
     .max = MST_SCATTERING_ANGLES,
     .unit = "angles",
     .help = "L: orientations of the wavelets"},
    {.name = "groups",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_features_spec, groups),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "groups",
     .help =
         "cut a row's maps into so many groups and bring each to mean 0, variance 1; 0: do not"},
    {.name = NULL}};

const mst_features_ops mst_features_scattering = {
    .name = "scattering",
    .summary = "wavelet scattering of order two (Morlet wavelets, modulus, average)",
    .params = params,
    .create = create,
    .sample_rows = sample_rows,
    .fit = NULL,
    .parameters = NULL,
    .apply = mst_scattering_apply,
    .destroy = destroy,
};
