/* Before the first pass: the ranks agree on what they are asked, on what the rule needs besides,
 * and on which vectors are left out. Everything that could go wrong on one rank alone is agreed on
 * before the next step; what is found in gathered data is the same on every rank. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/digest.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/robust/space.h"
#include "parallel/robust_internal.h"

#define FINGERPRINT_DIGITS 15 /* of a digest in hexadecimal: 60 bits */

static void add_word(mst_digest *d, const char *word) {
  int64_t n = word != NULL ? (int64_t)strlen(word) : -1;
  mst_digest_number(d, n);
  if (n > 0) mst_digest_add(d, word, n);
}

/* Of all that must agree on the ranks but the number of columns. */
static int64_t fingerprint(const mst_robust_call *c) {
  const mst_rule_spec *s = &c->r.spec;
  const mst_robust_options *o = c->options;
  const double real[] = {s->nu,     s->tolerance, s->tau,   s->fraction,
                         s->filter, s->lower,     s->upper, s->rho};
  const int64_t whole[] = {s->byzantine,        s->select,       s->centre, s->iterations,
                           (int64_t)s->seed,    s->round,        o->mixers, o->root != NULL,
                           o->previous != NULL, o->bucket_bytes, c->r.wide, o->share != NULL};
  mst_digest d;
  char hex[MST_DIGEST_HEX];
  mst_digest_start(&d);
  add_word(&d, s->name);
  add_word(&d, s->neighbours);
  add_word(&d, s->nearest);
  mst_digest_add(&d, real, sizeof real);
  mst_digest_add(&d, whole, sizeof whole);
  for (int i = 0; i < o->mixers; i++) {
    const mst_mixer_spec *m = &o->mixer[i];
    add_word(&d, m->name);
    mst_digest_add(&d, &m->bound, sizeof m->bound);
    mst_digest_add(&d, (int64_t[]){m->byzantine, m->size, (int64_t)m->seed, m->round},
                   4 * (int64_t)sizeof(int64_t));
  }
  mst_digest_hex(&d, hex);
  hex[FINGERPRINT_DIGITS] = '\0';
  return (int64_t)strtoll(hex, NULL, 16);
}

static mst_status check_arguments(const mst_robust_call *c, const void *out) {
  const mst_robust_options *o = c->options;
  if (c->n_mine < 0 || c->r.d < 1)
    return mst_fail(MST_ERR_INPUT,
                    "%" PRId64 " vectors of %" PRId64
                    " entries: give 0 vectors or more, of at least one entry",
                    c->n_mine, c->r.d);
  if ((c->vectors == NULL && c->row == NULL && c->n_mine > 0) || out == NULL)
    return mst_fail(MST_ERR_INPUT, "%s is NULL", out == NULL ? "the result" : "the vectors");
  if (o->mixers < 0 || (o->mixers > 0 && o->mixer == NULL) || o->bucket_bytes < 0)
    return mst_fail(MST_ERR_INPUT, "%d mixers, %" PRId64 " bytes of a bucket: give 0 or more",
                    o->mixers, o->bucket_bytes);
  return MST_OK;
}

static mst_status exchange_heads(mst_robust_call *c) {
  mst_team *team = c->r.team;
  int p = mst_team_size(team);
  int64_t *bytes = NULL;
  mst_status st = mst_alloc(&c->head, p, sizeof *c->head, "sizes on the ranks");
  if (st == MST_OK) st = mst_alloc(&bytes, p, sizeof *bytes, "sizes on the ranks");
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    const mst_robust_head mine = {.n = c->n_mine,
                                  .d = c->r.d,
                                  .asked = fingerprint(c),
                                  .weights = c->options->weight != NULL,
                                  .losses = c->options->loss != NULL,
                                  .clients = c->options->client != NULL};
    for (int r = 0; r < p; r++) bytes[r] = sizeof mine;
    st = mst_gather_all(team, &mine, bytes, c->head);
  }
  mst_free(bytes);
  return st;
}

