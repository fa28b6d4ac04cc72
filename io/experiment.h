/* Experiment files: YAML, checked against a schema before any work.
 *
 * A schema is a flat table of dotted keys with type, range, allowed words, default, unit and one
 * line of help; jobs/ composes it for each job, so a key that means nothing to the job is an
 * error. An error is one line: file, line, key, what was found, what is allowed, and for an
 * unknown key the nearest valid one. Parsing needs no MPI: rank 0 reads the text, the team
 * shares it.
 *
 * Values follow the YAML 1.2 core schema: booleans are true and false (yes, no, on and off are
 * words); integers are decimal and may have an exponent when the value is whole (1e5); reals are
 * finite. Anchors, aliases, tags and several documents are refused. An override replaces a value
 * with the text after "=", read as YAML: key=3, key=[200, 200], section={a: 1, b: 2}. */
#ifndef MST_IO_EXPERIMENT_H
#define MST_IO_EXPERIMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/status.h"

typedef enum mst_key_type {
  MST_KEY_WORD,    /* a string from `allowed` (NULL = any) */
  MST_KEY_PATH,    /* a file name, relative to the folder of the experiment file */
  MST_KEY_INT,     /* integer in [min, max]               */
  MST_KEY_REAL,    /* finite number in [min, max]         */
  MST_KEY_BOOL,
  MST_KEY_WORDS,   /* list of words from `allowed`        */
  MST_KEY_INTS,    /* list of integers in [min, max]      */
  MST_KEY_REALS    /* list of numbers in [min, max]       */
} mst_key_type;

typedef struct mst_key_spec {
  const char *key;       /* "clients.alpha"                                              */
  mst_key_type type;
  const char *fallback;  /* default as YAML text; NULL = none: absent means unset;
                            MST_KEY_REQUIRED = must be given                              */
  double min, max;       /* inclusive; INFINITY, or both 0, where there is no bound; see open_min */
  bool open_min;         /* min itself is not allowed                                     */
  const char *allowed;   /* words separated by '|', or NULL                               */
  const char *unit;      /* "rows", "seconds", ... or ""                                  */
  const char *help;      /* one line                                                      */
} mst_key_spec;

extern const char mst_key_required[]; /* known by its address */
#define MST_KEY_REQUIRED mst_key_required

#define MST_EXPERIMENT_BYTES (1 << 20) /* the largest experiment file that is read */

/* A key is a name or a section, never both; tables must outlive the experiments read by them. */
typedef struct mst_schema {
  const mst_key_spec **table; /* several tables, each ended by an entry with key = NULL */
  int n;
  const char **passed_over; /* keys that the file may hold but that are not read: an override chose
                               another member of their family; not for overrides            */
  int n_passed_over;
} mst_schema;

typedef struct mst_experiment mst_experiment;

/** Parse text (file contents), apply overrides ("key.path=value", in order), check against the
 *  schema, fill in defaults. `name` is how errors call the file.
 *  \return MST_OK, MST_ERR_INPUT with the one-line error, MST_ERR_MEMORY. Local. */
mst_status mst_experiment_parse(const char *text, const char *name, const char *const *override,
                                int n_override, const mst_schema *schema,
                                mst_experiment **out) MST_CHECKED;

/** Read a text file on rank 0 and give it to all. *text is freed with mst_free. Collective
 *  on team; rank 0's path counts.
 *  \return MST_OK, MST_ERR_INPUT or MST_ERR_IO naming the file, MST_ERR_MEMORY or MST_ERR_COMM. */
mst_status mst_experiment_read(mst_team *team, const char *path, char **text) MST_CHECKED;

/** Free an experiment and all text that it owns; NULL is allowed. Local. */
void mst_experiment_free(mst_experiment *e);

/** Getters: the key must be in the schema (else it is a programming error, asserted).
 *  An unset key (no default) gives is_set false, "", 0 or false. Words are owned by e. Local. */
bool mst_experiment_is_set(const mst_experiment *e, const char *key);
/** The same, but for a default: whether the file or the command line says it. */
bool mst_experiment_is_said(const mst_experiment *e, const char *key);
/** Whether they say another value than the default. A resolved experiment has every default written
 *  out, and must mean what it was resolved from. */
bool mst_experiment_is_changed(const mst_experiment *e, const char *key);
/** Whether the key is in the schema at all: those of a section that an experiment may leave out are
 *  not where it does. */
bool mst_experiment_knows(const mst_experiment *e, const char *key);
const char *mst_experiment_word(const mst_experiment *e, const char *key);
/** The file name of a MST_KEY_PATH, ready to be opened: relative to the folder of the experiment
 *  file when it was written there (or is a default), relative to the working directory when it
 *  came from an override; an absolute name stays. mst_experiment_word gives it as written.
 *  Owned by e. Local. */
const char *mst_experiment_path(const mst_experiment *e, const char *key);
/** A number or a truth; for a list its length and its i-th entry, 0 <= i < length. Local. */
int64_t mst_experiment_int(const mst_experiment *e, const char *key);
double mst_experiment_real(const mst_experiment *e, const char *key);
bool mst_experiment_bool(const mst_experiment *e, const char *key);
int mst_experiment_count(const mst_experiment *e, const char *key);
const char *mst_experiment_word_at(const mst_experiment *e, const char *key, int i);
int64_t mst_experiment_int_at(const mst_experiment *e, const char *key, int i);
double mst_experiment_real_at(const mst_experiment *e, const char *key, int i);

/** Refuse a value after parsing, with the same one-line quality: file, line, key, what was
 *  found, then the message. For checks that the schema cannot say. Local. */
mst_status mst_experiment_refuse(const mst_experiment *e, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The resolved experiment as YAML: every key with its value, defaults included, sections in
 *  schema order. Parsing it again gives the same experiment. Owned by e. Local. */
const char *mst_experiment_text(const mst_experiment *e);

/** A table of the schema's keys (key, type and range, default, unit, help) for help texts and
 *  man pages; `head` puts the columns' names above. *text is freed with mst_free. Local. */
mst_status mst_schema_describe(const mst_schema *schema, bool head, char **text) MST_CHECKED;

#endif
