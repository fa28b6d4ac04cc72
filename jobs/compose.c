/* Which job an experiment asks for, and which keys it may then have: the tables of the job, those
 * that every job has, and those of the members that it chooses (features.kind: conv). Errors have
 * the form of io/experiment.h: file, line, key, what was found, what is allowed. */
#include "jobs/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/text.h"

static const mst_job_ops *const jobs[] = {&mst_job_analytic};

const mst_job_ops *mst_job_at(int i) {
  return i >= 0 && i < (int)(sizeof jobs / sizeof jobs[0]) ? jobs[i] : NULL;
}

const mst_job_ops *mst_job_find(const char *name) {
  for (int i = 0; mst_job_at(i) != NULL; i++)
    if (strcmp(jobs[i]->name, name) == 0) return jobs[i];
  return NULL;
}

static const char *job_name(int i) {
  return mst_job_at(i) != NULL ? jobs[i]->name : NULL;
}

static mst_status peek(const mst_source *s, const char *key, char **value, int *line) {
  return mst_experiment_peek(s->text, s->name, s->override, s->n_override, key, value, line);
}

/* Refuse what stands at `line` of the experiment (0: it came from --set). */
static mst_status refuse(const mst_source *s, int line, const char *key, const char *reason) {
  return line > 0 ? mst_fail(MST_ERR_INPUT, "%s:%d: %s: %s", s->name, line, key, reason)
                  : mst_fail(MST_ERR_INPUT, "--set %s: %s", key, reason);
}

mst_status mst_job_choose(const mst_source *s, const mst_job_ops **job) {
  char *name = NULL, shown[MST_SHOWN], reason[256];
  int line = 0;
  MST_TRY(peek(s, "job", &name, &line));
  if (name == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "%s: job: missing; say what to run, such as 'job: %s' (see muster list jobs)",
                    s->name, job_name(0));
  *job = mst_job_find(name);
  mst_status st = MST_OK;
  if (*job == NULL) {
    snprintf(reason, sizeof reason,
             "found '%s', which is no job; the nearest is %s (see muster list jobs)",
             mst_text_show(name, shown, sizeof shown), mst_nearest(name, job_name));
    st = refuse(s, line, "job", reason);
  }
  free(name);
  return st;
}

static mst_status add_table(mst_job_schema *out, const mst_key_spec *table) {
  if (out->schema.n == MST_JOB_TABLES)
    return mst_fail(MST_ERR_INTERNAL, "a schema of more than %d tables", MST_JOB_TABLES);
  out->table[out->schema.n++] = table;
  return MST_OK;
}

static const mst_key_spec *find_key(const mst_job_schema *schema, const char *key) {
  for (int t = 0; t < schema->schema.n; t++)
    for (const mst_key_spec *k = schema->table[t]; k->key != NULL; k++)
      if (strcmp(k->key, key) == 0) return k;
  return NULL;
}

/* Is word one of "a|b|c"? */
static bool is_allowed(const char *word, const char *allowed) {
  size_t length = strlen(word);
  for (const char *a = allowed; length > 0; a += strcspn(a, "|") + 1) {
    size_t n = strcspn(a, "|");
    if (n == length && strncmp(a, word, n) == 0) return true;
    if (a[n] == '\0') break;
  }
  return false;
}

static void nearest_allowed(const char *word, const char *allowed, char *best, size_t size) {
  int least = 1 << 20;
  for (const char *a = allowed;; a += strcspn(a, "|") + 1) {
    char candidate[64];
    size_t n = strcspn(a, "|");
    snprintf(candidate, sizeof candidate, "%.*s", (int)n, a);
    int d = mst_text_distance(word, candidate);
    if (d < least) {
      least = d;
      snprintf(best, size, "%s", candidate);
    }
    if (a[n] == '\0') return;
  }
}

/* The member that an experiment chooses; free with free(). A misspelt one is refused here: its
 * keys would otherwise be reported as unknown. */
static mst_status chosen_member(const mst_source *s, const mst_key_spec *selector, char **member,
                                bool *overridden) {
  int line = 0;
  MST_TRY(peek(s, selector->key, member, &line));
  *overridden = *member != NULL && line == 0;
  if (*member == NULL) {
    *member = strdup(selector->fallback);
    return *member != NULL ? MST_OK : mst_fail(MST_ERR_MEMORY, "no memory for a word");
  }
  if (is_allowed(*member, selector->allowed)) return MST_OK;
  char reason[512], shown[MST_SHOWN], best[64] = "";
  nearest_allowed(*member, selector->allowed, best, sizeof best);
  snprintf(reason, sizeof reason, "found '%s', allowed are %s; the nearest is %s",
           mst_text_show(*member, shown, sizeof shown), selector->allowed, best);
  free(*member);
  *member = NULL;
  return refuse(s, line, selector->key, reason);
}

