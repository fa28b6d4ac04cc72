/* `muster predict`: the model that a run file holds, applied to the rows of a dataset. */
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"
#include "jobs/rebuild.h"
#include "jobs/say.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "io/dataset.h"
#include "io/paths.h"
#include "io/predictions.h"
#include "io/text.h"
#include "parallel/predict.h"

#define WINDOW_BYTES ((int64_t)8 << 20) /* of rows that a rank reads at a time */

typedef struct predict {
  mst_team *team;
  const char *run, *data, *output; /* names of files */

  mst_rebuilt model;
  const mst_trained *trained; /* the model that is applied */
  mst_dataset *file;
  const mst_dataset_info *info;

  mst_predict *work;
  int64_t first, count; /* this rank's rows        */
  float *x, *target;    /* of a window             */
  int32_t *label;       /* likewise                */
  float *score, *value; /* (count, outputs)        */
  int32_t *chosen;      /* (count)                 */
  mst_predict_figures figures;
} predict;

enum {
  OPTION_HELP,
  OPTION_OUTPUT
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_OUTPUT] = {"output", 'o', "FILE.h5"},
                                     {NULL, 0, NULL}};

static mst_status read_arguments(predict *p, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (kind == MST_ARGUMENT_OPTION) {
      p->output = value;
    } else if (p->data != NULL) {
      return mst_fail(MST_ERR_INPUT,
                      "muster predict takes a run file and a dataset, but '%s' follows '%s'", value,
                      p->data);
    } else if (p->run != NULL) {
      p->data = value;
    } else {
      p->run = value;
    }
  }
  if (p->data != NULL && p->output != NULL) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "muster predict needs %s, as in 'muster predict run.h5 data.h5 -o "
                  "out.h5' (see muster predict --help)",
                  p->data == NULL ? "a run file and a dataset" : "the file to write, -o FILE.h5");
}

static int64_t window_rows(const predict *p) {
  int64_t block = MST_BLOCK_ROWS * 4 * mst_most(p->info->row_elements, p->trained->outputs);
  return MST_BLOCK_ROWS * mst_most(1, WINDOW_BYTES / block);
}

static mst_status make_room(predict *p) {
  int64_t window = window_rows(p), c = p->trained->outputs;
  bool classes = p->trained->classes, known = p->info->target != MST_TARGET_NONE;
  MST_TRY(mst_predict_create(p->team, p->trained, p->info->rows, &p->first, &p->count, &p->work));
  MST_TRY(mst_alloc(&p->x, window * p->info->row_elements, sizeof *p->x, "rows being read"));
  if (known && classes)
    MST_TRY(mst_alloc(&p->label, window, sizeof *p->label, "labels being read"));
  if (known && !classes)
    MST_TRY(mst_alloc(&p->target, window * c, sizeof *p->target, "values being read"));
  MST_TRY(mst_alloc(&p->score, p->count * c, sizeof *p->score, "scores"));
  return classes ? mst_alloc(&p->chosen, p->count, sizeof *p->chosen, "classes")
                 : mst_alloc(&p->value, p->count * c, sizeof *p->value, "values");
}

/* Rows [at, at + n) of this rank's. Collective; n may be 0. */
static mst_status apply_window(predict *p, int64_t at, int64_t n) {
  int64_t c = p->trained->outputs;
  MST_TRY(mst_dataset_read_x(p->file, p->first + at, n, p->x));
  if (p->label != NULL) MST_TRY(mst_dataset_read_labels(p->file, p->first + at, n, p->label));
  if (p->target != NULL) MST_TRY(mst_dataset_read_values(p->file, p->first + at, n, p->target));
  mst_predicted rows = {.x = p->x, .label = p->label, .target = p->target};
  if (n > 0) {
    rows.score = p->score + at * c;
    if (p->chosen != NULL) rows.chosen = p->chosen + at;
    if (p->value != NULL) rows.value = p->value + at * c;
  }
  return mst_team_agree(p->team, mst_predict_rows(p->work, n, &rows));
}

static mst_status apply(predict *p) {
  MST_TRY(mst_team_agree(p->team, make_room(p)));
  int64_t window = window_rows(p), blocks = mst_ceil_div(p->info->rows, MST_BLOCK_ROWS);
  int64_t longest = mst_ceil_div(blocks, mst_team_size(p->team)) * MST_BLOCK_ROWS;
  for (int64_t done = 0; done < longest; done += window) {
    int64_t at = mst_least(done, p->count);
    MST_TRY(apply_window(p, at, mst_least(p->count - at, window)));
  }
  return mst_predict_total(p->team, p->work, &p->figures);
}

static mst_status list_results(predict *p, mst_state *state) {
  int64_t rows = p->info->rows, c = p->trained->outputs;
  const int64_t shape[2] = {rows, c};
  int value_dims = c == 1 ? 1 : 2;
  MST_TRY(mst_state_add_shard(state, "scores", MST_F32, 2, shape, p->first, p->count, p->score));
  return p->trained->classes
             ? mst_state_add_shard(state, "class", MST_I32, 1, shape, p->first, p->count, p->chosen)
             : mst_state_add_shard(state, "value", MST_F32, value_dims, shape, p->first, p->count,
                                   p->value);
}

static mst_status write_results(predict *p) {
  mst_state state;
  const mst_rebuilt *m = &p->model;
  const mst_predictions_about about = {.run = p->run,
                                       .digest = m->outcome.digest,
                                       .data = p->data,
                                       .job = m->job->name,
                                       .n_classes = m->n_classes,
                                       .nonfinite = p->figures.nonfinite};
  mst_state_init(&state);
  mst_status st = mst_team_agree(p->team, list_results(p, &state));
  if (st == MST_OK) st = mst_predictions_write(p->team, p->output, &about, &state);
  mst_state_clear(&state);
  if (st == MST_OK) mst_say_kept(p->output);
  return st;
}

