/* `muster aggregate`: one vector from the vectors of a file, by a robust rule, on as many ranks as
 * there are. What mst_aggregate does in a program, for those who want to look at a rule, or who
 * have vectors from elsewhere. */
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"
#include "jobs/say.h"
#include "jobs/setting.h"

#include <math.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/memory.h"
#include "io/paths.h"
#include "io/vectors.h"
#include "parallel/robust.h"

enum {
  MOST_MIXERS = 8,
  MOST_SETTINGS = 64
};

enum {
  OPTION_HELP,
  OPTION_RULE,
  OPTION_BYZANTINE,
  OPTION_PRE,
  OPTION_SET,
  OPTION_SEED,
  OPTION_ROOT,
  OPTION_PREVIOUS,
  OPTION_WEIGHTS,
  OPTION_LOSSES,
  OPTION_BUCKET,
  OPTION_OUTPUT
};
static const mst_option options[] = {[OPTION_HELP] = {"help", 'h', NULL},
                                     [OPTION_RULE] = {"rule", 'r', "RULE"},
                                     [OPTION_BYZANTINE] = {"byzantine", 'f', "F"},
                                     [OPTION_PRE] = {"pre", 0, "MIXER"},
                                     [OPTION_SET] = {"option", 0, "NAME=VALUE"},
                                     [OPTION_SEED] = {"seed", 0, "N"},
                                     [OPTION_ROOT] = {"root", 0, "FILE"},
                                     [OPTION_PREVIOUS] = {"previous", 0, "FILE"},
                                     [OPTION_WEIGHTS] = {"weights", 0, "FILE"},
                                     [OPTION_LOSSES] = {"losses", 0, "FILE"},
                                     [OPTION_BUCKET] = {"bucket", 0, "MIB"},
                                     [OPTION_OUTPUT] = {"output", 'o', "FILE.npy"},
                                     {NULL, 0, NULL}};

typedef struct aggregate {
  mst_team *team;
  const char *vectors, *output, *root_file, *previous_file, *weights_file, *losses_file;
  const char *pre[MOST_MIXERS], *setting[MOST_SETTINGS];
  int pres, settings;
  int64_t byzantine, seed, bucket; /* byzantine -1 = not given */
  mst_rule_spec rule;
  mst_mixer_spec mixer[MOST_MIXERS];
  char *words; /* values of settings that the specs point to */

  mst_vectors *file;
  int64_t n, d, first, count; /* this rank's vectors */
  bool wide;
  void *mine, *out, *root, *previous;
  double *weight, *loss;
  mst_robust_report report;
} aggregate;

static mst_status take_option(aggregate *a, int index, const char *value) {
  switch (index) {
    case OPTION_RULE: a->rule.name = value; break;
    case OPTION_BYZANTINE:
      return mst_argument_int("byzantine", value, 0, MST_RULE_ROWS, &a->byzantine);
    case OPTION_PRE:
      if (a->pres == MOST_MIXERS)
        return mst_fail(MST_ERR_INPUT, "option --pre: more than %d mixers", MOST_MIXERS);
      a->pre[a->pres++] = value;
      break;
    case OPTION_SET:
      if (a->settings == MOST_SETTINGS)
        return mst_fail(MST_ERR_INPUT, "option --option: more than %d settings", MOST_SETTINGS);
      a->setting[a->settings++] = value;
      break;
    case OPTION_SEED: return mst_argument_int("seed", value, 0, INT64_MAX, &a->seed);
    case OPTION_BUCKET: return mst_argument_int("bucket", value, 1, 1 << 20, &a->bucket);
    case OPTION_ROOT: a->root_file = value; break;
    case OPTION_PREVIOUS: a->previous_file = value; break;
    case OPTION_WEIGHTS: a->weights_file = value; break;
    case OPTION_LOSSES: a->losses_file = value; break;
    case OPTION_OUTPUT: a->output = value; break;
    default: break;
  }
  return MST_OK;
}

static mst_status check_complete(const aggregate *a) {
  static const char example[] =
      "as in 'muster aggregate vectors.npy --rule krum --byzantine 4 -o krum.npy' (see muster "
      "aggregate --help)";
  const char *lacks = a->vectors == NULL     ? "a file of vectors"
                      : a->rule.name == NULL ? "a rule, --rule RULE"
                      : a->byzantine < 0  ? "the most vectors that may be anything, --byzantine F"
                      : a->output == NULL ? "the file to write, -o FILE.npy"
                                          : NULL;
  return lacks == NULL ? MST_OK
                       : mst_fail(MST_ERR_INPUT, "muster aggregate needs %s, %s", lacks, example);
}

