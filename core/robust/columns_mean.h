/* The mean over columns, the part of columns_tile.h that sorts nothing. That file includes it, once
 * for each width and type, and gives it its types and macros. */

/* Terms of doubles alone can overflow the sums; those of floats, as doubles, cannot. */
#ifdef FLOATS
#define DOUBLES 0
#else
#define DOUBLES 1
#endif

/* Exact sums. With sigma = 3/2 2^k, (x + sigma) - sigma is x rounded to a multiple of 2^(k - 52),
 * and what is left of x is exact. The terms of n rows are each below 2^k / n, so sums of those
 * multiples are at most 2^k, and adding them is exact in any order. The rests are rounded and added
 * likewise on a grid that is finer by 52 bits less those of n; what is lost then is below 2^-80 of
 * the largest term. (Demmel and Nguyen 2013, "Fast reproducible floating-point summation".) */
INLINE void NAME(mean_body)(const NAME(job) * job, const REAL *const *row, int64_t c, REAL *out,
                            int weighted) {
  const int64_t n = job->n;
  const double spread = mst_columns_grid(n);
#pragma GCC unroll 2
  for (int h = 0; h < LANES; h += WIDES) {
    NAME(wide) largest = NAME(spread)(0);
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++) {
      NAME(wide) x = NAME(load_wide)(row[i] + c + h);
      if (weighted) x *= NAME(spread)(job->weight[i] * job->scale);
      x = NAME(magnitude)(x);
      largest = MAX_WIDE(largest, x);
      if (h == 0) mst_columns_ask(row[i] + c);
    }
    /* Terms so large that sigma would overflow are made smaller. */
    const NAME(wide) step = NAME(choose)((NAME(mask))(largest > NAME(spread)(0x1p960)),
                                         NAME(spread)(0x1p-64), NAME(spread)(1));
    const NAME(wide) power =
        (NAME(wide))((NAME(mask))(largest * step) & INT64_C(0x7ff0000000000000));
    const NAME(wide) sigma = power * NAME(spread)(3 * spread);
    const NAME(wide) fine = sigma * NAME(spread)(spread * 0x1p-52);
    NAME(wide) sum = NAME(spread)(0), rest = NAME(spread)(0);
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++) {
      NAME(wide) x = NAME(load_wide)(row[i] + c + h);
      if (weighted) x *= NAME(spread)(job->weight[i] * job->scale);
      if (DOUBLES) x *= step;
      const NAME(wide) high = (x + sigma) - sigma;
      sum += high;
      rest += ((x - high) + fine) - fine;
    }
    NAME(wide) mean = (sum + rest) / NAME(spread)(job->total);
    if (DOUBLES) mean /= step;
    NAME(store_wide)(out + h, mean);
  }
}

#ifdef FLOATS
/* The first or the second half of a vector, as doubles. */
INLINE NAME(wide) NAME(half)(NAME(vector) x, int second) {
#ifdef HALF_WIDE
  return (NAME(wide))HALF_WIDE(x, second);
#else
  NAME(part) half;
  memcpy(&half, (const REAL *)&x + (second ? WIDES : 0), sizeof half);
  return __builtin_convertvector(half, NAME(wide));
#endif
}

/* out = the mean, if sums of floats need no such care: where the bits of all entries but zeros lie
 * within 53 less those of n, every double on the way is exact. `limit` is how far exponents may be
 * apart. */
INLINE int NAME(is_exact)(const NAME(job) * job, const REAL *const *row, int64_t c, REAL *out) {
  NAME(vector) largest = {0}, least = INFINITY - largest;
  NAME(wide) low = NAME(spread)(0), high = low;
#pragma GCC unroll 4
  for (int64_t i = 0; i < job->n; i++) {
    const NAME(vector) x = NAME(load)(row[i] + c);
    const NAME(bits) magnitude = (NAME(bits))x & INT32_MAX;
    /* Zeros wrap to what is no number, and MIN then takes its second argument. */
    largest = MAX((NAME(vector))magnitude, largest);
    least = MIN((NAME(vector))((magnitude - 1) & INT32_MAX), least);
    low += NAME(half)(x, 0);
    high += NAME(half)(x, 1);
    mst_columns_ask(row[i] + c);
  }
  const NAME(bits) apart = ((NAME(bits))largest >> 23) - ((NAME(bits))least >> 23);
  const NAME(bits) beyond = apart > job->limit;
  int64_t words[BYTES / 8], any = 0;
  memcpy(words, &beyond, sizeof words);
#pragma GCC unroll 8
  for (int i = 0; i < BYTES / 8; i++) any |= words[i];
  const NAME(wide) count = NAME(spread)(job->total);
  NAME(store_wide)(out, low / count);
  NAME(store_wide)(out + WIDES, high / count);
  return any == 0;
}
#endif

TARGET static void NAME(mean_plain)(const NAME(job) * job, const REAL *const *row, int64_t c,
                                    REAL *out) {
#ifdef FLOATS
  if (NAME(is_exact)(job, row, c, out)) return;
#endif
  NAME(mean_body)(job, row, c, out, 0);
}

TARGET static void NAME(mean_weighted)(const NAME(job) * job, const REAL *const *row, int64_t c,
                                       REAL *out) {
  NAME(mean_body)(job, row, c, out, 1);
}

static void NAME(mean)(int64_t n, int64_t m, const REAL *const *row, const double *weight,
                       REAL *out) {
  NAME(job) job = {.n = n, .weight = weight, .scale = 1, .total = (double)n};
  job.limit = 29 - ilogb(mst_columns_grid(n));
  if (weight != NULL) mst_columns_total(n, weight, &job.scale, &job.total);
  NAME(run)(&job, weight != NULL ? NAME(mean_weighted) : NAME(mean_plain), m, row, out);
}
