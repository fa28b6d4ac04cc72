/* `muster run`: read the experiment, keep the run file and the watch around the job, print the
 * result. */
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/output.h"
#include "jobs/resume.h"
#include "jobs/run.h"
#include "jobs/say.h"
#include "jobs/watch.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/text.h"

/* What the command line says, and what is made of it. */
typedef struct run {
  mst_team *team;
  const char *file; /* the experiment's */
  int n_override;
  const char **override; /* (n_override) key.path=value */
  bool dry_run, quiet, resume;
  int for_ranks, for_nodes; /* of an estimate; 0: the team's */

  char *text;
  const mst_job_ops *job;
  mst_job_schema schema;
  mst_experiment *experiment;
  char *run_path;
  bool exists; /* run_path */
  mst_watch *watch;
  mst_checkpoints *checkpoints;
  mst_job_context context;
  int ranks;
  double seconds;
  char digest[MST_DIGEST_HEX];
} run;

enum {
  OPTION_HELP,
  OPTION_SET,
  OPTION_RESUME,
  OPTION_DRY_RUN,
  OPTION_QUIET
};
static const mst_option options[] = {
    [OPTION_HELP] = {"help", 'h', NULL},     [OPTION_SET] = {"set", 's', "key.path=value"},
    [OPTION_RESUME] = {"resume", 'r', NULL}, [OPTION_DRY_RUN] = {"dry-run", 'n', NULL},
    [OPTION_QUIET] = {"quiet", 'q', NULL},   {NULL, 0, NULL}};

static mst_status take_operand(run *r, const char *value) {
  if (r->file != NULL)
    return mst_fail(MST_ERR_INPUT, "muster run takes one experiment file, but '%s' follows '%s'",
                    value, r->file);
  r->file = value;
  return MST_OK;
}

static mst_status read_arguments(run *r, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  MST_TRY(mst_alloc(&r->override, argc, sizeof *r->override, "overrides"));
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (kind == MST_ARGUMENT_OPERAND) {
      MST_TRY(take_operand(r, value));
      continue;
    }
    if (index == OPTION_SET) r->override[r->n_override++] = value;
    r->resume |= index == OPTION_RESUME;
    r->dry_run |= index == OPTION_DRY_RUN;
    r->quiet |= index == OPTION_QUIET;
  }
  return r->file != NULL ? MST_OK
                         : mst_fail(MST_ERR_INPUT,
                                    "muster run needs an experiment file, as in "
                                    "'muster run experiment.yaml' (see muster run --help)");
}

/* What --set makes meaningless in the file is not an error, but is said. */
static mst_status say_passed_over(const run *r) {
  const mst_schema *s = &r->schema.schema;
  mst_text keys = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  if (r->quiet || s->n_passed_over == 0) return MST_OK;
  for (int i = 0; i < s->n_passed_over && st == MST_OK; i++)
    st = mst_text_add(&keys, "%s%s", i > 0 ? ", " : "", s->passed_over[i]);
  if (st == MST_OK)
    mst_say(r->team, "%s: passed over, because --set chose another member: %s", r->file, keys.at);
  mst_text_free(&keys);
  return st;
}

/* tag: of the run file's name, or NULL. */
static mst_status read_experiment(run *r, const char *tag) {
  MST_TRY(mst_job_experiment(r->text, r->file, r->override, r->n_override, &r->job, &r->schema,
                             &r->experiment));
  MST_TRY(say_passed_over(r));
  MST_TRY(mst_job_run_path(r->experiment, r->file, tag, &r->run_path));
  r->context = (mst_job_context){.team = r->team,
                                 .experiment = r->experiment,
                                 .dry_run = r->dry_run,
                                 .ranks = r->for_ranks,
                                 .nodes = r->for_nodes,
                                 .result = json_object(),
                                 .estimate = json_object()};
  if (r->context.result == NULL || r->context.estimate == NULL)
    return mst_fail(MST_ERR_MEMORY, "no memory for the result");
  MST_TRY(mst_watch_create(r->team, r->quiet, &r->watch));
  r->context.observer = mst_watch_observer(r->watch);
  return MST_OK;
}

/* A run file may replace an older run file, and nothing else: not the dataset that output.run
 * names by mistake. */
