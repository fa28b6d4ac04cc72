/* What the codes share: their names and their parameters. Private to core/coding. */
#ifndef MST_CORE_CODING_MEMBER_H
#define MST_CORE_CODING_MEMBER_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/coding/coding.h"

extern const mst_coding_ops mst_coding_repetition, mst_coding_cyclic;

/* The table of a code's parameters. */
#define MST_CODING_PARAMS                                                                \
  {.name = "workers",                                                                    \
   .type = MST_PARAM_INT,                                                                \
   .offset = offsetof(mst_coding_spec, workers),                                         \
   .min = 3,                                                                             \
   .max = MST_CODING_WORKERS,                                                            \
   .unit = "workers",                                                                    \
   .help = "workers that a step's rows are cut for"},                                    \
      {.name = "adversaries",                                                            \
       .type = MST_PARAM_INT,                                                            \
       .offset = offsetof(mst_coding_spec, adversaries),                                 \
       .fallback = "1",                                                                  \
       .min = 1,                                                                         \
       .max = MST_CODING_ADVERSARIES,                                                    \
       .unit = "workers",                                                                \
       .help = "s: most workers that may send anything; every row is taken 2s+1 times"}, \
  {                                                                                      \
    .name = NULL                                                                         \
  }

#endif
