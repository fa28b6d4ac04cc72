/* Values of an experiment: a node of the tree read as a key's type, with its range and words
 * checked, and printed again. Numbers follow the YAML 1.2 core schema's decimal forms. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/memory.h"
#include "core/base/word.h"
#include "io/schema.h"
#include "io/yaml_text.h"

static size_t digits(const char *s) {
  return strspn(s, "0123456789");
}

/* [-+]? (digits [. digits?] | . digits) ([eE] [-+]? digits)? */
static bool is_number(const char *s) {
  s += *s == '-' || *s == '+';
  size_t whole = digits(s), fraction = 0;
  s += whole;
  if (*s == '.') {
    fraction = digits(s + 1);
    s += 1 + fraction;
  }
  if (whole + fraction == 0) return false;
  if (*s == 'e' || *s == 'E') {
    s += 1 + (s[1] == '-' || s[1] == '+');
    if (digits(s) == 0) return false;
    s += digits(s);
  }
  return *s == '\0';
}

const char *mst_value_found(const mst_yaml_node *node, char *to, size_t size) {
  char shown[MST_SHOWN - 16];
  if (node->kind == MST_YAML_LIST) return "a list";
  if (node->kind == MST_YAML_SECTION) return "a section";
  if (mst_yaml_is_null(node)) return "nothing";
  mst_text_show(node->text, shown, sizeof shown);
  bool number = is_number(node->text);
  if (number && node->plain)
    snprintf(to, size, "%s", shown);
  else
    snprintf(to, size, "%s\"%s\"", number ? "the text " : "", shown);
  return to;
}

/* "found X, must be Y": entry > 0 names the entry of a list. */
static mst_status refuse(const mst_value *v, const mst_yaml_node *node, const mst_place *place,
                         int entry, const char *hint) {
  char found[MST_SHOWN + 16], where[32] = "";
  mst_key_spec one = *v->spec;
  if (entry > 0) {
    snprintf(where, sizeof where, "entry %d: ", entry);
    one.type = one.type == MST_KEY_INTS    ? MST_KEY_INT
               : one.type == MST_KEY_REALS ? MST_KEY_REAL
                                           : MST_KEY_WORD;
  }
  mst_text range = MST_TEXT_EMPTY;
  mst_status st = mst_schema_range(&one, true, &range);
  mst_place here = *place;
  if (here.line > 0) here.line = node->line;
  if (st == MST_OK)
    st = mst_place_fail(&here, v->spec->key, "%sfound %s, must be %s%s", where,
                        mst_value_found(node, found, sizeof found), range.at, hint);
  mst_text_free(&range);
  return st;
}

/* A whole decimal number, exactly; false when it is not whole or does not fit 64 bits. */
static bool read_whole(const char *s, int64_t *out) {
  bool negative = *s == '-';
  s += *s == '-' || *s == '+';
  size_t whole = digits(s);
  const char *point = s + whole;
  size_t fraction = *point == '.' ? digits(point + 1) : 0;
  const char *e = point + (*point == '.' ? 1 + fraction : 0);
  long exponent = *e != '\0' ? strtol(e + 1, NULL, 10) : 0;
  if (exponent > 100000) exponent = 100000;
  if (exponent < -100000000) exponent = -100000000;
  /* The number is 0.d1 d2 d3 ... * 10^scale with the digits as they stand. */
  long scale = (long)whole + exponent;
  uint64_t magnitude = 0;
  long used = 0; /* digits of magnitude, without leading zeros */
  long place = 0;
  for (const char *p = s; p < e; p++) {
    if (*p == '.') continue;
    place++;
    int digit = *p - '0';
    if (digit != 0 && place > scale) return false;
    if (place > scale) continue;
    if (used == 0 && digit == 0) continue;
    if (++used > 19) return false;
    magnitude = 10 * magnitude + (uint64_t)digit;
  }
  for (; magnitude != 0 && place < scale; place++) {
    if (++used > 19) return false;
    magnitude *= 10;
  }
  if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
  *out = negative ? -(int64_t)(magnitude - (magnitude > 0)) - (magnitude > 0) : (int64_t)magnitude;
  return true;
}

