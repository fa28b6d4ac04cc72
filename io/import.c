/* The table of importers, what their options have in common, and the loop that carries rows from
 * rank 0's parser to the dataset file. */
#include "io/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/file.h"
#include "io/import_source.h"
#include "io/paths.h"

#define BLOCK_BYTES (16 << 20) /* of rows that are parsed before they are written */

static const mst_import_ops *const table[] = {&mst_import_idx,     &mst_import_csv,
                                              &mst_import_libsvm,  &mst_import_npy,
                                              &mst_import_ratings, &mst_import_fashion};
#define MEMBERS ((int)(sizeof table / sizeof table[0]))

const mst_import_ops *mst_import_at(int i) {
  return i >= 0 && i < MEMBERS ? table[i] : NULL;
}

const mst_import_ops *mst_import_find(const char *name) {
  for (int i = 0; i < MEMBERS; i++)
    if (name != NULL && strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

void mst_import_note(mst_import_source *source, const char *format, ...) {
  if (source->nonfinite++ > 0) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(source->nonfinite_place, sizeof source->nonfinite_place, format, arguments);
  va_end(arguments);
}

void mst_import_begin_row(mst_import_block *block) {
  mst_sparse_rows *s = &block->sparse;
  s->rows++;
  s->start[s->rows] = s->start[s->rows - 1];
}

mst_status mst_import_add_entry(mst_import_block *block, int32_t column, float value) {
  mst_sparse_rows *s = &block->sparse;
  int64_t *end = &s->start[s->rows];
  if (*end == block->room) {
    const int64_t room = 2 * block->room + 1024;
    int32_t *index = NULL;
    float *values = NULL;
    mst_status status = mst_alloc(&index, room, sizeof *index, "imported columns");
    if (status == MST_OK) status = mst_alloc(&values, room, sizeof *values, "imported entries");
    if (status != MST_OK) {
      mst_free(index);
      return status;
    }
    if (*end > 0) {
      memcpy(index, s->index, (size_t)*end * sizeof *index);
      memcpy(values, s->value, (size_t)*end * sizeof *values);
    }
    mst_free(s->index);
    mst_free(s->value);
    s->index = index;
    s->value = values;
    block->room = room;
  }
  s->index[*end] = column;
  s->value[(*end)++] = value;
  return MST_OK;
}

static mst_status allocate_block(const mst_dataset_info *info, int64_t rows,
                                 mst_import_block *block) {
  block->sparse.columns = info->row_elements;
  if (info->sparse)
    MST_TRY(mst_alloc(&block->sparse.start, rows + 1, sizeof(int64_t), "places of imported rows"));
  else
    MST_TRY(mst_alloc(&block->x, rows * info->row_elements, sizeof(float), "imported rows"));
  if (info->target == MST_TARGET_CLASSES)
    MST_TRY(mst_alloc(&block->label, rows, sizeof(int32_t), "imported labels"));
  if (info->target == MST_TARGET_VALUES)
    MST_TRY(mst_alloc(&block->value, rows * info->outputs, sizeof(float), "imported values"));
  if (info->has_client)
    MST_TRY(mst_alloc(&block->client, rows, sizeof(int32_t), "imported clients"));
  if (!info->has_log) return MST_OK;
  MST_TRY(mst_alloc(&block->arm, rows, sizeof(int32_t), "imported arms"));
  MST_TRY(mst_alloc(&block->reward, rows, sizeof(float), "imported rewards"));
  return mst_alloc(&block->propensity, rows, sizeof(float), "imported propensities");
}

static void free_block(mst_import_block *block) {
  mst_sparse_rows_free(&block->sparse);
  mst_free(block->x);
  mst_free(block->label);
  mst_free(block->value);
  mst_free(block->client);
  mst_free(block->arm);
  mst_free(block->reward);
  mst_free(block->propensity);
}

/* Values that are not finite end the import, after all of them were counted. */
static mst_status refuse_nonfinite(mst_import_source *source, int64_t block_rows, int64_t rows_left,
                                   const mst_import_options *options, mst_import_block *block) {
  while (rows_left > 0) {
    int64_t count = rows_left < block_rows ? rows_left : block_rows;
    MST_TRY(source->fill(source, count, block));
    rows_left -= count;
  }
  return mst_fail(MST_ERR_NONFINITE,
                  "%s: %lld value%s not finite as float32; the first is %s; repair or remove the "
                  "rows (a dataset that another tool writes with them can be run with "
                  "on_nonfinite: drop)",
                  options->input, (long long)source->nonfinite,
                  source->nonfinite == 1 ? " is" : "s are", source->nonfinite_place);
}

/* Blocks are whole chunks, so that each chunk is stored once; of sparse rows, as many as hold about
 * so many bytes. */
static int64_t rows_of_block(const mst_dataset_info *info, const mst_dataset_writer *writer) {
  const int64_t chunk = mst_dataset_chunk_rows(writer);
  const int64_t bytes = info->sparse
                            ? mst_sparse_rows_bytes(chunk, chunk * (info->entries / info->rows + 1))
                            : chunk * info->row_elements * (int64_t)sizeof(float);
  return mst_least(info->rows, chunk * mst_most(BLOCK_BYTES / bytes, 1));
}

/* Rows [at, at + count) from rank 0's block; placed: entries before them. Collective. */
static mst_status write_block(mst_dataset_writer *writer, const mst_dataset_info *info, int64_t at,
                              int64_t count, const mst_import_block *block, int64_t *placed) {
  MST_TRY(mst_dataset_write(writer, at, count, block->x, block->label, block->value, block->client,
                            NULL, NULL));
  if (info->has_log)
    MST_TRY(mst_dataset_write_log(writer, at, count, block->arm, block->reward, block->propensity));
  if (!info->sparse) return MST_OK;
  MST_TRY(mst_dataset_write_sparse(writer, at, *placed, &block->sparse));
  *placed += count > 0 ? block->sparse.start[count] : 0;
  return MST_OK;
}

static mst_status write_rows(mst_team *team, const mst_import_options *options,
                             mst_import_source *source, mst_dataset_writer *writer) {
  bool parses = mst_team_rank(team) == 0;
  const mst_dataset_info *info = &source->info;
  const int64_t block_rows = rows_of_block(info, writer);
  int64_t placed = 0;
  mst_import_block block = {0};
  mst_status mine = parses ? allocate_block(info, block_rows, &block) : MST_OK;
  mst_status status = mst_file_follow(team, mine);
  for (int64_t at = 0; at < info->rows && status == MST_OK; at += block_rows) {
    int64_t count = info->rows - at < block_rows ? info->rows - at : block_rows;
    mine = parses ? source->fill(source, count, &block) : MST_OK;
    if (mine == MST_OK && parses && source->nonfinite > 0)
      mine = refuse_nonfinite(source, block_rows, info->rows - at - count, options, &block);
    status = mst_file_follow(team, mine);
    if (status == MST_OK)
      status = write_block(writer, info, parses ? at : 0, parses ? count : 0, &block, &placed);
  }
  if (status == MST_OK) status = mst_file_follow(team, parses ? source->end(source) : MST_OK);
  free_block(&block);
  return status;
}

mst_status mst_import_stream(mst_team *team, const mst_import_options *options, mst_status opened,
                             mst_import_source *source, mst_dataset_info *made) {
  mst_dataset_options dataset = options->dataset;
  mst_dataset_writer *writer = NULL;
  mst_status status = mst_file_follow(team, opened);
  if (status == MST_OK) status = mst_team_bcast(team, &source->info, sizeof source->info, 0);
  dataset.class_names = source->class_names;
  dataset.row_ids = source->row_ids;
  dataset.column_ids = source->column_ids;
  if (status == MST_OK)
    status = mst_dataset_create(team, options->output, &source->info, &dataset, &writer);
  if (status == MST_OK) status = write_rows(team, options, source, writer);
  if (status == MST_OK) {
    status = mst_dataset_commit(writer);
    writer = NULL;
  }
  mst_dataset_abandon(writer);
  if (source->close != NULL) source->close(source->state);
  if (status == MST_OK && made != NULL) *made = source->info;
  return status;
}

/* Options that mean nothing to a format are refused rather than ignored. */
static mst_status check_options(const mst_import_ops *ops, const mst_import_options *options) {
  if (options->input == NULL || options->input[0] == 0)
    return mst_fail(MST_ERR_INPUT, "import %s: no input file was given", ops->name);
  if (options->output == NULL || options->output[0] == 0)
    return mst_fail(MST_ERR_INPUT, "import %s: no output file was given", ops->name);
  if (options->labels != NULL && !ops->takes_labels)
    return mst_fail(MST_ERR_INPUT,
                    "import %s: a separate file of labels ('%s') means nothing to this format",
                    ops->name, options->labels);
  const bool log = options->arm_column != NULL || options->reward_column != NULL ||
                   options->propensity_column != NULL || options->n_arms != 0;
  if ((options->label_column != NULL || options->client_column != NULL ||
       options->has_header_option || log) &&
      !ops->takes_columns)
    return mst_fail(MST_ERR_INPUT,
                    "import %s: a label column, a client column or a header mean nothing to this "
                    "format; only csv has them",
                    ops->name);
  if (log && (options->arm_column == NULL || options->reward_column == NULL ||
              options->propensity_column == NULL))
    return mst_fail(
        MST_ERR_INPUT,
        "import %s: a log of decisions has an arm, a reward and a propensity a row; name "
        "all three columns",
        ops->name);
  if (options->from != NULL)
    return mst_fail(MST_ERR_INPUT,
                    "import %s: a folder to look into ('%s') means nothing to this format",
                    ops->name, options->from);
  if (options->n_features != 0 && !ops->takes_features)
    return mst_fail(MST_ERR_INPUT,
                    "import %s: the number of features is found in the file; only libsvm is told",
                    ops->name);
  if (options->sparse && !ops->takes_sparse)
    return mst_fail(MST_ERR_INPUT, "import %s: only libsvm is told whether rows are to be sparse",
                    ops->name);
  if ((options->sparse || ops->lists_entries) && options->dataset.chunk_rows != 0)
    return mst_fail(MST_ERR_INPUT,
                    "import %s: sparse rows are not stored in chunks of so many rows", ops->name);
  if (options->task != NULL && ops->lists_entries)
    return mst_fail(MST_ERR_INPUT, "import %s: there are no targets that task '%s' could be of",
                    ops->name, options->task);
  if (options->n_features < 0)
    return mst_fail(MST_ERR_INPUT, "import %s: %lld features were asked for; at least 1 is needed",
                    ops->name, (long long)options->n_features);
  if (options->task != NULL && strcmp(options->task, "classification") != 0 &&
      strcmp(options->task, "regression") != 0)
    return mst_fail(MST_ERR_INPUT,
                    "import %s: task is '%s'; 'classification' and 'regression' are allowed",
                    ops->name, options->task);
  if (!(options->scale - options->scale == 0))
    return mst_fail(MST_ERR_INPUT, "import %s: scale is %g; a finite number is needed", ops->name,
                    options->scale);
  if (options->dataset.deflate < 0 || options->dataset.deflate > 9)
    return mst_fail(MST_ERR_INPUT, "import %s: compression level is %d; 0 to 9 are allowed",
                    ops->name, options->dataset.deflate);
  if (options->dataset.chunk_rows < 0)
    return mst_fail(MST_ERR_INPUT, "import %s: chunks of %lld rows were asked for", ops->name,
                    (long long)options->dataset.chunk_rows);
  return MST_OK;
}

/* What is read must not be replaced. Collective. */
static mst_status check_files(mst_team *team, const mst_import_options *options) {
  const mst_named_path file[] = {{.key = "the output", .path = options->output, .written = true},
                                 {.key = "the input", .path = options->input},
                                 {.key = "the file with the labels", .path = options->labels}};
  MST_TRY(mst_paths_check(team, file, options->labels != NULL ? 3 : 2));
  mst_status status = MST_OK;
  if (options->keep && mst_team_rank(team) == 0 && access(options->output, F_OK) == 0)
    status =
        mst_fail(MST_ERR_INPUT, "%s exists; give --force to replace it, or another name with -o",
                 options->output);
  return mst_file_follow(team, status);
}

mst_status mst_import_run(mst_team *team, const char *format, const mst_import_options *options,
                          mst_dataset_info *made) {
  const mst_import_ops *ops = mst_import_find(format);
  if (ops == NULL || ops->run == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "'%s' is no format that can be imported; idx, csv, libsvm, npy "
                    "and ratings are",
                    format == NULL ? "" : format);
  MST_TRY(check_options(ops, options));
  MST_TRY(check_files(team, options));
  return ops->run(team, options, made);
}

mst_import_options mst_import_part_options(const mst_import_options *options,
                                           const mst_import_part *part) {
  mst_import_options o = *options;
  o.from = NULL;
  o.input = part->input;
  o.labels = part->labels;
  o.output = part->output;
  return o;
}

mst_status mst_import_locate(mst_team *team, const mst_import_ops *ops,
                             const mst_import_options *options, mst_import_part *part) {
  MST_TRY(mst_file_follow(team, mst_team_rank(team) == 0 ? ops->find(options, part) : MST_OK));
  MST_TRY(mst_team_bcast(team, part, ops->parts * (int64_t)sizeof *part, 0));
  for (int i = 0; i < ops->parts; i++) {
    mst_import_options o = mst_import_part_options(options, &part[i]);
    MST_TRY(check_files(team, &o));
  }
  return MST_OK;
}
