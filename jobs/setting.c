/* One setting: found by its name in the member's table, read by its type. */
#include "jobs/setting.h"

#include <string.h>

#include "io/text.h"

static const char *kind_of(const mst_param *p) {
  switch (p->type) {
    case MST_PARAM_INT: return "an integer";
    case MST_PARAM_REAL: return "a number";
    case MST_PARAM_BOOL: return "true or false";
    case MST_PARAM_WORD: return p->allowed != NULL ? p->allowed : "a word";
    case MST_PARAM_INTS: break;
  }
  return "a list of integers";
}

static mst_status refuse_name(const char *member, const mst_param *params, const char *name) {
  mst_text known = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  for (const mst_param *p = params; p != NULL && p->name != NULL && st == MST_OK; p++)
    st = mst_text_add(&known, "%s%s", p == params ? "" : ", ", p->name);
  if (st == MST_OK)
    st = mst_fail(MST_ERR_INPUT, "option --option: %s has no setting '%s'; it has %s", member, name,
                  known.at != NULL ? known.at : "none");
  mst_text_free(&known);
  return st;
}

mst_status mst_setting_apply(const char *member, const mst_param *params, const char *name,
                             const char *value, void *spec) {
  for (const mst_param *p = params; p != NULL && p->name != NULL; p++) {
    if (strcmp(p->name, name) != 0) continue;
    if (mst_param_read(p, value, spec)) return MST_OK;
    return mst_fail(MST_ERR_INPUT, "option --option: %s of %s is '%s'; %s%s is needed", name,
                    member, value, p->type == MST_PARAM_WORD ? "one of " : "", kind_of(p));
  }
  return refuse_name(member, params, name);
}
