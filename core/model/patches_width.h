/* The two products of patches.h for one width of vectors. Included by patches.c once for each,
 * with WIDTH (floats of a vector), MOST (rows of a tile), TARGET (function attribute) and
 * NAME(x). A tile keeps MOST x 2 vectors of sums in registers. */
typedef float NAME(vector) __attribute__((vector_size(WIDTH * sizeof(float))));

TARGET TILE_RUN NAME(read)(const float *from, NAME(vector) * v) {
  memcpy(v, from, sizeof *v);
}

TARGET TILE_RUN NAME(product_tile)(int rows, int vectors, const mst_patches *p, const float *x,
                                   const float *w, int64_t lanes, const float *start, float *y) {
  NAME(vector) sum[MOST][2], b[2];
  const int64_t step = p->step, run = p->run;
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++) {
    if (start != NULL)
      NAME(read)(start + v * WIDTH, &sum[i][v]);
    else
      sum[i][v] = (NAME(vector)){0};
  }
  for (int64_t t = 0; t < p->taps; t++, x += p->pitch)
    for (int64_t e = 0; e < run; e++, w += lanes) {
      UNROLL for (int v = 0; v < vectors; v++) NAME(read)(w + v * WIDTH, &b[v]);
      UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++)
          sum[i][v] += b[v] * x[i * step + e];
    }
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++)
      memcpy(y + i * lanes + v * WIDTH, &sum[i][v], sizeof sum[i][v]);
}

TARGET TILE_RUN NAME(gradient_tile)(int rows, int vectors, const mst_patches *p, const float *x,
                                    const float *dy, int64_t lanes, float *g) {
  NAME(vector) sum[MOST][2], b[2];
  const int64_t step = p->step;
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++)
      NAME(read)(g + i * lanes + v * WIDTH, &sum[i][v]);
  for (int64_t t = 0; t < p->taps; t++, x += p->pitch) {
    const float *at = x;
    for (int64_t q = 0; q < p->positions; q++, at += step, dy += lanes) {
      UNROLL for (int v = 0; v < vectors; v++) NAME(read)(dy + v * WIDTH, &b[v]);
      UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++)
          sum[i][v] += b[v] * at[i];
    }
  }
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++)
      memcpy(g + i * lanes + v * WIDTH, &sum[i][v], sizeof sum[i][v]);
}

/* A tile of any number of rows up to MOST, as code for that very number. */
TARGET static void NAME(product_rows)(int64_t rows, int vectors, const mst_patches *p,
                                      const float *x, const float *w, int64_t lanes,
                                      const float *start, float *y) {
#define ROWS(R)                                            \
  case R:                                                  \
    if (vectors == 2)                                      \
      NAME(product_tile)(R, 2, p, x, w, lanes, start, y);  \
    else                                                   \
      NAME(product_tile)(R, 1, p, x, w, lanes, start, y);  \
    break;
  switch (rows) { EACH_ROWS }
#undef ROWS
}

TARGET static void NAME(gradient_rows)(int64_t rows, int vectors, const mst_patches *p,
                                       const float *x, const float *dy, int64_t lanes, float *g) {
#define ROWS(R)                                         \
  case R:                                               \
    if (vectors == 2)                                   \
      NAME(gradient_tile)(R, 2, p, x, dy, lanes, g);    \
    else                                                \
      NAME(gradient_tile)(R, 1, p, x, dy, lanes, g);    \
    break;
  switch (rows) { EACH_ROWS }
#undef ROWS
}

TARGET static void NAME(product)(const mst_patches *p, const float *x, const float *w,
                                 int64_t lanes, const float *start, float *y) {
  int64_t tiles = mst_ceil_div(p->positions, MOST);
  for (int64_t c = 0; c < lanes; c += 2 * WIDTH) {
    int vectors = c + WIDTH < lanes ? 2 : 1;
    for (int64_t t = 0; t < tiles; t++) {
      int64_t first = mst_share_begin(p->positions, t, tiles);
      int64_t end = mst_share_begin(p->positions, t + 1, tiles);
      NAME(product_rows)(end - first, vectors, p, x + first * p->step, w + c, lanes,
                         start != NULL ? start + c : NULL, y + first * lanes + c);
    }
  }
}

TARGET static void NAME(gradient)(const mst_patches *p, const float *x, const float *dy,
                                  int64_t lanes, float *g) {
  int64_t tiles = mst_ceil_div(p->run, MOST);
  for (int64_t c = 0; c < lanes; c += 2 * WIDTH) {
    int vectors = c + WIDTH < lanes ? 2 : 1;
    for (int64_t t = 0; t < tiles; t++) {
      int64_t first = mst_share_begin(p->run, t, tiles),
              end = mst_share_begin(p->run, t + 1, tiles);
      NAME(gradient_rows)(end - first, vectors, p, x + first, dy + c, lanes, g + first * lanes + c);
    }
  }
}

#undef WIDTH
#undef MOST
#undef TARGET
#undef NAME
#undef EACH_ROWS
