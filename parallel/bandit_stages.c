/* Which stage is at work between agents and the sum, and what is refused. */
#include "parallel/bandit_stages.h"

#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/attack.h"
#include "parallel/clip.h"

static bool has_rule(const mst_bandit_options *o) {
  const mst_bandit_aggregate *a = &o->aggregate;
  return a->mixers > 0 || (a->rule.name != NULL && strcmp(a->rule.name, "mean") != 0);
}

/* Online protocols have noise of their own (bandit_tree.c), which is no stage. */
static bool has_tree(const mst_bandit_options *o) {
  return o->privacy != NULL && mst_protocol_find(o->protocol.kind)->online != NULL;
}

mst_bandit_stage mst_bandit_stage_of(const mst_bandit_options *o) {
  if (o->privacy != NULL && !has_tree(o)) return MST_BANDIT_PRIVATE;
  if (o->secure.kind != MST_MASK_NONE) return MST_BANDIT_SECURE;
  return has_rule(o) || o->attack.name != NULL ? MST_BANDIT_ROBUST : MST_BANDIT_PLAIN;
}

/* What is asked for, for a sentence; NULL: nothing. */
static const char *name_asked(const mst_bandit_options *o) {
  if (o->privacy != NULL && !has_tree(o)) return "privacy";
  if (o->secure.kind != MST_MASK_NONE) return "secure";
  if (has_rule(o)) return "aggregate";
  return o->attack.name != NULL ? "attack" : NULL;
}

static mst_status check_protocol(const mst_bandit_options *o, const char *asked) {
  const mst_protocol_ops *p = mst_protocol_find(o->protocol.kind);
  if (p->phased == NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s exchanges statistics that grow as it goes, and section %s "
                    "is for sums of vectors over batches: choose disbe_lucb",
                    p->name, asked);
  if (p->phased->neighbours)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s has no server, and what neighbours tell each other is not "
                    "covered by section %s: choose disbe_lucb",
                    p->name, asked);
  if (!p->phased->sums_rewards)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s has agents tell different things, and section %s is for "
                    "vectors of one law: choose disbe_lucb",
                    p->name, asked);
  return MST_OK;
}

/* The reasons of a pipeline with these stages. */
static mst_status check_pipeline(const mst_bandit_options *o) {
  mst_pipeline p = mst_pipeline_sum();
  const mst_rule_ops *rule = has_rule(o) ? mst_rule_find(o->aggregate.rule.name) : NULL;
  const bool looks = o->aggregate.mixers > 0 || (rule != NULL && rule->weigh != NULL);
  const mst_stage clip = mst_clip_stage(&o->secure.bound);
  const mst_stage stage = {.name = rule != NULL ? rule->name : "",
                           .slot = MST_SLOT_AGGREGATE,
                           .traits = MST_TRAIT_SINGLE | (looks ? MST_TRAIT_DISTANCES : 0)};
  if (rule != NULL) {
    p.slot[MST_SLOT_AGGREGATE] = NULL;
    MST_TRY(mst_pipeline_put(&p, &stage));
  }
  if (o->secure.kind != MST_MASK_NONE) {
    MST_TRY(mst_pipeline_put(&p, &clip));
    MST_TRY(mst_pipeline_put(&p, &mst_stage_mask));
  }
  return mst_pipeline_check(&p);
}

static mst_status check_secure(const mst_bandit_options *o) {
  if (o->secure.kind == MST_MASK_NONE) return MST_OK;
  MST_TRY(mst_mask_check(&o->secure));
  if (o->attack.name != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s: attacks are played on the vectors of single agents, and "
                    "masks hide these: leave out one of them",
                    o->attack.name);
  if (o->privacy != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "the noise of section privacy is added to the sum, and behind masks a sum is "
                    "read as it comes out: leave out one of secure and privacy");
  if (o->agents < 2)
    return mst_fail(MST_ERR_INPUT,
                    "agents.count is 1: the sum is its vector, and masks hide nothing");
  return MST_OK;
}

mst_status mst_bandit_stages_check(const mst_bandit_options *o) {
  const char *asked = name_asked(o);
  if (asked == NULL) return MST_OK;
  MST_TRY(check_protocol(o, asked));
  MST_TRY(mst_bandit_robust_check(o));
  MST_TRY(check_pipeline(o));
  MST_TRY(check_secure(o));
  if (mst_bandit_stage_of(o) != MST_BANDIT_ROBUST && o->protocol.bits < 64)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.bits: with section %s sums are of whole numbers of a public grid of "
                    "their own: leave it out",
                    asked);
  return mst_bandit_private_check(o);
}

mst_status mst_bandit_stages_create(mst_bandit *f) {
  switch (mst_bandit_stage_of(&f->options)) {
    case MST_BANDIT_ROBUST: return mst_bandit_robust_create(f);
    case MST_BANDIT_SECURE: return mst_bandit_secure_create(f);
    case MST_BANDIT_PRIVATE: return mst_bandit_private_create(f);
    case MST_BANDIT_PLAIN: break;
  }
  return MST_OK;
}

void mst_bandit_stages_destroy(mst_bandit *f) {
  mst_bandit_robust_destroy(f);
  mst_bandit_secure_destroy(f);
  mst_bandit_private_destroy(f);
}

double mst_bandit_stages_bytes(const mst_bandit_options *o, double tracks) {
  const int64_t d = o->environment.dimension;
  const double n = (double)d, agents = (double)o->agents, points = agents + 3; /* of a rule */
  const double replicates = tracks >= agents ? tracks / agents : (double)o->seeds;
  switch (mst_bandit_stage_of(o)) {
    case MST_BANDIT_ROBUST:
      return tracks * (16 + (o->attack.name != NULL ? 4 * n : 0)) +
             (o->attack.name != NULL ? (double)mst_attackers_bytes(&o->attack, d) : 0) +
             (has_rule(o) ? 32 * points * points : 0);
    case MST_BANDIT_SECURE:
      return 8 * agents + 16 * n + replicates * (double)mst_mask_bytes(&o->secure, o->agents);
    case MST_BANDIT_PRIVATE: return o->privacy->hardened ? 8 * tracks * n : 0;
    case MST_BANDIT_PLAIN: break;
  }
  return 0;
}
