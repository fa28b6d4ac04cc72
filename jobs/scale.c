/* `muster scale`: how an experiment's time depends on the number of ranks. Starts the runs itself,
 * one after another, reads their run files, and fits a law to them that says what other counts
 * would bring. */
#include "jobs/scale.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/experiment.h"
#include "io/folder.h"
#include "io/paths.h"
#include "io/report_plot.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"
#include "jobs/run.h"
#include "jobs/say.h"

#define TIMEOUT_SECONDS 3600.0
#define MOST_RANKS      10000000

enum {
  OPTION_HELP,
  OPTION_RANKS,
  OPTION_WEAK,
  OPTION_GROW,
  OPTION_REPEAT,
  OPTION_PREDICT,
  OPTION_PIECES,
  OPTION_SET,
  OPTION_LAUNCHER,
  OPTION_TIMEOUT,
  OPTION_FOLDER,
  OPTION_OUTPUT,
  OPTION_JSON
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_RANKS] = {"ranks", 'r', "N,N,..."},
                                     [OPTION_WEAK] = {"weak", 'w', NULL},
                                     [OPTION_GROW] = {"grow", 'g', "key.path=NUMBER"},
                                     [OPTION_REPEAT] = {"repeat", 'k', "RUNS"},
                                     [OPTION_PREDICT] = {"predict", 'p', "N,N,..."},
                                     [OPTION_PIECES] = {"pieces", 0, "N"},
                                     [OPTION_SET] = {"set", 's', "key.path=value"},
                                     [OPTION_LAUNCHER] = {"launcher", 0, "COMMAND"},
                                     [OPTION_TIMEOUT] = {"timeout", 't', "SECONDS"},
                                     [OPTION_FOLDER] = {"folder", 0, "FOLDER"},
                                     [OPTION_OUTPUT] = {"output", 'o', "FILE.html"},
                                     [OPTION_JSON] = {"json", 'j', NULL},
                                     {NULL, 0, NULL}};

static int ascending(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* "1,2,4", in any order, none twice. */
static mst_status read_ranks(const char *option, const char *text, int64_t *list, int *n) {
  *n = 0;
  for (const char *at = text;; at++) {
    char word[32];
    const size_t length = strcspn(at, ",");
    if (*n == MST_SCALE_COUNTS)
      return mst_fail(MST_ERR_INPUT, "option --%s: more than %d numbers", option, MST_SCALE_COUNTS);
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), at);
    MST_TRY(mst_argument_int(option, word, 1, MOST_RANKS, &list[(*n)++]));
    at += length;
    if (*at == '\0') break;
  }
  qsort(list, (size_t)*n, sizeof *list, ascending);
  for (int i = 1; i < *n; i++)
    if (list[i] == list[i - 1])
      return mst_fail(MST_ERR_INPUT, "option --%s: %" PRId64 " is given twice", option, list[i]);
  return MST_OK;
}

/* What is checked when all options are known. */
typedef struct given {
  const char *ranks, *repeat, *predict, *pieces, *launcher, *timeout;
} given;

static mst_status check_options(mst_scale *s, const given *g) {
  int64_t ranks[MST_SCALE_COUNTS];
  const char *missing = s->file == NULL    ? "an experiment file"
                        : g->ranks == NULL ? "--ranks N,N,..."
                                           : NULL;
  if (missing != NULL)
    return mst_fail(
        MST_ERR_INPUT,
        "muster scale needs %s, as in 'muster scale experiment.yaml --ranks 1,2,4' (see "
        "muster scale --help)",
        missing);
  if (mst_team_size(s->team) > 1)
    return mst_fail(MST_ERR_INPUT,
                    "muster scale starts the ranks itself: start it alone, not under a launcher");
  MST_TRY(read_ranks("ranks", g->ranks, ranks, &s->counts));
  for (int i = 0; i < s->counts; i++) s->count[i].ranks = ranks[i];
  if (g->predict != NULL) MST_TRY(read_ranks("predict", g->predict, s->predict, &s->predicts));
  if (s->predicts > 0 && s->counts < 2)
    return mst_fail(MST_ERR_INPUT, "option --predict needs two rank counts or more: --ranks 1,2,4");
  if (g->repeat != NULL) MST_TRY(mst_argument_int("repeat", g->repeat, 1, 1000, &s->repeat));
  if (g->pieces != NULL)
    MST_TRY(mst_argument_int("pieces", g->pieces, 1, INT64_MAX / 2, &s->pieces));
  if (g->timeout != NULL) MST_TRY(mst_argument_real("timeout", g->timeout, &s->timeout));
  if (!(s->timeout >= 0))
    return mst_fail(MST_ERR_INPUT, "option --timeout: '%s' is negative", g->timeout);
  if (s->output != NULL &&
      (strlen(s->output) < 6 || strcmp(s->output + strlen(s->output) - 5, ".html") != 0))
    return mst_fail(MST_ERR_INPUT, "option --output: '%s' does not end in .html", s->output);
  return mst_scale_launcher(s, g->launcher);
}

