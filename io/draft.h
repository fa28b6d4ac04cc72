/* An experiment before its schema is known: read once, asked for single keys. jobs/ finds here
 * which job and which members an experiment chooses, and composes the schema from that. All
 * functions are Local. */
#ifndef MST_IO_DRAFT_H
#define MST_IO_DRAFT_H

#include <stdbool.h>

#include "io/experiment.h"

typedef struct mst_draft mst_draft;

/** Read text (a file's contents, which errors call `name`) and overrides ("key.path=value", in
 *  order).
 *  \return MST_OK, MST_ERR_INPUT with the one-line error of the syntax, MST_ERR_MEMORY. */
mst_status mst_draft_read(const char *text, const char *name, const char *const *override,
                          int n_override, mst_draft **out) MST_CHECKED;
void mst_draft_free(mst_draft *d);

/** How errors call the file. */
const char *mst_draft_name(const mst_draft *d);

/** Whether something stands at a key; *overridden says if it came from an override. */
bool mst_draft_has(const mst_draft *d, const char *key, bool *overridden);

/** The word at spec's key (of type MST_KEY_WORD), checked as mst_experiment_parse checks it. Where
 *  nothing stands, the default, or NULL when there is none (also when the key is required).
 *  \param word  out: owned by d, or spec's own. \param overridden  out: as above.
 *  \return MST_OK, MST_ERR_INPUT with the one-line error, MST_ERR_MEMORY. */
mst_status mst_draft_word(const mst_draft *d, const mst_key_spec *spec, const char **word,
                          bool *overridden) MST_CHECKED;

/** The words of the list at spec's key (of type MST_KEY_WORDS), likewise: word[0 .. *n), owned by d, of
 *  which there may be `most`. Where nothing stands there are none.
 *  \return as above; MST_ERR_INPUT for more than `most`. */
mst_status mst_draft_words(const mst_draft *d, const mst_key_spec *spec, int most,
                           const char **word, int *n, bool *overridden) MST_CHECKED;

/** Refuse what stands at a key: MST_ERR_INPUT, "file:line: key: found X, " and the message. */
mst_status mst_draft_refuse(const mst_draft *d, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
