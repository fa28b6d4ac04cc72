/* Within a node vectors change hands through memory that its ranks share: a rank writes there the
 * columns that others work on and reads its own where they are. Between nodes one stream a node
 * carries the columns of the other nodes, in records of one vector's part of one block; records
 * that arrive, by node, vector and block, are the rows of a matrix again.
 *
 * There are two rooms in the shared memory, used in turn: a rank that writes into one has waited,
 * since it was read, for all others in between. */
#include "parallel/transpose.h"

#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"

#define ROOMS  2
#define WIDEST ((int64_t)sizeof(double)) /* bytes of an entry of a result */

struct mst_transpose {
  mst_team *team;
  const char *const *mine;
  mst_share *theirs; /* where all vectors of the node lie, or NULL */
  int64_t n_mine, n, d, element, block;
  int64_t bucket_bytes, blocks; /* of a bucket, the last one may have fewer                    */
  int64_t begin, end;           /* columns of this bucket                                      */
  int64_t first, count;         /* this rank's of them                                         */
  int64_t buckets, gathers;     /* begun so far                                                */
  int64_t *held;                /* (p) vectors of each rank                                    */
  int32_t *leader;              /* (p) lowest rank of each rank's node                         */
  int64_t *place;               /* (p) of a rank's first vector among the node's, or those from
                                   elsewhere by node                                           */
  int64_t near;                 /* vectors of this node                                        */
  int64_t *source;              /* (n) of theirs: offset of each vector                        */
  mst_share *share;             /* rooms of vectors, then rooms of results                     */
  int64_t room, result_room;    /* bytes of each                                               */
  int32_t *destination;         /* (near, blocks) on the node's leader, between nodes          */
  const char **row;             /* (n)                                                         */
  int64_t *bytes;               /* (p) of a result                                             */
};

static bool alone(const mst_transpose *t) {
  return mst_team_size(t->team) == 1;
}

static bool one_node(const mst_transpose *t) {
  return mst_team_domains(t->team) == 1;
}

static bool leads(const mst_transpose *t) {
  return mst_team_domain_rank(t->team) == 0;
}

static bool is_near(const mst_transpose *t, int rank) {
  return t->leader[rank] == t->leader[mst_team_rank(t->team)];
}

/* A block for each rank at least: what a rank writes is never more than it has, and what arrives is
 * one block of all vectors. */
static int64_t bucket_blocks(const mst_transpose *t, int64_t n_most) {
  int64_t p = mst_team_size(t->team), all = mst_ceil_div(t->d, t->block);
  int64_t rows = mst_most(1, mst_most(n_most, mst_ceil_div(t->n, p)));
  int64_t blocks = t->bucket_bytes / (t->block * t->element) / rows;
  return mst_least(all, mst_most(p, blocks / p * p));
}

/* Blocks of a bucket of `blocks` that the ranks of this node below `rank` have. */
static int64_t blocks_below(const mst_transpose *t, int64_t blocks, int rank) {
  int64_t p = mst_team_size(t->team), sum = 0;
  for (int r = 0; r < rank; r++)
    if (is_near(t, r)) sum += mst_share_begin(blocks, r + 1, p) - mst_share_begin(blocks, r, p);
  return sum;
}

/* Of the other nodes' vectors the n that rank r has are behind those of nodes that are led by lower
 * ranks, and behind those of lower ranks of its node. */
static void find_places(mst_transpose *t) {
  int p = mst_team_size(t->team);
  int64_t *next = t->bytes, far = 0; /* next(p): of each leader's node */
  for (int r = 0; r < p; r++) next[r] = 0;
  for (int r = 0; r < p; r++) next[t->leader[r]] += t->held[r];
  for (int r = 0; r < p; r++) {
    const int64_t of_node = next[r];
    const bool near = is_near(t, r);
    next[r] = near ? 0 : far;
    if (!near) far += of_node;
  }
  t->near = t->n - far;
  for (int r = 0; r < p; r++) {
    t->place[r] = next[t->leader[r]];
    next[t->leader[r]] += t->held[r];
  }
}

static mst_status make_room(mst_transpose *t) {
  int p = mst_team_size(t->team);
  MST_TRY(mst_alloc(&t->row, t->n, sizeof *t->row, "addresses of vectors"));
  if (alone(t)) return MST_OK;
  MST_TRY(mst_alloc(&t->bytes, p, sizeof *t->bytes, "parts of a result"));
  MST_TRY(mst_alloc(&t->place, p, sizeof *t->place, "places of vectors"));
  MST_TRY(mst_alloc(&t->leader, p, sizeof *t->leader, "leaders of nodes"));
  for (int r = p - 1; r >= 0; r--) t->bytes[mst_team_domain_of(t->team, r)] = r;
  for (int r = 0; r < p; r++) t->leader[r] = (int32_t)t->bytes[mst_team_domain_of(t->team, r)];
  find_places(t);
  if (t->theirs != NULL)
    MST_TRY(mst_alloc(&t->source, t->n, sizeof *t->source, "places of vectors"));
  if (one_node(t) || !leads(t)) return MST_OK;
  return mst_alloc(&t->destination, t->near * t->blocks, sizeof *t->destination,
                   "destinations of columns");
}