static mst_status check_replaceable(run *r) {
  char *text = NULL;
  MST_TRY(mst_team_any(r->team, mst_team_rank(r->team) == 0 && access(r->run_path, F_OK) == 0,
                       &r->exists));
  if (!r->exists) return MST_OK;
  mst_status st = mst_runfile_describe(r->team, r->run_path, &text);
  if (st == MST_OK) mst_free(text);
  if (st == MST_ERR_FORMAT)
    return mst_fail(MST_ERR_INPUT,
                    "output.run: %s exists and is not a run file; name another file, or remove it",
                    r->run_path);
  return st;
}

/* Headline figures become attributes of the run file: whole numbers as such, truth as 0 or 1, what
 * has no value as NaN. */
static mst_status record_results(run *r) {
  const char *name;
  json_t *value;
  json_object_foreach(r->context.result, name, value) {
    if (json_is_boolean(value) || json_is_integer(value))
      MST_TRY(mst_runfile_result_int(
          r->context.runfile, name,
          json_is_boolean(value) ? json_is_true(value) : json_integer_value(value)));
    else if (json_is_real(value) || json_is_null(value))
      MST_TRY(mst_runfile_result(r->context.runfile, name,
                                 json_is_real(value) ? json_real_value(value) : (double)NAN));
  }
  return MST_OK;
}

/* The job between the opening and the commit of its run file. */
static mst_status perform_caught(run *r) {
  mst_runfile *file = NULL;
  MST_TRY(mst_runfile_create(r->team, r->run_path, r->job->name, mst_experiment_text(r->experiment),
                             mst_job_seed(r->experiment), &file));
  r->context.runfile = file;
  r->context.run_path = r->run_path;
  mst_watch_runfile(r->watch, file);
  mst_status st = mst_team_agree(r->team, r->job->run(&r->context));
  mst_runfile_rounds(file, r->context.rounds);
  if (st == MST_OK) st = record_results(r);
  if (st == MST_OK) st = mst_watch_record(r->watch);
  mst_watch_runfile(r->watch, NULL);
  r->context.runfile = NULL;
  if (st != MST_OK) {
    mst_runfile_abandon(file);
    return st;
  }
  MST_TRY(mst_runfile_commit(file, r->digest));
  mst_say_kept(r->run_path);
  mst_checkpoints_remove(r->checkpoints, mst_experiment_text(r->experiment));
  return MST_OK;
}

/* From the first look for checkpoints to the end of the job. */
static mst_status perform_watched(run *r) {
  MST_TRY(mst_resume_begin(r->team, r->run_path, mst_experiment_text(r->experiment), r->resume,
                           r->quiet, &r->checkpoints));
  mst_watch_checkpoints(r->watch, r->checkpoints);
  mst_status st = perform_caught(r);
  mst_watch_checkpoints(r->watch, NULL);
  r->ranks = mst_team_size(r->team);
  r->seconds = mst_watch_seconds(r->watch);
  return st;
}

/* A run that is started once more after its end has nothing to do: its result is that of its
 * file. */
static mst_status repeat_outcome(run *r) {
  mst_outcome o;
  MST_TRY(mst_resume_complete(r->team, r->run_path, r->experiment, &o));
  r->context.rounds = o.rounds;
  r->ranks = (int)o.ranks;
  r->seconds = o.seconds;
  memcpy(r->digest, o.digest, sizeof r->digest);
  mst_status st = mst_team_agree(r->team, mst_resume_result(&o, r->context.result));
  mst_outcome_clear(&o);
  MST_TRY(st);
  if (!r->quiet) mst_say(r->team, "%s is complete: nothing is left to do", r->run_path);
  return mst_resume_tidy(r->team, r->run_path, mst_experiment_text(r->experiment));
}

/* Signals are only caught while somebody asks for them: the job does, also for those that came
 * while a checkpoint was chosen. A commit that has begun is short and leaves nothing half done. */
static mst_status perform(run *r) {
  MST_TRY(mst_job_check_paths(r->team, r->file, &r->schema.schema, r->experiment, r->run_path));
  MST_TRY(check_replaceable(r));
  if (r->resume && r->exists) return repeat_outcome(r);
  mst_signals_catch();
  mst_status st = perform_watched(r);
  mst_signals_release();
  return st;
}

static mst_status print_estimate(run *r) {
  MST_TRY(mst_print(r->team, "%s", mst_experiment_text(r->experiment)));
  MST_TRY(mst_print(r->team, "# needs, on %d rank%s:\n", mst_team_size(r->team),
                    mst_team_size(r->team) == 1 ? "" : "s"));
  MST_TRY(mst_print_figures(r->team, r->context.estimate, "#   "));
  return mst_print_json(
      r->team, json_pack("{s:s, s:b, s:i, s:O}", "job", r->job->name, "dry_run", 1, "ranks",
                         mst_team_size(r->team), "estimate", r->context.estimate));
}

