/* `muster list`: what can be named in an experiment or on the command line, straight from the
 * registries. */
#include <string.h>

#include "core/base/word.h"
#include "core/merge/matching.h"
#include "core/privacy/mechanism.h"
#include "io/import.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/family.h"
#include "jobs/job.h"
#include "jobs/output.h"

static bool importers_at(int i, mst_member *out) {
  const mst_import_ops *o = mst_import_at(i);
  if (o != NULL) *out = (mst_member){.name = o->name, .summary = o->summary};
  return o != NULL;
}

static bool jobs_at(int i, mst_member *out) {
  const mst_job_ops *o = mst_job_at(i);
  if (o != NULL) *out = (mst_member){.name = o->name, .summary = o->summary};
  return o != NULL;
}

static bool mechanisms_at(int i, mst_member *out) {
  const mst_mechanism_ops *o = mst_mechanism_at(i);
  if (o != NULL) *out = (mst_member){.name = o->name, .summary = o->summary};
  return o != NULL;
}

MST_FAMILY_MEMBERS(matching)

/* What can be listed besides the families of experiments. */
static const mst_family others[] = {
    {.name = "importers", .summary = "file formats of muster import", .at = importers_at},
    {.name = "jobs", .summary = "what an experiment can run (job)", .at = jobs_at},
    {.name = "matchings",
     .summary = "how muster merge pairs the units of networks",
     .at = matching_at},
    {.name = "mechanisms", .summary = "mechanisms of privacy", .at = mechanisms_at}};
#define OTHERS ((int)(sizeof others / sizeof others[0]))

static const mst_family *listed_at(int i) {
  if (i < OTHERS) return &others[i];
  return mst_family_at(i - OTHERS);
}

static const char *listed_name(int i) {
  return listed_at(i) != NULL ? listed_at(i)->name : NULL;
}

static const mst_family *find_listed(const char *name) {
  for (int i = 0; listed_at(i) != NULL; i++)
    if (strcmp(listed_at(i)->name, name) == 0) return listed_at(i);
  return NULL;
}

static mst_status print_members(mst_team *team, const mst_family *f) {
  mst_member m;
  for (int i = 0; f->at(i, &m); i++) MST_TRY(mst_print(team, "%-19s %s\n", m.name, m.summary));
  return MST_OK;
}

static mst_status print_listed(mst_team *team) {
  const mst_family *f;
  for (int i = 0; (f = listed_at(i)) != NULL; i++) {
    char key[MST_FAMILY_KEY];
    MST_TRY(f->section == NULL ? mst_print(team, "%-14s %s\n", f->name, f->summary)
                               : mst_print(team, "%-14s %s (%s)\n", f->name, f->summary,
                                           mst_family_key(f, f->key, key)));
  }
  return MST_OK;
}

static mst_status list_command(mst_team *team, int argc, char **argv) {
  static const mst_option options[] = {{"help", 'h', NULL}, {NULL, 0, NULL}};
  mst_arguments a = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index, listed = 0;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&a, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) break;
    const mst_family *f = find_listed(value);
    if (f == NULL)
      return mst_fail(MST_ERR_INPUT,
                      "muster list knows no family '%s'; the nearest is %s (muster list alone "
                      "names all)",
                      value, mst_word_nearest(value, listed_name));
    MST_TRY(print_members(team, f));
    listed++;
  }
  return listed == 0 ? print_listed(team) : MST_OK;
}

static const char help[] =
    "usage: muster list [FAMILY...]\n"
    "\n"
    "Print the names of a family, one a line, with a line of explanation each; without a family,\n"
    "the families.\n"
    "\n"
    "options\n"
    "  -h, --help   this text\n"
    "\n"
    "exit codes\n"
    "  0 done   2 there is no such family\n"
    "\n"
    "example\n"
    "  muster list partitions\n";

const mst_command mst_command_list = {
    .name = "list", .summary = "names that experiments can use", .help = help, .run = list_command};