static mst_status open_share(mst_transpose *t) {
  const int64_t record = t->block * t->element, p = mst_team_size(t->team);
  const int64_t far = t->n - t->near, here = blocks_below(t, t->blocks, (int)p);
  const int64_t spare = mst_team_domain_size(t->team); /* a smaller bucket may be dealt unevenly */
  if (t->theirs == NULL) t->room = (t->near * t->blocks + far * (here + spare)) * record;
  t->result_room = one_node(t) ? t->blocks * t->block * WIDEST : 0;
  return mst_share_borrow(t->team, ROOMS * (t->room + t->result_room), "columns of vectors",
                          &t->share);
}

/* Where each vector of the node lies. */
static mst_status find_sources(mst_transpose *t) {
  int p = mst_team_size(t->team);
  int64_t first = 0;
  for (int r = 0; r < p; r++) {
    if (r < mst_team_rank(t->team)) first += t->held[r];
    t->bytes[r] = t->held[r] * (int64_t)sizeof *t->source;
  }
  const char *base = mst_share_at(t->theirs);
  for (int64_t i = 0; i < t->n_mine; i++) t->source[first + i] = t->mine[i] - base;
  MST_TRY(mst_gather_all(t->team, t->source + first, t->bytes, t->source));
  return mst_share_sync(t->theirs);
}

static mst_status set_up(mst_transpose *t) {
  int p = mst_team_size(t->team);
  int64_t most = 0;
  MST_TRY(mst_team_agree(t->team, mst_alloc(&t->held, p, sizeof *t->held, "numbers of vectors")));
  MST_TRY(mst_gather_i64(t->team, t->n_mine, t->held));
  for (int r = 0; r < p; r++) {
    t->n += t->held[r];
    most = mst_most(most, t->held[r]);
  }
  t->blocks = bucket_blocks(t, most);
  MST_TRY(mst_team_agree(t->team, make_room(t)));
  if (alone(t)) return MST_OK;
  MST_TRY(open_share(t));
  return t->theirs != NULL ? find_sources(t) : MST_OK;
}

mst_status mst_transpose_create_in(mst_team *team, mst_share *share, const char *const *row,
                                   int64_t n_mine, int64_t d, int64_t element, int64_t block,
                                   int64_t bucket_bytes, mst_transpose **out) {
  mst_transpose *t = NULL;
  *out = NULL;
  mst_status st = mst_team_agree(team, mst_alloc(&t, 1, sizeof *t, "transposition"));
  if (st != MST_OK) {
    mst_free(t);
    return st;
  }
  *t = (mst_transpose){.team = team,
                       .mine = row,
                       .n_mine = n_mine,
                       .d = d,
                       .element = element,
                       .block = block,
                       .bucket_bytes = bucket_bytes > 0 ? bucket_bytes : MST_TRANSPOSE_BUCKET};
  if (mst_team_size(team) > 1 && one_node(t)) t->theirs = share;
  st = set_up(t);
  if (st != MST_OK) {
    mst_transpose_destroy(t);
    return st;
  }
  *out = t;
  return MST_OK;
}

mst_status mst_transpose_create(mst_team *team, const char *const *row, int64_t n_mine, int64_t d,
                                int64_t element, int64_t block, int64_t bucket_bytes,
                                mst_transpose **out) {
  return mst_transpose_create_in(team, NULL, row, n_mine, d, element, block, bucket_bytes, out);
}

void mst_transpose_destroy(mst_transpose *t) {
  if (t == NULL) return;
  mst_share_return(t->share);
  mst_free(t->held);
  mst_free(t->leader);
  mst_free(t->place);
  mst_free(t->source);
  mst_free(t->destination);
  mst_free(t->row);
  mst_free(t->bytes);
  mst_free(t);
}

static int64_t blocks_now(const mst_transpose *t) {
  return mst_ceil_div(t->end - t->begin, t->block);
}

/* Column at which rank r's share of the bucket begins. */
static int64_t share_begin(const mst_transpose *t, int64_t r) {
  int64_t at = mst_share_begin(blocks_now(t), r, mst_team_size(t->team));
  return mst_least(t->end, t->begin + at * t->block);
}

/* The room of this bucket: the node's vectors; behind them what arrives from other nodes. */
static char *room(const mst_transpose *t) {
  return (char *)mst_share_at(t->share) + t->buckets % ROOMS * t->room;
}

static void copy_columns(const mst_transpose *t, int64_t i, int64_t begin, int64_t end) {
  const int64_t row = t->place[mst_team_rank(t->team)] + i;
  char *to = room(t) + (row * blocks_now(t) * t->block + begin - t->begin) * t->element;
  memcpy(to, t->mine[i] + begin * t->element, (size_t)((end - begin) * t->element));
}

