/* Families of interchangeable parts, as experiments see them: a section of keys with a selector
 * (features.kind), parameters that all members share, and the chosen member's own. Names, ranges
 * and defaults come from the members' tables in core (core/base/param.h), so that a new member
 * needs no line here. All functions are Local. */
#ifndef MST_JOBS_FAMILY_H
#define MST_JOBS_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/bandit/environment.h"
#include "core/bandit/policy.h"
#include "core/bandit/protocol.h"
#include "core/base/param.h"
#include "core/coding/coding.h"
#include "core/compress/compress.h"
#include "core/decentralised/mixing.h"
#include "core/features/features.h"
#include "core/federated/method.h"
#include "core/identify/identify.h"
#include "core/local/local.h"
#include "core/model/model.h"
#include "core/ope/ope.h"
#include "core/optim/optim.h"
#include "core/optim/schedule.h"
#include "core/partition/partition.h"
#include "core/privacy/accountant.h"
#include "core/privacy/correlation.h"
#include "core/privacy/estimator.h"
#include "core/privacy/sampler.h"
#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "core/sketch/sketch.h"
#include "core/topology/topology.h"
#include "core/tuning/tuner.h"
#include "io/experiment.h"

typedef struct mst_member {
  const char *name, *summary;
  const mst_param *params; /* its own parameters; NULL = none */
} mst_member;

typedef struct mst_family {
  const char *name;     /* for `muster list`: "features"                                        */
  const char *summary;  /* one line there                                                       */
  const char *section;  /* "features"                                                           */
  const char *key;      /* of the selector below the section: "kind"                            */
  const char *help;     /* of the selector, one line                                            */
  const char *fallback; /* the member that is taken by default; NULL = one must be chosen, or of
                           a list none need be                                              */
  bool list; /* the selector is a list of members, which have no keys in common with one another */
  const mst_param *shared; /* parameters of every member; NULL = none                          */
  size_t chosen;           /* offset in the spec of the member's name, a const char *          */
  const char *more;      /* key of a list of members that are taken beside the chosen one; NULL: no
                            such list. A key that several of them have holds for them all          */
  const char *more_help; /* of it, one line                                                       */
  bool (*at)(int i, mst_member *out); /* the i-th member; false past the end                   */
} mst_family;

/* subject_at, as `at` above, over a registry of core, whose types alone differ: mst_SUBJECT_at
 * gives a mst_SUBJECT_ops. */
#define MST_FAMILY_MEMBERS(subject)                                     \
  static bool subject##_at(int i, mst_member *out) {                    \
    const mst_##subject##_ops *o = mst_##subject##_at(i);               \
    if (o != NULL) *out = (mst_member){o->name, o->summary, o->params}; \
    return o != NULL;                                                   \
  }

/* The same behind a member that is in no registry. */
#define MST_FAMILY_MEMBERS_AFTER(subject, first, says)                   \
  static bool subject##_at(int i, mst_member *out) {                     \
    const mst_##subject##_ops *o = mst_##subject##_at(i - 1);            \
    if (i == 0) *out = (mst_member){.name = (first), .summary = (says)}; \
    if (o != NULL) *out = (mst_member){o->name, o->summary, o->params};  \
    return i == 0 || o != NULL;                                          \
  }

#define MST_FAMILY_LIST 8 /* most members that can be chosen of a list */

/** The i-th family, or NULL past the end. */
const mst_family *mst_family_at(int i);

extern const mst_family mst_family_features;
extern const mst_family mst_family_partitions;
extern const mst_family mst_family_models;
extern const mst_family mst_family_optimizers;
extern const mst_family mst_family_schedules;
extern const mst_family mst_family_methods;
extern const mst_family mst_family_compressors;
extern const mst_family mst_family_rules;
extern const mst_family mst_family_mixers;
extern const mst_family mst_family_attacks;
extern const mst_family mst_family_topologies;
extern const mst_family mst_family_mixings;
extern const mst_family mst_family_codings;
extern const mst_family mst_family_environments;
extern const mst_family mst_family_policies;
extern const mst_family mst_family_protocols;
extern const mst_family mst_family_private_methods;
extern const mst_family mst_family_samplers;
extern const mst_family mst_family_correlations;
extern const mst_family mst_family_accountants;
extern const mst_family mst_family_local_methods;
extern const mst_family mst_family_instances;
extern const mst_family mst_family_identifiers;
extern const mst_family mst_family_tuners;
extern const mst_family mst_family_evaluators;
extern const mst_family mst_family_sketches;

#define MST_FAMILY_KEY 128 /* bytes of a key: section.name */

/** "section.name" of a key of the family. Returns to. */
const char *mst_family_key(const mst_family *f, const char *name, char to[MST_FAMILY_KEY]);

/** The member of that name; false when there is none. */
bool mst_family_find(const mst_family *f, const char *name, mst_member *out);

/** Keys for an experiment's schema, a table ended by an entry without key; one block, to be freed
 *  with mst_free. keys: the selector and the shared parameters. member_keys: those of one member,
 *  empty when it has none. */
mst_status mst_family_keys(const mst_family *f, mst_key_spec **out) MST_CHECKED;
mst_status mst_family_member_keys(const mst_family *f, const mst_param *params,
                                  mst_key_spec **out) MST_CHECKED;

/** Fill the family's spec with the chosen member's name, the shared parameters and the member's
 *  own; other fields stay as they are. Words point into the experiment, whose schema must have the
 *  family's keys. MST_ERR_INPUT when a list is too long. */
mst_status mst_family_read(const mst_family *f, const mst_experiment *e, void *spec) MST_CHECKED;
/** The same of the i-th chosen member of a list. */
mst_status mst_family_read_at(const mst_family *f, const mst_experiment *e, int i,
                              void *spec) MST_CHECKED;

/** The same of the i-th member that is taken beside the chosen one (f->more): its own name and
 *  parameters. */
mst_status mst_family_read_more(const mst_family *f, const mst_experiment *e, int i,
                                void *spec) MST_CHECKED;

/** What the sections `features` and `clients` say, with the experiment's seed. */
mst_status mst_job_features(const mst_experiment *e, mst_features_spec *out) MST_CHECKED;
mst_status mst_job_partition(const mst_experiment *e, mst_partition_spec *out) MST_CHECKED;

#endif
