/* Words that were meant: membership in a list, and the candidate nearest to what was written, by
 * the number of edits (Damerau-Levenshtein). Every "did you mean" comes from here. A list is a text
 * of words separated by '|'. All functions are Local. */
#ifndef MST_CORE_BASE_WORD_H
#define MST_CORE_BASE_WORD_H

#include <stdbool.h>

/** The next word of a list: start with *word = NULL; false past the end.
 *      const char *word = NULL;
 *      for (int n; mst_word_next("iid|shards", &word, &n);) ...
 *  \param word  in and out: points into list, not terminated.
 *  \param length  out: its bytes. */
bool mst_word_next(const char *list, const char **word, int *length);

/** Is word one of the list's? */
bool mst_word_is_in(const char *word, const char *list);

/** Insertions, deletions, replacements and swaps of neighbours (no substring edited twice) between
 *  the first 63 bytes of two words. */
int mst_word_distance(const char *a, const char *b);

/** Edits after which a word of that length may still be meant. */
int mst_word_tolerance(const char *word);

/* The best of the candidates seen so far: the nearest, of equals the first. */
typedef struct mst_guess {
  const char *word; /* NULL while none was near enough; not terminated, points into a candidate */
  int length;
  int distance; /* a candidate must be nearer than this */
} mst_guess;

/** A guess that takes candidates of at most that many edits. */
mst_guess mst_guess_within(int edits);
/** Any candidate, however far. */
mst_guess mst_guess_any(void);

/** Offer a candidate whose distance the caller knows, or (try) that is compared with word. */
void mst_guess_offer(mst_guess *g, const char *candidate, int length, int edits);
void mst_guess_try(mst_guess *g, const char *word, const char *candidate, int length);

/** The nearest word of a list that may be meant. */
mst_guess mst_guess_in(const char *word, const char *list);

/** The nearest of the names that name(i) gives, however far; NULL ends them. NULL when there is
 *  none. */
const char *mst_word_nearest(const char *word, const char *(*name)(int i));

#endif
