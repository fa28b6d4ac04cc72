/* Two resolved experiments, compared key by key. Their text is what mst_experiment_text prints: one
 * key a line, two blanks a level, a section's name alone on its line. */
#include "io/changes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/text.h"
#include "io/yaml_tree.h"

bool mst_setting_next(mst_setting *w) {
  while (*w->at != '\0') {
    size_t length = strcspn(w->at, "\n"), blanks = strspn(w->at, " "), level = blanks / 2;
    const char *name = w->at + blanks;
    size_t left = length > blanks ? length - blanks : 0;
    const char *colon = left > 0 ? memchr(name, ':', left) : NULL;
    w->at += length + (w->at[length] == '\n');
    if (colon == NULL || level >= MST_YAML_DEPTH) continue;
    size_t n = (size_t)(colon - name), from = level > 0 ? w->begin[level] : 0;
    if (from + n + 2 > sizeof w->key) continue;
    memcpy(w->key + from, name, n);
    w->key[from + n] = '\0';
    bool section = colon + 1 >= name + left;
    if (!section) {
      w->value = colon + 2;
      w->length = (int)(name + left - w->value);
      return true;
    }
    w->key[from + n] = '.';
    w->begin[level + 1] = from + n + 1;
  }
  return false;
}

bool mst_setting_find(const char *text, const char *key, mst_setting *w) {
  *w = (mst_setting){.at = text};
  while (mst_setting_next(w))
    if (strcmp(w->key, key) == 0) return true;
  return false;
}

const char *mst_input_find(const char *inputs, const char *key, size_t *length) {
  size_t n = strlen(key);
  for (const char *at = inputs; *at != '\0';) {
    size_t line = strcspn(at, "\n");
    if (line > n && strncmp(at, key, n) == 0 && at[n] == ' ') {
      *length = line - n - 1;
      return at + n + 1;
    }
    at += line + (at[line] == '\n');
  }
  return NULL;
}

static bool is_compared(const char *key) {
  static const char *const passed_over[] = {"output.", "resources."};
  for (size_t i = 0; i < sizeof passed_over / sizeof passed_over[0]; i++)
    if (strncmp(key, passed_over[i], strlen(passed_over[i])) == 0) return false;
  return true;
}

static mst_status add(mst_text *out, const char *key, const mst_setting *old,
                      const mst_setting *now) {
  return mst_text_add(out, "%s%s (%.*s, now %.*s)", out->length > 0 ? ", " : "", key,
                      old != NULL ? old->length : 5, old != NULL ? old->value : "unset",
                      now != NULL ? now->length : 5, now != NULL ? now->value : "unset");
}

static mst_status compare(const char *before, const char *after, const char *inputs,
                          mst_text *out) {
  mst_setting old, now;
  size_t length;
  for (old = (mst_setting){.at = before}; mst_setting_next(&old);) {
    if (!is_compared(old.key)) continue;
    bool found = mst_setting_find(after, old.key, &now);
    if (found && mst_input_find(inputs, old.key, &length) != NULL) continue;
    if (found && old.length == now.length && memcmp(old.value, now.value, (size_t)now.length) == 0)
      continue;
    MST_TRY(add(out, old.key, &old, found ? &now : NULL));
  }
  for (now = (mst_setting){.at = after}; mst_setting_next(&now);)
    if (is_compared(now.key) && !mst_setting_find(before, now.key, &old))
      MST_TRY(add(out, now.key, NULL, &now));
  return MST_OK;
}

mst_status mst_experiment_changes(const char *before, const char *after, const char *inputs,
                                  char **changes) {
  mst_text out = MST_TEXT_EMPTY;
  *changes = NULL;
  mst_status st = compare(before, after, inputs, &out);
  if (st == MST_OK)
    *changes = out.at;
  else
    mst_text_free(&out);
  return st;
}
