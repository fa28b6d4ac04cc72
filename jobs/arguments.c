/* The command line: options and operands one after another. Unlike getopt it prints nothing: an
 * error is a status with a sentence that names the nearest valid option, the same on every rank. */
#include "jobs/arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/word.h"

mst_arguments mst_arguments_of(int argc, char **argv, const mst_option *option) {
  return (mst_arguments){.argc = argc, .argv = argv, .option = option, .at = 1};
}

static mst_status unknown_option(const mst_arguments *a, const char *shown, const char *name) {
  mst_guess g = mst_guess_any();
  mst_guess_try(&g, name, "help", 4); /* which every command has */
  for (const mst_option *o = a->option; o->name != NULL; o++)
    mst_guess_try(&g, name, o->name, (int)strlen(o->name));
  return mst_fail(MST_ERR_INPUT,
                  "unknown option %s of muster %s: the nearest is --%.*s (see muster %s --help)",
                  shown, a->argv[0], g.length, g.word, a->argv[0]);
}

static mst_status value_missing(const mst_arguments *a, const mst_option *o) {
  return mst_fail(MST_ERR_INPUT, "option --%s of muster %s needs a value: --%s %s", o->name,
                  a->argv[0], o->name, o->value);
}

/* --name, --name=value or --name value; text is the argument without its dashes. */
static mst_status take_long(mst_arguments *a, const char *text, int *index, const char **value) {
  size_t length = strcspn(text, "=");
  const char *given = text[length] == '=' ? text + length + 1 : NULL;
  for (int i = 0; a->option[i].name != NULL; i++) {
    const mst_option *o = &a->option[i];
    if (strlen(o->name) != length || strncmp(o->name, text, length) != 0) continue;
    if (o->value == NULL && given != NULL)
      return mst_fail(MST_ERR_INPUT, "option --%s of muster %s takes no value, but '%s' was given",
                      o->name, a->argv[0], given);
    if (o->value != NULL && given == NULL) {
      if (a->at >= a->argc) return value_missing(a, o);
      given = a->argv[a->at++];
    }
    *index = i;
    *value = given;
    return MST_OK;
  }
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)length, text);
  return unknown_option(a, a->argv[a->at - 1], name);
}

/* One letter of a group such as -qf, or -oVALUE, or -o VALUE. */
static mst_status take_short(mst_arguments *a, const char *group, int *index, const char **value) {
  char letter = group[a->cluster];
  for (int i = 0; a->option[i].name != NULL; i++) {
    const mst_option *o = &a->option[i];
    if (o->letter != letter) continue;
    const char *rest = group + a->cluster + 1;
    *index = i;
    *value = NULL;
    if (o->value == NULL) {
      a->cluster = *rest != '\0' ? a->cluster + 1 : 0;
      if (a->cluster == 0) a->at++;
      return MST_OK;
    }
    a->cluster = 0;
    a->at++;
    if (*rest != '\0') {
      *value = rest;
    } else {
      if (a->at >= a->argc) return value_missing(a, o);
      *value = a->argv[a->at++];
    }
    return MST_OK;
  }
  char name[2] = {letter, '\0'}, shown[3] = {'-', letter, '\0'};
  return unknown_option(a, shown, name);
}

mst_status mst_arguments_next(mst_arguments *a, mst_argument *kind, int *index,
                              const char **value) {
  *value = NULL;
  *index = -1;
  if (a->at < a->argc && !a->operands_only && a->cluster == 0 &&
      strcmp(a->argv[a->at], "--") == 0) {
    a->operands_only = true;
    a->at++;
  }
  if (a->at >= a->argc) {
    *kind = MST_ARGUMENT_END;
    return MST_OK;
  }
  char *text = a->argv[a->at];
  if (a->operands_only || text[0] != '-' || text[1] == '\0') {
    *kind = MST_ARGUMENT_OPERAND;
    *value = text;
    a->at++;
    return MST_OK;
  }
  *kind = MST_ARGUMENT_OPTION;
  if (text[1] != '-') {
    if (a->cluster == 0) a->cluster = 1;
    return take_short(a, text, index, value);
  }
  a->at++;
  return take_long(a, text + 2, index, value);
}

mst_status mst_argument_int(const char *option, const char *text, int64_t min, int64_t max,
                            int64_t *out) {
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || v < min || v > max)
    return mst_fail(MST_ERR_INPUT,
                    "option --%s: '%s' is not an integer from %" PRId64 " to %" PRId64, option,
                    text, min, max);
  *out = v;
  return MST_OK;
}

mst_status mst_argument_real(const char *option, const char *text, double *out) {
  char *end;
  double v = strtod(text, &end);
  if (end == text || *end != '\0' || !isfinite(v))
    return mst_fail(MST_ERR_INPUT, "option --%s: '%s' is not a finite number", option, text);
  *out = v;
  return MST_OK;
}
