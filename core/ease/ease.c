/* EASE's weights from the inverse, items held out by key, and how a ranked list is graded. */
#include "core/ease/ease.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"

void mst_ease_weights(int64_t d, double *b) {
  /* Rows are divided by the diagonal, which is read throughout: it is cleared last. */
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < d; j++)
      if (i != j) b[i * d + j] = -b[i * d + j] / b[j * d + j];
  for (int64_t j = 0; j < d; j++) b[j * d + j] = 0;
}

void mst_ease_hold_out(uint64_t seed, int64_t user, double share, int64_t n, int64_t *scratch,
                       bool *held) {
  int64_t count = (int64_t)floor(share * (double)n);
  if (share > 0) count = mst_most(count, 1);
  count = mst_least(count, n - 1);
  for (int64_t i = 0; i < n; i++) held[i] = false;
  if (count < 1) return;
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_HOLDOUT, (uint64_t)user, 0));
  mst_stream_subset(&s, n, count, scratch);
  for (int64_t i = 0; i < count; i++) held[scratch[i]] = true;
}

int64_t mst_ease_top(int64_t d, const double *score, const bool *excluded, int64_t most,
                     int64_t *top) {
  int64_t n = 0;
  for (int64_t j = 0; j < d; j++) {
    if (excluded[j] || (n == most && !(score[j] > score[top[n - 1]]))) continue;
    int64_t at = n < most ? n++ : n - 1;
    for (; at > 0 && score[j] > score[top[at - 1]]; at--) top[at] = top[at - 1];
    top[at] = j;
  }
  return n;
}

void mst_ease_grade(int64_t n, const int64_t *top, const bool *held, int64_t count, double *recall,
                    double *gain) {
  double hits = 0, found = 0, best = 0;
  for (int64_t r = 0; r < mst_least(n, MST_EASE_TOP); r++) {
    if (!held[top[r]]) continue;
    if (r < MST_EASE_RECALL) hits++;
    found += 1 / log2((double)r + 2);
  }
  for (int64_t r = 0; r < mst_least(count, MST_EASE_TOP); r++) best += 1 / log2((double)r + 2);
  *recall = hits / (double)mst_least(count, MST_EASE_RECALL);
  *gain = found / best;
}
