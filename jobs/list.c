/* `muster list`: what can be named in an experiment or on the command line, straight from the
 * registries. */
#include "jobs/jobs.h"

#include <string.h>

#include "io/import.h"

/* One entry of a family; false past the end. */
typedef bool entry_at(int i, const char **name, const char **summary);

static bool features_at(int i, const char **name, const char **summary) {
  const mst_features_ops *o = mst_features_at(i);
  if (o == NULL) return false;
  *name = o->name;
  *summary = o->summary;
  return true;
}

static bool importers_at(int i, const char **name, const char **summary) {
  const mst_import_ops *o = mst_import_at(i);
  if (o == NULL && (i == 0 || mst_import_at(i - 1) != NULL)) { /* jobs/import.c adds one */
    *name = "fashion-mnist";
    *summary = "the four files of the Debian package dataset-fashion-mnist";
    return true;
  }
  if (o == NULL) return false;
  *name = o->name;
  *summary = o->summary;
  return true;
}

static bool jobs_at(int i, const char **name, const char **summary) {
  const mst_job_ops *o = mst_job_at(i);
  if (o == NULL) return false;
  *name = o->name;
  *summary = o->summary;
  return true;
}

static bool partitions_at(int i, const char **name, const char **summary) {
  const mst_partition_ops *o = mst_partition_at(i);
  if (o == NULL) return false;
  *name = o->name;
  *summary = o->summary;
  return true;
}

static const struct {
  const char *name, *summary;
  entry_at *at;
} families[] = {{"features", "maps from rows to features (features.kind)", features_at},
                {"importers", "file formats of muster import", importers_at},
                {"jobs", "what an experiment can run (job)", jobs_at},
                {"partitions", "ways to deal rows to clients (clients.partition)", partitions_at}};
#define FAMILIES ((int)(sizeof families / sizeof families[0]))

static const char *family_name(int i) {
  return i < FAMILIES ? families[i].name : NULL;
}

static mst_status print_family(mst_team *team, int f) {
  const char *name, *summary;
  for (int i = 0; families[f].at(i, &name, &summary); i++)
    MST_TRY(mst_print(team, "%-14s %s\n", name, summary));
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
    int f = 0;
    while (f < FAMILIES && strcmp(families[f].name, value) != 0) f++;
    if (f == FAMILIES)
      return mst_fail(MST_ERR_INPUT,
                      "muster list knows no family '%s'; the nearest is %s (muster list alone "
                      "names all)",
                      value, mst_nearest(value, family_name));
    MST_TRY(print_family(team, f));
    listed++;
  }
  for (int f = 0; listed == 0 && f < FAMILIES; f++)
    MST_TRY(mst_print(team, "%-14s %s\n", families[f].name, families[f].summary));
  return MST_OK;
}

static const char help[] =
    "usage: muster list [FAMILY...]\n"
    "\n"
    "Print the names of a family, one a line, with a line of explanation each; without a family,\n"
    "the families: features, importers, jobs, partitions.\n"
    "\n"
    "options\n"
    "  -h, --help   this text\n"
    "\n"
    "exit codes\n"
    "  0 done   2 there is no such family\n"
    "\n"
    "example\n"
    "  muster list partitions\n";

const mst_command mst_command_list = {.name = "list",
                                      .summary = "names that experiments can use",
                                      .help = help,
                                      .run = list_command};
