/* Parameters that several models have: entries of their tables, each with the model's own default.
 * Private to core/model. */
#ifndef MST_CORE_MODEL_PARAMS_H
#define MST_CORE_MODEL_PARAMS_H

#include <stddef.h>

#include "core/model/model.h"

#define MST_MODEL_INITS "xavier|he|uniform|zero"

#define MST_MODEL_INIT(otherwise)                                                     \
  {                                                                                   \
    .name = "init", .type = MST_PARAM_WORD, .offset = offsetof(mst_model_spec, init), \
    .fallback = (otherwise), .allowed = MST_MODEL_INITS, .unit = "",                  \
    .help = "how the weights are drawn"                                               \
  }
#define MST_MODEL_STABLE_MAX                                                                      \
  {                                                                                               \
    .name = "stable_max", .type = MST_PARAM_BOOL, .offset = offsetof(mst_model_spec, stable_max), \
    .fallback = "false", .unit = "", .help = "StableMax in the place of softmax (classes)"        \
  }
#define MST_MODEL_CHANNELS(otherwise, text)                                                  \
  {                                                                                          \
    .name = "channels", .type = MST_PARAM_INT, .offset = offsetof(mst_model_spec, channels), \
    .fallback = (otherwise), .min = 1, .max = 4096, .unit = "", .help = (text)               \
  }
#define MST_MODEL_GROUPS(otherwise)                                                      \
  {                                                                                      \
    .name = "groups", .type = MST_PARAM_INT, .offset = offsetof(mst_model_spec, groups), \
    .fallback = (otherwise), .min = 1, .max = 4096, .unit = "",                          \
    .help = "groups of channels that are normalised together; divides channels"          \
  }

#endif
