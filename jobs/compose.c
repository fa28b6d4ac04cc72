/* Which keys an experiment may have: the tables that every job has, those of its job, and of each
 * family the shared keys and those of the member that it chooses. Errors have the form of
 * io/experiment.h: file, line, key, what was found, what is allowed. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/text.h"
#include "jobs/family.h"
#include "jobs/options.h"

static mst_status add_table(mst_job_schema *out, const mst_key_spec *table) {
  if (out->schema.n == MST_JOB_TABLES)
    return mst_fail(MST_ERR_INTERNAL, "a schema of more than %d tables", MST_JOB_TABLES);
  out->table[out->schema.n++] = table;
  return MST_OK;
}

/* Add a table that the schema shall own, or free it. */
static mst_status add_made(mst_job_schema *out, mst_key_spec *table) {
  mst_status st = add_table(out, table);
  if (st == MST_OK)
    out->made[out->n_made++] = table;
  else
    mst_free(table);
  return st;
}

static const mst_key_spec *find_key(const mst_job_schema *schema, const char *key) {
  for (int t = 0; t < schema->schema.n; t++)
    for (const mst_key_spec *k = schema->table[t]; k->key != NULL; k++)
      if (strcmp(k->key, key) == 0) return k;
  return NULL;
}

/* The members that the experiment chooses: one and those beside it, of a list some. */
typedef struct choice {
  int n;
  const char *name[1 + MST_FAMILY_LIST];
  bool overridden;
} choice;

/* A misspelt one is refused here: its keys would otherwise be reported as unknown. One that must be
 * chosen and is not is left out: reading the experiment says so. */
static mst_status choose(const mst_draft *draft, const mst_job_schema *schema, const mst_family *f,
                         choice *c) {
  char key[MST_FAMILY_KEY];
  const mst_key_spec *selector = find_key(schema, mst_family_key(f, f->key, key));
  *c = (choice){.n = 0};
  if (f->list)
    return mst_draft_words(draft, selector, MST_FAMILY_LIST, c->name, &c->n, &c->overridden);
  MST_TRY(mst_draft_word(draft, selector, &c->name[0], &c->overridden));
  c->n = c->name[0] != NULL;
  if (f->more == NULL) return MST_OK;
  bool overridden = false;
  int more = 0;
  selector = find_key(schema, mst_family_key(f, f->more, key));
  MST_TRY(mst_draft_words(draft, selector, MST_FAMILY_LIST, c->name + c->n, &more, &overridden));
  c->n += more;
  c->overridden = c->overridden || overridden;
  return MST_OK;
}

/* A key that members share stands once in the schema. */
static void drop_known(const mst_job_schema *schema, mst_key_spec *table) {
  mst_key_spec *to = table;
  for (const mst_key_spec *k = table; k->key != NULL; k++)
    if (find_key(schema, k->key) == NULL) *to++ = *k;
  *to = (mst_key_spec){.key = NULL};
}

/* Whether a member was chosen before the i-th. */
static bool is_repeated(const choice *c, int i) {
  for (int k = 0; k < i; k++)
    if (strcmp(c->name[k], c->name[i]) == 0) return true;
  return false;
}

static mst_status add_family(const mst_draft *draft, const mst_family *f, mst_job_schema *out) {
  mst_key_spec *table = NULL;
  MST_TRY(mst_family_keys(f, &table));
  MST_TRY(add_made(out, table));
  choice c;
  mst_member m;
  if (draft == NULL) return MST_OK;
  MST_TRY(choose(draft, out, f, &c));
  for (int i = 0; i < c.n; i++) {
    if (is_repeated(&c, i) || !mst_family_find(f, c.name[i], &m) || m.params == NULL) continue;
    MST_TRY(mst_family_member_keys(f, m.params, &table));
    drop_known(out, table);
    MST_TRY(add_made(out, table));
  }
  return MST_OK;
}

/* Whether the experiment says anything below a name. */
static bool has_section(const mst_draft *draft, const mst_job_section *s) {
  bool overridden = false;
  char key[MST_FAMILY_KEY];
  if (mst_draft_has(draft, s->optional, &overridden)) return true;
  if (s->family != NULL &&
      mst_draft_has(draft, mst_family_key(s->family, s->family->key, key), &overridden))
    return true;
  for (const mst_key_spec *k = s->keys; k != NULL && k->key != NULL; k++)
    if (mst_draft_has(draft, k->key, &overridden)) return true;
  return false;
}

/* Whether a section takes part, for one that is optional: all of one name together. */
static bool takes_part(const mst_draft *draft, const mst_job_ops *job, const mst_job_section *s) {
  if (s->optional == NULL || draft == NULL) return true;
  for (const mst_job_section *t = job->sections; t->keys != NULL || t->family != NULL; t++)
    if (t->optional != NULL && strcmp(t->optional, s->optional) == 0 && has_section(draft, t))
      return true;
  return false;
}

/* All tables of the job; without a draft, none of a member's. */
static mst_status add_sections(const mst_draft *draft, const mst_job_ops *job,
                               mst_job_schema *out) {
  *out = (mst_job_schema){.schema = {.n = 0}};
  out->schema.table = out->table;
  MST_TRY(add_table(out, mst_keys_every));
  for (const mst_job_section *s = job->sections; s->keys != NULL || s->family != NULL; s++)
    if (takes_part(draft, job, s))
      MST_TRY(s->keys != NULL ? add_table(out, s->keys) : add_family(draft, s->family, out));
  return MST_OK;
}

