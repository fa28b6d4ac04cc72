/* Kept statistics in run files: /statistics_shape, /statistics, and /audit, the record of what was
 * done to them. doc/formats.md. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "jobs/record.h"
#include "jobs/unlearn.h"

enum {
  FEATURES,
  TARGETS,
  CLIENTS,
  EVENTS,
  PAIRS,
  SIZES
};

mst_status mst_audit_room(mst_audit *a, int64_t events, int64_t pairs) {
  *a = (mst_audit){.events = events, .pairs = pairs};
  MST_TRY(mst_alloc(&a->action, events, sizeof *a->action, "record of changes"));
  MST_TRY(mst_alloc(&a->time, events, sizeof *a->time, "record of changes"));
  MST_TRY(mst_alloc(&a->rows, events, sizeof *a->rows, "record of changes"));
  MST_TRY(mst_alloc(&a->classes, events, sizeof *a->classes, "record of changes"));
  MST_TRY(mst_alloc(&a->set, events * MST_DIGEST_HEX, 1, "record of changes"));
  MST_TRY(mst_alloc(&a->digest, events * MST_DIGEST_HEX, 1, "record of changes"));
  return mst_alloc(&a->pair, 2 * pairs, sizeof *a->pair, "record of clients");
}

void mst_audit_free(mst_audit *a) {
  mst_free(a->action);
  mst_free(a->time);
  mst_free(a->rows);
  mst_free(a->classes);
  mst_free(a->set);
  mst_free(a->digest);
  mst_free(a->pair);
  *a = (mst_audit){0};
}

void mst_audit_copy(const mst_audit *from, mst_audit *to) {
  const size_t events = (size_t)from->events;
  if (events == 0) return;
  memcpy(to->action, from->action, events * sizeof *to->action);
  memcpy(to->time, from->time, events * sizeof *to->time);
  memcpy(to->rows, from->rows, events * sizeof *to->rows);
  memcpy(to->classes, from->classes, events * sizeof *to->classes);
  memcpy(to->set, from->set, events * MST_DIGEST_HEX);
  memcpy(to->digest, from->digest, events * MST_DIGEST_HEX);
  memcpy(to->pair, from->pair, (size_t)(2 * from->pairs) * sizeof *to->pair);
}

int64_t mst_audit_holds(const mst_audit *a, const char *hex) {
  int64_t n = 0;
  for (int64_t i = 0; i < a->events; i++) {
    if (strncmp((const char *)a->set + i * MST_DIGEST_HEX, hex, MST_DIGEST_HEX - 1) != 0) continue;
    n += (a->action[i] == MST_AUDIT_JOINED) - (a->action[i] == MST_AUDIT_LEFT);
  }
  return n;
}

static mst_status list_audit(mst_job_unlearn *u, mst_state *s) {
  mst_audit *a = &u->audit;
  const int64_t n = a->events, hex[2] = {n, MST_DIGEST_HEX};
  MST_TRY(mst_state_add(s, "action", MST_I64, 1, &n, a->action));
  MST_TRY(mst_state_add(s, "time", MST_I64, 1, &n, a->time));
  MST_TRY(mst_state_add(s, "rows", MST_I64, 1, &n, a->rows));
  MST_TRY(mst_state_add(s, "classes", MST_I64, 1, &n, a->classes));
  MST_TRY(mst_state_add(s, "set", MST_U8, 2, hex, a->set));
  MST_TRY(mst_state_add(s, "digest", MST_U8, 2, hex, a->digest));
  MST_TRY(mst_state_add(s, "client", MST_I64, 2, (int64_t[]){a->pairs, 2}, a->pair));
  return mst_state_add(s, "member", MST_U8, 1, &u->clients, u->member);
}

/* Read a group whose list was made with that status; the list is cleared in every case. */
static mst_status read_group(mst_team *team, const char *path, const char *group, mst_status made,
                             mst_state *s) {
  mst_status st = mst_team_agree(team, made);
  if (st == MST_OK) st = mst_runfile_read(team, path, group, s);
  mst_state_clear(s);
  return st;
}

mst_status mst_statistics_look(mst_team *team, mst_job_unlearn *u, const char *path) {
  int64_t size[SIZES] = {0}, sizes = SIZES;
  mst_state s;
  mst_state_init(&s);
  mst_status st = mst_state_add(&s, "sizes", MST_I64, 1, &sizes, size);
  st = read_group(team, path, "statistics_shape", st, &s);
  if (st == MST_ERR_INPUT)
    return mst_fail(MST_ERR_INPUT,
                    "%s: the run has kept no statistics that could be changed: train it with "
                    "analytic.keep_statistics: true",
                    path);
  MST_TRY(st);
  for (int i = 0; i < SIZES; i++)
    if (size[i] < 1 || size[i] > INT32_MAX)
      return mst_fail(MST_ERR_FORMAT, "%s: /statistics_shape holds %lld", path, (long long)size[i]);
  u->features = size[FEATURES];
  u->targets = size[TARGETS];
  u->clients = size[CLIENTS];
  st = mst_audit_room(&u->audit, size[EVENTS], size[PAIRS]);
  if (st == MST_OK) st = mst_alloc(&u->member, u->clients, 1, "marks of clients");
  if (st == MST_OK) st = list_audit(u, &s);
  return read_group(team, path, "audit", st, &s);
}

/* What no run writes, and no sum could be made of. Every rank has read the same. */
static mst_status check_columns(const mst_gram_sums *s, const char *path) {
  for (int64_t i = 0; i < s->n; i++) {
    const bool scaled = isfinite(s->scale[i]) && s->scale[i] >= 0;
    if (!isfinite(s->shift[i]) || !scaled || s->used[i] > 1 ||
        (s->used[i] == 1 && s->scale[i] == 0))
      return mst_fail(MST_ERR_FORMAT,
                      "%s: /statistics is damaged: column %lld has shift %g and scale %g", path,
                      (long long)i, s->shift[i], s->scale[i]);
  }
  return MST_OK;
}

mst_status mst_statistics_load(mst_team *team, mst_job_unlearn *u, const char *path) {
  mst_state s;
  mst_state_init(&s);
  MST_TRY(mst_gram_sums_create(team, u->features, u->targets, &u->sums));
  u->sums.known = true;
  MST_TRY(read_group(team, path, "statistics", mst_gram_sums_state(&u->sums, &s), &s));
  return check_columns(&u->sums, path);
}

mst_status mst_statistics_write(mst_team *team, mst_job_unlearn *u) {
  mst_runfile *file = u->context->runfile;
  int64_t size[SIZES] = {u->sums.features, u->sums.targets, u->clients, u->audit.events,
                         u->audit.pairs};
  int64_t sizes = SIZES;
  mst_state s;
  mst_state_init(&s);
  mst_status st = mst_state_add(&s, "sizes", MST_I64, 1, &sizes, size);
  MST_TRY(mst_record_group(team, file, st, "statistics_shape", &s));
  MST_TRY(mst_record_group(team, file, mst_gram_sums_state(&u->sums, &s), "statistics", &s));
  return mst_record_group(team, file, list_audit(u, &s), "audit", &s);
}
