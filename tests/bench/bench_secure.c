/* Masks on one core: gigabytes a second of mask that are added to a vector of 2^20 numbers, against
 * ChaCha20 alone; the same of a whole client with 16 neighbours, keys agreed on; and rebuilding the
 * secret of a client from 11 shares. */
#include <stdio.h>

#include "core/base/memory.h"
#include "core/privacy/noise_words.h"
#include "core/secure/round.h"
#include "core/secure/stream.h"
#include "tests/bench/bench.h"

#define ENTRIES    ((int64_t)1 << 20)
#define PIECE      2048
#define CLIENTS    64
#define NEIGHBOURS 16
#define REPEATS    7

static int64_t *vector;

static double bytes_a_second(void (*run)(int r), double bytes) {
  double seconds[REPEATS];
  for (int r = 0; r < REPEATS; r++) {
    const double begin = cpu_seconds();
    run(r);
    seconds[r] = cpu_seconds() - begin;
  }
  return bytes / median(seconds, REPEATS);
}

static mst_noise seed_of(int r) {
  const mst_secret secret = mst_secret_test(1);
  return mst_noise_of(&secret, MST_NOISE_TEST, 0, (uint64_t)r);
}

static void run_generator(int r) {
  static uint64_t word[PIECE];
  const mst_noise seed = seed_of(r);
  for (int64_t at = 0; at < ENTRIES; at += PIECE)
    mst_noise_words(&seed, 0, (uint64_t)at / 8, PIECE, word);
}

static void run_mask(int r) {
  const mst_noise seed = seed_of(r);
  mst_secure_stream_add(&seed, 0, ENTRIES, false, vector);
}

static mst_secure_round all;
static const mst_secret secret = {.test = true};

static void run_client(int r) {
  need(mst_secure_round_mask(&all, &secret, r, ENTRIES, vector));
}

static void open_round(int64_t *client) {
  const mst_secure_options o = {.threshold = 0.6, .neighbours = NEIGHBOURS, .seed = 1};
  for (int64_t i = 0; i < CLIENTS; i++) client[i] = i;
  need(mst_secure_round_open(&o, 0, CLIENTS, client, &all));
  for (int64_t i = 0; i < CLIENTS; i++) mst_secure_round_publish(&all, &secret, i);
}

static double seconds_of_recovery(void) {
  bool survives[CLIENTS];
  mst_secure_left left[NEIGHBOURS];
  for (int64_t i = 0; i < CLIENTS; i++) survives[i] = true;
  const double begin = cpu_seconds();
  for (int64_t i = 0; i < CLIENTS; i++)
    need(mst_secure_round_recover(&all, &secret, survives, i, left));
  return (cpu_seconds() - begin) / CLIENTS;
}

static void print(const char *name, double ours, double limit) {
  printf("secure_%s  ours %.2f GB/s  limit %.2f GB/s (ChaCha20)  ratio %.2fx\n", name, 1e-9 * ours,
         1e-9 * limit, ours / limit);
}

int main(void) {
  int64_t client[CLIENTS];
  const double bytes = 8.0 * ENTRIES;
  need(mst_alloc(&vector, ENTRIES, sizeof *vector, "a vector"));
  open_round(client);
  const double generator = bytes_a_second(run_generator, bytes);
  print("mask", bytes_a_second(run_mask, bytes), generator);
  print("client", bytes_a_second(run_client, (NEIGHBOURS + 1) * bytes), generator);
  printf("secure_recovery  ours %.1f us a client (%lld shares)\n", 1e6 * seconds_of_recovery(),
         (long long)all.threshold);
  mst_secure_round_close(&all);
  mst_free(vector);
  return 0;
}
