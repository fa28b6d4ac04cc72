/* Local privacy: sparse linear regression y = <x, theta> + noise from users who trust nobody. Every
 * user sends one message, which a randomiser of its own makes private; the server only ever has
 * means of messages.
 *
 * A method runs in rounds (one, where it is not interactive); user i speaks in round i modulo the
 * number of rounds, and never again. What a message is, and what the server makes of the mean of a
 * round's messages, are the members' matter: one file each, nldp.c nldp_public.c ldp_iht.c.
 * Equations, noise and sources: doc/methods/local_privacy.md. All functions are Local. */
#ifndef MST_CORE_LOCAL_LDP_H
#define MST_CORE_LOCAL_LDP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/privacy/event.h"
#include "core/privacy/noise.h"

#define MST_LDP_WIDTH ((int64_t)1 << 16) /* most columns of x */

/* What the experiment says. Members read the fields that their params name. */
typedef struct mst_ldp_spec {
  const char *method;
  double epsilon, delta; /* of one message; delta where the method is not pure                 */
  double noise;          /* of Gaussian messages, in halves of what one user can change: privacy
                            is that of this noise; 0 = the least for (epsilon, delta)            */
  int64_t users, width;  /* n, d                                                                */
  double radius;         /* r: a longer row is scaled down to it, its response too; 0 = sqrt(d) */
  double truncation;     /* tau: largest response or residual; 0 = sqrt(ln n)                   */
  double threshold;      /* nldp: lambda; 0 = from the noise                                    */
  double ridge;          /* nldp: added to the diagonal of the second moments                   */
  int64_t sparsity;      /* ldp_iht: k                                                          */
  int64_t keep;          /* ldp_iht: k'; 0 = 8 k                                                */
  int64_t iterations;    /* ldp_iht: rounds; 0 = ln(n) / 2, rounded up                          */
  double step;           /* ldp_iht: eta                                                        */
  const char *bound;     /* ldp_iht: residual | published                                       */
  double coordinate;     /* ldp_iht, published: largest coordinate of a row; 0 = sqrt(ln n)     */
} mst_ldp_spec;

extern const mst_param mst_ldp_params[]; /* of every member */

typedef struct mst_ldp mst_ldp;

typedef struct mst_ldp_ops {
  const char *name;
  const char *summary; /* one line for `muster list local_methods`          */
  const mst_param *params;
  bool pure;   /* epsilon alone; else (epsilon, delta) by Gaussian noise     */
  bool public; /* needs the second moments of public rows                    */
  mst_status (*prepare)(mst_ldp *m);
  /* The message out(entries) of a user with the finite row x(d) and response y, both as the user
   * has them; work(d). */
  mst_status (*message)(const mst_ldp *m, const mst_noise *noise, const float *x, double y,
                        double *work, double *out);
  /* End a round: mean(entries) of `users` messages. */
  mst_status (*close)(mst_ldp *m, int64_t users, const double *mean);
} mst_ldp_ops;

/* A method at work. The same on all ranks. */
struct mst_ldp {
  const mst_ldp_ops *ops;
  mst_ldp_spec spec; /* defaults that depend on n and d filled in                             */
  int64_t rounds, round;
  int64_t entries; /* numbers of a message                                                      */
  double bound;    /* public: no entry of any message is larger in magnitude                    */
  mst_event event; /* what one message is to the accountant, under replace_one                  */
  double radius;   /* ldp_iht: of the ball that the randomiser takes a vector from              */
  double matrix_noise, vector_noise; /* nldp: s1, s2                                            */
  double *theta;                     /* (d) the estimate                                        */
  double *moments;                   /* (d, d) of the public rows; else NULL                    */
  int64_t moment_rows;
};

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_ldp_ops *mst_ldp_find(const char *name);
const mst_ldp_ops *mst_ldp_at(int i);

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name, a setting out of range, more non-zeros than
 *          columns, or fewer users than rounds. */
mst_status mst_ldp_check(const mst_ldp_spec *spec) MST_CHECKED;

/** \return MST_OK, what mst_ldp_check returns, or MST_ERR_MEMORY. Free with destroy. */
mst_status mst_ldp_create(const mst_ldp_spec *spec, mst_ldp **out) MST_CHECKED;
void mst_ldp_destroy(mst_ldp *m); /* NULL is allowed */

/** Numbers of a message, rounds and the bytes of one method at work, before it is created; of a
 *  spec that was checked. */
int64_t mst_ldp_entries(const mst_ldp_spec *spec);
int64_t mst_ldp_rounds(const mst_ldp_spec *spec);
int64_t mst_ldp_bytes(const mst_ldp_spec *spec);

/** The round in which a user speaks, and how many users do in a round. */
int64_t mst_ldp_round_of(const mst_ldp *m, int64_t user);
int64_t mst_ldp_users(const mst_ldp *m, int64_t round);

/** The message of a user, who has x(d) and y, in the round that is open. What is not finite counts
 *  as a row and response of 0: a refusal would tell of the user.
 *  \param noise  of that user alone, never used before.
 *  \param work   (d) scratch.
 *  \param out    (entries), each at most m->bound in magnitude.
 *  \return MST_OK, or what the randomiser returns. */
mst_status mst_ldp_message(const mst_ldp *m, const mst_noise *noise, const float *x, double y,
                           double *work, double *out) MST_CHECKED;

/** Numbers of packed second moments: d (d + 1) / 2, the lower triangle row by row. */
int64_t mst_ldp_packed(int64_t d);

/** out(packed) = the second moments of one public row x(d), which is scaled like a user's; each at
 *  most radius^2 in magnitude. work(d).
 *  \return MST_OK, or MST_ERR_NONFINITE. */
mst_status mst_ldp_moment(const mst_ldp *m, const float *x, double *work, double *out) MST_CHECKED;

/** Take mean(packed), of `rows` public rows, for the second moments. */
mst_status mst_ldp_moments(mst_ldp *m, int64_t rows, const double *mean) MST_CHECKED;

/** End the round that is open with the mean of its messages; the next one is open then.
 *  \return MST_OK; MST_ERR_SINGULAR when the second moments are not positive definite, with what
 *          helps; MST_ERR_MEMORY; MST_ERR_INTERNAL after the last round, or without the public
 *          moments that the method needs. */
mst_status mst_ldp_close(mst_ldp *m, const double *mean) MST_CHECKED;

#endif
