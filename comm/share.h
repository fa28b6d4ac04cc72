/* Shares: arrays that a node's ranks hold together, once: in memory, or in a file that they map.
 *
 * A domain is the set of ranks that share memory: the ranks of a node, or a single rank where
 * shared memory is off or cannot be had. Each domain has its own copy of a share; within a domain
 * all ranks see the same bytes. Nothing is locked: ranks write disjoint parts between two
 * mst_share_sync, or take tickets. */
#ifndef MST_COMM_SHARE_H
#define MST_COMM_SHARE_H

#include <stdint.h>

#include "comm/team.h"

/** Number of domains; this rank's (0-based, in the order of lowest ranks), its place there, and the
 *  number of ranks there; the domain of any rank. Local. */
int mst_team_domains(const mst_team *team);
int mst_team_domain(const mst_team *team);
int mst_team_domain_rank(const mst_team *team);
int mst_team_domain_size(const mst_team *team);
int mst_team_domain_of(const mst_team *team, int rank);

typedef struct mst_share mst_share;

/** Make a zero-filled array of `bytes` in every domain, aligned to a cache line; bytes must agree
 *  within a domain. Pages that nobody touches take no memory.
 *  \param what  names the array in the error text.
 *  \return MST_OK, MST_ERR_INTERNAL (negative bytes), or MST_ERR_MEMORY saying how much shared
 *          memory a node must offer. Collective on team. */
mst_status mst_share_create(mst_team *team, int64_t bytes, const char *what,
                            mst_share **out) MST_CHECKED;

#define MST_SHARE_NAME 4096 /* bytes of a file's name, with the end */

/* Files to lay shares in, one a share and domain. comm opens no file: io does (io/scratch.h). All
 * functions are called outside collectives, on one rank for itself, with the context. */
typedef struct mst_share_backing {
  void *context;
  /* The domain's leader: a new and empty file of its own, open for reading and writing, and its
   * name. */
  mst_status (*create)(void *context, int domain, char name[MST_SHARE_NAME], int *fd);
  /* The domain's other ranks: the same file. */
  mst_status (*open)(void *context, const char *name, int *fd);
  /* The leader, as soon as all have opened it, or one cannot: take its name away. */
  void (*forget)(void *context, const char *name);
  /* The leader, then: make it so long, of zeros, with room on disk for every byte of it. */
  mst_status (*reserve)(void *context, int fd, int64_t bytes);
  /* Everybody, once it is mapped or given up. */
  void (*close)(void *context, int fd);
} mst_share_backing;

/** The same in files. What is written is in the system's page cache and goes to the file when
 *  memory is short; it is lost with the share. Room is reserved here, so that no write to the array
 *  fails later for a full disk; a file's damage (an error of its disk) ends the process.
 *  \param backing  NULL: in memory, as mst_share_create; on all ranks or on none.
 *  \return as mst_share_create, or what a rank's backing returned: then no file is
 *          left. Collective. */
mst_status mst_share_create_in(mst_team *team, int64_t bytes, const char *what,
                               const mst_share_backing *backing, mst_share **out) MST_CHECKED;
/** Collective on team; NULL is allowed. */
void mst_share_destroy(mst_share *s);

#define MST_SHARE_KEPT ((int64_t)16 << 20)

/** A share for a short while: at least `bytes`, which need only agree within a domain, of any
 *  content. The team keeps the last one of up to MST_SHARE_KEPT for the next borrower, for whom its
 *  pages are there already (a new page costs more than to fill it). What the last borrower's ranks
 *  did with it is done. \return as mst_share_create. Collective on team. */
mst_status mst_share_borrow(mst_team *team, int64_t bytes, const char *what,
                            mst_share **out) MST_CHECKED;
/** Give it back. Collective on team; NULL is allowed. */
void mst_share_return(mst_share *s);

/** The array; the same for the life of the share. Local. */
void *mst_share_at(const mst_share *s);

/** Where bytes [begin, begin + bytes) of the array are, to work on them now. Those that this rank
 *  asked for before leave its resident memory if they lie in a file; they stay where they are and
 *  as they are, so pointers to them stay good. Local. */
void *mst_share_visit(mst_share *s, int64_t begin, int64_t bytes);

/** What any rank of the domain wrote before is seen by all of it afterwards. Collective on team
 *  (waits for the own domain only). */
mst_status mst_share_sync(mst_share *s) MST_CHECKED;

/** Take the next number of the domain's counter: 0, 1, 2, ..., each once. Local. */
int64_t mst_share_ticket(mst_share *s);
/** Begin again at 0. By one rank of the domain, between two mst_share_sync. Local. */
void mst_share_rewind(mst_share *s);

/** The array is the concatenation of one part a rank, bytes[0..p-1] in rank order; each rank has
 *  written its own part in its domain's copy. Afterwards every copy is whole, and in sync. bytes
 *  must agree on all ranks. Collective on team.
 *  Cost: nothing is moved within a domain; between domains one stream a domain. */
mst_status mst_share_gather(mst_share *s, const int64_t *bytes) MST_CHECKED;

#endif
