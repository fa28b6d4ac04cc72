/* `muster bench`: what an installation gives, against what its machine gives. Every figure has its
 * limit beside it, measured in the same minute, so that a wrong binding, a slow library or a slow
 * node shows as a ratio and needs no knowledge of the machine. */
#include "jobs/bench.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/word.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/note.h"
#include "io/paths.h"
#include "io/text.h"
#include "jobs/arguments.h"
#include "jobs/command.h"
#include "jobs/output.h"
#include "jobs/say.h"

enum {
  OPTION_HELP,
  OPTION_JSON,
  OPTION_SECONDS,
  OPTION_SIZE,
  OPTION_DIR,
  OPTION_OUTPUT,
  OPTION_COMPARE
};
static const mst_option options[] = {
    [OPTION_HELP] = {"help", 'h', NULL},      [OPTION_JSON] = {"json", 0, NULL},
    [OPTION_SECONDS] = {"seconds", 's', "S"}, [OPTION_SIZE] = {"size", 0, "MIB"},
    [OPTION_DIR] = {"dir", 0, "FOLDER"},      [OPTION_OUTPUT] = {"output", 'o', "FILE.json"},
    [OPTION_COMPARE] = {"compare", 0, NULL},  {NULL, 0, NULL}};

static const mst_benchmark benchmarks[] = {
    {"memory_read", "memory", mst_bench_machine},  {"memory_copy", "memory", mst_bench_machine},
    {"memory_triad", "memory", mst_bench_machine}, {"fma", "compute", mst_bench_machine},
    {"dgemm", "compute", mst_bench_machine},       {"sgemm", "compute", mst_bench_machine},
    {"syrk", "compute", mst_bench_machine},        {"sum_lattice", "sums", mst_bench_sums},
    {"sum_fast", "sums", mst_bench_sums},          {"sum_scatter", "sums", mst_bench_sums},
    {"gather_all", "sums", mst_bench_sums},        {"files", "files", mst_bench_files}};
#define BENCHMARKS ((int)(sizeof benchmarks / sizeof benchmarks[0]))

/* What NAME can be. */
static const char *nameable(int i) {
  static const char *const groups[] = {"memory", "compute", "sums"};
  return i < BENCHMARKS ? benchmarks[i].name : i < BENCHMARKS + 3 ? groups[i - BENCHMARKS] : NULL;
}

static mst_status take_name(mst_bench *b, const char *name) {
  if (b->names == (int)(sizeof b->name / sizeof b->name[0]))
    return mst_fail(MST_ERR_INPUT, "muster bench takes at most %d names", b->names);
  b->name[b->names++] = name;
  return MST_OK;
}

static mst_status take_option(mst_bench *b, int index, const char *value, bool *compares) {
  int64_t mib = 0;
  switch (index) {
    case OPTION_JSON: b->table = false; break;
    case OPTION_DIR: b->folder = value; break;
    case OPTION_OUTPUT: b->output = value; break;
    case OPTION_COMPARE: *compares = true; break;
    case OPTION_SIZE:
      MST_TRY(mst_argument_int("size", value, 1, 4096, &mib));
      b->size = mib << 20;
      break;
    case OPTION_SECONDS:
      MST_TRY(mst_argument_real("seconds", value, &b->seconds));
      if (!(b->seconds > 0 && b->seconds <= 3600))
        return mst_fail(MST_ERR_INPUT,
                        "option --seconds: %s; allowed is more than 0 and at most 3600", value);
      break;
    default: break;
  }
  return MST_OK;
}

static mst_status check_names(const mst_bench *b, bool compares) {
  if (compares && b->names != 2)
    return mst_fail(MST_ERR_INPUT,
                    "--compare needs two result files, as in 'muster bench --compare a.json "
                    "b.json', not %d",
                    b->names);
  if (compares && b->output != NULL)
    return mst_fail(MST_ERR_INPUT, "--compare measures nothing that --output could hold");
  for (int i = 0; i < b->names && !compares; i++) {
    const char *nearest = mst_word_nearest(b->name[i], nameable);
    if (strcmp(b->name[i], nearest) != 0)
      return mst_fail(MST_ERR_INPUT,
                      "there is no benchmark '%s'; the nearest is %s (see muster "
                      "bench --help)",
                      b->name[i], nearest);
  }
  return MST_OK;
}

