/* `muster merge`: networks of several runs brought to the first one and averaged, and what happens
 * on the straight path between them. doc/methods/merging.md. */
#include <math.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/merge/path.h"
#include "io/paths.h"
#include "io/text.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/data.h"
#include "jobs/model.h"
#include "jobs/output.h"
#include "jobs/rebuild.h"
#include "jobs/record.h"
#include "jobs/say.h"
#include "parallel/merge.h"

#define MOST_RUNS    32
#define LEAST_POINTS 3 /* the ends and one between */
#define MOST_POINTS  10001
#define WINDOW_BYTES ((int64_t)256 << 20) /* of rows that a rank reads at a time */

/* A path is scored before and after a matching; what is kept of the scores. */
enum {
  BEFORE,
  AFTER,
  TIMES
};
enum {
  LOSS,
  ACCURACY,
  FIGURES
};

typedef struct merge {
  mst_team *team;
  int n;
  const char *path[MOST_RUNS];
  const char *data, *output, *word; /* word: --matching */
  int64_t points;
  const mst_matching_ops *matching;

  mst_rebuilt run[MOST_RUNS]; /* parameters of all but the first are permuted */
  mst_job_set set;
  mst_test_rows rows;
  mst_symmetry symmetry;
  int64_t *unit;
  float *scratch, *mean;
  mst_score *score;               /* (points) of a path                */
  double *figure[TIMES][FIGURES]; /* (n - 1, points)                   */
  double barrier[TIMES];          /* the largest of all paths          */
  mst_score merged;
  char digest[MST_DIGEST_HEX]; /* of the file that is written */
} merge;

enum {
  OPTION_HELP,
  OPTION_DATA,
  OPTION_MATCHING,
  OPTION_POINTS,
  OPTION_OUTPUT
};
static const mst_option options[] = {
    [OPTION_HELP] = {"help", 'h', NULL},           [OPTION_DATA] = {"data", 'd', "FILE.h5"},
    [OPTION_MATCHING] = {"matching", 'm', "NAME"}, [OPTION_POINTS] = {"points", 'p', "N"},
    [OPTION_OUTPUT] = {"output", 'o', "FILE.h5"},  {NULL, 0, NULL}};

static mst_status take_argument(merge *m, mst_argument kind, int index, const char *value) {
  if (kind == MST_ARGUMENT_OPERAND) {
    if (m->n == MOST_RUNS)
      return mst_fail(MST_ERR_INPUT, "muster merge takes at most %d run files", MOST_RUNS);
    m->path[m->n++] = value;
    return MST_OK;
  }
  if (index == OPTION_DATA) m->data = value;
  if (index == OPTION_MATCHING) m->word = value;
  if (index == OPTION_OUTPUT) m->output = value;
  if (index == OPTION_POINTS)
    return mst_argument_int("--points", value, LEAST_POINTS, MOST_POINTS, &m->points);
  return MST_OK;
}

static mst_status read_arguments(merge *m, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    MST_TRY(take_argument(m, kind, index, value));
  }
  m->matching = mst_matching_find(m->word);
  if (m->matching == NULL) return mst_matching_refuse("--matching", m->word);
  if (m->n >= 2 && m->data != NULL && m->output != NULL) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "muster merge needs %s, as in 'muster merge a.h5 b.h5 --data data.h5 -o "
                  "merged.h5' (see muster merge --help)",
                  m->n < 2          ? "two run files or more"
                  : m->data == NULL ? "a dataset to score on, --data FILE.h5"
                                    : "the file to write, -o FILE.h5");
}

static mst_status check_files(merge *m) {
  mst_named_path file[MOST_RUNS + 2];
  int n = 0;
  for (int i = 0; i < m->n; i++)
    file[n++] = (mst_named_path){.key = "a run file", .path = m->path[i], .told = true};
  file[n++] = (mst_named_path){.key = "--data", .path = m->data, .told = true};
  file[n++] = (mst_named_path){.key = "--output", .path = m->output, .written = true};
  bool exists = false;
  MST_TRY(mst_paths_check(m->team, file, n));
  return mst_job_check_replaceable(m->team, "--output", m->output, &exists);
}

