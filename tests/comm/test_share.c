/* Shares: what one rank writes its domain sees, tickets are taken once, parts of all ranks arrive
 * in every copy; in memory as in files, of which nothing is left, whatever fails on whichever rank.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "comm/share.h"
#include "tests/comm/comm_test.h"

/* Files for shares, as simple as can be, and what goes wrong with them on one rank. */
typedef enum fault {
  NO_FAULT,
  NO_CREATE,
  NO_OPEN,
  NO_RESERVE,
  READ_ONLY,
  FAULTS
} fault;

typedef struct files {
  fault fault;
  bool faulty; /* it is this rank's */
  int made, named, opened;
} files;

static const char *folder(void) {
  const char *given = getenv("TEST_SCRATCH");
  return given != NULL ? given : "/tmp";
}

static bool fails(const files *f, fault which) {
  return f->faulty && f->fault == which;
}

static mst_status open_named(files *f, const char *name, int flags, int *fd) {
  *fd = open(name, flags, 0600);
  ck_assert_int_ge(*fd, 0);
  f->opened++;
  return MST_OK;
}

static mst_status create_file(void *context, int domain, char *name, int *fd) {
  files *f = context;
  if (fails(f, NO_CREATE)) return mst_fail(MST_ERR_IO, "no file for domain %d", domain);
  snprintf(name, MST_SHARE_NAME, "%s/share.%d.%ld.%d", folder(), domain, (long)getpid(), f->made++);
  f->named++;
  return open_named(f, name, O_RDWR | O_CREAT | O_EXCL, fd);
}

static mst_status open_file(void *context, const char *name, int *fd) {
  files *f = context;
  if (fails(f, NO_OPEN)) return mst_fail(MST_ERR_IO, "no file %s", name);
  return open_named(f, name, fails(f, READ_ONLY) ? O_RDONLY : O_RDWR, fd);
}

static void forget_file(void *context, const char *name) {
  ck_assert_int_eq(unlink(name), 0);
  ((files *)context)->named--;
}

static mst_status reserve_file(void *context, int fd, int64_t bytes) {
  const files *f = context;
  ck_assert_int_eq(f->named, 0); /* a run that is killed from here on leaves no file */
  if (fails(f, NO_RESERVE)) return mst_fail(MST_ERR_IO, "no room for %lld bytes", (long long)bytes);
  ck_assert_int_eq(posix_fallocate(fd, 0, bytes), 0);
  return MST_OK;
}

static void close_file(void *context, int fd) {
  ((files *)context)->opened--;
  close(fd);
}

static mst_share_backing backing_of(files *f) {
  return (mst_share_backing){f, create_file, open_file, forget_file, reserve_file, close_file};
}

/* In memory, or in a file. */
static mst_share *make_share(mst_team *team, int64_t bytes, bool in_file) {
  static files f;
  mst_share_backing backing = backing_of(&f);
  mst_share *s = NULL;
  ck_ok(mst_share_create_in(team, bytes, "test", in_file ? &backing : NULL, &s));
  return s;
}

