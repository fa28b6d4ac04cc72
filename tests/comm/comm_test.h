/* What the tests of comm share: teams of every transport, and values that tell their place. */
#ifndef MST_TESTS_COMM_TEST_H
#define MST_TESTS_COMM_TEST_H

#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"
#include "comm/team.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "tests/harness.h"

/* The transports that a result must not depend on: shared memory on one node, plain MPI, and
 * pretended nodes of 1, 2 and 3 ranks. */
#define TRANSPORTS 5

static inline mst_team *make_team_on(MPI_Comm comm, int transport) {
  static const struct {
    bool shared;
    int ranks_per_node;
  } kind[TRANSPORTS] = {{true, 0}, {false, 0}, {true, 1}, {true, 2}, {true, 3}};
  mst_team_options options = mst_team_defaults();
  options.shared_memory = kind[transport].shared;
  options.ranks_per_node = kind[transport].ranks_per_node;
  mst_team *team = NULL;
  ck_ok(mst_team_create(comm, &options, &team));
  return team;
}

static inline mst_team *make_team(int transport) {
  return make_team_on(MPI_COMM_WORLD, transport);
}

static inline void *get(int64_t count, size_t size) {
  void *array = NULL;
  ck_ok(mst_alloc(&array, count > 0 ? count : 1, size, "test data"));
  return array;
}

/* Fill the memory account up to its peak, so that what follows moves the peak. To be freed. */
static inline void *reach_peak(void) {
  void *ballast = get(1, 1);
  int64_t gap = mst_memory_peak() - mst_memory_current() + 1;
  mst_free(ballast);
  ballast = get(gap, 1);
  ck_assert_int_eq(mst_memory_current(), mst_memory_peak());
  return ballast;
}

/* A well-mixed word of (a, b): the same on every rank. */
static inline uint64_t mixed(int64_t a, int64_t b) {
  uint32_t out[4];
  mst_key_block(mst_key_make(1, MST_PURPOSE_TEST, (uint64_t)a & 0xffffffff, 0), (uint64_t)b, out);
  return (uint64_t)out[0] << 32 | out[1];
}

/* Arrays are compared in one assertion, because each costs microseconds in Check. */
static inline void same_words(const void *found, const void *expected, int64_t n) {
  const int64_t *a = found, *b = expected;
  int64_t i = 0;
  while (i < n && a[i] == b[i]) i++;
  ck_assert_msg(i == n, "word %lld of %lld is %llx, not %llx", (long long)i, (long long)n,
                i < n ? (long long)a[i] : 0, i < n ? (long long)b[i] : 0);
}

#endif
