/* Linear assignment by shortest augmenting paths. Rows join one after the other; each looks for the
 * cheapest way, through rows that have columns already, to a column that is free. Prices of rows
 * and columns keep what every way costs, its values negated, nonnegative, so that Dijkstra's search
 * finds it. */
#include "core/merge/assignment.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/memory.h"

enum {
  NONE = -1
};

typedef struct search {
  int64_t n, ld;
  const double *value;
  double *row_price, *column_price; /* (n)                                              */
  double *distance;                 /* (n) to each column, less the search's own prices */
  int64_t *owner;                   /* (n) row of each column, or NONE                  */
  int64_t *before;                  /* (n) column from which the way came, or NONE      */
  bool *done;                       /* (n) columns that the search has left             */
} search;

static mst_status check_finite(int64_t n, const double *value, int64_t ld) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      if (!isfinite(value[i * ld + j]))
        return mst_fail(MST_ERR_NONFINITE,
                        "assignment: what row %lld gives with column %lld is not finite",
                        (long long)i, (long long)j);
  return MST_OK;
}

static mst_status allocate(search *s) {
  MST_TRY(mst_alloc(&s->row_price, s->n, sizeof *s->row_price, "assignment"));
  MST_TRY(mst_alloc(&s->column_price, s->n, sizeof *s->column_price, "assignment"));
  MST_TRY(mst_alloc(&s->distance, s->n, sizeof *s->distance, "assignment"));
  MST_TRY(mst_alloc(&s->owner, s->n, sizeof *s->owner, "assignment"));
  MST_TRY(mst_alloc(&s->before, s->n, sizeof *s->before, "assignment"));
  return mst_alloc(&s->done, s->n, sizeof *s->done, "assignment");
}

static void release(search *s) {
  mst_free(s->row_price);
  mst_free(s->column_price);
  mst_free(s->distance);
  mst_free(s->owner);
  mst_free(s->before);
  mst_free(s->done);
}

/* Ways through `row`, whose own column is `at`, may be shorter. The nearest column not yet left. */
static int64_t look_from(search *s, int64_t row, int64_t at) {
  const double *value = s->value + row * s->ld;
  int64_t nearest = NONE;
  for (int64_t j = 0; j < s->n; j++) {
    if (s->done[j]) continue;
    double d = -value[j] - s->row_price[row] - s->column_price[j];
    if (d < s->distance[j]) {
      s->distance[j] = d;
      s->before[j] = at;
    }
    if (nearest == NONE || s->distance[j] < s->distance[nearest]) nearest = j;
  }
  return nearest;
}

/* The search has moved by `step`: prices of what it has left follow, distances are from there. */
static void move_prices(search *s, int64_t first, double step) {
  s->row_price[first] += step;
  for (int64_t j = 0; j < s->n; j++) {
    if (s->done[j]) {
      s->row_price[s->owner[j]] += step;
      s->column_price[j] -= step;
    } else {
      s->distance[j] -= step;
    }
  }
}

/* Row `first` gets a column; others may change theirs. */
static void add_row(search *s, int64_t first) {
  int64_t at = NONE, row = first;
  for (int64_t j = 0; j < s->n; j++) {
    s->distance[j] = INFINITY;
    s->done[j] = false;
  }
  for (;;) {
    int64_t next = look_from(s, row, at);
    move_prices(s, first, s->distance[next]);
    at = next;
    if (s->owner[at] == NONE) break;
    s->done[at] = true;
    row = s->owner[at];
  }
  for (; s->before[at] != NONE; at = s->before[at]) s->owner[at] = s->owner[s->before[at]];
  s->owner[at] = first;
}

mst_status mst_assignment(int64_t n, const double *value, int64_t ld, int64_t *column,
                          double *total) {
  search s = {.n = n, .ld = ld, .value = value};
  MST_TRY(check_finite(n, value, ld));
  mst_status st = allocate(&s);
  for (int64_t j = 0; j < n && st == MST_OK; j++) s.owner[j] = NONE;
  for (int64_t i = 0; i < n && st == MST_OK; i++) add_row(&s, i);
  for (int64_t j = 0; j < n && st == MST_OK; j++) column[s.owner[j]] = j;
  if (st == MST_OK && total != NULL) {
    *total = 0;
    for (int64_t i = 0; i < n; i++) *total += value[i * ld + column[i]];
  }
  release(&s);
  return st;
}
