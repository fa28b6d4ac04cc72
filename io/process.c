/* Other programs that muster starts: given their input, waited for, their output read. Their
 * streams are files without a name, so that neither side waits for the other, however much there
 * is. */
#include "io/process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"

#define ENVIRONMENT_BYTES (1 << 22) /* more than the system hands to a program */
#define LOOK_SECONDS      0.02      /* between looks at a program within limits */
#define PATIENCE_SECONDS  5.0       /* from SIGTERM to SIGKILL                  */

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

/* Wait for the end, and bring it about when the limits say so; `ended` tells which did. */
static mst_status wait_within(pid_t pid, const mst_process_limits *limits, int *state, int *ended) {
  const double start = mst_clock_seconds();
  double asked = 0;
  bool killed = false;
  *ended = 0;
  for (;;) {
    pid_t got = waitpid(pid, state, limits != NULL ? WNOHANG : 0);
    if (got == pid) break;
    if (got < 0 && errno != EINTR) return mst_fail(MST_ERR_IO, "it got lost: %s", strerror(errno));
    if (limits == NULL) continue;
    const double now = mst_clock_seconds();
    if (*ended == 0) {
      if (limits->stop != NULL && limits->stop())
        *ended = MST_PROCESS_STOPPED;
      else if (limits->seconds > 0 && now - start > limits->seconds)
        *ended = MST_PROCESS_LATE;
      if (*ended != 0) {
        asked = now;
        kill(-pid, SIGTERM);
      }
    } else if (!killed && now - asked > PATIENCE_SECONDS) {
      killed = true;
      kill(-pid, SIGKILL);
    }
    nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * LOOK_SECONDS)}, NULL);
  }
  if (*ended != 0) kill(-pid, SIGKILL); /* what it may have left in its group */
  return MST_OK;
}

static int start(const char *const *argv, char **environment, FILE *const stream[3], bool group,
                 pid_t *pid) {
  posix_spawn_file_actions_t streams;
  posix_spawnattr_t how;
  if (posix_spawn_file_actions_init(&streams) != 0) return ENOMEM;
  if (posix_spawnattr_init(&how) != 0) {
    posix_spawn_file_actions_destroy(&streams);
    return ENOMEM;
  }
  if (group) {
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
  }
  for (int i = 0; i < 3; i++) posix_spawn_file_actions_adddup2(&streams, fileno(stream[i]), i);
  int failed =
      posix_spawnp(pid, argv[0], &streams, &how, (char *const *)(uintptr_t)argv, environment);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&streams);
  return failed;
}

static mst_status spawn(const char *const *argv, char **environment, FILE *const stream[3],
                        const mst_process_limits *limits, int *code) {
  pid_t pid = 0;
  int state = 0, ended = 0, failed = start(argv, environment, stream, limits != NULL, &pid);
  *code = MST_PROCESS_MISSING;
  if (failed == ENOENT) return MST_OK;
  if (failed == ENOMEM) return mst_fail(MST_ERR_MEMORY, "no memory to start %s", argv[0]);
  if (failed != 0)
    return mst_fail(MST_ERR_IO, "%s cannot be started: %s", argv[0], strerror(failed));
  mst_status st = wait_within(pid, limits, &state, &ended);
  if (st != MST_OK) return mst_fail_within(st, "%s: ", argv[0]);
  *code = ended != 0          ? ended
          : WIFEXITED(state) ? WEXITSTATUS(state)
                             : 128 + WTERMSIG(state);
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
  return mst_process_run_within(argv, input, NULL, code, out, err);
}

mst_status mst_process_run_within(const char *const *argv, const char *input,
                                  const mst_process_limits *limits, int *code, mst_text *out,
                                  mst_text *err) {
  FILE *stream[3] = {tmpfile(), tmpfile(), tmpfile()};
  char *text = NULL, **environment = NULL;
  mst_status st = first_environment(&text, &environment);
  for (int i = 0; i < 3 && st == MST_OK; i++)
    if (stream[i] == NULL)
      st = mst_fail(MST_ERR_IO, "a temporary file cannot be made: %s", strerror(errno));
  if (st == MST_OK && input != NULL) st = write_input(stream[0], input);
  if (st == MST_OK)
    st = spawn(argv, environment != NULL ? environment : environ, stream, limits, code);
  if (st == MST_OK) st = read_stream(stream[1], out);
  if (st == MST_OK) st = read_stream(stream[2], err);
  for (int i = 0; i < 3; i++)
    if (stream[i] != NULL) fclose(stream[i]);
  mst_free(environment);
  mst_free(text);
  return st;
}
