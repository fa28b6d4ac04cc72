/* `muster --version`: muster, and the libraries that its results depend on. */
#include "jobs/output.h"

#include <stdio.h>

#include <hdf5.h>
#include <mpi.h>
#include <sodium.h>

#include "commit.h"
#include "config.h"
#include "core/linalg/blas.h"

static void print_mpi(void) {
#ifdef OMPI_MAJOR_VERSION
  printf("MPI        Open MPI %d.%d.%d", OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION,
         OMPI_RELEASE_VERSION);
#else
  printf("MPI        not Open MPI");
#endif
  printf(", standard %d.%d\n", MPI_VERSION, MPI_SUBVERSION);
}

void mst_print_version(void) {
  printf("muster %s%s%s%s\n", PACKAGE_VERSION, MST_GIT[0] != '\0' ? " (commit " : "", MST_GIT,
         MST_GIT[0] != '\0' ? ")" : "");
  print_mpi();
  printf("HDF5       %d.%d.%d, parallel\n", H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
  printf("BLAS       %s, kernel %s\n", MST_BLAS_VERSION, mst_blas_kernel());
  printf("ScaLAPACK  %s\n", MST_SCALAPACK_VERSION);
  printf("libsodium  %s\n", sodium_version_string());
}