/* The figures that are known: accuracy of classes, and loss, of rows with targets. */
typedef struct shown {
  const char *name;
  double value;
} shown;

static int list_figures(const predict *p, shown figure[2]) {
  int n = 0;
  if (p->info->target == MST_TARGET_NONE) return 0;
  if (p->trained->classes) figure[n++] = (shown){"accuracy", p->figures.accuracy};
  figure[n++] = (shown){"loss", p->figures.loss};
  return n;
}

/* The JSON line; NULL when it cannot be made. */
static json_t *describe_results(const predict *p, double seconds) {
  shown figure[2];
  int n = list_figures(p, figure);
  json_t *result = json_object(), *line = NULL;
  bool ok = result != NULL;
  for (int i = 0; i < n && ok; i++)
    ok = json_object_set_new(result, figure[i].name, mst_json_real(figure[i].value)) == 0;
  if (ok)
    ok = json_object_set_new(result, "nonfinite_rows", json_integer(p->figures.nonfinite)) == 0;
  if (ok)
    line = json_pack("{s:s, s:s, s:s, s:I, s:i, s:f, s:s, s:O}", "run", p->run, "data", p->data,
                     "predictions", p->output, "rows", (json_int_t)p->info->rows, "ranks",
                     mst_team_size(p->team), "seconds", floor(1e3 * seconds) / 1e3, "digest",
                     p->model.outcome.digest, "result", result);
  json_decref(result);
  return line;
}

static mst_status print_results(const predict *p, double started) {
  shown figure[2];
  char number[MST_NUMBER];
  int n = list_figures(p, figure);
  for (int i = 0; i < n; i++)
    MST_TRY(
        mst_print(p->team, "%-20s %s\n", figure[i].name, mst_text_real(figure[i].value, number)));
  MST_TRY(mst_print(p->team, "%-20s %s\n", "predictions", p->output));
  return mst_print_json(p->team, describe_results(p, mst_clock_seconds() - started));
}

static mst_status check_files(predict *p) {
  const mst_named_path named[] = {{.key = "the run file", .path = p->run, .told = true},
                                  {.key = "the dataset", .path = p->data, .told = true},
                                  {.key = "--output", .path = p->output, .written = true}};
  MST_TRY(mst_paths_check(p->team, named, 3));
  return mst_predictions_check(p->team, p->output);
}

static mst_status perform(predict *p, int argc, char **argv) {
  double started = mst_clock_seconds();
  MST_TRY(mst_team_agree(p->team, read_arguments(p, argc, argv)));
  MST_TRY(check_files(p));
  MST_TRY(mst_rebuilt_open(p->team, p->run, &p->model));
  MST_TRY(mst_dataset_open(p->team, p->data, &p->file));
  p->info = mst_dataset_about(p->file);
  MST_TRY(mst_team_agree(p->team, mst_rebuilt_check(&p->model, p->data, p->info)));
  MST_TRY(mst_rebuilt_load(p->team, &p->model));
  p->trained = &p->model.trained;
  MST_TRY(apply(p));
  MST_TRY(write_results(p));
  return mst_team_agree(p->team, print_results(p, started));
}

static mst_status predict_command(mst_team *team, int argc, char **argv) {
  predict p = {.team = team};
  mst_status st = perform(&p, argc, argv);
  mst_predict_destroy(p.work);
  mst_free(p.x);
  mst_free(p.target);
  mst_free(p.label);
  mst_free(p.score);
  mst_free(p.value);
  mst_free(p.chosen);
  mst_dataset_close(p.file);
  mst_rebuilt_clear(&p.model);
  return st;
}

static const char help[] =
    "usage: muster predict RUN.h5 DATA.h5 -o OUT.h5\n"
    "       mpirun -n RANKS muster predict RUN.h5 DATA.h5 -o OUT.h5\n"
    "\n"
    "Apply the model of a run to the rows of a dataset. The model is rebuilt from the run file\n"
    "alone, whose digest is verified first; the rows must have the shape of those that it was\n"
    "trained on. The ranks share the rows; the scores have the same bits on any number of ranks.\n"
    "\n"
    "options\n"
    "  -o, --output FILE.h5  the file to write (required); an older file of predictions of that\n"
    "                        name is replaced\n"
    "  -h, --help            this text\n"
    "\n"
    "output\n"
    "  FILE.h5 holds /scores, float32 [rows, classes or values], and\n"
    "    /class, int32 [rows]: the class of the largest score, -1 where a score is not finite, or\n"
    "    /value, float32 [rows] or [rows, values]: the values that the scores stand for\n"
    "  The last line on standard output is one JSON object: {\"run\", \"data\",\n"
    "  \"predictions\", \"rows\", \"ranks\", \"seconds\", \"digest\": of the run,\n"
    "  \"result\": {\"accuracy\", \"loss\" where the dataset has targets,\n"
    "  \"nonfinite_rows\"}}.\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed   2 bad input: missing, damaged or foreign files, rows of another shape\n"
    "\n"
    "example\n"
    "  mpirun -n 2 muster predict analytic_fashion.h5 fashion-test.h5 -o predicted.h5\n";

const mst_command mst_command_predict = {.name = "predict",
                                         .summary = "apply the model of a run to a dataset",
                                         .help = help,
                                         .run = predict_command};
