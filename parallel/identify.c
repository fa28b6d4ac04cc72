/* The driver of pure exploration: blocks of instances that are divided among the ranks, results
 * that all ranks hold, reports, saving. */
#include "parallel/identify.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/summary.h"
#include "core/privacy/audit.h"
#include "parallel/loop.h"

struct mst_identification {
  mst_team *team;
  mst_identify_options options;
  int64_t done;
  int64_t *pulls;  /* (seeds, M)                                     */
  int32_t *answer; /* (seeds, M, S)                                  */
  double *loss;    /* (seeds, M) 0 where undecided                   */
  int64_t *alone;  /* (seeds)                                        */
  int64_t *found;  /* (seeds)                                        */
  double *total;   /* (seeds) scratch                                */
  int64_t *packed; /* (report_every, M (2 + S) + 2) what a block came to */
};

mst_status mst_identify_check(mst_identify_options *o) {
  MST_TRY(mst_instance_check(&o->instance));
  MST_TRY(mst_identifier_check(&o->identifier, &o->instance));
  if (o->seeds < 1)
    return mst_fail(MST_ERR_INPUT, "seeds: %lld instances; there must be at least 1",
                    (long long)o->seeds);
  if ((double)o->seeds * (double)o->instance.tasks * (double)(o->instance.contexts + 2) > 0x1p50)
    return mst_fail(MST_ERR_INPUT, "seeds: %lld instances of %lld tasks are too many",
                    (long long)o->seeds, (long long)o->instance.tasks);
  if (!(o->confidence > 0 && o->confidence < 1))
    return mst_fail(MST_ERR_INPUT, "evaluate.confidence is %g; it must lie between 0 and 1",
                    o->confidence);
  if (o->report_every == 0) o->report_every = mst_ceil_div(o->seeds, 20);
  o->report_every = mst_least(o->report_every, o->seeds);
  return MST_OK;
}

static int64_t packed_of(const mst_identify_options *o) {
  return o->instance.tasks * (2 + o->instance.contexts) + 2;
}

static mst_status create(mst_identification *f) {
  MST_TRY(mst_identify_check(&f->options));
  const int64_t seeds = f->options.seeds, tasks = f->options.instance.tasks;
  MST_TRY(mst_alloc(&f->pulls, seeds * tasks, sizeof *f->pulls, "pulls"));
  MST_TRY(mst_alloc(&f->answer, seeds * tasks * f->options.instance.contexts, sizeof *f->answer,
                    "answers"));
  MST_TRY(mst_alloc(&f->loss, seeds * tasks, sizeof *f->loss, "losses"));
  MST_TRY(mst_alloc(&f->alone, seeds, sizeof *f->alone, "instances"));
  MST_TRY(mst_alloc(&f->found, seeds, sizeof *f->found, "instances"));
  MST_TRY(mst_alloc(&f->total, seeds, sizeof *f->total, "instances"));
  return mst_alloc(&f->packed, f->options.report_every * packed_of(&f->options), sizeof *f->packed,
                   "a block of instances");
}

mst_status mst_identification_create(mst_team *team, const mst_identify_options *o,
                                     mst_identification **out) {
  mst_identification *f = NULL;
  *out = NULL;
  MST_TRY(mst_team_agree(team, mst_alloc(&f, 1, sizeof *f, "pure exploration")));
  f->team = team;
  f->options = *o;
  const mst_status st = mst_team_agree(team, create(f));
  if (st == MST_OK)
    *out = f;
  else
    mst_identification_destroy(f);
  return st;
}

void mst_identification_destroy(mst_identification *f) {
  if (f == NULL) return;
  mst_free(f->pulls);
  mst_free(f->answer);
  mst_free(f->loss);
  mst_free(f->alone);
  mst_free(f->found);
  mst_free(f->total);
  mst_free(f->packed);
  mst_free(f);
}