/* This rank's columns of its own vectors are read where they are. */
static void write_vectors(const mst_transpose *t) {
  for (int64_t i = 0; i < t->n_mine; i++) {
    copy_columns(t, i, t->begin, t->first);
    copy_columns(t, i, t->first + t->count, t->end);
  }
  mst_team_meter_add_shared(t->team, t->n_mine * (t->end - t->begin - t->count) * t->element);
}

/* The leaders exchange what other nodes work on. */
static mst_status exchange(mst_transpose *t) {
  const int64_t blocks = blocks_now(t), record = t->block * t->element;
  const int p = mst_team_size(t->team);
  const int64_t n_rows = leads(t) ? t->near * blocks : 0;
  const int64_t n_recv = leads(t) ? (t->n - t->near) * blocks_below(t, blocks, p) : 0;
  for (int r = 0; r < p && leads(t); r++) {
    const int64_t last = mst_share_begin(blocks, r + 1, p);
    const int32_t to = is_near(t, r) ? -1 : t->leader[r];
    for (int64_t b = mst_share_begin(blocks, r, p); b < last; b++)
      for (int64_t i = 0; i < t->near; i++) t->destination[i * blocks + b] = to;
  }
  char *arrived = room(t) + t->near * blocks * record;
  MST_TRY(mst_exchange_rows(t->team, room(t), n_rows, record, t->destination, arrived, n_recv,
                            t->bucket_bytes));
  return mst_share_sync(t->share);
}

static void find_rows(mst_transpose *t) {
  const int64_t blocks = blocks_now(t), record = t->block * t->element;
  const int me = mst_team_rank(t->team), p = mst_team_size(t->team);
  const int64_t here = blocks_below(t, blocks, p);
  const char *near = room(t) + (t->first - t->begin) * t->element;
  const char *far = room(t) + (t->near * blocks + blocks_below(t, blocks, me)) * record;
  for (int64_t r = 0, vector = 0; r < p; r++)
    for (int64_t i = 0; i < t->held[r]; i++, vector++) {
      if (r == me)
        t->row[vector] = t->mine[i] + t->first * t->element;
      else if (is_near(t, (int)r))
        t->row[vector] = near + (t->place[r] + i) * blocks * record;
      else
        t->row[vector] = far + (t->place[r] + i) * here * record;
    }
}

static mst_status bring(mst_transpose *t) {
  write_vectors(t);
  MST_TRY(mst_share_sync(t->share));
  if (!one_node(t)) MST_TRY(exchange(t));
  find_rows(t);
  return MST_OK;
}

mst_status mst_transpose_next(mst_transpose *t, mst_transposed *bucket, bool *more) {
  *more = t->end < t->d;
  if (!*more) return t->theirs != NULL ? mst_share_sync(t->theirs) : MST_OK;
  t->begin = t->end;
  t->end = alone(t) ? t->d : mst_least(t->d, t->begin + t->blocks * t->block);
  t->first = share_begin(t, mst_team_rank(t->team));
  t->count = share_begin(t, mst_team_rank(t->team) + 1) - t->first;
  if (alone(t))
    for (int64_t i = 0; i < t->n; i++) t->row[i] = t->mine[i];
  else if (t->theirs != NULL)
    for (int64_t i = 0; i < t->n; i++)
      t->row[i] = (char *)mst_share_at(t->theirs) + t->source[i] + t->first * t->element;
  else
    MST_TRY(bring(t));
  t->buckets++;
  *bucket = (mst_transposed){.first = t->first, .count = t->count, .row = t->row};
  return MST_OK;
}

mst_status mst_transpose_gather(mst_transpose *t, void *out) {
  return mst_transpose_gather_of(t, t->element, out);
}

/* Through the shared memory: everybody writes its part, then reads the others'. */
static mst_status gather_near(mst_transpose *t, int64_t element, void *out) {
  char *result = (char *)mst_share_at(t->share) + ROOMS * t->room +
                 t->gathers++ % ROOMS * t->result_room - t->begin * element;
  const size_t before = (size_t)(t->first * element);
  const int64_t last = t->first + t->count;
  memcpy(result + before, (char *)out + before, (size_t)(t->count * element));
  mst_team_meter_add_shared(t->team, t->count * element);
  MST_TRY(mst_share_sync(t->share));
  memcpy((char *)out + t->begin * element, result + t->begin * element,
         (size_t)((t->first - t->begin) * element));
  memcpy((char *)out + last * element, result + last * element,
         (size_t)((t->end - last) * element));
  return MST_OK;
}

mst_status mst_transpose_gather_of(mst_transpose *t, int64_t element, void *out) {
  if (alone(t)) return MST_OK;
  if (one_node(t) && element <= WIDEST) return gather_near(t, element, out);
  for (int r = 0; r < mst_team_size(t->team); r++)
    t->bytes[r] = (share_begin(t, r + 1) - share_begin(t, r)) * element;
  char *to = (char *)out + t->begin * element;
  return mst_gather_all(t->team, (char *)out + t->first * element, t->bytes, to);
}
