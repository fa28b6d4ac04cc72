/* Analytic learning after the fact: clients leave a model's statistics or join them, and the model
 * is that of the others from the start. Nothing is computed of rows that stay. Equations:
 * doc/methods/unlearning.md. */
#ifndef MST_PARALLEL_ANALYTIC_UPDATE_H
#define MST_PARALLEL_ANALYTIC_UPDATE_H

#include "parallel/analytic.h"
#include "parallel/gram_sums.h"

/** Fill zero sums with the rows of data, with the sums' columns where these are known. The roster,
 * the plan and the errors as below. Collective on team. */
mst_status mst_analytic_sum(mst_team *team, const mst_analytic_data *data, mst_features *features,
                            const mst_analytic_plan *plan, const mst_analytic_options *options,
                            const mst_observer *observer, mst_gram_sums *part,
                            mst_gram_result *gram) MST_CHECKED;

/** Add the rows of data to kept sums, or (joins = false) take them out: the very numbers that the
 *  same rows, dealt in the same way, have added. The roster keeps clients apart (single). data's
 *  outputs are those of its dataset, as many as the sums have, or not: classes may be new.
 *  \param plan  for data's outputs.
 *  \return MST_OK; MST_ERR_INPUT (the sums have no room for rows that join); what mst_gram returns.
 *          Collective on team. */
mst_status mst_analytic_change(mst_team *team, const mst_analytic_data *data,
                               mst_features *features, const mst_analytic_plan *plan,
                               const mst_analytic_options *options, bool joins,
                               const mst_observer *observer, mst_gram_sums *sums,
                               mst_gram_result *gram) MST_CHECKED;

/** The model of kept sums, as mst_analytic_train makes it of sums that it keeps: with the same bits
 *  of the same numbers. Errors of the solution there. Collective on team. */
mst_status mst_analytic_refit(mst_team *team, const mst_gram_sums *sums,
                              const mst_analytic_options *options, const mst_observer *observer,
                              mst_analytic_model *model) MST_CHECKED;

#endif