/* Two members may share a key; it is noted once. */
static mst_status pass_over(mst_job_schema *schema, const char *key) {
  int n = schema->schema.n_passed_over;
  for (int i = 0; i < n; i++)
    if (strcmp(schema->passed_over[i], key) == 0) return MST_OK;
  if (n == MST_JOB_PASSED_OVER)
    return mst_fail(MST_ERR_INTERNAL, "more than %d keys to pass over", MST_JOB_PASSED_OVER);
  schema->passed_over[schema->schema.n_passed_over++] = key;
  return MST_OK;
}

/* A key of a member that was not chosen is known, but means nothing here: say so, rather than call
 * it unknown. When --set chose another member than the file, the file's keys for its own member are
 * passed over, so that one file serves a sweep over members. */
static mst_status refuse_foreign(const mst_source *s, mst_job_schema *schema,
                                 const mst_member_keys *m, const char *chosen, bool overridden) {
  for (const mst_key_spec *k = m->keys; k->key != NULL; k++) {
    if (find_key(schema, k->key) != NULL) continue;
    char *found = NULL, shown[MST_SHOWN], reason[512];
    int line = 0;
    MST_TRY(peek(s, k->key, &found, &line));
    if (found == NULL) continue;
    if (overridden && line > 0) {
      free(found);
      MST_TRY(pass_over(schema, k->key));
      continue;
    }
    snprintf(reason, sizeof reason,
             "found '%s', but this key means nothing to %s: %s; remove it, or choose %s: %s",
             mst_text_show(found, shown, sizeof shown), m->selector, chosen, m->selector, m->member);
    free(found);
    return refuse(s, line, k->key, reason);
  }
  return MST_OK;
}

/* Go over the members of all families of the schema: add the keys of the chosen ones, or (check)
 * refuse the keys of the others. */
static mst_status visit_members(const mst_source *s, mst_job_schema *out, bool check) {
  const mst_member_keys *m;
  for (int i = 0; (m = mst_member_keys_at(i)) != NULL; i++) {
    const mst_key_spec *selector = find_key(out, m->selector);
    if (selector == NULL) continue;
    char *member = NULL;
    bool overridden = false;
    MST_TRY(chosen_member(s, selector, &member, &overridden));
    mst_status st = MST_OK;
    if (check)
      st = refuse_foreign(s, out, m, member, overridden);
    else if (strcmp(member, m->member) == 0)
      st = add_table(out, m->keys);
    free(member);
    MST_TRY(st);
  }
  return MST_OK;
}

static mst_status add_job_tables(const mst_job_ops *job, mst_job_schema *out) {
  *out = (mst_job_schema){.schema = {.n = 0}};
  out->schema.table = out->table;
  out->schema.passed_over = out->passed_over;
  MST_TRY(add_table(out, mst_keys_every));
  for (int i = 0; job->keys[i] != NULL; i++) MST_TRY(add_table(out, job->keys[i]));
  return MST_OK;
}

mst_status mst_job_schema_for(const mst_source *s, const mst_job_ops *job, mst_job_schema *out) {
  MST_TRY(add_job_tables(job, out));
  MST_TRY(visit_members(s, out, false));
  return visit_members(s, out, true);
}

mst_status mst_job_describe(const mst_job_ops *job) {
  mst_job_schema all;
  char *text = NULL;
  MST_TRY(add_job_tables(job, &all));
  printf("job: %s - %s\n\n", job->name, job->summary);
  MST_TRY(mst_schema_describe(&all.schema, true, &text));
  fputs(text, stdout);
  free(text);
  const mst_member_keys *m;
  for (int i = 0; (m = mst_member_keys_at(i)) != NULL; i++) {
    if (find_key(&all, m->selector) == NULL) continue;
    mst_job_schema one = {.table = {m->keys}, .schema = {.n = 1}};
    one.schema.table = one.table;
    printf("\nwith %s: %s\n\n", m->selector, m->member);
    MST_TRY(mst_schema_describe(&one.schema, false, &text));
    fputs(text, stdout);
    free(text);
  }
  return MST_OK;
}
