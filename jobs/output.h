/* Standard output: results for people, and the JSON line that programs read. Only rank 0 prints. */
#ifndef MST_JOBS_OUTPUT_H
#define MST_JOBS_OUTPUT_H

#include <stdint.h>

#include <jansson.h>

#include "comm/team.h"
#include "core/base/status.h"
#include "io/text.h"

/** printf to standard output on rank 0 only (on every caller when team is NULL). MST_ERR_IO on
 *  rank 0 when it cannot be written. Local. */
mst_status mst_print(const mst_team *team, const char *format, ...)
    __attribute__((format(printf, 2, 3))) MST_CHECKED;

/** Print the texts and numbers of a JSON object, one a line that begins with `before`; numbers
 *  whose names end in _bytes as sizes. Errors of mst_print. Local. */
mst_status mst_print_figures(const mst_team *team, const json_t *figures,
                             const char *before) MST_CHECKED;

/** Print object as one line of JSON, the last line of a command's output, and give it back
 *  (json_decref). NULL, what jansson gives without memory, is MST_ERR_MEMORY on rank 0: names that
 *  are not UTF-8 have been refused before (mst_paths_check_name). Local; object is only used on
 *  rank 0. */
mst_status mst_print_json(const mst_team *team, json_t *object) MST_CHECKED;

/** Append a JSON value on one line; real numbers with the fewest digits that read back as the same
 *  double. Local. */
mst_status mst_json_add(mst_text *t, const json_t *value) MST_CHECKED;

/** A real number, or null where it is not finite; NULL without memory. Local. */
json_t *mst_json_real(double value);

/** muster, and the libraries that its results depend on. Local. */
void mst_print_version(void);

/** "Open MPI 4.1.4", or that it is another. Local. */
const char *mst_mpi_name(void);

/** Flush; MST_ERR_IO on rank 0 when something was not written. Local. */
mst_status mst_print_end(const mst_team *team) MST_CHECKED;

/** "117.7 MiB": a size for people, in a static buffer of the calling thread. Local. */
const char *mst_size_text(int64_t bytes);

#endif
