/* The stacked convolutional map's data, shared by its fit (conv_stack_fit.c) and its application
 * (conv_stack.c). Private to core/features. */
#ifndef MST_CORE_FEATURES_CONV_STACK_H
#define MST_CORE_FEATURES_CONV_STACK_H

#include <stdint.h>

#include "core/features/member.h"

/* Both layers are conv maps. The first one's features are an image of pool x pool pixels, whose
 * channels are its maps: side and filter. A field is some of these maps, with a conv map of its
 * own. */
typedef struct mst_conv_stack_map {
  mst_features base;
  int64_t pool, maps;          /* pixels a side, channels: 2 filters                            */
  int64_t fields, field_maps;  /* fields; channels of one                                       */
  int64_t first_width;         /* of a row's features: those of the first layer, 0 unless both  */
  mst_features *first;
  mst_features **second;       /* (fields): conv maps of (pool, pool, field_maps)               */
  int32_t *chosen;             /* (fields, field_maps): the maps of a field                     */
  float *layer;                /* (MST_CONV_STACK_ROWS, pool, pool, maps)                       */
  float *field;                /* (MST_CONV_STACK_ROWS, pool, pool, field_maps)                 */
  float *features;             /* (MST_CONV_STACK_ROWS, a field's features)                     */
} mst_conv_stack_map;

enum {
  MST_CONV_STACK_ROWS = 8 /* that are mapped at a time */
};

/** field(n, pool, pool, field_maps) = the maps chosen for field k, of layer(n, pool, pool, maps).
 *  Local. */
void mst_conv_stack_take(const mst_conv_stack_map *map, int64_t k, const float *layer, int64_t n,
                         float *field);

/** Learn both layers and the fields from sample(m, row elements). Local. */
mst_status mst_conv_stack_fit(mst_features *f, const float *sample, int64_t m) MST_CHECKED;

#endif
