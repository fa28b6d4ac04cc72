/* Lists of ratings: 'user,item,rating' a line, perhaps with a time behind, cut as CSV. Users and
 * items have ids, numbers or words, which are numbered from 0 in increasing order; a user becomes a
 * sparse row. Read twice: for the ids, then for the ratings, which are all in memory then. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/import_source.h"

#define FIELDS_MOST 4

typedef struct rating {
  int32_t user, item;
  float value;
  int64_t line;
} rating;

typedef struct ratings_state {
  mst_import_text text;
  char delimiter;
  bool header;
  int64_t columns; /* 3, or 4 with a time, which is not looked at */
  double scale;
  mst_import_names users, items;
  rating *rating;  /* (n) by user and item */
  int64_t n, next; /* next to be given out  */
} ratings_state;

/* The next line, cut; field[0] is NULL at the end of the file. */
static mst_status next_record(ratings_state *s, char *field[FIELDS_MOST]) {
  char *line;
  bool last = false;
  int64_t count = 0;
  field[0] = NULL;
  MST_TRY(mst_import_text_line(&s->text, &line));
  if (line == NULL) return MST_OK;
  if (s->delimiter == 0) s->delimiter = mst_import_delimiter(line);
  for (char *found; !last; count++) {
    MST_TRY(mst_import_field(&s->text, s->delimiter, count, &line, &found, &last));
    if (count < FIELDS_MOST) field[count] = found;
  }
  if (s->columns == 0) s->columns = count;
  if (count < 3 || count > FIELDS_MOST || count != s->columns)
    return mst_fail(MST_ERR_FORMAT,
                    "%s:%lld: has %lld column%s; user, item and rating are expected, and perhaps a "
                    "time, the same on every line",
                    s->text.bytes.path, (long long)s->text.number, (long long)count,
                    count == 1 ? "" : "s");
  return MST_OK;
}

/* The next line that is no header. */
static mst_status next_rating(ratings_state *s, char *field[FIELDS_MOST], double *value) {
  MST_TRY(next_record(s, field));
  if (s->text.number == 1 && field[0] != NULL && !mst_import_text_number(&s->text, field[2], value))
    MST_TRY(next_record(s, field));
  if (field[0] == NULL) return MST_OK;
  for (int i = 0; i < 2; i++)
    if (*field[i] == 0)
      return mst_fail(MST_ERR_FORMAT, "%s:%lld: the %s is empty", s->text.bytes.path,
                      (long long)s->text.number, i == 0 ? "user" : "item");
  if (mst_import_text_number(&s->text, field[2], value)) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s:%lld: the rating is '%.60s'; a number is expected",
                  s->text.bytes.path, (long long)s->text.number, field[2]);
}

/* The first reading. */
static mst_status survey(ratings_state *s) {
  for (;;) {
    char *field[FIELDS_MOST];
    double value;
    MST_TRY(next_rating(s, field, &value));
    if (field[0] == NULL) break;
    MST_TRY(mst_import_names_add(&s->users, &s->text, field[0]));
    MST_TRY(mst_import_names_add(&s->items, &s->text, field[1]));
    s->n++;
  }
  if (s->n == 0) return mst_fail(MST_ERR_FORMAT, "%s: has no ratings", s->text.bytes.path);
  MST_TRY(mst_import_names_settle(&s->users, &s->text, false, false, "user"));
  MST_TRY(mst_import_names_settle(&s->items, &s->text, false, false, "item"));
  s->users.mapped = s->items.mapped = true; /* ids that are numbers may leave some out */
  return mst_import_text_rewind(&s->text);
}

static int by_place(const void *a, const void *b) {
  const rating *x = a, *y = b;
  if (x->user != y->user) return x->user < y->user ? -1 : 1;
  if (x->item != y->item) return x->item < y->item ? -1 : 1;
  return (x->line > y->line) - (x->line < y->line);
}

