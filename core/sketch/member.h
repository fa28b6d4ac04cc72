/* The members of the table of sketches. Private to core/sketch. */
#ifndef MST_CORE_SKETCH_MEMBER_H
#define MST_CORE_SKETCH_MEMBER_H

#include "core/sketch/sketch.h"

extern const mst_sketch_ops mst_sketch_threshold, mst_sketch_priority, mst_sketch_count_sketch,
    mst_sketch_gaussian, mst_sketch_rademacher;

#endif
