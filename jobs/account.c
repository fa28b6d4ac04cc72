/* `muster account`: what releases cost in privacy, and the noise or the number of steps that a
 * budget allows. No data and no run are needed; a list of unlike releases comes from a file. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/privacy/calibrate.h"
#include "io/experiment.h"
#include "jobs/account_events.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"

enum {
  OPTION_HELP,
  OPTION_MECHANISM,
  OPTION_SAMPLING,
  OPTION_Q,
  OPTION_N,
  OPTION_BATCH,
  OPTION_SIGMA,
  OPTION_SENSITIVITY,
  OPTION_STEPS,
  OPTION_DELTA,
  OPTION_EPSILON,
  OPTION_ACCOUNTANT,
  OPTION_ACCURACY,
  OPTION_CALIBRATE,
  OPTION_GROUP,
  OPTION_ADJACENCY,
  OPTION_EVENTS
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_MECHANISM] = {"mechanism", 0, "NAME"},
                                     [OPTION_SAMPLING] = {"sampling", 0, "KIND"},
                                     [OPTION_Q] = {"q", 'q', "Q"},
                                     [OPTION_N] = {"n", 'n', "N"},
                                     [OPTION_BATCH] = {"batch", 'b', "M"},
                                     [OPTION_SIGMA] = {"sigma", 0, "SIGMA"},
                                     [OPTION_SENSITIVITY] = {"sensitivity", 0, "S"},
                                     [OPTION_STEPS] = {"steps", 0, "T"},
                                     [OPTION_DELTA] = {"delta", 0, "DELTA"},
                                     [OPTION_EPSILON] = {"epsilon", 0, "EPSILON"},
                                     [OPTION_ACCOUNTANT] = {"accountant", 0, "NAME"},
                                     [OPTION_ACCURACY] = {"accuracy", 0, "WIDTH"},
                                     [OPTION_CALIBRATE] = {"calibrate", 0, "epsilon=EPSILON"},
                                     [OPTION_GROUP] = {"group", 0, "K"},
                                     [OPTION_ADJACENCY] = {"adjacency", 0, "KIND"},
                                     [OPTION_EVENTS] = {"events", 0, "FILE.json"},
                                     {NULL, 0, NULL}};

typedef struct account {
  mst_team *team;
  mst_account_spec spec;
  mst_event one; /* from the options */
  bool has_sampling;
  int64_t steps;                 /* 0 = not given */
  double delta, epsilon, target; /* 0 = not given; target: of --calibrate */
  int64_t group;
  mst_adjacency adjacency;
  const char *file;

  mst_event *listed; /* owned */
  mst_events events;
  double factor; /* of the noise, that calibration found; 0 = did not look for it */
  mst_spent spent;
} account;

static mst_status take_calibrate(account *a, const char *value) {
  static const char key[] = "epsilon=";
  if (strncmp(value, key, sizeof key - 1) != 0)
    return mst_fail(MST_ERR_INPUT, "option --calibrate: '%s' is not epsilon=EPSILON", value);
  MST_TRY(mst_argument_real("calibrate", value + sizeof key - 1, &a->target));
  return a->target > 0 ? MST_OK
                       : mst_fail(MST_ERR_INPUT, "option --calibrate: epsilon must be more than 0");
}

static mst_status take_word(account *a, int index, const char *value) {
  int number = 0;
  if (index == OPTION_MECHANISM) {
    MST_TRY(mst_account_word("option --mechanism:", value, mst_mechanism_name, &number));
    a->one.mechanism = (mst_mechanism)number;
  } else if (index == OPTION_SAMPLING) {
    MST_TRY(mst_account_word("option --sampling:", value, mst_sampling_name, &number));
    a->one.sampling = (mst_sampling)number;
    a->has_sampling = true;
  } else {
    MST_TRY(mst_account_word("option --adjacency:", value, mst_adjacency_name, &number));
    a->adjacency = (mst_adjacency)number;
  }
  return MST_OK;
}

static mst_status take_positive(const char *name, const char *value, double *out) {
  MST_TRY(mst_argument_real(name, value, out));
  return *out > 0 ? MST_OK
                  : mst_fail(MST_ERR_INPUT, "option --%s: %s; allowed is more than 0", name, value);
}