static mst_status read_arguments(aggregate *a, int argc, char **argv) {
  mst_arguments arguments = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&arguments, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) return check_complete(a);
    if (kind == MST_ARGUMENT_OPTION)
      MST_TRY(take_option(a, index, value));
    else if (a->vectors == NULL)
      a->vectors = value;
    else
      return mst_fail(MST_ERR_INPUT,
                      "muster aggregate takes one file of vectors, but '%s' follows '%s'", value,
                      a->vectors);
  }
}

/* NAME=VALUE of the rule, or MEMBER.NAME=VALUE of it or of a mixer; text is cut into its parts. */
static mst_status apply_setting(aggregate *a, char *text) {
  char *value = strchr(text, '='), *name = text;
  if (value == NULL || value == text)
    return mst_fail(MST_ERR_INPUT, "option --option: '%s' is not NAME=VALUE", text);
  *value++ = '\0';
  const mst_rule_ops *rule = mst_rule_find(a->rule.name);
  char *dot = strchr(text, '.');
  if (dot != NULL) {
    bool found = false;
    *dot = '\0';
    name = dot + 1;
    for (int i = 0; i < a->pres; i++) {
      if (strcmp(text, a->pre[i]) != 0) continue;
      MST_TRY(mst_setting_apply(a->pre[i], mst_mixer_find(a->pre[i])->params, name, value,
                                &a->mixer[i]));
      found = true;
    }
    if (found) return MST_OK;
    if (strcmp(text, a->rule.name) != 0)
      return mst_fail(MST_ERR_INPUT,
                      "option --option: '%s' is neither the rule nor a mixer of --pre", text);
  }
  return mst_setting_apply(rule->name, rule->params, name, value, &a->rule);
}

/* The rule and the mixers, with defaults, then what was set. Names are checked with all else when
 * the number of vectors is known; here unknown ones only must not be looked into. */
static mst_status choose(aggregate *a) {
  const mst_rule_ops *rule = mst_rule_find(a->rule.name);
  if (rule == NULL) return mst_rule_check(&a->rule, MST_RULE_ROWS);
  mst_param_defaults(rule->params, &a->rule);
  a->rule.byzantine = a->byzantine;
  a->rule.seed = (uint64_t)a->seed;
  for (int i = 0; i < a->pres; i++) {
    const mst_mixer_ops *mixer = mst_mixer_find(a->pre[i]);
    a->mixer[i] = (mst_mixer_spec){.name = a->pre[i]};
    if (mixer == NULL) return mst_mixer_check(&a->mixer[i], MST_RULE_ROWS);
    mst_param_defaults(mixer->params, &a->mixer[i]);
    a->mixer[i].byzantine = a->byzantine;
    a->mixer[i].seed = (uint64_t)a->seed;
  }
  size_t bytes = 0;
  for (int i = 0; i < a->settings; i++) bytes += strlen(a->setting[i]) + 1;
  MST_TRY(mst_alloc(&a->words, (int64_t)bytes, 1, "settings"));
  char *at = a->words;
  for (int i = 0; i < a->settings; i++) {
    strcpy(at, a->setting[i]);
    char *next = at + strlen(at) + 1;
    MST_TRY(apply_setting(a, at));
    at = next;
  }
  return MST_OK;
}

static mst_status check_files(const aggregate *a) {
  mst_named_path named[6] = {
      {.key = "--output", .path = a->output, .written = true, .opening = MST_VECTORS_OPENING},
      {.key = "the vectors", .path = a->vectors}};
  const struct {
    const char *key, *path;
  } more[] = {{"--root", a->root_file},
              {"--previous", a->previous_file},
              {"--weights", a->weights_file},
              {"--losses", a->losses_file}};
  int n = 2;
  for (int i = 0; i < 4; i++)
    if (more[i].path != NULL)
      named[n++] = (mst_named_path){.key = more[i].key, .path = more[i].path};
  return mst_paths_check(a->team, named, n);
}

/* all(entries) = the one vector of a file, on every rank; NULL without a file. Collective. */
static mst_status read_one(aggregate *a, const char *path, const char *what, int64_t entries,
                           bool wide, void **all) {
  mst_vectors *file = NULL;
  if (path == NULL) return MST_OK;
  MST_TRY(mst_vectors_open(a->team, path, &file));
  const mst_vectors_info *info = mst_vectors_about(file);
  mst_status st = MST_OK;
  if (info->n != 1 || info->d != entries)
    st = mst_fail(MST_ERR_INPUT, "%s: holds %lld x %lld entries; %s has %lld", path,
                  (long long)info->n, (long long)info->d, what, (long long)entries);
  if (st == MST_OK)
    st = mst_team_agree(a->team,
                        mst_alloc(all, entries, wide ? sizeof(double) : sizeof(float), what));
  if (st == MST_OK) st = mst_vectors_read(file, 0, 1, wide, *all);
  mst_vectors_close(file);
  return st;
}

