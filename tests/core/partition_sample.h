/* What the tests of partitions share: a small dataset with labels and natural clients, the call
 * under test, and counts of what it dealt. */
#ifndef MST_TESTS_CORE_PARTITION_SAMPLE_H
#define MST_TESTS_CORE_PARTITION_SAMPLE_H

#include <stdlib.h>

#include "core/partition/partition.h"

/* A dataset's labels and natural clients, and room for an assignment. */
typedef struct sample {
  int64_t n, classes, clients;
  int32_t *label, *natural, *client;
} sample;

static inline sample sample_make(int64_t n, int64_t classes) {
  sample s = {.n = n, .classes = classes};
  s.label = calloc((size_t)n + 1, sizeof *s.label);
  s.natural = calloc((size_t)n + 1, sizeof *s.natural);
  s.client = calloc((size_t)n + 1, sizeof *s.client);
  for (int64_t i = 0; i < n; i++) {
    s.label[i] = (int32_t)(i * 7 % classes);
    s.natural[i] = (int32_t)(i % 4);
    s.client[i] = -7;
  }
  return s;
}

static inline void sample_free(sample *s) {
  free(s->label);
  free(s->natural);
  free(s->client);
}

static inline mst_partition_spec spec_of(const char *name, int64_t clients) {
  return (mst_partition_spec){.name = name, .seed = 11, .clients = clients, .alpha = 0.3,
                              .classes = 2};
}

static inline mst_status assign(const mst_partition_spec *spec, sample *s) {
  return mst_partition_assign(spec, s->n, s->label, s->classes, s->natural, s->client,
                              &s->clients);
}

/* Rows whose client is not in range; one assertion a sample, since Check's are slow. */
static inline int64_t count_strays(const sample *s) {
  int64_t strays = 0;
  for (int64_t i = 0; i < s->n; i++) strays += s->client[i] < 0 || s->client[i] >= s->clients;
  return strays;
}

/* counts(clients, classes) of rows; freed with free(). */
static inline int64_t *count_rows(const sample *s) {
  int64_t *count = calloc((size_t)(s->clients * s->classes), sizeof *count);
  for (int64_t i = 0; i < s->n; i++) count[s->client[i] * s->classes + s->label[i]]++;
  return count;
}

static inline int64_t *count_sizes(const sample *s) {
  int64_t *size = calloc((size_t)s->clients, sizeof *size);
  for (int64_t i = 0; i < s->n; i++) size[s->client[i]]++;
  return size;
}

#endif