/* One instance, into to(packed_of). */
static mst_status identify(const mst_identify_options *o, int64_t number, int64_t *pulls,
                           int32_t *answer, int64_t *to) {
  const int64_t tasks = o->instance.tasks, contexts = o->instance.contexts;
  mst_instance *instance = NULL;
  mst_identified found = {.pulls = pulls, .answer = answer};
  MST_TRY(mst_instance_create(&o->instance, o->seed + (uint64_t)number, &instance));
  const mst_status st = mst_identify(&o->identifier, instance, &found);
  for (int64_t m = 0; st == MST_OK && m < tasks; m++) {
    const double loss =
        answer[m * contexts] < 0 ? 0 : mst_instance_loss(instance, m, answer + m * contexts);
    to[m] = pulls[m];
    memcpy(to + tasks + m, &loss, sizeof loss);
  }
  for (int64_t a = 0; st == MST_OK && a < tasks * contexts; a++) to[2 * tasks + a] = answer[a];
  to[tasks * (2 + contexts)] = found.alone;
  to[tasks * (2 + contexts) + 1] = found.found;
  mst_instance_destroy(instance);
  return st;
}

static void unpack(mst_identification *f, int64_t number, const int64_t *from) {
  const int64_t tasks = f->options.instance.tasks, contexts = f->options.instance.contexts;
  for (int64_t m = 0; m < tasks; m++) {
    f->pulls[number * tasks + m] = from[m];
    memcpy(&f->loss[number * tasks + m], from + tasks + m, sizeof(double));
  }
  for (int64_t a = 0; a < tasks * contexts; a++)
    f->answer[number * tasks * contexts + a] = (int32_t)from[2 * tasks + a];
  f->alone[number] = from[tasks * (2 + contexts)];
  f->found[number] = from[tasks * (2 + contexts) + 1];
}

/* Instances [first, first + count): every rank's share; then all are everybody's. Every entry is of
 * one rank and 0 on the others, so that the sum moves bits as they are. */
static mst_status take_block(mst_identification *f, int64_t first, int64_t count,
                             const mst_observer *o) {
  const mst_identify_options *options = &f->options;
  const int64_t n = packed_of(options), tasks = options->instance.tasks;
  int64_t begin = 0, mine = 0;
  mst_status st = MST_OK;
  mst_team_share(f->team, count, &begin, &mine);
  memset(f->packed, 0, (size_t)(count * n) * sizeof *f->packed);
  for (int64_t i = begin; st == MST_OK && i < begin + mine; i++) {
    st = identify(options, first + i, f->pulls + (first + i) * tasks,
                  f->answer + (first + i) * tasks * options->instance.contexts, f->packed + i * n);
    mst_observer_step(o, 1);
  }
  MST_TRY(mst_team_agree(f->team, st));
  MST_TRY(mst_sum_i64(f->team, f->packed, count * n));
  for (int64_t i = 0; i < count; i++) unpack(f, first + i, f->packed + i * n);
  return MST_OK;
}

/* An answer is wrong when it earns this much less than the best. */
static double allowed(const mst_identify_options *o) {
  return o->identifier.epsilon > 0 ? o->identifier.epsilon : 1e-12 * o->instance.length;
}

/* Adds an instance to the counts; returns its pulls. */
static double count_instance(const mst_identification *f, int64_t number, mst_identify_totals *t) {
  const mst_identify_options *o = &f->options;
  const int64_t tasks = o->instance.tasks;
  int64_t wrong = 0, undecided = 0;
  double sum = 0;
  for (int64_t m = 0; m < tasks; m++) {
    const int64_t i = number * tasks + m;
    sum += (double)f->pulls[i];
    t->pulls_most = fmax(t->pulls_most, (double)f->pulls[i]);
    undecided += f->answer[i * o->instance.contexts] < 0;
    wrong += f->loss[i] > allowed(o);
    t->loss_most = fmax(t->loss_most, f->loss[i]);
  }
  t->undecided_tasks += undecided;
  t->wrong_tasks += wrong;
  t->undecided += undecided > 0 && wrong == 0;
  t->wrong += wrong > 0;
  t->alone += f->alone[number];
  t->pulls_found += (double)f->found[number];
  return sum;
}

