/* The mixture partition: label skew with equal sizes. Client k draws its class mixture
 * p_k ~ Dirichlet(alpha) over the classes, and its rows one at a time from the classes by that
 * mixture: Hsu, Qi, Brown, "Measuring the effects of non-identical data distribution for federated
 * visual classification", 2019 (arXiv:1909.06335). The clients draw in turn, so that when classes
 * run out nobody is left with only what the others did not want. */
#include <math.h>

#include "core/base/memory.h"
#include "core/partition/members.h"

typedef struct table {
  double *mix;   /* (K, classes) */
  int64_t *left; /* (classes) rows not dealt yet */
} table;

/* A class for client k: by its mixture over the classes that have rows left; by what is left where
 * the mixture gives none of them any weight. */
static int64_t draw_class(const table *t, int64_t k, int64_t n_classes, double u) {
  const double *mix = t->mix + k * n_classes;
  double total = 0;
  for (int64_t c = 0; c < n_classes; c++) total += t->left[c] > 0 ? mix[c] : 0;
  bool by_mix = total > 0;
  if (!by_mix)
    for (int64_t c = 0; c < n_classes; c++) total += (double)t->left[c];
  double at = u * total;
  int64_t last = -1;
  for (int64_t c = 0; c < n_classes; c++) {
    if (t->left[c] == 0 || (by_mix && mix[c] <= 0)) continue;
    last = c;
    at -= by_mix ? mix[c] : (double)t->left[c];
    if (at < 0) return c;
  }
  return last; /* u * total met the rounding of the sum */
}

static void deal(const mst_partition_spec *spec, int64_t n, int64_t n_classes,
                 const mst_deal_classes *classes, table *t, int32_t *client) {
  mst_stream shares = mst_deal_stream(spec, MST_DEAL_SHARES, 0);
  mst_stream hands = mst_deal_stream(spec, MST_DEAL_HANDS, 0);
  for (int64_t k = 0; k < spec->clients; k++)
    mst_stream_dirichlet(&shares, spec->alpha, n_classes, t->mix + k * n_classes);
  for (int64_t c = 0; c < n_classes; c++) t->left[c] = classes->first[c + 1] - classes->first[c];
  for (int64_t i = 0; i < n; i++) {
    int64_t k = i % spec->clients;
    int64_t c = draw_class(t, k, n_classes, mst_stream_uniform(&hands));
    client[classes->row[classes->first[c] + --t->left[c]]] = (int32_t)k;
  }
}

static mst_status assign(const mst_partition_spec *spec, int64_t n, const int32_t *label,
                         int64_t n_classes, const int32_t *natural, int32_t *client) {
  (void)natural;
  mst_deal_classes classes = {0};
  table t = {NULL, NULL};
  mst_status status = MST_OK;
  if (!(isfinite(spec->alpha) && spec->alpha > 0))
    return mst_fail(MST_ERR_INPUT,
                    "partition mixture: alpha is %g, but it must be a number above 0", spec->alpha);
  status = mst_deal_by_class(spec, n, label, n_classes, &classes);
  if (status == MST_OK)
    status = mst_alloc(&t.mix, spec->clients * n_classes, sizeof *t.mix, "class mixtures");
  if (status == MST_OK) status = mst_alloc(&t.left, n_classes, sizeof *t.left, "class counts");
  if (status == MST_OK && n > 0) deal(spec, n, n_classes, &classes, &t, client);
  mst_free(t.left);
  mst_free(t.mix);
  mst_deal_classes_free(&classes);
  return status;
}

static const mst_param params[] = {
    MST_PARTITION_COUNT(NULL, "number of clients"),
    {.name = "alpha", .type = MST_PARAM_REAL, .offset = offsetof(mst_partition_spec, alpha),
     .min = 0, .max = INFINITY, .open_min = true, .unit = "",
     .help = "concentration: 0.01 gives most clients one class, 100 is near to iid"},
    {.name = NULL}};

const mst_partition_ops mst_partition_mixture = {
    .name = "mixture",
    .summary = "each client's class mixture ~ Dirichlet(alpha): skewed labels, equal sizes",
    .params = params,
    .assign = assign,
};
