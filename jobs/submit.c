/* `muster submit`: an experiment, or the cells of a grid as an array of experiments, as a Slurm job
 * that is requeued and goes on from its checkpoints until it is done. Checks what `muster run`
 * would check, asks for the memory that the run will need, writes the batch script and hands it to
 * sbatch. */
#include "jobs/submit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/paths.h"
#include "io/report_html.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/grid_run.h"
#include "jobs/output.h"
#include "jobs/say.h"
#include "jobs/sbatch.h"

#define SIGNAL_SECONDS 120           /* for the last round and its checkpoint                */
#define LAUNCHER_BYTES (128LL << 20) /* of a node, for mpirun or srun and the script         */

enum {
  OPTION_HELP,
  OPTION_NODES,
  OPTION_NTASKS,
  OPTION_TIME,
  OPTION_SET,
  OPTION_ARRAY,
  OPTION_PARTITION,
  OPTION_ACCOUNT,
  OPTION_QOS,
  OPTION_NAME,
  OPTION_LOG,
  OPTION_SIGNAL,
  OPTION_LAUNCHER,
  OPTION_DRY_RUN
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_NODES] = {"nodes", 'N', "N"},
                                     [OPTION_NTASKS] = {"ntasks", 0, "RANKS"},
                                     [OPTION_TIME] = {"time", 't', "TIME"},
                                     [OPTION_SET] = {"set", 's', "key.path=value"},
                                     [OPTION_ARRAY] = {"array", 0, "key.path=value,value"},
                                     [OPTION_PARTITION] = {"partition", 'p', "NAME"},
                                     [OPTION_ACCOUNT] = {"account", 'A', "NAME"},
                                     [OPTION_QOS] = {"qos", 0, "NAME"},
                                     [OPTION_NAME] = {"job-name", 'J', "NAME"},
                                     [OPTION_LOG] = {"log", 'o', "FILE"},
                                     [OPTION_SIGNAL] = {"signal-seconds", 0, "SECONDS"},
                                     [OPTION_LAUNCHER] = {"launcher", 0, "mpirun|srun"},
                                     [OPTION_DRY_RUN] = {"dry-run", 'n', NULL},
                                     {NULL, 0, NULL}};

static mst_status take_operand(mst_submit *s, const mst_arguments *a, const char *value) {
  if (a->operands_only) {
    s->more[s->mores++] = value;
    return MST_OK;
  }
  if (s->file != NULL)
    return mst_fail(MST_ERR_INPUT,
                    "muster submit takes one experiment file, but '%s' follows '%s'; options of "
                    "sbatch stand after --",
                    value, s->file);
  s->file = value;
  return MST_OK;
}

static void take_option(mst_submit *s, int index, const char *value) {
  switch (index) {
    case OPTION_NODES: s->nodes_text = value; break;
    case OPTION_NTASKS: s->ranks_text = value; break;
    case OPTION_TIME: s->time = value; break;
    case OPTION_SET: s->set[s->sets++] = value; break;
    case OPTION_ARRAY: s->array[s->arrays++] = value; break;
    case OPTION_PARTITION: s->partition = value; break;
    case OPTION_ACCOUNT: s->account = value; break;
    case OPTION_QOS: s->qos = value; break;
    case OPTION_NAME: s->name = value; break;
    case OPTION_LOG: s->log = value; break;
    case OPTION_SIGNAL: s->signal_text = value; break;
    case OPTION_LAUNCHER: s->launcher = value; break;
    case OPTION_DRY_RUN: s->dry_run = true; break;
    default: break;
  }
}

static mst_status check_options(mst_submit *s) {
  const char *missing = s->file == NULL         ? "an experiment file"
                        : s->ranks_text == NULL ? "--ntasks RANKS"
                        : s->time == NULL       ? "--time TIME"
                                                : NULL;
  if (missing != NULL)
    return mst_fail(MST_ERR_INPUT, "muster submit needs %s (see muster submit --help)", missing);
  if (s->mores > 0 && s->more[0][0] != '-')
    return mst_fail(MST_ERR_INPUT, "after --, '%s' is no option of sbatch", s->more[0]);
  if (s->launcher != NULL && strcmp(s->launcher, "mpirun") != 0 && strcmp(s->launcher, "srun") != 0)
    return mst_fail(MST_ERR_INPUT, "option --launcher: '%s' is neither mpirun nor srun",
                    s->launcher);
  s->nodes = 1;
  if (s->nodes_text != NULL)
    MST_TRY(mst_argument_int("nodes", s->nodes_text, 1, INT32_MAX, &s->nodes));
  MST_TRY(mst_argument_int("ntasks", s->ranks_text, s->nodes, INT32_MAX, &s->ranks));
  MST_TRY(mst_sbatch_seconds(s->time, &s->seconds));
  s->signal_seconds = mst_least(SIGNAL_SECONDS, mst_most(s->seconds / 3, 1));
  if (s->signal_text == NULL) return MST_OK;
  return mst_argument_int("signal-seconds", s->signal_text, 1,
                          mst_least(s->seconds - 1, UINT16_MAX), &s->signal_seconds);
}