static mst_status read_arguments(mst_bench *b, int argc, char **argv, bool *compares) {
  mst_arguments arguments = mst_arguments_of(argc, argv, options);
  mst_argument kind;
  int index;
  const char *value;
  for (;;) {
    MST_TRY(mst_arguments_next(&arguments, &kind, &index, &value));
    if (kind == MST_ARGUMENT_END) return check_names(b, *compares);
    MST_TRY(kind == MST_ARGUMENT_OPERAND ? take_name(b, value)
                                         : take_option(b, index, value, compares));
  }
}

/* What is to be written can be, before anything is measured. */
static mst_status check_output(const mst_bench *b) {
  if (b->output == NULL) return MST_OK;
  size_t n = strlen(b->output);
  if (n > 3 && strcmp(b->output + n - 3, ".h5") == 0)
    return mst_fail(MST_ERR_INPUT, "--output %s: a result is JSON; name it FILE.json", b->output);
  mst_named_path path = {.key = "--output",
                         .path = b->output,
                         .written = true,
                         .told = true,
                         .opening = MST_BENCH_OPENING};
  return mst_paths_check(b->team, &path, 1);
}

static bool is_wanted(const mst_bench *b, const mst_benchmark *m) {
  for (int i = 0; i < b->names; i++)
    if (strcmp(b->name[i], m->name) == 0 || strcmp(b->name[i], m->group) == 0) return true;
  return b->names == 0;
}

static mst_status make_arrays(mst_bench *b) {
  mst_status st = MST_OK;
  for (int i = 0; i < 3 && st == MST_OK; i++)
    st = mst_alloc(&b->work[i], b->size / 8, sizeof(double), "arrays (see --size)");
  return mst_team_agree(b->team, st);
}

/* A benchmark that cannot be run leaves the others be, unless the ranks no longer understand each
 * other. */
static mst_status run_all(mst_bench *b) {
  mst_bench_head(b);
  for (int i = 0; i < BENCHMARKS; i++) {
    const mst_benchmark *m = &benchmarks[i];
    if (!is_wanted(b, m)) continue;
    mst_status st = m->run(b, m->name);
    if (st == MST_ERR_COMM) return st;
    if (st != MST_OK) mst_bench_add_failed(b, m->name, st);
  }
  return MST_OK;
}

static mst_status write_result(const mst_bench *b, const json_t *result) {
  mst_text line = MST_TEXT_EMPTY;
  mst_status st = mst_json_add(&line, result);
  if (st == MST_OK) st = mst_note_write(b->output, line.at);
  mst_text_free(&line);
  return st;
}

static mst_status finish(const mst_bench *b) {
  json_t *result = mst_bench_json(b);
  mst_status st = MST_OK;
  if (result == NULL) st = mst_fail(MST_ERR_MEMORY, "no memory for the result");
  if (b->table && b->skipped != NULL) st = mst_print(b->team, "left out: %s\n", b->skipped);
  if (st == MST_OK && b->output != NULL) {
    st = write_result(b, result);
    if (st == MST_OK) mst_say_kept(b->output);
  }
  if (st == MST_OK) return mst_print_json(b->team, result);
  json_decref(result);
  return st;
}

static mst_status measure(mst_bench *b) {
  mst_status st = check_output(b);
  MST_TRY(mst_team_agree(b->team, st));
  if (!mst_folder_is(b->folder))
    st = mst_fail(MST_ERR_INPUT, "--dir %s: no such folder", b->folder);
  MST_TRY(mst_file_follow(b->team, st));
  st = make_arrays(b);
  if (st == MST_OK) st = run_all(b);
  for (int i = 0; i < 3; i++) mst_free(b->work[i]);
  if (st == MST_OK && mst_team_rank(b->team) == 0) st = finish(b);
  MST_TRY(mst_team_agree(b->team, st));
  return b->failed == MST_OK ? MST_OK : mst_fail(b->failed, "%s", b->failure);
}

static mst_status bench_command(mst_team *team, int argc, char **argv) {
  mst_bench *b = NULL;
  bool compares = false;
  MST_TRY(mst_team_agree(team, mst_alloc(&b, 1, sizeof *b, "results")));
  *b = (mst_bench){
      .team = team, .seconds = 1, .size = INT64_C(64) << 20, .folder = ".", .table = true};
  mst_status st = mst_team_agree(team, read_arguments(b, argc, argv, &compares));
  if (st == MST_OK)
    st = compares ? mst_bench_compare(team, b->name[0], b->name[1], b->table) : measure(b);
  mst_free(b);
  return st;
}

