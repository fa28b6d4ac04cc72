/* Secret noise on one core: draws a second of every law, in pieces of 4,096 entries. The limit of
 * the discrete laws is the 5e6 draws a second that private training asks for; that of the laws on
 * reals is the generator itself, ChaCha20 for as many words. */
#include <stdio.h>

#include "core/base/memory.h"
#include "core/privacy/discrete.h"
#include "core/privacy/noise_words.h"
#include "core/privacy/skellam.h"
#include "tests/bench/bench.h"

#define ENTRIES 4096
#define PIECES  64
#define REPEATS 9
#define ASKED   5e6

typedef enum law {
  WORDS,
  GAUSSIAN,
  LAPLACE,
  DISCRETE,
  SKELLAM
} law;

typedef union space {
  double real[ENTRIES];
  int64_t whole[ENTRIES];
  uint64_t word[ENTRIES];
} space;

static mst_discrete discrete;
static mst_skellam skellam;
static space out;

/* Draws a second. */
static double rate(law l) {
  const mst_secret secret = mst_secret_test(1);
  double seconds[REPEATS];
  for (int r = 0; r < REPEATS; r++) {
    const mst_noise noise = mst_noise_of(&secret, MST_NOISE_TEST, 0, (uint64_t)r);
    const double begin = cpu_seconds();
    for (int64_t p = 0; p < PIECES; p++) {
      if (l == WORDS) mst_noise_words(&noise, (uint64_t)p, 0, ENTRIES, out.word);
      if (l == GAUSSIAN) mst_noise_gaussian(&noise, p * ENTRIES, ENTRIES, 1, out.real);
      if (l == LAPLACE) mst_noise_laplace(&noise, p * ENTRIES, ENTRIES, 1, out.real);
      if (l == DISCRETE) mst_noise_discrete(&discrete, &noise, p * ENTRIES, ENTRIES, out.whole);
      if (l == SKELLAM) mst_noise_skellam(&skellam, &noise, p * ENTRIES, ENTRIES, out.whole);
    }
    seconds[r] = cpu_seconds() - begin;
  }
  return ENTRIES * PIECES / median(seconds, REPEATS);
}

static void print(const char *name, double scale, double ours, double limit, const char *what) {
  printf("private_noise_%s_%.0f  ours %.1f M/s  limit %.1f M/s (%s)  ratio %.2fx\n", name, scale,
         1e-6 * ours, 1e-6 * limit, what, ours / limit);
}

int main(void) {
  const double scale[] = {1, 10, 1000, 1e9};
  const double words = rate(WORDS);
  print("gaussian", 1, rate(GAUSSIAN), words, "ChaCha20");
  print("laplace", 1, rate(LAPLACE), words, "ChaCha20");
  for (int i = 0; i < 4; i++) {
    need(mst_discrete_gaussian(scale[i], &discrete));
    print("discrete_gaussian", scale[i], rate(DISCRETE), ASKED, "asked for");
    need(mst_discrete_laplace(scale[i], &discrete));
    print("discrete_laplace", scale[i], rate(DISCRETE), ASKED, "asked for");
    if (scale[i] > 1e6) continue;
    need(mst_skellam_make(scale[i] * scale[i], &skellam));
    print("skellam", scale[i], rate(SKELLAM), ASKED, "asked for");
  }
  return 0;
}
