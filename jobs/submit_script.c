/* The batch script of `muster submit`: the fields of its template. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/sbatch.h"
#include "jobs/submit.h"

enum {
  FIELD_COMMAND, FIELD_NAME, FIELD_NODES, FIELD_NTASKS, FIELD_NTASKS_PER_NODE, FIELD_MEMORY,
  FIELD_TIME, FIELD_SIGNAL_SECONDS, FIELD_LOG, FIELD_FOLDER, FIELD_OPTIONS, FIELD_RUN, FIELD_LAUNCH,
  FIELD_ARRAY, FIELD_FILES, FIELDS
};
static const char *const field_name[FIELDS] = {
    [FIELD_COMMAND] = "COMMAND", [FIELD_NAME] = "NAME", [FIELD_NODES] = "NODES",
    [FIELD_NTASKS] = "NTASKS", [FIELD_NTASKS_PER_NODE] = "NTASKS_PER_NODE",
    [FIELD_MEMORY] = "MEMORY", [FIELD_TIME] = "TIME", [FIELD_SIGNAL_SECONDS] = "SIGNAL_SECONDS",
    [FIELD_LOG] = "LOG", [FIELD_FOLDER] = "FOLDER", [FIELD_OPTIONS] = "OPTIONS",
    [FIELD_RUN] = "RUN", [FIELD_LAUNCH] = "LAUNCH", [FIELD_ARRAY] = "ARRAY",
    [FIELD_FILES] = "FILES"};

/* The command line, as a comment that no control character can end. */
static mst_status write_command(const mst_submit *s, mst_text *t) {
  MST_TRY(mst_text_add(t, "Made by: muster"));
  for (int i = 0; i < s->argc; i++) {
    MST_TRY(mst_text_add(t, " "));
    MST_TRY(mst_sbatch_word(t, s->argv[i]));
  }
  for (char *c = t->at; *c != '\0'; c++)
    if ((unsigned char)*c < ' ') *c = '?';
  return MST_OK;
}

/* Given, or the experiment's name without its ending. */
static mst_status add_name(const mst_submit *s, mst_text *t) {
  const char *base = strrchr(s->file, '/'), *name = base != NULL ? base + 1 : s->file;
  const char *dot = strrchr(name, '.');
  if (s->name != NULL) return mst_text_add(t, "%s", s->name);
  return mst_text_add(
      t, "%.*s", (int)(dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name)), name);
}

/* %j, %A and %a are sbatch's own: the number of the job, of the array, of the task; %% is one %. */
static mst_status write_log(const mst_submit *s, const char *name, mst_text *t) {
  if (s->log != NULL) return mst_text_add(t, "%s", s->log);
  for (const char *c = name; *c != '\0'; c++)
    MST_TRY(mst_text_add(t, "%s%c", *c == '%' ? "%" : "", *c == '/' ? '_' : *c));
  return mst_text_add(t, ".%s.out", s->grid.axes > 0 ? "%A_%a" : "%j");
}

static mst_status write_folder(mst_text *t) {
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof folder) == NULL)
    return mst_fail(MST_ERR_IO, "the current folder has no name any more");
  return mst_sbatch_value(t, folder);
}

/* What the user adds, as lines of #SBATCH; a word that is no option belongs to the one before
 * it. */
static mst_status write_options(const mst_submit *s, mst_text *t) {
  const struct {
    const char *name, *value;
  } passed[] = {{"partition", s->partition}, {"account", s->account}, {"qos", s->qos}};
  for (int i = 0; i < 3; i++)
    if (passed[i].value != NULL) {
      MST_TRY(mst_text_add(t, "%s#SBATCH --%s=", t->length > 0 ? "\n" : "", passed[i].name));
      MST_TRY(mst_sbatch_value(t, passed[i].value));
    }
  if (s->grid.axes > 0)
    MST_TRY(
        mst_text_add(t, "%s#SBATCH --array=0-%d", t->length > 0 ? "\n" : "", s->grid.cells - 1));
  for (int i = 0; i < s->mores; i++) {
    if (s->more[i][0] == '-')
      MST_TRY(mst_text_add(t, "%s#SBATCH ", t->length > 0 ? "\n" : ""));
    else
      MST_TRY(mst_text_add(t, " "));
    MST_TRY(mst_sbatch_value(t, s->more[i]));
  }
  return MST_OK;
}

/* An absolute name, as it is meant wherever the script runs. */
static mst_status add_path(mst_text *t, const char *name, const char *otherwise) {
  char path[PATH_MAX];
  return mst_sbatch_word(t, realpath(name, path) != NULL ? path : otherwise);
}

