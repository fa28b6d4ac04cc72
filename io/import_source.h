/* What the importers share, private to them: bytes of plain or gzip files, lines of text, numbers,
 * names of classes, arrays, and the loop that carries rows from rank 0's parser to the file. All
 * Local, and called on rank 0 alone, but for mst_import_stream. */
#ifndef MST_IO_IMPORT_SOURCE_H
#define MST_IO_IMPORT_SOURCE_H

#include <locale.h>

#include "io/import.h"

/* Bytes of a file, plain or gzip. */
typedef struct mst_import_bytes {
  const char *path;
  void *file; /* gzFile */
} mst_import_bytes;

mst_status mst_import_bytes_open(mst_import_bytes *b, const char *path) MST_CHECKED;
void mst_import_bytes_close(mst_import_bytes *b);
mst_status mst_import_bytes_rewind(mst_import_bytes *b) MST_CHECKED;
/** Up to n bytes; *got < n only at the end of the file. A truncated or corrupt gzip file is
 *  MST_ERR_FORMAT with the position. */
mst_status mst_import_bytes_some(mst_import_bytes *b, void *out, int64_t n,
                                 int64_t *got) MST_CHECKED;
/** Exactly n bytes, or MST_ERR_FORMAT: the file ends too early, in `what`. */
mst_status mst_import_bytes_all(mst_import_bytes *b, void *out, int64_t n,
                                const char *what) MST_CHECKED;
/** Can n more bytes follow? MST_ERR_FORMAT if the file is too short for them: found out before
 *  anything is made of a header that states too much. */
mst_status mst_import_bytes_fit(mst_import_bytes *b, int64_t n, const char *what) MST_CHECKED;
/** There must be no more bytes; also compares gzip's own checksum. */
mst_status mst_import_bytes_end(mst_import_bytes *b) MST_CHECKED;
/** Bytes given out so far. */
int64_t mst_import_bytes_place(const mst_import_bytes *b);
/** A path without its folders. */
const char *mst_import_base_name(const char *path);

/* Lines of a text file. */
typedef struct mst_import_text {
  mst_import_bytes bytes;
  char *buffer;
  int64_t have, used; /* bytes in the buffer, and of them given out */
  char *line;
  int64_t capacity;
  int64_t number;     /* of the line given out last, from 1 */
  locale_t locale;    /* "C": numbers have a decimal point whatever the user's language */
} mst_import_text;

mst_status mst_import_text_open(mst_import_text *t, const char *path) MST_CHECKED;
void mst_import_text_close(mst_import_text *t);
mst_status mst_import_text_rewind(mst_import_text *t) MST_CHECKED;
/** The next line that is not blank, without its end, to be changed freely until the next call;
 *  *line is NULL at the end of the file. */
mst_status mst_import_text_line(mst_import_text *t, char **line) MST_CHECKED;
/** The number that all of a word is, in decimal notation or "nan", "inf"; false if it is none. */
bool mst_import_text_number(const mst_import_text *t, const char *word, double *value);

/** The one of , ; and tab that stands most often in a line, outside quotes. */
char mst_import_delimiter(const char *line);
/** Cut the next field off a line that goes on at *at, in place, without its quotes and the blanks
 *  around it; *last: the line ends with it. MST_ERR_FORMAT for quotes that are not closed. */
mst_status mst_import_field(const mst_import_text *t, char delimiter, int64_t column, char **at,
                            char **field, bool *last) MST_CHECKED;

/* The different words of a column and the numbers that they get. */
typedef struct mst_import_names {
  char **name; /* (n) in order, once settled */
  int64_t n, capacity;
  int64_t *slot; /* hash table of positions in name, -1 = free */
  int64_t slots;
  bool mapped;     /* a word's number is its place in name; else its own value */
  int64_t largest; /* of the numbers */
} mst_import_names;

/** Note a word. Integers written differently ("1", "01", "1.0") are one word. */
mst_status mst_import_names_add(mst_import_names *names, const mst_import_text *t,
                                const char *word) MST_CHECKED;
/** Number the words: 0, 1, 2, ... as they are if all are integers and the smallest is 0 (or if
 *  any_start and none is negative); else 0 .. n-1 in increasing order if all are integers, in
 *  order of their bytes if any is no number. `strict` refuses numbers that are not integers:
 *  MST_ERR_FORMAT naming one, as `what`. */
mst_status mst_import_names_settle(mst_import_names *names, const mst_import_text *t,
                                   bool any_start, bool strict, const char *what) MST_CHECKED;
/** The number of a word that was noted. */
mst_status mst_import_names_find(const mst_import_names *names, const mst_import_text *t,
                                 const char *word, int32_t *number) MST_CHECKED;
void mst_import_names_clear(mst_import_names *names);

/* Rows on their way to the file; parts that the dataset lacks are NULL. */
typedef struct mst_import_block {
  float *x;
  int32_t *label;
  float *value;
  int32_t *client;
  int32_t *arm; /* of a log, with */
  float *reward, *propensity;
  mst_sparse_rows sparse; /* in the place of x: start is there, entries are added in order ... */
  int64_t room;           /* ... and so many have room                                         */
} mst_import_block;

/** The next of a block's sparse rows begins, of which fill has set the number to 0. */
void mst_import_begin_row(mst_import_block *block);
/** Add an entry to it. MST_ERR_MEMORY. */
mst_status mst_import_add_entry(mst_import_block *block, int32_t column, float value) MST_CHECKED;

/* A parser that has looked at its input and can give the rows from first to last. */
typedef struct mst_import_source mst_import_source;
struct mst_import_source {
  mst_dataset_info info;
  const char *const *class_names;
  const char *const *row_ids, *const *column_ids; /* of sparse rows, or NULL */
  void *state;
  mst_status (*fill)(mst_import_source *source, int64_t count, mst_import_block *block);
  mst_status (*end)(mst_import_source *source); /* nothing may follow the last row */
  void (*close)(void *state);
  int64_t nonfinite; /* values met that are NaN or infinite */
  char nonfinite_place[256];
};

/** Count a value that is not finite; the place of the first is kept. */
void mst_import_note(mst_import_source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Write the dataset: rank 0's source, which `opened` says is ready, gives blocks, the team writes
 *  them. Closes the source. Collective on team. */
mst_status mst_import_stream(mst_team *team, const mst_import_options *options, mst_status opened,
                             mst_import_source *source, mst_dataset_info *made) MST_CHECKED;

/* An array in a binary file: its header says type and shape, then the elements follow. */
typedef enum mst_import_type {
  MST_IMPORT_U8,
  MST_IMPORT_I8,
  MST_IMPORT_I16,
  MST_IMPORT_I32,
  MST_IMPORT_I64,
  MST_IMPORT_F32,
  MST_IMPORT_F64
} mst_import_type;

typedef struct mst_import_array {
  mst_import_bytes bytes;
  mst_import_type type;
  bool big_endian;
  int dims;
  int64_t shape[4];
} mst_import_array;

/** Type and shape from the header of an NPY file whose bytes are open; its elements follow. */
mst_status mst_import_npy_header(mst_import_array *a) MST_CHECKED;

/** Make a source of an array of rows and, if options->labels is given, one of labels. read_header
 *  reads type, byte order and shape of an array whose bytes are open. */
mst_status mst_import_array_source(const mst_import_options *options, const char *format,
                                   mst_status (*read_header)(mst_import_array *array),
                                   mst_import_source *source) MST_CHECKED;

extern const mst_import_ops mst_import_idx, mst_import_csv, mst_import_libsvm, mst_import_npy,
    mst_import_ratings, mst_import_fashion;

#endif