static bool in_range(const mst_key_spec *s, double x) {
  if (s->min == 0.0 && s->max == 0.0) return true;
  return x <= s->max && (s->open_min ? x > s->min : x >= s->min);
}

static mst_status read_word(mst_value *v, const mst_yaml_node *node, const mst_place *place,
                            int entry, int i) {
  char hint[MST_SHOWN + 32] = "";
  for (const char *c = node->text; *c != '\0'; c++)
    if ((*c > 0 && *c < 0x20) || *c == 0x7F) return refuse(v, node, place, entry, " on one line");
  if (node->text[0] == '\0' && v->spec->allowed == NULL)
    return refuse(v, node, place, entry, " that is not empty");
  if (v->spec->allowed != NULL && !mst_word_is_in(node->text, v->spec->allowed)) {
    mst_guess g = mst_guess_in(node->text, v->spec->allowed);
    if (g.word != NULL) snprintf(hint, sizeof hint, "; did you mean %.*s?", g.length, g.word);
    return refuse(v, node, place, entry, hint);
  }
  return mst_text_copy(node->text, &v->word[i]);
}

static mst_status read_bool(mst_value *v, const mst_yaml_node *node, const mst_place *place) {
  static const char *const old = "yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF";
  bool t = node->plain && mst_word_is_in(node->text, "true|True|TRUE");
  bool f = node->plain && mst_word_is_in(node->text, "false|False|FALSE");
  if (!t && !f)
    return refuse(
        v, node, place, 0,
        mst_word_is_in(node->text, old) ? " (yes, no, on and off are words in YAML 1.2)" : "");
  v->integer[0] = t;
  return MST_OK;
}

static mst_status read_scalar(mst_value *v, const mst_yaml_node *node, const mst_place *place,
                              int entry, int i) {
  if (node->kind != MST_YAML_SCALAR) return refuse(v, node, place, entry, "");
  if (mst_yaml_is_null(node))
    return refuse(v, node, place, entry,
                  entry > 0 || v->spec->fallback == MST_KEY_REQUIRED ? ""
                  : v->spec->fallback == NULL ? "; leave the key out if it shall not be set"
                                              : "; leave the key out to get its default");
  switch (v->spec->type) {
    case MST_KEY_WORD:
    case MST_KEY_PATH:
    case MST_KEY_WORDS: return read_word(v, node, place, entry, i);
    case MST_KEY_BOOL: return read_bool(v, node, place);
    default: break;
  }
  if (!is_number(node->text)) return refuse(v, node, place, entry, "");
  if (!node->plain) return refuse(v, node, place, entry, "; remove the quotes");
  if (v->spec->type == MST_KEY_INT || v->spec->type == MST_KEY_INTS) {
    if (!read_whole(node->text, &v->integer[i]) || !in_range(v->spec, (double)v->integer[i]))
      return refuse(v, node, place, entry, "");
    return MST_OK;
  }
  v->real[i] = strtod(node->text, NULL) + 0.0;
  if (!isfinite(v->real[i])) return refuse(v, node, place, entry, " that a double can hold");
  if (!in_range(v->spec, v->real[i])) return refuse(v, node, place, entry, "");
  return MST_OK;
}

/* An example that shows a lone value where a list is meant. */
static mst_status refuse_no_list(const mst_value *v, const mst_yaml_node *node,
                                 const mst_place *place) {
  char hint[2 * MST_SHOWN] = "", shown[MST_SHOWN];
  if (node->kind == MST_YAML_SCALAR && !mst_yaml_is_null(node))
    snprintf(hint, sizeof hint, ", such as [%s]", mst_text_show(node->text, shown, sizeof shown));
  return refuse(v, node, place, 0, hint);
}

