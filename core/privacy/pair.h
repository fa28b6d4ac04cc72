/* Dominating pairs: for each event two distributions P and Q on the line that are at least as far
 * apart, in every hockey-stick divergence, as the event's outputs on any two neighbours. All exact
 * accounting is about the privacy loss ln(P/Q) under P.
 *
 * A pair is pieces with a density, on each of which the loss ascends, and atoms. Where the records
 * that differ are in only one of the two sets there are two pairs, REMOVE (P has the record) and
 * ADD; the greater result counts. Private to core/privacy. Sources: Mironov et al. 2019; Zhu, Dong
 * and Wang 2022 (dominating pairs, sampling without replacement). All functions are Local. */
#ifndef MST_CORE_PRIVACY_PAIR_H
#define MST_CORE_PRIVACY_PAIR_H

#include <stdbool.h>

#include "core/privacy/event.h"

typedef struct mst_piece mst_piece;
struct mst_piece {
  double q, scale, shift; /* of the law; see pair.c                                             */
  bool reversed;          /* the outcome is -x and P and Q change places                        */
  double first, last;     /* of x                                                               */
  double width;           /* up to which Gauss's rule of four nodes is exact near x = 0         */
  void (*at)(const mst_piece *piece, double x, double *loss, double *density);
  double (*where)(const mst_piece *piece, double loss);
};

typedef struct mst_atom {
  double loss, mass; /* loss may be INFINITY */
} mst_atom;

typedef struct mst_pair {
  mst_piece piece[2];
  int pieces;
  mst_atom *atom; /* owned */
  int64_t atoms;
  double cut_above, cut_below; /* P's mass, at most, that was left out above and below          */
  double greatest;             /* loss, of all; INFINITY where it has no bound                  */
  double lattice;              /* all atoms have losses that are multiples of it; 0 = they do not */
  double spread;               /* a rough standard deviation of the loss, for a first grid      */
} mst_pair;

/** Make the pair of one release of an event.
 *  \param remove  REMOVE rather than ADD; of no consequence under replace_one
 *  \param group   records that differ; more than 1 only without sampling
 *  \param tail    P's mass that may be left out at each end; at least 1e-290
 *  \return MST_OK, MST_ERR_UNSUPPORTED for a pair that is not known, MST_ERR_MEMORY. */
mst_status mst_pair_make(const mst_event *e, mst_adjacency adjacency, int64_t group, bool remove,
                         double tail, mst_pair *out) MST_CHECKED;

/** Free its atoms; zeros are fine. */
void mst_pair_clear(mst_pair *pair);

#endif
