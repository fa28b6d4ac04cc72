/* CSV files (RFC 4180, with ',' ';' or tab): one row a line, numbers in all columns but those of
 * the label and the client, which may hold words. Logged decisions have columns of their own. Read
 * twice: for rows, labels and clients, then for the values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/import_source.h"

#define NO_COLUMN (-1)

typedef struct csv_state {
  mst_import_text text;
  char delimiter;
  bool header;
  int64_t columns;
  char **name;           /* (columns) of the first line                */
  char **field;          /* (columns) of the line read last            */
  int64_t label, client; /* their columns                              */
  int64_t arm, reward, propensity;
  int64_t n_arms; /* of a log: given, or the largest plus one   */
  bool regression;
  double scale;
  mst_import_names classes, clients;
} csv_state;

static mst_status refuse(const csv_state *s, int64_t column, const char *found,
                         const char *expected) {
  char name[80] = " (the first is 0)";
  if (s->header) snprintf(name, sizeof name, " ('%.60s')", s->name[column]);
  return mst_fail(MST_ERR_FORMAT, "%s:%lld: column %lld%s is %s%.60s%s; %s", s->text.bytes.path,
                  (long long)s->text.number, (long long)column, name, *found == 0 ? "" : "'",
                  *found == 0 ? "empty" : found, *found == 0 ? "" : "'", expected);
}

/* Cut a line into s->field, of which there are at most s->columns. */
static mst_status split(csv_state *s, char *line, int64_t *count) {
  bool last = false;
  for (*count = 0; !last; (*count)++) {
    char *field;
    MST_TRY(mst_import_field(&s->text, s->delimiter, *count, &line, &field, &last));
    if (*count < s->columns) s->field[*count] = field;
  }
  return MST_OK;
}

/* The next line, cut; *got is false at the end of the file. */
static mst_status next_record(csv_state *s, bool *got) {
  char *line;
  int64_t count;
  *got = false;
  MST_TRY(mst_import_text_line(&s->text, &line));
  if (line == NULL) return MST_OK;
  MST_TRY(split(s, line, &count));
  if (count != s->columns)
    return mst_fail(MST_ERR_FORMAT, "%s:%lld: has %lld column%s where the first line has %lld",
                    s->text.bytes.path, (long long)s->text.number, (long long)count,
                    count == 1 ? "" : "s", (long long)s->columns);
  *got = true;
  return MST_OK;
}

/* Does a column stand for itself in /x? */
static bool is_feature(const csv_state *s, int64_t column) {
  return column != s->label && column != s->client && column != s->arm && column != s->reward &&
         column != s->propensity;
}

/* A column by its number; negative ones count from the end. NO_COLUMN if it is no such number. */
static int64_t column_by_number(const csv_state *s, const char *text) {
  char *end;
  long long number = strtoll(text, &end, 10);
  if (end == text || *end != 0 || number < -s->columns || number >= s->columns) return NO_COLUMN;
  return number < 0 ? number + s->columns : number;
}

static mst_status find_column(const csv_state *s, const char *text, const char *what,
                              int64_t *column) {
  *column = NO_COLUMN;
  for (int64_t i = 0; s->header && i < s->columns; i++) {
    if (strcmp(s->name[i], text) != 0) continue;
    if (*column != NO_COLUMN)
      return mst_fail(MST_ERR_INPUT, "%s: two columns are called '%s'; give the %s's number",
                      s->text.bytes.path, text, what);
    *column = i;
  }
  if (*column == NO_COLUMN) *column = column_by_number(s, text);
  if (*column != NO_COLUMN) return MST_OK;
  char names[300] = "";
  for (int64_t i = 0; s->header && i < s->columns && strlen(names) < 200; i++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s'%.40s'", i == 0 ? "" : ", ",
             s->name[i]);
  return mst_fail(
      MST_ERR_INPUT,
      "%s: there is no column '%s' for the %s; its %lld columns %s%s (numbers 0 to %lld, "
      "or negative from the end)",
      s->text.bytes.path, text, what, (long long)s->columns,
      s->header ? "begin with " : "have no names", names, (long long)s->columns - 1);
}

static bool is_number(const csv_state *s, const char *field) {
  double value;
  return mst_import_text_number(&s->text, field, &value);
}

/* What stands for the label where nothing was said: the last column, but none of a log. */
static const char *label_name(const mst_import_options *options) {
  if (options->label_column != NULL) return options->label_column;
  return options->arm_column != NULL ? "none" : "-1";
}

/* The first line names the columns if a column of numbers does not begin with one: any column but
 * label and client; or the label's, where the second line has a number. */