mst_identify_totals mst_identification_figures(const mst_identification *f) {
  const mst_identify_options *o = &f->options;
  mst_identify_totals t = {.instances = f->done, .tasks = f->done * o->instance.tasks};
  const double n = (double)f->done;
  for (int64_t i = 0; i < f->done; i++) {
    f->total[i] = count_instance(f, i, &t);
    t.pulls += f->total[i] / n;
  }
  t.pulls_sd = mst_summary_deviation(f->total, f->done);
  mst_summary_sort(f->total, f->done);
  t.pulls_median = mst_summary_quantile(f->total, f->done, 0.5);
  t.pulls_task = t.pulls / (double)o->instance.tasks;
  t.pulls_found /= n;
  const int64_t decided = t.instances - t.undecided, tasks = t.tasks - t.undecided_tasks;
  t.error = decided > 0 ? (double)t.wrong / (double)decided : 0;
  t.error_upper = decided > 0 ? mst_proportion_upper(t.wrong, decided, 1 - o->confidence) : 1;
  t.task_error = tasks > 0 ? (double)t.wrong_tasks / (double)tasks : 0;
  return t;
}

static mst_status report(const mst_identification *f, const mst_observer *o) {
  const mst_identify_totals t = mst_identification_figures(f);
  const mst_metric metric[] = {{"pulls", t.pulls},
                               {"pulls_sd", t.pulls_sd},
                               {"error", t.error},
                               {"error_upper", t.error_upper},
                               {"undecided", (double)t.undecided}};
  if (o == NULL || o->on_round == NULL) return MST_OK;
  return o->on_round(o->context, f->done, (int)(sizeof metric / sizeof metric[0]), metric);
}

static mst_status list_state(void *context, mst_state *s) {
  mst_identification *f = context;
  MST_TRY(mst_identification_state(f, s));
  return mst_state_add(s, "found", MST_I64, 1, &f->options.seeds, f->found);
}

/* Instances after which something is due next. */
static int64_t next_stop(const mst_identification *f) {
  const mst_identify_options *o = &f->options;
  int64_t stop = mst_least(o->seeds, (f->done / o->report_every + 1) * o->report_every);
  if (o->checkpoint_every > 0)
    stop = mst_least(stop, (f->done / o->checkpoint_every + 1) * o->checkpoint_every);
  return stop;
}

mst_status mst_identification_run(mst_identification *f, const mst_observer *observer) {
  const mst_identify_options *o = &f->options;
  const mst_loop loop = {.team = f->team,
                         .context = f,
                         .list = list_state,
                         .unit = "instance",
                         .all = o->seeds,
                         .checkpoint_every = o->checkpoint_every};
  MST_TRY(mst_loop_restore(&loop, observer, &f->done));
  mst_observer_phase(observer, "instances", o->seeds - f->done, "instances");
  while (f->done < o->seeds) {
    const int64_t to = next_stop(f);
    MST_TRY(take_block(f, f->done, to - f->done, observer));
    f->done = to;
    if (mst_loop_due(to, o->seeds, o->report_every)) MST_TRY(report(f, observer));
    MST_TRY(mst_loop_look_around(&loop, observer, to, to == o->seeds));
  }
  return MST_OK;
}

mst_status mst_identification_state(mst_identification *f, mst_state *s) {
  const int64_t seeds = f->options.seeds, tasks = f->options.instance.tasks;
  const int64_t shape[] = {seeds, tasks, f->options.instance.contexts};
  MST_TRY(mst_state_add(s, "pulls", MST_I64, 2, shape, f->pulls));
  MST_TRY(mst_state_add(s, "answer", MST_I32, 3, shape, f->answer));
  MST_TRY(mst_state_add(s, "loss", MST_F64, 2, shape, f->loss));
  return mst_state_add(s, "alone", MST_I64, 1, shape, f->alone);
}

int64_t mst_identify_plan(const mst_identify_options *o) {
  const int64_t d = o->instance.dimension, cells = o->instance.arms * o->instance.contexts;
  const int64_t tasks = o->instance.tasks;
  const bool shares = o->identifier.rank > 0 && o->identifier.rank < d;
  const int64_t results = o->seeds * (tasks * (16 + 4 * o->instance.contexts) + 16);
  const int64_t tables = shares ? 8 * tasks * (2 * cells + d + d * d) + tasks * cells : 0;
  return results + 8 * o->report_every * packed_of(o) + mst_instance_bytes(&o->instance) + tables +
         8 * (3 * cells * cells + 8 * cells * d + 16 * d * d);
}
