/* Ledger files: read whole, added to line by line under a lock. A last line without its end is what
 * a crash left of a charge that was never confirmed, its release never happened: it is cut off. */
#include "io/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/text.h"

static const char HEADER[] = "muster ledger 1\n";
#define MOST 1000000000000000 /* releases of a kind: sums of counts stay far below 2^63 */

struct mst_ledger {
  mst_team *team;
  mst_ledger_run run;
  int fd;       /* rank 0; else -1                                           */
  int64_t size; /* of the file, as this run knows it                         */
  mst_budget budget;
  mst_charges all, own; /* all: in the order of their numbers in the file     */
  int64_t runs, number; /* in the file; of this run, -1: not yet              */
  bool entered;         /* the number is settled                                    */
  int64_t charged;
  mst_charges cleared; /* releases that are known to fit while nobody else adds */
};

static mst_status failed(const mst_ledger *l, const char *what) {
  return mst_fail(MST_ERR_IO, "%s: cannot %s the ledger: %s", l->run.path, what, strerror(errno));
}

static mst_status lock(const mst_ledger *l, short kind) {
  struct flock f = {.l_type = kind, .l_whence = SEEK_SET};
  int rc;
  do rc = fcntl(l->fd, F_SETLKW, &f);
  while (rc < 0 && errno == EINTR);
  return rc == 0 ? MST_OK : failed(l, kind == F_UNLCK ? "unlock" : "lock");
}

static mst_status damaged(const mst_ledger *l, int64_t line) {
  return mst_fail(MST_ERR_FORMAT,
                  "%s: line %lld of the ledger is damaged; what was spent is not known, so nothing "
                  "more is released",
                  l->run.path, (long long)line);
}

static int number_of(const char *(*name)(int), const char *word) {
  for (int i = 0; name(i) != NULL; i++)
    if (strcmp(name(i), word) == 0) return i;
  return -1;
}

static bool read_budget(const char *line, mst_budget *b) {
  char word[32];
  int end = 0;
  if (sscanf(line, "budget %lf %lf %31s%n", &b->epsilon, &b->delta, word, &end) != 3) return false;
  int kind = number_of(mst_adjacency_name, word);
  b->adjacency = (mst_adjacency)kind;
  return kind >= 0 && line[end] == 0 && b->epsilon > 0 && b->delta > 0 && b->delta < 1;
}

static bool read_event(const char *line, int64_t expected, mst_event *e) {
  char mechanism[32], sampling[32];
  int64_t number = 0;
  int end = 0;
  *e = (mst_event){.count = 0};
  if (sscanf(line,
             "event %" SCNd64 " %31s %lf %lf %31s %lf %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
             "%n",
             &number, mechanism, &e->noise, &e->sensitivity, sampling, &e->q, &e->n, &e->m,
             &e->truncate, &e->entries, &end) != 10)
    return false;
  int kind = number_of(mst_mechanism_name, mechanism), how = number_of(mst_sampling_name, sampling);
  e->mechanism = (mst_mechanism)kind;
  e->sampling = (mst_sampling)how;
  return kind >= 0 && how >= 0 && line[end] == 0 && number == expected && e->noise > 0 &&
         isfinite(e->noise) && e->sensitivity >= 0 && isfinite(e->sensitivity);
}

static void read_run(mst_ledger *l, const char *line, bool *ok) {
  int64_t number = -1;
  int at = 0;
  *ok = sscanf(line, "run %" SCNd64 " %n", &number, &at) == 1 && number == l->runs && at > 0;
  if (!*ok) return;
  l->runs++;
  if (l->entered || !l->run.resume || strcmp(line + at, l->run.name) != 0) return;
  mst_charges_free(&l->own); /* of an earlier run of that name */
  l->charged = 0;
  l->number = number;
}

static mst_status read_charge(mst_ledger *l, const char *line, bool *ok) {
  int64_t run = -1, event = -1, count = -1;
  int end = 0;
  *ok = sscanf(line, "charge %" SCNd64 " %" SCNd64 " %" SCNd64 "%n", &run, &event, &count, &end) ==
            3 &&
        line[end] == 0 && run >= 0 && run < l->runs && event >= 0 && event < l->all.n &&
        count >= 0 && count <= MOST && l->all.event[event].count <= MOST;
  if (!*ok) return MST_OK;
  l->all.event[event].count += count;
  if (run != l->number) return MST_OK;
  l->charged++;
  return mst_charges_add(&l->own, &l->all.event[event], count);
}

