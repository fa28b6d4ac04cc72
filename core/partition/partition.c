/* The table of partitions and the checks that hold for all of them. Which member follows which
 * paper: doc/methods/partitions.md. */
#include "core/partition/partition.h"

#include <stddef.h>

#include "core/base/registry.h"
#include "core/partition/members.h"

static const mst_partition_ops *const TABLE[] = {
    &mst_partition_iid,     &mst_partition_shards,   &mst_partition_dirichlet,
    &mst_partition_mixture, &mst_partition_quantity, &mst_partition_natural,
};

#define MEMBERS ((int)(sizeof TABLE / sizeof TABLE[0]))

const mst_partition_ops *mst_partition_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_partition_ops *mst_partition_find(const char *name) {
  return mst_partition_at(mst_registry_find(name_at, name));
}

/* Client numbers are int32 in memory and in files. */
static mst_status check_clients(const mst_partition_ops *ops, int64_t clients) {
  if (clients == 0 && ops == &mst_partition_natural) return MST_OK;
  if (clients < 1 || clients > INT32_MAX)
    return mst_fail(MST_ERR_INPUT,
                    "partition %s: the number of clients is %lld, but it must be in 1 .. %d",
                    ops->name, (long long)clients, INT32_MAX);
  return MST_OK;
}

static int64_t count_clients(int64_t n, const int32_t *client) {
  int64_t clients = 0;
  for (int64_t i = 0; i < n; i++)
    if (client[i] >= clients) clients = (int64_t)client[i] + 1;
  return clients;
}

mst_status mst_partition_assign(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                                int64_t n_classes, const int32_t *natural, int32_t *client,
                                int64_t *clients) {
  const mst_partition_ops *ops = mst_partition_find(spec->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "clients.partition", spec->name);
  MST_TRY(check_clients(ops, spec->clients));
  if (n < 0)
    return mst_fail(MST_ERR_INPUT, "partition %s: cannot deal %lld rows; give 0 or more", ops->name,
                    (long long)n);
  MST_TRY(ops->assign(spec, n, label, n_classes, natural, client));
  *clients = spec->clients > 0 ? spec->clients : count_clients(n, client);
  return MST_OK;
}
