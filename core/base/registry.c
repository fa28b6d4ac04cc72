/* Members by name, and the sentence for a name that no member has. */
#include "core/base/registry.h"

#include <stdio.h>
#include <string.h>

#include "core/base/word.h"

#define NAMES_BYTES 512 /* of a family's names in a sentence */

int mst_registry_find(mst_registry_names names, const char *name) {
  const char *known;
  for (int i = 0; name != NULL && (known = names(i)) != NULL; i++)
    if (strcmp(known, name) == 0) return i;
  return -1;
}

static mst_guess nearest(mst_registry_names names, const char *name) {
  mst_guess g = mst_guess_within(mst_word_tolerance(name));
  const char *known;
  for (int i = 0; (known = names(i)) != NULL; i++)
    mst_guess_try(&g, name, known, (int)strlen(known));
  return g;
}

mst_status mst_registry_refuse(mst_registry_names names, const char *key, const char *name) {
  char all[NAMES_BYTES] = "";
  const char *wanted = name != NULL ? name : "", *known;
  size_t used = 0;
  for (int i = 0; used < sizeof all && (known = names(i)) != NULL; i++)
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", known);
  const mst_guess g = nearest(names, wanted);
  return mst_fail(MST_ERR_INPUT, "%s '%s' is unknown; choose one of %s%s%.*s", key, wanted, all,
                  g.word != NULL ? "; the nearest is " : "", g.length,
                  g.word != NULL ? g.word : "");
}