/* The same on every rank, from the same heads. */
static mst_status check_heads(mst_robust_call *c) {
  int p = mst_team_size(c->r.team);
  const mst_robust_head *h = c->head;
  for (int r = 0; r < p; r++) {
    if (h[r].d != h[0].d)
      return mst_fail(MST_ERR_INPUT,
                      "the vectors of rank %d have %" PRId64 " entries, those of rank 0 %" PRId64
                      ": all must have as many",
                      r, h[r].d, h[0].d);
    if (h[r].asked != h[0].asked)
      return mst_fail(MST_ERR_INPUT,
                      "rank %d asks for another rule, or other settings or options, "
                      "than rank 0: all must ask for the same",
                      r);
    if (r == mst_team_rank(c->r.team)) c->r.first_mine = c->n;
    c->n += h[r].n;
  }
  return MST_OK;
}

/* all(n) = one number of 8 bytes for each vector, of all ranks in their order; *all stays NULL when
 * no rank gives any. */
static mst_status gather_values(mst_robust_call *c, const char *what, size_t given,
                                const void *mine, void **all) {
  int p = mst_team_size(c->r.team), givers = 0, lacking = -1;
  const int64_t each = sizeof(double);
  int64_t *bytes = NULL;
  for (int r = 0; r < p; r++) {
    bool has = *(const int64_t *)(const void *)((const char *)&c->head[r] + given) != 0;
    givers += has && c->head[r].n > 0;
    if (!has && c->head[r].n > 0) lacking = r;
  }
  if (givers == 0) return MST_OK;
  if (lacking >= 0)
    return mst_fail(MST_ERR_INPUT, "rank %d gives no %s, another rank does", lacking, what);
  mst_status st = mst_alloc(&bytes, p, sizeof *bytes, what);
  if (st == MST_OK) st = mst_alloc(all, c->n, (size_t)each, what);
  st = mst_team_agree(c->r.team, st);
  for (int r = 0; r < p && st == MST_OK; r++) bytes[r] = c->head[r].n * each;
  if (st == MST_OK) st = mst_gather_all(c->r.team, mine, bytes, *all);
  mst_free(bytes);
  return st;
}

typedef struct numbered {
  int64_t client, place;
} numbered;

static int compare_clients(const void *a, const void *b) {
  const numbered *x = a, *y = b;
  return (x->client > y->client) - (x->client < y->client);
}

/* place_number(n) from the clients of all vectors, which are in the order of the ranks. */
static mst_status sort_clients(mst_robust_call *c, const int64_t *client) {
  numbered *sorted = NULL;
  mst_status st = mst_alloc(&sorted, c->n, sizeof *sorted, "numbers of clients");
  st = mst_team_agree(c->r.team, st);
  for (int64_t k = 0; k < c->n && st == MST_OK; k++) {
    sorted[k] = (numbered){client[k], k};
    if (client[k] < 0)
      st = mst_fail(MST_ERR_INPUT,
                    "vector %" PRId64 " is of client %" PRId64 "; numbers of clients are 0 or more",
                    k, client[k]);
  }
  if (st == MST_OK) qsort(sorted, (size_t)c->n, sizeof *sorted, compare_clients);
  for (int64_t i = 0; i < c->n && st == MST_OK; i++) {
    if (i > 0 && sorted[i].client == sorted[i - 1].client)
      st = mst_fail(MST_ERR_INPUT, "two vectors are of client %" PRId64 "; a client has one",
                    sorted[i].client);
    else
      c->place_number[sorted[i].place] = i;
  }
  mst_free(sorted);
  return st;
}

/* The number of each vector: its client's place among the clients, or its own in the order of the
 * ranks. */
