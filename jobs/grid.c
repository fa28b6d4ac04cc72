/* The axes of a grid as the command line gives them, and what follows for each cell: its settings,
 * its name for people and the name of its files. */
#include "jobs/grid.h"

#include <ctype.h>
#include <string.h>

#include "core/base/memory.h"

#define TAG_BYTES 120 /* of a file name without its ending; longer ones are numbered instead */

/* Where the value that begins here ends: at a comma outside of brackets and quotes. */
static const char *value_end(const char *c) {
  int depth = 0;
  char quote = '\0';
  for (; *c != '\0' && (*c != ',' || depth > 0 || quote != '\0'); c++) {
    if (quote != '\0')
      quote = *c == quote ? '\0' : quote;
    else if (*c == '"' || *c == '\'')
      quote = *c;
    else
      depth += (*c == '[' || *c == '{') - (*c == ']' || *c == '}');
  }
  return c;
}

static mst_status copy_part(const char *text, int length, char **out) {
  mst_text copy = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(&copy, "%.*s", length, text);
  *out = copy.at;
  return st;
}

static mst_status add_value(const char *option, const char *text, int length,
                            mst_run_grid_axis *a) {
  int i = a->n++;
  MST_TRY(copy_part(text, length, &a->value[i]));
  if (a->value[i][strspn(a->value[i], " \t")] == '\0')
    return mst_fail(MST_ERR_INPUT, "option --%s: %s has an empty value", option, a->key);
  return MST_OK;
}

static mst_status read_axis(const char *option, const char *text, mst_run_grid_axis *a) {
  char shown[MST_SHOWN];
  const char *equals = strchr(text, '=');
  if (equals == NULL || equals == text)
    return mst_fail(MST_ERR_INPUT, "option --%s: '%s' is not key.path=value,value,...", option,
                    mst_text_show(text, shown, sizeof shown));
  MST_TRY(copy_part(text, (int)(equals - text), &a->key));
  if (strcmp(a->key, "output.run") == 0)
    return mst_fail(MST_ERR_INPUT,
                    "option --%s: output.run names the folder of all cells; it cannot vary",
                    option);
  MST_TRY(mst_alloc(&a->value, MST_RUN_GRID_CELLS, sizeof *a->value, "values of a grid"));
  MST_TRY(mst_alloc(&a->tag, MST_RUN_GRID_CELLS, sizeof *a->tag, "names of a grid's files"));
  for (const char *value = equals + 1;;) {
    const char *end = value_end(value);
    if (a->n == MST_RUN_GRID_CELLS)
      return mst_fail(MST_ERR_INPUT, "option --%s: more than %d values", option,
                      MST_RUN_GRID_CELLS);
    MST_TRY(add_value(option, value, (int)(end - value), a));
    if (*end == '\0') return MST_OK;
    value = end + 1;
  }
}

static const char *last_word(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot != NULL ? dot + 1 : key;
}

/* Two axes whose keys end alike are told apart by their whole keys. */
static const char *short_key(const mst_run_grid *g, int axis) {
  const char *word = last_word(g->axis[axis].key);
  for (int i = 0; i < g->axes; i++)
    if (i != axis && strcmp(last_word(g->axis[i].key), word) == 0) return g->axis[axis].key;
  return word;
}

/* Unusual characters become _. */
static mst_status make_tag(const char *key, const char *value, char **tag) {
  mst_text text = MST_TEXT_EMPTY;
  MST_TRY(mst_text_add(&text, "%s-%s", key, value));
  for (char *c = text.at; *c != '\0'; c++)
    if ((unsigned char)*c >= 0x80 || (!isalnum((unsigned char)*c) && strchr(".+-_", *c) == NULL))
      *c = '_';
  *tag = text.at;
  return MST_OK;
}

static mst_status name_values(const char *option, mst_run_grid *g, int axis) {
  mst_run_grid_axis *a = &g->axis[axis];
  for (int i = 0; i < a->n; i++) {
    MST_TRY(make_tag(short_key(g, axis), a->value[i], &a->tag[i]));
    for (int k = 0; k < i; k++)
      if (strcmp(a->tag[k], a->tag[i]) == 0)
        return mst_fail(MST_ERR_INPUT,
                        "option --%s: %s: '%s' and '%s' are the same, or too alike to name two run "
                        "files",
                        option, a->key, a->value[k], a->value[i]);
  }
  return MST_OK;
}

mst_status mst_run_grid_read(const char *option, int n, const char *const *text, mst_run_grid *g) {
  *g = (mst_run_grid){.cells = 1};
  if (n > MST_RUN_GRID_AXES)
    return mst_fail(MST_ERR_INPUT, "option --%s: more than %d keys", option, MST_RUN_GRID_AXES);
  for (; g->axes < n; g->axes++) {
    mst_run_grid_axis *a = &g->axis[g->axes];
    mst_status st = read_axis(option, text[g->axes], a);
    for (int k = 0; k < g->axes && st == MST_OK; k++)
      if (strcmp(g->axis[k].key, a->key) == 0)
        st = mst_fail(MST_ERR_INPUT, "option --%s: %s is given twice", option, a->key);
    if (st == MST_OK && g->cells > MST_RUN_GRID_CELLS / a->n)
      st = mst_fail(MST_ERR_INPUT, "option --%s: more than %d cells", option, MST_RUN_GRID_CELLS);
    if (st != MST_OK) {
      g->axes++;
      return st;
    }
    g->cells *= a->n;
  }
  for (int i = 0; i < g->axes; i++) MST_TRY(name_values(option, g, i));
  return MST_OK;
}

