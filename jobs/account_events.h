/* Lists of releases as JSON, for `muster account --events`. */
#ifndef MST_JOBS_ACCOUNT_EVENTS_H
#define MST_JOBS_ACCOUNT_EVENTS_H

#include "core/privacy/event.h"

/** The number of a mechanism, sampling or adjacency of that name ("fixed" is without_replacement).
 *  \return MST_OK, or MST_ERR_INPUT naming `what` and the choices. Local. */
mst_status mst_account_word(const char *what, const char *word, const char *(*name)(int i),
                            int *out) MST_CHECKED;

/** Events from JSON text: a list of objects {"mechanism": "gaussian", "noise": 1.1,
 *  "sensitivity": 1, "sampling": "poisson", "q": 0.01, "n": 60000, "batch": 600, "steps": 100,
 *  "truncate": 0, "entries": 1}; noise is required, the rest is as of mst_event, steps 1.
 *  \param name  how errors call the text
 *  \param event  (*n) out; free with mst_free
 *  \return MST_OK, MST_ERR_INPUT naming the line or the event and the key, MST_ERR_MEMORY. Local. */
mst_status mst_account_events(const char *text, const char *name, mst_event **event,
                              int64_t *n) MST_CHECKED;

#endif