static mst_status read_entries(mst_value *v, const mst_yaml_node *node, const mst_place *place) {
  bool list = mst_schema_is_list(v->spec);
  v->n = list ? node->n : 1;
  switch (v->spec->type) {
    case MST_KEY_WORD:
    case MST_KEY_PATH:
    case MST_KEY_WORDS: MST_TRY(mst_alloc(&v->word, v->n, sizeof *v->word, "words")); break;
    case MST_KEY_INT:
    case MST_KEY_INTS:
    case MST_KEY_BOOL: MST_TRY(mst_alloc(&v->integer, v->n, sizeof *v->integer, "integers")); break;
    case MST_KEY_REAL:
    case MST_KEY_REALS: MST_TRY(mst_alloc(&v->real, v->n, sizeof *v->real, "numbers")); break;
  }
  if (!list) return read_scalar(v, node, place, 0, 0);
  int i = 0;
  for (const mst_yaml_node *e = node->first; e != NULL; e = e->next, i++)
    MST_TRY(read_scalar(v, e, place, i + 1, i));
  return MST_OK;
}

mst_status mst_value_read(mst_value *v, const mst_yaml_node *node, const mst_place *place) {
  mst_value_clear(v);
  if (mst_schema_is_list(v->spec) && node->kind != MST_YAML_LIST)
    return refuse_no_list(v, node, place);
  mst_status st = read_entries(v, node, place);
  if (st != MST_OK) {
    mst_value_clear(v);
    return st;
  }
  v->set = true;
  v->place = *place;
  return MST_OK;
}

void mst_value_clear(mst_value *v) {
  const mst_key_spec *spec = v->spec;
  for (int i = 0; v->word != NULL && i < v->n; i++) mst_free(v->word[i]);
  mst_free(v->word);
  mst_free(v->integer);
  mst_free(v->real);
  mst_free(v->path);
  *v = (mst_value){.spec = spec};
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words that any YAML reader takes for a text without quotes. */
static bool is_bare(const char *word) {
  static const char *const taken[] = {"true", "false", "null", "yes", "no",
                                      "on",   "off",   "y",    "n",   NULL};
  const char *s = word + strspn(word, "./");
  if (!is_letter(*s) && *s != '_') return false;
  for (const char *c = word; *c != '\0'; c++)
    if (!is_letter(*c) && strchr("0123456789_./-", *c) == NULL) return false;
  for (const char *const *t = taken; *t != NULL; t++)
    if (strcasecmp(word, *t) == 0) return false;
  return true;
}

/* Double quotes, with escapes for what the reader would refuse, fold or take for a line's end. */
static mst_status print_word(const char *word, mst_text *out) {
  if (is_bare(word)) return mst_text_add(out, "%s", word);
  MST_TRY(mst_text_add(out, "\""));
  for (const char *s = word; *s != '\0';) {
    unsigned code = 0;
    int n = mst_text_decode(s, &code);
    if (n == 0) return mst_fail(MST_ERR_INTERNAL, "experiment: a word is not UTF-8");
    bool hidden = code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 ||
                  code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF;
    if (hidden)
      MST_TRY(mst_text_add(out, "\\u%04X", code));
    else
      MST_TRY(mst_text_add(out, "%s%.*s", *s == '"' || *s == '\\' ? "\\" : "", n, s));
    s += n;
  }
  return mst_text_add(out, "\"");
}

static mst_status print_entry(const mst_value *v, int i, mst_text *out) {
  char number[MST_NUMBER];
  switch (v->spec->type) {
    case MST_KEY_INT:
    case MST_KEY_INTS: return mst_text_add(out, "%lld", (long long)v->integer[i]);
    case MST_KEY_REAL:
    case MST_KEY_REALS: return mst_text_add(out, "%s", mst_text_real(v->real[i], number));
    case MST_KEY_BOOL: return mst_text_add(out, "%s", v->integer[i] != 0 ? "true" : "false");
    default: return print_word(v->word[i], out);
  }
}

mst_status mst_value_print(const mst_value *v, mst_text *out) {
  if (!mst_schema_is_list(v->spec)) return print_entry(v, 0, out);
  MST_TRY(mst_text_add(out, "["));
  for (int i = 0; i < v->n; i++) {
    if (i > 0) MST_TRY(mst_text_add(out, ", "));
    MST_TRY(print_entry(v, i, out));
  }
  return mst_text_add(out, "]");
}