static mst_status check_runs(const merge *m) {
  const mst_dataset_info *info = m->set.info;
  if (info->target == MST_TARGET_NONE)
    return mst_fail(MST_ERR_INPUT, "%s: the dataset has no /y to score the networks on", m->data);
  for (int i = 0; i < m->n; i++)
    if (m->run[i].job == &mst_job_analytic)
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "%s: a run of job 'analytic' holds a closed-form solution, not a network "
                      "with units",
                      m->path[i]);
  return mst_rebuilt_check(&m->run[0], m->data, info);
}

static mst_status check_same(const merge *m) {
  for (int i = 1; i < m->n; i++) MST_TRY(mst_rebuilt_check_same(&m->run[0], &m->run[i]));
  return mst_model_refuse_shared(m->run[0].model, "muster merge",
                                 "the running statistics of a mean of networks are not the mean of "
                                 "theirs");
}

static mst_status read_runs(merge *m) {
  for (int i = 0; i < m->n; i++) MST_TRY(mst_rebuilt_open(m->team, m->path[i], &m->run[i]));
  m->set.team = m->team;
  MST_TRY(mst_dataset_open(m->team, m->data, &m->set.file));
  m->set.info = mst_dataset_about(m->set.file);
  MST_TRY(mst_team_agree(m->team, check_runs(m)));
  for (int i = 0; i < m->n; i++) MST_TRY(mst_rebuilt_load(m->team, &m->run[i]));
  return mst_team_agree(m->team, check_same(m));
}

static mst_status read_rows(merge *m) {
  int64_t first = 0;
  MST_TRY(mst_job_set_read(&m->set, WINDOW_BYTES));
  if (mst_rows_nonfinite(m->set.rows, &first) > 0)
    return mst_fail(MST_ERR_NONFINITE, "%s: row %lld, counted from 0, holds NaN or infinity",
                    m->data, (long long)first);
  MST_TRY(mst_job_set_place(&m->set, 1));
  m->rows = (mst_test_rows){.rows = m->set.rows,
                            .roster = m->set.roster,
                            .label = m->set.label,
                            .features = m->run[0].features};
  return MST_OK;
}

static mst_status make_room(merge *m) {
  int64_t cells = (m->n - 1) * m->points;
  MST_TRY(mst_symmetry_find(m->run[0].model, &m->symmetry));
  for (int k = 0; k < TIMES; k++)
    for (int f = 0; f < FIGURES; f++)
      MST_TRY(mst_alloc(&m->figure[k][f], cells, sizeof(double), "scores of paths"));
  MST_TRY(mst_alloc(&m->score, m->points, sizeof *m->score, "scores of a path"));
  MST_TRY(mst_alloc(&m->unit, m->symmetry.units, sizeof *m->unit, "matched units"));
  MST_TRY(mst_alloc(&m->scratch, mst_symmetry_scratch(&m->symmetry), sizeof *m->scratch,
                    "moved units"));
  return mst_alloc(&m->mean, m->run[0].model->parameters, sizeof *m->mean, "merged parameters");
}

/* Score the path from the first network to run i, from 1, as it is now. */
static mst_status score_path(merge *m, int i, int when) {
  const mst_rebuilt *a = &m->run[0];
  int64_t at = (i - 1) * m->points;
  MST_TRY(mst_merge_path(m->team, a->model, a->w, m->run[i].w, (int)m->points, &m->rows, m->score));
  for (int64_t k = 0; k < m->points; k++) {
    m->figure[when][LOSS][at + k] = m->score[k].loss;
    m->figure[when][ACCURACY][at + k] = m->score[k].accuracy;
  }
  double barrier = mst_merge_barrier((int)m->points, m->figure[when][LOSS] + at);
  double *most = &m->barrier[when];
  if (!isnan(*most) && !(barrier <= *most)) *most = barrier; /* one that is not finite stays */
  return MST_OK;
}