static mst_status find_numbers(mst_robust_call *c) {
  void *client = NULL;
  mst_status st = mst_alloc(&c->place_number, c->n, sizeof *c->place_number, "numbers of vectors");
  MST_TRY(mst_team_agree(c->r.team, st));
  for (int64_t k = 0; k < c->n; k++) c->place_number[k] = k;
  st = gather_values(c, "numbers of clients", offsetof(mst_robust_head, clients),
                     c->options->client, &client);
  if (st == MST_OK && client != NULL) st = sort_clients(c, client);
  mst_free(client);
  return st;
}

/* Likewise one double for each vector, by its number. */
static mst_status gather_doubles(mst_robust_call *c, const char *what, size_t given,
                                 const double *mine, double **all) {
  void *raw = NULL;
  mst_status st = gather_values(c, what, given, mine, &raw);
  if (st == MST_OK && raw != NULL)
    st = mst_team_agree(c->r.team, mst_alloc(all, c->n, sizeof **all, what));
  for (int64_t k = 0; k < c->n && st == MST_OK && raw != NULL; k++)
    (*all)[c->place_number[k]] = ((const double *)raw)[k];
  mst_free(raw);
  return st;
}

static const char *row_at(const mst_robust_call *c, int64_t i) {
  return c->row != NULL ? (const char *)c->row[i] : c->vectors + i * c->r.d * c->r.element;
}

static bool usable(const mst_robust_call *c, const void *row, int64_t d) {
  return c->r.wide ? mst_lattice_magnitude(row, d) <= (double)FLT_MAX
                   : mst_space_finite_f32(d, row);
}

/* Whether the first pass, over all columns, will show that some vector is not finite: a float32
 * vector's distances are finite unless it, or the other, is not. */
static bool shows_later(const mst_robust_call *c) {
  return !c->scan && !c->r.wide && c->n > 1 && (c->r.rule->weigh != NULL || c->r.mixers > 0);
}

/* Which vectors are left out, on every rank. */
static mst_status find_excluded(mst_robust_call *c) {
  int p = mst_team_size(c->r.team);
  int64_t *bytes = NULL;
  uint8_t *found = NULL; /* (n) in the order of the ranks */
  mst_status st = mst_alloc(&bytes, p, sizeof *bytes, "vectors that are left out");
  if (st == MST_OK) st = mst_alloc(&c->out, c->n, 1, "vectors that are left out");
  if (st == MST_OK) st = mst_alloc(&found, c->n, 1, "vectors that are left out");
  st = mst_team_agree(c->r.team, st);
  if (st == MST_OK) {
    for (int64_t i = 0; i < c->n_mine && !shows_later(c); i++)
      found[c->r.first_mine + i] = !usable(c, row_at(c, i), c->r.d);
    for (int r = 0; r < p; r++) bytes[r] = c->head[r].n;
    st = mst_gather_all(c->r.team, found + c->r.first_mine, bytes, found);
  }
  for (int64_t k = 0; k < c->n && st == MST_OK; k++) c->out[c->place_number[k]] = found[k];
  mst_free(found);
  mst_free(bytes);
  if (st != MST_OK) return st;
  for (int64_t i = 0; i < c->n; i++) {
    if (c->loss != NULL && !isfinite(c->loss[i])) c->out[i] = 1;
    c->excluded += c->out[i];
  }
  return MST_OK;
}

/* Vectors that the mixers make of n. */
static int64_t count_made(const mst_robust *r, int64_t n) {
  for (int i = 0; i < r->mixers; i++) n = mst_mixer_find(r->mixer[i].name)->count(&r->mixer[i], n);
  return n;
}

