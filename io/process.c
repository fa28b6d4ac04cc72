/* Other programs that muster starts: given their input, waited for, their output read. Their
 * streams are files without a name, so that neither side waits for the other, however much there
 * is. */
#include "io/process.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/memory.h"

#define ENVIRONMENT_BYTES (1 << 22) /* more than the system hands to a program */

extern char **environ;

/* The environment at the start of this process: words that each end with a zero byte, and a list of
 * them. Where the system does not tell, the list stays NULL. */
static mst_status first_environment(char **text, char ***list) {
  int64_t n = 0;
  MST_TRY(mst_alloc(text, ENVIRONMENT_BYTES, 1, "environment"));
  FILE *f = fopen("/proc/self/environ", "rb");
  size_t length = f != NULL ? fread(*text, 1, ENVIRONMENT_BYTES - 1, f) : 0;
  if (f != NULL) fclose(f);
  for (size_t i = 0; i < length; i++) n += (*text)[i] == '\0';
  if (n == 0) return MST_OK;
  MST_TRY(mst_alloc(list, n + 1, sizeof **list, "environment"));
  char *word = *text;
  for (int64_t i = 0; i < n; i++, word += strlen(word) + 1) (*list)[i] = word;
  return MST_OK;
}

static mst_status spawn(const char *const *argv, char **environment, FILE *in, FILE *out, FILE *err,
                        int *code) {
  posix_spawn_file_actions_t streams;
  pid_t pid = 0;
  int state = 0;
  if (posix_spawn_file_actions_init(&streams) != 0)
    return mst_fail(MST_ERR_MEMORY, "no memory to start %s", argv[0]);
  posix_spawn_file_actions_adddup2(&streams, fileno(in), 0);
  posix_spawn_file_actions_adddup2(&streams, fileno(out), 1);
  posix_spawn_file_actions_adddup2(&streams, fileno(err), 2);
  int failed =
      posix_spawnp(&pid, argv[0], &streams, NULL, (char *const *)(uintptr_t)argv, environment);
  posix_spawn_file_actions_destroy(&streams);
  *code = MST_PROCESS_MISSING;
  if (failed == ENOENT) return MST_OK;
  if (failed != 0)
    return mst_fail(MST_ERR_IO, "%s cannot be started: %s", argv[0], strerror(failed));
  while (waitpid(pid, &state, 0) < 0)
    if (errno != EINTR) return mst_fail(MST_ERR_IO, "%s got lost: %s", argv[0], strerror(errno));
  *code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return MST_OK;
}

static mst_status read_stream(FILE *f, mst_text *text) {
  char part[4096];
  size_t n;
  rewind(f);
  while ((n = fread(part, 1, sizeof part - 1, f)) > 0) {
    part[n] = '\0';
    MST_TRY(mst_text_add(text, "%s", part));
  }
  return ferror(f) ? mst_fail(MST_ERR_IO, "a program's output cannot be read: %s", strerror(errno))
                   : MST_OK;
}

static mst_status write_input(FILE *f, const char *input) {
  if (fputs(input, f) >= 0 && fflush(f) == 0) {
    rewind(f);
    return MST_OK;
  }
  return mst_fail(MST_ERR_IO, "a program's input cannot be written: %s", strerror(errno));
}

mst_status mst_process_run(const char *const *argv, const char *input, int *code, mst_text *out,
                           mst_text *err) {
  FILE *stream[3] = {tmpfile(), tmpfile(), tmpfile()};
  char *text = NULL, **environment = NULL;
  mst_status st = first_environment(&text, &environment);
  for (int i = 0; i < 3 && st == MST_OK; i++)
    if (stream[i] == NULL)
      st = mst_fail(MST_ERR_IO, "a temporary file cannot be made: %s", strerror(errno));
  if (st == MST_OK && input != NULL) st = write_input(stream[0], input);
  if (st == MST_OK)
    st = spawn(argv, environment != NULL ? environment : environ, stream[0], stream[1], stream[2],
               code);
  if (st == MST_OK) st = read_stream(stream[1], out);
  if (st == MST_OK) st = read_stream(stream[2], err);
  for (int i = 0; i < 3; i++)
    if (stream[i] != NULL) fclose(stream[i]);
  mst_free(environment);
  mst_free(text);
  return st;
}
