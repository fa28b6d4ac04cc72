/* Symmetry: which units of a network may be exchanged without changing what it computes, and where
 * their numbers lie among its parameters.
 *
 * Hidden units of a layer (channels of a convolution) come in no order: exchange two of them, with
 * everything that makes them and everything that reads them, and the network is the same function.
 * A set of units is what one permutation moves: the units of a hidden layer, the channels of a
 * convolution, or the channels of all layers that are added to each other in a stage of a residual
 * network. Group norm takes the channels of a group together, so a permutation there maps groups
 * onto groups. Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin: merging models modulo permutation
 * symmetries", arXiv:2209.04836, section 2. All functions are Local. */
#ifndef MST_CORE_MERGE_SYMMETRY_H
#define MST_CORE_MERGE_SYMMETRY_H

#include <stdint.h>

#include "core/model/model.h"

/* Numbers of the units of a set: of unit u, those at offset + (o units + u) inner + i. */
typedef struct mst_unit_place {
  int64_t offset, outer, inner;
} mst_unit_place;

typedef struct mst_units {
  char name[32];  /* of the tensor that makes them: "dense1/weight"                  */
  int64_t count;  /* units                                                            */
  int64_t groups; /* of equal size, one after the other, that stay together; 1: none  */
  int64_t first;  /* in a permutation of all sets                                     */
  int reader;     /* tensor of the layer that is given them: its inputs are (positions, count) */
  int places;
  mst_unit_place *place; /* (places) */
} mst_units;

typedef struct mst_symmetry {
  int64_t parameters;
  int sets;
  mst_units *set; /* (sets) from the input on              */
  int64_t units;  /* of all sets                           */
} mst_symmetry;

/** The sets of a model; none for one without hidden units (softmax, glm, mlp with hidden: []).
 *  s is zero before; clear it also after an error.
 *  \return MST_OK; MST_ERR_UNSUPPORTED for a kind of model that is not known here;
 *          MST_ERR_MEMORY. */
mst_status mst_symmetry_find(const mst_model *m, mst_symmetry *s) MST_CHECKED;
void mst_symmetry_clear(mst_symmetry *s);

/* A permutation of all sets is unit(s->units): unit u of a set becomes what its unit
 * unit[set->first + u] was. */

/** Leave every unit where it is. */
void mst_symmetry_stay(const mst_symmetry *s, int64_t *unit);

/** Floats of scratch for the two functions below. */
int64_t mst_symmetry_scratch(const mst_symmetry *s);

/** Permute the units of one set in w(parameters); unit(count). */
void mst_units_permute(const mst_units *u, const int64_t *unit, float *w, float *scratch);
/** The same of all sets; unit(s->units). */
void mst_symmetry_permute(const mst_symmetry *s, const int64_t *unit, float *w, float *scratch);

#endif
