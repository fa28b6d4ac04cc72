/* The call: what is asked is prepared, then one pass or two, then the report. */
#include "parallel/robust.h"

#include "core/base/memory.h"
#include "parallel/robust_internal.h"

static const mst_robust_options no_options = {.mixer = NULL};

void mst_robust_report_clear(mst_robust_report *report) {
  mst_free(report->excluded_row);
  mst_free(report->weight);
  *report = (mst_robust_report){.rule = NULL};
}

static mst_status fill_report(const mst_robust_call *c, mst_robust_report *report) {
  const mst_robust *r = &c->r;
  *report = (mst_robust_report){.rule = r->rule->name,
                                .n = c->n,
                                .byzantine = r->spec.byzantine,
                                .excluded = c->excluded,
                                .vector_bytes = c->n * r->d * r->element};
  MST_TRY(mst_alloc(&report->excluded_row, c->excluded, sizeof *report->excluded_row,
                    "vectors that were left out"));
  for (int64_t i = 0, at = 0; i < c->n; i++)
    if (c->out[i]) report->excluded_row[at++] = i;
  if (r->share == NULL) return MST_OK;
  MST_TRY(mst_alloc(&report->weight, c->n, sizeof *report->weight, "weights of vectors"));
  for (int64_t i = 0; i < r->n; i++) report->weight[r->number[r->order[i]]] = r->share[i];
  return MST_OK;
}

/* A rule over columns by itself needs neither distances nor an order. */
static mst_status run(mst_robust_call *c, void *out) {
  mst_robust *r = &c->r;
  if (r->rule->weigh != NULL || r->mixers > 0) {
    MST_TRY(mst_robust_measure(r));
    if (r->spoiled) return MST_OK;
    MST_TRY(mst_robust_weigh(r));
  }
  return mst_robust_combine(r, out);
}

static void clear_call(mst_robust_call *c) {
  mst_robust *r = &c->r;
  void *const array[] = {c->head,  c->place_number, c->out,     c->weight,       c->loss,
                         r->mixer, r->number,       r->by_rank, (void *)r->mine, r->weight,
                         r->loss,  r->distance,     r->sampled, r->sign,         r->product,
                         r->order, r->matrix,       r->chosen,  r->share};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
}

static mst_status aggregate(mst_robust_call *c, const mst_rule_spec *rule, void *out,
                            mst_robust_report *report) {
  mst_robust_report made = {.rule = NULL};
  const mst_robust_call asked = *c;
  mst_status st = mst_robust_prepare(c, rule, out);
  if (st == MST_OK) st = run(c, out);
  if (st == MST_OK && c->r.spoiled) { /* rare: so entries are looked at now, not always */
    clear_call(c);
    *c = asked;
    c->scan = true;
    st = mst_robust_prepare(c, rule, out);
    if (st == MST_OK) st = run(c, out);
  }
  if (st == MST_OK) /* some ranks may want no report */
    st = mst_team_agree(c->r.team, report != NULL ? fill_report(c, &made) : MST_OK);
  if (st != MST_OK) mst_robust_report_clear(&made);
  if (report != NULL) *report = made;
  clear_call(c);
  return st;
}

static mst_robust_call call_f32(mst_team *team, const mst_robust_options *options, int64_t n_mine,
                                int64_t d) {
  return (mst_robust_call){.r = {.team = team,
                                 .d = d,
                                 .element = sizeof(float),
                                 .bucket_bytes = options->bucket_bytes,
                                 .memory = options->share},
                           .options = options,
                           .n_mine = n_mine};
}

mst_status mst_aggregate(mst_team *team, const mst_rule_spec *rule,
                         const mst_robust_options *options, int64_t n_mine, int64_t d,
                         const float *my_vectors, float *out, mst_robust_report *report) {
  mst_robust_call c = call_f32(team, options != NULL ? options : &no_options, n_mine, d);
  c.vectors = (const char *)my_vectors;
  return aggregate(&c, rule, out, report);
}

mst_status mst_aggregate_rows(mst_team *team, const mst_rule_spec *rule,
                              const mst_robust_options *options, int64_t n_mine, int64_t d,
                              const float *const *row, float *out, mst_robust_report *report) {
  mst_robust_call c = call_f32(team, options != NULL ? options : &no_options, n_mine, d);
  c.row = (const void *const *)row;
  return aggregate(&c, rule, out, report);
}

mst_status mst_aggregate_f64(mst_team *team, const mst_rule_spec *rule,
                             const mst_robust_options *options, int64_t n_mine, int64_t d,
                             const double *my_vectors, double *out, mst_robust_report *report) {
  if (options == NULL) options = &no_options;
  mst_robust_call c = {.r = {.team = team,
                             .d = d,
                             .element = sizeof *out,
                             .wide = true,
                             .bucket_bytes = options->bucket_bytes,
                             .memory = options->share},
                       .options = options,
                       .vectors = (const char *)my_vectors,
                       .n_mine = n_mine};
  return aggregate(&c, rule, out, report);
}
