/* The keys of the analytic job, apart from what it does with them. */
#ifndef MST_JOBS_ANALYTIC_KEYS_H
#define MST_JOBS_ANALYTIC_KEYS_H

#include "jobs/job.h"

extern const mst_job_section mst_analytic_sections[];

#endif
