/* Tables of parameters, for callers that have no experiment file. The text of a value is YAML, of
 * which the types here need little: a number, true or false, a word, [1, 2]. */
#include "core/base/param.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/word.h"

static mst_int_list read_list(const char *text) {
  mst_int_list list = {0};
  const char *at = text + strcspn(text, "[");
  while (*at != '\0' && *at != ']' && list.n < MST_PARAM_LIST) {
    char *end = NULL;
    at++;
    long long entry = strtoll(at, &end, 10);
    if (end == at) break;
    list.value[list.n++] = entry;
    at = end + strcspn(end, ",]");
  }
  return list;
}

static bool read_int(const char *text, int64_t *value) {
  char *end = NULL;
  errno = 0;
  *value = strtoll(text, &end, 10);
  if (end != text && *end == '\0') return errno == 0;
  const double real = strtod(text, &end); /* 1e6 */
  if (end == text || *end != '\0' || real != floor(real) || fabs(real) > 0x1p53) return false;
  *value = (int64_t)real;
  return true;
}

static bool read_real(const char *text, double *value) {
  char *end = NULL;
  *value = strtod(text, &end);
  return end != text && *end == '\0';
}

bool mst_param_read(const mst_param *p, const char *text, void *spec) {
  char *field = (char *)spec + p->offset;
  switch (p->type) {
    case MST_PARAM_INT: return read_int(text, (int64_t *)(void *)field);
    case MST_PARAM_REAL: return read_real(text, (double *)(void *)field);
    case MST_PARAM_BOOL:
      *(bool *)(void *)field = strcmp(text, "true") == 0;
      return mst_word_is_in(text, "true|false");
    case MST_PARAM_WORD:
      *(const char **)(void *)field = text;
      return p->allowed == NULL || mst_word_is_in(text, p->allowed);
    case MST_PARAM_INTS: *(mst_int_list *)(void *)field = read_list(text); return true;
  }
  return false;
}

void mst_param_defaults(const mst_param *params, void *spec) {
  for (const mst_param *p = params; p != NULL && p->name != NULL; p++)
    if (p->fallback != NULL) (void)mst_param_read(p, p->fallback, spec);
}

static bool bounded(const mst_param *p) { return p->min != 0 || p->max != 0; }

static mst_status check_number(const mst_param *p, double value, const char *section) {
  bool inside = isfinite(value) && (!bounded(p) || (value >= p->min && value <= p->max));
  if (inside && p->open_min && value <= p->min) inside = false;
  if (inside) return MST_OK;
  char most[40] = "";
  if (bounded(p) && isfinite(p->max)) snprintf(most, sizeof most, " and at most %.10g", p->max);
  if (!bounded(p)) return mst_fail(MST_ERR_INPUT, "%s.%s must be finite", section, p->name);
  return mst_fail(MST_ERR_INPUT, "%s.%s is %.10g; choose a number %s %.10g%s", section, p->name,
                  value, p->open_min ? "above" : "of at least", p->min, most);
}

static mst_status check_word(const mst_param *p, const char *word, const char *section) {
  if (p->allowed == NULL || (word != NULL && mst_word_is_in(word, p->allowed))) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "%s.%s is %s; choose one of %s", section, p->name,
                  word != NULL ? word : "missing", p->allowed);
}

mst_status mst_param_check(const mst_param *params, const void *spec, const char *section) {
  for (const mst_param *p = params; p != NULL && p->name != NULL; p++) {
    const void *field = (const char *)spec + p->offset;
    switch (p->type) {
      case MST_PARAM_INT:
        MST_TRY(check_number(p, (double)*(const int64_t *)field, section));
        break;
      case MST_PARAM_REAL: MST_TRY(check_number(p, *(const double *)field, section)); break;
      case MST_PARAM_WORD: MST_TRY(check_word(p, *(const char *const *)field, section)); break;
      case MST_PARAM_BOOL:
      case MST_PARAM_INTS: break;
    }
  }
  return MST_OK;
}

static bool same_words(const char *a, const char *b) {
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_list(const mst_int_list *a, const mst_int_list *b) {
  return a->n == b->n && memcmp(a->value, b->value, (size_t)a->n * sizeof a->value[0]) == 0;
}

bool mst_param_same(const mst_param *params, const void *a, const void *b) {
  bool same = true;
  for (const mst_param *p = params; same && p != NULL && p->name != NULL; p++) {
    const void *left = (const char *)a + p->offset, *right = (const char *)b + p->offset;
    switch (p->type) {
      case MST_PARAM_INT: same = *(const int64_t *)left == *(const int64_t *)right; break;
      case MST_PARAM_REAL: same = *(const double *)left == *(const double *)right; break;
      case MST_PARAM_BOOL: same = *(const bool *)left == *(const bool *)right; break;
      case MST_PARAM_WORD:
        same = same_words(*(const char *const *)left, *(const char *const *)right);
        break;
      case MST_PARAM_INTS: same = same_list(left, right); break;
    }
  }
  return same;
}