static mst_status read_arguments(mst_submit *s) {
  mst_arguments a = mst_arguments_of(s->argc, s->argv, options);
  mst_argument kind;
  int index;
  const char *value;
  MST_TRY(mst_alloc(&s->set, s->argc + 1, sizeof *s->set, "overrides"));
  MST_TRY(mst_alloc(&s->array, s->argc, sizeof *s->array, "keys of an array"));
  MST_TRY(mst_alloc(&s->more, s->argc, sizeof *s->more, "options of sbatch"));
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) return check_options(s);
    if (kind == MST_ARGUMENT_OPERAND)
      MST_TRY(take_operand(s, &a, value));
    else
      take_option(s, index, value);
  }
}

static mst_status check_run(mst_submit *s, mst_run *r, const char *stands_in, mst_submit_task *t) {
  MST_TRY(mst_run_open(r));
  MST_TRY(mst_run_check(r, stands_in));
  MST_TRY(mst_run_estimate(r));
  const json_t *e = r->context.estimate;
  t->rank_bytes = (int64_t)json_integer_value(json_object_get(e, "rank_bytes"));
  t->node_bytes = (int64_t)json_integer_value(json_object_get(e, "node_bytes"));
  t->complete = r->complete;
  t->run_path = r->run_path;
  r->run_path = NULL;
  if (t->complete)
    mst_say(s->team, "%s is complete: its run will have nothing left to do", t->run_path);
  return MST_OK;
}

/* A run is checked as it will be started. */
static mst_status check_task(mst_submit *s, int i, bool folder) {
  mst_run_grid_settings settings;
  mst_run r = {.team = s->team};
  mst_status st =
      mst_team_agree(s->team, mst_run_grid_set(&s->grid, i, s->sets, s->set, &settings));
  if (st == MST_OK) {
    r = (mst_run){.team = s->team,
                  .file = s->file,
                  .text = s->text,
                  .n_override = settings.n,
                  .override = settings.override,
                  .dry_run = true,
                  .resume = true,
                  .in_grid = s->grid.axes > 0,
                  .for_ranks = (int)s->ranks,
                  .for_nodes = (int)s->nodes};
    st = check_run(s, &r, s->grid.axes > 0 && !folder ? s->grid.folder : NULL, &s->task[i]);
  }
  mst_run_clear(&r);
  mst_run_grid_settings_clear(&settings);
  return st;
}

static mst_status fail_within_cell(const mst_submit *s, int i, mst_status st) {
  mst_text title = MST_TEXT_EMPTY;
  if (s->grid.axes > 0 && mst_run_grid_title(&s->grid, i, &title) == MST_OK)
    st = mst_fail_within(st, "--array %s: ", title.at);
  mst_text_free(&title);
  return st;
}

static mst_status place_array(mst_submit *s, bool *folder) {
  const mst_run_grid_request q = {
      .team = s->team, .file = s->file, .text = s->text, .sets = s->sets, .set = s->set};
  mst_status st = mst_run_grid_find_place(&q, 0, &s->grid);
  if (st != MST_OK) return fail_within_cell(s, 0, st);
  return mst_run_grid_check_folder(s->team, &s->grid, folder);
}

/* Every run is checked; a node must hold the most demanding one. */
static mst_status check_tasks(mst_submit *s) {
  int64_t ranks_per_node = mst_ceil_div(s->ranks, s->nodes), most = 0;
  bool folder = false;
  if (s->grid.axes > 0) MST_TRY(place_array(s, &folder));
  for (int i = 0; i < s->grid.cells; i++) {
    mst_status st = check_task(s, i, folder);
    if (st != MST_OK) return fail_within_cell(s, i, st);
    most = mst_most(most, ranks_per_node * s->task[i].rank_bytes + s->task[i].node_bytes);
  }
  s->node_bytes = most + most / 10 + LAUNCHER_BYTES;
  return MST_OK;
}

