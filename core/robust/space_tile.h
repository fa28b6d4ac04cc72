/* Distances and sums of rows for one width of vectors and one type of rows; included once for each
 * with
 *
 *   NAME(x)      x with the type and the width     TARGET   attribute of the functions
 *   REAL         float or double                   BYTES    of a vector of doubles
 *   LOAD(p)      entries of a row, as doubles      STORE(p, x) and back
 *   FMA(a, b, c) a b + c                           ACROSS   rows that 4 rows are compared with at
 * once
 *
 * A squared distance is 8 running sums, of the columns by their number modulo 8, folded in one
 * order; a vector of fewer lanes takes the columns in several turns, so that the sums stay in
 * registers. (Loops over rows: as in columns_tile.h.) */

typedef double NAME(wide) __attribute__((vector_size(BYTES)));

#define LANES  (BYTES / (int)sizeof(double))
#define DOWN   4
#define INLINE TARGET static inline __attribute__((always_inline))

INLINE NAME(wide) NAME(spread)(double x) {
  return x - (NAME(wide)){0};
}

/* Add (count a multiple of 8) columns from `column` on to the running sums of DOWN x ACROSS pairs,
 * those of columns `turn` to turn + LANES - 1 modulo 8. */
INLINE void NAME(add_squares)(int64_t count, const REAL *const *a, const REAL *const *b,
                              int64_t column, NAME(wide) sum[DOWN][ACROSS]) {
  for (int64_t c = column; c < column + count; c += 8) {
    NAME(wide) x[DOWN], y[ACROSS];
#pragma GCC unroll 4
    for (int i = 0; i < DOWN; i++) x[i] = (NAME(wide))LOAD(a[i] + c);
#pragma GCC unroll 4
    for (int j = 0; j < ACROSS; j++) y[j] = (NAME(wide))LOAD(b[j] + c);
#pragma GCC unroll 4
    for (int i = 0; i < DOWN; i++)
#pragma GCC unroll 4
      for (int j = 0; j < ACROSS; j++) {
        const NAME(wide) d = x[i] - y[j];
        sum[i][j] = (NAME(wide))FMA(d, d, sum[i][j]);
      }
  }
}

/* distance(DOWN, ACROSS) of rows a and b. */
TARGET static void NAME(tile)(int64_t m, const REAL *const *a, const REAL *const *b,
                              double distance[DOWN][ACROSS]) {
  double sums[DOWN][ACROSS][8];
  const int64_t whole = m / 8 * 8;
  REAL last[DOWN + ACROSS][8] = {{0}}; /* columns past the end are equal */
  const REAL *end[DOWN + ACROSS];
  for (int i = 0; i < DOWN + ACROSS; i++) {
    end[i] = last[i];
    const REAL *from = i < DOWN ? a[i] : b[i - DOWN];
    for (int64_t c = whole; c < m; c++) last[i][c - whole] = from[c];
  }
  for (int turn = 0; turn < 8; turn += LANES) {
    NAME(wide) sum[DOWN][ACROSS];
#pragma GCC unroll 4
    for (int i = 0; i < DOWN; i++)
#pragma GCC unroll 4
      for (int j = 0; j < ACROSS; j++) sum[i][j] = NAME(spread)(0);
    NAME(add_squares)(whole, a, b, turn, sum);
    if (whole < m) NAME(add_squares)(8, end, end + DOWN, turn, sum);
#pragma GCC unroll 4
    for (int i = 0; i < DOWN; i++)
#pragma GCC unroll 4
      for (int j = 0; j < ACROSS; j++) memcpy(&sums[i][j][turn], &sum[i][j], BYTES);
  }
  for (int i = 0; i < DOWN; i++)
    for (int j = 0; j < ACROSS; j++) {
      const double *s = sums[i][j];
      distance[i][j] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    }
}

static void NAME(distances)(int64_t n, int64_t m, const REAL *const *row, double *distance) {
  for (int64_t first = 0; first < n; first += DOWN)
    for (int64_t other = first; other < n; other += ACROSS) {
      const REAL *a[DOWN], *b[ACROSS];
      double found[DOWN][ACROSS];
      for (int i = 0; i < DOWN; i++) a[i] = row[mst_least(first + i, n - 1)];
      for (int j = 0; j < ACROSS; j++) b[j] = row[mst_least(other + j, n - 1)];
      NAME(tile)(m, a, b, found);
      for (int64_t i = first; i < mst_least(first + DOWN, n); i++)
        for (int64_t j = mst_most(other, i); j < mst_least(other + ACROSS, n); j++)
          distance[i * n + j] = distance[j * n + i] = found[i - first][j - other];
    }
}

/* Columns `column` to column + 8 LANES - 1 of the weighted sum. */
TARGET static void NAME(add_rows)(int64_t n, const REAL *const *row, const double *weight,
                                  int64_t column, REAL *out) {
  NAME(wide) sum[8];
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) sum[k] = NAME(spread)(0);
#pragma GCC unroll 4
  for (int64_t i = 0; i < n; i++) {
    if (weight[i] == 0) continue;
    const NAME(wide) w = NAME(spread)(weight[i]);
    const REAL *x = row[i] + column;
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++) {
      sum[k] += w * (NAME(wide))LOAD(x + k * LANES);
      __builtin_prefetch((const void *)((uintptr_t)(x + k * LANES) + AHEAD));
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) STORE(out + column + k * LANES, sum[k]);
}

TARGET static void NAME(combine)(int64_t n, int64_t m, const REAL *const *row, const double *weight,
                                 REAL *out) {
  const int64_t one = only_row(n, weight);
  if (one >= 0) {
    memmove(out, row[one], (size_t)m * sizeof *out);
    return;
  }
  int64_t c = 0;
  for (; c + 8 * LANES <= m; c += 8 * LANES) NAME(add_rows)(n, row, weight, c, out);
  for (; c < m; c++) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
      if (weight[i] != 0) sum += weight[i] * (double)row[i][c];
    out[c] = (REAL)sum;
  }
}

#undef NAME
#undef REAL
#undef LOAD
#undef STORE
#undef LANES
#undef DOWN
#undef INLINE
