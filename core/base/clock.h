/* The clock of progress lines and of /timing. Nothing that a run computes may depend on it. */
#ifndef MST_CORE_BASE_CLOCK_H
#define MST_CORE_BASE_CLOCK_H

/** Seconds since some fixed moment; never runs backwards. Local. */
double mst_clock_seconds(void);

#endif
