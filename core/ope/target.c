/* Target policies: probabilities of arms. */
#include "core/ope/target.h"

#include <math.h>

void mst_context_of(const float *x, int64_t width, double *context) {
  for (int64_t i = 0; i < width - 1; i++) context[i] = (double)x[i];
  context[width - 1] = 1;
}

void mst_context_scores(const double *weight, int64_t arms, int64_t width, const double *context,
                        double *out) {
  for (int64_t a = 0; a < arms; a++) {
    double score = 0;
    for (int64_t i = 0; i < width; i++) score += weight[a * width + i] * context[i];
    out[a] = score;
  }
}

static int64_t find_most(const double *x, int64_t n) {
  int64_t most = 0;
  for (int64_t a = 1; a < n; a++)
    if (x[a] > x[most]) most = a;
  return most;
}

static void soften(double *x, int64_t n, double temperature) {
  const double top = x[find_most(x, n)];
  double sum = 0;
  for (int64_t a = 0; a < n; a++) {
    x[a] = exp((x[a] - top) / temperature);
    sum += x[a];
  }
  for (int64_t a = 0; a < n; a++) x[a] /= sum;
}

void mst_target_chances(const mst_target_policy *t, const double *context, double *chance) {
  int64_t chosen = t->arm;
  switch (t->kind) {
    case MST_OPE_UNIFORM:
      for (int64_t a = 0; a < t->arms; a++) chance[a] = 1 / (double)t->arms;
      return;
    case MST_OPE_SOFTMAX:
      mst_context_scores(t->weight, t->arms, t->width, context, chance);
      soften(chance, t->arms, t->temperature);
      return;
    case MST_OPE_GREEDY:
      mst_context_scores(t->weight, t->arms, t->width, context, chance);
      chosen = find_most(chance, t->arms);
      break;
    case MST_OPE_CONSTANT: break;
  }
  for (int64_t a = 0; a < t->arms; a++) chance[a] = a == chosen;
}
