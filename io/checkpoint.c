/* The checkpoints of a run: which there are, from which to go on, which to keep. Rank 0 looks into
 * the folder and removes; the files themselves are written and read by checkpoint_file.c. */
#include "io/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "io/changes.h"
#include "io/checkpoint_file.h"
#include "io/file.h"
#include "io/runfile_write.h"
#include "io/text.h"

#define MIDDLE ".checkpoint-"
#define DIGITS 9
#define ENDING ".h5"
/* Of a path: one that is too long is refused where it is opened. */
#define NAME_BYTES (PATH_MAX + 64)

struct mst_checkpoints {
  mst_team *team;
  char *folder, *stem; /* of the run file: where it lies, its name without .h5    */
  char *prefix;        /* of paths: "", or the folder as it was given and a slash */
  int64_t n, capacity;
  int64_t *found;  /* (n) rounds of those that were there at first, increasing */
  int64_t chosen;  /* -1 = none                                               */
  int64_t kept[2]; /* rounds of the last two of this run; -1 = none           */
  char *inputs;    /* of this run, on rank 0, once it has saved or restored   */
  bool saved;      /* this process has written one                            */
  char newest[NAME_BYTES];
};

static void name_of(const mst_checkpoints *c, int64_t round, char path[NAME_BYTES]) {
  snprintf(path, NAME_BYTES, "%s%s" MIDDLE "%0*" PRId64 ENDING, c->prefix, c->stem, DIGITS, round);
}

/* The round in a name of the form STEM.checkpoint-DIGITS.h5; -1 for other names. */
static int64_t round_of(const mst_checkpoints *c, const char *name) {
  size_t stem = strlen(c->stem), middle = strlen(MIDDLE);
  if (strncmp(name, c->stem, stem) != 0 || strncmp(name + stem, MIDDLE, middle) != 0) return -1;
  const char *digits = name + stem + middle;
  size_t n = strspn(digits, "0123456789");
  if (n < DIGITS || n > 18 || strcmp(digits + n, ENDING) != 0) return -1;
  return strtoll(digits, NULL, 10);
}

/* A temporary of such a file, as mst_file_begin names it. */
static bool is_temporary(const mst_checkpoints *c, const char *name) {
  size_t stem = strlen(c->stem), length = strlen(name), ending = strlen(".tmp");
  return name[0] == '.' && strncmp(name + 1, c->stem, stem) == 0 &&
         strncmp(name + 1 + stem, MIDDLE, strlen(MIDDLE)) == 0 && length > ending &&
         strcmp(name + length - ending, ".tmp") == 0;
}

