/* What attackers see of a round. The honest vectors are put in the order of their clients, then
 * their columns are walked over, a block on one rank at a time: moments are taken there, column by
 * column in that order; distances and inner products are summed exactly over blocks
 * (robust_sums.h). So no bit depends on which rank has which vector, or had which block. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/attack_internal.h"
#include "parallel/transpose.h"

enum {
  HONEST,
  HOSTILE,
  BROKEN /* an honest client's, but not finite */
};

static int by_client(const void *a, const void *b) {
  const mst_attack_vector *x = a, *y = b;
  return (x->client > y->client) - (x->client < y->client);
}

/* This rank's vectors; the honest ones of them are those that travel. */
static void describe_mine(mst_attack_sight *s, const mst_attack_round *round,
                          mst_attack_vector *mine) {
  const mst_attackers *a = s->a;
  for (int64_t i = 0; i < round->n_mine; i++) {
    int64_t kind = HONEST;
    if (mst_attackers_has(a, round->client[i]))
      kind = HOSTILE;
    else if (!mst_space_finite_f32(a->d, round->row[i]))
      kind = BROKEN;
    mine[i] = (mst_attack_vector){round->client[i], kind, mst_team_rank(a->team), 0};
    if (kind == HONEST) s->sent[s->n_sent++] = (const char *)round->row[i];
  }
}

/* From all n vectors in the order of the ranks to the honest ones in the order of the clients. */
static mst_status sort_vectors(mst_attack_sight *s, int64_t n) {
  mst_attack_vector *v = s->vector;
  int64_t place = 0;
  for (int64_t i = 0; i < n; i++) {
    if (v[i].kind == HONEST) s->first_sent += v[i].holder < mst_team_rank(s->a->team);
    if (v[i].kind == HONEST) v[i].place = place++;
    s->hostile += v[i].kind == HOSTILE;
  }
  if (n > 0) qsort(v, (size_t)n, sizeof *v, by_client);
  for (int64_t i = 0; i < n; i++) {
    if (i + 1 < n && v[i].client == v[i + 1].client)
      return mst_fail(MST_ERR_INPUT, "client %" PRId64 " has two vectors in round %" PRId64,
                      v[i].client, s->spec->round);
    if (v[i].kind == HONEST) v[s->honest++] = v[i];
  }
  return MST_OK;
}

static mst_status gather_vectors(mst_attack_sight *s, const mst_attack_round *round) {
  mst_team *team = s->a->team;
  int p = mst_team_size(team);
  int64_t *bytes = NULL, n = 0;
  mst_attack_vector *mine = NULL;
  mst_status st = mst_alloc(&bytes, p, sizeof *bytes, "vectors of the ranks");
  if (st == MST_OK) st = mst_alloc(&mine, round->n_mine, sizeof *mine, "vectors of a round");
  if (st == MST_OK) st = mst_alloc(&s->sent, round->n_mine, sizeof *s->sent, "honest vectors");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_gather_i64(team, round->n_mine, bytes);
  for (int r = 0; r < p && st == MST_OK; r++) {
    n += bytes[r];
    bytes[r] *= (int64_t)sizeof *mine;
  }
  if (st == MST_OK)
    st = mst_team_agree(team, mst_alloc(&s->vector, n, sizeof *s->vector, "vectors of a round"));
  if (st == MST_OK) {
    describe_mine(s, round, mine);
    st = mst_gather_all(team, mine, bytes, s->vector);
  }
  if (st == MST_OK) st = sort_vectors(s, n);
  mst_free(mine);
  mst_free(bytes);
  return st;
}

/* ---- walks */

static mst_status make_room(mst_attack_sight *s) {
  const int needs = s->a->needs;
  const int64_t n = s->honest, points = n + 1, d = s->a->d;
  MST_TRY(mst_alloc(&s->client, n, sizeof *s->client, "honest clients"));
  for (int64_t i = 0; i < n; i++) s->client[i] = s->vector[i].client;
  MST_TRY(mst_alloc(&s->row, n, sizeof *s->row, "addresses of vectors"));
  if ((needs & (MST_ATTACK_MEAN | MST_ATTACK_STD)) != 0)
    MST_TRY(mst_alloc(&s->mean, d, sizeof *s->mean, "mean of the honest vectors"));
  if ((needs & MST_ATTACK_STD) != 0)
    MST_TRY(mst_alloc(&s->std, d, sizeof *s->std, "standard deviations of the honest vectors"));
  if ((needs & MST_ATTACK_DISTANCES) == 0) return MST_OK;
  MST_TRY(mst_alloc(&s->at, points, sizeof *s->at, "addresses of points"));
  MST_TRY(mst_alloc(&s->wide, points * MST_ATTACK_BLOCK, sizeof *s->wide, "a block of points"));
  for (int64_t i = 0; i < points; i++) s->at[i] = s->wide + i * MST_ATTACK_BLOCK;
  MST_TRY(mst_alloc(&s->term, points * points, sizeof *s->term, "distances in a block"));
  MST_TRY(mst_alloc(&s->distance, points * points, sizeof *s->distance, "distances"));
  MST_TRY(mst_robust_pairs_create(points, &s->distances));
  if ((needs & MST_ATTACK_MEMORY) == 0) return MST_OK;
  MST_TRY(mst_alloc(&s->product, points, sizeof *s->product, "inner products"));
  return mst_robust_sums_create(points, &s->products);
}

/* Called for each of this rank's blocks: columns [first, first + m), of which s->row are the
 * honest vectors'. */
typedef void (*visitor)(mst_attack_sight *s, const void *context, int64_t first, int64_t m);

/* Walk over all columns of the honest vectors. What the visits put in out[.](d) is on every rank
 * afterwards; NULL among them is passed over. */
