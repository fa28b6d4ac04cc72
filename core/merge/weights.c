/* Weight matching (arXiv:2209.04836, section 3.2, algorithm 1): the permutations of all sets for
 * which <a, b permuted> is the largest that coordinate descent finds. With the other sets' fixed,
 * that product is a sum of one term for each pair of units of one set, so the best permutation of
 * it is a linear assignment. Sets take turns in a drawn order until none gains. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/merge/member.h"

enum {
  PIECE = 256 /* numbers of a unit in one product */
};

/* A gain that is less than this part of the sum of the terms' magnitudes is rounding. */
static const double rounding = 1e-12;

typedef struct descent {
  const mst_match_pair *pair;
  float *b;               /* (parameters) as permuted so far           */
  float *scratch;         /* mst_symmetry_scratch                      */
  double *left, *right;   /* (PIECE, count) of a and b                 */
  double *value;          /* (count, count)                            */
  int64_t *found, *moved; /* (count)                                   */
  int64_t *order;         /* (sets)                                    */
} descent;

static mst_status allocate(descent *d) {
  const mst_symmetry *s = d->pair->symmetry;
  int64_t most = 0;
  for (int i = 0; i < s->sets; i++) most = mst_most(most, s->set[i].count);
  MST_TRY(mst_alloc(&d->b, s->parameters, sizeof *d->b, "matched parameters"));
  MST_TRY(mst_alloc(&d->scratch, mst_symmetry_scratch(s), sizeof *d->scratch, "moved units"));
  MST_TRY(mst_alloc(&d->left, PIECE * most, sizeof *d->left, "weights of units"));
  MST_TRY(mst_alloc(&d->right, PIECE * most, sizeof *d->right, "weights of units"));
  MST_TRY(mst_alloc(&d->value, most * most, sizeof *d->value, "products of units"));
  MST_TRY(mst_alloc(&d->found, most, sizeof *d->found, "matched units"));
  MST_TRY(mst_alloc(&d->moved, most, sizeof *d->moved, "matched units"));
  return mst_alloc(&d->order, s->sets, sizeof *d->order, "order of layers");
}

static void release(descent *d) {
  mst_free(d->b);
  mst_free(d->scratch);
  mst_free(d->left);
  mst_free(d->right);
  mst_free(d->value);
  mst_free(d->found);
  mst_free(d->moved);
  mst_free(d->order);
}

/* out(n, count): numbers [first, first + n) of every unit in that place. */
static void gather(const mst_units *u, const mst_unit_place *p, const float *w, int64_t first,
                   int64_t n, double *out) {
  for (int64_t k = 0; k < n; k++) {
    int64_t o = (first + k) / p->inner, i = (first + k) % p->inner;
    const float *at = w + p->offset + o * u->count * p->inner + i;
    for (int64_t j = 0; j < u->count; j++) out[k * u->count + j] = (double)at[j * p->inner];
  }
}

/* value(i, j) = the product of all numbers of a's unit i and b's unit j. */
static void multiply(descent *d, const mst_units *u) {
  int64_t c = u->count;
  memset(d->value, 0, (size_t)(c * c) * sizeof *d->value);
  for (int k = 0; k < u->places; k++) {
    const mst_unit_place *p = &u->place[k];
    int64_t all = p->outer * p->inner;
    for (int64_t at = 0; at < all; at += PIECE) {
      int64_t n = mst_least(all - at, PIECE);
      gather(u, p, d->pair->a, at, n, d->left);
      gather(u, p, d->b, at, n, d->right);
      mst_gemm(true, false, c, c, n, 1.0, d->left, c, d->right, c, 1.0, d->value, c);
    }
  }
}

/* Is `found` better than where units are by more than rounding? */
static bool gains(const descent *d, int64_t c, double total) {
  double now = 0, size = 0;
  for (int64_t i = 0; i < c; i++) {
    now += d->value[i * c + i];
    size += fabs(d->value[i * c + i]) + fabs(d->value[i * c + d->found[i]]);
  }
  return total - now > rounding * size;
}

/* One set's turn; *moves when its units moved. unit(count): its permutation so far. */
static mst_status take_turn(descent *d, const mst_units *u, int64_t *unit, bool *moves) {
  double total = 0;
  multiply(d, u);
  MST_TRY(mst_units_assign(u, d->value, d->found, &total));
  if (!gains(d, u->count, total)) return MST_OK;
  *moves = true;
  mst_units_permute(u, d->found, d->b, d->scratch);
  for (int64_t i = 0; i < u->count; i++) d->moved[i] = unit[d->found[i]];
  memcpy(unit, d->moved, (size_t)u->count * sizeof *unit);
  return MST_OK;
}

/* The sum grows with every move, and permutations are finitely many: the sweeps end. */
static mst_status sweep(descent *d, int64_t *unit) {
  const mst_match_pair *p = d->pair;
  bool moves = true;
  for (uint64_t sweeps = 0; moves; sweeps++) {
    mst_stream s =
        mst_stream_of(mst_key_make(p->seed, MST_PURPOSE_MERGE, (uint64_t)p->pair, sweeps));
    mst_stream_permutation(&s, p->symmetry->sets, d->order);
    moves = false;
    for (int i = 0; i < p->symmetry->sets; i++) {
      const mst_units *u = &p->symmetry->set[d->order[i]];
      MST_TRY(take_turn(d, u, unit + u->first, &moves));
    }
  }
  return MST_OK;
}

static mst_status match(const mst_match_pair *p, int64_t *unit) {
  descent d = {.pair = p};
  mst_status st = allocate(&d);
  if (st == MST_OK) memcpy(d.b, p->b, (size_t)p->symmetry->parameters * sizeof *d.b);
  if (st == MST_OK) st = sweep(&d, unit);
  release(&d);
  return st;
}

const mst_matching_ops mst_matching_weights = {
    .name = "weights",
    .summary = "units whose weights agree most, layer after layer until none changes",
    .match = match,
};
