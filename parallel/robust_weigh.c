/* What is done with distances, on every rank alike: the canonical order, the mixers one after the
 * other, the rule. Nothing here sees a coordinate. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/robust_internal.h"

/* What a rule may know of the vectors behind the mixers so far; further points stand behind them.
 */
typedef struct stage {
  int64_t n, points, extra;
  double *distance; /* (points, points)                                        */
  double *sampled;  /* (samples, points, points) or NULL                       */
  double *product;  /* (points) or NULL                                        */
  double *matrix;   /* (n, points of the call) or NULL: the vectors themselves */
} stage;

static void stage_free(stage *s) {
  mst_free(s->distance);
  mst_free(s->sampled);
  mst_free(s->product);
  mst_free(s->matrix);
}

static int64_t samples_of(const mst_robust *r) {
  return r->sampled != NULL ? r->spec.iterations : 0;
}

bool mst_robust_is_ordered(const mst_robust *r) {
  if ((r->rule->needs & MST_RULE_ORDERED) != 0) return true;
  for (int i = 0; i < r->mixers; i++)
    if ((mst_mixer_find(r->mixer[i].name)->needs & MST_RULE_ORDERED) != 0) return true;
  return false;
}

enum {
  MOST_KEYS = 6 /* of a vector: weight, loss, product, three shares of signs */
};

/* key(n, count) = what is known of the vectors beside distances; returns count. */
static int64_t find_keys(const mst_robust *r, double *key) {
  const double *const list[] = {r->weight, r->loss, r->product};
  const int64_t count =
      (r->weight != NULL) + (r->loss != NULL) + (r->product != NULL) + (r->sign != NULL ? 3 : 0);
  for (int64_t i = 0; i < r->n; i++) {
    double *to = key + i * count;
    for (int k = 0; k < 3; k++)
      if (list[k] != NULL) *to++ = list[k][i];
    if (r->sign != NULL) memcpy(to, r->sign + 3 * i, 3 * sizeof *to);
  }
  return count;
}

static mst_status find_order(mst_robust *r) {
  MST_TRY(mst_alloc(&r->order, r->points, sizeof *r->order, "order of vectors"));
  for (int64_t i = 0; i < r->points; i++) r->order[i] = i;
  if (mst_robust_is_ordered(r)) return MST_OK;
  double *work = NULL;
  MST_TRY(mst_alloc(&work, (3 + MOST_KEYS) * r->n, sizeof *work, "order of vectors"));
  double *key = work + 3 * r->n;
  const int64_t keys = find_keys(r, key);
  mst_space_order(r->n, r->points, r->distance, keys, key, work, r->order);
  mst_free(work);
  return MST_OK;
}

/* to(n, width) = rows of from in the order. */
static void reorder(const mst_robust *r, int64_t n, int64_t width, const double *from, double *to) {
  for (int64_t i = 0; i < n; i++)
    memcpy(to + i * width, from + r->order[i] * width, (size_t)width * sizeof *to);
}

static void reorder_square(const mst_robust *r, const double *from, double *to) {
  int64_t p = r->points;
  for (int64_t i = 0; i < p; i++)
    for (int64_t j = 0; j < p; j++) to[i * p + j] = from[r->order[i] * p + r->order[j]];
}

/* In place, through a copy. */
static mst_status reorder_list(const mst_robust *r, int64_t width, double *list) {
  double *copy = NULL;
  if (list == NULL) return MST_OK;
  MST_TRY(mst_alloc(&copy, r->n * width, sizeof *copy, "a list in order"));
  reorder(r, r->n, width, list, copy);
  memcpy(list, copy, (size_t)(r->n * width) * sizeof *copy);
  mst_free(copy);
  return MST_OK;
}

