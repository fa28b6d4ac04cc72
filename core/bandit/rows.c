/* Environment `rows`: every arm is offered the numbers of one row of a dataset, so that arms differ
 * by what they pay alone. Rows are taken in a random order of the instance, each once before any is
 * taken again; agents have different ones. */
#include <math.h>

#include "core/bandit/environment_member.h"

static const mst_param params[] = {
    {.name = "pays",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_environment_spec, pays),
     .fallback = "rewards",
     .allowed = "rewards|costs",
     .unit = "",
     .help =
         "what the values of a dataset are, one for every arm: rewards, or costs, whose negative "
         "is the reward"},
    {.name = "constant",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_environment_spec, constant),
     .fallback = "true",
     .unit = "",
     .help =
         "put a 1 behind the numbers of a row, so that what arms pay need not be 0 where all are"},
    {.name = NULL}};

mst_status mst_environment_rows_check(const mst_environment_spec *s) {
  if (s->rows == NULL || s->rows->rows < 1)
    return mst_fail(MST_ERR_INPUT,
                    "environment.kind: rows needs the rows of a dataset: data.train");
  if (s->sets > 0 || s->misspecified > 0 || s->noise > 0 || s->gap > 0 || s->change_every > 0 ||
      s->noise_spread > 1)
    return mst_fail(
        MST_ERR_INPUT,
        "environment.kind: rows has neither pool nor noise nor a hidden vector; leave out "
        "environment.sets, .noise, .misspecified, .gap and .change_every");
  return MST_OK;
}

mst_contexts mst_environment_rows_offer(const mst_environment *e, int64_t agent, int64_t round,
                                        double *room) {
  const mst_bandit_rows *r = e->spec.rows;
  const int64_t width = e->spec.dimension, arms = e->spec.arms;
  const int64_t d = width - e->spec.constant;
  const int64_t place = r->agents > 1 ? round * r->agents + agent : round;
  const int64_t row = e->order[place % r->rows];
  double *mean = room + arms * width;
  const double sign = e->costs ? -1 : 1;
  mst_contexts c = {.x = room, .mean = mean, .best = -INFINITY, .set = -1};
  for (int64_t a = 0; a < arms; a++) {
    for (int64_t i = 0; i < d; i++) room[a * width + i] = (double)r->x[row * d + i];
    if (e->spec.constant) room[a * width + d] = 1;
    mean[a] = r->label != NULL ? r->label[row] == a : sign * (double)r->value[row * arms + a];
    c.best = fmax(c.best, mean[a]);
  }
  return c;
}

const mst_environment_ops mst_environment_rows = {
    .name = "rows",
    .summary = "rows of data.train: an arm is a class, or a column of values",
    .params = params,
};
