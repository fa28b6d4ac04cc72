/* Settings of members of families on the command line: NAME=VALUE, where an experiment file says
 * section.name: value. */
#ifndef MST_JOBS_SETTING_H
#define MST_JOBS_SETTING_H

#include "core/base/param.h"

/** Set a member's parameter `name` in its spec; value must outlive the spec when it is a word.
 *  \return MST_OK, or MST_ERR_INPUT naming the setting with what its value must be, or the settings
 *          that the member has. Local. */
mst_status mst_setting_apply(const char *member, const mst_param *params, const char *name,
                             const char *value, void *spec) MST_CHECKED;

#endif