static int open_descriptors(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/fd");
  if (d == NULL) return 0;
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

/* Bytes of files that are in this process's memory. */
static int64_t resident_file_bytes(void) {
  long long size = 0, resident = 0, shared = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_int_eq(fscanf(f, "%lld %lld %lld", &size, &resident, &shared), 3);
  fclose(f);
  return shared * (int64_t)sysconf(_SC_PAGESIZE);
}

START_TEST(a_share_begins_at_zero_and_aligned) {
  for (int t = 0; t < 2 * TRANSPORTS; t++) {
    mst_team *team = make_team(t / 2);
    mst_share *s = make_share(team, 10007, t % 2 != 0);
    const char *at = mst_share_at(s);
    int64_t wrong = 0;
    for (int i = 0; i < 10007; i++) wrong += at[i] != 0;
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq((uintptr_t)at % MST_ALIGNMENT, 0);
    mst_share_destroy(s);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(domains_are_a_partition_of_the_ranks) {
  for (int t = 0; t < TRANSPORTS; t++) {
    mst_team *team = make_team(t);
    int count[64] = {0}, before = 0;
    for (int r = 0; r < mst_team_size(team); r++) {
      int d = mst_team_domain_of(team, r);
      ck_assert_int_ge(d, 0);
      ck_assert_int_lt(d, mst_team_domains(team));
      if (r < mst_team_rank(team)) before += d == mst_team_domain(team);
      count[d]++;
    }
    ck_assert_int_eq(count[mst_team_domain(team)], mst_team_domain_size(team));
    ck_assert_int_eq(mst_team_domain_rank(team), before);
    ck_assert_int_eq(mst_team_domain_of(team, mst_team_size(team)), -1);
    mst_team_destroy(team);
  }
}
END_TEST

/* Each rank writes its number; after the sync all of the domain read it, round after round. */
START_TEST(what_is_written_before_a_sync_is_read_after_it) {
  for (int t = 0; t < 2 * TRANSPORTS; t++) {
    mst_team *team = make_team(t / 2);
    int p = mst_team_size(team), rank = mst_team_rank(team);
    mst_share *s = make_share(team, p * (int64_t)sizeof(int64_t), t % 2 != 0);
    int64_t *at = mst_share_at(s), wrong = 0;
    for (int round = 1; round <= 200; round++) {
      at[rank] = round * 1000 + rank;
      ck_ok(mst_share_sync(s));
      for (int r = 0; r < p; r++)
        if (mst_team_domain_of(team, r) == mst_team_domain(team))
          wrong += at[r] != round * 1000 + r;
      ck_ok(mst_share_sync(s));
    }
    ck_assert_int_eq(wrong, 0);
    mst_share_destroy(s);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(every_ticket_is_taken_once) {
  enum {
    TICKETS = 5000
  };
  for (int t = 0; t < 2 * TRANSPORTS; t++) {
    mst_team *team = make_team(t / 2);
    mst_share *s = make_share(team, TICKETS, t % 2 != 0);
    unsigned char *taken = mst_share_at(s);
    for (int again = 0; again < 3; again++) {
      int64_t ticket, wrong = 0;
      while ((ticket = mst_share_ticket(s)) < TICKETS) taken[ticket]++;
      ck_ok(mst_share_sync(s));
      for (int i = 0; i < TICKETS; i++) wrong += taken[i] != again + 1;
      ck_assert_int_eq(wrong, 0);
      if (mst_team_domain_rank(team) == 0) mst_share_rewind(s);
      ck_ok(mst_share_sync(s));
    }
    mst_share_destroy(s);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(parts_of_all_ranks_arrive_in_every_copy) {
  for (int t = 0; t < TRANSPORTS; t++)
    for (int variant = 0; variant < 4; variant++) {
      bool limited = variant % 2 != 0, in_file = variant / 2 != 0;
      mst_team *team = make_team(t);
      mst_comm_limit(team, limited ? 10 : 0, 0);
      int p = mst_team_size(team), rank = mst_team_rank(team);
      int64_t bytes[64], total = 0, first = 0, wrong = 0;
      for (int r = 0; r < p; r++) {
        bytes[r] = r == 1 ? 0 : 37 + 11 * r;
        if (r < rank) first += bytes[r];
        total += bytes[r];
      }
      mst_share *s = make_share(team, total, in_file);
      unsigned char *at = mst_share_at(s);
      for (int64_t i = 0; i < bytes[rank]; i++) at[first + i] = (unsigned char)mixed(first + i, 3);
      ck_ok(mst_share_gather(s, bytes));
      for (int64_t i = 0; i < total; i++) wrong += at[i] != (unsigned char)mixed(i, 3);
      ck_assert_int_eq(wrong, 0);
      mst_share_destroy(s);
      mst_team_destroy(team);
    }
}
END_TEST

START_TEST(parts_that_do_not_fit_are_refused) {
  mst_team *team = make_team(0);
  mst_share *s = NULL;
  int64_t bytes[64] = {0};
  ck_refused(mst_share_create(team, -1, "test", &s), MST_ERR_INTERNAL, "-1 bytes");
  ck_ok(mst_share_create(team, 8, "test", &s));
  bytes[0] = 9;
  ck_refused(mst_share_gather(s, bytes), MST_ERR_INTERNAL, "9 bytes");
  mst_share_destroy(s);
  mst_team_destroy(team);
}
END_TEST

/* The second share would fit if the pages of the first, which nobody has touched, were free. */
START_TEST(shares_that_shared_memory_cannot_hold_are_refused) {
  mst_team *team = make_team(0);
  mst_share *s = NULL, *more = NULL;
  struct statvfs about;
  ck_refused(mst_share_create(team, INT64_MAX / 4, "test", &s), MST_ERR_MEMORY, "bytes");
  ck_assert_ptr_null(s);
  bool shared = mst_team_domain_size(team) > 1 && mst_team_domains(team) == 1;
  if (shared && statvfs("/dev/shm", &about) == 0) {
    int64_t bytes = (int64_t)about.f_bavail * (int64_t)about.f_frsize / 5 * 3;
    ck_ok(mst_team_bcast(team, &bytes, sizeof bytes, 0));
    ck_ok(mst_share_create(team, bytes, "test", &s));
    ck_refused(mst_share_create(team, bytes, "more", &more), MST_ERR_MEMORY, "does not fit into");
    mst_share_destroy(s);
    ck_ok(mst_share_create(team, bytes, "again", &more));
    mst_share_destroy(more);
  }
  mst_team_destroy(team);
}
END_TEST

/* The status, after checking that every rank has the same one and the same sentence. */
static mst_status same_everywhere(mst_team *team, mst_status status) {
  char mine[MST_STATUS_DETAIL_MAX] = "", first[MST_STATUS_DETAIL_MAX];
  snprintf(mine, sizeof mine, "%d %.900s", (int)status,
           status == MST_OK ? "" : mst_status_detail());
  memcpy(first, mine, sizeof first);
  ck_ok(mst_team_bcast(team, first, sizeof first, 0));
  ck_assert_str_eq(mine, first);
  return status == MST_OK ? MST_OK : mst_fail(status, "%s", strchr(first, ' ') + 1);
}

/* Each rank in turn meets each fault; ranks that are not asked to do such a thing do not meet it.
 */
START_TEST(a_file_that_one_rank_lacks_is_kept_by_none) {
  static const char *const text[FAULTS] = {NULL, "no file for domain", "no file ", "no room for",
                                           "cannot be mapped"};
  for (int t = 0; t < TRANSPORTS; t++) {
    mst_team *team = make_team(t);
    for (int bad = 0; bad < mst_team_size(team); bad++)
      for (int k = NO_CREATE; k < FAULTS; k++) {
        files f = {.fault = (fault)k, .faulty = bad == mst_team_rank(team)};
        mst_share_backing backing = backing_of(&f);
        mst_share *s = NULL;
        int descriptors = open_descriptors();
        int64_t held = mst_memory_current();
        bool leads = mst_team_domain_rank(team) == 0,
             of_leaders = k == NO_CREATE || k == NO_RESERVE;
        bool meets = false;
        ck_ok(mst_team_any(team, f.faulty && leads == of_leaders, &meets));
        mst_status st =
            same_everywhere(team, mst_share_create_in(team, 5000, "test", &backing, &s));
        if (meets)
          ck_refused(st, k == READ_ONLY ? MST_ERR_MEMORY : MST_ERR_IO, text[k]);
        else
          ck_ok(st);
        mst_share_destroy(s);
        ck_assert_int_eq(f.named, 0);
        ck_assert_int_eq(f.opened, 0);
        ck_assert_int_eq(open_descriptors(), descriptors);
        ck_assert_int_eq(mst_memory_current(), held);
      }
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(memory_that_one_rank_lacks_for_a_file_ends_the_call_for_all) {
  for (int t = 0; t < TRANSPORTS; t++) {
    mst_team *team = make_team(t);
    files f = {.fault = NO_FAULT};
    mst_share_backing backing = backing_of(&f);
    mst_share *s = NULL;
    bool last = mst_team_rank(team) == mst_team_size(team) - 1;
    mst_status st = MST_ERR_MEMORY;
    int n = 0;
    while (st != MST_OK) {
      if (last) mst_memory_fail_at(n + 1);
      n++;
      st = same_everywhere(team, mst_share_create_in(team, 5000, "test", &backing, &s));
      mst_memory_fail_at(0);
      ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
      ck_assert_int_eq(f.named + f.opened, 0);
    }
    ck_assert_int_gt(n, 2);
    mst_share_destroy(s);
    mst_team_destroy(team);
  }
}
END_TEST

/* A file's part leaves the memory of the process when another is asked for, and is as it was. */
START_TEST(what_is_not_worked_on_leaves_memory_and_stays_as_it_is) {
  enum {
    PART = 4 << 20,
    PARTS = 3
  };
  mst_team *team = make_team(1); /* one file a rank */
  for (int in_file = 0; in_file < 2; in_file++) {
    mst_share *s = make_share(team, PART * PARTS, in_file != 0);
    char *kept = mst_share_at(s);
    int64_t before = resident_file_bytes(), most = 0, wrong = 0;
    for (int again = 0; again < 2; again++)
      for (int k = 0; k < PARTS; k++) {
        char *part = mst_share_visit(s, k * (int64_t)PART, PART);
        ck_assert_ptr_eq(part, kept + k * (int64_t)PART);
        for (int64_t i = 0; i < PART; i++) {
          wrong += again != 0 && part[i] != (char)mixed(i / 64 + k, 5);
          if (again == 0)
            part[i] = (char)(i % 64 == 0 ? mixed(i / 64 + k, 5) : (uint64_t)part[i - 1]);
        }
        most = resident_file_bytes() - before > most ? resident_file_bytes() - before : most;
      }
    ck_assert_int_eq(wrong, 0);
    for (int64_t i = 0; i < PART; i += 64) wrong += kept[i] != (char)mixed(i / 64, 5);
    ck_assert_int_eq(wrong, 0);
    if (in_file != 0) {
      ck_assert_int_ge(most, PART);
      ck_assert_int_lt(most, 2 * PART);
    }
    mst_share_destroy(s);
  }
  mst_team_destroy(team);
}
END_TEST

START_TEST(a_borrowed_share_is_lent_to_one_and_comes_back) {
  for (int t = 0; t < TRANSPORTS; t++) {
    mst_team *team = make_team(t);
    int64_t p = mst_team_size(team), rank = mst_team_rank(team), wrong = 0;
    mst_share *first = NULL, *second = NULL, *again = NULL, *large = NULL;
    ck_ok(mst_share_borrow(team, 8 * p, "test", &first));
    ck_ok(mst_share_borrow(team, 8 * p, "test", &second));
    ck_assert_ptr_ne(mst_share_at(first), mst_share_at(second));
    mst_share_return(second);
    mst_share_return(first);
    ck_ok(mst_share_borrow(team, 8, "test", &again));
    ck_assert_ptr_eq(again, first);
    mst_share_return(again);
    /* A larger one takes its place; in none of them does one use disturb the last. */
    for (int64_t round = 1; round <= 100; round++) {
      ck_ok(mst_share_borrow(team, round < 50 ? 8 * p : 4000 * p, "test", &again));
      int64_t *at = mst_share_at(again);
      at[rank] = 1000 * round + rank;
      ck_ok(mst_share_sync(again));
      for (int r = 0; r < p; r++)
        if (mst_team_domain_of(team, r) == mst_team_domain(team))
          wrong += at[r] != 1000 * round + r;
      mst_share_return(again);
    }
    ck_assert_int_eq(wrong, 0);
    ck_ok(mst_share_borrow(team, MST_SHARE_KEPT + 8, "test", &large));
    ((char *)mst_share_at(large))[MST_SHARE_KEPT + 7] = 1;
    mst_share_return(large);
    mst_team_destroy(team);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("share");
  TCase *c = tcase_create("share");
  tcase_add_test(c, a_share_begins_at_zero_and_aligned);
  tcase_add_test(c, domains_are_a_partition_of_the_ranks);
  tcase_add_test(c, what_is_written_before_a_sync_is_read_after_it);
  tcase_add_test(c, every_ticket_is_taken_once);
  tcase_add_test(c, a_borrowed_share_is_lent_to_one_and_comes_back);
  tcase_add_test(c, parts_of_all_ranks_arrive_in_every_copy);
  tcase_add_test(c, parts_that_do_not_fit_are_refused);
  tcase_add_test(c, shares_that_shared_memory_cannot_hold_are_refused);
  tcase_add_test(c, a_file_that_one_rank_lacks_is_kept_by_none);
  tcase_add_test(c, memory_that_one_rank_lacks_for_a_file_ends_the_call_for_all);
  tcase_add_test(c, what_is_not_worked_on_leaves_memory_and_stays_as_it_is);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