/* Run i, from 1, is brought to the first. */
static mst_status align(merge *m, int i) {
  const mst_match_pair pair = {.symmetry = &m->symmetry,
                               .a = m->run[0].w,
                               .b = m->run[i].w,
                               .seed = mst_job_seed(m->run[0].experiment),
                               .pair = i};
  MST_TRY(score_path(m, i, BEFORE));
  MST_TRY(mst_merge_match(m->team, m->run[0].model, m->matching, &pair, &m->rows, m->unit));
  mst_symmetry_permute(&m->symmetry, m->unit, m->run[i].w, m->scratch);
  return score_path(m, i, AFTER);
}

static mst_status average(merge *m) {
  const mst_model *model = m->run[0].model;
  const float *network[MOST_RUNS];
  mst_model_work *work = NULL;
  for (int i = 0; i < m->n; i++) network[i] = m->run[i].w;
  mst_merge_mean(model->parameters, m->n, network, m->mean);
  mst_status st = mst_team_agree(m->team, mst_model_work_create(model, MST_BLOCK_ROWS, &work));
  if (st == MST_OK) st = mst_score_test(m->team, model, m->mean, &m->rows, work, &m->merged);
  mst_model_work_destroy(work);
  return st;
}

static mst_status list_model(merge *m, mst_state *state) {
  const mst_rebuilt *a = &m->run[0];
  MST_TRY(mst_job_list_tensors(a->model, m->mean, a->model->parameters, state));
  return mst_features_parameters(a->features, state);
}

/* The scores of the paths: a row a network, a column a place on its path. */
static mst_status list_paths(merge *m, mst_state *state) {
  static const char *const name[TIMES][FIGURES] = {{"loss_before", "accuracy_before"},
                                                   {"loss_after", "accuracy_after"}};
  const int64_t shape[2] = {m->n - 1, m->points};
  for (int k = 0; k < TIMES; k++)
    for (int f = 0; f < FIGURES; f++)
      if (f != ACCURACY || m->rows.label != NULL)
        MST_TRY(mst_state_add(state, name[k][f], MST_F64, 2, shape, m->figure[k][f]));
  return MST_OK;
}

/* The arrays that `list` names: the model for group NULL. */
static mst_status write_arrays(merge *m, mst_runfile *file, const char *group,
                               mst_status (*list)(merge *m, mst_state *state)) {
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_team_agree(m->team, list(m, &state));
  if (st == MST_OK)
    st = group == NULL ? mst_runfile_model(file, &state) : mst_runfile_arrays(file, group, &state);
  mst_state_clear(&state);
  return st;
}

/* What it was made of: the runs' digests and the dataset's. */
static mst_status write_inputs(merge *m, mst_runfile *file) {
  char name[32], hex[MST_DIGEST_HEX];
  for (int i = 0; i < m->n; i++) {
    snprintf(name, sizeof name, "merge.run%d", i + 1);
    MST_TRY(mst_runfile_input(file, name, m->run[i].outcome.digest));
  }
  MST_TRY(mst_dataset_digest_end(m->team, m->set.info, &m->set.digest, hex));
  return mst_runfile_input(file, "merge.data", hex);
}

static mst_status write_figures(merge *m, mst_runfile *file) {
  const mst_metric metric[] = {{"loss", m->merged.loss}, {"accuracy", m->merged.accuracy}};
  bool classes = m->rows.label != NULL;
  MST_TRY(mst_runfile_round(file, 1, classes ? 2 : 1, metric));
  mst_runfile_rounds(file, 1);
  if (classes) MST_TRY(mst_runfile_result(file, "accuracy", m->merged.accuracy));
  MST_TRY(mst_runfile_result(file, "loss", m->merged.loss));
  MST_TRY(mst_runfile_result(file, "barrier_before", m->barrier[BEFORE]));
  MST_TRY(mst_runfile_result(file, "barrier_after", m->barrier[AFTER]));
  return mst_runfile_result_int(file, "networks", m->n);
}

