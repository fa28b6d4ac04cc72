/* libyaml's events to a tree, and libyaml's complaints in plain words. */
#include "io/yaml_tree.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/base/memory.h"
#include "io/text.h"
#include "io/yaml_text.h"

#define PATH_BYTES 512 /* of a dotted key in an error */

typedef struct reader {
  const char *name;
  bool lines;
  yaml_parser_t parser;
  mst_yaml_node *root;
  mst_yaml_node *open[MST_YAML_DEPTH]; /* sections and lists not yet ended */
  int depth;
  char *key; /* read, its value not yet */
  int key_line;
  int nodes;
} reader;

static mst_status fail_at(const reader *r, yaml_mark_t mark, const char *problem) {
  return mst_yaml_fail(r->name, r->lines, (int)mark.line + 1, (int)mark.column + 1, problem);
}

/* libyaml's problems as a user meets them, and what they mean. */
static const char *const meaning[][2] = {
    {"mapping values are not allowed in this context",
     "a second ': ' in one line; put the value in quotes, or begin a new line"},
    {"did not find expected key",
     "a key is expected here; is the indentation that of the lines above, and is every bracket or "
     "quote closed?"},
    {"could not find expected ':'", "':' and a space are expected after a key"},
    {"did not find expected ',' or ']'", "',' or ']' is expected; a list is not closed"},
    {"did not find expected ',' or '}'", "',' or '}' is expected; a section is not closed"},
    {"did not find expected node content", "a value is expected here"},
    {"found character that cannot start any token",
     "this character cannot begin a value; put the value in quotes"},
    {"found unexpected end of stream", "the text ends inside quotes; close them"},
    {"block sequence entries are not allowed in this context",
     "a list entry '- ' cannot stand here; begin a new line"},
    {"block mapping entries are not allowed in this context",
     "a key cannot stand here; begin a new line"},
    {"did not find expected '-' indicator",
     "a list entry '- ' is expected here; is the indentation that of the entries above?"},
    {"did not find expected <document start>", "text behind the end of the experiment"},
    {NULL, NULL},
};

static mst_status refuse_syntax(const reader *r) {
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR)
    return mst_fail(MST_ERR_MEMORY, "%s: no memory to read it", r->name);
  const char *problem = p->problem != NULL ? p->problem : "not YAML";
  for (int i = 0; meaning[i][0] != NULL; i++)
    if (strcmp(problem, meaning[i][0]) == 0) problem = meaning[i][1];
  char text[256];
  int line = (int)p->context_mark.line + 1;
  if (p->context != NULL && r->lines && p->context_mark.line != p->problem_mark.line)
    snprintf(text, sizeof text, "%s (%s that begins on line %d)", problem, p->context, line);
  else
    snprintf(text, sizeof text, "%s", problem);
  return fail_at(r, p->problem_mark, text);
}

static mst_status new_node(reader *r, mst_yaml_kind kind, yaml_mark_t mark, mst_yaml_node **out) {
  if (++r->nodes > MST_YAML_NODES) {
    char text[64];
    snprintf(text, sizeof text, "more than %d values", MST_YAML_NODES);
    return fail_at(r, mark, text);
  }
  MST_TRY(mst_alloc(out, 1, sizeof **out, "experiment value"));
  (*out)->kind = kind;
  (*out)->line = (int)mark.line + 1;
  return MST_OK;
}

static bool awaits_key(const reader *r) {
  return r->depth > 0 && r->open[r->depth - 1]->kind == MST_YAML_SECTION && r->key == NULL;
}

/* Hang node below the innermost open section or list; with its key, in a section. */
static void attach(reader *r, mst_yaml_node *node) {
  if (r->depth == 0) {
    r->root = node;
    return;
  }
  mst_yaml_node *parent = r->open[r->depth - 1];
  if (parent->kind == MST_YAML_SECTION) {
    node->key = r->key;
    node->key_line = r->key_line;
    r->key = NULL;
  }
  if (parent->last != NULL)
    parent->last->next = node;
  else
    parent->first = node;
  parent->last = node;
  parent->n++;
}

static mst_status copy_scalar(const reader *r, const yaml_event_t *e, char **out) {
  const char *value = (const char *)e->data.scalar.value;
  if (memchr(value, 0, e->data.scalar.length) != NULL)
    return fail_at(r, e->start_mark, "a zero character (\\0) in a text");
  return mst_text_copy(value, out);
}

/* "clients.alpha" for a key of the innermost open section. */
static void dotted_key(const reader *r, char to[PATH_BYTES]) {
  size_t n = 0;
  to[0] = '\0';
  for (int i = 0; i <= r->depth && n < PATH_BYTES; i++) {
    const char *key = i < r->depth ? r->open[i]->key : r->key;
    if (key != NULL) n += (size_t)snprintf(to + n, PATH_BYTES - n, "%s%s", n > 0 ? "." : "", key);
  }
}

static mst_status take_key(reader *r, const yaml_event_t *e) {
  char path[PATH_BYTES], shown[MST_SHOWN], text[2 * MST_SHOWN];
  MST_TRY(copy_scalar(r, e, &r->key));
  r->key_line = (int)e->start_mark.line + 1;
  const mst_yaml_node *first = mst_yaml_entry(r->open[r->depth - 1], r->key);
  if (r->key[0] == '\0') return fail_at(r, e->start_mark, "a value without a key");
  if (first == NULL) return MST_OK;
  dotted_key(r, path);
  mst_text_show(path, shown, sizeof shown);
  if (r->lines)
    snprintf(text, sizeof text, "%s: given twice; first on line %d", shown, first->key_line);
  else
    snprintf(text, sizeof text, "%s: given twice", shown);
  return mst_yaml_fail(r->name, r->lines, r->key_line, 0, text);
}

