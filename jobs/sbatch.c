/* Batch scripts of Slurm. The template is slurm/muster.sbatch.in, built in as text, so that the
 * command works wherever it is copied to. */
#include "jobs/sbatch.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "io/process.h"
#include "jobs/sbatch_template.h" /* template[]: slurm/muster.sbatch.in as a string, by make */

static const char *find_value(const mst_sbatch_field *field, const char *name, size_t length) {
  for (; field->name != NULL; field++)
    if (strlen(field->name) == length && strncmp(field->name, name, length) == 0)
      return field->value;
  return NULL;
}

/* Length of the name between two @, 0 when at is not the first of them. */
static size_t field_length(const char *at) {
  size_t n = *at == '@' ? strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") : 0;
  return n > 0 && at[n + 1] == '@' ? n : 0;
}

mst_status mst_sbatch_fill(const mst_sbatch_field *field, mst_text *script) {
  bool line_begins = true;
  for (const char *c = template; *c != '\0';) {
    size_t n = field_length(c);
    if (n == 0) {
      size_t plain = 1 + strcspn(c + 1, "@");
      MST_TRY(mst_text_add(script, "%.*s", (int)plain, c));
      c += plain;
      line_begins = c[-1] == '\n';
      continue;
    }
    const char *value = find_value(field, c + 1, n);
    if (value == NULL)
      return mst_fail(MST_ERR_INTERNAL, "the template of batch scripts has an unknown field %.*s",
                      (int)n + 2, c);
    c += n + 2;
    bool gone = line_begins && value[0] == '\0' && *c == '\n';
    if (gone)
      c++;
    else
      MST_TRY(mst_text_add(script, "%s", value));
    line_begins = gone;
  }
  return MST_OK;
}

static bool is_plain(const char *text, const char *besides) {
  for (const char *c = text; *c != '\0'; c++)
    if (!isalnum((unsigned char)*c) && strchr(besides, *c) == NULL) return false;
  return text[0] != '\0';
}

/* In single quotes; a single quote itself ends them, stands in double ones, and begins them
 * again. */
mst_status mst_sbatch_word(mst_text *t, const char *word) {
  if (is_plain(word, "_-+=.,:/%@")) return mst_text_add(t, "%s", word);
  for (const char *part = word;;) {
    const char *end = part + strcspn(part, "'");
    MST_TRY(mst_text_add(t, "'%.*s'", (int)(end - part), part));
    if (*end == '\0') return MST_OK;
    MST_TRY(mst_text_add(t, "\"'\""));
    part = end + 1;
  }
}

mst_status mst_sbatch_value(mst_text *t, const char *value) {
  char shown[MST_SHOWN];
  for (const char *c = value; *c != '\0'; c++)
    if (iscntrl((unsigned char)*c))
      return mst_fail(MST_ERR_INPUT, "'%s' cannot stand in a line of a batch script",
                      mst_text_show(value, shown, sizeof shown));
  if (is_plain(value, "_-+=.,:/%@[]*")) return mst_text_add(t, "%s", value);
  MST_TRY(mst_text_add(t, "\""));
  for (const char *c = value; *c != '\0'; c++)
    MST_TRY(mst_text_add(t, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c));
  return mst_text_add(t, "\"");
}

static bool read_digits(const char **at, int64_t *number) {
  size_t n = strspn(*at, "0123456789");
  *number = n > 0 ? strtoll(*at, NULL, 10) : 0;
  *at += n;
  return n > 0 && n <= 9;
}

mst_status mst_sbatch_seconds(const char *time, int64_t *seconds) {
  const char *c = time;
  int64_t part[3] = {0}, sum = 0;
  int n = 1;
  bool good = read_digits(&c, &part[0]), days = good && *c == '-';
  if (days) {
    c++;
    sum = 86400 * part[0];
    good = read_digits(&c, &part[0]);
  }
  while (good && *c == ':' && n < 3) {
    c++;
    good = read_digits(&c, &part[n++]);
  }
  int64_t unit = days || n == 3 ? 3600 : 60;
  for (int i = 0; i < n; i++, unit /= 60) sum += unit * part[i];
  if (!good || *c != '\0' || sum == 0)
    return mst_fail(
        MST_ERR_INPUT,
        "option --time: '%s' is not a time as Slurm writes it: minutes, minutes:seconds, "
        "hours:minutes:seconds or days-hours[:minutes[:seconds]]",
        time);
  *seconds = sum;
  return MST_OK;
}

mst_status mst_sbatch_submit(const char *script, int64_t *id) {
  const char *const argv[] = {"sbatch", "--parsable", script, NULL};
  mst_text out = MST_TEXT_EMPTY, err = MST_TEXT_EMPTY;
  char shown[4 * MST_SHOWN];
  int code = 0;
  *id = 0;
  mst_status st = mst_process_run(argv, NULL, &code, &out, &err);
  if (out.at != NULL) *id = strtoll(out.at, NULL, 10);
  if (err.at != NULL) err.at[strcspn(err.at, "\n")] = '\0';
  if (st == MST_OK && code == MST_PROCESS_MISSING)
    st = mst_fail(MST_ERR_INPUT, "sbatch cannot be started: is this a machine with Slurm?");
  else if (st == MST_OK && code != 0)
    st = mst_fail(
        MST_ERR_INPUT, "sbatch refuses %s: %s", script,
        err.at != NULL ? mst_text_show(err.at, shown, sizeof shown) : "it does not say why");
  else if (st == MST_OK && *id <= 0)
    st = mst_fail(MST_ERR_IO, "sbatch took %s, but did not say the job's number", script);
  mst_text_free(&out);
  mst_text_free(&err);
  return st;
}