/* What the rule lacks, and what it would not look at. */
static mst_status check_given(const mst_robust_call *c) {
  const char *name = c->r.spec.name;
  int needs = c->r.rule->needs;
  bool root = c->options->root != NULL;
  if ((needs & MST_RULE_ROOT) != 0 && !root)
    return mst_fail(MST_ERR_INPUT, "%s needs a trusted vector, which is missing", name);
  if ((needs & MST_RULE_ROOT) == 0 && root)
    return mst_fail(MST_ERR_INPUT, "%s takes no trusted vector", name);
  if ((needs & MST_RULE_LOSSES) != 0 && c->loss == NULL)
    return mst_fail(MST_ERR_INPUT, "%s needs a trusted loss for each vector, which are missing",
                    name);
  if ((needs & MST_RULE_LOSSES) == 0 && c->loss != NULL)
    return mst_fail(MST_ERR_INPUT, "%s takes no losses", name);
  if ((needs & MST_RULE_WEIGHTS) == 0 && c->weight != NULL)
    return mst_fail(MST_ERR_INPUT,
                    "%s takes no weights of clients: it would not mean the same with "
                    "them",
                    name);
  for (int64_t i = 0; c->weight != NULL && i < c->n; i++)
    if (!(isfinite(c->weight[i]) && c->weight[i] > 0))
      return mst_fail(MST_ERR_INPUT, "the weight of vector %" PRId64 " is %g; weights are positive",
                      i, c->weight[i]);
  if (c->r.mixers > 0 && (c->weight != NULL || c->loss != NULL))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "%s of clients behind mixer %s: the vectors are then no "
                    "longer the clients'",
                    c->weight != NULL ? "weights" : "losses", c->r.mixer[0].name);
  return MST_OK;
}

/* f, centre and select among the vectors that are left. */
static mst_status lower(mst_robust_call *c) {
  mst_robust *r = &c->r;
  if (c->excluded == 0) return MST_OK;
  if (c->excluded == c->n)
    return mst_fail(MST_ERR_NONFINITE, "none of the %" PRId64 " vectors is finite", c->n);
  r->spec.byzantine = mst_most(0, r->spec.byzantine - c->excluded);
  for (int i = 0; i < r->mixers; i++)
    r->mixer[i].byzantine = mst_most(0, r->mixer[i].byzantine - c->excluded);
  r->spec.select = mst_least(r->spec.select, count_made(r, c->n - c->excluded));
  if (mst_robust_has_centre(r->rule)) {
    int64_t before = 0;
    for (int64_t i = 0; i < r->spec.centre; i++) before += c->out[i];
    if (c->out[r->spec.centre])
      return mst_fail(MST_ERR_NONFINITE,
                      "vector %" PRId64
                      ", whose neighbours are asked for, is not "
                      "finite",
                      r->spec.centre);
    r->spec.centre -= before;
  }
  mst_status st = mst_aggregate_check(&r->spec, r->mixer, r->mixers, c->n - c->excluded);
  return st == MST_OK
             ? MST_OK
             : mst_fail_within(
                   st, "without the %" PRId64 " of %" PRId64 " vectors that are not finite: ",
                   c->excluded, c->n);
}

static mst_status keep(double *all, const mst_robust_call *c, double **kept) {
  if (all == NULL) return MST_OK;
  MST_TRY(mst_alloc(kept, c->r.n, sizeof **kept, "values of vectors"));
  for (int64_t i = 0; i < c->r.n; i++) (*kept)[i] = all[c->r.number[i]];
  return MST_OK;
}