static int compare_rounds(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static mst_status add_found(mst_checkpoints *c, int64_t round) {
  if (c->n == c->capacity) {
    int64_t capacity = c->n > 0 ? 2 * c->n : 8, *wide = NULL;
    MST_TRY(mst_alloc(&wide, capacity, sizeof *wide, "list of checkpoints"));
    if (c->n > 0) memcpy(wide, c->found, (size_t)c->n * sizeof *wide);
    mst_free(c->found);
    c->found = wide;
    c->capacity = capacity;
  }
  c->found[c->n++] = round;
  return MST_OK;
}

/* What lies in the folder now, on this rank. Names whose digits are not those of name_of are not of
 * muster. */
static mst_status list(mst_checkpoints *c) {
  DIR *folder = opendir(c->folder);
  if (folder == NULL)
    return mst_fail(MST_ERR_IO, "%s: cannot look for checkpoints: %s", c->folder, strerror(errno));
  mst_status st = MST_OK;
  c->n = 0;
  for (struct dirent *e; st == MST_OK && (e = readdir(folder)) != NULL;) {
    int64_t round = round_of(c, e->d_name);
    char path[NAME_BYTES];
    if (round < 0) continue;
    name_of(c, round, path);
    if (strcmp(path + strlen(c->prefix), e->d_name) == 0) st = add_found(c, round);
  }
  closedir(folder);
  if (c->n > 1) qsort(c->found, (size_t)c->n, sizeof *c->found, compare_rounds);
  return st;
}

static mst_status begin(const char *run_path, mst_checkpoints *c) {
  char target[PATH_MAX];
  MST_TRY(mst_file_follow_links(run_path, target));
  MST_TRY(mst_file_folder(target, &c->folder));
  const char *slash = strrchr(target, '/'), *name = slash != NULL ? slash + 1 : target;
  MST_TRY(mst_text_copy(target, &c->prefix));
  c->prefix[name - target] = '\0';
  MST_TRY(mst_text_copy(name, &c->stem));
  size_t length = strlen(name), ending = strlen(ENDING);
  if (length > ending && strcmp(name + length - ending, ENDING) == 0)
    c->stem[length - ending] = '\0';
  return MST_OK;
}

mst_status mst_checkpoints_open(mst_team *team, const char *run_path, mst_checkpoints **out) {
  mst_checkpoints *c = NULL;
  *out = NULL;
  mst_status st = mst_alloc(&c, 1, sizeof *c, "checkpoints");
  if (st == MST_OK) {
    c->team = team;
    c->chosen = c->kept[0] = c->kept[1] = -1;
    st = begin(run_path, c);
  }
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_file_follow(team, mst_team_rank(team) == 0 ? list(c) : MST_OK);
  if (st == MST_OK) st = mst_team_bcast(team, &c->n, sizeof c->n, 0);
  if (st == MST_OK && c->n > 0) {
    if (mst_team_rank(team) == 0) name_of(c, c->found[c->n - 1], c->newest);
    st = mst_team_bcast(team, c->newest, sizeof c->newest, 0);
  }
  if (st != MST_OK) {
    mst_checkpoints_close(c);
    return st;
  }
  *out = c;
  return MST_OK;
}

void mst_checkpoints_close(mst_checkpoints *c) {
  if (c == NULL) return;
  mst_free(c->folder);
  mst_free(c->prefix);
  mst_free(c->stem);
  mst_free(c->found);
  mst_free(c->inputs);
  mst_free(c);
}

int64_t mst_checkpoints_count(const mst_checkpoints *c) {
  return c->n;
}

const char *mst_checkpoints_newest(const mst_checkpoints *c) {
  return c->newest;
}

int64_t mst_checkpoints_saved(const mst_checkpoints *c) {
  return c->kept[1] > 0 ? c->kept[1] : 0;
}

/* What the rank that chooses has learnt. */
typedef struct choice {
  mst_text remarks;
  char *differ;               /* keys, of the newest sound one of another experiment */
  char differing[NAME_BYTES]; /* its name                                          */
} choice;

static mst_status remark_origin(const mst_checkpoint_head *head, const char *path, choice *k) {
  const char *program = mst_runfile_program(), *kernel = mst_blas_kernel();
  if (strcmp(head->program, program) == 0 && strcmp(head->kernel, kernel) == 0) return MST_OK;
  return mst_text_add(
      &k->remarks,
      "%s was written by muster %s with BLAS kernels %s, this is muster %s with %s: "
      "the results may differ from those of an uninterrupted run\n",
      path, head->program, head->kernel, program, kernel);
}

/* Is this sound one of the experiment? *yes says so. */
static mst_status consider(mst_checkpoints *c, const mst_checkpoint_head *head, const char *path,
                           const char *experiment, choice *k, bool *yes) {
  char *changes = NULL;
  MST_TRY(mst_experiment_changes(head->experiment, experiment, head->inputs, &changes));
  *yes = changes == NULL;
  if (*yes) {
    c->chosen = head->round;
    return remark_origin(head, path, k);
  }
  if (k->differ != NULL) {
    mst_free(changes);
    return MST_OK;
  }
  k->differ = changes;
  strcpy(k->differing, path);
  return MST_OK;
}

static mst_status choose(mst_checkpoints *c, const char *experiment, choice *k) {
  bool found = false;
  for (int64_t i = c->n - 1; i >= 0 && !found; i--) {
    char path[NAME_BYTES];
    mst_checkpoint_head head;
    name_of(c, c->found[i], path);
    mst_status st = mst_checkpoint_look(path, true, &head);
    if (st == MST_OK && head.round != c->found[i])
      st = mst_fail(MST_ERR_FORMAT, "%s: was renamed: it was written after round %lld", path,
                    (long long)head.round);
    if (st == MST_OK) st = consider(c, &head, path, experiment, k, &found);
    mst_checkpoint_head_clear(&head);
    if (st == MST_ERR_FORMAT || (st == MST_ERR_INPUT && access(path, F_OK) != 0))
      st = mst_text_add(&k->remarks, "a checkpoint is passed over: %s\n", mst_status_detail());
    MST_TRY(st);
  }
  if (found && k->differ != NULL)
    return mst_text_add(&k->remarks,
                        "a checkpoint is passed over: %s belongs to another experiment\n",
                        k->differing);
  if (!found && k->differ != NULL)
    return mst_fail(MST_ERR_INPUT,
                    "%s belongs to another experiment, and --resume does not go on from it; what "
                    "differs: %s; run it without --resume to begin anew",
                    k->differing, k->differ);
  if (!found && c->n > 0)
    return mst_text_add(&k->remarks, "no checkpoint is sound: the run begins anew\n");
  return MST_OK;
}

mst_status mst_checkpoints_choose(mst_checkpoints *c, const char *experiment, char **remarks,
                                  int64_t *round) {
  choice *k = NULL;
  mst_status st = mst_team_agree(c->team, mst_alloc(&k, 1, sizeof *k, "choice of a checkpoint"));
  *remarks = NULL;
  *round = 0;
  if (st == MST_OK)
    st = mst_file_follow(c->team, mst_team_rank(c->team) == 0 ? choose(c, experiment, k) : MST_OK);
  if (st == MST_OK) st = mst_team_bcast(c->team, &c->chosen, sizeof c->chosen, 0);
  if (st == MST_OK) {
    c->kept[1] = c->chosen;
    *round = mst_checkpoints_saved(c);
    *remarks = k->remarks.at;
  } else if (k != NULL) {
    mst_text_free(&k->remarks);
  }
  if (k != NULL) mst_free(k->differ);
  mst_free(k);
  return st;
}

/* Which datasets the run has read, for mst_checkpoints_remove; without memory it removes less. */
static void note_inputs(mst_checkpoints *c, const mst_runfile *r) {
  if (mst_team_rank(c->team) != 0 || c->inputs != NULL) return;
  if (mst_text_copy(r->inputs.at, &c->inputs) != MST_OK) mst_status_clear();
}

mst_status mst_checkpoints_restore(mst_checkpoints *c, mst_runfile *r, mst_state *state,
                                   int64_t *round) {
  char path[NAME_BYTES];
  *round = 0;
  if (c->chosen <= 0) return MST_OK;
  name_of(c, c->chosen, path);
  MST_TRY(mst_checkpoint_read(r, path, state));
  note_inputs(c, r);
  *round = r->resumed = c->chosen;
  return MST_OK;
}

static bool is_kept(const mst_checkpoints *c, int64_t round) {
  return round == c->kept[0] || round == c->kept[1];
}

static void remove_round(const mst_checkpoints *c, int64_t round) {
  char path[NAME_BYTES];
  name_of(c, round, path);
  unlink(path);
}

/* Files that a killed process has begun. */
static void remove_temporaries(const mst_checkpoints *c) {
  DIR *folder = opendir(c->folder);
  if (folder == NULL) return;
  for (struct dirent *e; (e = readdir(folder)) != NULL;) {
    char path[NAME_BYTES];
    if (is_temporary(c, e->d_name) &&
        snprintf(path, sizeof path, "%s%s", c->prefix, e->d_name) < (int)sizeof path)
      unlink(path);
  }
  closedir(folder);
}

mst_status mst_checkpoints_save(mst_checkpoints *c, mst_runfile *r, int64_t round,
                                const mst_state *state) {
  char path[NAME_BYTES];
  name_of(c, round, path);
  MST_TRY(mst_checkpoint_write(r, path, round, state));
  note_inputs(c, r);
  int64_t oldest = c->kept[0];
  if (c->kept[1] != round) {
    c->kept[0] = c->kept[1];
    c->kept[1] = round;
  }
  if (mst_team_rank(c->team) == 0) {
    if (oldest >= 0 && !is_kept(c, oldest)) remove_round(c, oldest);
    for (int64_t i = 0; !c->saved && i < c->n; i++)
      if (!is_kept(c, c->found[i])) remove_round(c, c->found[i]);
    if (!c->saved) remove_temporaries(c);
  }
  c->saved = true;
  return MST_OK;
}

/* Is nobody else to go on from this one? Another name for a dataset that says the same is no other
 * experiment. */
static bool is_ours(const mst_checkpoints *c, const char *path, const char *experiment) {
  mst_checkpoint_head head;
  char *changes = NULL;
  mst_status st = mst_checkpoint_look(path, false, &head);
  if (st != MST_OK) return st == MST_ERR_FORMAT;
  bool alike = c->inputs != NULL && strcmp(head.inputs, c->inputs) == 0;
  st = mst_experiment_changes(head.experiment, experiment, alike ? head.inputs : "", &changes);
  bool same = st == MST_OK && changes == NULL;
  mst_free(changes);
  mst_checkpoint_head_clear(&head);
  return same;
}

void mst_checkpoints_remove(mst_checkpoints *c, const char *experiment) {
  if (mst_team_rank(c->team) != 0) return;
  if (list(c) != MST_OK) return;
  for (int64_t i = 0; i < c->n; i++) {
    char path[NAME_BYTES];
    name_of(c, c->found[i], path);
    if (is_kept(c, c->found[i]) || is_ours(c, path, experiment)) unlink(path);
  }
  remove_temporaries(c);
  mst_status_clear();
}
