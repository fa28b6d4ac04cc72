/* Exact samplers of the discrete Gaussian and the discrete Laplace law on the integers:
 *
 *     P(x) ~ exp(-x^2 / (2 sigma^2)),   P(x) ~ exp(-|x| / scale).
 *
 * The laws of Canonne, Kamath and Steinke (2020), who sample them by Bernoulli trials in rational
 * arithmetic; here a table proposes and one comparison accepts, as exactly and some twenty times as
 * fast: proposals have probabilities that are whole multiples of 2^-13 (the tail: of negative
 * powers of two), and acceptance compares a uniform number with exp(-t), t rational, bit by bit as
 * far as it takes (core/privacy/exact.h). The proof is in doc/methods/mechanisms.md.
 *
 * Safe at the level of bits: whole numbers, exact law. Not in constant time. All functions are
 * Local. */
#ifndef MST_CORE_PRIVACY_DISCRETE_H
#define MST_CORE_PRIVACY_DISCRETE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/noise.h"

#define MST_DISCRETE_SLOTS     8192
#define MST_DISCRETE_CELLS     256
#define MST_DISCRETE_SCALE_MIN 0x1p-10
#define MST_DISCRETE_SCALE_MAX 0x1p48

/* 2^bits whole numbers from `start` on, whose proposals take n slots. */
typedef struct mst_discrete_cell {
  int64_t start;
  uint64_t sure; /* a uniform number (times 2^64) below this accepts every number of the cell */
  uint64_t n;
} mst_discrete_cell;

/* A law and its table. Plain data, 22 KiB; make it once and keep it. */
typedef struct mst_discrete {
  int power;      /* 2: Gaussian, 1: Laplace                                              */
  double scale;   /* sigma or scale, as given; the law is of exactly this double           */
  double rate;    /* t = rate |x|^power                                                    */
  uint64_t whole; /* scale = whole 2^exponent                                              */
  int exponent;
  int bits, tail_bits;
  uint64_t factor; /* slots that a weight of 1 takes, at the least                          */
  int cells;       /* the last of them is the tail                                          */
  bool slow;       /* decide everything by mst_exact_below; the draws are the same           */
  mst_discrete_cell cell[MST_DISCRETE_CELLS];
  uint16_t slot[MST_DISCRETE_SLOTS]; /* cell, or `cells`: draw again                         */
} mst_discrete;

/** The law of parameter sigma (scale), a double taken as it is.
 *  \return MST_OK, or MST_ERR_INPUT outside MST_DISCRETE_SCALE_MIN .. MST_DISCRETE_SCALE_MAX. */
mst_status mst_discrete_gaussian(double sigma, mst_discrete *out) MST_CHECKED;
mst_status mst_discrete_laplace(double scale, mst_discrete *out) MST_CHECKED;

/** out(n) = entries [first, first + n) of independent noise of the law. Never beyond about 200
 *  scales (Laplace: 700), of probability below e^-700. 16 bytes of ChaCha20 a draw. */
void mst_noise_discrete(const mst_discrete *law, const mst_noise *noise, int64_t first, int64_t n,
                        int64_t *out);

/** One draw from a cursor. */
int64_t mst_discrete_draw(const mst_discrete *law, mst_noise_cursor *c);

#endif