static void take_option(mst_scale *s, given *g, int index, const char *value) {
  switch (index) {
    case OPTION_RANKS: g->ranks = value; break;
    case OPTION_WEAK: s->weak = true; break;
    case OPTION_GROW:
      s->grow[s->grows++] = value;
      s->weak = true;
      break;
    case OPTION_REPEAT: g->repeat = value; break;
    case OPTION_PREDICT: g->predict = value; break;
    case OPTION_PIECES: g->pieces = value; break;
    case OPTION_SET: s->set[s->sets++] = value; break;
    case OPTION_LAUNCHER: g->launcher = value; break;
    case OPTION_TIMEOUT: g->timeout = value; break;
    case OPTION_FOLDER: s->folder_given = value; break;
    case OPTION_OUTPUT: s->output = value; break;
    case OPTION_JSON: s->json = true; break;
    default: break;
  }
}

static mst_status read_arguments(mst_scale *s, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  given g = {NULL, NULL, NULL, NULL, NULL, NULL};
  MST_TRY(mst_alloc(&s->set, argc, sizeof *s->set, "overrides"));
  MST_TRY(mst_alloc(&s->grow, argc, sizeof *s->grow, "keys that grow"));
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) return check_options(s, &g);
    if (kind == MST_ARGUMENT_OPTION) {
      take_option(s, &g, index, value);
      continue;
    }
    if (s->file != NULL)
      return mst_fail(MST_ERR_INPUT,
                      "muster scale takes one experiment file, but '%s' follows '%s'", value,
                      s->file);
    s->file = value;
  }
}

/* Where the run file of the experiment would be: the runs' own lie near it, on the same file
 * system. */
static mst_status find_place(mst_scale *s) {
  mst_run r = {.team = s->team,
               .file = s->file,
               .text = s->text,
               .n_override = s->sets,
               .override = s->set,
               .dry_run = true,
               .quiet = true,
               .in_grid = s->json};
  mst_status st = mst_run_open(&r);
  if (st == MST_OK) st = mst_text_copy(r.run_path, &s->run_path);
  mst_run_clear(&r);
  MST_TRY(st);
  if (s->output == NULL) return MST_OK;
  const mst_named_path file[] = {{.key = "the experiment file", .path = s->file},
                                 {.key = "--output",
                                  .path = s->output,
                                  .written = true,
                                  .told = true,
                                  .opening = MST_SCALE_OPENING}};
  MST_TRY(mst_paths_check(s->team, file, 2));
  return mst_plot_check();
}

static mst_status make_folder(mst_scale *s) {
  if (s->folder_given == NULL) return mst_folder_make_beside(s->run_path, "scale", s->folder);
  if (strlen(s->folder_given) >= sizeof s->folder)
    return mst_fail(MST_ERR_INPUT, "option --folder: the name is too long");
  strcpy(s->folder, s->folder_given);
  return mst_folder_make(s->team, s->folder);
}

/* The first failure is that of the command; what was measured is there all the same. */
static mst_status end_of(const mst_scale *s) {
  int failed = 0;
  const mst_scale_count *first = NULL;
  for (int i = 0; i < s->counts; i++) {
    if (s->count[i].error == NULL) continue;
    failed++;
    if (first == NULL) first = &s->count[i];
  }
  if (failed > 0)
    return mst_fail(first->failed, "%d of %d rank counts failed, the first: %" PRId64 " rank%s: %s",
                    failed, s->counts, first->ranks, first->ranks == 1 ? "" : "s", first->error);
  if (s->differ && !s->fast)
    return mst_fail(MST_ERR_INTERNAL,
                    "the same experiment did not give the same bits on all rank counts");
  if (s->predicts > 0 && !s->has_law)
    return mst_fail(MST_ERR_INPUT, "nothing can be predicted from these runs");
  return MST_OK;
}

static mst_status conclude(mst_scale *s) {
  MST_TRY(mst_scale_conclude(s));
  if (!s->json) MST_TRY(mst_scale_print(s));
  if (s->output != NULL && mst_scale_base(s) != NULL) {
    MST_TRY(mst_scale_write_page(s));
    mst_say_kept(s->output);
  }
  MST_TRY(mst_print_json(s->team, mst_scale_json(s)));
  return end_of(s);
}

/* Ctrl-C ends the series as SIGTERM does. */
static mst_status measure(mst_scale *s) {
  struct sigaction caught, before;
  mst_signals_catch();
  sigaction(SIGTERM, NULL, &caught);
  sigaction(SIGINT, &caught, &before);
  mst_status st = make_folder(s);
  if (st == MST_OK) {
    st = mst_scale_plan(s);
    if (st == MST_OK) st = mst_scale_measure(s);
    if (s->folder_given == NULL) mst_folder_remove(s->folder);
  }
  sigaction(SIGINT, &before, NULL);
  mst_signals_release();
  return st;
}

static mst_status perform(mst_scale *s, int argc, char **argv) {
  MST_TRY(mst_team_agree(s->team, read_arguments(s, argc, argv)));
  MST_TRY(mst_experiment_read(s->team, s->file, &s->text));
  MST_TRY(find_place(s));
  MST_TRY(measure(s));
  return conclude(s);
}

