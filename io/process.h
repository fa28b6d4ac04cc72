/* Other programs that muster starts, such as sbatch and gnuplot. */
#ifndef MST_IO_PROCESS_H
#define MST_IO_PROCESS_H

#include <stdbool.h>

#include "core/base/status.h"
#include "io/text.h"

#define MST_PROCESS_MISSING 127 /* exit code where there is no such program, as a shell says it */

/** Run a program, found by PATH, in the environment that this process was started in (not with
 *  what MPI has put there since, which would make a child believe that it is one of the ranks), and
 *  wait for its end. Its streams are files without a name, so that neither waits for the other.
 *  \param argv  the words of the command line; NULL ends them.
 *  \param input  what it reads from standard input; NULL = nothing.
 *  \param code  out: its exit code; MST_PROCESS_MISSING when there is no such program; 128 + n
 *               after signal n.
 *  \param out, err  what it wrote to standard output and error is appended, up to its first zero
 *                   byte.
 *  \return MST_OK, also when the program failed; MST_ERR_IO or MST_ERR_MEMORY when it could not be
 *          started, or its input not be written or its output not be read. Local. */
mst_status mst_process_run(const char *const *argv, const char *input, int *code, mst_text *out,
                           mst_text *err) MST_CHECKED;

/* When a program is not waited for any longer. */
typedef struct mst_process_limits {
  double seconds;     /* 0: as long as it takes                                     */
  bool (*stop)(void); /* asked several times a second; NULL: nobody else ends it */
} mst_process_limits;

#define MST_PROCESS_LATE    -1 /* "exit codes" of programs that were ended by the limits */
#define MST_PROCESS_STOPPED -2

/** The same within limits. The program begins a process group of its own, so that what is typed at a
 *  terminal reaches this process alone; one that goes on past its limits gets SIGTERM, and SIGKILL
 *  five seconds later. \param code  out: also the two above. */
mst_status mst_process_run_within(const char *const *argv, const char *input,
                                  const mst_process_limits *limits, int *code, mst_text *out,
                                  mst_text *err) MST_CHECKED;

#endif
