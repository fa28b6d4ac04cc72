/* Which of a run's headline figures says how good it is, and which of its values is the worse. All
 * functions are Local. */
#ifndef MST_JOBS_WORST_H
#define MST_JOBS_WORST_H

#include <stdbool.h>

/** The better of two names to judge runs by: accuracy before loss before anything else, and of
 *  equals a; either may be NULL. */
const char *mst_worst_figure(const char *a, const char *b);

/** Is the value a of that figure worse than b? The lower one, or the higher one of losses, costs
 * and the like; what is not finite is worse than what is. */
bool mst_worst_is_worse(const char *figure, double a, double b);

#endif
