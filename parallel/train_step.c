/* One step: gradients of blocks added as integers, reduce-scattered, and the owners' update. With
 * options.overlap the reduce-scatter goes on while the last block's backward pass does.
 *
 * The grid. Terms of a step are rounded to multiples of 2^-shift, with
 * shift = 62 - exponent - log2(blocks), so that sums of terms up to 2^exponent cannot overflow. The
 * exponent comes from the largest term of the step before, with room for growth; a step whose
 * largest term is above it, or far below, is taken again with the exponent that it asks for. The
 * largest term of all blocks does not know the ranks, and so neither does the grid.
 * doc/methods/train.md. */
#include <math.h>
#include <string.h>

#include "comm/posted.h"
#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "parallel/train_internal.h"

#define GROWTH    8    /* binary orders by which the next step's terms may be larger ...       */
#define SHRINKAGE 16   /* ... and a grid may be coarser than its largest term asks for        */
#define PIECE     2048 /* entries converted at a time, in cache                                */

double mst_train_lr(const mst_train *t, int64_t step) {
  return t->options.optimizer.lr * mst_schedule_factor(&t->options.schedule, step, t->steps);
}

/* wide(n) = weight x(n); the largest magnitude of x and *largest, as the bits of a float: their
 * order is that of the numbers, with what is not finite above all. */
static uint32_t widen(int64_t n, const float *x, double weight, double *wide, uint32_t largest) {
  int32_t most = (int32_t)largest;
  for (int64_t i = 0; i < n; i++) {
    int32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    bits &= INT32_MAX;
    most = bits > most ? bits : most;
    wide[i] = weight * (double)x[i];
  }
  return (uint32_t)most;
}

/* A range of the gradient is final, and still in cache. */
static void add_range(void *context, int64_t first, int64_t count) {
  mst_train *t = context;
  double wide[PIECE];
  for (int64_t done = 0; done < count; done += PIECE) {
    int64_t m = mst_least(count - done, PIECE), at = first + done;
    t->largest = widen(m, t->g + at, t->weight, wide, t->largest);
    if (t->begun)
      mst_lattice_add(t->sum + at, wide, m, t->shift);
    else
      mst_lattice_from(t->sum + at, wide, m, t->shift);
  }
  if (t->posting) mst_posted_sum_post(t->posted, first);
}

void mst_train_differentiate(mst_train *t, int64_t portion, int64_t i) {
  double loss = 0;
  mst_batch batch = mst_train_rows_block(&t->rows, portion, i);
  t->weight = (double)batch.n / (double)t->options.block;
  mst_model_gradient(t->model, mst_share_at(t->w), &batch, t->work, t->g, &loss);
  t->taken += batch.n;
  t->fact[MST_TRAIN_FACTS + mst_train_rows_place(&t->rows, portion, i)] = loss;
}

static void take_block(mst_train *t, int64_t portion, int64_t i) {
  float largest = 0;
  t->largest = 0;
  mst_train_differentiate(t, portion, i);
  t->begun = true;
  memcpy(&largest, &t->largest, sizeof largest);
  double magnitude = t->weight * (double)largest;
  if (!(magnitude <= t->magnitude)) t->magnitude = isfinite(magnitude) ? magnitude : INFINITY;
}

/* This rank's blocks of a portion. Its sums are final with the last block of the last portion, and
 * are posted while that one's earlier layers go on. Local. */
static void take_blocks(mst_train *t, int64_t portion, bool last) {
  double start = mst_clock_seconds(), before = t->times.hidden;
  int64_t blocks = mst_train_rows_blocks(&t->rows, portion);
  for (int64_t i = 0; i < blocks; i++) {
    t->posting = last && i == blocks - 1 && t->posted != NULL;
    take_block(t, portion, i);
  }
  t->posting = false;
  if (t->posted != NULL) t->times.hidden = mst_posted_sum_seconds(t->posted);
  t->times.gradients += mst_clock_seconds() - start - (t->times.hidden - before);
}

/* Gradients of this rank's blocks into the sums, portion by portion. Collective. */
static mst_status take_gradients(mst_train *t, int64_t step) {
  int64_t epoch = step / t->epoch_steps, first = step % t->epoch_steps * t->options.accumulate;
  t->shift = mst_lattice_shift(t->exponent + mst_lattice_exponent((double)t->blocks));
  t->begun = false;
  t->taken = 0;
  t->magnitude = 0;
  for (int64_t b = 0; b < t->blocks; b++) t->fact[MST_TRAIN_FACTS + b] = -INFINITY;
  if (t->posted != NULL) mst_posted_sum_begin(t->posted);
  mst_model_on_gradient(t->work, add_range, t);
  mst_status st = MST_OK;
  const int64_t end = first + t->options.accumulate;
  for (int64_t q = first; q < end && st == MST_OK; q++) {
    double start = mst_clock_seconds();
    st = mst_train_rows_bring(&t->rows, epoch, q);
    t->times.rows += mst_clock_seconds() - start;
    if (st == MST_OK) take_blocks(t, q, q == end - 1);
  }
  mst_model_on_gradient(t->work, NULL, NULL);
  if (!t->begun && t->model->parameters > 0)
    memset(t->sum, 0, (size_t)t->model->parameters * sizeof *t->sum);
  return st;
}

