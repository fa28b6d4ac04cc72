/* Measuring and stepping for one type of vectors; included once for each with
 *
 *   NAME(x)       x with the type          REAL           float or double
 *   DISTANCES     mst_space_distances of the type
 *   add           with the type: adds one neighbour's share of the differences
 *   MEASURE, COLUMNS  the members' functions of the type
 *
 * Pieces are cut at multiples of MST_MIXING_COLUMNS, so that sums do not depend on how a caller
 * cuts them. */

/* Neighbours that are compared with the own vector at once: with it they are a tile of
 * mst_space_distances. */
#define TOGETHER 3

static void NAME(add_distances)(mst_mixing_plan *p, int64_t m, const REAL *own,
                                const REAL *const *neighbour, int64_t offset) {
  const int64_t k = p->node->neighbours;
  for (int64_t j = 0; j < k; j += TOGETHER) {
    const int64_t n = mst_least(TOGETHER, k - j) + 1;
    const REAL *row[TOGETHER + 1] = {own + offset};
    double found[(TOGETHER + 1) * (TOGETHER + 1)];
    for (int64_t i = 1; i < n; i++) row[i] = neighbour[j + i - 1] + offset;
    DISTANCES(n, m, row, found);
    for (int64_t i = 1; i < n; i++) p->distance[j + i - 1] += found[i];
  }
}

void NAME(mst_mixing_measure)(mst_mixing_plan *p, int64_t first, int64_t m, const REAL *own,
                              const REAL *const *neighbour) {
  for (int64_t at = first; at < first + m;) {
    const int64_t end = mst_least(next_cut(at), first + m);
    if (p->pass == 0) NAME(add_distances)(p, end - at, own, neighbour, at - first);
    if (p->ops->MEASURE != NULL) p->ops->MEASURE(p, at, end - at, own, neighbour, at - first);
    at = end;
  }
}

void NAME(mst_mixing_combine)(const mst_mixing_plan *p, int64_t m, const REAL *own,
                              const REAL *const *neighbour, int64_t offset, double *out) {
  for (int64_t c = 0; c < m; c++) out[c] = (double)own[offset + c];
  for (int64_t j = 0; j < p->node->neighbours; j++)
    if (p->share[j] > 0) NAME(add)(m, p->share[j], own + offset, neighbour[j] + offset, out);
}

void NAME(mst_mixing_step)(const mst_mixing_plan *p, int64_t first, int64_t m, const REAL *own,
                           const REAL *const *neighbour, REAL *out) {
  if (p->ops->COLUMNS != NULL) {
    p->ops->COLUMNS(p, m, own, neighbour, out);
    return;
  }
  double mixed[MST_MIXING_COLUMNS];
  for (int64_t at = first; at < first + m;) {
    const int64_t end = mst_least(next_cut(at), first + m), offset = at - first;
    NAME(mst_mixing_combine)(p, end - at, own, neighbour, offset, mixed);
    if (p->scale != NULL) scale_tensors(p, at, end - at, mixed);
    for (int64_t c = 0; c < end - at; c++) out[offset + c] = (REAL)mixed[c];
    at = end;
  }
}

mst_status NAME(mst_mixing_apply)(const mst_mixing_spec *s, const mst_mixing_node *node,
                                  int64_t size, const REAL *own, const REAL *const *neighbour,
                                  double *work, mst_mixing_plan *plan, REAL *out) {
  MST_TRY(mst_mixing_start(s, node, work, plan));
  while (mst_mixing_measures(plan)) {
    NAME(mst_mixing_measure)(plan, 0, size, own, neighbour);
    mst_mixing_conclude(plan);
  }
  NAME(mst_mixing_step)(plan, 0, size, own, neighbour, out);
  return MST_OK;
}

#undef NAME
#undef REAL
#undef DISTANCES
#undef MEASURE
#undef COLUMNS
#undef TOGETHER