static mst_status take_option(account *a, int index, const char *value) {
  switch (index) {
    case OPTION_MECHANISM:
    case OPTION_SAMPLING:
    case OPTION_ADJACENCY: return take_word(a, index, value);
    case OPTION_Q: return take_positive("q", value, &a->one.q);
    case OPTION_N: return mst_argument_int("n", value, 1, INT64_MAX, &a->one.n);
    case OPTION_BATCH: return mst_argument_int("batch", value, 1, INT64_MAX, &a->one.m);
    case OPTION_SIGMA: return take_positive("sigma", value, &a->one.noise);
    case OPTION_SENSITIVITY: return take_positive("sensitivity", value, &a->one.sensitivity);
    case OPTION_STEPS:
      return mst_argument_int("steps", value, 1, INT64_C(1000000000000), &a->steps);
    case OPTION_DELTA: return take_positive("delta", value, &a->delta);
    case OPTION_EPSILON: return take_positive("epsilon", value, &a->epsilon);
    case OPTION_ACCOUNTANT: a->spec.name = value; break;
    case OPTION_ACCURACY: return take_positive("accuracy", value, &a->spec.accuracy);
    case OPTION_CALIBRATE: return take_calibrate(a, value);
    case OPTION_GROUP: return mst_argument_int("group", value, 1, 1000000, &a->group);
    case OPTION_EVENTS: a->file = value; break;
    default: break;
  }
  return MST_OK;
}

static mst_status read_arguments(account *a, int argc, char **argv) {
  mst_arguments arguments = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&arguments, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) return MST_OK;
    if (kind == MST_ARGUMENT_OPERAND)
      return mst_fail(MST_ERR_INPUT, "muster account takes options alone, not '%s'", value);
    MST_TRY(take_option(a, index, value));
  }
}

/* What the options leave open. */
static mst_status complete_one(account *a) {
  if (!a->has_sampling && a->one.q > 0) a->one.sampling = MST_SAMPLING_POISSON;
  if (a->one.sampling == MST_SAMPLING_NONE && (a->one.q > 0 || a->one.m > 0))
    return mst_fail(MST_ERR_INPUT,
                    "--q and --batch are of samples; say how they are drawn: --sampling poisson or "
                    "fixed. Shuffled batches are neither");
  if (a->one.sampling == MST_SAMPLING_POISSON && a->one.q == 0 && a->one.n > 0 && a->one.m > 0)
    a->one.q = (double)a->one.m / (double)a->one.n;
  if (a->one.sampling == MST_SAMPLING_POISSON && a->one.q == 0)
    return mst_fail(MST_ERR_INPUT, "--sampling poisson needs --q Q, or --n N and --batch M");
  if (a->one.sampling == MST_SAMPLING_WITHOUT_REPLACEMENT && (a->one.n == 0 || a->one.m == 0))
    return mst_fail(MST_ERR_INPUT, "--sampling fixed needs --n N and --batch M");
  if (a->one.noise == 0 && a->target == 0)
    return mst_fail(MST_ERR_INPUT,
                    "muster account needs the noise, --sigma SIGMA, or a budget to find it for, "
                    "--calibrate epsilon=EPSILON (see muster account --help)");
  if (a->steps == 0 && a->target == 0) a->steps = 1;
  if (a->steps == 0 && a->one.noise == 0)
    return mst_fail(MST_ERR_INPUT,
                    "--calibrate finds the noise of --steps T, or the steps of --sigma SIGMA; one "
                    "of the two must be given");
  if (a->steps > 0 && a->one.noise > 0 && a->target > 0)
    return mst_fail(MST_ERR_INPUT,
                    "--calibrate with both --sigma and --steps leaves nothing to find");
  a->one.count = a->steps > 0 ? a->steps : 1;
  a->events = (mst_events){&a->one, 1, a->adjacency, a->group};
  return MST_OK;
}

static mst_status complete(account *a) {
  if (a->epsilon > 0 && a->target > 0)
    return mst_fail(MST_ERR_INPUT, "--epsilon asks for delta, --calibrate for noise: give one");
  if (a->delta == 0 && a->epsilon == 0)
    return mst_fail(
        MST_ERR_INPUT,
        "muster account needs --delta DELTA (epsilon is asked for), or --epsilon EPSILON "
        "(delta is), as in 'muster account --q 0.01 --sigma 1.1 --steps 1000 --delta "
        "1e-5'");
  if (a->delta > 0 && a->epsilon > 0)
    return mst_fail(MST_ERR_INPUT, "--delta asks for epsilon, --epsilon for delta: give one");
  if (a->file == NULL) return complete_one(a);
  char *text = NULL;
  mst_status st = mst_experiment_read(a->team, a->file, &text);
  if (st == MST_OK) st = mst_account_events(text, a->file, &a->listed, &a->events.n);
  mst_free(text);
  a->events.event = a->listed;
  a->events.adjacency = a->adjacency;
  a->events.group = a->group;
  return st;
}

