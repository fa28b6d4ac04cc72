/* The command line: options and operands one after another, as getopt gives them, but every rank
 * alike and silent: errors are statuses that name the nearest valid option. All functions are
 * Local. */
#ifndef MST_JOBS_ARGUMENTS_H
#define MST_JOBS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct mst_option {
  const char *name;    /* long name without dashes; NULL ends the table                        */
  char letter;         /* short name or 0                                                      */
  const char *value;   /* what the value is called in messages; NULL = a switch                 */
} mst_option;

/* How far the arguments have been gone through. */
typedef struct mst_arguments {
  int argc;
  char **argv;
  const mst_option *option;
  int at;               /* next argument            */
  int cluster;          /* inside a group as in -qf  */
  bool operands_only;   /* after --                  */
} mst_arguments;

typedef enum mst_argument {
  MST_ARGUMENT_END,
  MST_ARGUMENT_OPTION,  /* *index in the table, *value its text or NULL */
  MST_ARGUMENT_OPERAND  /* *value is the operand     */
} mst_argument;

/** Go through argv[1 .. argc) with that table. */
mst_arguments mst_arguments_of(int argc, char **argv, const mst_option *option);
/** The next option or operand. \return MST_OK, or MST_ERR_INPUT for an option that is unknown,
 *  lacks its value, or is a switch with one. */
mst_status mst_arguments_next(mst_arguments *a, mst_argument *kind, int *index,
                              const char **value) MST_CHECKED;

/** A number from the command line; MST_ERR_INPUT names the option and what is allowed. */
mst_status mst_argument_int(const char *option, const char *text, int64_t min, int64_t max,
                            int64_t *out) MST_CHECKED;
mst_status mst_argument_real(const char *option, const char *text, double *out) MST_CHECKED;

#endif
