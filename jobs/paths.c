/* Which files an experiment names: the run file, and all of them for the check that io makes
 * (io/paths.h). */
#include "io/paths.h"

#include <string.h>

#include "io/text.h"
#include "jobs/options.h"

#define PATHS 32 /* more than all jobs have keys of that type */

/* Bytes of a name without its ending; all of it where it has none. */
static int stem_length(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL && dot != name ? (int)(dot - name) : (int)strlen(name);
}

mst_status mst_job_run_path(const mst_experiment *e, const char *file, const char *tag,
                            char **path) {
  bool given = mst_experiment_is_set(e, "output.run");
  const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
  const char *run = given ? mst_experiment_path(e, "output.run") : name;
  size_t length = strlen(run);
  bool named = given && length > 3 && strcmp(run + length - 3, ".h5") == 0;
  int stem = !given ? stem_length(run) : named ? (int)length - 3 : (int)length;
  mst_text out = MST_TEXT_EMPTY;
  mst_status st = given && tag == NULL ? mst_text_add(&out, "%s", run)
                  : tag == NULL        ? mst_text_add(&out, "%.*s.h5", stem, run)
                                       : mst_text_add(&out, "%.*s.%s.h5", stem, run, tag);
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
