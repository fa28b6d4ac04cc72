/* Subcommands of muster: one file and one mst_command each. */
#ifndef MST_JOBS_COMMAND_H
#define MST_JOBS_COMMAND_H

#include "comm/team.h"
#include "core/base/status.h"

/* A subcommand. argv[0] is its name. Collective on team. */
typedef struct mst_command {
  const char *name;
  const char *summary; /* one line               */
  const char *help;    /* the whole text of --help */
  mst_status (*run)(mst_team *team, int argc, char **argv);
} mst_command;

extern const mst_command mst_command_run;
extern const mst_command mst_command_submit;
extern const mst_command mst_command_scale;
extern const mst_command mst_command_import;
extern const mst_command mst_command_report;
extern const mst_command mst_command_predict;
extern const mst_command mst_command_merge;
extern const mst_command mst_command_aggregate;
extern const mst_command mst_command_account;
extern const mst_command mst_command_bench;
extern const mst_command mst_command_inspect;
extern const mst_command mst_command_list;

#endif
