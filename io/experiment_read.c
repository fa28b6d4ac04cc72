/* An experiment's text, from its file to all ranks. */
#include "io/experiment.h"
#include "io/text_file.h"

mst_status mst_experiment_read(mst_team *team, const char *path, char **text) {
  return mst_text_file_read(team, path, "experiment file", MST_EXPERIMENT_BYTES, text);
}