/* The vectors as they are, in order. */
static mst_status first_stage(mst_robust *r, stage *s) {
  int64_t p = r->points, samples = samples_of(r);
  *s = (stage){.n = r->n, .points = p, .extra = p - r->n};
  MST_TRY(mst_alloc(&s->distance, p * p, sizeof *s->distance, "distances in order"));
  reorder_square(r, r->distance, s->distance);
  if (samples > 0) {
    MST_TRY(mst_alloc(&s->sampled, samples * p * p, sizeof *s->sampled, "samples in order"));
    for (int64_t t = 0; t < samples; t++)
      reorder_square(r, r->sampled + t * p * p, s->sampled + t * p * p);
  }
  if (r->product != NULL) {
    MST_TRY(mst_alloc(&s->product, p, sizeof *s->product, "inner products in order"));
    reorder(r, p, 1, r->product, s->product);
  }
  MST_TRY(reorder_list(r, 3, r->sign));
  MST_TRY(reorder_list(r, 1, r->weight));
  return reorder_list(r, 1, r->loss);
}

static mst_rule_view view_of(const mst_robust *r, const stage *s) {
  int64_t shift = s->n - r->n;
  return (mst_rule_view){.n = s->n,
                         .points = s->points,
                         .distance = s->distance,
                         .zero = r->zero < 0 ? -1 : r->zero + shift,
                         .previous = r->previous < 0 ? -1 : r->previous + shift,
                         .root = r->root < 0 ? -1 : r->root + shift,
                         .weight = r->weight,
                         .sign = r->sign,
                         .product = s->product,
                         .loss = r->loss};
}

/* to(points of the call) += factor times point `from` of a stage, in what it is made of. */
static void add_made(const mst_robust *r, const stage *s, int64_t from, double factor, double *to) {
  if (factor == 0) return;
  if (from >= s->n)
    to[r->n + from - s->n] += factor;
  else if (s->matrix == NULL)
    to[from] += factor;
  else
    for (int64_t q = 0; q < r->points; q++) to[q] += factor * s->matrix[from * r->points + q];
}

/* What the rule may know of the new vectors, from mix(k, points). */
static mst_status know_mixed(const mst_robust *r, const stage *s, const double *mix, double *work,
                             stage *to) {
  int64_t k = to->n, p = s->points, q = to->points, samples = samples_of(r);
  const int64_t zero = view_of(r, s).zero;
  MST_TRY(mst_alloc(&to->distance, q * q, sizeof *to->distance, "distances of mixed vectors"));
  mst_space_mix(s->n, p, s->distance, zero, k, mix, work, to->distance);
  if (samples > 0) {
    MST_TRY(
        mst_alloc(&to->sampled, samples * q * q, sizeof *to->sampled, "samples of mixed vectors"));
    for (int64_t t = 0; t < samples; t++)
      mst_space_mix(s->n, p, s->sampled + t * p * p, zero, k, mix, work, to->sampled + t * q * q);
  }
  if (s->product == NULL) return MST_OK;
  MST_TRY(mst_alloc(&to->product, q, sizeof *to->product, "products of mixed vectors"));
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = 0; j < p; j++) to->product[i] += mix[i * p + j] * s->product[j];
  for (int64_t e = 0; e < s->extra; e++) to->product[k + e] = s->product[s->n + e];
  return MST_OK;
}

static mst_status fill_mixed(const mst_robust *r, const mst_mixer_spec *spec, const stage *s,
                             double *mix, double *work, stage *to) {
  const mst_rule_view view = view_of(r, s);
  mst_mixer_find(spec->name)->mix(spec, &view, work, mix);
  MST_TRY(mst_alloc(&to->matrix, to->n * r->points, sizeof *to->matrix, "mixing of vectors"));
  for (int64_t i = 0; i < to->n; i++)
    for (int64_t a = 0; a < s->points; a++)
      add_made(r, s, a, mix[i * s->points + a], to->matrix + i * r->points);
  /* A rule over columns behind the last mixer looks at no distance. */
  const bool last = spec == &r->mixer[r->mixers - 1];
  return last && r->rule->weigh == NULL ? MST_OK : know_mixed(r, s, mix, work, to);
}

