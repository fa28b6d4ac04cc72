/* Registries: what the tables of interchangeable parts (features, models, optimizers, methods, ...)
 * have in common. A family says its members' names, and has from here the search by name and the
 * sentence that refuses a name that none has. Private to core; all functions are Local. */
#ifndef MST_CORE_BASE_REGISTRY_H
#define MST_CORE_BASE_REGISTRY_H

#include "core/base/status.h"

/* The i-th member's name, or NULL outside the table. */
typedef const char *(*mst_registry_names)(int i);

/** The number of the member of that name; -1 when there is none, or name is NULL. Local. */
int mst_registry_find(mst_registry_names names, const char *name);

/** Refuse a name that no member has (NULL: as if it were empty): `key`, the name, the choices, and
 *  the nearest of them if it may be meant.
 *  \param key  where the name stands in an experiment: "model.kind".
 *  \return MST_ERR_INPUT. Local. */
mst_status mst_registry_refuse(mst_registry_names names, const char *key, const char *name);

#endif
