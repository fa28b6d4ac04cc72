/* The table of sketches, and the randomness that those who are sketched apart have in common. */
#include "core/sketch/sketch.h"

#include "core/base/registry.h"
#include "core/sketch/member.h"

static const mst_sketch_ops *const TABLE[] = {&mst_sketch_threshold, &mst_sketch_priority,
                                              &mst_sketch_count_sketch, &mst_sketch_gaussian,
                                              &mst_sketch_rademacher};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

enum {
  HASHES,
  COLUMNS
};

const mst_sketch_ops *mst_sketch_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_sketch_ops *mst_sketch_find(const char *name) {
  return mst_sketch_at(mst_registry_find(name_at, name));
}

const mst_param mst_sketch_params[] = {
    {.name = "size",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_sketch_spec, size),
     .fallback = "1000",
     .min = 2,
     .max = 4e6,
     .unit = "rows",
     .help = "k: rows of a linear sketch, or rows that a sample keeps (threshold: on average)"},
    {.name = NULL}};

mst_status mst_sketch_check(const mst_sketch_spec *s) {
  const mst_sketch_ops *ops = mst_sketch_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "sketch.kind", s->kind);
  MST_TRY(mst_param_check(mst_sketch_params, s, "sketch"));
  return mst_param_check(ops->params, s, "sketch");
}

mst_stream mst_sketch_stream(const mst_sketch_spec *s, int64_t row) {
  return mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_SKETCH, COLUMNS, (uint64_t)row));
}

double mst_sketch_hash(const mst_sketch_spec *s, int64_t row) {
  mst_stream draw = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_SKETCH, HASHES, (uint64_t)row));
  return mst_stream_uniform(&draw);
}