/* Most keys that can be passed over. */
static int64_t count_member_keys(const mst_job_ops *job) {
  mst_member m;
  int64_t n = 0;
  for (const mst_job_section *s = job->sections; s->keys != NULL || s->family != NULL; s++)
    for (int i = 0; s->family != NULL && s->family->at(i, &m); i++)
      for (const mst_param *p = m.params; p != NULL && p->name != NULL; p++) n++;
  return n;
}

/* Two members may share a key; it is noted once. */
static mst_status pass_over(const mst_job_ops *job, const char *key, mst_job_schema *out) {
  mst_schema *s = &out->schema;
  for (int i = 0; i < s->n_passed_over; i++)
    if (strcmp(out->passed_over[i], key) == 0) return MST_OK;
  if (out->passed_over == NULL)
    MST_TRY(mst_alloc(&out->passed_over, count_member_keys(job), sizeof *out->passed_over,
                      "keys to pass over"));
  MST_TRY(mst_text_copy(key, &out->passed_over[s->n_passed_over]));
  s->passed_over = (const char **)out->passed_over;
  s->n_passed_over++;
  return MST_OK;
}

static mst_status refuse_foreign(const mst_draft *draft, const char *key, const char *selector,
                                 const mst_family *f, const mst_member *m, const choice *c) {
  char more[MST_FAMILY_KEY];
  if (!f->list && f->more == NULL)
    return mst_draft_refuse(draft, key,
                            "but this key means nothing to %s: %s; remove it, or choose %s: %s",
                            selector, c->name[0], selector, m->name);
  if (!f->list)
    return mst_draft_refuse(draft, key,
                            "but this key means nothing to %s: %s; remove it, or choose %s: %s, or "
                            "%s: [%s] beside it",
                            selector, c->name[0], selector, m->name,
                            mst_family_key(f, f->more, more), m->name);
  mst_text chosen = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(&chosen, "[");
  for (int i = 0; i < c->n && st == MST_OK; i++)
    st = mst_text_add(&chosen, "%s%s", i > 0 ? ", " : "", c->name[i]);
  if (st == MST_OK)
    st = mst_draft_refuse(draft, key, "but this key means nothing to %s: %s]; remove it, or add %s",
                          selector, chosen.at, m->name);
  mst_text_free(&chosen);
  return st;
}

/* A key of a member that was not chosen is known, but means nothing here: say so, rather than call
 * it unknown. */
static mst_status look_for_foreign(const mst_draft *draft, const mst_job_ops *job,
                                   const mst_family *f, const mst_member *m, mst_job_schema *out) {
  char selector[MST_FAMILY_KEY], key[MST_FAMILY_KEY];
  bool key_overridden = false;
  choice c;
  MST_TRY(choose(draft, out, f, &c));
  mst_family_key(f, f->key, selector);
  for (const mst_param *p = m->params; p != NULL && p->name != NULL; p++) {
    mst_family_key(f, p->name, key);
    if (find_key(out, key) != NULL || !mst_draft_has(draft, key, &key_overridden)) continue;
    if (c.n == 0 && !f->list)
      return mst_draft_refuse(draft, key, "but %s is missing; choose %s: %s", selector, selector,
                              m->name);
    if (!c.overridden || key_overridden) return refuse_foreign(draft, key, selector, f, m, &c);
    MST_TRY(pass_over(job, key, out));
  }
  return MST_OK;
}

mst_status mst_job_schema_for(const mst_draft *draft, const mst_job_ops *job, mst_job_schema *out) {
  mst_member m;
  MST_TRY(add_sections(draft, job, out));
  for (const mst_job_section *s = job->sections; s->keys != NULL || s->family != NULL; s++)
    for (int i = 0; s->family != NULL && takes_part(draft, job, s) && s->family->at(i, &m); i++)
      MST_TRY(look_for_foreign(draft, job, s->family, &m, out));
  return MST_OK;
}

void mst_job_schema_clear(mst_job_schema *s) {
  for (int i = 0; i < s->n_made; i++) mst_free(s->made[i]);
  for (int i = 0; i < s->schema.n_passed_over; i++) mst_free(s->passed_over[i]);
  mst_free(s->passed_over);
  *s = (mst_job_schema){.schema = {.n = 0}};
}

static mst_status print_schema(const mst_schema *schema, bool head) {
  char *text = NULL;
  MST_TRY(mst_schema_describe(schema, head, &text));
  fputs(text, stdout);
  mst_free(text);
  return MST_OK;
}

static mst_status describe_member(const mst_family *f, const mst_member *m) {
  if (m->params == NULL) return MST_OK;
  mst_key_spec *keys = NULL;
  MST_TRY(mst_family_member_keys(f, m->params, &keys));
  const mst_key_spec *table[] = {keys};
  mst_schema schema = {.table = table, .n = 1};
  printf("\nwith %s.%s: %s\n\n", f->section, f->key, m->name);
  mst_status st = print_schema(&schema, false);
  mst_free(keys);
  return st;
}

mst_status mst_job_describe(const mst_job_ops *job) {
  mst_job_schema all;
  mst_member m;
  mst_status st = add_sections(NULL, job, &all);
  if (st == MST_OK) printf("job: %s - %s\n\n", job->name, job->summary);
  if (st == MST_OK) st = print_schema(&all.schema, true);
  for (const mst_job_section *s = job->sections; s->keys != NULL || s->family != NULL; s++)
    for (int i = 0; st == MST_OK && s->family != NULL && s->family->at(i, &m); i++)
      st = describe_member(s->family, &m);
  mst_job_schema_clear(&all);
  return st;
}
