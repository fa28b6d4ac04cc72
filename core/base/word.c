/* Lists of words, the distance between two words, and the best guess among candidates. */
#include "core/base/word.h"

#include <limits.h>
#include <string.h>

#define COUNTED 63 /* bytes of a word that count in a distance */

bool mst_word_next(const char *list, const char **word, int *length) {
  const char *at = *word == NULL ? list : *word + strcspn(*word, "|");
  if (*at == '\0') return false;
  if (*word != NULL) at++;
  *word = at;
  *length = (int)strcspn(at, "|");
  return true;
}

bool mst_word_is_in(const char *word, const char *list) {
  size_t length = strlen(word);
  const char *one = NULL;
  for (int n; mst_word_next(list, &one, &n);)
    if ((size_t)n == length && memcmp(one, word, length) == 0) return true;
  return false;
}

static int least(int a, int b) {
  return a < b ? a : b;
}

static int distance(const char *a, int n, const char *b, int m) {
  int d[COUNTED + 1][COUNTED + 1];
  for (int i = 0; i <= n; i++) d[i][0] = i;
  for (int j = 0; j <= m; j++) d[0][j] = j;
  for (int i = 1; i <= n; i++) {
    for (int j = 1; j <= m; j++) {
      d[i][j] =
          least(least(d[i - 1][j] + 1, d[i][j - 1] + 1), d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[n][m];
}

int mst_word_distance(const char *a, const char *b) {
  return distance(a, (int)strnlen(a, COUNTED), b, (int)strnlen(b, COUNTED));
}

int mst_word_tolerance(const char *word) {
  size_t n = strlen(word);
  return n < 2 ? 0 : n < 4 ? 1 : n < 8 ? 2 : 3;
}

mst_guess mst_guess_within(int edits) {
  return (mst_guess){NULL, 0, edits + 1};
}

mst_guess mst_guess_any(void) {
  return (mst_guess){NULL, 0, INT_MAX};
}

void mst_guess_offer(mst_guess *g, const char *candidate, int length, int edits) {
  if (edits < g->distance) *g = (mst_guess){candidate, length, edits};
}

void mst_guess_try(mst_guess *g, const char *word, const char *candidate, int length) {
  mst_guess_offer(g, candidate, length,
                  distance(word, (int)strnlen(word, COUNTED), candidate, least(length, COUNTED)));
}

mst_guess mst_guess_in(const char *word, const char *list) {
  mst_guess g = mst_guess_within(mst_word_tolerance(word));
  const char *one = NULL;
  for (int n; mst_word_next(list, &one, &n);) mst_guess_try(&g, word, one, n);
  return g;
}

const char *mst_word_nearest(const char *word, const char *(*name)(int i)) {
  mst_guess g = mst_guess_any();
  const char *candidate;
  for (int i = 0; (candidate = name(i)) != NULL; i++)
    mst_guess_try(&g, word, candidate, (int)strlen(candidate));
  return g.word;
}
