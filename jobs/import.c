/* `muster import`: foreign files to dataset files. A format makes one dataset of the files that are
 * named; a collection, such as fashion-mnist, finds its files and makes several. */
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"
#include "jobs/say.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/base/word.h"
#include "io/import.h"
#include "io/text.h"

enum {
  OPTION_HELP,
  OPTION_OUTPUT,
  OPTION_FORCE,
  OPTION_LABELS,
  OPTION_LABEL_COLUMN,
  OPTION_CLIENT_COLUMN,
  OPTION_ARM_COLUMN,
  OPTION_REWARD_COLUMN,
  OPTION_PROPENSITY_COLUMN,
  OPTION_ARMS,
  OPTION_TASK,
  OPTION_SCALE,
  OPTION_FEATURES,
  OPTION_SPARSE,
  OPTION_HEADER,
  OPTION_NO_HEADER,
  OPTION_DEFLATE,
  OPTION_CHUNK_ROWS,
  OPTION_FROM
};

static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_OUTPUT] = {"output", 'o', "FILE"},
                                     [OPTION_FORCE] = {"force", 'f', NULL},
                                     [OPTION_LABELS] = {"labels", 0, "FILE"},
                                     [OPTION_LABEL_COLUMN] = {"label-column", 0, "NAME"},
                                     [OPTION_CLIENT_COLUMN] = {"client-column", 0, "NAME"},
                                     [OPTION_ARM_COLUMN] = {"arm-column", 0, "NAME"},
                                     [OPTION_REWARD_COLUMN] = {"reward-column", 0, "NAME"},
                                     [OPTION_PROPENSITY_COLUMN] = {"propensity-column", 0, "NAME"},
                                     [OPTION_ARMS] = {"arms", 0, "N"},
                                     [OPTION_TASK] = {"task", 0, "TASK"},
                                     [OPTION_SCALE] = {"scale", 0, "FACTOR"},
                                     [OPTION_FEATURES] = {"features", 0, "N"},
                                     [OPTION_SPARSE] = {"sparse", 0, NULL},
                                     [OPTION_HEADER] = {"header", 0, NULL},
                                     [OPTION_NO_HEADER] = {"no-header", 0, NULL},
                                     [OPTION_DEFLATE] = {"deflate", 0, "LEVEL"},
                                     [OPTION_CHUNK_ROWS] = {"chunk-rows", 0, "ROWS"},
                                     [OPTION_FROM] = {"from", 0, "FOLDER"},
                                     {NULL, 0, NULL}};

typedef struct importing {
  mst_team *team;
  const mst_import_ops *ops; /* NULL until the format is named */
  mst_import_options options;
  bool given[sizeof options / sizeof options[0]];
} importing;

/* Does an option mean something to an importer? */
static bool takes(const mst_import_ops *ops, int option) {
  switch (option) {
    case OPTION_LABELS: return ops->takes_labels;
    case OPTION_LABEL_COLUMN:
    case OPTION_CLIENT_COLUMN:
    case OPTION_ARM_COLUMN:
    case OPTION_REWARD_COLUMN:
    case OPTION_PROPENSITY_COLUMN:
    case OPTION_ARMS:
    case OPTION_HEADER:
    case OPTION_NO_HEADER: return ops->takes_columns;
    case OPTION_FEATURES: return ops->takes_features;
    case OPTION_FROM: return ops->find != NULL;
    case OPTION_SPARSE: return ops->takes_sparse;
    case OPTION_TASK: return ops->find == NULL && !ops->lists_entries;
    case OPTION_CHUNK_ROWS: return !ops->lists_entries;
    case OPTION_SCALE: return ops->find == NULL;
    default: return true;
  }
}

static const char *format_name(int i) {
  return mst_import_at(i) != NULL ? mst_import_at(i)->name : NULL;
}

static mst_status take_format(importing *m, const char *name) {
  m->ops = mst_import_find(name);
  if (m->ops != NULL) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "muster import knows no format '%s'; the nearest is %s (see muster list importers)", name,
      mst_word_nearest(name, format_name));
}

static mst_status take_operand(importing *m, const char *value) {
  if (m->ops == NULL) return take_format(m, value);
  if (m->options.input == NULL && m->ops->find == NULL) {
    m->options.input = value;
  } else if (m->options.labels == NULL && m->ops->takes_labels) {
    m->options.labels = value;
  } else {
    return mst_fail(MST_ERR_INPUT,
                    "muster import %s: '%s' is one file too many (see muster import "
                    "--help)",
                    m->ops->name, value);
  }
  return MST_OK;
}