static mst_status take_scalar(reader *r, const yaml_event_t *e) {
  if (awaits_key(r)) return take_key(r, e);
  mst_yaml_node *node = NULL;
  MST_TRY(new_node(r, MST_YAML_SCALAR, e->start_mark, &node));
  node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  mst_status st = copy_scalar(r, e, &node->text);
  if (st != MST_OK) {
    mst_free(node);
    return st;
  }
  /* The mark of an empty value is where the parser noticed that there is none. */
  if (node->text[0] == '\0' && node->plain && r->key != NULL) node->line = r->key_line;
  attach(r, node);
  return MST_OK;
}

static mst_status open_node(reader *r, mst_yaml_kind kind, const yaml_event_t *e) {
  if (awaits_key(r))
    return fail_at(r, e->start_mark,
                   kind == MST_YAML_LIST ? "a list cannot be a key; put it in quotes"
                                         : "a section in braces cannot be a key");
  if (r->depth == MST_YAML_DEPTH) {
    char text[64];
    snprintf(text, sizeof text, "nested deeper than %d levels", MST_YAML_DEPTH);
    return fail_at(r, e->start_mark, text);
  }
  mst_yaml_node *node = NULL;
  MST_TRY(new_node(r, kind, e->start_mark, &node));
  attach(r, node);
  r->open[r->depth++] = node;
  return MST_OK;
}

/* Anchors and tags are refused wherever they may stand. */
static mst_status refuse_marks(const reader *r, const yaml_event_t *e) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  if (e->type == YAML_SCALAR_EVENT) {
    anchor = e->data.scalar.anchor;
    tag = e->data.scalar.tag;
  } else if (e->type == YAML_SEQUENCE_START_EVENT) {
    anchor = e->data.sequence_start.anchor;
    tag = e->data.sequence_start.tag;
  } else if (e->type == YAML_MAPPING_START_EVENT) {
    anchor = e->data.mapping_start.anchor;
    tag = e->data.mapping_start.tag;
  }
  if (anchor != NULL || e->type == YAML_ALIAS_EVENT)
    return fail_at(r, e->start_mark,
                   "anchors (&) and aliases (*) are not read; write the value "
                   "out, or put it in quotes");
  if (tag != NULL)
    return fail_at(r, e->start_mark, "tags (!) are not read; put the value in quotes");
  return MST_OK;
}

static mst_status take_event(reader *r, const yaml_event_t *e) {
  MST_TRY(refuse_marks(r, e));
  switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
      return r->root == NULL ? MST_OK
                             : fail_at(r, e->start_mark,
                                       "a second document begins here; one file "
                                       "holds one experiment");
    case YAML_SCALAR_EVENT: return take_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT: return open_node(r, MST_YAML_LIST, e);
    case YAML_MAPPING_START_EVENT: return open_node(r, MST_YAML_SECTION, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return MST_OK;
    default: return MST_OK;
  }
}

static mst_status read_events(reader *r) {
  for (;;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&r->parser, &event)) return refuse_syntax(r);
    bool done = event.type == YAML_STREAM_END_EVENT;
    mst_status st = take_event(r, &event);
    yaml_event_delete(&event);
    if (st != MST_OK) return st;
    if (done) return MST_OK;
  }
}

mst_status mst_yaml_parse(const char *text, const char *name, bool lines, mst_yaml_node **root) {
  *root = NULL;
  /* libyaml counts a byte order mark as a column, which would indent the first line. */
  if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3;
  MST_TRY(mst_yaml_look(text, name, lines));
  reader r = {.name = name, .lines = lines};
  if (!yaml_parser_initialize(&r.parser))
    return mst_fail(MST_ERR_MEMORY, "%s: no memory to read it", name);
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, strlen(text));
  mst_status st = read_events(&r);
  if (st == MST_OK && r.root == NULL)
    st = new_node(&r, MST_YAML_SCALAR, (yaml_mark_t){0, 0, 0}, &r.root);
  yaml_parser_delete(&r.parser);
  mst_free(r.key);
  if (st == MST_OK)
    *root = r.root;
  else
    mst_yaml_free(r.root);
  return st;
}

void mst_yaml_free(mst_yaml_node *node) {
  while (node != NULL) {
    mst_yaml_node *next = node->next;
    mst_yaml_free(node->first);
    mst_free(node->key);
    mst_free(node->text);
    mst_free(node);
    node = next;
  }
}

const mst_yaml_node *mst_yaml_entry(const mst_yaml_node *section, const char *key) {
  for (const mst_yaml_node *e = section->first; e != NULL; e = e->next)
    if (e->key != NULL && strcmp(e->key, key) == 0) return e;
  return NULL;
}

bool mst_yaml_is_null(const mst_yaml_node *node) {
  if (node->kind != MST_YAML_SCALAR) return false;
  if (node->text == NULL) return true;
  return node->plain && (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
                         strcmp(node->text, "null") == 0 || strcmp(node->text, "Null") == 0 ||
                         strcmp(node->text, "NULL") == 0);
}
