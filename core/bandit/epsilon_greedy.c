/* Epsilon-greedy: the arm of the largest estimated mean, or with probability epsilon any arm. */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  (void)known;
  choice->arm = mst_stream_uniform(stream) < s->epsilon
                    ? (int64_t)mst_stream_below(stream, (uint64_t)arms->n)
                    : mst_policy_largest(arms->n, arms->mean);
  return MST_OK;
}

static const mst_param params[] = {{.name = "epsilon",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_policy_spec, epsilon),
                                    .fallback = "0.1",
                                    .min = 0,
                                    .max = 1,
                                    .unit = "",
                                    .help = "share of the rounds in which any arm is played"},
                                   MST_POLICY_RIDGE,
                                   MST_POLICY_DISJOINT,
                                   {.name = NULL}};

const mst_policy_ops mst_policy_epsilon_greedy = {
    .name = "epsilon_greedy",
    .summary = "the largest estimated mean, or now and then any arm",
    .params = params,
    .choose = choose,
};