/* The second one, and the ratings in order. */
static mst_status collect(ratings_state *s, mst_import_source *source) {
  MST_TRY(mst_alloc(&s->rating, s->n, sizeof *s->rating, "ratings"));
  for (int64_t i = 0; i < s->n; i++) {
    char *field[FIELDS_MOST];
    double value = 0;
    rating *r = &s->rating[i];
    MST_TRY(next_rating(s, field, &value));
    if (field[0] == NULL)
      return mst_fail(MST_ERR_IO, "%s: became shorter while it was read", s->text.bytes.path);
    MST_TRY(mst_import_names_find(&s->users, &s->text, field[0], &r->user));
    MST_TRY(mst_import_names_find(&s->items, &s->text, field[1], &r->item));
    r->value = (float)(value * s->scale);
    r->line = s->text.number;
    if (!isfinite(r->value))
      mst_import_note(source, "the rating '%.60s' of line %lld", field[2], (long long)r->line);
  }
  qsort(s->rating, (size_t)s->n, sizeof *s->rating, by_place);
  for (int64_t i = 1; i < s->n; i++) {
    const rating *a = &s->rating[i - 1], *b = &s->rating[i];
    if (a->user == b->user && a->item == b->item)
      return mst_fail(MST_ERR_FORMAT,
                      "%s:%lld: user '%.60s' has rated item '%.60s' in line %lld before",
                      s->text.bytes.path, (long long)b->line, s->users.name[b->user],
                      s->items.name[b->item], (long long)a->line);
  }
  return MST_OK;
}

static mst_status fill(mst_import_source *source, int64_t count, mst_import_block *block) {
  ratings_state *s = source->state;
  block->sparse.rows = 0;
  for (int64_t i = 0; i < count; i++) {
    mst_import_begin_row(block);
    const int32_t user = s->rating[s->next].user; /* each has one rating at least */
    for (; s->next < s->n && s->rating[s->next].user == user; s->next++)
      MST_TRY(mst_import_add_entry(block, s->rating[s->next].item, s->rating[s->next].value));
  }
  return MST_OK;
}

static mst_status end(mst_import_source *source) {
  ratings_state *s = source->state;
  char *line;
  return mst_import_text_line(&s->text, &line);
}

static void close_state(void *state) {
  ratings_state *s = state;
  if (s == NULL) return;
  mst_import_text_close(&s->text);
  mst_import_names_clear(&s->users);
  mst_import_names_clear(&s->items);
  mst_free(s->rating);
  mst_free(s);
}

static mst_status open_source(const mst_import_options *options, mst_import_source *source) {
  ratings_state *s = NULL;
  mst_dataset_info *info = &source->info;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "importer of ratings"));
  source->state = s;
  source->close = close_state;
  source->fill = fill;
  source->end = end;
  s->scale = options->scale != 0 ? options->scale : 1.0;
  MST_TRY(mst_import_text_open(&s->text, options->input));
  MST_TRY(survey(s));
  MST_TRY(collect(s, source));
  info->sparse = true;
  info->rows = s->users.n;
  info->row_dims = 1;
  info->row_size[0] = info->row_elements = s->items.n;
  info->entries = s->n;
  source->row_ids = (const char *const *)s->users.name;
  source->column_ids = (const char *const *)s->items.name;
  snprintf(info->source, sizeof info->source, "ratings %s", mst_import_base_name(options->input));
  return MST_OK;
}

static mst_status run(mst_team *team, const mst_import_options *options, mst_dataset_info *made) {
  mst_import_source source = {0};
  mst_status opened = MST_OK;
  if (mst_team_rank(team) == 0) opened = open_source(options, &source);
  return mst_import_stream(team, options, opened, &source, made);
}

const mst_import_ops mst_import_ratings = {
    .name = "ratings",
    .summary = "lists of ratings, 'user,item,rating' a line",
    .run = run,
    .lists_entries = true,
};
