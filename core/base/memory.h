/* Memory: aligned, zero-filled, accounted.
 *
 * Every array of muster comes from here, so that --dry-run's estimate can be held against
 * the measured peak, and so that tests can make the n-th allocation fail. */
#ifndef MST_CORE_BASE_MEMORY_H
#define MST_CORE_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#define MST_ALIGNMENT 64 /* bytes: one cache line, one AVX-512 register */

/** Allocate count elements of size bytes, zero-filled, aligned to MST_ALIGNMENT.
 *  \param out  receives the array; NULL when count is 0 or on error. Free with mst_free.
 *  \param what names the array in the error text, e.g. "feature rows".
 *  \return MST_OK, MST_ERR_INPUT (negative or overflowing size), or MST_ERR_MEMORY naming
 *          `what` and its bytes. Local. */
mst_status mst_alloc(void *out, int64_t count, size_t size, const char *what) MST_CHECKED;

/** Give back what mst_alloc gave; NULL is allowed. Local. */
void mst_free(void *array);

/** Bytes now held, and the most that were ever held, by arrays of this process. Local. */
int64_t mst_memory_current(void);
int64_t mst_memory_peak(void);

/** Make the n-th allocation from now (1 = the next one) fail with MST_ERR_MEMORY; 0 turns
 *  the fault off. For fault tests. Local. */
void mst_memory_fail_at(int64_t n);

#endif