static mst_status write_parts(merge *m, mst_runfile *file) {
  const mst_rebuilt *a = &m->run[0];
  MST_TRY(write_arrays(m, file, NULL, list_model));
  MST_TRY(write_inputs(m, file));
  MST_TRY(write_figures(m, file));
  MST_TRY(mst_record_shape(m->team, file, &a->features->shape, a->n_classes, a->outputs));
  return write_arrays(m, file, "merge", list_paths);
}

/* A run of the first one's experiment, as far as its model goes. */
static mst_status write_run(merge *m) {
  const mst_rebuilt *a = &m->run[0];
  mst_runfile *file = NULL;
  MST_TRY(mst_runfile_create(m->team, m->output, a->job->name, a->outcome.experiment,
                             mst_job_seed(a->experiment), &file));
  mst_status st = write_parts(m, file);
  if (st != MST_OK) {
    mst_runfile_abandon(file);
    return st;
  }
  MST_TRY(mst_runfile_commit(file, m->digest));
  mst_say_kept(m->output);
  return MST_OK;
}

/* One path: a line a place. */
static mst_status print_path(const merge *m, int i) {
  bool classes = m->rows.label != NULL;
  MST_TRY(mst_print(m->team, "from %s to %s\n", m->path[0], m->path[i]));
  MST_TRY(mst_print(m->team, "  %-7s %12s %12s", "t", "loss", "matched"));
  MST_TRY(mst_print(m->team, classes ? " %12s %12s\n" : "\n", "accuracy", "matched"));
  for (int64_t k = 0; k < m->points; k++) {
    int64_t at = (i - 1) * m->points + k;
    MST_TRY(mst_print(m->team, "  %-7.4f %12.6g %12.6g", mst_merge_place((int)m->points, (int)k),
                      m->figure[BEFORE][LOSS][at], m->figure[AFTER][LOSS][at]));
    MST_TRY(mst_print(m->team, classes ? " %12.6g %12.6g\n" : "\n", m->figure[BEFORE][ACCURACY][at],
                      m->figure[AFTER][ACCURACY][at]));
  }
  return MST_OK;
}

static json_t *list_runs(const merge *m) {
  json_t *runs = json_array();
  for (int i = 0; i < m->n && runs != NULL; i++)
    if (json_array_append_new(runs, json_string(m->path[i])) != 0) {
      json_decref(runs);
      return NULL;
    }
  return runs;
}

/* The JSON line; NULL when it cannot be made. */
static json_t *describe_results(const merge *m, double seconds) {
  json_t *result =
      json_pack("{s:o, s:o, s:o, s:o}", "barrier_before", mst_json_real(m->barrier[BEFORE]),
                "barrier_after", mst_json_real(m->barrier[AFTER]), "accuracy",
                mst_json_real(m->merged.accuracy), "loss", mst_json_real(m->merged.loss));
  return json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:i, s:f, s:s, s:o}", "runs", list_runs(m),
                   "data", m->data, "run", m->output, "matching", m->matching->name, "points",
                   (json_int_t)m->points, "rows", (json_int_t)m->set.info->rows, "ranks",
                   mst_team_size(m->team), "seconds", floor(1e3 * seconds) / 1e3, "digest",
                   m->digest, "result", result);
}

static mst_status print_results(const merge *m, double started) {
  char number[MST_NUMBER];
  for (int i = 1; i < m->n; i++) MST_TRY(print_path(m, i));
  const struct {
    const char *name;
    double value;
  } figure[] = {{"barrier_before", m->barrier[BEFORE]},
                {"barrier_after", m->barrier[AFTER]},
                {"loss", m->merged.loss},
                {"accuracy", m->merged.accuracy}};
  for (int i = 0; i < (m->rows.label != NULL ? 4 : 3); i++)
    MST_TRY(
        mst_print(m->team, "%-20s %s\n", figure[i].name, mst_text_real(figure[i].value, number)));
  MST_TRY(mst_print(m->team, "%-20s %s\n", "run", m->output));
  return mst_print_json(m->team, describe_results(m, mst_clock_seconds() - started));
}

