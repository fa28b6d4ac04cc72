/* The `muster` command: the environment that BLAS needs, MPI, the team, the subcommand, and one
 * message and one exit code for all ranks. Help and version need no MPI. */
#include "core/base/word.h"
#include "io/file.h"
#include "io/note.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/output.h"
#include "jobs/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

static const mst_command *const commands[] = {&mst_command_run, &mst_command_submit,
                                              &mst_command_scale,
                                              &mst_command_import,
                                              &mst_command_report, &mst_command_predict, &mst_command_merge,
                                              &mst_command_aggregate, &mst_command_account,
                                              &mst_command_inspect, &mst_command_bench,
                                              &mst_command_list};
#define COMMANDS ((int)(sizeof commands / sizeof commands[0]))

/* OpenBLAS starts its threads while it is loaded, before main, as many as its environment says: on a
 * node full of ranks that is the square of its cores. So where the environment does not say one, it
 * is set and the program starts itself once more. Without /proc, or under valgrind, the program goes
 * on as it is, with threads that stay idle. */
static void prepare_blas(char **argv) {
  static const char *const self = "/proc/self/exe";
  const char *threads = getenv("OPENBLAS_NUM_THREADS"), *preload = getenv("LD_PRELOAD");
  if (threads != NULL && strcmp(threads, "1") == 0) return;
  if (preload != NULL && strstr(preload, "vgpreload") != NULL) return;
  if (access(self, R_OK | X_OK) == 0 && setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0)
    execv(self, argv);
}

/* The rank that a launcher gives before MPI starts; 0 without one. */
static int launched_rank(void) {
  static const char *const name[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                     "SLURM_PROCID"};
  for (int i = 0; i < 4; i++)
    if (getenv(name[i]) != NULL) return atoi(getenv(name[i]));
  return 0;
}

/* For fault tests: MUSTER_FAIL_ALLOCATION=RANK:N makes the N-th allocation of one rank fail. */
static void plant_fault(const mst_team *team) {
  const char *fault = getenv("MUSTER_FAIL_ALLOCATION");
  if (fault == NULL) return;
  char *end;
  long rank = strtol(fault, &end, 10);
  if (*end == ':' && rank == mst_team_rank(team)) mst_memory_fail_at(atoll(end + 1));
}

static const char *command_name(int i) {
  return i < COMMANDS ? commands[i]->name : NULL;
}

static const mst_command *find_command(const char *name) {
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i]->name, name) == 0) return commands[i];
  return NULL;
}

static void print_help(void) {
  printf("usage: muster COMMAND [arguments]\n"
         "       mpirun -n RANKS muster COMMAND [arguments]\n"
         "\n"
         "Distributed training for HPC clusters: experiments are YAML files, data and results are\n"
         "HDF5 files, the same experiment gives the same bits on any number of ranks.\n"
         "\n"
         "commands\n");
  for (int i = 0; i < COMMANDS; i++)
    printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
  printf("\n"
         "options\n"
         "  -h, --help            this text; muster COMMAND --help explains a command\n"
         "      --version         versions of muster and of the libraries that it uses\n"
         "      --no-shared-memory  ranks of a node exchange messages instead of sharing memory\n"
         "                        (default: share)\n"
         "\n"
         "environment\n"
         "  MUSTER_SHARED_MEMORY  0: as --no-shared-memory (default: 1)\n"
         "  MUSTER_STATUS         file that takes one line at the end: exit code and a word that\n"
         "                        says why (default: none)\n"
         "  OPENBLAS_CORETYPE     OpenBLAS kernels (default: chosen for the CPU)\n"
         "\n"
         "exit codes\n"
         "  0 done   1 failed   2 bad input, or training that diverges: the same start would end so again\n"
         "  3 a privacy budget refused the run\n"
         "  75 SIGTERM or SIGUSR1 ended the run in order: start it again with --resume\n"
         "\n"
         "example\n"
         "  muster import fashion-mnist\n"
         "  mpirun -n 2 muster run examples/analytic_fashion.yaml\n");
}

static const char *job_name(int i) {
  return mst_job_at(i) != NULL ? mst_job_at(i)->name : NULL;
}

/* --help of a command, and for `run --help JOB` the job's keys. */
static mst_status print_command_help(const mst_command *c, const char *word) {
  bool asks_job = c == &mst_command_run && word != NULL;
  const mst_job_ops *job = asks_job ? mst_job_find(word) : NULL;
  if (asks_job && job == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "there is no help for job '%s'; the nearest is %s (see muster list jobs)", word,
                    mst_word_nearest(word, job_name));
  fputs(c->help, stdout);
  if (!asks_job) return MST_OK;
  putchar('\n');
  return mst_job_describe(job);
}