static mst_status solve(account *a) {
  if (a->target == 0 && a->delta > 0)
    return mst_account_epsilon(&a->spec, &a->events, a->delta, &a->spent);
  if (a->target == 0) return mst_account_delta(&a->spec, &a->events, a->epsilon, &a->spent);
  if (a->file == NULL && a->steps == 0) {
    const int64_t most = INT64_C(1000000000);
    MST_TRY(
        mst_calibrate_steps(&a->spec, &a->events, a->target, a->delta, most, &a->steps, &a->spent));
    a->one.count = a->steps;
    return MST_OK;
  }
  if (a->file == NULL) a->one.noise = 1;
  MST_TRY(mst_calibrate_noise(&a->spec, &a->events, a->target, a->delta, 0, &a->factor, &a->spent));
  if (a->one.mechanism == MST_MECHANISM_PURE)
    a->one.noise /= a->factor;
  else
    a->one.noise *= a->factor;
  return MST_OK;
}

static json_t *describe(const account *a) {
  const mst_spent *s = &a->spent;
  const char *name = a->spec.name != NULL ? a->spec.name : "pld";
  json_t *line = json_pack("{s:f, s:f, s:s, s:s, s:I}", "epsilon", s->epsilon, "delta", s->delta,
                           "accountant", name, "adjacency", mst_adjacency_name((int)a->adjacency),
                           "group", (json_int_t)a->group);
  bool ok = line != NULL;
  if (ok && a->file == NULL) {
    ok = json_object_set_new(line, "mechanism",
                             json_string(mst_mechanism_name((int)a->one.mechanism))) == 0 &&
         json_object_set_new(line, "sigma", json_real(a->one.noise)) == 0 &&
         json_object_set_new(line, "steps", json_integer((json_int_t)a->steps)) == 0 &&
         json_object_set_new(line, "sampling",
                             json_string(mst_sampling_name((int)a->one.sampling))) == 0 &&
         json_object_set_new(line, "q", json_real(mst_event_rate(&a->one))) == 0;
  } else if (ok) {
    ok = json_object_set_new(line, "events", json_integer((json_int_t)a->events.n)) == 0 &&
         (a->factor == 0 || json_object_set_new(line, "factor", json_real(a->factor)) == 0);
  }
  if (ok && s->certified)
    ok = json_object_set_new(line, "lower", json_real(s->lower)) == 0 &&
         json_object_set_new(line, "upper", json_real(s->upper)) == 0;
  if (ok && s->certified && s->central != s->upper)
    ok = json_object_set_new(line, "estimate", json_real(s->central)) == 0;
  if (ok && s->order > 0) ok = json_object_set_new(line, "order", json_real(s->order)) == 0;
  if (ok) ok = json_object_set_new(line, "understates", json_boolean(s->estimate)) == 0;
  if (ok) return line;
  json_decref(line);
  return NULL;
}

static mst_status print_results(const account *a) {
  const mst_spent *s = &a->spent;
  mst_team *t = a->team;
  if (mst_team_rank(t) != 0) return MST_OK;
  if (a->file == NULL) {
    MST_TRY(mst_print(t, "%-20s %s, sigma %.10g%s\n", "mechanism",
                      mst_mechanism_name((int)a->one.mechanism), a->one.noise,
                      a->target > 0 && a->factor > 0 ? " (found)" : ""));
    MST_TRY(mst_print(t, "%-20s %s, q %.10g\n", "sampling", mst_sampling_name((int)a->one.sampling),
                      mst_event_rate(&a->one)));
    MST_TRY(mst_print(t, "%-20s %lld%s\n", "steps", (long long)a->steps,
                      a->target > 0 && a->factor == 0 ? " (found)" : ""));
  } else {
    MST_TRY(mst_print(t, "%-20s %lld\n", "events", (long long)a->events.n));
    if (a->factor > 0) MST_TRY(mst_print(t, "%-20s %.10g\n", "noise times", a->factor));
  }
  MST_TRY(mst_print(t, "%-20s %.10g at delta %.10g%s\n", "epsilon", s->epsilon, s->delta,
                    s->estimate ? ", an ESTIMATE that understates" : ""));
  if (s->certified)
    MST_TRY(mst_print(t, "%-20s %.10g to %.10g\n",
                      a->delta > 0 ? "epsilon is within" : "delta is within", s->lower, s->upper));
  return mst_print_json(t, describe(a));
}

