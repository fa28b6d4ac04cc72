/* `muster --version`: muster, and the libraries that its results depend on. */
#include "jobs/output.h"

#include <stdio.h>

#include <hdf5.h>
#include <mpi.h>
#include <sodium.h>

#include "commit.h"
#include "config.h"
#include "core/linalg/blas.h"

#define TEXT_OF(x) #x
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *mst_mpi_name(void) {
#ifdef OMPI_MAJOR_VERSION
  return "Open MPI " VERSION_TEXT(OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION, OMPI_RELEASE_VERSION);
#else
  return "not Open MPI";
#endif
}

void mst_print_version(void) {
  printf("muster %s%s%s%s\n", PACKAGE_VERSION, MST_GIT[0] != '\0' ? " (commit " : "", MST_GIT,
         MST_GIT[0] != '\0' ? ")" : "");
  printf("MPI        %s, standard %d.%d\n", mst_mpi_name(), MPI_VERSION, MPI_SUBVERSION);
  printf("HDF5       %d.%d.%d, parallel\n", H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
  printf("BLAS       %s, kernel %s\n", MST_BLAS_VERSION, mst_blas_kernel());
  printf("ScaLAPACK  %s\n", MST_SCALAPACK_VERSION);
  printf("libsodium  %s\n", sodium_version_string());
}
