/* The norm is a plain sum in the order of the entries, so its bits depend on the entries alone. */
#include "parallel/clip.h"

#include <math.h>

#include "core/linalg/lattice.h"

double mst_clip_factor(int64_t n, const double *x, double bound) {
  const double largest = mst_lattice_magnitude(x, n);
  if (!isfinite(largest)) return 0;
  double square = 0;
  for (int64_t i = 0; i < n && largest > 0; i++) {
    const double part = x[i] / largest; /* squares neither overflow nor vanish */
    square += part * part;
  }
  const double norm = largest * sqrt(square);
  return norm > bound ? bound / norm : 1;
}

static mst_status clip(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                       double *vector) {
  (void)client, (void)round;
  const double factor = mst_clip_factor(n, vector, *(const double *)stage->data);
  if (factor == 0) return mst_fail(MST_ERR_NONFINITE, "an entry is not finite");
  for (int64_t i = 0; i < n && factor < 1; i++) vector[i] *= factor;
  return MST_OK;
}

mst_stage mst_clip_stage(const double *bound) {
  /* The table of stages holds no pointers to constants; the bound is only read. */
  return (mst_stage){.name = "clip",
                     .slot = MST_SLOT_CLIP,
                     .traits = MST_TRAIT_SINGLE,
                     .apply = clip,
                     .data = (void *)(uintptr_t)bound};
}