/* A log that cannot be opened ends a job without a word. */
static mst_status check_log(const char *log) {
  char *folder = NULL;
  mst_status st = MST_OK;
  MST_TRY(mst_paths_check_name("option --log", log));
  MST_TRY(mst_file_folder(log, &folder));
  if (strchr(folder, '%') == NULL && access(folder, W_OK) != 0)
    st = mst_fail(MST_ERR_INPUT, "option --log: the folder %s: %s", folder, strerror(errno));
  mst_free(folder);
  return st;
}

/* An older script of muster's may be replaced, but nobody else's file. */
static mst_status write_script(mst_submit *s, const mst_submit_script *script) {
  const mst_named_path file[] = {{.key = "the experiment file", .path = s->file},
                                 {.key = "the batch script",
                                  .path = script->path.at,
                                  .written = true,
                                  .opening = "#!/bin/bash\n# Made by: muster submit "}};
  MST_TRY(mst_paths_check(s->team, file, 2));
  return mst_report_write(s->team, script->path.at, &script->text);
}

/* The log's name when the job's number is known: without %j, %A and %%. */
static mst_status name_log(const char *pattern, int64_t id, mst_text *name) {
  for (const char *c = pattern; *c != '\0'; c++) {
    char after = c[0] == '%' ? c[1] : '\0';
    if (id > 0 && (after == 'j' || after == 'A'))
      MST_TRY(mst_text_add(name, "%" PRId64, id));
    else
      MST_TRY(mst_text_add(name, "%.*s", after != '\0' && !(id > 0 && after == '%') ? 2 : 1, c));
    c += after != '\0';
  }
  return MST_OK;
}

/* The JSON line; NULL when it cannot be made. */
static json_t *describe_outcome(const mst_submit *s, const mst_submit_script *script,
                                const char *log, int64_t id) {
  json_t *runs = json_array(), *first = s->dry_run ? json_true() : json_integer((json_int_t)id);
  json_t *line = NULL;
  bool ok = runs != NULL;
  for (int i = 0; i < s->grid.cells && ok; i++)
    ok = json_array_append_new(runs, json_string(s->task[i].run_path)) == 0;
  if (ok)
    line =
        json_pack("{s:O, s:s, s:s, s:I, s:I, s:I, s:O}", s->dry_run ? "dry_run" : "job_id", first,
                  "script", script->path.at, "log", log, "nodes", (json_int_t)s->nodes, "ranks",
                  (json_int_t)s->ranks, "node_bytes", (json_int_t)s->node_bytes, "runs", runs);
  json_decref(first);
  json_decref(runs);
  return line;
}

static mst_status print_outcome(const mst_submit *s, const mst_submit_script *script,
                                const char *log, int64_t id) {
  if (s->dry_run) {
    MST_TRY(mst_print(s->team, "%s", script->text.at));
  } else {
    MST_TRY(mst_print(s->team, "%-20s %" PRId64 "\n", "job", id));
    MST_TRY(mst_print(s->team, "%-20s %s\n", "script", script->path.at));
    MST_TRY(mst_print(s->team, "%-20s %s\n", "log", log));
    MST_TRY(mst_print(s->team, "%-20s %s\n", "memory of a node", mst_size_text(s->node_bytes)));
  }
  return mst_print_json(s->team, describe_outcome(s, script, log, id));
}

static mst_status submit(mst_submit *s, mst_submit_script *script) {
  bool root = mst_team_rank(s->team) == 0;
  int64_t id = 0;
  mst_status st = read_arguments(s);
  if (st == MST_OK) st = mst_run_grid_read("array", s->arrays, s->array, &s->grid);
  if (st == MST_OK) st = mst_alloc(&s->task, s->grid.cells, sizeof *s->task, "tasks");
  MST_TRY(mst_team_agree(s->team, st));
  MST_TRY(mst_experiment_read(s->team, s->file, &s->text));
  MST_TRY(check_tasks(s));
  MST_TRY(mst_team_agree(s->team, mst_submit_write(s, script)));
  MST_TRY(mst_file_follow(s->team, root ? check_log(script->log.at) : MST_OK));
  if (!s->dry_run && s->grid.axes > 0) MST_TRY(mst_folder_make(s->team, s->grid.folder));
  if (!s->dry_run) {
    MST_TRY(write_script(s, script));
    MST_TRY(mst_file_follow(s->team, root ? mst_sbatch_submit(script->path.at, &id) : MST_OK));
  }
  mst_text log = MST_TEXT_EMPTY;
  st = name_log(script->log.at, s->grid.axes == 0 ? id : 0, &log);
  if (st == MST_OK) st = print_outcome(s, script, log.at, id);
  mst_text_free(&log);
  return mst_team_agree(s->team, st);
}

