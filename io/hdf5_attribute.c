/* Attributes of HDF5 objects. Strings are written with a fixed length, because HDF5 keeps those of
 * variable length in a heap that carries no checksum; both kinds are read. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5_file.h"

#define LONGEST_TEXT 65536 /* bytes of a string attribute that is still read */

static mst_status put(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                      hid_t space, const void *value) {
  hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  mst_status status = MST_OK;
  if (attribute < 0 || H5Awrite(attribute, memory_type, value) < 0)
    status = mst_hdf5_fail(MST_ERR_IO, "attribute %s cannot be written", name);
  if (attribute >= 0) H5Aclose(attribute);
  return status;
}

static mst_status put_one(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                          const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  mst_status status = put(object, name, file_type, memory_type, space, value);
  if (space >= 0) H5Sclose(space);
  return status;
}

static hid_t text_type(size_t length) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0) {
    H5Tset_size(type, length == 0 ? 1 : length);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
  }
  return type;
}

mst_status mst_hdf5_put_text(hid_t object, const char *name, const char *text) {
  hid_t type = text_type(strlen(text));
  mst_status status = put_one(object, name, type, type, text);
  if (type >= 0) H5Tclose(type);
  return status;
}

mst_status mst_hdf5_put_texts(hid_t object, const char *name, int64_t n, const char *const *texts) {
  size_t longest = 1;
  for (int64_t i = 0; i < n; i++)
    if (strlen(texts[i]) > longest) longest = strlen(texts[i]);
  char *table = NULL;
  MST_TRY(mst_alloc(&table, n, longest, name));
  for (int64_t i = 0; i < n; i++) memcpy(table + (size_t)i * longest, texts[i], strlen(texts[i]));
  hid_t type = text_type(longest);
  hid_t space = H5Screate_simple(1, &(hsize_t){(hsize_t)n}, NULL);
  mst_status status = put(object, name, type, type, space, table);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  mst_free(table);
  return status;
}

mst_status mst_hdf5_put_int(hid_t object, const char *name, int64_t value) {
  return put_one(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

mst_status mst_hdf5_put_real(hid_t object, const char *name, double value) {
  return put_one(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

/* Open an attribute that holds exactly one value of that class; *attribute stays invalid where the
 * object has none of that name. */
static mst_status open_one(hid_t object, const char *path, const char *name, H5T_class_t class,
                           const char *wanted, hid_t *attribute, hid_t *type) {
  *attribute = *type = H5I_INVALID_HID;
  htri_t there = H5Aexists(object, name);
  if (there < 0)
    return mst_hdf5_fail(MST_ERR_FORMAT, "%s: attribute %s cannot be read", path, name);
  if (there == 0) return MST_OK;
  hid_t opened = H5Aopen(object, name, H5P_DEFAULT);
  if (opened < 0)
    return mst_hdf5_fail(MST_ERR_FORMAT, "%s: attribute %s cannot be read", path, name);
  hid_t space = H5Aget_space(opened), found = H5Aget_type(opened);
  bool ok = space >= 0 && found >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
            H5Tget_class(found) == class;
  if (space >= 0) H5Sclose(space);
  if (ok) {
    *attribute = opened;
    *type = found;
    return MST_OK;
  }
  if (found >= 0) H5Tclose(found);
  H5Aclose(opened);
  return mst_fail(MST_ERR_FORMAT, "%s: attribute %s must be %s", path, name, wanted);
}

static mst_status read_text(hid_t attribute, hid_t type, const char *path, const char *name,
                            char *text, size_t size) {
  if (H5Tis_variable_str(type) > 0) {
    char *given = NULL;
    if (H5Aread(attribute, type, &given) < 0)
      return mst_hdf5_fail(MST_ERR_FORMAT, "%s: attribute %s cannot be read", path, name);
    snprintf(text, size, "%s", given == NULL ? "" : given);
    H5free_memory(given);
    return MST_OK;
  }
  size_t length = H5Tget_size(type);
  if (length == 0 || length > LONGEST_TEXT)
    return mst_fail(MST_ERR_FORMAT, "%s: attribute %s is a text of %lld bytes; at most %d are read",
                    path, name, (long long)length, LONGEST_TEXT);
  char *given = NULL;
  MST_TRY(mst_alloc(&given, (int64_t)length + 1, 1, "text attribute"));
  mst_status status = MST_OK;
  if (H5Aread(attribute, type, given) < 0)
    status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: attribute %s cannot be read", path, name);
  else
    snprintf(text, size, "%s", given);
  mst_free(given);
  return status;
}

mst_status mst_hdf5_get_text(hid_t object, const char *path, const char *name, char *text,
                             size_t size, bool *found) {
  hid_t attribute, type;
  *found = false;
  MST_TRY(open_one(object, path, name, H5T_STRING, "one text", &attribute, &type));
  if (attribute < 0) return MST_OK;
  mst_status status = read_text(attribute, type, path, name, text, size);
  *found = status == MST_OK;
  H5Tclose(type);
  H5Aclose(attribute);
  return status;
}

mst_status mst_hdf5_get_int(hid_t object, const char *path, const char *name, int64_t *value,
                            bool *found) {
  hid_t attribute, type;
  *found = false;
  MST_TRY(open_one(object, path, name, H5T_INTEGER, "one integer", &attribute, &type));
  if (attribute < 0) return MST_OK;
  int64_t read = 0;
  mst_status status = MST_OK;
  if (H5Aread(attribute, H5T_NATIVE_INT64, &read) < 0)
    status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: attribute %s cannot be read", path, name);
  else
    *value = read;
  *found = status == MST_OK;
  H5Tclose(type);
  H5Aclose(attribute);
  return status;
}
