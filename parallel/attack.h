/* Attacks over ranks: before a round's vectors are aggregated, those of the clients that attack are
 * replaced by what core/robust/attack.h makes of the honest ones.
 *
 * The vectors lie where their clients were trained, and stay there. What an attacker sees of all of
 * them, means and standard deviations by column, distances, one honest vector, is made by walks
 * over transposed columns or exact sums, so that what is sent has the same bits on any number of
 * ranks, however the clients are spread. doc/methods/attacks.md. */
#ifndef MST_PARALLEL_ATTACK_H
#define MST_PARALLEL_ATTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/share.h"
#include "comm/team.h"
#include "core/base/state.h"
#include "core/robust/attack.h"

typedef struct mst_attackers mst_attackers;

/* The vectors of a round. */
typedef struct mst_attack_round {
  int64_t round;
  int64_t n_mine;        /* vectors of this rank                                              */
  const int64_t *client; /* (n_mine) whose they are; no client twice on all ranks              */
  float *const *row;     /* (n_mine)(d) in: honest vectors, the attackers' own too; out: those of
                            attackers replaced                                                */
  const float *previous; /* (d) the last global change, on every rank; NULL = 0               */
  mst_share *share; /* of the team, where the vectors of all ranks lie; they are then read there,
                       on one node. NULL on every rank = each rank's memory is its own      */
  /* For a search: out(d) = what the rows as they are now would be aggregated to, on every rank.
   * Collective. */
  mst_status (*aggregate)(void *user, float *out);
  void *user;
} mst_attack_round;

/** Choose the clients that attack, and set up what is kept over the rounds. The spec's words must
 *  outlive it; spec, clients and d must agree.
 *  \return MST_OK; what mst_attack_check returns; MST_ERR_UNSUPPORTED for an attack that tells each
 *          neighbour on a graph something else (dissensus); MST_ERR_MEMORY. Collective on team.
 *  Memory kept: 16 d bytes a rank for an attack with a memory, else next to nothing. */
mst_status mst_attackers_create(mst_team *team, const mst_attack_spec *spec, int64_t clients,
                                int64_t d, mst_attackers **out) MST_CHECKED;
void mst_attackers_destroy(mst_attackers *a); /* Local; NULL is allowed */

/** Whether a client attacks; whether attackers train on flipped labels (then act does nothing to
 *  their vectors); whether the own vector of an attacker is looked at, so that it must be trained.
 *  Local. */
bool mst_attackers_has(const mst_attackers *a, int64_t client);
bool mst_attackers_flip_labels(const mst_attackers *a);
bool mst_attackers_train(const mst_attackers *a);

/** *flipped(rows) = room for the labels of an attacker that trains on flipped ones, of so many
 *  classes (mst_model_classes); left alone for other attacks. The caller's. spec was checked.
 *  \return MST_OK, MST_ERR_INPUT where there are no classes, MST_ERR_MEMORY. Local. */
mst_status mst_attackers_labels(const mst_attack_spec *spec, int64_t classes, int64_t rows,
                                int32_t **flipped) MST_CHECKED;

/** Replace the attackers' vectors. Rows with an entry that is not finite are no honest vectors; a
 *  round without attackers is left alone, and teaches them nothing.
 *  \return MST_OK; MST_ERR_INPUT for a client with two vectors; MST_ERR_INTERNAL for a search
 *          without aggregate; what aggregate returns on the lowest rank where it fails;
 *          MST_ERR_MEMORY; MST_ERR_COMM; the same on all ranks. After an error the attackers'
 *          rows and memory are of no use.
 *  Collective. Cost: doc/methods/attacks.md. */
mst_status mst_attackers_act(mst_attackers *a, const mst_attack_round *round) MST_CHECKED;

/** What is kept over the rounds, for the state list; nothing for most attacks. Local. */
mst_status mst_attackers_state(mst_attackers *a, mst_state *state) MST_CHECKED;

/** Bytes of a rank that create and act will take, but for what grows with the honest vectors m of a
 *  round: 16 KiB m + 48 m^2 of attacks that look at distances. spec was checked. Local. */
int64_t mst_attackers_bytes(const mst_attack_spec *spec, int64_t d);

#endif
