/* The look at an experiment's bytes before libyaml sees them. Private to io; all Local. */
#ifndef MST_IO_YAML_TEXT_H
#define MST_IO_YAML_TEXT_H

#include <stdbool.h>

#include "core/base/status.h"

/** MST_ERR_INPUT for text that is too large, not UTF-8, or holds control characters or tabs as
 *  indentation. name and lines as for mst_yaml_parse. */
mst_status mst_yaml_look(const char *text, const char *name, bool lines) MST_CHECKED;

/** "name:line:column: problem"; no column when it is 0, no line either when lines is false. */
mst_status mst_yaml_fail(const char *name, bool lines, int line, int column, const char *problem);

#endif
