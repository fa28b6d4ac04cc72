/* Distances and sums of rows for one width of vectors and one type of rows; included once for each
 * with
 *
 *   NAME(x)      x with the type and the width     TARGET   attribute of the functions
 *   REAL         float or double                   BYTES    of a vector of doubles
 *   LOAD(p)      entries of a row, as doubles      STORE(p, x) and back
 *   ACROSS       rows that 4 rows are compared with at once: as many sums as there are registers
 *
 * A squared distance is 8 running sums, of the columns by their number modulo 8, folded in one
 * order; a vector of fewer lanes takes the columns in several turns, so that the sums stay in
 * registers. A strip of all rows is turned into doubles once and stays in the first cache while
 * its pairs are taken; the strip after it is asked for meanwhile. (Loops over rows: as in
 * columns_tile.h.) */

typedef double NAME(wide) __attribute__((vector_size(BYTES)));
typedef double NAME(loose) __attribute__((vector_size(BYTES), aligned(sizeof(double)), may_alias));

#define LANES  (BYTES / (int)sizeof(double))
#define INLINE TARGET static inline __attribute__((always_inline))

INLINE NAME(wide) NAME(spread)(double x) {
  return x - (NAME(wide)){0};
}

/* A distance from its running sums. */
INLINE double NAME(fold)(const double *s) {
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* panel(STRIP / 8, GROUP, 8) = columns c to c + 8 steps - 1 of `rows` rows; what is past the end of
 * them is 0. */
TARGET static void NAME(pack)(int64_t rows, const REAL *const *row, int64_t c, int64_t m,
                              double *panel) {
  const int64_t whole = mst_least(STRIP, m - c) / 8, rest = m - c - 8 * whole;
  for (int64_t i = 0; i < rows; i++) {
    const REAL *from = row[i] + c;
    double *to = panel + 8 * i;
    for (int64_t s = 0; s < whole; s++)
#pragma GCC unroll 8
      for (int l = 0; l < 8; l += LANES)
        *(NAME(loose) *)(to + s * 8 * GROUP + l) = (NAME(wide))LOAD(from + 8 * s + l);
    if (whole < STRIP / 8 && rest > 0)
      for (int64_t l = 0; l < 8; l++)
        to[whole * 8 * GROUP + l] = l < rest ? (double)from[8 * whole + l] : 0;
  }
}

/* Add a strip's squares to sum[i][j](8) of rows a + i, i < down, and b + j, j < across, of the
 * panels; where they are the same rows, of j > i alone. */
INLINE void NAME(add_squares)(int64_t steps, const double *a, const double *b, int down, int across,
                              int same, double (*sum)[GROUP][8]) {
#pragma GCC unroll 1
  for (int turn = 0; turn < 8; turn += LANES) {
    NAME(wide) s[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < down; i++)
#pragma GCC unroll 4
      for (int j = same ? i + 1 : 0; j < across; j++)
        s[i][j] = *(const NAME(loose) *)(sum[i][j] + turn);
#pragma GCC unroll 1
    for (int64_t step = 0; step < steps; step++) {
      const double *at = a + step * 8 * GROUP + turn, *by = b + step * 8 * GROUP + turn;
      NAME(wide) x[4], y[4];
#pragma GCC unroll 4
      for (int i = 0; i < down; i++) x[i] = *(const NAME(loose) *)(at + 8 * i);
#pragma GCC unroll 4
      for (int j = 0; j < across; j++) {
        if (same)
          y[j] = x[j];
        else
          y[j] = *(const NAME(loose) *)(by + 8 * j);
      }
#pragma GCC unroll 4
      for (int i = 0; i < down; i++)
#pragma GCC unroll 4
        for (int j = same ? i + 1 : 0; j < across; j++) {
          /* cppcheck-suppress uninitvar ; both loops over y run to `across` */
          const NAME(wide) d = x[i] - y[j];
          s[i][j] = (NAME(wide))SQUARE_AND_ADD(d, s[i][j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < down; i++)
#pragma GCC unroll 4
      for (int j = same ? i + 1 : 0; j < across; j++) *(NAME(loose) *)(sum[i][j] + turn) = s[i][j];
  }
}

/* The same of 4 rows and up to ACROSS others, or of up to 4 rows among themselves. */
TARGET static void NAME(add_tile)(int64_t steps, const double *a, const double *b, int64_t across,
                                  double (*sum)[GROUP][8]) {
  if (across == 1) NAME(add_squares)(steps, a, b, 4, 1, 0, sum);
  if (across == 2) NAME(add_squares)(steps, a, b, 4, 2, 0, sum);
#if ACROSS > 2
  if (across == 3) NAME(add_squares)(steps, a, b, 4, 3, 0, sum);
  if (across == 4) NAME(add_squares)(steps, a, b, 4, 4, 0, sum);
#endif
}

TARGET static void NAME(add_corner)(int64_t steps, const double *a, int64_t rows,
                                    double (*sum)[GROUP][8]) {
  if (rows == 2) NAME(add_squares)(steps, a, a, 2, 2, 1, sum);
  if (rows == 3) NAME(add_squares)(steps, a, a, 3, 3, 1, sum);
  if (rows == 4) NAME(add_squares)(steps, a, a, 4, 4, 1, sum);
}

/* All pairs of a strip: n_a rows of one panel with n_b of another (n_a a multiple of 4), or, where
 * b is a, among themselves. Between tiles, lines of the strip to come are asked for, a few rows' at
 * a time: more at once would be waited for. */
TARGET static void NAME(add_strip)(int64_t steps, int64_t n_a, const double *a, int64_t n_b,
                                   const double *b, const REAL *const *ahead, int64_t n_ahead,
                                   double (*sum)[GROUP][8]) {
  const int64_t tiles = mst_most(1, n_a / 4 * (a == b ? (n_a / 4 + 1) / 2 : n_b / ACROSS));
  const int64_t some = mst_ceil_div(n_ahead, tiles);
  int64_t asked = 0;
  for (int64_t i = 0; i < n_a; i += 4) {
    if (a == b) NAME(add_corner)(steps, a + 8 * i, mst_least(4, n_a - i), AT(sum, i, i));
    for (int64_t j = a == b ? i + 4 : 0; j < n_b; j += ACROSS) {
      NAME(add_tile)(steps, a + 8 * i, b + 8 * j, mst_least(ACROSS, n_b - j), AT(sum, i, j));
      for (const int64_t last = mst_least(n_ahead, asked + some); asked < last; asked++)
        for (int64_t k = 0; k < STRIP; k += 64 / (int64_t)sizeof(REAL))
          __builtin_prefetch((const void *)((uintptr_t)(ahead[asked] + k) + STRIP * sizeof(REAL)));
    }
  }
}

/* distance(n, n) between rows [first, first + n_a) and [other, other + n_b), or among the first. */
TARGET static __attribute__((noinline)) void NAME(pairs)(int64_t n, int64_t m,
                                                         const REAL *const *row, int64_t first,
                                                         int64_t other, double *distance) {
  _Alignas(64) double panel[2][STRIP * GROUP], sum[GROUP][GROUP][8];
  const REAL *ahead[2 * GROUP];
  const bool same = first == other;
  const int64_t n_a = mst_least(GROUP, n - first), n_b = mst_least(GROUP, n - other);
  const double *b = panel[same ? 0 : 1];
  for (int64_t i = 0; i < n_a; i++) memset(sum[i], 0, (size_t)n_b * sizeof sum[i][0]);
  for (int64_t c = 0; c < m; c += STRIP) {
    const int64_t steps = mst_ceil_div(mst_least(STRIP, m - c), 8);
    NAME(pack)(n_a, row + first, c, m, panel[0]);
    if (!same) NAME(pack)(n_b, row + other, c, m, panel[1]);
    for (int64_t i = 0; i < n_a; i++) ahead[i] = row[first + i] + c;
    for (int64_t j = 0; j < n_b && !same; j++) ahead[n_a + j] = row[other + j] + c;
    NAME(add_strip)(steps, n_a, panel[0], n_b, b, ahead, same ? n_a : n_a + n_b, sum);
  }
  for (int64_t i = 0; i < n_a; i++)
    for (int64_t j = same ? i + 1 : 0; j < n_b; j++) {
      distance[(first + i) * n + other + j] = distance[(other + j) * n + first + i] =
          NAME(fold)(sum[i][j]);
    }
}

static void NAME(distances)(int64_t n, int64_t m, const REAL *const *row, double *distance) {
  for (int64_t i = 0; i < n; i++) distance[i * n + i] = 0;
  for (int64_t first = 0; first < n; first += GROUP)
    for (int64_t other = first; other < n; other += GROUP)
      NAME(pairs)(n, m, row, first, other, distance);
}

/* s(rows, 8 / LANES) += squares of the 8 entries from column c on. */
INLINE void NAME(add_away)(const REAL *const *row, const REAL *to, int64_t c, int rows,
                           NAME(wide) (*s)[8 / LANES]) {
#pragma GCC unroll 4
  for (int k = 0; k < 8 / LANES; k++) {
    const NAME(wide) y = (NAME(wide))LOAD(to + c + k * LANES);
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
      const NAME(wide) d = (NAME(wide))LOAD(row[i] + c + k * LANES) - y;
      s[i][k] = (NAME(wide))SQUARE_AND_ADD(d, s[i][k]);
    }
  }
}

/* away(rows) of up to 4 rows, a constant; what is past the end of them is 0. */
INLINE void NAME(away_rows)(int64_t m, const REAL *const *row, const REAL *to, int rows,
                            double *away) {
  const int64_t line = mst_most(8, 64 / (int64_t)sizeof(REAL));
  NAME(wide) s[4][8 / LANES];
  memset(s, 0, sizeof s);
  int64_t c = 0;
  for (; c + line <= m; c += line) {
#pragma GCC unroll 2
    for (int64_t k = 0; k < line; k += 8) NAME(add_away)(row, to, c + k, rows, s);
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
      __builtin_prefetch((const void *)((uintptr_t)(row[i] + c) + AHEAD));
  }
  for (; c < m; c += 8) {
    REAL last[5][8] = {{0}};
    const REAL *at[4] = {NULL};
    for (int i = 0; i < rows; i++) {
      at[i] = last[i];
      memcpy(last[i], row[i] + c, (size_t)mst_least(8, m - c) * sizeof **row);
    }
    memcpy(last[4], to + c, (size_t)mst_least(8, m - c) * sizeof *to);
    NAME(add_away)(at, last[4], 0, rows, s);
  }
#pragma GCC unroll 4
  for (int i = 0; i < rows; i++) {
    double sum[8];
    memcpy(sum, s[i], sizeof sum);
    away[i] = NAME(fold)(sum);
  }
}

TARGET static void NAME(away)(int64_t n, int64_t m, const REAL *const *row, const REAL *to,
                              double *distance) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) NAME(away_rows)(m, row + i, to, 4, distance + i);
  if (n - i == 3) NAME(away_rows)(m, row + i, to, 3, distance + i);
  if (n - i == 2) NAME(away_rows)(m, row + i, to, 2, distance + i);
  if (n - i == 1) NAME(away_rows)(m, row + i, to, 1, distance + i);
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
#undef INLINE