static mst_status find_header(csv_state *s, const mst_import_options *options) {
  const char *label_text = label_name(options);
  int64_t label = column_by_number(s, label_text), client = NO_COLUMN;
  const char *const logged[] = {options->arm_column, options->reward_column,
                                options->propensity_column};
  bool none = strcmp(label_text, "none") == 0, got;
  s->header = label == NO_COLUMN && !none;
  if (options->client_column != NULL) {
    client = column_by_number(s, options->client_column);
    if (client == NO_COLUMN) s->header = true;
  }
  for (int i = 0; i < 3; i++)
    if (logged[i] != NULL && column_by_number(s, logged[i]) == NO_COLUMN) s->header = true;
  for (int64_t i = 0; i < s->columns; i++)
    if (i != label && i != client && s->field[i][0] != 0 && !is_number(s, s->field[i]))
      s->header = true;
  bool label_word = label != NO_COLUMN && !is_number(s, s->field[label]);
  if (s->header || !label_word) return MST_OK;
  MST_TRY(next_record(s, &got));
  s->header = got && is_number(s, s->field[label]);
  return MST_OK;
}

/* Columns of logged decisions. */
static mst_status find_log(csv_state *s, const mst_import_options *options) {
  if (options->arm_column == NULL) return MST_OK;
  MST_TRY(find_column(s, options->arm_column, "arm", &s->arm));
  MST_TRY(find_column(s, options->reward_column, "reward", &s->reward));
  MST_TRY(find_column(s, options->propensity_column, "propensity", &s->propensity));
  const int64_t column[] = {s->arm, s->reward, s->propensity, s->label, s->client};
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < i; j++)
      if (column[i] != NO_COLUMN && column[i] == column[j])
        return mst_fail(MST_ERR_INPUT, "%s: column %lld cannot be two things", s->text.bytes.path,
                        (long long)column[i]);
  return MST_OK;
}

/* Columns, delimiter, header and names, from the first lines. */
static mst_status read_first_line(csv_state *s, const mst_import_options *options) {
  char *line;
  int64_t count;
  MST_TRY(mst_import_text_line(&s->text, &line));
  if (line == NULL) return mst_fail(MST_ERR_FORMAT, "%s: has no rows", s->text.bytes.path);
  s->delimiter = mst_import_delimiter(line);
  s->columns = (int64_t)strlen(line) + 1; /* there cannot be more */
  MST_TRY(mst_alloc(&s->field, s->columns, sizeof *s->field, "csv fields"));
  MST_TRY(split(s, line, &count));
  s->columns = count;
  MST_TRY(mst_alloc(&s->name, s->columns, sizeof *s->name, "csv column names"));
  for (int64_t i = 0; i < s->columns; i++) {
    MST_TRY(mst_alloc(&s->name[i], (int64_t)strlen(s->field[i]) + 1, 1, "csv column name"));
    strcpy(s->name[i], s->field[i]);
  }
  if (options->has_header_option)
    s->header = options->header;
  else
    MST_TRY(find_header(s, options));
  const char *label = label_name(options);
  s->label = s->client = s->arm = s->reward = s->propensity = NO_COLUMN;
  if (strcmp(label, "none") != 0) MST_TRY(find_column(s, label, "label", &s->label));
  if (options->client_column != NULL)
    MST_TRY(find_column(s, options->client_column, "client", &s->client));
  if (s->label != NO_COLUMN && s->label == s->client)
    return mst_fail(MST_ERR_INPUT, "%s: column %lld cannot be both label and client",
                    s->text.bytes.path, (long long)s->label);
  return find_log(s, options);
}

static mst_status rewind_to_rows(csv_state *s) {
  bool got;
  MST_TRY(mst_import_text_rewind(&s->text));
  return s->header ? next_record(s, &got) : MST_OK;
}

/* The arm of the line read last. */
static mst_status read_arm(const csv_state *s, int32_t *arm) {
  const char *field = s->field[s->arm];
  double value;
  if (!mst_import_text_number(&s->text, field, &value) || !(value >= 0 && value < INT32_MAX) ||
      value != floor(value))
    return refuse(s, s->arm, field, "arms are 0, 1, 2, ...");
  *arm = (int32_t)value;
  return MST_OK;
}

static mst_status survey_arm(csv_state *s, int64_t stated) {
  int32_t arm = 0;
  MST_TRY(read_arm(s, &arm));
  if (stated > 0 && arm >= stated)
    return refuse(s, s->arm, s->field[s->arm], "more arms were not announced");
  if (arm >= s->n_arms) s->n_arms = (int64_t)arm + 1;
  return MST_OK;
}

/* The first reading. */
static mst_status survey(csv_state *s, int64_t stated_arms, int64_t *rows) {
  static const char fill_it[] = "fill it, or leave the row out";
  MST_TRY(rewind_to_rows(s));
  for (*rows = 0;; (*rows)++) {
    bool got;
    MST_TRY(next_record(s, &got));
    if (!got) break;
    if (s->label != NO_COLUMN) {
      if (s->field[s->label][0] == 0) return refuse(s, s->label, "", fill_it);
      if (!s->regression) MST_TRY(mst_import_names_add(&s->classes, &s->text, s->field[s->label]));
    }
    if (s->client != NO_COLUMN) {
      if (s->field[s->client][0] == 0) return refuse(s, s->client, "", fill_it);
      MST_TRY(mst_import_names_add(&s->clients, &s->text, s->field[s->client]));
    }
    if (s->arm != NO_COLUMN) MST_TRY(survey_arm(s, stated_arms));
  }
  if (stated_arms > 0) s->n_arms = stated_arms;
  if (*rows == 0)
    return mst_fail(MST_ERR_FORMAT, "%s: has a header but no rows", s->text.bytes.path);
  return rewind_to_rows(s);
}

