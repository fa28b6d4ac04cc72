/* Batch scripts of Slurm: text that the shell and sbatch take as it is meant, templates with
 * fields, and sbatch itself. All functions are Local. */
#ifndef MST_JOBS_SBATCH_H
#define MST_JOBS_SBATCH_H

#include <stdint.h>

#include "core/base/status.h"
#include "io/text.h"

/* @NAME@ in a template, and what stands there in the script. */
typedef struct mst_sbatch_field {
  const char *name, *value;
} mst_sbatch_field;

/** The script of the built-in template, its fields filled; the list ends with a NULL name. A line
 *  that holds one field alone, whose value is empty, is left out. MST_ERR_INTERNAL for a field that
 *  the list lacks. */
mst_status mst_sbatch_fill(const mst_sbatch_field *field, mst_text *script) MST_CHECKED;

/** Append a word as bash reads it back: quoted where it must be. */
mst_status mst_sbatch_word(mst_text *t, const char *word) MST_CHECKED;

/** Append an option's value, or an option, as a line of #SBATCH takes it. MST_ERR_INPUT when it
 *  holds a control character, which no such line can. */
mst_status mst_sbatch_value(mst_text *t, const char *value) MST_CHECKED;

/** Seconds of a time as Slurm writes it: minutes, minutes:seconds, hours:minutes:seconds,
 *  days-hours, days-hours:minutes, days-hours:minutes:seconds. MST_ERR_INPUT otherwise, or when it
 *  is 0. */
mst_status mst_sbatch_seconds(const char *time, int64_t *seconds) MST_CHECKED;

/** Hand a script over to sbatch; the job gets the environment that this process was started in.
 *  \param id  out: the job's number.
 *  \return MST_OK, MST_ERR_INPUT (no sbatch here, or it refuses: its words), MST_ERR_MEMORY or
 *          MST_ERR_IO. */
mst_status mst_sbatch_submit(const char *script, int64_t *id) MST_CHECKED;

#endif
