/* Fashion-MNIST: four IDX files in the folder that the user names, or where the XDG base
 * directories say that data lie, as Debian's package dataset-fashion-mnist puts them. They make two
 * datasets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/import_source.h"

#define PARTS 2

static const struct {
  const char *images, *labels, *output;
} file[PARTS] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "fashion-train.h5"},
                 {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "fashion-test.h5"}};

static bool join(char path[MST_IMPORT_PATH], const char *folder, const char *name,
                 const char *ending) {
  int n = snprintf(path, MST_IMPORT_PATH, "%s/%s%s", folder, name, ending);
  return n > 0 && n < MST_IMPORT_PATH;
}

/* One of the files, packed or not. */
static bool find_file(const char *folder, const char *name, char path[MST_IMPORT_PATH]) {
  return (join(path, folder, name, ".gz") && access(path, R_OK) == 0) ||
         (join(path, folder, name, "") && access(path, R_OK) == 0);
}

static bool find_all(const char *folder, mst_import_part *part) {
  for (int i = 0; i < PARTS; i++)
    if (!find_file(folder, file[i].images, part[i].input) ||
        !find_file(folder, file[i].labels, part[i].labels))
      return false;
  return true;
}

/* datasets/fashion-mnist below each folder of a list separated by ':'. */
static bool search_list(const char *list, mst_import_part *part) {
  while (*list != '\0') {
    size_t n = strcspn(list, ":");
    char folder[MST_IMPORT_PATH];
    int length = snprintf(folder, sizeof folder, "%.*s/datasets/fashion-mnist", (int)n, list);
    if (n > 0 && length > 0 && length < MST_IMPORT_PATH && find_all(folder, part)) return true;
    list += n + (list[n] == ':');
  }
  return false;
}

static bool is_set(const char *text) {
  return text != NULL && text[0] != '\0';
}

static mst_status find_inputs(const char *from, mst_import_part *part) {
  if (from != NULL)
    return find_all(from, part) ? MST_OK
                                : mst_fail(MST_ERR_INPUT,
                                           "%s does not hold the four files of Fashion-MNIST "
                                           "(train-images-idx3-ubyte.gz and so on, packed or not)",
                                           from);
  const char *home = getenv("HOME"), *own = getenv("XDG_DATA_HOME");
  const char *shared = getenv("XDG_DATA_DIRS");
  char local[MST_IMPORT_PATH] = "";
  if (is_set(home) && !join(local, home, ".local/share", "")) local[0] = '\0';
  if (search_list(is_set(own) ? own : local, part) ||
      search_list(is_set(shared) ? shared : "/usr/local/share:/usr/share", part))
    return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "Fashion-MNIST was not found: install the Debian package dataset-fashion-mnist, or "
      "say where its four files are with --from FOLDER");
}

static mst_status find_parts(const mst_import_options *options, mst_import_part *part) {
  const char *folder = options->output != NULL ? options->output : ".";
  MST_TRY(find_inputs(options->from, part));
  for (int i = 0; i < PARTS; i++)
    if (!join(part[i].output, folder, file[i].output, ""))
      return mst_fail(MST_ERR_INPUT, "%s/%s: File name too long", folder, file[i].output);
  return MST_OK;
}

const mst_import_ops mst_import_fashion = {
    .name = "fashion-mnist",
    .summary = "the four files of the Debian package dataset-fashion-mnist",
    .find = find_parts,
    .parts = PARTS,
    .part_format = "idx"};
