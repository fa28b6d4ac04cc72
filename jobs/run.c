/* `muster run`: one experiment, or the cells of a grid, and what is printed of them. */
#include "jobs/run.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/grid_run.h"

/* What the command line says. */
typedef struct arguments {
  const char *file; /* the experiment's */
  const char **set; /* (sets) key.path=value */
  int sets;
  const char **grid; /* (grids) key.path=value,value,... */
  int grids;
  const char *cell;
  bool dry_run, quiet, resume;
  char *text;
} arguments;

enum {
  OPTION_HELP,
  OPTION_SET,
  OPTION_GRID,
  OPTION_CELL,
  OPTION_RESUME,
  OPTION_DRY_RUN,
  OPTION_QUIET
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_SET] = {"set", 's', "key.path=value"},
                                     [OPTION_GRID] = {"grid", 'g', "key.path=value,value"},
                                     [OPTION_CELL] = {"cell", 0, "NUMBER"},
                                     [OPTION_RESUME] = {"resume", 'r', NULL},
                                     [OPTION_DRY_RUN] = {"dry-run", 'n', NULL},
                                     [OPTION_QUIET] = {"quiet", 'q', NULL},
                                     {NULL, 0, NULL}};

static mst_status take_operand(arguments *r, const char *value) {
  if (r->file != NULL)
    return mst_fail(MST_ERR_INPUT, "muster run takes one experiment file, but '%s' follows '%s'",
                    value, r->file);
  r->file = value;
  return MST_OK;
}

static mst_status read_arguments(arguments *r, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  MST_TRY(mst_alloc(&r->set, argc, sizeof *r->set, "overrides"));
  MST_TRY(mst_alloc(&r->grid, argc, sizeof *r->grid, "keys of a grid"));
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (kind == MST_ARGUMENT_OPERAND) {
      MST_TRY(take_operand(r, value));
      continue;
    }
    if (index == OPTION_SET) r->set[r->sets++] = value;
    if (index == OPTION_GRID) r->grid[r->grids++] = value;
    if (index == OPTION_CELL) r->cell = value;
    r->resume |= index == OPTION_RESUME;
    r->dry_run |= index == OPTION_DRY_RUN;
    r->quiet |= index == OPTION_QUIET;
  }
  if (r->cell != NULL && r->grids == 0)
    return mst_fail(MST_ERR_INPUT, "option --cell counts the cells of a grid: give --grid too");
  return r->file != NULL ? MST_OK
                         : mst_fail(MST_ERR_INPUT,
                                    "muster run needs an experiment file, as in "
                                    "'muster run experiment.yaml' (see muster run --help)");
}

/* Signals are only caught while somebody asks for them: the job does, also for those that came
 * while a checkpoint was chosen. A commit that has begun is short and leaves nothing half done. */
static mst_status perform(mst_run *r) {
  MST_TRY(mst_run_check(r, NULL));
  if (r->complete) return mst_run_tidy(r);
  mst_signals_catch();
  mst_status st = mst_run_perform(r);
  mst_signals_release();
  return st;
}

static mst_status run_one(mst_team *team, const arguments *a) {
  mst_run r = {.team = team,
               .file = a->file,
               .text = a->text,
               .n_override = a->sets,
               .override = a->set,
               .dry_run = a->dry_run,
               .quiet = a->quiet,
               .resume = a->resume,
               .again = true};
  mst_status st = mst_run_open(&r);
  if (st == MST_OK) st = a->dry_run ? mst_run_estimate(&r) : perform(&r);
  if (st == MST_OK) st = a->dry_run ? mst_run_print_estimate(&r) : mst_run_print_result(&r);
  mst_run_clear(&r);
  return st;
}

static mst_status run_grid(mst_team *team, const arguments *a) {
  mst_run_grid_request q = {.team = team,
                            .file = a->file,
                            .text = a->text,
                            .sets = a->sets,
                            .set = a->set,
                            .dry_run = a->dry_run,
                            .quiet = a->quiet,
                            .resume = a->resume,
                            .only = -1};
  mst_status st = mst_run_grid_read("grid", a->grids, a->grid, &q.grid);
  int64_t cell = -1;
  if (st == MST_OK && a->cell != NULL)
    st = mst_argument_int("cell", a->cell, 0, q.grid.cells - 1, &cell);
  q.only = (int)cell;
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_run_grid_perform(&q);
  mst_run_grid_clear(&q.grid);
  return st;
}