static mst_status read_vectors(aggregate *a) {
  MST_TRY(mst_vectors_open(a->team, a->vectors, &a->file));
  const mst_vectors_info *info = mst_vectors_about(a->file);
  size_t size = info->wide ? sizeof(double) : sizeof(float);
  a->n = info->n;
  a->d = info->d;
  a->wide = info->wide;
  if (a->n > MST_RULE_ROWS)
    return mst_fail(MST_ERR_INPUT, "%s: holds %lld vectors; a rule takes at most %d", a->vectors,
                    (long long)a->n, MST_RULE_ROWS);
  mst_team_share(a->team, a->n, &a->first, &a->count);
  mst_status st = mst_alloc(&a->mine, a->count * a->d, size, "vectors");
  if (st == MST_OK) st = mst_alloc(&a->out, a->d, size, "the result");
  MST_TRY(mst_team_agree(a->team, st));
  MST_TRY(mst_vectors_read(a->file, a->first, a->count, a->wide, a->mine));
  MST_TRY(read_one(a, a->root_file, "the trusted vector", a->d, a->wide, &a->root));
  MST_TRY(read_one(a, a->previous_file, "the last result", a->d, a->wide, &a->previous));
  void *weight = NULL, *loss = NULL;
  st = read_one(a, a->weights_file, "a list of weights", a->n, true, &weight);
  if (st == MST_OK) st = read_one(a, a->losses_file, "a list of losses", a->n, true, &loss);
  a->weight = weight;
  a->loss = loss;
  return st;
}

static mst_status run_rule(aggregate *a) {
  mst_robust_options o = {.mixer = a->mixer,
                          .mixers = a->pres,
                          .previous = a->previous,
                          .root = a->root,
                          .bucket_bytes = a->bucket << 20};
  if (a->weight != NULL) o.weight = a->weight + a->first;
  if (a->loss != NULL) o.loss = a->loss + a->first;
  return a->wide
             ? mst_aggregate_f64(a->team, &a->rule, &o, a->count, a->d, a->mine, a->out, &a->report)
             : mst_aggregate(a->team, &a->rule, &o, a->count, a->d, a->mine, a->out, &a->report);
}

static mst_status digest(aggregate *a, char *hex) {
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "aggregate", a->wide ? MST_F64 : MST_F32, 1, &a->d, a->out);
  st = mst_team_agree(a->team, st);
  if (st == MST_OK) st = mst_team_digest(a->team, &state, hex);
  mst_state_clear(&state);
  return st;
}

/* The vectors that count, and how much; nothing for a rule over columns. */
static bool describe_weights(const aggregate *a, json_t *line) {
  json_t *chosen = json_array(), *weights = json_array();
  bool ok = chosen != NULL && weights != NULL;
  for (int64_t i = 0; i < a->n && ok; i++) {
    double w = a->report.weight[i];
    ok = json_array_append_new(weights, json_real(w)) == 0;
    if (ok && w != 0) ok = json_array_append_new(chosen, json_integer((json_int_t)i)) == 0;
  }
  ok = ok && json_object_set(line, "chosen", chosen) == 0 &&
       json_object_set(line, "weights", weights) == 0;
  json_decref(chosen);
  json_decref(weights);
  return ok;
}

static json_t *describe(const aggregate *a, double started, const char *hex) {
  json_t *left_out = json_array();
  json_t *line = json_pack(
      "{s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:i, s:f, s:s}", "vectors", a->vectors, "aggregate",
      a->output, "rule", a->report.rule, "n", (json_int_t)a->n, "d", (json_int_t)a->d, "type",
      a->wide ? "float64" : "float32", "byzantine", (json_int_t)a->byzantine, "excluded",
      (json_int_t)a->report.excluded, "ranks", mst_team_size(a->team), "seconds",
      floor(1e3 * (mst_clock_seconds() - started)) / 1e3, "digest", hex);
  bool ok = left_out != NULL && line != NULL;
  for (int64_t i = 0; i < a->report.excluded && ok; i++)
    ok = json_array_append_new(left_out, json_integer((json_int_t)a->report.excluded_row[i])) == 0;
  ok = ok && json_object_set(line, "excluded_rows", left_out) == 0;
  if (ok && a->report.weight != NULL) ok = describe_weights(a, line);
  json_decref(left_out);
  if (ok) return line;
  json_decref(line);
  return NULL;
}