static mst_status perform(merge *m, int argc, char **argv) {
  double started = mst_clock_seconds();
  MST_TRY(mst_team_agree(m->team, read_arguments(m, argc, argv)));
  MST_TRY(check_files(m));
  MST_TRY(read_runs(m));
  MST_TRY(mst_team_agree(m->team, make_room(m)));
  MST_TRY(read_rows(m));
  for (int i = 1; i < m->n; i++) MST_TRY(align(m, i));
  MST_TRY(average(m));
  MST_TRY(write_run(m));
  return mst_team_agree(m->team, print_results(m, started));
}

static mst_status merge_command(mst_team *team, int argc, char **argv) {
  merge m = {.team = team, .word = "weights", .points = 11};
  mst_status st = perform(&m, argc, argv);
  for (int k = 0; k < TIMES; k++)
    for (int f = 0; f < FIGURES; f++) mst_free(m.figure[k][f]);
  mst_free(m.score);
  mst_free(m.unit);
  mst_free(m.scratch);
  mst_free(m.mean);
  mst_symmetry_clear(&m.symmetry);
  mst_job_set_clear(&m.set);
  for (int i = 0; i < m.n; i++) mst_rebuilt_clear(&m.run[i]);
  return st;
}

static const char help[] =
    "usage: muster merge RUN.h5 RUN.h5... --data DATA.h5 -o MERGED.h5 [options]\n"
    "       mpirun -n RANKS muster merge RUN.h5 RUN.h5... --data DATA.h5 -o MERGED.h5 [options]\n"
    "\n"
    "Merge networks that were trained on their own. The hidden units of every network are\n"
    "permuted, which does not change what it computes, so that they lie as near as can be found\n"
    "to those of the first one; then the parameters are averaged. The loss on the dataset's rows\n"
    "is taken along the straight path from the first network to each other one, before and after;\n"
    "the barrier is how far it rises above the line between its ends. The runs must hold the\n"
    "same kind and shape of model, behind the same feature map. The ranks share the rows; all\n"
    "figures and the merged model have the same bits on any number of ranks.\n"
    "\n"
    "options\n"
    "  -d, --data FILE.h5    rows with targets to score on (required)\n"
    "  -m, --matching NAME   weights: by what the weights of units have in common; activations:\n"
    "                        by what units come to on the rows; none: units stay where they are\n"
    "                        (default: weights; see muster list matchings)\n"
    "  -p, --points N        places on a path, ends included, 3 to 10001 (default: 11)\n"
    "  -o, --output FILE.h5  the run file to write (required); an older run file of that name is\n"
    "                        replaced\n"
    "  -h, --help            this text\n"
    "\n"
    "output\n"
    "  Standard output holds a table for each path, and as its last line one JSON object:\n"
    "  {\"runs\", \"data\", \"run\": the file written, \"matching\", \"points\", \"rows\", "
    "\"ranks\",\n"
    "  \"seconds\", \"digest\": of the file written, \"result\": {\"barrier_before\",\n"
    "  \"barrier_after\": the largest of all paths, \"accuracy\", \"loss\": of the merged "
    "model}}.\n"
    "  FILE.h5 is a run file that muster predict, report and inspect read; /merge holds the "
    "paths.\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed   2 bad input: missing, damaged or foreign files, different models\n"
    "\n"
    "example\n"
    "  muster merge seed1.h5 seed2.h5 --data fashion-test.h5 -o merged.h5\n";

const mst_command mst_command_merge = {.name = "merge",
                                       .summary = "merge networks that were trained on their own",
                                       .help = help,
                                       .run = merge_command};