static mst_status print_result(run *r) {
  MST_TRY(mst_print_figures(r->team, r->context.result, ""));
  MST_TRY(mst_print(r->team, "%-20s %s\n", "run", r->run_path));
  return mst_print_json(
      r->team,
      json_pack("{s:s, s:s, s:I, s:i, s:f, s:s, s:O}", "job", r->job->name, "run", r->run_path,
                "rounds", (json_int_t)r->context.rounds, "ranks", r->ranks, "seconds",
                floor(1e3 * r->seconds) / 1e3, "digest", r->digest, "result", r->context.result));
}

static mst_status run_experiment(run *r, int argc, char **argv) {
  MST_TRY(mst_team_agree(r->team, read_arguments(r, argc, argv)));
  MST_TRY(mst_experiment_read(r->team, r->file, &r->text));
  MST_TRY(mst_team_agree(r->team, read_experiment(r, NULL)));
  if (r->dry_run) {
    MST_TRY(mst_team_agree(r->team, r->job->run(&r->context)));
    return print_estimate(r);
  }
  MST_TRY(perform(r));
  return print_result(r);
}

static void clear(run *r) {
  mst_checkpoints_close(r->checkpoints);
  mst_watch_destroy(r->watch);
  json_decref(r->context.result);
  json_decref(r->context.estimate);
  mst_experiment_free(r->experiment);
  mst_job_schema_clear(&r->schema);
  mst_free(r->run_path);
  mst_free(r->override);
  mst_free(r->text);
}

static mst_status run_command(mst_team *team, int argc, char **argv) {
  run r = {.team = team};
  mst_status st = run_experiment(&r, argc, argv);
  clear(&r);
  return st;
}

/* Everything that `muster run --resume` looks at before it works, and what it would need. */
static mst_status estimate(run *r, const char *tag, mst_run_needs *needs) {
  mst_outcome outcome;
  MST_TRY(mst_experiment_read(r->team, r->file, &r->text));
  MST_TRY(mst_team_agree(r->team, read_experiment(r, tag)));
  MST_TRY(mst_job_check_paths(r->team, r->file, &r->schema.schema, r->experiment, r->run_path));
  MST_TRY(check_replaceable(r));
  if (r->exists) {
    MST_TRY(mst_resume_complete(r->team, r->run_path, r->experiment, &outcome));
    mst_outcome_clear(&outcome);
  }
  MST_TRY(mst_team_agree(r->team, r->job->run(&r->context)));
  const json_t *e = r->context.estimate;
  *needs =
      (mst_run_needs){.rank_bytes = (int64_t)json_integer_value(json_object_get(e, "rank_bytes")),
                      .node_bytes = (int64_t)json_integer_value(json_object_get(e, "node_bytes")),
                      .complete = r->exists,
                      .run_path = r->run_path};
  r->run_path = NULL;
  return MST_OK;
}

mst_status mst_run_estimate(mst_team *team, const mst_run_question *question,
                            mst_run_needs *needs) {
  const mst_run_question *q = question;
  run r = {
      .team = team, .file = q->file, .dry_run = true, .for_ranks = q->ranks, .for_nodes = q->nodes};
  *needs = (mst_run_needs){0};
  mst_status st = mst_alloc(&r.override, q->n + 1, sizeof *r.override, "overrides");
  for (int i = 0; st == MST_OK && i < q->n; i++) r.override[r.n_override++] = q->override[i];
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = estimate(&r, q->tag, needs);
  clear(&r);
  return st;
}

static const char help[] =
    "usage: muster run EXPERIMENT.yaml [options]\n"
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
    "exit codes\n"
    "  0 done   1 failed   2 bad input, or training that diverges (it would do so again)\n"
    "  3 a privacy budget refused the run\n"
    "  75 SIGTERM or SIGUSR1 ended the run in order: start it again with --resume; a second\n"
    "     SIGTERM ends it at once; under mpirun send SIGUSR1 to mpirun, which on SIGTERM exits\n"
    "     with a code of its own\n"
    "\n"
    "example\n"
    "  mpirun -n 4 muster run examples/analytic_fashion.yaml --set clients.alpha=0.1\n";

const mst_command mst_command_run = {
    .name = "run", .summary = "run an experiment", .help = help, .run = run_command};