static mst_status unknown_command(const char *word) {
  return mst_fail(MST_ERR_INPUT, "unknown %s '%s': the nearest is %s (see muster --help)",
                  word[0] == '-' ? "option" : "command", word,
                  word[0] == '-' ? "--help" : mst_word_nearest(word, command_name));
}

static bool is_help(const char *argument) {
  return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* Take --no-shared-memory out of the arguments, wherever it stands before "--". */
static bool take_shared_memory(int *argc, char **argv) {
  const char *setting = getenv("MUSTER_SHARED_MEMORY");
  bool shared = setting == NULL || strcmp(setting, "0") != 0;
  int kept = 1, i = 1;
  for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "--no-shared-memory") == 0)
      shared = false;
    else
      argv[kept++] = argv[i];
  }
  for (; i < *argc; i++) argv[kept++] = argv[i];
  *argc = kept;
  argv[kept] = NULL;
  return shared;
}

/* What needs no MPI: help and version, printed by one rank. True when that was all. */
static bool answer_alone(int argc, char **argv, mst_status *st) {
  bool first = launched_rank() == 0;
  *st = MST_OK;
  if (argc < 2 || is_help(argv[1]) || (strcmp(argv[1], "help") == 0 && argc == 2)) {
    if (first) print_help();
    return true;
  }
  if (strcmp(argv[1], "--version") == 0) {
    if (first) mst_print_version();
    return true;
  }
  bool asked = strcmp(argv[1], "help") == 0;
  const mst_command *c = find_command(argv[asked ? 2 : 1]);
  int at = asked ? 2 : 1;
  for (int i = 2; !asked && i < argc && strcmp(argv[i], "--") != 0; i++)
    if (is_help(argv[i])) {
      asked = true;
      at = i;
    }
  if (!asked) return false;
  if (c == NULL)
    *st = unknown_command(argv[argc > 2 && strcmp(argv[1], "help") == 0 ? 2 : 1]);
  else if (first)
    *st = print_command_help(c, at + 1 < argc ? argv[at + 1] : NULL);
  if (*st != MST_OK && first) fprintf(stderr, "muster: %s\n", mst_status_detail());
  return true;
}

/* For the script that started the command: MUSTER_STATUS=FILE takes "CODE WORD". A launcher's exit code
 * does not tell a failure of the command from a lost node. */
static void note_end(mst_status st) {
  const char *path = getenv("MUSTER_STATUS");
  char line[64];
  if (path == NULL || path[0] == '\0') return;
  snprintf(line, sizeof line, "%d %s", mst_status_exit_code(st), mst_status_name(st));
  if (mst_note_write(path, line) != MST_OK)
    fprintf(stderr, "muster: MUSTER_STATUS: %s\n", mst_status_detail());
}

/* The command on a team; one status for all ranks, told once. */
static mst_status run_on_team(mst_team *team, int argc, char **argv) {
  plant_fault(team);
  const mst_command *c = find_command(argv[1]);
  mst_status st = c != NULL ? c->run(team, argc - 1, argv + 1) : unknown_command(argv[1]);
  if (st == MST_OK) st = mst_print_end(team);
  st = mst_team_agree(team, st);
  if (st != MST_OK) mst_say_failure(team);
  if (mst_team_rank(team) == 0) note_end(st);
  return st;
}

int main(int argc, char **argv) {
  mst_file_fill_descriptors();
  prepare_blas(argv);
  mst_status st = MST_OK;
  bool shared = take_shared_memory(&argc, argv);
  if (answer_alone(argc, argv, &st)) {
    if (st == MST_OK && (fflush(stdout) != 0 || ferror(stdout))) {
      st = MST_ERR_IO;
      fprintf(stderr, "muster: standard output cannot be written\n");
    }
    return mst_status_exit_code(st);
  }
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    fprintf(stderr, "muster: MPI cannot be started\n");
    return mst_status_exit_code(MST_ERR_COMM);
  }
  mst_blas_init();
  mst_team *team = NULL;
  mst_team_options team_options = mst_team_defaults();
  team_options.shared_memory = shared;
  st = mst_team_create(MPI_COMM_WORLD, &team_options, &team);
  if (st == MST_OK) {
    st = run_on_team(team, argc, argv);
  } else if (launched_rank() == 0) {
    fprintf(stderr, "muster: %s\n", mst_status_detail());
    note_end(st);
  }
  mst_team_destroy(team);
  MPI_Finalize();
  return mst_status_exit_code(st);
}
