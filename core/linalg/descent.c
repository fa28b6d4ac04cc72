/* The elementwise step. The loop is written once with the terms that may be absent as compile-time
 * constants, so that the compiler makes one straight loop for each case. */
#include "core/linalg/descent.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/base/wide.h"

mst_descent mst_descent_at(const mst_descent *d, int64_t first) {
  mst_descent part = *d;
  if (d->start != NULL) part.start += first;
  if (d->constant != NULL) part.constant += first;
  if (d->g != NULL) part.g += first;
  part.from += first;
  part.to += first;
  return part;
}

/* from and to may be the same, which is no hindrance: element i is read before it is written. */
MST_RUN run(const mst_descent *t, int64_t n, const float *restrict g, bool proximal, bool constant,
            bool decay) {
  const float rate = t->rate, a = t->gradient, b = t->proximal, c = t->decay;
  const float *restrict start = t->start, *restrict more = t->constant, *from = t->from;
  float *to = t->to;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
  for (int64_t i = 0; i < n; i++) {
    float at = from[i], d = a * g[i];
    if (proximal) d += b * (at - start[i]);
    if (constant) d += more[i];
    if (decay) d += c * at;
    to[i] = at - rate * d;
  }
}

MST_WIDE_BODY descend_body(const mst_descent *t, int64_t n, const float *g) {
  switch ((t->proximal != 0.0f) + 2 * (t->constant != NULL) + 4 * (t->decay != 0.0f)) {
    case 0: run(t, n, g, false, false, false); break;
    case 1: run(t, n, g, true, false, false); break;
    case 2: run(t, n, g, false, true, false); break;
    case 3: run(t, n, g, true, true, false); break;
    case 4: run(t, n, g, false, false, true); break;
    case 5: run(t, n, g, true, false, true); break;
    case 6: run(t, n, g, false, true, true); break;
    default: run(t, n, g, true, true, true); break;
  }
}
MST_WIDE(descend, (const mst_descent *t, int64_t n, const float *g), (t, n, g))

void mst_descend(const mst_descent *d, int64_t n, const float *g) {
  descend(d, n, g);
}