/* The vectors that take part, numbered anew, and where they are. */
static mst_status number_vectors(mst_robust_call *c) {
  mst_robust *r = &c->r;
  const int64_t first = r->first_mine;
  int64_t *kept = NULL; /* (n) number among those that are kept */
  r->n = c->n - c->excluded;
  r->made = r->n;
  r->first_mine = 0;
  MST_TRY(mst_alloc(&r->number, r->n, sizeof *r->number, "numbers of vectors"));
  MST_TRY(mst_alloc(&r->by_rank, r->n, sizeof *r->by_rank, "numbers of vectors"));
  MST_TRY(mst_alloc(&r->mine, c->n_mine, sizeof *r->mine, "addresses of vectors"));
  MST_TRY(mst_alloc(&kept, c->n, sizeof *kept, "numbers of vectors"));
  for (int64_t i = 0, at = 0; i < c->n; i++) {
    kept[i] = at;
    if (!c->out[i]) r->number[at++] = i;
  }
  for (int64_t k = 0, at = 0; k < c->n; k++) {
    const int64_t number = c->place_number[k];
    if (c->out[number]) continue;
    r->by_rank[at++] = kept[number];
    if (k < first) r->first_mine++;
    if (k >= first && k < first + c->n_mine) r->mine[r->n_mine++] = row_at(c, k - first);
  }
  mst_free(kept);
  MST_TRY(keep(c->weight, c, &r->weight));
  return keep(c->loss, c, &r->loss);
}

static int64_t add_point(mst_robust *r, const void *at) {
  r->extra[r->points - r->n] = at;
  return r->points++;
}

static void number_points(mst_robust_call *c) {
  mst_robust *r = &c->r;
  int needs = r->rule->needs;
  for (int i = 0; i < r->mixers; i++) needs |= mst_mixer_find(r->mixer[i].name)->needs;
  r->points = r->n;
  r->zero = r->previous = r->root = -1;
  if ((needs & MST_RULE_ZERO) != 0) r->zero = add_point(r, NULL);
  if ((needs & MST_RULE_PREVIOUS) != 0) r->previous = add_point(r, c->options->previous);
  if ((needs & MST_RULE_ROOT) != 0) r->root = add_point(r, c->options->root);
}

/* Further points are finite; each rank looks at its share of them. */
static mst_status check_points(const mst_robust_call *c) {
  const mst_robust *r = &c->r;
  int64_t first = 0, count = 0;
  mst_team_share(r->team, r->d, &first, &count);
  for (int64_t i = r->n; i < r->points; i++) {
    const char *at = r->extra[i - r->n];
    if (at != NULL && !usable(c, at + first * r->element, count))
      return mst_fail(MST_ERR_NONFINITE, "%s is not finite",
                      i == r->root ? "the trusted vector" : "the last result");
  }
  return MST_OK;
}

static mst_status copy_mixers(mst_robust_call *c) {
  int n = c->options->mixers;
  MST_TRY(mst_alloc(&c->r.mixer, n, sizeof *c->r.mixer, "mixers"));
  if (n > 0) memcpy(c->r.mixer, c->options->mixer, (size_t)n * sizeof *c->r.mixer);
  c->r.mixers = n;
  return MST_OK;
}

mst_status mst_robust_prepare(mst_robust_call *c, const mst_rule_spec *rule, const void *out) {
  mst_robust *r = &c->r;
  mst_status st = rule != NULL ? MST_OK : mst_fail(MST_ERR_INPUT, "no rule is given");
  if (st == MST_OK) r->spec = *rule;
  if (st == MST_OK) st = check_arguments(c, out);
  if (st == MST_OK) st = copy_mixers(c);
  MST_TRY(mst_team_agree(r->team, st));
  MST_TRY(exchange_heads(c));
  MST_TRY(check_heads(c));
  MST_TRY(mst_aggregate_check(&r->spec, r->mixer, r->mixers, c->n));
  r->rule = mst_rule_find(r->spec.name);
  MST_TRY(find_numbers(c));
  MST_TRY(gather_doubles(c, "weights", offsetof(mst_robust_head, weights), c->options->weight,
                         &c->weight));
  MST_TRY(
      gather_doubles(c, "losses", offsetof(mst_robust_head, losses), c->options->loss, &c->loss));
  MST_TRY(check_given(c));
  MST_TRY(find_excluded(c));
  MST_TRY(lower(c));
  MST_TRY(mst_team_agree(r->team, number_vectors(c)));
  number_points(c);
  return mst_team_agree(r->team, check_points(c));
}