static mst_status print_results(const aggregate *a, double started, const char *hex) {
  if (mst_team_rank(a->team) != 0) return MST_OK;
  MST_TRY(mst_print(a->team, "%-20s %lld of %lld entries, %s\n", "vectors", (long long)a->n,
                    (long long)a->d, a->wide ? "float64" : "float32"));
  MST_TRY(mst_print(a->team, "%-20s %lld\n", "left out", (long long)a->report.excluded));
  MST_TRY(mst_print(a->team, "%-20s %s\n", "aggregate", a->output));
  return mst_print_json(a->team, describe(a, started, hex));
}

static void close_all(aggregate *a) {
  void *const array[] = {a->words, a->mine, a->out, a->root, a->previous, a->weight, a->loss};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_vectors_close(a->file);
  mst_robust_report_clear(&a->report);
}

static mst_status aggregate_command(mst_team *team, int argc, char **argv) {
  aggregate a = {.team = team, .byzantine = -1, .seed = 1};
  double started = mst_clock_seconds();
  char hex[MST_DIGEST_HEX];
  mst_status st = read_arguments(&a, argc, argv);
  if (st == MST_OK) st = choose(&a);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = check_files(&a);
  if (st == MST_OK) st = read_vectors(&a);
  if (st == MST_OK) st = run_rule(&a);
  if (st == MST_OK) st = mst_vectors_write(team, a.output, a.wide, a.d, a.out);
  if (st == MST_OK) {
    mst_say_kept(a.output);
    st = digest(&a, hex);
  }
  if (st == MST_OK) st = print_results(&a, started, hex);
  close_all(&a);
  return st;
}

static const char help[] =
    "usage: muster aggregate VECTORS --rule RULE --byzantine F -o OUT.npy [options]\n"
    "       mpirun -n RANKS muster aggregate VECTORS --rule RULE --byzantine F -o OUT.npy\n"
    "\n"
    "Make one vector of n vectors, of which up to F may be anything, by a robust rule. VECTORS\n"
    "is a NumPy file (.npy, float32 or float64) or an HDF5 file with /x; its rows are the\n"
    "vectors, and the ranks read and hold a part of them each. The result is a NumPy file of\n"
    "the same type, with the same bits on any number of ranks. Vectors with NaN or infinity are\n"
    "left out; each lowers F by one.\n"
    "\n"
    "Rules over columns take each coordinate by itself (mean, median, trimmed_mean, meamed);\n"
    "rules over weights look at the distances between vectors and choose or weigh whole ones\n"
    "(krum, geometric_median, ...); 'muster list rules' prints all, 'muster list mixers' what\n"
    "can be put before a rule. Where honest vectors differ much, nnm before a rule is a good\n"
    "choice.\n"
    "\n"
    "options\n"
    "  -r, --rule RULE          see muster list rules; required\n"
    "  -f, --byzantine F        most vectors that may be anything; required\n"
    "      --pre MIXER          make other vectors first (see muster list mixers); may be\n"
    "                           repeated: the first is applied first (default: none)\n"
    "      --option NAME=VALUE  a setting of the rule; MIXER.NAME=VALUE of a mixer; may be\n"
    "                           repeated (default: the rule's own). A wrong name is answered\n"
    "                           with those that there are\n"
    "      --seed N             of what rules and mixers draw (default: 1)\n"
    "      --root FILE.npy      trusted vector, for fltrust (default: none)\n"
    "      --previous FILE.npy  last result, for centered_clipping (default: 0)\n"
    "      --weights FILE.npy   a positive weight for each vector, for rules that take them\n"
    "                           (default: all 1)\n"
    "      --losses FILE.npy    change of a trusted loss by a step along each vector, for zeno\n"
    "                           (default: none)\n"
    "      --bucket MIB         memory of a rank for columns of all vectors (default: 4)\n"
    "  -o, --output FILE.npy    the file to write; an older NumPy file is replaced; required\n"
    "  -h, --help               this text\n"
    "\n"
    "output\n"
    "  Lines for people, then one JSON object: vectors, aggregate (the file written), rule, n,\n"
    "  d, type, byzantine, excluded (how many were left out), ranks, seconds, digest (of the\n"
    "  result), excluded_rows, and for a rule over weights chosen (the vectors that count) and\n"
    "  weights (the share of each).\n"
    "\n"
    "exit codes\n"
    "  0 done   1 failed (a file cannot be read or written, memory)\n"
    "  2 bad input (a wrong option, too few vectors for F, a damaged or foreign file)\n"
    "\n"
    "example\n"
    "  mpirun -n 2 muster aggregate updates.npy --rule trimmed_mean --byzantine 4 --pre nnm \\\n"
    "    -o update.npy\n";

const mst_command mst_command_aggregate = {.name = "aggregate",
                                           .summary = "one vector from many, some of them wrong",
                                           .help = help,
                                           .run = aggregate_command};
