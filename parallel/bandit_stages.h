/* Stages between what the agents of a phased bandit gathered in a batch and the sum that comes
 * down: attackers and a robust rule, masks, noise for privacy. At most one of the three kinds is at
 * work, and each gives the total of one replicate. The options are checked together, with a
 * pipeline's reasons (parallel/pipeline.h). Not installed. */
#ifndef MST_PARALLEL_BANDIT_STAGES_H
#define MST_PARALLEL_BANDIT_STAGES_H

#include "parallel/bandit_internal.h"

typedef enum mst_bandit_stage {
  MST_BANDIT_PLAIN, /* the exact sum of what agents say */
  MST_BANDIT_ROBUST,
  MST_BANDIT_SECURE,
  MST_BANDIT_PRIVATE
} mst_bandit_stage;

/** What the options ask for. Local. */
mst_bandit_stage mst_bandit_stage_of(const mst_bandit_options *o);

/** Refuse what does not go together. o->protocol was checked. Local. */
mst_status mst_bandit_stages_check(const mst_bandit_options *o) MST_CHECKED;

/** Set up what the stage needs. Collective over f->sums. */
mst_status mst_bandit_stages_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_stages_destroy(mst_bandit *f);
/** Bytes of a rank with so many agents that the stage will take. Local. */
double mst_bandit_stages_bytes(const mst_bandit_options *o, double tracks);

/** Robust: f->total = N times what the rule makes of what the agents of replicate k gathered, the
 *  attackers' replaced. last(message_n): the total before, or NULL. Collective over f->sums. */
mst_status mst_bandit_robust_check(const mst_bandit_options *o) MST_CHECKED;
mst_status mst_bandit_robust_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_robust_destroy(mst_bandit *f);
mst_status mst_bandit_robust_total(mst_bandit *f, int64_t k, const double *last) MST_CHECKED;

/** Secure: f->total = the sum of what agents gathered, shortened to the bound times the batch's
 *  rounds and rounded to a public grid; of those who sent, times N over their number. Collective
 *  over f->sums. */
mst_status mst_bandit_secure_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_secure_destroy(mst_bandit *f);
mst_status mst_bandit_secure_total(mst_bandit *f, int64_t k) MST_CHECKED;
/** Whether an agent of replicate k was there to send in the batch that was totalled last. Local. */
bool mst_bandit_secure_sent(const mst_bandit *f, int64_t k, int64_t agent);

/** Private: contributions of single interactions are shortened before they are added; f->total is
 *  their sum and noise. Local; collective over f->sums. */
mst_status mst_bandit_private_check(const mst_bandit_options *o) MST_CHECKED;
mst_status mst_bandit_private_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_private_destroy(mst_bandit *f);
mst_status mst_bandit_private_gather(mst_bandit *f, int64_t i, const double *message) MST_CHECKED;
mst_status mst_bandit_private_total(mst_bandit *f, int64_t k) MST_CHECKED;
mst_status mst_bandit_private_state(mst_bandit *f, mst_state *s) MST_CHECKED;
/** Refuse a state that has made releases which were not charged. Local. */
mst_status mst_bandit_private_begin(const mst_bandit *f) MST_CHECKED;
/** Charge the batches that end by round `to`, before they are played. Collective over f->team. */
mst_status mst_bandit_private_charge(mst_bandit *f, int64_t to) MST_CHECKED;

#endif