static mst_status run_experiment(mst_team *team, arguments *a, int argc, char **argv) {
  MST_TRY(mst_team_agree(team, read_arguments(a, argc, argv)));
  MST_TRY(mst_experiment_read(team, a->file, &a->text));
  return a->grids > 0 ? run_grid(team, a) : run_one(team, a);
}

static mst_status run_command(mst_team *team, int argc, char **argv) {
  arguments a = {.file = NULL};
  mst_status st = run_experiment(team, &a, argc, argv);
  mst_free(a.set);
  mst_free(a.grid);
  mst_free(a.text);
  return st;
}

static const char help[] =
    "usage: muster run EXPERIMENT.yaml [options]\n"
    "       muster run EXPERIMENT.yaml --grid KEY.PATH=VALUE,VALUE,... [options]\n"
    "       mpirun -n RANKS muster run EXPERIMENT.yaml [options]\n"
    "       srun muster run EXPERIMENT.yaml [options]\n"
    "\n"
    "Run the experiment that a YAML file describes, on as many ranks as the launcher starts (one\n"
    "without a launcher). The model and the metrics have the same bits on any number of ranks.\n"
    "\n"
    "options\n"
    "  -s, --set KEY.PATH=VALUE  replace or add one key of the experiment; the value is read as\n"
    "                            YAML; may be given several times, the last one counts; file\n"
    "                            names are relative to the current folder; when it chooses\n"
    "                            another member of a family (features.kind, method.name, ...),\n"
    "                            the file's keys of its own one are passed over, and named on\n"
    "                            standard error (default: none)\n"
    "  -g, --grid KEY.PATH=VALUE,VALUE,...  run every combination of the values, one after the\n"
    "                            other; commas inside brackets or quotes do not separate; may\n"
    "                            be given for several keys (default: one run)\n"
    "      --cell NUMBER         of the grid run this cell alone, counted from 0, the last key\n"
    "                            fastest (default: all)\n"
    "  -r, --resume              go on from the newest sound checkpoint beside the run file;\n"
    "                            without one begin anew; when the run file is there already,\n"
    "                            print its result (default: begin anew)\n"
    "  -n, --dry-run             print the resolved experiment, and the memory and bytes it will\n"
    "                            need; no work is done (default: off)\n"
    "  -q, --quiet               no progress on standard error (default: off)\n"
    "      --no-shared-memory    ranks of a node exchange messages instead of sharing memory\n"
    "                            (default: share; also MUSTER_SHARED_MEMORY=0)\n"
    "  -h, --help [JOB]          this text; with a job: its keys with ranges, defaults and units\n"
    "\n"
    "output\n"
    "  Standard output holds the headline figures, and as its last line one JSON object:\n"
    "  {\"job\", \"run\": the run file, \"rounds\", \"ranks\", \"seconds\",\n"
    "  \"digest\": of model and metrics, \"result\": {...}}. Progress and messages go to standard\n"
    "  error. The run file appears under its name only when the run has succeeded; an older run\n"
    "  file of that name is replaced. A feature file (features.save_train, save_test) appears\n"
    "  when it is complete, and is kept when the run fails after that; the message then names it.\n"
    "\n"
    "grids\n"
    "  The run file NAME.h5 becomes a folder NAME.grid with a run file for every cell and the\n"
    "  list index.json: settings, run file, state, result. All cells are checked before the\n"
    "  first is run. Cells that are finished are passed over when the command is given again; one\n"
    "  that fails is reported, and the exit code at the end is its own. The JSON line is\n"
    "  {\"job\", \"grid\": the folder, \"index\", \"ranks\", \"done\", \"failed\", \"worst\": "
    "{...},\n"
    "  \"cells\": [...]}; muster report shows the list as a page. See doc/grids.md.\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed   2 bad input, or training that diverges (it would do so again)\n"
    "  3 a privacy budget refused the run\n"
    "  75 SIGTERM or SIGUSR1 ended the run in order: start it again with --resume; a second\n"
    "     SIGTERM ends it at once; under mpirun send SIGUSR1 to mpirun, which on SIGTERM exits\n"
    "     with a code of its own\n"
    "\n"
    "example\n"
    "  mpirun -n 4 muster run examples/analytic_fashion.yaml --set clients.alpha=0.1\n"
    "  mpirun -n 4 muster run examples/federated_fashion.yaml \\\n"
    "    --grid method.name=fedavg,scaffold --grid optimizer.lr=0.03,0.1\n";

const mst_command mst_command_run = {
    .name = "run", .summary = "run an experiment", .help = help, .run = run_command};