static mst_status take_option(importing *m, int index, const char *value) {
  mst_import_options *o = &m->options;
  int64_t n = 0;
  m->given[index] = true;
  switch (index) {
    case OPTION_OUTPUT: o->output = value; break;
    case OPTION_FORCE: o->keep = false; break;
    case OPTION_SPARSE: o->sparse = true; break;
    case OPTION_LABELS: o->labels = value; break;
    case OPTION_LABEL_COLUMN: o->label_column = value; break;
    case OPTION_CLIENT_COLUMN: o->client_column = value; break;
    case OPTION_ARM_COLUMN: o->arm_column = value; break;
    case OPTION_REWARD_COLUMN: o->reward_column = value; break;
    case OPTION_PROPENSITY_COLUMN: o->propensity_column = value; break;
    case OPTION_ARMS: return mst_argument_int("arms", value, 1, INT32_MAX, &o->n_arms);
    case OPTION_FROM: o->from = value; break;
    case OPTION_SCALE: return mst_argument_real("scale", value, &o->scale);
    case OPTION_FEATURES: return mst_argument_int("features", value, 1, INT32_MAX, &o->n_features);
    case OPTION_CHUNK_ROWS:
      return mst_argument_int("chunk-rows", value, 1, INT32_MAX, &o->dataset.chunk_rows);
    case OPTION_DEFLATE:
      MST_TRY(mst_argument_int("deflate", value, 0, 9, &n));
      o->dataset.deflate = (int)n;
      break;
    case OPTION_HEADER:
    case OPTION_NO_HEADER:
      o->header = index == OPTION_HEADER;
      o->has_header_option = true;
      break;
    case OPTION_TASK:
      if (strcmp(value, "classification") != 0 && strcmp(value, "regression") != 0)
        return mst_fail(MST_ERR_INPUT,
                        "option --task: '%s' is neither classification nor regression", value);
      o->task = value;
      break;
    default: break;
  }
  return MST_OK;
}

/* An option that means nothing to the format is refused, not ignored. */
static mst_status refuse_option(const importing *m, int option) {
  mst_text takers = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  for (int i = 0; mst_import_at(i) != NULL && st == MST_OK; i++)
    if (takes(mst_import_at(i), option))
      st = mst_text_add(&takers, "%s%s", takers.length > 0 ? " " : "", format_name(i));
  if (st == MST_OK)
    st = mst_fail(MST_ERR_INPUT, "option --%s means nothing to format %s; it belongs to %s",
                  options[option].name, m->ops->name, takers.at != NULL ? takers.at : "none");
  mst_text_free(&takers);
  return st;
}

static mst_status check_options(const importing *m) {
  for (int i = 0; options[i].name != NULL; i++)
    if (m->given[i] && !takes(m->ops, i)) return refuse_option(m, i);
  return MST_OK;
}

static mst_status read_arguments(importing *m, int argc, char **argv) {
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    if (kind == MST_ARGUMENT_OPERAND)
      MST_TRY(take_operand(m, value));
    else
      MST_TRY(take_option(m, index, value));
  }
  if (m->ops == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "muster import needs a format, as in 'muster import csv rows.csv "
                    "-o rows.h5' (see muster import --help)");
  if (m->ops->find == NULL && m->options.input == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "muster import %s needs a file to read (see muster import --help)",
                    m->ops->name);
  if (m->ops->find == NULL && m->options.output == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "muster import %s needs the name of the dataset to write: -o "
                    "FILE.h5",
                    m->ops->name);
  return check_options(m);
}

static mst_status describe_shape(const mst_dataset_info *info, mst_text *t) {
  MST_TRY(mst_text_add(t, "%lld rows of ", (long long)info->rows));
  for (int i = 0; i < info->row_dims; i++)
    MST_TRY(mst_text_add(t, "%s%lld", i > 0 ? " x " : "", (long long)info->row_size[i]));
  if (info->target == MST_TARGET_CLASSES)
    MST_TRY(mst_text_add(t, ", %lld classes", (long long)info->n_classes));
  if (info->target == MST_TARGET_VALUES)
    MST_TRY(mst_text_add(t, ", %lld output%s", (long long)info->outputs,
                         info->outputs == 1 ? "" : "s"));
  if (info->sparse)
    MST_TRY(mst_text_add(
        t, ", %lld entries (%.3g %%)", (long long)info->entries,
        100.0 * (double)info->entries / ((double)info->rows * (double)info->row_elements)));
  if (info->has_log) MST_TRY(mst_text_add(t, ", a log of %lld arms", (long long)info->n_arms));
  return MST_OK;
}

static json_t *describe_json(const char *path, const mst_dataset_info *info) {
  return json_pack("{s:s, s:I, s:I, s:I, s:o*}", "file", path, "rows", (json_int_t)info->rows,
                   "row_elements", (json_int_t)info->row_elements, "classes",
                   (json_int_t)info->n_classes, "entries",
                   info->sparse ? json_integer((json_int_t)info->entries) : NULL);
}

/* Import one dataset and say what was written; its JSON description is added to files. */
static mst_status import_one(importing *m, const char *format, const mst_import_options *o,
                             json_t *files) {
  mst_dataset_info made = {0};
  mst_text shape = MST_TEXT_EMPTY;
  MST_TRY(mst_import_run(m->team, format, o, &made));
  mst_say_kept(o->output);
  mst_status st = describe_shape(&made, &shape);
  if (st == MST_OK) st = mst_print(m->team, "%s: %s\n", o->output, shape.at);
  if (st == MST_OK && json_array_append_new(files, describe_json(o->output, &made)) != 0)
    st = mst_fail(MST_ERR_MEMORY, "no memory for the description of %s", o->output);
  mst_text_free(&shape);
  return mst_team_agree(m->team, st);
}

