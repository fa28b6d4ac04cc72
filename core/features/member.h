/* What the members of the feature family share: making a map, reading a row as an image, and
 * loops that are compiled for several vector widths. Private to core/features. */
#ifndef MST_CORE_FEATURES_MEMBER_H
#define MST_CORE_FEATURES_MEMBER_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/wide.h"
#include "core/features/features.h"

extern const mst_features_ops mst_features_identity;
extern const mst_features_ops mst_features_relu;
extern const mst_features_ops mst_features_fourier;
extern const mst_features_ops mst_features_conv;
extern const mst_features_ops mst_features_conv_stack;
extern const mst_features_ops mst_features_scattering;
extern const mst_features_ops mst_features_johnson_lindenstrauss;
extern const mst_features_ops mst_features_nystrom;

/** A zero-filled map of `size` bytes, whose first member is a mst_features, with ops, spec and
 *  shape set. ops->destroy must be able to release it at once. Local. */
mst_status mst_features_new(const mst_features_ops *ops, const mst_features_spec *spec,
                            const mst_row_shape *shape, size_t size,
                            mst_features **out) MST_CHECKED;

/** mst_features_parameters of a map that is part of another: "features/bias" is named
 *  "features/PART/bias". Local. */
mst_status mst_features_parameters_below(mst_features *f, const char *part,
                                         mst_state *state) MST_CHECKED;

/** mst_features_create for a spec that joins members. Local. */
mst_status mst_features_joined_create(const mst_features_spec *spec, const mst_row_shape *shape,
                                      mst_features **out) MST_CHECKED;

/** A joined map's name, and its i-th part or NULL past the end; f->ops is mst_features_joined.
 *  Local. */
extern const mst_features_ops mst_features_joined;
const char *mst_features_joined_name(const mst_features *f);
const mst_features *mst_features_joined_part(const mst_features *f, int i);

/* A row seen as an image: pixels row by row, channels innermost. */
typedef struct mst_image_shape {
  int64_t height, width, channels;
} mst_image_shape;

/** Read a row's shape as an image.
 *  \return MST_OK, or MST_ERR_INPUT when the rows are vectors. Local. */
mst_status mst_image_shape_of(const mst_row_shape *shape, const char *kind,
                              mst_image_shape *image) MST_CHECKED;

/** MST_OK when value is in [low, high], else MST_ERR_INPUT naming features.<key>. Local. */
mst_status mst_features_check_range(const char *key, int64_t value, int64_t low,
                                    int64_t high) MST_CHECKED;

#endif