/* The next stage takes the place of s. */
static mst_status mix_stage(const mst_robust *r, const mst_mixer_spec *spec, stage *s) {
  int64_t k = mst_mixer_find(spec->name)->count(spec, s->n);
  stage to = {.n = k, .points = k + s->extra, .extra = s->extra};
  double *mix = NULL, *work = NULL;
  mst_status st = mst_alloc(&mix, k * s->points, sizeof *mix, "mixing of vectors");
  if (st == MST_OK) st = mst_alloc(&work, s->points, sizeof *work, "mixing of vectors");
  if (st == MST_OK) st = fill_mixed(r, spec, s, mix, work, &to);
  mst_free(mix);
  mst_free(work);
  if (st != MST_OK) {
    stage_free(&to);
    return st;
  }
  stage_free(s);
  *s = to;
  return MST_OK;
}

static mst_status mix_all(mst_robust *r, stage *s) {
  MST_TRY(find_order(r));
  MST_TRY(first_stage(r, s));
  for (int i = 0; i < r->mixers; i++) MST_TRY(mix_stage(r, &r->mixer[i], s));
  r->made = s->n;
  r->matrix = s->matrix;
  s->matrix = NULL;
  return MST_OK;
}

/* samples(samples, n, n) of a stage, whose further points the rule does not see there. */
static mst_status strip_samples(const mst_robust *r, const stage *s, double **samples) {
  int64_t n = s->n, p = s->points, count = samples_of(r);
  *samples = NULL;
  if (count == 0) return MST_OK;
  MST_TRY(mst_alloc(samples, count * n * n, sizeof **samples, "samples of columns"));
  for (int64_t t = 0; t < count; t++)
    for (int64_t i = 0; i < n; i++)
      memcpy(*samples + (t * n + i) * n, s->sampled + (t * p + i) * p,
             (size_t)n * sizeof **samples);
  return MST_OK;
}

static void share_out(mst_robust *r, const stage *s) {
  const stage made = {.n = s->n, .matrix = r->matrix};
  for (int64_t a = 0; a < s->points; a++) add_made(r, &made, a, r->chosen[a], r->share);
}

static mst_status ask_rule(mst_robust *r, const stage *s) {
  mst_rule_view view = view_of(r, s);
  double *work = NULL, *samples = NULL;
  mst_status st = strip_samples(r, s, &samples);
  view.sampled = samples;
  if (st == MST_OK)
    st = mst_alloc(&work, r->rule->work_doubles(s->n, s->points), sizeof *work, "the rule's work");
  if (st == MST_OK) st = r->rule->weigh(&r->spec, &view, work, r->chosen);
  mst_free(samples);
  mst_free(work);
  return st;
}

/* Weights of the vectors that the rule sees, and of the points. */
static mst_status find_weights(mst_robust *r, const stage *s) {
  MST_TRY(mst_alloc(&r->chosen, s->points, sizeof *r->chosen, "weights"));
  MST_TRY(mst_alloc(&r->share, r->points, sizeof *r->share, "weights"));
  if (r->rule->weigh != NULL)
    MST_TRY(ask_rule(r, s));
  else
    for (int64_t i = 0; i < s->n; i++) r->chosen[i] = 1 / (double)s->n;
  share_out(r, s);
  return MST_OK;
}

mst_status mst_robust_weigh(mst_robust *r) {
  stage s = {.n = 0};
  mst_status st = mst_team_agree(r->team, mix_all(r, &s));
  if (st == MST_OK && r->mixers > 0 && (r->rule->needs & MST_RULE_SIGNS) != 0)
    st = mst_robust_mixed_signs(r);
  if (st == MST_OK && (r->rule->weigh != NULL || mst_robust_is_sum(r)))
    st = mst_team_agree(r->team, find_weights(r, &s));
  stage_free(&s);
  return st;
}