void mst_run_grid_clear(mst_run_grid *g) {
  for (int i = 0; i < g->axes; i++) {
    mst_run_grid_axis *a = &g->axis[i];
    for (int k = 0; k < a->n; k++) {
      mst_free(a->value[k]);
      if (a->tag != NULL) mst_free(a->tag[k]);
    }
    mst_free(a->value);
    mst_free(a->tag);
    mst_free(a->key);
  }
  mst_free(g->base);
  mst_free(g->folder);
  mst_free(g->index);
  *g = (mst_run_grid){.axes = 0};
}

/* Which value of an axis a cell has. */
static int place_on(const mst_run_grid *g, int cell, int axis) {
  for (int i = g->axes - 1; i > axis; i--) cell /= g->axis[i].n;
  return cell % g->axis[axis].n;
}

const char *mst_run_grid_value(const mst_run_grid *g, int cell, int axis) {
  return g->axis[axis].value[place_on(g, cell, axis)];
}

mst_status mst_run_grid_title(const mst_run_grid *g, int cell, mst_text *title) {
  char shown[MST_SHOWN];
  for (int i = 0; i < g->axes; i++)
    MST_TRY(mst_text_add(title, "%s%s=%s", i > 0 ? ", " : "", g->axis[i].key,
                         mst_text_show(mst_run_grid_value(g, cell, i), shown, sizeof shown)));
  return MST_OK;
}

mst_status mst_run_grid_place(mst_run_grid *g, const char *base) {
  mst_text folder = MST_TEXT_EMPTY, index = MST_TEXT_EMPTY;
  size_t n = strlen(base);
  bool named = n > 3 && strcmp(base + n - 3, ".h5") == 0;
  MST_TRY(mst_text_copy(base, &g->base));
  mst_status st = mst_text_add(&folder, "%.*s.grid", (int)(named ? n - 3 : n), base);
  g->folder = folder.at;
  if (st == MST_OK) st = mst_text_add(&index, "%s/index.json", g->folder);
  g->index = index.at;
  return st;
}

mst_status mst_run_grid_file(const mst_run_grid *g, int cell, const char *ending, bool whole,
                             char **path) {
  mst_text text = MST_TEXT_EMPTY;
  size_t bytes = 0;
  for (int i = 0; i < g->axes; i++) bytes += strlen(g->axis[i].tag[place_on(g, cell, i)]) + 1;
  mst_status st = mst_text_add(&text, "%s%s", whole ? g->folder : "", whole ? "/" : "");
  if (st == MST_OK && bytes > TAG_BYTES) st = mst_text_add(&text, "cell-%d", cell);
  for (int i = 0; i < g->axes && bytes <= TAG_BYTES && st == MST_OK; i++)
    st = mst_text_add(&text, "%s%s", i > 0 ? "," : "", g->axis[i].tag[place_on(g, cell, i)]);
  if (st == MST_OK) st = mst_text_add(&text, "%s", ending);
  *path = text.at;
  return st;
}

mst_status mst_run_set_path(const char *key, const char *path, char **out) {
  mst_text text = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(&text, "%s=\"", key);
  for (const char *c = path; *c != '\0' && st == MST_OK; c++) {
    if (iscntrl((unsigned char)*c))
      st = mst_text_add(&text, "\\x%02X", (unsigned)(unsigned char)*c);
    else
      st = mst_text_add(&text, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
  }
  if (st == MST_OK) st = mst_text_add(&text, "\"");
  *out = text.at;
  return st;
}

mst_status mst_run_grid_set(const mst_run_grid *g, int cell, int sets, const char *const *set,
                            mst_run_grid_settings *out) {
  *out = (mst_run_grid_settings){.n = 0};
  MST_TRY(
      mst_alloc(&out->override, sets + MST_RUN_GRID_AXES + 1, sizeof *out->override, "settings"));
  for (int i = 0; i < sets; i++) out->override[out->n++] = set[i];
  for (int i = 0; i < g->axes; i++) {
    mst_text text = MST_TEXT_EMPTY;
    mst_status st = mst_text_add(&text, "%s=%s", g->axis[i].key, mst_run_grid_value(g, cell, i));
    out->override[out->n++] = out->made[i] = text.at;
    MST_TRY(st);
  }
  if (g->folder == NULL) return MST_OK;
  char *path = NULL;
  mst_status st = mst_run_grid_file(g, cell, ".h5", true, &path);
  if (st == MST_OK) st = mst_run_set_path("output.run", path, &out->made[MST_RUN_GRID_AXES]);
  out->override[out->n++] = out->made[MST_RUN_GRID_AXES];
  mst_free(path);
  return st;
}

void mst_run_grid_settings_clear(mst_run_grid_settings *s) {
  for (int i = 0; i <= MST_RUN_GRID_AXES; i++) mst_free(s->made[i]);
  mst_free(s->override);
  *s = (mst_run_grid_settings){.n = 0};
}