static mst_status scale_command(mst_team *team, int argc, char **argv) {
  mst_scale *s = NULL;
  MST_TRY(mst_team_agree(team, mst_alloc(&s, 1, sizeof *s, "series of runs")));
  *s = (mst_scale){.team = team, .repeat = 1, .timeout = TIMEOUT_SECONDS};
  mst_status st = perform(s, argc, argv);
  for (int i = 0; i < s->counts; i++) {
    for (int k = 0; k < s->count[i].runs; k++) json_decref(s->count[i].trial[k].phase);
    mst_free(s->count[i].trial);
    mst_free(s->count[i].error);
  }
  for (int i = 0; i < s->words; i++) mst_free(s->word[i]);
  mst_free(s->measured);
  mst_free(s->run_path);
  mst_free(s->text);
  mst_free(s->set);
  mst_free(s->grow);
  mst_free(s);
  return st;
}

static const char help[] =
    "usage: muster scale EXPERIMENT.yaml --ranks 1,2,4 [options]\n"
    "\n"
    "How fast is the experiment on more ranks? It is run on each count, one run after another, as\n"
    "muster run does it, and the table shows seconds, speed-up and efficiency, work and\n"
    "communication, how evenly the work lies, bytes and phases. The runs must have the same bits.\n"
    "From them follows what other counts would bring, with an interval that tells how much the\n"
    "runs leave open. Start it alone: it starts the ranks itself.\n"
    "\n"
    "options\n"
    "  -r, --ranks N,N,...       rank counts to run on; must be given\n"
    "  -w, --weak                weak scaling: the work grows with the ranks, and the largest "
    "count\n"
    "                            does all of it. Of analytic, pca, naive_bayes and sketch the "
    "rows\n"
    "                            grow (data.rows), of federated the clients of a round\n"
    "                            (method.cohort, or method.participation with bernoulli "
    "sampling),\n"
    "                            of train rows and batch, of bandit the agents. (default: strong\n"
    "                            scaling, the same work on every count)\n"
    "  -g, --grow KEY.PATH=NUMBER  weak scaling in which this key is NUMBER times the ranks, "
    "instead\n"
    "                            of the keys above; may be given several times, the first tells "
    "the\n"
    "                            work (default: none)\n"
    "  -k, --repeat RUNS         runs on each count, of which the median is shown; they also tell\n"
    "                            how much times spread (default: 1)\n"
    "  -p, --predict N,N,...     rank counts to forecast (default: none)\n"
    "      --pieces N            pieces that the work is dealt in: more ranks cannot share it\n"
    "                            (default: blocks of 512 rows, clients of a round; of other jobs\n"
    "                            not known)\n"
    "  -s, --set KEY.PATH=VALUE  as of muster run; may be given several times (default: none)\n"
    "      --launcher COMMAND    starts ranks as COMMAND -n N does (default: the environment's\n"
    "                            MPIRUN, else mpirun, else srun)\n"
    "  -t, --timeout SECONDS     of one run, which is then ended; 0: none (default: 3600)\n"
    "      --folder FOLDER       keep the run files there (default: a folder beside the\n"
    "                            experiment's run file, removed at the end)\n"
    "  -o, --output FILE.html    also write a page of figures and tables, drawn by gnuplot\n"
    "                            (default: none)\n"
    "  -j, --json                print the JSON line only (default: tables too)\n"
    "  -h, --help                this text\n"
    "\n"
    "output\n"
    "  Seconds are those of the slowest rank from reading the experiment to the run file, without\n"
    "  the launcher's. Bytes are those of the rank that moved most, by messages and shared "
    "memory.\n"
    "  cpu is the share of a processor that a rank had. The last line is one JSON object: scale\n"
    "  (strong or weak), experiment, job, launcher, pieces, same_digest, rows: [{name, ranks, "
    "runs,\n"
    "  seconds, all_seconds, speed_up, efficiency, limit (seconds without any loss), limit_of,\n"
    "  ratio (limit over seconds), share (of the largest count's work), work_seconds, "
    "comm_seconds,\n"
    "  balance, processor, mpi_bytes, shared_bytes, nodes, crowded (more ranks than processors),\n"
    "  digest, phases; or error}], law, forecast: [{ranks, seconds, low, high, efficiency, bytes,\n"
    "  limit}].\n"
    "\n"
    "exit codes\n"
    "  0 done   1 a run failed, or the runs do not have the same bits; the others are shown\n"
    "  2 bad input   75 a signal ended the series: nothing is left of it\n"
    "\n"
    "example\n"
    "  muster scale examples/analytic_fashion.yaml --ranks 1,2,4 --repeat 3 --predict 64,1024\n"
    "  muster scale examples/federated_fashion.yaml --ranks 1,2 --grow method.cohort=10 \\\n"
    "    --set method.sampling=fixed --set method.rounds=5\n";

const mst_command mst_command_scale = {.name = "scale",
                                       .summary = "an experiment's speed on more ranks",
                                       .help = help,
                                       .run = scale_command};
