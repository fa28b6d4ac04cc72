/* Which files an experiment names: the run file, and all of them for the check that io makes
 * (io/paths.h). */
#include "io/paths.h"

#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/runfile.h"
#include "io/text.h"
#include "jobs/options.h"

#define PATHS 32 /* more than all jobs have keys of that type */

/* Bytes of a name without its ending; all of it where it has none. */
static int stem_length(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL && dot != name ? (int)(dot - name) : (int)strlen(name);
}

mst_status mst_job_run_path(const mst_experiment *e, const char *file, char **path) {
  if (mst_experiment_is_set(e, "output.run"))
    return mst_text_copy(mst_experiment_path(e, "output.run"), path);
  const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
  mst_text out = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(&out, "%.*s.h5", stem_length(name), name);
  *path = out.at;
  return st;
}

mst_status mst_job_check_paths(mst_team *team, const char *file, const mst_schema *schema,
                               const mst_experiment *e, const char *run_path) {
  mst_named_path path[PATHS] = {{.key = "the experiment file", .path = file},
                                {.key = "output.run", .path = run_path, .written = true}};
  int n = 2;
  for (int i = 0; i < schema->n; i++)
    for (const mst_key_spec *key = schema->table[i]; key->key != NULL && n < PATHS; key++)
      if (key->type == MST_KEY_PATH && strcmp(key->key, "output.run") != 0 &&
          mst_experiment_is_set(e, key->key))
        path[n++] = (mst_named_path){.key = key->key,
                                     .path = mst_experiment_path(e, key->key),
                                     .written = mst_key_is_written(key->key)};
  return mst_paths_check(team, path, n);
}

mst_status mst_job_check_replaceable(mst_team *team, const char *key, const char *path,
                                     bool *exists) {
  char *text = NULL;
  MST_TRY(mst_team_any(team, mst_team_rank(team) == 0 && access(path, F_OK) == 0, exists));
  if (!*exists) return MST_OK;
  mst_status st = mst_runfile_describe(team, path, &text);
  mst_free(text);
  if (st == MST_ERR_FORMAT)
    return mst_fail(MST_ERR_INPUT,
                    "%s: %s exists and is not a run file; name another file, or remove it", key,
                    path);
  return st;
}
