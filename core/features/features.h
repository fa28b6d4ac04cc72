/* Features: maps from a raw row to a feature vector, fixed before training.
 *
 * A map is fitted once (drawing filters from the key, and for data-dependent maps from a sample
 * of training rows), after which it is a PURE FUNCTION OF ONE ROW: the features of a row have
 * the same bits whatever rows are beside it in a batch, so they depend neither on rank count nor
 * on the partition. Members keep this by giving BLAS the same shapes for every row.
 *
 * One file a member: identity.c relu.c fourier.c nystrom.c conv.c conv_stack.c
 * scattering.c johnson_lindenstrauss.c; the table is in features.c. Several members' features side by side are
 * one map too: joined.c. */
#ifndef MST_CORE_FEATURES_FEATURES_H
#define MST_CORE_FEATURES_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/state.h"
#include "core/base/status.h"

#define MST_FEATURES_JOIN 8 /* most members beside the first */

/* What the experiment says of the map. A member reads the fields that its `params` name. */
typedef struct mst_features_spec {
  const char *kind;   /* registry name                                                   */
  int joined;         /* members whose features follow, each with its own fields below   */
  const char *join[MST_FEATURES_JOIN]; /* (joined): registry names, all different          */
  uint64_t seed;
  double shift, scale; /* identity: (x - shift) / scale                                  */
  int64_t count;      /* relu, fourier, johnson_lindenstrauss: number of random features;
                         nystrom: landmarks                                              */
  double bandwidth;   /* fourier, nystrom: Gaussian kernel's length scale, in units of the
                         data; of nystrom's other kernels 0                              */
  bool orthogonal;    /* fourier: directions are orthogonal in groups of a row's width   */
  const char *kernel; /* nystrom: rbf | linear                                           */
  int64_t filters;    /* conv, conv_stack: number of patch filters                       */
  int64_t patch;      /* conv, conv_stack: side of a patch, pixels                       */
  int64_t grid;       /* conv, conv_stack: side of the pooling grid, cells               */
  double threshold;   /* conv, conv_stack: two-sided ReLU threshold, in units of the whitened
                         response                                                        */
  int64_t pool;       /* conv_stack: side of the grid between its layers, cells          */
  int64_t fields;     /* conv_stack: groups of the first layer's maps                    */
  int64_t field_maps; /* conv_stack: maps of a group                                     */
  int64_t second_filters; /* conv_stack: patch filters of a group                        */
  int64_t second_patch;   /* conv_stack: side of the second layer's patches, cells       */
  bool both;          /* conv_stack: the first layer's features too                      */
  int64_t scales;     /* scattering: J                                                   */
  int64_t angles;     /* scattering: L                                                   */
  int64_t groups;     /* scattering: of maps that are normalised together; 0: none        */
} mst_features_spec;

/** A spec of that kind with seed 1 and the defaults of its parameters; 0 where a parameter has no
 *  default (fourier's bandwidth) or is another member's. Local. */
mst_features_spec mst_features_defaults(const char *kind);

/* The shape of a raw row as the dataset stores it: (width) or (height, width) or
 * (height, width, channels). */
typedef struct mst_row_shape {
  int dims;
  int64_t size[3];
} mst_row_shape;

int64_t mst_row_elements(const mst_row_shape *shape);

typedef struct mst_features mst_features; /* a map; members embed their own data */

typedef struct mst_features_ops {
  const char *name;
  const char *summary; /* one line for `muster list features` */
  const mst_param *params; /* keys of section `features` that the member reads; NULL = none */
  bool plain; /* features are a row's own numbers, each by itself: the row keeps its shape, and
                 apply may work in place */
  /* Check spec against the rows' shape, create the map, set its width. Draws what depends on the
   * key alone. */
  mst_status (*create)(const mst_features_spec *spec, const mst_row_shape *shape,
                       mst_features **out);
  /* Training rows the fit wants to see (0 = none). */
  int64_t (*sample_rows)(const mst_features *f);
  /* Fit on the sample, (m, row elements), the same on every caller. May be NULL. */
  mst_status (*fit)(mst_features *f, const float *sample, int64_t m);
  /* The arrays that fit decided, for broadcasting and for the run file. */
  mst_status (*parameters)(mst_features *f, mst_state *state);
  /* out(n, width) from rows(n, row elements). Uses scratch owned by f: one thread a map. */
  mst_status (*apply)(mst_features *f, const float *rows, int64_t n, float *out);
  void (*destroy)(mst_features *f);
} mst_features_ops;

struct mst_features {
  const mst_features_ops *ops;
  mst_features_spec spec; /* its words are the caller's */
  mst_row_shape shape;
  int64_t width; /* features of one row                                  */
  int64_t bytes; /* what the map holds; set by mst_features_create       */
};

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_features_ops *mst_features_find(const char *name);
const mst_features_ops *mst_features_at(int i);

/** Create a map for rows of that shape.
 *  \return MST_OK, MST_ERR_INPUT (unknown kind, one that is joined to itself, or the spec does not
 *          fit the shape: says what to change), MST_ERR_MEMORY. Local. */
mst_status mst_features_create(const mst_features_spec *spec, const mst_row_shape *shape,
                               mst_features **out) MST_CHECKED;

/** The map's members, in the order of their features: "conv", "conv + scattering". The map's. */
const char *mst_features_name(const mst_features *f);

/** Whether two maps of rows of one shape differ in nothing but their parameters' numbers: the same
 *  members were told the same. Local. */
bool mst_features_alike(const mst_features *a, const mst_features *b);

/** Training rows that mst_features_fit wants, at most; which ones is the caller's choice, keyed
 *  by MST_PURPOSE_FEATURE_SAMPLE. Local. */
int64_t mst_features_sample_rows(const mst_features *f);

/** Fit on sample(m, row elements), m <= mst_features_sample_rows. Local: a team lets one rank
 *  fit and copies the parameters, so that no two CPUs can differ. */
mst_status mst_features_fit(mst_features *f, const float *sample, int64_t m) MST_CHECKED;

/** Add the fitted arrays to state (replicated; names "features/...", of joined members
 *  "features/KIND/..."). They are enough to apply the map: overwriting them makes a copy of another
 *  process's map. Local. */
mst_status mst_features_parameters(mst_features *f, mst_state *state) MST_CHECKED;

/** out(n, f->width) = the features of rows(n, row elements). Local. */
mst_status mst_features_apply(mst_features *f, const float *rows, int64_t n,
                              float *out) MST_CHECKED;

/** Bytes that one map holds while applying, scratch included. Local. */
int64_t mst_features_memory(const mst_features *f);

void mst_features_destroy(mst_features *f);

#endif
