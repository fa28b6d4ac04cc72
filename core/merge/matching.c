/* The table of matchings, and the assignment of one set of units, with or without groups. */
#include "core/merge/matching.h"

#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/merge/assignment.h"
#include "core/merge/member.h"

static const mst_matching_ops *const TABLE[] = {&mst_matching_weights, &mst_matching_activations,
                                                &mst_matching_none};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_matching_ops *mst_matching_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_matching_ops *mst_matching_find(const char *name) {
  return mst_matching_at(mst_registry_find(name_at, name));
}

mst_status mst_matching_refuse(const char *key, const char *name) {
  return mst_registry_refuse(name_at, key, name);
}

mst_status mst_matching_match(const mst_matching_ops *ops, const mst_match_pair *p, int64_t *unit) {
  mst_symmetry_stay(p->symmetry, unit);
  return ops->match(p, unit);
}

/* What pairs of groups come to. */
typedef struct pairs {
  double *value;   /* (groups, groups)             */
  int64_t *inside; /* (groups, groups, group size) */
  int64_t *group;  /* (groups)                     */
} pairs;

static mst_status assign_groups(const mst_units *u, const double *value, pairs *t, int64_t *unit) {
  int64_t g = u->groups, size = u->count / g;
  MST_TRY(mst_alloc(&t->value, g * g, sizeof *t->value, "pairs of groups"));
  MST_TRY(mst_alloc(&t->inside, g * u->count, sizeof *t->inside, "pairs of groups"));
  MST_TRY(mst_alloc(&t->group, g, sizeof *t->group, "pairs of groups"));
  for (int64_t i = 0; i < g; i++)
    for (int64_t j = 0; j < g; j++)
      MST_TRY(mst_assignment(size, value + i * size * u->count + j * size, u->count,
                             t->inside + (i * g + j) * size, &t->value[i * g + j]));
  MST_TRY(mst_assignment(g, t->value, g, t->group, NULL));
  for (int64_t i = 0; i < g; i++)
    for (int64_t k = 0; k < size; k++)
      unit[i * size + k] = t->group[i] * size + t->inside[(i * g + t->group[i]) * size + k];
  return MST_OK;
}

mst_status mst_units_assign(const mst_units *u, const double *value, int64_t *unit, double *total) {
  pairs t = {.value = NULL};
  mst_status st = u->groups == 1 ? mst_assignment(u->count, value, u->count, unit, NULL)
                                 : assign_groups(u, value, &t, unit);
  mst_free(t.value);
  mst_free(t.inside);
  mst_free(t.group);
  if (st != MST_OK) return mst_fail_within(st, "%s: ", u->name);
  if (total != NULL) {
    *total = 0;
    for (int64_t i = 0; i < u->count; i++) *total += value[i * u->count + unit[i]];
  }
  return MST_OK;
}
