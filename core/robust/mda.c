/* Minimum-diameter averaging (El Mhamdi et al. 2020): the mean of the n-f vectors whose largest
 * mutual distance is least.
 *
 * Exact. For a bound on distances, n-f vectors within it exist just if f vectors can be taken away
 * so that no pair is left that is farther apart: a vertex cover of the graph of such pairs, found
 * by the classic bounded search tree (Downey, Fellows: Parameterized complexity, 1999), which
 * branches on the vector with most pairs and ends after about 1.5^f steps at worst, commonly after
 * a handful. The least bound is found by bisection over the distances that occur. Of several sets
 * of that diameter, the first in lexicographic order is taken. */
#include "core/robust/weights.h"

/* Most vectors that are looked at, over the whole call: a second or two. */
static const int64_t LOOKS_MOST = 500000000;

typedef struct search {
  int64_t n, stride;
  const double *distance;
  double bound; /* pairs farther apart than this are to be broken up */
  int64_t looks;
  int64_t taken; /* entries of trail */
  int32_t degree[MST_RULE_ROWS];
  int32_t trail[MST_RULE_ROWS]; /* the vectors that are taken away, in order */
  bool away[MST_RULE_ROWS];
} search;

static bool far(const search *s, int64_t i, int64_t j) {
  return s->distance[i * s->stride + j] > s->bound;
}

static void begin(search *s, double bound) {
  s->bound = bound;
  s->taken = 0;
  for (int64_t i = 0; i < s->n; i++) {
    s->away[i] = false;
    s->degree[i] = 0;
    for (int64_t j = 0; j < s->n; j++) s->degree[i] += far(s, i, j);
  }
}

static void take(search *s, int64_t i) {
  s->looks += s->n;
  s->away[i] = true;
  s->trail[s->taken++] = (int32_t)i;
  for (int64_t j = 0; j < s->n; j++)
    if (!s->away[j] && far(s, i, j)) s->degree[j]--;
}

/* Take all that are far from i; returns how many. */
static int64_t take_far(search *s, int64_t i) {
  s->looks += s->n;
  const int64_t before = s->taken;
  for (int64_t j = 0; j < s->n; j++)
    if (!s->away[j] && far(s, i, j)) take(s, j);
  return s->taken - before;
}

static void give_back(search *s, int64_t mark) {
  while (s->taken > mark) {
    const int64_t i = s->trail[--s->taken];
    for (int64_t j = 0; j < s->n; j++)
      if (!s->away[j] && far(s, i, j)) s->degree[j]++;
    s->away[i] = false;
  }
}

/* The vector with most pairs and, if there is one, a vector with a single pair. */
static void survey(search *s, int64_t *most, int64_t *leaf, int64_t *pairs) {
  s->looks += s->n;
  *most = *leaf = -1;
  *pairs = 0;
  for (int64_t i = 0; i < s->n; i++) {
    if (s->away[i] || s->degree[i] == 0) continue;
    if (*most < 0 || s->degree[i] > s->degree[*most]) *most = i;
    if (*leaf < 0 && s->degree[i] == 1) *leaf = i;
    *pairs += s->degree[i];
  }
  *pairs /= 2;
}

/* Whether at most `budget` of the vectors that are left can be taken so that no far pair is left.
 * Leaves the search as it was. */
static bool coverable(search *s, int64_t budget) {
  if (s->looks > LOOKS_MOST) return false;
  const int64_t mark = s->taken;
  bool found = false;
  for (;;) {
    int64_t most, leaf, pairs;
    survey(s, &most, &leaf, &pairs);
    found = most < 0;
    if (found || budget <= 0 || pairs > budget * s->degree[most]) break;
    /* No better choice than a leaf's neighbour, than any vector of a cycle, and than a vector with
     * more pairs than others may be taken. */
    if (leaf >= 0) {
      budget -= take_far(s, leaf);
    } else if (s->degree[most] == 2 || s->degree[most] > budget) {
      take(s, most);
      budget--;
    } else {
      const int64_t here = s->taken;
      take(s, most);
      found = coverable(s, budget - 1);
      give_back(s, here);
      if (!found) found = coverable(s, budget - take_far(s, most));
      break;
    }
  }
  give_back(s, mark);
  return found;
}

/* The first n-f vectors, in lexicographic order, that lie within the bound. */
static void choose(search *s, int64_t byzantine, double *weight) {
  const int64_t size = s->n - byzantine;
  int64_t budget = byzantine, chosen = 0;
  for (int64_t i = 0; i < s->n && chosen < size; i++) {
    if (s->away[i]) continue;
    const int64_t mark = s->taken, cost = take_far(s, i);
    if (cost == 0 || (cost <= budget && coverable(s, budget - cost))) {
      budget -= cost;
      weight[i] = 1 / (double)size;
      chosen++;
    } else {
      give_back(s, mark);
      take(s, i);
      budget--;
    }
  }
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return n * (n - 1) / 2;
}

/* The sorted distances of pairs. */
static int64_t list_pairs(const mst_rule_view *v, double *pair) {
  int64_t pairs = 0;
  for (int64_t i = 0; i < v->n; i++)
    for (int64_t j = 0; j < i; j++) pair[pairs++] = v->distance[i * v->points + j];
  mst_weights_sort(pairs, pair);
  return pairs;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  search state = {.n = v->n, .stride = v->points, .distance = v->distance};
  const int64_t pairs = list_pairs(v, work);
  int64_t low = 0, high = pairs - 1;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    begin(&state, work[middle]);
    if (coverable(&state, s->byzantine))
      high = middle;
    else
      low = middle + 1;
  }
  for (int64_t i = 0; i < v->points; i++) weight[i] = 0;
  begin(&state, pairs > 0 ? work[low] : 0);
  choose(&state, s->byzantine, weight);
  if (state.looks <= LOOKS_MOST) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "mda did not find the %lld of %lld vectors with the least diameter in %lld steps; "
      "take a smaller aggregate.byzantine, or another rule",
      (long long)(v->n - s->byzantine), (long long)v->n, (long long)LOOKS_MOST);
}

const mst_rule_ops mst_rule_mda = {
    .name = "mda",
    .summary = "mean of the n-f vectors whose largest mutual distance is least",
    .least = mst_rule_majority,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
