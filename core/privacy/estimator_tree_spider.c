/* tree_spider: one pass over the rows along binary trees (Arora et al., ICML 2023, algorithm 1).
 * Every row is used in one step alone, so that the whole run costs what one release does.
 *
 * A tree of depth D is visited from left to right; its leaves are the steps. A left child is its
 * parent: the same point, the same estimate. A right child adds to its parent's estimate the
 * differences from its parent's point, over b / 2^depth fresh rows; the root takes gradients of b.
 * Step s of a tree enters at the right child of depth d = D - (times that 2 divides s), from the
 * parent in slot d - 1, and goes left from there: it fills slots d to D. */
#include <math.h>

#include "core/privacy/estimator_member.h"

#define DEEPEST (MST_ESTIMATOR_SLOTS - 1)

static int depth_of(const mst_estimator *e, int64_t step) {
  int64_t s = step & ((INT64_C(1) << e->spec.depth) - 1);
  return s == 0 ? 0 : (int)e->spec.depth - __builtin_ctzll((unsigned long long)s);
}

/* Rows of the first s steps of a tree, in those of its root: right children of depth d come every
 * 2^(D-d+1) steps, from step 2^(D-d) on. */
static double rows_before(const mst_estimator *e, int64_t s) {
  double rows = s > 0 ? 1 : 0;
  for (int64_t d = 1; d <= e->spec.depth; d++) {
    int64_t half = INT64_C(1) << (e->spec.depth - d);
    int64_t nodes = (s + half - 1) / (2 * half);
    rows += ldexp((double)nodes, (int)-d);
  }
  return rows;
}

static mst_status prepare(mst_estimator *e) {
  int64_t leaves = INT64_C(1) << e->spec.depth;
  e->kinds = 1;
  e->slots = (int)e->spec.depth + 1;
  e->once = true;
  if (e->steps % leaves != 0)
    return mst_fail(MST_ERR_INPUT,
                    "train.steps: %lld steps are not whole trees of depth %lld, which have %lld",
                    (long long)e->steps, (long long)e->spec.depth, (long long)leaves);
  MST_TRY(mst_sampler_create_disjoint(e->sampling.population, &e->sampler[0]));
  const mst_release root = e->ops->at(e, 0);
  mst_sampler_part(e->sampler[0], root.part[0], root.part[1]);
  return MST_OK;
}

static mst_release at(const mst_estimator *e, int64_t step) {
  int depth = depth_of(e, step);
  int64_t leaves = INT64_C(1) << e->spec.depth, tree = step / leaves, s = step % leaves;
  int64_t all = e->steps / leaves;
  double trees = (double)all, whole = rows_before(e, leaves);
  return (mst_release){.kind = 0,
                       .from = depth - 1,
                       .to = depth,
                       .part = {((double)tree + rows_before(e, s) / whole) / trees,
                                ((double)tree + rows_before(e, s + 1) / whole) / trees}};
}

static int64_t releases(const mst_estimator *e, int kind, int64_t from) {
  (void)e;
  (void)kind;
  return from == 0;
}

static const mst_param params[] = {MST_ESTIMATOR_PARAM_SMOOTHNESS,
                                   {.name = "depth",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, depth),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = DEEPEST,
                                    .unit = "",
                                    .help = "D: a tree has 2^D steps; train.steps are whole trees"},
                                   {.name = "stop",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_estimator_spec, stop),
                                    .fallback = "0",
                                    .min = 0,
                                    .max = 1e12,
                                    .unit = "",
                                    .help = "no longer an estimate ends the run; 0: none"},
                                   {.name = NULL}};

const mst_estimator_ops mst_estimator_tree_spider = {
    .name = "tree_spider",
    .summary = "one pass: differences along binary trees, every row in one step alone",
    .params = params,
    .sampler = "disjoint",
    .capped = true,
    .direction = true,
    .prepare = prepare,
    .at = at,
    .releases = releases,
};
