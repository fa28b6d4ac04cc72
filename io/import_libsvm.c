/* LIBSVM files: "label index:value index:value ..." a line, indices from 1 and increasing, absent
 * ones are 0 (or, of sparse rows, left out); what follows '#' is a comment. Read twice: for rows,
 * width and labels, then for the values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/import_source.h"

typedef struct libsvm_state {
  mst_import_text text;
  mst_import_names classes;
  double scale;
  bool regression;
  int64_t width; /* features; 0 = not known yet */
  bool sparse;
} libsvm_state;

static const char blanks[] = " \t\r\v\f";

/* The next word of a line, ended with a zero; NULL at the line's end. */
static char *next_word(char **at) {
  char *word = *at + strspn(*at, blanks);
  if (*word == 0) return NULL;
  char *end = word + strcspn(word, blanks);
  *at = *end == 0 ? end : end + 1;
  *end = 0;
  return word;
}

/* The next line with a label; what follows it is left at *rest. *label is NULL at the end. */
static mst_status next_label(libsvm_state *s, char **label, char **rest) {
  char *line;
  do {
    MST_TRY(mst_import_text_line(&s->text, &line));
    *label = NULL;
    if (line == NULL) return MST_OK;
    char *comment = strchr(line, '#');
    if (comment != NULL) *comment = 0;
    *rest = line;
    *label = next_word(rest);
  } while (*label == NULL);
  double value;
  if (strchr(*label, ':') != NULL)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: begins with '%s' where the label is expected",
                    s->text.bytes.path, (long long)s->text.number, *label);
  if (mst_import_text_number(&s->text, *label, &value)) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s:%lld: the label is '%s'; one number is expected",
                  s->text.bytes.path, (long long)s->text.number, *label);
}

/* The next "index:value" of a line; *index is 0 at its end. */
static mst_status next_pair(libsvm_state *s, char **rest, int64_t last, int64_t *index,
                            double *value) {
  const char *path = s->text.bytes.path;
  long long line = s->text.number;
  char *word = next_word(rest), *end;
  *index = 0;
  if (word == NULL) return MST_OK;
  long long found = strtoll(word, &end, 10);
  if (end == word || *end != ':')
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: found '%s' where index:value is expected", path, line,
                    word);
  if (!mst_import_text_number(&s->text, end + 1, value))
    return mst_fail(MST_ERR_FORMAT,
                    "%s:%lld: the value of feature %lld is '%s'; a number is expected", path, line,
                    found, end + 1);
  if (found < 1)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: index %lld; indices begin with 1", path, line, found);
  if (found <= last)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: index %lld follows index %lld; indices must increase",
                    path, line, found, (long long)last);
  if (s->width > 0 && found > s->width)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: index %lld where %lld features were announced", path,
                    line, found, (long long)s->width);
  if (found > INT32_MAX)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: index %lld; at most %d are possible", path, line,
                    found, INT32_MAX);
  *index = found;
  return MST_OK;
}

/* The first reading. */
static mst_status survey(libsvm_state *s, mst_dataset_info *info) {
  int64_t widest = 0;
  for (;;) {
    char *label, *rest;
    MST_TRY(next_label(s, &label, &rest));
    if (label == NULL) break;
    info->rows++;
    if (!s->regression) MST_TRY(mst_import_names_add(&s->classes, &s->text, label));
    double value;
    for (int64_t last = 0, index = 1; index > 0; last = index) {
      MST_TRY(next_pair(s, &rest, last, &index, &value));
      if (index > widest) widest = index;
      if (index > 0) info->entries++;
    }
  }
  const char *path = s->text.bytes.path;
  if (info->rows == 0) return mst_fail(MST_ERR_FORMAT, "%s: has no rows", path);
  if (s->width == 0) s->width = widest;
  if (s->width == 0) return mst_fail(MST_ERR_FORMAT, "%s: has no features at all", path);
  if (s->sparse && info->entries == 0)
    return mst_fail(MST_ERR_FORMAT, "%s: has no index:value at all", path);
  return MST_OK;
}