static mst_status submit_command(mst_team *team, int argc, char **argv) {
  mst_submit s = {.team = team, .argc = argc, .argv = argv};
  mst_submit_script script = {0};
  mst_status st = submit(&s, &script);
  mst_submit_script_clear(&script);
  for (int i = 0; s.task != NULL && i < s.grid.cells; i++) mst_free(s.task[i].run_path);
  mst_free(s.task);
  mst_run_grid_clear(&s.grid);
  mst_free(s.text);
  mst_free(s.array);
  mst_free(s.more);
  mst_free(s.set);
  return st;
}

static const char help[] =
    "usage: muster submit EXPERIMENT.yaml --ntasks RANKS --time TIME [options]\n"
    "           [-- OPTIONS OF SBATCH]\n"
    "\n"
    "Submit the experiment to Slurm. It is checked here, as muster run does; the job asks for the\n"
    "memory that the run will need. Before the time limit the run saves its state, goes back to\n"
    "the queue, and later goes on from there; so it does after a preemption or the loss of a\n"
    "node. The result has the same bits as an undisturbed run. A job that fails or is cancelled\n"
    "stays ended.\n"
    "\n"
    "options\n"
    "  -N, --nodes N             nodes (default: 1)\n"
    "      --ntasks RANKS        ranks in all, at most so many a node as they divide evenly\n"
    "  -t, --time TIME           of one start, as Slurm writes it: minutes, h:m:s, days-hours\n"
    "  -s, --set KEY.PATH=VALUE  as of muster run; may be given several times (default: none)\n"
    "      --array KEY.PATH=VALUE,VALUE,...  a task of a job array for every value, or for every\n"
    "                            combination where it is given for several keys: a cell of\n"
    "                            muster run --grid; the run file NAME.h5 becomes a folder\n"
    "                            NAME.grid with a run file for each and the list index.json\n"
    "                            (default: one run)\n"
    "  -p, --partition NAME      of Slurm (default: the cluster's)\n"
    "  -A, --account NAME        likewise\n"
    "      --qos NAME            likewise\n"
    "  -J, --job-name NAME       (default: the experiment's name)\n"
    "  -o, --log FILE            output of all starts, with sbatch's patterns such as %j\n"
    "                            (default: JOB-NAME.%j.out, of an array JOB-NAME.%A_%a.out)\n"
    "      --signal-seconds SECONDS  warning before the time limit: more than a round and its\n"
    "                            checkpoint take (default: 120, at most a third of --time)\n"
    "      --launcher NAME       mpirun or srun (default: mpirun)\n"
    "  -n, --dry-run             print the batch script, and submit nothing (default: off)\n"
    "  -h, --help                this text\n"
    "  What stands after -- is written into the script for sbatch, and goes before muster's own.\n"
    "\n"
    "output\n"
    "  The batch script is written beside the run file, as NAME.sbatch. The last line of standard\n"
    "  output is one JSON object: {\"job_id\": the job's number, \"script\", \"log\", \"nodes\",\n"
    "  \"ranks\", \"node_bytes\": memory of a node, \"runs\": [run files]}. The job's environment\n"
    "  is that of this command.\n"
    "\n"
    "exit codes\n"
    "  0 submitted   1 failed   2 bad input, or sbatch refuses\n"
    "\n"
    "example\n"
    "  muster submit examples/federated_fashion.yaml --nodes 2 --ntasks 64 --time 4:00:00 \\\n"
    "    --array method.name=fedavg,scaffold -- --constraint=avx2\n";

const mst_command mst_command_submit = {.name = "submit",
                                        .summary = "run an experiment as a job of Slurm",
                                        .help = help,
                                        .run = submit_command};