static mst_status import_parts(importing *m, json_t *files) {
  mst_import_part *part = NULL;
  mst_status st = mst_alloc(&part, m->ops->parts, sizeof *part, "names of files");
  st = mst_team_agree(m->team, st);
  if (st == MST_OK) st = mst_import_locate(m->team, m->ops, &m->options, part);
  for (int i = 0; i < m->ops->parts && st == MST_OK; i++) {
    mst_import_options o = mst_import_part_options(&m->options, &part[i]);
    st = import_one(m, m->ops->part_format, &o, files);
  }
  mst_free(part);
  return st;
}

static mst_status import_command(mst_team *team, int argc, char **argv) {
  importing m = {.team = team, .options.keep = true};
  MST_TRY(mst_team_agree(team, read_arguments(&m, argc, argv)));
  json_t *files = json_array();
  mst_status st = files != NULL ? MST_OK : mst_fail(MST_ERR_MEMORY, "no memory for the result");
  st = mst_team_agree(team, st);
  if (st == MST_OK)
    st = m.ops->find != NULL ? import_parts(&m, files)
                             : import_one(&m, m.ops->name, &m.options, files);
  if (st == MST_OK)
    st = mst_print_json(team, json_pack("{s:s, s:O}", "format", m.ops->name, "files", files));
  json_decref(files);
  return st;
}

static const char help[] =
    "usage: muster import idx    IMAGES [LABELS] -o FILE.h5 [options]\n"
    "       muster import csv    FILE -o FILE.h5 [options]\n"
    "       muster import libsvm FILE -o FILE.h5 [options]\n"
    "       muster import ratings FILE -o FILE.h5 [options]\n"
    "       muster import npy    ROWS.npy [TARGETS.npy] -o FILE.h5 [options]\n"
    "       muster import fashion-mnist [-o FOLDER] [--from FOLDER]\n"
    "\n"
    "Convert rows and their targets to a dataset file: HDF5 with /x (float32) and /y, chunked by\n"
    "rows and checksummed, which any HDF5 tool reads. IDX files may be packed with gzip.\n"
    "ratings reads lines user,item,rating (a time may follow): users become sparse rows; ids, "
    "kept\n"
    "in /row_id and /column_id, are numbered in increasing order.\n"
    "fashion-mnist finds the files of the Debian package dataset-fashion-mnist and writes\n"
    "fashion-train.h5 and fashion-test.h5 into FOLDER (default: the current one).\n"
    "\n"
    "options\n"
    "  -o, --output FILE        the dataset to write (fashion-mnist: the folder)\n"
    "  -f, --force              replace an existing HDF5 file (default: refuse)\n"
    "      --labels FILE        idx, npy: the file with the targets; the same as a second operand\n"
    "                           (default: none)\n"
    "      --label-column NAME  csv: column of the target, by name or by number from 0, negative\n"
    "                           from the end (default: the last)\n"
    "      --client-column NAME csv: column with the client of a row, for partition natural\n"
    "                           (default: none)\n"
    "      --arm-column NAME, --reward-column NAME, --propensity-column NAME\n"
    "                           csv: columns of logged decisions, for job off_policy; then no\n"
    "                           column is the target unless --label-column names it\n"
    "                           (default: none)\n"
    "      --arms N             csv: arms of the log (default: the largest that it has, plus one)\n"
    "      --header, --no-header  csv: the first line does, or does not, name the columns\n"
    "                           (default: found out)\n"
    "      --features N         libsvm: columns of /x (default: the largest index)\n"
    "      --sparse             libsvm: store only what is not left out, as ratings does; for job\n"
    "                           ease, and any other, which gives rows their zeros (default: whole\n"
    "                           rows)\n"
    "      --task TASK          classification or regression (default: classification)\n"
    "      --scale FACTOR       multiply every value of /x (default: 1/255 for unsigned bytes,\n"
    "                           otherwise 1)\n"
    "      --deflate LEVEL      gzip level 0 to 9 of the stored chunks; 0 = none (default: 0)\n"
    "      --chunk-rows ROWS    rows of a chunk (default: so many that a chunk is about 1 MiB)\n"
    "      --from FOLDER        fashion-mnist: where its four files are (default: below\n"
    "                           datasets/fashion-mnist of the XDG data folders, such as\n"
    "                           /usr/share)\n"
    "  -h, --help               this text\n"
    "\n"
    "output\n"
    "  One line a dataset that was written, then one JSON object: {\"format\", \"files\": [...]}.\n"
    "  Nothing appears under the final name unless everything was read, checked and written. A\n"
    "  dataset that is complete is kept when the command fails after that; the message names it.\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed (a file cannot be read or written)\n"
    "  2 bad input (a wrong option, a missing, damaged or foreign file)\n"
    "\n"
    "example\n"
    "  muster import csv measurements.csv --label-column outcome -o measurements.h5\n";

const mst_command mst_command_import = {.name = "import",
                                        .summary = "convert foreign files to dataset files",
                                        .help = help,
                                        .run = import_command};