static mst_status fill(mst_import_source *source, int64_t count, mst_import_block *block) {
  libsvm_state *s = source->state;
  if (!s->sparse) memset(block->x, 0, (size_t)(count * s->width) * sizeof(float));
  block->sparse.rows = 0;
  for (int64_t i = 0; i < count; i++) {
    char *label, *rest;
    double value = 0;
    MST_TRY(next_label(s, &label, &rest));
    if (label == NULL)
      return mst_fail(MST_ERR_IO, "%s: became shorter while it was read", s->text.bytes.path);
    if (!s->regression) {
      MST_TRY(mst_import_names_find(&s->classes, &s->text, label, &block->label[i]));
    } else if (mst_import_text_number(&s->text, label, &value)) {
      block->value[i] = (float)value;
      if (!isfinite(block->value[i]))
        mst_import_note(source, "the value '%s' of line %lld", label, (long long)s->text.number);
    }
    if (s->sparse) mst_import_begin_row(block);
    for (int64_t last = 0, index = 1; index > 0; last = index) {
      MST_TRY(next_pair(s, &rest, last, &index, &value));
      if (index == 0) break;
      const float x = (float)(value * s->scale);
      if (s->sparse)
        MST_TRY(mst_import_add_entry(block, (int32_t)(index - 1), x));
      else
        block->x[i * s->width + index - 1] = x;
      if (!isfinite(x))
        mst_import_note(source, "%g in line %lld, index %lld", value, (long long)s->text.number,
                        (long long)index);
    }
  }
  return MST_OK;
}

static mst_status end(mst_import_source *source) {
  libsvm_state *s = source->state;
  char *line;
  return mst_import_text_line(&s->text, &line);
}

static void close_state(void *state) {
  libsvm_state *s = state;
  if (s == NULL) return;
  mst_import_text_close(&s->text);
  mst_import_names_clear(&s->classes);
  mst_free(s);
}

static mst_status open_source(const mst_import_options *options, mst_import_source *source) {
  libsvm_state *s = NULL;
  mst_dataset_info *info = &source->info;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "libsvm importer"));
  source->state = s;
  source->close = close_state;
  source->fill = fill;
  source->end = end;
  s->scale = options->scale != 0 ? options->scale : 1.0;
  s->width = options->n_features;
  s->sparse = info->sparse = options->sparse;
  s->regression = options->task != NULL && strcmp(options->task, "regression") == 0;
  MST_TRY(mst_import_text_open(&s->text, options->input));
  MST_TRY(survey(s, info));
  MST_TRY(mst_import_text_rewind(&s->text));
  info->row_dims = 1;
  info->row_size[0] = info->row_elements = s->width;
  info->outputs = 1;
  info->target = s->regression ? MST_TARGET_VALUES : MST_TARGET_CLASSES;
  if (!s->regression) {
    MST_TRY(mst_import_names_settle(&s->classes, &s->text, false, true, "label"));
    info->n_classes = s->classes.largest + 1;
    if (s->classes.mapped) source->class_names = (const char *const *)s->classes.name;
  }
  snprintf(info->task, sizeof info->task, "%s", s->regression ? "regression" : "classification");
  snprintf(info->source, sizeof info->source, "libsvm %s", mst_import_base_name(options->input));
  return MST_OK;
}

static mst_status run(mst_team *team, const mst_import_options *options, mst_dataset_info *made) {
  mst_import_source source = {0};
  mst_status opened = MST_OK;
  if (mst_team_rank(team) == 0) opened = open_source(options, &source);
  return mst_import_stream(team, options, opened, &source, made);
}

const mst_import_ops mst_import_libsvm = {
    .name = "libsvm",
    .summary = "sparse text, 'label index:value ...' a line",
    .run = run,
    .takes_features = true,
    .takes_sparse = true,
};
