/* The torus: node r columns + c on a grid of rows x columns whose edges are joined, beside the four
 * around it (fewer where a side has only 1 or 2). */
#include "core/topology/member.h"

/* The sides: those given, or the one that the other leaves, or the most even. */
static void sides(const mst_topology_spec *s, int64_t *rows, int64_t *columns) {
  *rows = s->rows;
  *columns = s->columns;
  if (*rows == 0 && *columns == 0) {
    *rows = 1;
    for (int64_t r = 2; r * r <= s->nodes; r++)
      if (s->nodes % r == 0) *rows = r;
  }
  if (*rows == 0) *rows = s->nodes / *columns;
  if (*columns == 0) *columns = s->nodes / *rows;
}

static mst_status check(const mst_topology_spec *s) {
  int64_t rows, columns;
  sides(s, &rows, &columns);
  if (rows * columns == s->nodes) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "topology.rows: %lld and topology.columns: %lld do not make a torus of %lld "
                  "nodes; choose numbers whose product it is, or none for the most even",
                  (long long)s->rows, (long long)s->columns, (long long)s->nodes);
}

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  int64_t rows, columns;
  sides(s, &rows, &columns);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++) {
      visit(user, r * columns + c, r * columns + (c + 1) % columns);
      visit(user, r * columns + c, (r + 1) % rows * columns + c);
    }
}

static const mst_param params[] = {
    MST_TOPOLOGY_INT(rows, "0", 0, "nodes", "of the torus; 0 = the most even that fit"),
    MST_TOPOLOGY_INT(columns, "0", 0, "nodes", "of the torus; 0 = the most even that fit"),
    {.name = NULL}};

const mst_topology_ops mst_topology_torus = {
    .name = "torus",
    .summary = "a grid whose edges are joined: each node beside the four around it",
    .params = params,
    .check = check,
    .walk = walk,
};
