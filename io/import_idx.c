/* IDX files (MNIST and its kin; plain or gzip): two zero bytes, a byte for the type, a byte for the
 * number of dimensions, the dimensions as 32-bit integers, then the elements; all big-endian. */
#include "io/import_source.h"

static mst_status read_type(mst_import_array *a, unsigned char code) {
  switch (code) {
    case 0x08: a->type = MST_IMPORT_U8; return MST_OK;
    case 0x09: a->type = MST_IMPORT_I8; return MST_OK;
    case 0x0b: a->type = MST_IMPORT_I16; return MST_OK;
    case 0x0c: a->type = MST_IMPORT_I32; return MST_OK;
    case 0x0d: a->type = MST_IMPORT_F32; return MST_OK;
    case 0x0e: a->type = MST_IMPORT_F64; return MST_OK;
    default:
      return mst_fail(MST_ERR_FORMAT,
                      "%s: type byte 0x%02x at byte 2; IDX has 08 09 0b 0c 0d 0e (ubyte, byte, "
                      "short, int, float, double)",
                      a->bytes.path, code);
  }
}

static mst_status read_header(mst_import_array *a) {
  unsigned char b[4];
  MST_TRY(mst_import_bytes_all(&a->bytes, b, sizeof b, "its header"));
  if (b[0] != 0 || b[1] != 0)
    return mst_fail(
        MST_ERR_FORMAT,
        "%s: is not an IDX file: it begins with bytes %02x %02x where 00 00 is expected",
        a->bytes.path, b[0], b[1]);
  MST_TRY(read_type(a, b[2]));
  if (b[3] < 1 || b[3] > 4)
    return mst_fail(MST_ERR_FORMAT, "%s: %d dimensions at byte 3; 1 to 4 are read", a->bytes.path,
                    b[3]);
  a->big_endian = true;
  a->dims = b[3];
  for (int i = 0; i < a->dims; i++) {
    MST_TRY(mst_import_bytes_all(&a->bytes, b, sizeof b, "its header"));
    a->shape[i] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
  }
  return MST_OK;
}

static mst_status run(mst_team *team, const mst_import_options *options, mst_dataset_info *made) {
  mst_import_source source = {0};
  mst_status opened = MST_OK;
  if (mst_team_rank(team) == 0)
    opened = mst_import_array_source(options, "idx", read_header, &source);
  return mst_import_stream(team, options, opened, &source, made);
}

const mst_import_ops mst_import_idx = {
    .name = "idx",
    .summary = "MNIST-like binary arrays, plain or .gz, with the labels in a second file",
    .run = run,
    .takes_labels = true,
};