static mst_status walk(mst_attack_sight *s, visitor visit, const void *context,
                       double *const out[2]) {
  mst_transpose *t = NULL;
  mst_transposed bucket;
  bool more = true;
  mst_status st = mst_transpose_create_in(s->a->team, s->share, s->sent, s->n_sent, s->a->d,
                                          sizeof(float), MST_ATTACK_BLOCK, 0, &t);
  while (st == MST_OK && more) {
    st = mst_transpose_next(t, &bucket, &more);
    if (st != MST_OK || !more) break;
    for (int64_t c = 0; c < bucket.count; c += MST_ATTACK_BLOCK) {
      for (int64_t i = 0; i < s->honest; i++)
        s->row[i] = (const float *)(const void *)bucket.row[s->vector[i].place] + c;
      visit(s, context, bucket.first + c, mst_least(MST_ATTACK_BLOCK, bucket.count - c));
    }
    for (int k = 0; k < 2 && st == MST_OK; k++)
      if (out[k] != NULL) st = mst_transpose_gather_of(t, sizeof *out[k], out[k]);
  }
  mst_transpose_destroy(t);
  return st;
}

/* The columns of a block as a member sees them, with the vectors where there is room for them. */
static mst_attack_columns see_columns(mst_attack_sight *s, int64_t first, int64_t m) {
  const mst_attackers *a = s->a;
  for (int64_t i = 0; i < s->honest && s->wide != NULL; i++)
    for (int64_t c = 0; c < m; c++) s->wide[i * MST_ATTACK_BLOCK + c] = (double)s->row[i][c];
  return (mst_attack_columns){.first = first,
                              .m = m,
                              .mean = s->mean != NULL ? s->mean + first : NULL,
                              .std = s->std != NULL ? s->std + first : NULL,
                              .honest = s->honest,
                              .row = s->at,
                              .centre = a->centre != NULL ? a->centre + first : NULL,
                              .direction = a->direction != NULL ? a->direction + first : NULL};
}

static void measure(mst_attack_sight *s, int64_t first, int64_t m) {
  const int64_t points = s->honest + 1;
  const mst_attack_columns c = see_columns(s, first, m);
  s->a->ops->point(s->spec, &c, s->wide + s->honest * MST_ATTACK_BLOCK);
  mst_space_distances_f64(points, m, s->at, s->term);
  mst_robust_pairs_add(&s->distances, points, s->term);
  for (int64_t i = 0; i < s->products.n; i++) {
    double term = 0;
    for (int64_t k = 0; k < m; k++) term += s->at[i][k] * c.direction[k];
    mst_robust_sums_add(&s->products, i, 1, &term);
  }
}

/* The point, where there is one, is made of the block's moments. */
static void visit_look(mst_attack_sight *s, const void *context, int64_t first, int64_t m) {
  (void)context;
  if (s->mean != NULL)
    mst_attack_moments_f32(s->honest, m, s->row, s->mean + first,
                           s->std != NULL ? s->std + first : s->spare);
  if (s->distance != NULL) measure(s, first, m);
}

static mst_status look(mst_attack_sight *s) {
  mst_team *team = s->a->team;
  if (s->honest == 0 || (s->mean == NULL && s->distance == NULL)) return MST_OK;
  MST_TRY(walk(s, visit_look, NULL, (double *const[2]){s->mean, s->std}));
  if (s->distance != NULL)
    MST_TRY(mst_robust_pairs_total(team, &s->distances, s->honest + 1, s->distance));
  return s->product != NULL ? mst_robust_sums_total(team, &s->products, s->product) : MST_OK;
}

mst_status mst_attack_sight_open(const mst_attackers *a, const mst_attack_spec *spec,
                                 const mst_attack_round *round, mst_attack_sight *s) {
  *s = (mst_attack_sight){.a = a, .spec = spec, .share = round->share};
  MST_TRY(gather_vectors(s, round));
  if (s->hostile == 0) return MST_OK;
  MST_TRY(mst_team_agree(a->team, make_room(s)));
  return look(s);
}

void mst_attack_sight_close(mst_attack_sight *s) {
  mst_free(s->vector);
  mst_free(s->client);
  mst_free(s->sent);
  mst_free(s->mean);
  mst_free(s->std);
  mst_free(s->distance);
  mst_free(s->product);
  mst_free(s->row);
  mst_free(s->wide);
  mst_free(s->at);
  mst_free(s->term);
  mst_robust_sums_free(&s->distances);
  mst_robust_sums_free(&s->products);
}

typedef struct lesson {
  const mst_attack_plan *plan;
  double *centre, *direction;
} lesson;

static void visit_learn(mst_attack_sight *s, const void *context, int64_t first, int64_t m) {
  const lesson *l = context;
  const mst_attack_columns c = see_columns(s, first, m);
  s->a->ops->learn(l->plan, &c, l->centre + first, l->direction + first);
}

mst_status mst_attack_sight_learn(mst_attack_sight *s, const mst_attack_plan *plan, double *centre,
                                  double *direction) {
  const lesson l = {.plan = plan, .centre = centre, .direction = direction};
  return walk(s, visit_learn, &l, (double *const[2]){centre, direction});
}

mst_status mst_attack_sight_copy(mst_attack_sight *s, int64_t i, float *out) {
  const mst_attack_vector *v = &s->vector[i];
  mst_team *team = s->a->team;
  const int64_t bytes = s->a->d * (int64_t)sizeof *out;
  if (v->holder == mst_team_rank(team))
    memcpy(out, s->sent[v->place - s->first_sent], (size_t)bytes);
  return mst_team_bcast(team, out, bytes, (int)v->holder);
}
