/* Random projection: rows in blocks of one fixed size through one sgemm shape.
 *
 * A BLAS promises nothing about the bits of a row under another position in the block: OpenBLAS's
 * Haswell kernel, for one, takes twelve rows at a time and adds the later six in another order. So
 * the first use multiplies blocks of equal rows and keeps the largest block in which all results
 * are equal; a block of one row always passes. */
#include "core/features/projection.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"

/* Multiples of the row unrolling of the known sgemm kernels, tried in this order. */
static const int64_t block_sizes[] = {96, 8, 4, 1};
enum {
  BLOCK_ROWS = 96
};

mst_status mst_projection_create(mst_projection *p, int64_t inputs, int64_t outputs) {
  memset(p, 0, sizeof *p);
  if (outputs < 1 || outputs > INT32_MAX || inputs > INT32_MAX)
    return mst_fail(MST_ERR_INPUT, "features.count is %lld; choose at least 1 feature",
                    (long long)outputs);
  p->inputs = inputs;
  p->outputs = outputs;
  mst_status status =
      mst_alloc(&p->weights, inputs * outputs, sizeof *p->weights, "random feature weights");
  if (status == MST_OK)
    status = mst_alloc(&p->bias, outputs, sizeof *p->bias, "random feature bias");
  if (status == MST_OK)
    status = mst_alloc(&p->rows, BLOCK_ROWS * inputs, sizeof *p->rows, "random feature rows");
  if (status == MST_OK)
    status =
        mst_alloc(&p->product, BLOCK_ROWS * outputs, sizeof *p->product, "random feature block");
  return status;
}

void mst_projection_destroy(mst_projection *p) {
  mst_free(p->weights);
  mst_free(p->bias);
  mst_free(p->rows);
  mst_free(p->product);
}

void mst_projection_draw(mst_projection *p, mst_stream *stream, double deviation) {
  for (int64_t i = 0; i < p->inputs * p->outputs; i++)
    p->weights[i] = (float)(deviation * mst_stream_normal(stream));
}

mst_status mst_projection_parameters(mst_projection *p, mst_state *state) {
  MST_TRY(mst_state_add(state, "features/weights", MST_F32, 2,
                        (const int64_t[]){p->inputs, p->outputs}, p->weights));
  return mst_state_add(state, "features/bias", MST_F32, 1, (const int64_t[]){p->outputs}, p->bias);
}

static void multiply(const mst_projection *p, const float *rows, int64_t n, float *out) {
  mst_sgemm(false, false, n, p->outputs, p->inputs, 1.0f, rows, p->inputs, p->weights, p->outputs,
            0.0f, out, p->outputs);
}

/* Whether equal rows of a block give equal bits with these weights on this CPU. */
static bool rows_are_alike(mst_projection *p, int64_t block) {
  multiply(p, p->rows, block, p->product);
  for (int64_t r = 1; r < block; r++)
    if (memcmp(p->product + r * p->outputs, p->product, (size_t)p->outputs * sizeof *p->product) !=
        0)
      return false;
  return true;
}

static int64_t choose_block(mst_projection *p) {
  mst_stream stream = mst_stream_of(mst_key_make(0, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < p->inputs; i++) p->rows[i] = (float)(mst_stream_uniform(&stream) - 0.5);
  for (int64_t r = 1; r < BLOCK_ROWS; r++)
    memcpy(p->rows + r * p->inputs, p->rows, (size_t)p->inputs * sizeof *p->rows);
  int i = 0;
  while (block_sizes[i] > 1 && !rows_are_alike(p, block_sizes[i])) i++;
  return block_sizes[i];
}

void mst_projection_apply(mst_projection *p, const float *rows, int64_t n, float *out) {
  if (p->block == 0) p->block = choose_block(p);
  int64_t whole = n - n % p->block, rest = n - whole;
  for (int64_t i = 0; i < whole; i += p->block)
    multiply(p, rows + i * p->inputs, p->block, out + i * p->outputs);
  if (rest == 0) return;
  /* The block is filled up with what the scratch holds: other rows do not matter. */
  memcpy(p->rows, rows + whole * p->inputs, (size_t)(rest * p->inputs) * sizeof *p->rows);
  multiply(p, p->rows, p->block, p->product);
  memcpy(out + whole * p->outputs, p->product, (size_t)(rest * p->outputs) * sizeof *out);
}