static mst_status write_run(const mst_submit *s, mst_text *t) {
  MST_TRY(add_path(t, "/proc/self/exe", "muster"));
  MST_TRY(mst_text_add(t, " run "));
  MST_TRY(add_path(t, s->file, s->file));
  for (int i = 0; i < s->sets; i++) {
    MST_TRY(mst_text_add(t, " --set "));
    MST_TRY(mst_sbatch_word(t, s->set[i]));
  }
  for (int i = 0; i < s->arrays; i++) {
    MST_TRY(mst_text_add(t, " --grid "));
    MST_TRY(mst_sbatch_word(t, s->array[i]));
  }
  return MST_OK;
}

/* Ranks that end one after the other are not killed at once, which would hide their common code,
 * and those that a crashed rank leaves behind do not wait for it for ever. */
static mst_status write_launch(const mst_submit *s, mst_text *t) {
  bool srun = s->launcher != NULL && strcmp(s->launcher, "srun") == 0;
  return mst_text_add(t, "%s", srun ? "srun --kill-on-bad-exit=0 --wait=60" : "mpirun");
}

static mst_status write_files(const mst_submit *s, mst_text *files) {
  for (int i = 0; i < s->grid.cells; i++) {
    MST_TRY(mst_text_add(files, "%s", i > 0 ? " " : ""));
    MST_TRY(mst_sbatch_word(files, s->task[i].run_path));
  }
  return MST_OK;
}

/* Beside the run file, or the one that there would be without an array: NAME.h5 gives
 * NAME.sbatch. */
static mst_status write_path(const mst_submit *s, mst_text *t) {
  const char *run = s->grid.axes > 0 ? s->grid.base : s->task[0].run_path;
  size_t length = strlen(run);
  bool named = length > 3 && strcmp(run + length - 3, ".h5") == 0;
  return mst_text_add(t, "%.*s.sbatch", (int)(named ? length - 3 : length), run);
}

static mst_status write_fields(const mst_submit *s, mst_submit_script *out, mst_text *t) {
  mst_text name = MST_TEXT_EMPTY;
  mst_status st = add_name(s, &name);
  if (st == MST_OK) st = mst_sbatch_value(&t[FIELD_NAME], name.at);
  if (st == MST_OK) st = write_log(s, name.at, &out->log);
  mst_text_free(&name);
  MST_TRY(st);
  MST_TRY(write_path(s, &out->path));
  MST_TRY(mst_sbatch_value(&t[FIELD_LOG], out->log.at));
  MST_TRY(write_folder(&t[FIELD_FOLDER]));
  MST_TRY(write_command(s, &t[FIELD_COMMAND]));
  MST_TRY(write_options(s, &t[FIELD_OPTIONS]));
  MST_TRY(write_run(s, &t[FIELD_RUN]));
  MST_TRY(write_launch(s, &t[FIELD_LAUNCH]));
  MST_TRY(mst_text_add(&t[FIELD_ARRAY], "%s", s->grid.axes > 0 ? "yes" : ""));
  MST_TRY(write_files(s, &t[FIELD_FILES]));
  MST_TRY(mst_text_add(&t[FIELD_NODES], "%" PRId64, s->nodes));
  MST_TRY(mst_text_add(&t[FIELD_NTASKS], "%" PRId64, s->ranks));
  MST_TRY(mst_text_add(&t[FIELD_NTASKS_PER_NODE], "%" PRId64, mst_ceil_div(s->ranks, s->nodes)));
  MST_TRY(mst_text_add(&t[FIELD_MEMORY], "%" PRId64 "M", mst_ceil_div(s->node_bytes, 1 << 20)));
  MST_TRY(mst_text_add(&t[FIELD_TIME], "%s", s->time));
  return mst_text_add(&t[FIELD_SIGNAL_SECONDS], "%" PRId64, s->signal_seconds);
}

mst_status mst_submit_write(const mst_submit *s, mst_submit_script *script) {
  mst_text t[FIELDS] = {{0}};
  mst_sbatch_field field[FIELDS + 1] = {{0}};
  *script = (mst_submit_script){0};
  mst_status st = write_fields(s, script, t);
  for (int i = 0; i < FIELDS; i++)
    field[i] = (mst_sbatch_field){field_name[i], t[i].at != NULL ? t[i].at : ""};
  if (st == MST_OK) st = mst_sbatch_fill(field, &script->text);
  for (int i = 0; i < FIELDS; i++) mst_text_free(&t[i]);
  return st;
}

void mst_submit_script_clear(mst_submit_script *script) {
  mst_text_free(&script->text);
  mst_text_free(&script->log);
  mst_text_free(&script->path);
}