static mst_status account_command(mst_team *team, int argc, char **argv) {
  account a = {.team = team, .group = 1};
  mst_status st = read_arguments(&a, argc, argv);
  if (st == MST_OK) st = complete(&a);
  if (st == MST_OK) st = solve(&a);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = print_results(&a);
  mst_free(a.listed);
  return st;
}

static const char help[] =
    "usage: muster account [--sampling KIND] [--q Q | --n N --batch M] --sigma SIGMA --steps T\n"
    "         (--delta DELTA | --epsilon EPSILON) [options]\n"
    "       muster account ... --calibrate epsilon=EPSILON --delta DELTA\n"
    "       muster account --events FILE.json --delta DELTA\n"
    "\n"
    "What noisy releases cost in privacy: epsilon at a delta, or delta at an epsilon; or the\n"
    "noise, or the steps, that a budget allows. A step is one noisy sum of contributions, each\n"
    "clipped to length C; sigma is the noise in units of C. Figures are rounded upward: what is\n"
    "printed as epsilon or delta is what must be charged. For a training run of T steps on\n"
    "batches that take each of n records with probability q = M / n:\n"
    "\n"
    "  muster account --sampling poisson --n 60000 --batch 256 --sigma 1.1 --steps 14040 \\\n"
    "    --delta 1e-5\n"
    "\n"
    "Accountants ('muster list accountants'): pld (default) gives the tightest bound, proven\n"
    "from both sides; prv the estimate of Gopi et al. in its bracket; rdp an upper bound that\n"
    "is quick, by Renyi divergences; gdp is exact for full batches; gdp_clt is an estimate that\n"
    "understates and never to be charged; zcdp and advanced are for comparison.\n"
    "\n"
    "options\n"
    "      --mechanism NAME     gaussian, laplace, discrete_gaussian, discrete_laplace, or pure,\n"
    "                           whose sigma is its epsilon (default: gaussian)\n"
    "      --sampling KIND      none: every record takes part; poisson: each by itself with\n"
    "                           probability q; fixed: M of N without replacement (default: none,\n"
    "                           poisson with --q). Shuffled batches are not Poisson\n"
    "  -q, --q Q                probability of a record (default: M / N)\n"
    "  -n, --n N                records\n"
    "  -b, --batch M            records of a step, expected or fixed\n"
    "      --sigma SIGMA        standard deviation of Gaussian noise, scale of Laplace noise, in\n"
    "                           units of the clip\n"
    "      --sensitivity S      what a record changes, in units of the clip; of a tree or matrix\n"
    "                           of sums the root of its squares (default: 1)\n"
    "      --steps T            releases (default: 1)\n"
    "      --delta DELTA        give epsilon at this delta\n"
    "      --epsilon EPSILON    give delta at this epsilon\n"
    "      --calibrate epsilon=EPSILON\n"
    "                           find sigma (with --steps), or steps (with --sigma), or the factor\n"
    "                           of all noise (with --events); what comes back keeps to it\n"
    "      --accountant NAME    see above (default: pld)\n"
    "      --accuracy WIDTH     of epsilon: pld, the proven width sought (default: 1e-4); prv,\n"
    "                           half its bracket (default: 0.01)\n"
    "      --group K            neighbours differ in K records, of one user (default: 1)\n"
    "      --adjacency KIND     add_remove, or replace_one, which doubles what a record changes\n"
    "                           (default: add_remove; --sampling fixed needs replace_one)\n"
    "      --events FILE.json   unlike releases, a list of objects with the keys mechanism, "
    "noise,\n"
    "                           sensitivity, sampling, q, n, batch, steps, truncate, entries\n"
    "  -h, --help               this text\n"
    "\n"
    "output\n"
    "  Lines for people, then one JSON object: epsilon, delta, accountant, adjacency, group; of\n"
    "  options mechanism, sigma, steps, sampling, q; of --events events, factor; lower and upper\n"
    "  where the figure that was asked for is proven to lie between them; estimate (prv), order\n"
    "  (rdp, zcdp), understates (true for gdp_clt).\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed (memory, a file that cannot be read)\n"
    "  2 bad input (a wrong option, a combination that the accountant does not know)\n"
    "\n"
    "example\n"
    "  muster account --sampling poisson --n 60000 --batch 2048 --steps 1160 --delta 1e-5 \\\n"
    "    --calibrate epsilon=3\n";

const mst_command mst_command_account = {.name = "account",
                                         .summary = "privacy: epsilon of noise, noise of epsilon",
                                         .help = help,
                                         .run = account_command};