static mst_status read_number(mst_import_source *source, int64_t column, double scale, float *out) {
  csv_state *s = source->state;
  const char *field = s->field[column];
  double value;
  if (!mst_import_text_number(&s->text, field, &value))
    return refuse(s, column, field,
                  *field == 0 ? "fill it, or leave the row out" : "a number is expected");
  *out = (float)(value * scale);
  if (!isfinite(*out))
    mst_import_note(source, "'%.40s' in line %lld, column %lld", field, (long long)s->text.number,
                    (long long)column);
  return MST_OK;
}

static mst_status fill(mst_import_source *source, int64_t count, mst_import_block *block) {
  csv_state *s = source->state;
  float *x = block->x;
  for (int64_t i = 0; i < count; i++) {
    bool got;
    MST_TRY(next_record(s, &got));
    if (!got)
      return mst_fail(MST_ERR_IO, "%s: became shorter while it was read", s->text.bytes.path);
    for (int64_t c = 0; c < s->columns; c++)
      if (is_feature(s, c)) MST_TRY(read_number(source, c, s->scale, x++));
    if (block->label != NULL)
      MST_TRY(mst_import_names_find(&s->classes, &s->text, s->field[s->label], &block->label[i]));
    if (block->value != NULL) MST_TRY(read_number(source, s->label, 1.0, &block->value[i]));
    if (block->client != NULL)
      MST_TRY(mst_import_names_find(&s->clients, &s->text, s->field[s->client], &block->client[i]));
    if (block->arm == NULL) continue;
    MST_TRY(read_arm(s, &block->arm[i]));
    MST_TRY(read_number(source, s->reward, 1.0, &block->reward[i]));
    MST_TRY(read_number(source, s->propensity, 1.0, &block->propensity[i]));
  }
  return MST_OK;
}

static mst_status end(mst_import_source *source) {
  csv_state *s = source->state;
  bool got;
  MST_TRY(next_record(s, &got));
  return got ? mst_fail(MST_ERR_IO, "%s: grew while it was read", s->text.bytes.path) : MST_OK;
}

static void close_state(void *state) {
  csv_state *s = state;
  if (s == NULL) return;
  mst_import_text_close(&s->text);
  mst_import_names_clear(&s->classes);
  mst_import_names_clear(&s->clients);
  for (int64_t i = 0; s->name != NULL && i < s->columns; i++) mst_free(s->name[i]);
  mst_free(s->name);
  mst_free(s->field);
  mst_free(s);
}

static mst_status describe(csv_state *s, mst_import_source *source) {
  mst_dataset_info *info = &source->info;
  info->row_dims = 1;
  for (int64_t c = 0; c < s->columns; c++) info->row_elements += is_feature(s, c);
  info->row_size[0] = info->row_elements;
  if (info->row_elements < 1)
    return mst_fail(MST_ERR_FORMAT, "%s: has no column beside those of label%s and client",
                    s->text.bytes.path, s->arm != NO_COLUMN ? ", log" : "");
  info->has_log = s->arm != NO_COLUMN;
  info->n_arms = s->n_arms;
  if (s->client != NO_COLUMN) {
    info->has_client = true;
    MST_TRY(mst_import_names_settle(&s->clients, &s->text, true, false, "client"));
  }
  if (s->label == NO_COLUMN) return MST_OK;
  info->outputs = 1;
  info->target = s->regression ? MST_TARGET_VALUES : MST_TARGET_CLASSES;
  snprintf(info->task, sizeof info->task, "%s", s->regression ? "regression" : "classification");
  if (s->regression) return MST_OK;
  MST_TRY(mst_import_names_settle(&s->classes, &s->text, false, true, "label"));
  info->n_classes = s->classes.largest + 1;
  if (s->classes.mapped) source->class_names = (const char *const *)s->classes.name;
  return MST_OK;
}

static mst_status open_source(const mst_import_options *options, mst_import_source *source) {
  csv_state *s = NULL;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "csv importer"));
  source->state = s;
  source->close = close_state;
  source->fill = fill;
  source->end = end;
  s->scale = options->scale != 0 ? options->scale : 1.0;
  s->regression = options->task != NULL && strcmp(options->task, "regression") == 0;
  MST_TRY(mst_import_text_open(&s->text, options->input));
  MST_TRY(read_first_line(s, options));
  MST_TRY(survey(s, options->n_arms, &source->info.rows));
  snprintf(source->info.source, sizeof source->info.source, "csv %s",
           mst_import_base_name(options->input));
  return describe(s, source);
}

static mst_status run(mst_team *team, const mst_import_options *options, mst_dataset_info *made) {
  mst_import_source source = {0};
  mst_status opened = MST_OK;
  if (mst_team_rank(team) == 0) opened = open_source(options, &source);
  return mst_import_stream(team, options, opened, &source, made);
}

const mst_import_ops mst_import_csv = {
    .name = "csv",
    .summary = "text tables with ',' ';' or tab, label and client in columns of their own",
    .run = run,
    .takes_columns = true,
};
