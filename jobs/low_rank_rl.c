/* The low_rank_rl job: many users in one world learn to act well with few trajectories each, since
 * their rewards are of low rank (doc/methods/low_rank_rl.md). No data are read. */
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "parallel/low_rank_rl.h"

static const mst_key_spec keys_low_rank[] = {
    {.key = "world.states",
     .type = MST_KEY_INT,
     .fallback = "12",
     .min = 1,
     .max = 256,
     .unit = "states",
     .help = "of the world"},
    {.key = "world.actions",
     .type = MST_KEY_INT,
     .fallback = "4",
     .min = 1,
     .max = 256,
     .unit = "actions",
     .help = "in every state"},
    {.key = "world.horizon",
     .type = MST_KEY_INT,
     .fallback = "4",
     .min = 1,
     .max = 64,
     .unit = "stages",
     .help = "of a trajectory"},
    {.key = "world.rank",
     .type = MST_KEY_INT,
     .fallback = "3",
     .min = 0,
     .max = 64,
     .unit = "",
     .help = "of the users' rewards at a stage; 0: full, every reward on its own"},
    {.key = "world.noise",
     .type = MST_KEY_REAL,
     .fallback = "0.3",
     .min = 0,
     .max = 1000000.0,
     .unit = "",
     .help = "standard deviation of an observed reward"},
    {.key = "world.concentration",
     .type = MST_KEY_REAL,
     .fallback = "0.3",
     .min = 0.001,
     .max = 1000000.0,
     .unit = "",
     .help = "of the transitions (Dirichlet): the smaller, the harder to reach"},
    {.key = "users",
     .type = MST_KEY_INT,
     .fallback = "100",
     .min = 1,
     .max = 4000000.0,
     .unit = "users",
     .help = "N, who share the world's transitions"},
    {.key = "collect.explore",
     .type = MST_KEY_INT,
     .fallback = "5",
     .min = 0,
     .max = 1000000000.0,
     .unit = "trajectories",
     .help = "of a user with any actions, before it is known what is hard to reach"},
    {.key = "collect.rounds",
     .type = MST_KEY_INT,
     .fallback = "20",
     .min = 1,
     .max = 1000000.0,
     .unit = "rounds",
     .help = "afterwards; plans are made and measured after each"},
    {.key = "collect.batch",
     .type = MST_KEY_INT,
     .fallback = "5",
     .min = 1,
     .max = 1000000000.0,
     .unit = "trajectories",
     .help = "of a user in a round"},
    {.key = "completion.rank",
     .type = MST_KEY_INT,
     .fallback = "3",
     .min = 1,
     .max = 64,
     .unit = "",
     .help = "that the rewards are taken to have"},
    {.key = "completion.sweeps",
     .type = MST_KEY_INT,
     .fallback = "10",
     .min = 1,
     .max = 1000000.0,
     .unit = "sweeps",
     .help = "of alternating least squares after a round"},
    {.key = "completion.ridge",
     .type = MST_KEY_REAL,
     .fallback = "0.1",
     .min = 1e-09,
     .max = 1000000000.0,
     .unit = "",
     .help = "of its regressions"},
    {.key = "target",
     .type = MST_KEY_REAL,
     .fallback = "0.05",
     .min = 0,
     .max = 1,
     .unit = "",
     .help = "share of the best value: trajectories are counted until the gap is no more"},
    {.key = "output.checkpoint.every_rounds",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .unit = "rounds",
     .help = "save the state every so many rounds, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = keys_low_rank}, {.keys = NULL}};

static mst_status read_settings(const mst_experiment *e, mst_low_rank_rl_options *o) {
  *o = (mst_low_rank_rl_options){
      .world = {.seed = mst_job_seed(e),
                .states = mst_experiment_int(e, "world.states"),
                .actions = mst_experiment_int(e, "world.actions"),
                .horizon = mst_experiment_int(e, "world.horizon"),
                .rank = mst_experiment_int(e, "world.rank"),
                .noise = mst_experiment_real(e, "world.noise"),
                .concentration = mst_experiment_real(e, "world.concentration")},
      .users = mst_experiment_int(e, "users"),
      .explore = mst_experiment_int(e, "collect.explore"),
      .rounds = mst_experiment_int(e, "collect.rounds"),
      .batch = mst_experiment_int(e, "collect.batch"),
      .rank = mst_experiment_int(e, "completion.rank"),
      .sweeps = mst_experiment_int(e, "completion.sweeps"),
      .ridge = mst_experiment_real(e, "completion.ridge"),
      .target = mst_experiment_real(e, "target"),
      .checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_rounds")};
  return mst_low_rank_rl_check(o);
}

static mst_status write_estimate(mst_job_context *c, const mst_low_rank_rl_options *o) {
  const mst_job_count figure[] = {{"rank_bytes", mst_low_rank_rl_plan(mst_job_ranks(c), o)},
                                  {"users", o->users},
                                  {"trajectories_per_user", o->explore + o->rounds * o->batch},
                                  {NULL, 0}};
  return mst_job_estimate(c, figure);
}

/* Local. */
static mst_status list_figures(mst_job_context *c, const mst_low_rank_rl_options *o,
                               const mst_low_rank_rl_totals *t) {
  c->rounds = o->rounds;
  MST_TRY(mst_job_result(c, "gap", t->gap, false));
  MST_TRY(mst_job_result(c, "gap_alone", t->gap_alone, false));
  MST_TRY(mst_job_result(c, "error", t->error, false));
  MST_TRY(mst_job_result(c, "error_alone", t->error_alone, false));
  const mst_job_count figure[] = {{"trajectories_per_user", t->trajectories},
                                  {"to_target", t->reached},
                                  {"to_target_alone", t->reached_alone},
                                  {"users", o->users},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status run_low_rank(mst_job_context *c) {
  mst_low_rank_rl_options o;
  mst_low_rank_rl_totals t;
  MST_TRY(mst_team_agree(c->team, read_settings(c->experiment, &o)));
  if (c->dry_run) return mst_team_agree(c->team, write_estimate(c, &o));
  MST_TRY(mst_job_fits(c->experiment, mst_low_rank_rl_plan(mst_job_ranks(c), &o)));
  MST_TRY(mst_low_rank_rl(c->team, &o, c->observer, &t));
  return mst_team_agree(c->team, list_figures(c, &o, &t));
}

const mst_job_ops mst_job_low_rank_rl = {
    .name = "low_rank_rl",
    .summary = "many users plan in one world, whose rewards are of low rank",
    .sections = sections,
    .run = run_low_rank};
