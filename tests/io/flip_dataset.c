/* Flip one bit of a small dataset file, open and read it, for many bits: the file is refused or
 * gives exactly what was written. The shell test around it counts crashes and hangs of HDF5.
 *
 *   flip_dataset FOLDER FIRST STEP    bits FIRST, FIRST + STEP, ...; FOLDER/at holds the current
 * one
 *
 * Prints "flips refused unharmed wrong" at the end; exit code 1 if any was wrong. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/dataset.h"

#define ROWS    48
#define WIDTH   5
#define SECONDS 10 /* after which a flip counts as a hang (SIGALRM) */

static float x[ROWS * WIDTH];
static int32_t label[ROWS], client[ROWS];

static mst_status write_dataset(mst_team *team, const char *path) {
  const mst_dataset_info info = {.rows = ROWS,
                                 .row_dims = 1,
                                 .row_size = {WIDTH},
                                 .target = MST_TARGET_CLASSES,
                                 .n_classes = 4,
                                 .has_client = true,
                                 .task = "classification",
                                 .source = "flips"};
  const mst_dataset_options options = {.chunk_rows = 7};
  for (int i = 0; i < ROWS * WIDTH; i++) x[i] = (float)(i * i) / 7;
  for (int i = 0; i < ROWS; i++) {
    label[i] = i % 4;
    client[i] = i / 9;
  }
  mst_dataset_writer *w;
  MST_TRY(mst_dataset_create(team, path, &info, &options, &w));
  mst_status status = mst_dataset_write(w, 0, ROWS, x, label, NULL, client, NULL, NULL);
  if (status == MST_OK) return mst_dataset_commit(w);
  mst_dataset_abandon(w);
  return status;
}

/* *same tells whether everything is as it was written. */
static mst_status read_dataset(mst_team *team, const char *path, bool *same) {
  float read[ROWS * WIDTH];
  int32_t labels[ROWS], clients[ROWS];
  mst_dataset *d;
  *same = false;
  MST_TRY(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  bool shape = info->rows == ROWS && info->row_dims == 1 && info->row_elements == WIDTH &&
               info->target == MST_TARGET_CLASSES && info->n_classes == 4 && info->has_client &&
               !info->has_group && !info->has_weight && strcmp(info->task, "classification") == 0 &&
               strcmp(info->source, "flips") == 0;
  mst_status status = MST_OK;
  if (shape) status = mst_dataset_read_x(d, 0, ROWS, read);
  if (shape && status == MST_OK) status = mst_dataset_read_labels(d, 0, ROWS, labels);
  if (shape && status == MST_OK) status = mst_dataset_read_i32(d, "client", 0, ROWS, clients);
  if (shape && status == MST_OK)
    *same = memcmp(read, x, sizeof x) == 0 && memcmp(labels, label, sizeof label) == 0 &&
            memcmp(clients, client, sizeof client) == 0;
  mst_dataset_close(d);
  return status;
}

static void put(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) exit(2);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  MPI_Init(&argc, &argv);
  char whole[512], flipped[512], at[512], text[32];
  snprintf(whole, sizeof whole, "%s/whole.h5", argv[1]);
  snprintf(flipped, sizeof flipped, "%s/flipped.h5", argv[1]);
  snprintf(at, sizeof at, "%s/at", argv[1]);
  mst_team *team;
  bool same;
  if (mst_team_create(MPI_COMM_WORLD, NULL, &team) != MST_OK ||
      write_dataset(team, whole) != MST_OK || read_dataset(team, whole, &same) != MST_OK || !same) {
    fprintf(stderr, "%s\n", mst_status_detail());
    return 2;
  }
  static unsigned char bytes[1 << 20];
  FILE *file = fopen(whole, "rb");
  size_t n = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
  if (file != NULL) fclose(file);
  long flips = 0, refused = 0, unharmed = 0, wrong = 0;
  for (size_t bit = strtoul(argv[2], NULL, 10); bit < 8 * n; bit += strtoul(argv[3], NULL, 10)) {
    put(at, text, (size_t)snprintf(text, sizeof text, "%zu\n", bit));
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    put(flipped, bytes, n);
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    alarm(SECONDS);
    mst_status status = read_dataset(team, flipped, &same);
    alarm(0);
    flips++;
    refused += status != MST_OK;
    unharmed += status == MST_OK && same;
    if (status == MST_OK && !same) {
      wrong++;
      printf("bit %zu of byte %zu of %zu: read without error, but wrong\n", bit % 8, bit / 8, n);
    }
  }
  printf("%ld %ld %ld %ld\n", flips, refused, unharmed, wrong);
  mst_team_destroy(team);
  MPI_Finalize();
  return wrong > 0;
}