/* Is the grid neither too small for the largest term nor far too coarse? Then the next one follows
 * from it; otherwise this step's. */
static bool fit_grid(mst_train *t, double largest) {
  if (largest == 0) return true;
  int needed = mst_lattice_exponent(largest);
  bool fits = needed <= t->exponent && needed > t->exponent - SHRINKAGE;
  t->exponent = needed + GROWTH;
  return fits;
}

mst_status mst_train_refuse_nonfinite(const mst_train *t) {
  return mst_fail(MST_ERR_NONFINITE,
                  "step %lld of %lld: the loss of the batch or its gradient is not finite; use a "
                  "smaller optimizer.lr, or set optimizer.clip or optimizer.warmup",
                  (long long)t->totals.steps + 1, (long long)t->steps);
}

/* What is left of the sums that were posted: also when this rank's terms are not finite or do not
 * fit the grid, of which the others do not know yet. Collective. */
static mst_status finish_posted(mst_train *t) {
  if (t->posted == NULL) return MST_OK;
  double start = mst_clock_seconds();
  MST_TRY(mst_posted_sum_finish(t->posted, &t->part_sum));
  t->times.sums += mst_clock_seconds() - start;
  return MST_OK;
}

/* The batch's sums on a grid that fits, and its loss. Collective. */
static mst_status sum_gradients(mst_train *t, const mst_observer *o, double *loss, bool *asked) {
  int64_t step = t->totals.steps;
  int64_t blocks =
      mst_ceil_div(mst_train_rows_of_step(&t->rows, step % t->epoch_steps), t->options.block);
  for (bool fits = false; !fits;) {
    MST_TRY(take_gradients(t, step));
    MST_TRY(finish_posted(t));
    double start = mst_clock_seconds();
    t->fact[MST_TRAIN_LARGEST] = t->magnitude;
    t->fact[MST_TRAIN_ASKED] = mst_observer_stop(o);
    MST_TRY(mst_max_f64(t->team, t->fact, MST_TRAIN_FACTS + blocks));
    t->times.wait += mst_clock_seconds() - start;
    *asked = *asked || t->fact[MST_TRAIN_ASKED] > 0;
    *loss = 0;
    for (int64_t b = 0; b < blocks; b++) *loss += t->fact[MST_TRAIN_FACTS + b];
    if (!isfinite(t->fact[MST_TRAIN_LARGEST]) || !isfinite(*loss))
      return mst_train_refuse_nonfinite(t);
    fits = fit_grid(t, t->fact[MST_TRAIN_LARGEST]);
    if (!fits) t->totals.repeated++;
  }
  return MST_OK;
}

/* A shard's numbers, to all ranks, in the vector's order. Collective. */
static mst_status gather_parts(mst_train *t, const int64_t *bytes) {
  return mst_gather_all(t->team, t->part, bytes, t->parts);
}

/* Shorten the batch's gradient to optimizer.clip. Collective. */
static mst_status clip(mst_train *t) {
  double norm = 0, longest = t->options.optimizer.clip;
  int64_t pieces = mst_optim_pieces(t->optim, true);
  if (longest <= 0) return MST_OK;
  mst_optim_squares(t->optim, t->mean, t->part);
  MST_TRY(gather_parts(t, t->piece_bytes));
  for (int64_t i = 0; i < pieces; i++) norm += t->parts[i];
  norm = sqrt(norm);
  if (!(norm > longest)) return MST_OK;
  float factor = (float)(longest / norm);
  for (int64_t i = 0; i < t->mine; i++) t->mean[i] *= factor;
  return MST_OK;
}

/* The momentum of the step, for schedules that turn it. */
static void set_momentum(mst_train *t, int64_t step) {
  const mst_schedule_spec *s = &t->options.schedule;
  const mst_schedule_ops *ops = mst_schedule_find(s->name);
  if (ops == NULL || ops->momentum == NULL) return;
  double constant = mst_optim_base_momentum(&t->options.optimizer);
  mst_optim_momentum(t->optim, mst_schedule_momentum(s, constant, step, t->steps));
}