static mst_status read_line(mst_ledger *l, const char *line, int64_t number) {
  mst_event e;
  bool ok = false;
  if (number == 1) {
    ok = strncmp(line, HEADER, sizeof HEADER - 2) == 0 && line[sizeof HEADER - 2] == 0;
  } else if (number == 2) {
    ok = read_budget(line, &l->budget);
  } else if (strncmp(line, "run ", 4) == 0) {
    read_run(l, line, &ok);
  } else if (strncmp(line, "event ", 6) == 0) {
    ok = read_event(line, l->all.n, &e);
    int64_t before = l->all.n;
    if (ok) MST_TRY(mst_charges_add(&l->all, &e, 0));
    ok = ok && l->all.n == before + 1;
  } else if (strncmp(line, "charge ", 7) == 0) {
    MST_TRY(read_charge(l, line, &ok));
  }
  return ok ? MST_OK : damaged(l, number);
}

static mst_status read_lines(mst_ledger *l, char *text, int64_t size) {
  int64_t number = 0, at = 0;
  while (at < size) {
    char *end = memchr(text + at, '\n', (size_t)(size - at));
    if (end == NULL) break;
    *end = 0;
    if (strlen(text + at) != (size_t)(end - text - at)) return damaged(l, number + 1);
    MST_TRY(read_line(l, text + at, ++number));
    at = end - text + 1;
  }
  l->size = at;
  if (at == 0 && size > 0 &&
      (size >= (int64_t)sizeof HEADER || memcmp(text, HEADER, (size_t)size) != 0))
    return damaged(l, 1); /* another file, of one line: it is not to be cut */
  if (at < size && ftruncate(l->fd, (off_t)at) != 0) return failed(l, "mend");
  return number == 1 ? damaged(l, 2) : MST_OK;
}

