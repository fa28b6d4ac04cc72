/* What the tests of private training share: rows that are not finite, and what a run leaves. */
#ifndef MST_TESTS_PRIVATE_TRAINING_H
#define MST_TESTS_PRIVATE_TRAINING_H

#include "tests/parallel/training.h"

/* Row 3 is made NaN, row 600 huge. */
static inline void spoil_rows(fixture *f) {
  static const int64_t row[2] = {3, 600};
  static const float bad[2] = {NAN, 3e38F};
  ck_ok(mst_team_barrier(f->team));
  for (int i = 0; i < 2; i++) {
    int64_t piece = row[i] / MST_BLOCK_ROWS;
    if (!mst_clients_here(f->store, piece)) continue;
    float *x = (float *)(uintptr_t)mst_clients_data(f->store, piece).x;
    x[row[i] % MST_BLOCK_ROWS * WIDTH + 2] = bad[i];
  }
  ck_ok(mst_team_barrier(f->team));
}

/* The parameters w(n), and last(n): what the last step went along, of all shards. */
static inline void take_vectors(const fixture *f, const mst_train *train, float **w,
                                double **last) {
  const int64_t n = f->model->parameters;
  int64_t bytes[64];
  ck_ok(mst_alloc(w, n, sizeof **w, "w"));
  ck_ok(mst_alloc(last, n, sizeof **last, "last step"));
  memcpy(*w, mst_train_parameters(train), (size_t)n * sizeof **w);
  for (int k = 0; k < mst_team_size(f->team); k++)
    bytes[k] = train->count[k] * (int64_t)sizeof **last;
  ck_ok(mst_gather_all(f->team, train->wide, bytes, *last));
}

#endif
