/* Text as io writes it: a buffer that grows, users' words made fit for a one-line message and
 * numbers that read back to the same bits. All functions are Local. */
#ifndef MST_IO_TEXT_H
#define MST_IO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct mst_text {
  char *at; /* ends with a zero byte once something was added; NULL before */
  size_t length, capacity;
} mst_text;

#define MST_TEXT_EMPTY ((mst_text){NULL, 0, 0})

/** Append formatted text. MST_ERR_MEMORY leaves t as it was. */
mst_status mst_text_add(mst_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3))) MST_CHECKED;

/** Append until the line that is being written is `column` characters wide (UTF-8 counted). */
mst_status mst_text_pad(mst_text *t, size_t line_start, int column) MST_CHECKED;

void mst_text_free(mst_text *t);

/** A copy of text that the caller frees with mst_free. */
mst_status mst_text_copy(const char *text, char **out) MST_CHECKED;

/** Characters of a UTF-8 text. */
int mst_text_width(const char *text);

/** Bytes of the UTF-8 character that text begins with, and its number; 0 if there is none (RFC 3629: no overlong
 *  forms, no surrogates, nothing above U+10FFFF). */
int mst_text_decode(const char *text, unsigned *code);

/** Is all of it UTF-8? */
bool mst_text_is_utf8(const char *text);

#define MST_SHOWN 96 /* bytes that a buffer for mst_text_show needs at most */

/** `text` on one line for a message: control characters as \n, \t or \xNN, cut with "..." when it
 *  does not fit in `size` bytes, never inside a UTF-8 character. Returns `to`. */
const char *mst_text_show(const char *text, char *to, size_t size);

#define MST_NUMBER 32 /* bytes of a printed number */

/** The shortest decimal form that reads back as the same double; 0 for minus zero. */
const char *mst_text_real(double value, char to[MST_NUMBER]);

#endif