/* Of the file from its beginning; what was known of it is forgotten, but for the run's number. */
static mst_status read_file(mst_ledger *l) {
  struct stat about;
  char *text = NULL;
  mst_charges_free(&l->all);
  mst_charges_free(&l->own);
  mst_charges_free(&l->cleared);
  l->runs = l->charged = l->size = 0;
  if (fstat(l->fd, &about) != 0) return failed(l, "read");
  MST_TRY(mst_alloc(&text, (int64_t)about.st_size, 1, "ledger"));
  int64_t done = 0;
  while (done < (int64_t)about.st_size) {
    ssize_t n = pread(l->fd, text + done, (size_t)(about.st_size - done), (off_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += n;
  }
  mst_status st = done == (int64_t)about.st_size ? read_lines(l, text, done) : failed(l, "read");
  mst_free(text);
  return st;
}

/* Add text at the end and wait until it is on disk. */
static mst_status append(mst_ledger *l, const mst_text *text) {
  size_t done = 0;
  while (done < text->length) {
    ssize_t n = pwrite(l->fd, text->at + done, text->length - done, (off_t)l->size + (off_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed(l, "write");
    done += (size_t)n;
  }
  if (fsync(l->fd) != 0) return failed(l, "write");
  l->size += (int64_t)text->length;
  return MST_OK;
}

static mst_status sync_folder(const char *path) {
  char *folder = NULL;
  MST_TRY(mst_file_folder(path, &folder));
  int fd = open(folder, O_RDONLY | O_CLOEXEC);
  bool ok = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  mst_free(folder);
  return ok ? MST_OK
            : mst_fail(MST_ERR_IO, "%s: its folder cannot be flushed: %s", path, strerror(errno));
}

static mst_status write_header(mst_ledger *l) {
  mst_text text = MST_TEXT_EMPTY;
  char epsilon[MST_NUMBER], delta[MST_NUMBER];
  const mst_budget *b = &l->run.budget;
  if (!(b->epsilon > 0))
    return mst_fail(MST_ERR_INPUT, "%s: there is no ledger yet, so its budget must be given",
                    l->run.path);
  mst_status st =
      mst_text_add(&text, "%sbudget %s %s %s\n", HEADER, mst_text_real(b->epsilon, epsilon),
                   mst_text_real(b->delta, delta), mst_adjacency_name((int)b->adjacency));
  if (st == MST_OK) st = append(l, &text);
  mst_text_free(&text);
  if (st == MST_OK) st = sync_folder(l->run.path);
  l->budget = *b;
  return st;
}

static mst_status check_budget(const mst_ledger *l) {
  const mst_budget *mine = &l->run.budget, *b = &l->budget;
  if ((mine->epsilon == 0 || mine->epsilon == b->epsilon) && mine->delta == b->delta &&
      mine->adjacency == b->adjacency)
    return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "%s: the ledger's budget is epsilon %.6g at delta %.3g (%s), not epsilon %.6g at "
                  "delta %.3g (%s)",
                  l->run.path, b->epsilon, b->delta, mst_adjacency_name((int)b->adjacency),
                  mine->epsilon, mine->delta, mst_adjacency_name((int)mine->adjacency));
}

/* Enter the run, unless it goes on from an earlier start. */
static mst_status enter(mst_ledger *l) {
  mst_text text = MST_TEXT_EMPTY;
  l->entered = true;
  if (l->number >= 0) return MST_OK;
  if (strchr(l->run.name, '\n') != NULL)
    return mst_fail(MST_ERR_INPUT, "a run whose name has two lines cannot be entered in a ledger");
  mst_status st = mst_text_add(&text, "run %lld %s\n", (long long)l->runs, l->run.name);
  if (st == MST_OK) st = append(l, &text);
  mst_text_free(&text);
  if (st == MST_OK) l->number = l->runs++;
  return st;
}

static mst_status begin(mst_ledger *l) {
  MST_TRY(read_file(l)); /* also before it is emptied: only a ledger is */
  if (!l->run.shared && !l->run.resume && l->size > 0) {
    if (ftruncate(l->fd, 0) != 0) return failed(l, "begin");
    MST_TRY(read_file(l));
  }
  if (l->size == 0) MST_TRY(write_header(l));
  MST_TRY(check_budget(l));
  return enter(l);
}

static mst_status open_file(mst_ledger *l) {
  struct stat about;
  l->fd = open(l->run.path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (l->fd < 0 || fstat(l->fd, &about) != 0) return failed(l, "open");
  if (!S_ISREG(about.st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: a ledger is a file", l->run.path);
  MST_TRY(lock(l, F_WRLCK));
  mst_status st = begin(l), unlocked = lock(l, F_UNLCK);
  return st != MST_OK ? st : unlocked;
}

/* What every rank knows of rank 0's ledger. */
static mst_status share(mst_ledger *l) {
  MST_TRY(mst_team_bcast(l->team, &l->budget, sizeof l->budget, 0));
  MST_TRY(mst_team_bcast(l->team, &l->number, sizeof l->number, 0));
  return mst_team_bcast(l->team, &l->charged, sizeof l->charged, 0);
}

mst_status mst_ledger_open(mst_team *team, const mst_ledger_run *run, mst_ledger **out) {
  mst_ledger *l = NULL;
  *out = NULL;
  MST_TRY(mst_team_agree(team, mst_alloc(&l, 1, sizeof *l, "ledger")));
  *l = (mst_ledger){.team = team, .run = *run, .fd = -1, .number = -1};
  mst_status st = mst_file_follow(team, mst_team_rank(team) == 0 ? open_file(l) : MST_OK);
  if (st == MST_OK) st = share(l);
  if (st != MST_OK) {
    mst_ledger_close(l);
    return st;
  }
  *out = l;
  return MST_OK;
}

void mst_ledger_close(mst_ledger *l) {
  if (l == NULL) return;
  if (l->fd >= 0) close(l->fd);
  mst_charges_free(&l->all);
  mst_charges_free(&l->own);
  mst_charges_free(&l->cleared);
  mst_free(l);
}

mst_budget mst_ledger_budget(const mst_ledger *l) {
  return l->budget;
}

int64_t mst_ledger_charged(const mst_ledger *l) {
  return l->charged;
}

mst_status mst_ledger_match(mst_ledger *l, mst_event *event) {
  for (int64_t i = 0; i < l->own.n; i++) { /* rank 0 alone has any */
    mst_event mine = *event;
    mine.noise = l->own.event[i].noise;
    if (fabs(mine.noise / event->noise - 1) < 1e-6 && mst_event_alike(&mine, &l->own.event[i]))
      event->noise = mine.noise;
  }
  return mst_team_bcast(l->team, &event->noise, sizeof event->noise, 0);
}

int64_t mst_ledger_number(const mst_ledger *l) {
  return l->number;
}

/* Under the lock: has another run added to the file? Then all is read again. */
static mst_status look_again(mst_ledger *l) {
  struct stat about;
  if (fstat(l->fd, &about) != 0) return failed(l, "read");
  return (int64_t)about.st_size == l->size ? MST_OK : read_file(l);
}

static mst_status allow(mst_ledger *l, const mst_event *event, int64_t n) {
  MST_TRY(look_again(l));
  MST_TRY(mst_charges_allow(&l->all, event, n, &l->run.spec, &l->budget));
  mst_charges_free(&l->cleared);
  for (int64_t i = 0; i < n; i++) MST_TRY(mst_charges_add(&l->cleared, &event[i], event[i].count));
  return MST_OK;
}

static bool is_cleared(const mst_ledger *l, const mst_event *event) {
  for (int64_t i = 0; i < l->cleared.n; i++)
    if (mst_event_alike(&l->cleared.event[i], event))
      return l->cleared.event[i].count >= event->count;
  return false;
}

static mst_status fits(mst_ledger *l, const mst_event *event, const mst_event *planned, int64_t n) {
  if (is_cleared(l, event)) return MST_OK;
  if (allow(l, planned, n) == MST_OK && is_cleared(l, event)) return MST_OK;
  mst_status_clear(); /* not all that is planned, but the next one may */
  return allow(l, event, 1);
}

static mst_status add_charge(mst_ledger *l, const mst_event *e) {
  mst_text text = MST_TEXT_EMPTY;
  int64_t at = 0, count = e->count;
  while (at < l->all.n && !mst_event_alike(&l->all.event[at], e)) at++;
  mst_status st = MST_OK;
  if (at == l->all.n) {
    char noise[MST_NUMBER], sensitivity[MST_NUMBER], q[MST_NUMBER];
    st = mst_text_add(&text, "event %lld %s %s %s %s %s %lld %lld %lld %lld\n", (long long)at,
                      mst_mechanism_name((int)e->mechanism), mst_text_real(e->noise, noise),
                      mst_text_real(e->sensitivity, sensitivity),
                      mst_sampling_name((int)e->sampling), mst_text_real(e->q, q), (long long)e->n,
                      (long long)e->m, (long long)e->truncate, (long long)e->entries);
  }
  if (st == MST_OK)
    st = mst_text_add(&text, "charge %lld %lld %lld\n", (long long)l->number, (long long)at,
                      (long long)count);
  if (st == MST_OK) st = mst_charges_add(&l->all, e, 0);
  if (st == MST_OK) st = mst_charges_add(&l->own, e, 0);
  if (st == MST_OK) st = append(l, &text);
  mst_text_free(&text);
  MST_TRY(st);
  MST_TRY(mst_charges_add(&l->cleared, e, -count));
  MST_TRY(mst_charges_add(&l->all, e, count));
  return mst_charges_add(&l->own, e, count);
}

static mst_status charge(mst_ledger *l, const mst_event *event, const mst_event *planned,
                         int64_t n) {
  MST_TRY(look_again(l));
  if (event->count > 0) MST_TRY(fits(l, event, planned, n));
  return add_charge(l, event);
}

typedef struct request {
  mst_ledger *ledger;
  const mst_event *event; /* to be charged; NULL: only ask for the list */
  const mst_event *list;
  int64_t n;
} request;

static mst_status serve(const request *r) {
  mst_ledger *l = r->ledger;
  MST_TRY(lock(l, F_WRLCK));
  mst_status st = r->event == NULL ? allow(l, r->list, r->n) : charge(l, r->event, r->list, r->n);
  mst_status unlocked = lock(l, F_UNLCK);
  return st != MST_OK ? st : unlocked;
}

mst_status mst_ledger_allow(mst_ledger *l, const mst_event *event, int64_t n) {
  const request r = {l, NULL, event, n};
  return mst_file_follow(l->team, mst_team_rank(l->team) == 0 ? serve(&r) : MST_OK);
}

mst_status mst_ledger_charge(mst_ledger *l, const mst_event *event, const mst_event *planned,
                             int64_t n) {
  const request r = {l, event, planned, n};
  MST_TRY(mst_file_follow(l->team, mst_team_rank(l->team) == 0 ? serve(&r) : MST_OK));
  l->charged++;
  return MST_OK;
}

mst_status mst_ledger_spent(mst_ledger *l, bool all, mst_spent *out) {
  mst_status st = MST_OK;
  *out = (mst_spent){.epsilon = 0};
  if (mst_team_rank(l->team) == 0)
    st = mst_charges_spent(all ? &l->all : &l->own, NULL, 0, &l->run.spec, &l->budget, out);
  MST_TRY(mst_file_follow(l->team, st));
  return mst_team_bcast(l->team, out, sizeof *out, 0);
}