/* The sums of this shard, from all ranks' blocks. Collective. */
static mst_status gather_sums(mst_train *t) {
  if (t->posted == NULL) {
    double start = mst_clock_seconds();
    MST_TRY(mst_sum_scatter_i64(t->team, t->sum, t->count, t->total));
    t->times.sums += mst_clock_seconds() - start;
    t->part_sum = t->total;
  }
  mst_lattice_to(t->wide, t->part_sum, t->mine, t->shift);
  return MST_OK;
}

/* This shard's part of a tensor: entries *begin .. the value, of the shard. */
static int64_t part_of(const mst_train *t, const mst_tensor *tensor, int64_t *begin) {
  *begin = mst_most(tensor->offset - t->first, 0);
  return mst_least(tensor->offset + tensor->count - t->first, t->mine);
}

/* Where the model's running statistics go, into `wide`; in their place the optimizer, its clip and
 * its norms find gradients of 0 at where training began. */
static void take_running(mst_train *t, float *w) {
  double rate = 1.0 - t->model->spec.momentum;
  int64_t begin, end;
  for (int k = 0; k < t->model->tensors; k++) {
    if (!mst_tensor_runs(&t->model->tensor[k])) continue;
    float began = t->model->tensor[k].role == MST_TENSOR_VARIANCE ? 1.0f : 0.0f;
    end = part_of(t, &t->model->tensor[k], &begin);
    for (int64_t i = begin; i < end; i++) {
      t->wide[i] = (double)w[i] - rate * (double)t->mean[i];
      w[i] = began;
      t->mean[i] = 0.0f;
    }
  }
}

static void put_running(const mst_train *t, float *w) {
  int64_t begin, end;
  for (int k = 0; k < t->model->tensors; k++) {
    if (!mst_tensor_runs(&t->model->tensor[k])) continue;
    end = part_of(t, &t->model->tensor[k], &begin);
    for (int64_t i = begin; i < end; i++) w[i] = (float)t->wide[i];
  }
}

void mst_train_copy_running(const mst_train *t, const float *w, float *to) {
  int64_t begin, end;
  for (int k = 0; k < t->model->tensors; k++) {
    if (!mst_tensor_runs(&t->model->tensor[k])) continue;
    end = part_of(t, &t->model->tensor[k], &begin);
    for (int64_t i = begin; i < end; i++) to[i] = w[i];
  }
}

/* This shard's mean gradient, `scale` times the sum, the optimizer's step on it, and all shards to
 * all. Collective. */
static mst_status update(mst_train *t, double scale) {
  int64_t step = t->totals.steps;
  double start = mst_clock_seconds();
  float *w = mst_train_shard(t, t->w);
  for (int64_t i = 0; i < t->mine; i++) t->mean[i] = (float)(scale * t->wide[i]);
  take_running(t, w);
  MST_TRY(clip(t));
  set_momentum(t, step);
  double lr = mst_train_lr(t, step);
  if (mst_optim_whole_parts(t->optim) > 0) {
    mst_optim_measure(t->optim, w, t->mean, lr, t->part);
    MST_TRY(gather_parts(t, t->part_bytes));
  }
  mst_optim_apply(t->optim, w, t->mean, lr, t->parts);
  put_running(t, w);
  if (t->options.ema > 0) mst_ema_add(&t->ema, w);
  MST_TRY(mst_share_gather(t->w, t->bytes));
  t->times.update += mst_clock_seconds() - start;
  return MST_OK;
}

static mst_status step_privately(mst_train *t, const mst_observer *o, bool *asked) {
  MST_TRY(mst_train_private_step(t, o, asked));
  if (!mst_train_private_ended(t)) MST_TRY(update(t, mst_train_private_scale(t)));
  t->totals.rows += t->rows.batch;
  t->totals.steps++;
  return MST_OK;
}

mst_status mst_train_step(mst_train *t, const mst_observer *o, bool *asked) {
  int64_t step = t->totals.steps % t->epoch_steps, rows;
  double loss = 0;
  *asked = false;
  if (t->privacy != NULL) return step_privately(t, o, asked);
  if (t->coding != NULL)
    MST_TRY(mst_train_coding_step(t, o, &loss, asked));
  else {
    MST_TRY(sum_gradients(t, o, &loss, asked));
    MST_TRY(gather_sums(t));
  }
  rows = mst_train_rows_of_step(&t->rows, step);
  MST_TRY(update(t, (double)t->options.block / (double)rows));
  t->loss_sum += loss;
  t->loss_rows += rows;
  t->totals.rows += rows;
  t->totals.steps++;
  return MST_OK;
}
