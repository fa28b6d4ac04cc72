/* DouExpDes (Du, Huang, Sun 2023): two designs. In every phase one for all tasks finds the subspace
 * that their hidden vectors share, as accurately as the phase needs; then a second one, of only k
 * dimensions, eliminates arms of every task. Estimates that do not fit into any such subspace end
 * that: from then on each task goes on alone in all dimensions. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/identify/member.h"
#include "core/identify/recover.h"
#include "core/linalg/blas.h"

#define PHASES 60
#define NOISE  0.75 /* of a phase's accuracy; the rest is for the subspace's error */
#define ROUND  1.1  /* what a design's gap, and rounding pulls up, may add         */

typedef struct identification {
  const mst_identifier_spec *spec;
  mst_instance *instance;
  mst_identified *out;
  mst_recovery recovery;
  mst_elimination elimination;
  bool *keep;    /* (M, K) */
  double *basis; /* (k, d) */
  double *z;     /* (K, k) */
  bool out_of;
} identification;

static mst_status allocate(identification *p) {
  const mst_instance_spec *s = &p->instance->spec;
  const int64_t k = p->spec->rank;
  MST_TRY(mst_alloc(&p->keep, s->tasks * s->arms, sizeof *p->keep, "arms that are left"));
  MST_TRY(mst_alloc(&p->basis, k * s->dimension, sizeof(double), "a subspace"));
  MST_TRY(mst_alloc(&p->z, s->arms * k, sizeof(double), "arms in a subspace"));
  for (int64_t a = 0; a < s->tasks * s->arms; a++) p->keep[a] = true;
  p->recovery = (mst_recovery){.instance = p->instance,
                               .rank = k,
                               .constant = p->spec->constant,
                               .delta = p->spec->delta / 2,
                               .most = p->spec->most};
  p->elimination = (mst_elimination){.instance = p->instance,
                                     .width = k,
                                     .z = p->z,
                                     .delta = p->spec->delta / 2 / (double)s->tasks,
                                     .share = NOISE,
                                     .most = p->spec->most};
  MST_TRY(mst_recovery_start(&p->recovery));
  return mst_elimination_start(&p->elimination);
}

static mst_status go_alone(identification *p) {
  const mst_elimination before = p->elimination;
  p->out->alone = true;
  mst_elimination_end(&p->elimination);
  p->elimination = (mst_elimination){.instance = p->instance,
                                     .width = p->instance->spec.dimension,
                                     .z = p->instance->x,
                                     .delta = before.delta,
                                     .share = 1,
                                     .most = before.most};
  return mst_elimination_start(&p->elimination);
}

/* What lies outside the subspace, up to b of any mean, moves a difference of estimates by at most b
 * (N y'A^-1 y)^(1/2), and the difference itself by 2 b; N y'A^-1 y is at most 4 k (1 + gap) for the
 * best design, since differences of arms are. */
static mst_status find_subspace(identification *p, int64_t t) {
  const mst_instance *i = p->instance;
  const int64_t d = i->spec.dimension, k = p->spec->rank;
  const double accuracy = (1 - NOISE) * mst_elimination_accuracy(i, t);
  const double within = accuracy / (2 + sqrt(4 * ROUND * ROUND * (double)k));
  bool shared = true;
  MST_TRY(mst_recovery_find(&p->recovery, within, p->out->pulls, p->basis, &p->out_of, &shared));
  p->out->found = p->recovery.pulls;
  if (p->out_of) return MST_OK;
  if (!shared) return go_alone(p);
  mst_gemm(false, true, i->spec.arms, k, d, 1, i->x, d, p->basis, d, 0, p->z, k);
  p->elimination.known = false;
  return MST_OK;
}

static mst_status eliminate(identification *p, int64_t t, bool *open) {
  const int64_t n = p->instance->spec.arms;
  *open = false;
  for (int64_t m = 0; m < p->instance->spec.tasks; m++) {
    bool out_of = false, *keep = p->keep + m * n;
    if (p->out->answer[m] >= 0) continue;
    MST_TRY(mst_elimination_phase(&p->elimination, m, t, keep, &p->out->pulls[m], &out_of));
    p->out->answer[m] = mst_identify_left(n, keep);
    *open = *open || (p->out->answer[m] < 0 && !out_of);
  }
  return MST_OK;
}

static mst_status run_phases(identification *p) {
  bool open = true;
  for (int64_t t = 1; open && t <= PHASES; t++) {
    if (!p->out->alone) MST_TRY(find_subspace(p, t));
    if (p->out_of) return MST_OK;
    MST_TRY(eliminate(p, t, &open));
  }
  return MST_OK;
}

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  if (s->rank == i->spec.dimension) {
    mst_elimination e = {.instance = i,
                         .width = s->rank,
                         .z = i->x,
                         .delta = s->delta / (double)i->spec.tasks,
                         .share = 1,
                         .most = s->most};
    return mst_elimination_run(&e, out);
  }
  identification p = {.spec = s, .instance = i, .out = out};
  mst_status st = allocate(&p);
  if (st == MST_OK) st = run_phases(&p);
  mst_recovery_end(&p.recovery);
  mst_elimination_end(&p.elimination);
  mst_free(p.keep);
  mst_free(p.basis);
  mst_free(p.z);
  return st;
}

static const mst_param params[] = {MST_IDENTIFY_RANK, MST_IDENTIFY_CONSTANT, {.name = NULL}};

const mst_identifier_ops mst_identifier_douexpdes = {
    .name = "douexpdes",
    .summary = "find the subspace that tasks share, then eliminate within it (DouExpDes)",
    .params = params,
    .run = run,
};
