/* Memory: aligned, zero-filled arrays, counted in bytes.
 *
 * Each array comes from calloc, whose large blocks are fresh pages that cost nothing until they
 * are touched, and which address checkers watch. One cache line before the array keeps where the
 * block starts and how many bytes were asked for. */
#include "core/base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGES_FROM ((size_t)4 << 20) /* bytes */

typedef struct header {
  void *block;
  int64_t bytes;
} header;

_Static_assert(sizeof(header) <= MST_ALIGNMENT, "the header must fit before the array");

static _Atomic int64_t current;
static _Atomic int64_t peak;
static _Atomic int64_t fail_after;

/* True for the allocation that mst_memory_fail_at asked to fail. */
static bool must_fail(void) {
  if (atomic_load(&fail_after) <= 0) return false;
  return atomic_fetch_sub(&fail_after, 1) == 1;
}

static void count_bytes(int64_t bytes) {
  int64_t now = atomic_fetch_add(&current, bytes) + bytes;
  int64_t most = atomic_load(&peak);
  while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) continue;
}

/* Ask for 2 MiB pages below a large array: its first touch then costs a sixth (measured on
 * 1 GiB). Refusal is no error. */
static void prefer_huge_pages(char *start, size_t bytes) {
#ifdef MADV_HUGEPAGE
  const uintptr_t page = 4096;
  if (bytes < HUGE_PAGES_FROM) return;
  size_t skipped = -(uintptr_t)start & (page - 1);
  (void)!madvise(start + skipped, (bytes - skipped) & ~(size_t)(page - 1), MADV_HUGEPAGE);
#else
  (void)start;
  (void)bytes;
#endif
}

mst_status mst_alloc(void *out, int64_t count, size_t size, const char *what) {
  void *array = NULL;
  memcpy(out, &array, sizeof array);
  if (count < 0)
    return mst_fail(MST_ERR_INPUT, "%s: cannot hold %lld elements; give a size of 0 or more", what,
                    (long long)count);
  if (count == 0 || size == 0) return MST_OK;
  size_t limit = (size_t)PTRDIFF_MAX - 2 * MST_ALIGNMENT;
  if ((size_t)count > limit / size)
    return mst_fail(MST_ERR_INPUT,
                    "%s: %lld elements of %zu bytes are more than this machine can address; "
                    "use smaller sizes",
                    what, (long long)count, size);
  size_t bytes = (size_t)count * size;
  char *block = must_fail() ? NULL : calloc(1, bytes + 2 * MST_ALIGNMENT);
  if (block == NULL)
    return mst_fail(MST_ERR_MEMORY,
                    "%s: cannot allocate %zu bytes (%lld elements of %zu); %lld bytes are held "
                    "already: use more ranks or nodes, or smaller sizes",
                    what, bytes, (long long)count, size, (long long)mst_memory_current());
  uintptr_t start = (uintptr_t)block;
  uintptr_t aligned = (start + 2 * MST_ALIGNMENT - 1) & ~(uintptr_t)(MST_ALIGNMENT - 1);
  char *place = block + (aligned - start);
  prefer_huge_pages(place, bytes);
  header h = {block, (int64_t)bytes};
  memcpy(place - MST_ALIGNMENT, &h, sizeof h);
  count_bytes(h.bytes);
  array = place;
  memcpy(out, &array, sizeof array);
  return MST_OK;
}

void mst_free(void *array) {
  if (array == NULL) return;
  header h;
  memcpy(&h, (char *)array - MST_ALIGNMENT, sizeof h);
  atomic_fetch_sub(&current, h.bytes);
  free(h.block);
}

int64_t mst_memory_current(void) {
  return atomic_load(&current);
}

int64_t mst_memory_peak(void) {
  return atomic_load(&peak);
}

void mst_memory_fail_at(int64_t n) {
  atomic_store(&fail_after, n);
}
