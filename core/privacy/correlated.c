/* Correlated noise from its terms, and from the window of past noise where there is one. */
#include "core/privacy/correlated.h"

#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

struct mst_correlated {
  const mst_correlation *correlation;
  const mst_secret *secret;
  double sigma;
  int64_t first, n;
  int64_t next;   /* the step that the window is for                              */
  double *draw;   /* (n) Gaussian; as integers, discrete                          */
  double *window; /* (correlation->window, n) noise of step t at t mod the window */
};

int64_t mst_correlated_bytes(const mst_correlation *correlation, int64_t n) {
  return (1 + correlation->window) * n * (int64_t)sizeof(double);
}

mst_status mst_correlated_create(const mst_correlation *correlation, const mst_secret *secret,
                                 double sigma, int64_t first, int64_t n, mst_correlated **out) {
  mst_correlated *m = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&m, 1, sizeof *m, "correlated noise"));
  *m = (mst_correlated){correlation, secret, sigma, first, n, 0, NULL, NULL};
  mst_status st = mst_alloc(&m->draw, n, sizeof *m->draw, "correlated noise");
  if (st == MST_OK)
    st = mst_alloc(&m->window, correlation->window * n, sizeof *m->window, "correlated noise");
  if (st != MST_OK) {
    mst_correlated_destroy(m);
    return st;
  }
  *out = m;
  return MST_OK;
}

void mst_correlated_destroy(mst_correlated *m) {
  if (m == NULL) return;
  const size_t vector = (size_t)m->n * sizeof(double);
  if (m->draw != NULL) sodium_memzero(m->draw, vector);
  if (m->window != NULL) sodium_memzero(m->window, (size_t)m->correlation->window * vector);
  mst_free(m->draw);
  mst_free(m->window);
  mst_free(m);
}

static bool term_of(const mst_correlated *m, int64_t step, int64_t i, mst_correlation_term *term,
                    mst_noise *noise) {
  const mst_correlation *c = m->correlation;
  const int64_t at = step % c->period;
  if (!c->ops->term(c, step - at, at, i, term)) return false;
  *noise = mst_noise_of(m->secret, term->purpose, 0, term->step);
  return true;
}

/* out = the terms and the window's part of a step's noise, which then enters the window. */
static void make(mst_correlated *m, int64_t step, double *out) {
  const mst_correlation *c = m->correlation;
  const int64_t n = m->n, width = c->window, at = step % c->period;
  mst_correlation_term term;
  mst_noise noise;
  for (int64_t i = 0; term_of(m, step, i, &term, &noise); i++) {
    mst_noise_gaussian(&noise, m->first, n, m->sigma, i == 0 ? out : m->draw);
    for (int64_t e = 0; i == 0 && e < n; e++) out[e] *= term.weight;
    for (int64_t e = 0; i > 0 && e < n; e++) out[e] += term.weight * m->draw[e];
    mst_noise_wipe(&noise);
  }
  for (int64_t k = 1; k <= mst_least(width, at); k++) {
    const double weight = c->past[k - 1], *w = m->window + (at - k) % width * n;
    for (int64_t e = 0; e < n; e++) out[e] += weight * w[e];
  }
  for (int64_t e = 0; width > 0 && e < n; e++) m->window[at % width * n + e] = out[e];
  m->next = step + 1;
}

void mst_correlated_noise(mst_correlated *m, int64_t step, double *out) {
  const mst_correlation *c = m->correlation;
  const int64_t base = step - step % c->period;
  if (c->window > 0 && m->next != step) /* what this start did not make, from the beginning */
    for (int64_t s = m->next > base && m->next < step ? m->next : base; s < step; s++)
      make(m, s, out);
  make(m, step, out);
}

void mst_correlated_whole(mst_correlated *m, const mst_discrete *law, int64_t step, int64_t *out) {
  mst_correlation_term term;
  mst_noise noise;
  int64_t *draw = (int64_t *)(void *)m->draw;
  for (int64_t i = 0; term_of(m, step, i, &term, &noise); i++) {
    const int64_t weight = (int64_t)term.weight;
    mst_noise_discrete(law, &noise, m->first, m->n, i == 0 ? out : draw);
    for (int64_t e = 0; i == 0 && e < m->n; e++) out[e] *= weight;
    for (int64_t e = 0; i > 0 && e < m->n; e++) out[e] += weight * draw[e];
    mst_noise_wipe(&noise);
  }
}
