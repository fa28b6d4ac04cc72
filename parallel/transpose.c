/* A record of the exchange is one vector's part of one block. A rank's blocks of a bucket follow
 * each other, so the records that arrive, by vector and then by block, are the rows of a matrix. */
#include "parallel/transpose.h"

#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"

struct mst_transpose {
  mst_team *team;
  const char *const *mine;
  int64_t n_mine, n, d, element, block;
  int64_t bucket_bytes, blocks; /* of a bucket, the last one may have fewer */
  int64_t begin, end;           /* columns of this bucket                   */
  int64_t first, count;         /* this rank's of them                      */
  char *packed;                 /* (n_mine, blocks) records                 */
  int32_t *destination;         /* (n_mine, blocks)                         */
  char *arrived;                /* (n, a rank's blocks) records             */
  const char **row;             /* (n)                                      */
  int64_t *bytes;               /* (p) of a result                          */
};

static bool alone(const mst_transpose *t) {
  return mst_team_size(t->team) == 1;
}

/* A block for each rank at least: what a rank packs is never more than it has, and what arrives is
 * one block of all vectors. */
static int64_t bucket_blocks(const mst_transpose *t, int64_t n_most) {
  int64_t p = mst_team_size(t->team), all = mst_ceil_div(t->d, t->block);
  int64_t rows = mst_most(1, mst_most(n_most, mst_ceil_div(t->n, p)));
  int64_t blocks = t->bucket_bytes / (t->block * t->element) / rows;
  return mst_least(all, mst_most(p, blocks / p * p));
}

static mst_status make_room(mst_transpose *t) {
  int64_t p = mst_team_size(t->team);
  MST_TRY(mst_alloc(&t->row, t->n, sizeof *t->row, "addresses of vectors"));
  if (alone(t)) return MST_OK;
  int64_t record = t->block * t->element;
  MST_TRY(mst_alloc(&t->bytes, p, sizeof *t->bytes, "parts of a result"));
  MST_TRY(mst_alloc(&t->destination, t->n_mine * t->blocks, sizeof *t->destination,
                    "destinations of columns"));
  MST_TRY(mst_alloc(&t->packed, t->n_mine * t->blocks, (size_t)record, "columns to be sent"));
  return mst_alloc(&t->arrived, t->n * mst_ceil_div(t->blocks, p), (size_t)record,
                   "columns of all vectors");
}

mst_status mst_transpose_create(mst_team *team, const char *const *row, int64_t n_mine, int64_t d,
                                int64_t element, int64_t block, int64_t bucket_bytes,
                                mst_transpose **out) {
  mst_transpose *t = NULL;
  int64_t n = n_mine, most = n_mine;
  *out = NULL;
  MST_TRY(mst_sum_i64(team, &n, 1));
  MST_TRY(mst_max_i64(team, &most, 1));
  mst_status st = mst_alloc(&t, 1, sizeof *t, "transposition");
  if (st == MST_OK) {
    *t = (mst_transpose){.team = team,
                         .mine = row,
                         .n_mine = n_mine,
                         .n = n,
                         .d = d,
                         .element = element,
                         .block = block};
    t->bucket_bytes = bucket_bytes > 0 ? bucket_bytes : MST_TRANSPOSE_BUCKET;
    t->blocks = bucket_blocks(t, most);
    st = make_room(t);
  }
  st = mst_team_agree(team, st);
  if (st != MST_OK) {
    mst_transpose_destroy(t);
    return st;
  }
  *out = t;
  return MST_OK;
}

void mst_transpose_destroy(mst_transpose *t) {
  if (t == NULL) return;
  mst_free(t->packed);
  mst_free(t->destination);
  mst_free(t->arrived);
  mst_free(t->row);
  mst_free(t->bytes);
  mst_free(t);
}

/* Column at which rank r's share of the bucket begins. */
static int64_t share_begin(const mst_transpose *t, int64_t r) {
  int64_t blocks = mst_ceil_div(t->end - t->begin, t->block);
  int64_t at = mst_share_begin(blocks, r, mst_team_size(t->team));
  return mst_least(t->end, t->begin + at * t->block);
}

static void pack(mst_transpose *t) {
  int64_t blocks = mst_ceil_div(t->end - t->begin, t->block),
          row_bytes = blocks * t->block * t->element;
  for (int64_t i = 0; i < t->n_mine; i++) {
    memcpy(t->packed + i * row_bytes, t->mine[i] + t->begin * t->element,
           (size_t)((t->end - t->begin) * t->element));
    for (int32_t r = 0; r < mst_team_size(t->team); r++) {
      int64_t last = mst_share_begin(blocks, r + 1, mst_team_size(t->team));
      for (int64_t b = mst_share_begin(blocks, r, mst_team_size(t->team)); b < last; b++)
        t->destination[i * blocks + b] = r;
    }
  }
}

static mst_status exchange(mst_transpose *t) {
  int64_t blocks = mst_ceil_div(t->end - t->begin, t->block),
          here = mst_ceil_div(t->count, t->block);
  pack(t);
  for (int64_t i = 0; i < t->n; i++) t->row[i] = t->arrived + i * here * t->block * t->element;
  return mst_exchange_rows(t->team, t->packed, t->n_mine * blocks, t->block * t->element,
                           t->destination, t->arrived, t->n * here, t->bucket_bytes);
}

mst_status mst_transpose_next(mst_transpose *t, mst_transposed *bucket, bool *more) {
  *more = t->end < t->d;
  if (!*more) return MST_OK;
  t->begin = t->end;
  t->end = alone(t) ? t->d : mst_least(t->d, t->begin + t->blocks * t->block);
  t->first = share_begin(t, mst_team_rank(t->team));
  t->count = share_begin(t, mst_team_rank(t->team) + 1) - t->first;
  if (!alone(t))
    MST_TRY(exchange(t));
  else
    for (int64_t i = 0; i < t->n; i++) t->row[i] = t->mine[i];
  *bucket = (mst_transposed){.first = t->first, .count = t->count, .row = t->row};
  return MST_OK;
}

mst_status mst_transpose_gather(mst_transpose *t, void *out) {
  if (alone(t)) return MST_OK;
  for (int r = 0; r < mst_team_size(t->team); r++)
    t->bytes[r] = (share_begin(t, r + 1) - share_begin(t, r)) * t->element;
  char *to = (char *)out + t->begin * t->element;
  return mst_gather_all(t->team, (char *)out + t->first * t->element, t->bytes, to);
}
