/* The look at an experiment's bytes before libyaml sees them: size, UTF-8, control characters and
 * tabs as indentation, each with the line and column where it stands. */
#include <stdio.h>
#include <string.h>

#include "io/experiment.h"
#include "io/text.h"
#include "io/yaml_text.h"

/* What libyaml's reader takes. */
static bool is_printable(unsigned code) {
  return code == '\t' || code == '\n' || code == '\r' || code == 0x85 ||
         (code >= 0x20 && code <= 0x7E) || (code >= 0xA0 && code != 0xFFFE && code != 0xFFFF);
}

mst_status mst_yaml_fail(const char *name, bool lines, int line, int column, const char *problem) {
  if (!lines) return mst_fail(MST_ERR_INPUT, "%s: %s", name, problem);
  if (column < 1) return mst_fail(MST_ERR_INPUT, "%s:%d: %s", name, line, problem);
  return mst_fail(MST_ERR_INPUT, "%s:%d:%d: %s", name, line, column, problem);
}

mst_status mst_yaml_look(const char *text, const char *name, bool lines) {
  char problem[160];
  size_t length = strnlen(text, MST_EXPERIMENT_BYTES + 1);
  if (length > MST_EXPERIMENT_BYTES)
    return mst_fail(MST_ERR_INPUT, "%s: larger than %d bytes; is it an experiment file?", name,
                    MST_EXPERIMENT_BYTES);
  int line = 1, column = 1;
  bool indent = true;
  for (const char *s = text; *s != '\0';) {
    unsigned code = 0;
    int n = mst_text_decode(s, &code);
    if (n == 0) {
      snprintf(problem, sizeof problem, "byte 0x%02X is not UTF-8; save the file as UTF-8",
               (unsigned char)*s);
      return mst_yaml_fail(name, lines, line, column, problem);
    }
    if (!is_printable(code)) {
      snprintf(problem, sizeof problem, "control character U+%04X; remove it", code);
      return mst_yaml_fail(name, lines, line, column, problem);
    }
    if (code == '\t' && indent && lines)
      return mst_yaml_fail(name, lines, line, column, "a tab in the indentation; use spaces");
    indent = code == '\n' || (indent && code == ' ');
    column = code == '\n' ? 1 : column + 1;
    line += code == '\n';
    s += n;
  }
  return MST_OK;
}