static const char help[] =
    "usage: muster bench [NAME...] [options]\n"
    "       mpirun -n RANKS muster bench [NAME...] [-o FILE.json]\n"
    "       muster bench --compare A.json B.json\n"
    "\n"
    "Judge an installation in a minute: what memory, cores, sums and files give, each beside its\n"
    "limit, which is measured in the same run. Start it as a job is started, with as many ranks\n"
    "a node, under mpirun or srun; then read the column ratio:\n"
    "\n"
    "  dgemm_one far below 0.8x       OpenBLAS has no kernel for this CPU (muster --version)\n"
    "  dgemm_all near 0.5x            ranks share cores: look at the launcher's binding\n"
    "  DISTURBED                      a rank lost its core to other work, for that share of the\n"
    "                                 time: its row, and the ratio, say nothing; repeat it\n"
    "  ...; rank 17 is slow           that rank's node, or core, is slower than the others\n"
    "  memory_..._all below 1.0x      is common: cores share the memory's bandwidth\n"
    "  sum_lattice below 1.0x         what the same bits on any rank count cost against MPI;\n"
    "                                 sum_fast is the sum without that (reduce: fast)\n"
    "  file_write far below 1.0x      the folder's file system, its stripes, or MPI-IO\n"
    "\n"
    "benchmarks: a name or a group of names (default: all)\n"
    "  memory   memory_read, memory_copy, memory_triad: GB/s of one rank, then of all. Arrays of\n"
    "           --size; held against reading, and against so many times one rank\n"
    "  compute  fma (registers alone), dgemm, sgemm, syrk: GFlop/s likewise, held against fma,\n"
    "           dgemm, and so many times one rank\n"
    "  sums     sum_lattice and sum_fast (MPI_Allreduce), sum_scatter (MPI_Reduce_scatter),\n"
    "           gather_all (MPI_Allgather): bus bandwidth by size of message, from 4 KiB to\n"
    "           --size, held against MPI's own collective on the same doubles, timed in turn;\n"
    "           and as a share of memory_copy_all. 2 ranks or more\n"
    "  files    file_write and file_read: datasets in HDF5, written and read by all ranks, with\n"
    "           checksums, and on disk (fsync) before the time is taken; held against plain files\n"
    "           that the ranks write side by side. Before reading the system is asked to forget\n"
    "           the file, but a network's or a disk's cache may still hold it\n"
    "\n"
    "options\n"
    "  -s, --seconds S          for each row (default: 1)\n"
    "      --size MIB           of an array, of the largest message and of a rank's part of a "
    "file\n"
    "                           (default: 64); a rank needs three times that\n"
    "      --dir FOLDER         where files are written, twice --size a rank at most, and removed\n"
    "                           (default: the current one)\n"
    "  -o, --output FILE.json   keep the result, to compare sites or days; an older result is\n"
    "                           replaced (default: none)\n"
    "      --compare            show two results side by side: result files, or saved outputs\n"
    "      --json               the last line alone, without the table\n"
    "  -h, --help               this text\n"
    "\n"
    "output\n"
    "  A row as soon as it is measured: name, ranks that work, size, repeats, the median over\n"
    "  repeats of the slowest rank's time, rate, limit, ratio (above 1.0x: faster than its\n"
    "  limit), what the limit is. The last line is one JSON object: bench, version, date, host,\n"
    "  mpi, blas, kernel, ranks, nodes, rows (name, ranks, bytes, repeats, seconds, rate, unit,\n"
    "  limit, limit_of, ratio, of_memory, busy, cached, slowest_rank, spread; or name and error).\n"
    "  Of --compare: compare, rows (name, a, b, ratio).\n"
    "\n"
    "exit codes\n"
    "  0 done   1 a benchmark failed (a full disk, memory); the others are in the table\n"
    "  2 bad input (a wrong name or option, a file that is no result)\n"
    "\n"
    "example\n"
    "  mpirun -n 64 muster bench -o site.json --dir /scratch/me\n";

const mst_command mst_command_bench = {.name = "bench",
                                       .summary = "what this installation gives, against limits",
                                       .help = help,
                                       .run = bench_command};
