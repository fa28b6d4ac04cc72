/* Joined features: those of several maps side by side, in the order in which they are named. Each
 * part is the map that it would be alone, with the same seed: the same filters, and the same bits
 * where the parts want equally many rows to be fitted on. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/features/member.h"

enum {
  PARTS = 1 + MST_FEATURES_JOIN,
  ROWS = 32, /* of a part at a time */
  NAME = 32  /* bytes for a kind    */
};

typedef struct joined_map {
  mst_features base;
  int parts;
  mst_features *part[PARTS];
  float *rows; /* (ROWS, widest part) */
  char name[PARTS * NAME];
} joined_map;

const char *mst_features_joined_name(const mst_features *f) {
  return ((const joined_map *)f)->name;
}

const mst_features *mst_features_joined_part(const mst_features *f, int i) {
  const joined_map *map = (const joined_map *)f;
  return i < map->parts ? map->part[i] : NULL;
}

static int64_t sample_rows(const mst_features *f) {
  const joined_map *map = (const joined_map *)f;
  int64_t most = 0;
  for (int i = 0; i < map->parts; i++) {
    int64_t wanted = mst_features_sample_rows(map->part[i]);
    if (wanted > most) most = wanted;
  }
  return most;
}

/* The sample is in the dataset's order: a part that wants less of it takes rows evenly spaced. */
static mst_status fit_part(mst_features *part, const float *sample, int64_t m) {
  int64_t wanted = mst_features_sample_rows(part), elements = mst_row_elements(&part->shape);
  if (wanted == 0 || m <= wanted) return mst_features_fit(part, sample, m);
  float *some = NULL;
  MST_TRY(mst_alloc(&some, wanted * elements, sizeof *some, "rows sampled for a part of the map"));
  for (int64_t i = 0; i < wanted; i++)
    memcpy(some + i * elements, sample + i * m / wanted * elements,
           (size_t)elements * sizeof *some);
  mst_status status = mst_features_fit(part, some, wanted);
  mst_free(some);
  return status;
}

static mst_status fit(mst_features *f, const float *sample, int64_t m) {
  joined_map *map = (joined_map *)f;
  for (int i = 0; i < map->parts; i++) MST_TRY(fit_part(map->part[i], sample, m));
  return MST_OK;
}

static mst_status parameters(mst_features *f, mst_state *state) {
  joined_map *map = (joined_map *)f;
  for (int i = 0; i < map->parts; i++)
    MST_TRY(mst_features_parameters_below(map->part[i], map->part[i]->ops->name, state));
  return MST_OK;
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  joined_map *map = (joined_map *)f;
  int64_t elements = mst_row_elements(&f->shape);
  for (int64_t done = 0, k; done < n; done += k) {
    float *to = out + done * f->width;
    k = n - done < ROWS ? n - done : ROWS;
    for (int i = 0; i < map->parts; i++) {
      int64_t width = map->part[i]->width;
      MST_TRY(mst_features_apply(map->part[i], rows + done * elements, k, map->rows));
      for (int64_t r = 0; r < k; r++)
        memcpy(to + r * f->width, map->rows + r * width, (size_t)width * sizeof *to);
      to += width;
    }
  }
  return MST_OK;
}

static void destroy(mst_features *f) {
  joined_map *map = (joined_map *)f;
  for (int i = 0; i < map->parts; i++) mst_features_destroy(map->part[i]);
  mst_free(map->rows);
  mst_free(map);
}

const mst_features_ops mst_features_joined = {.name = "joined",
                                            .summary = "the features of several maps side by side",
                                            .sample_rows = sample_rows,
                                            .fit = fit,
                                            .parameters = parameters,
                                            .apply = apply,
                                            .destroy = destroy};

static mst_status check_kinds(const mst_features_spec *spec) {
  if (spec->joined > MST_FEATURES_JOIN)
    return mst_fail(MST_ERR_INPUT, "features.join names %d maps; %d can be joined to the first",
                    spec->joined, MST_FEATURES_JOIN);
  for (int i = 0; i < spec->joined; i++) {
    bool taken = strcmp(spec->join[i], spec->kind) == 0;
    for (int k = 0; k < i; k++) taken = taken || strcmp(spec->join[i], spec->join[k]) == 0;
    if (taken)
      return mst_fail(MST_ERR_INPUT,
                      "features.join names %s, which is there already (features.kind: %s): a map "
                      "can be joined to others, not to itself; remove it, or ask for more of its "
                      "features",
                      spec->join[i], spec->kind);
  }
  return MST_OK;
}

static mst_status add_map(const mst_features_spec *spec, const char *kind, joined_map *map) {
  mst_features_spec own = *spec;
  mst_features *part = NULL;
  own.kind = kind;
  own.joined = 0;
  MST_TRY(mst_features_create(&own, &map->base.shape, &part));
  size_t at = strlen(map->name);
  snprintf(map->name + at, sizeof map->name - at, "%s%s", map->parts > 0 ? " + " : "",
           part->ops->name);
  map->part[map->parts++] = part;
  map->base.width += part->width;
  return MST_OK;
}

mst_status mst_features_joined_create(const mst_features_spec *spec, const mst_row_shape *shape,
                                      mst_features **out) {
  MST_TRY(check_kinds(spec));
  MST_TRY(mst_features_new(&mst_features_joined, spec, shape, sizeof(joined_map), out));
  joined_map *map = (joined_map *)*out;
  mst_status status = add_map(spec, spec->kind, map);
  for (int i = 0; i < spec->joined && status == MST_OK; i++)
    status = add_map(spec, spec->join[i], map);
  int64_t widest = 0;
  for (int i = 0; i < map->parts; i++)
    if (map->part[i]->width > widest) widest = map->part[i]->width;
  if (status == MST_OK)
    status = mst_alloc(&map->rows, ROWS * widest, sizeof *map->rows, "features of a part");
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
  }
  return status;
}
