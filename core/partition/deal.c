/* Dealing: what the partitions share. Rows are grouped by class with a counting sort, shuffled by
 * Fisher and Yates (Knuth, volume 2, section 3.4.2, algorithm P), and proportions become whole
 * rows by the method of the largest remainder (Hamilton). Nothing here redraws, so nothing here
 * can fail to end. */
#include <math.h>

#include "core/base/memory.h"
#include "core/partition/members.h"

mst_stream mst_deal_stream(const mst_partition_spec *spec, mst_deal_draw draw, int64_t class_) {
  return mst_stream_of(
      mst_key_make(spec->seed, MST_PURPOSE_PARTITION, (uint64_t)class_, (uint64_t)draw));
}

void mst_deal_shuffle(mst_stream *s, int64_t n, int64_t *x) {
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t j = (int64_t)mst_stream_below(s, (uint64_t)i + 1);
    int64_t kept = x[i];
    x[i] = x[j];
    x[j] = kept;
  }
}

/* Every label is checked before any becomes an index. */
static mst_status check_labels(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                               int64_t n_classes) {
  if (label == NULL && n > 0)
    return mst_fail(MST_ERR_INPUT,
                    "partition %s deals rows by class, but the data has no class labels: "
                    "choose iid, quantity or natural",
                    spec->name);
  for (int64_t i = 0; i < n; i++)
    if (label[i] < 0 || label[i] >= n_classes)
      return mst_fail(MST_ERR_INPUT,
                      "partition %s: row %lld has label %d, which is not in 0 .. %lld: correct "
                      "the labels or n_classes",
                      spec->name, (long long)i, (int)label[i], (long long)n_classes - 1);
  return MST_OK;
}

/* Counting sort: rows of a class keep their order, so that the shuffle starts from one that
 * depends on the labels alone. */
static void group(int64_t n, const int32_t *label, int64_t n_classes, mst_deal_classes *out) {
  for (int64_t i = 0; i < n; i++) out->first[label[i] + 1]++;
  for (int64_t c = 0; c < n_classes; c++) out->first[c + 1] += out->first[c];
  for (int64_t i = 0; i < n; i++) out->row[out->first[label[i]]++] = i;
  for (int64_t c = n_classes; c > 0; c--) out->first[c] = out->first[c - 1];
  out->first[0] = 0;
}

mst_status mst_deal_by_class(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                             int64_t n_classes, mst_deal_classes *out) {
  *out = (mst_deal_classes){0};
  MST_TRY(check_labels(spec, n, label, n_classes));
  MST_TRY(mst_alloc(&out->first, n_classes + 1, sizeof *out->first, "first row of each class"));
  MST_TRY(mst_alloc(&out->row, n, sizeof *out->row, "rows by class"));
  group(n, label, n_classes, out);
  for (int64_t c = 0; c < n_classes; c++) {
    mst_stream s = mst_deal_stream(spec, MST_DEAL_ROWS, c);
    mst_deal_shuffle(&s, out->first[c + 1] - out->first[c], out->row + out->first[c]);
  }
  return MST_OK;
}

void mst_deal_classes_free(mst_deal_classes *classes) {
  mst_free(classes->first);
  mst_free(classes->row);
  *classes = (mst_deal_classes){0};
}

mst_status mst_deal_shares_make(const mst_partition_spec *spec, mst_deal_shares *out) {
  *out = (mst_deal_shares){0};
  if (!(spec->alpha > 0) || !isfinite(spec->alpha))
    return mst_fail(MST_ERR_INPUT,
                    "partition %s: alpha is %g, but a concentration is a finite number above 0: "
                    "0.1 makes very unequal clients, 100 nearly equal ones",
                    spec->name, spec->alpha);
  MST_TRY(mst_alloc(&out->share, spec->clients, sizeof *out->share, "clients' proportions"));
  MST_TRY(mst_alloc(&out->count, spec->clients, sizeof *out->count, "clients' row counts"));
  return mst_alloc(&out->heap, spec->clients, sizeof *out->heap, "clients by remainder");
}

void mst_deal_shares_free(mst_deal_shares *shares) {
  mst_free(shares->share);
  mst_free(shares->count);
  mst_free(shares->heap);
  *shares = (mst_deal_shares){0};
}

/* Whether client a is owed the next row before client b. */
static int is_owed_first(const double *remainder, int64_t a, int64_t b) {
  if (remainder[a] != remainder[b]) return remainder[a] > remainder[b];
  return a < b;
}

static void sift_down(const double *remainder, int64_t *heap, int64_t size, int64_t at) {
  int64_t client = heap[at];
  for (int64_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && is_owed_first(remainder, heap[child + 1], heap[child])) child++;
    if (!is_owed_first(remainder, heap[child], client)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = client;
}

/* Whole parts first, then one row each to the largest remainders. A client that got one owes
 * one, which keeps the loop right even where the proportions do not quite add up to 1; for the
 * same reason a whole part never takes more than is left. */
static void divide_by_largest_remainder(int64_t n, int64_t clients, mst_deal_shares *shares) {
  int64_t left = n;
  for (int64_t k = 0; k < clients; k++) {
    double quota = shares->share[k] * (double)n;
    int64_t whole = (int64_t)floor(quota);
    if (whole > left) whole = left;
    left -= whole;
    shares->count[k] = whole;
    shares->share[k] = quota - (double)whole;
    shares->heap[k] = k;
  }
  if (left == 0) return;
  for (int64_t at = clients / 2 - 1; at >= 0; at--)
    sift_down(shares->share, shares->heap, clients, at);
  for (; left > 0; left--) {
    int64_t k = shares->heap[0];
    shares->count[k]++;
    shares->share[k] -= 1.0;
    sift_down(shares->share, shares->heap, clients, 0);
  }
}

void mst_deal_divide(const mst_partition_spec *spec, int64_t class_, int64_t n,
                     mst_deal_shares *shares) {
  mst_stream s = mst_deal_stream(spec, MST_DEAL_SHARES, class_);
  mst_stream_dirichlet(&s, spec->alpha, spec->clients, shares->share);
  divide_by_largest_remainder(n, spec->clients, shares);
}
