# MST_LIBRARY(VAR, name, pkg-config names, header or empty, function, default libs, description)
#
# Find a library: VAR_LIBS if given on the command line, else --with-name=DIR, else the first
# pkg-config module that exists, else the compiler's own paths: what is already found (an OpenBLAS
# may hold LAPACK), then the default libs. Sets VAR_CFLAGS, VAR_LIBS and VAR_VERSION; a library that cannot be
# compiled against or linked is appended to mst_missing.
AC_DEFUN([MST_LIBRARY],[
AC_ARG_VAR([$1_CFLAGS],[compiler flags for $7])
AC_ARG_VAR([$1_LIBS],[linker flags for $7])
AC_ARG_WITH([$2],[AS_HELP_STRING([--with-$2=DIR],[$7 below DIR])],[],[with_$2=check])
mst_try=
$1_VERSION='(version unknown)'
AS_IF([test -n "$$1_LIBS"],[],
  [test "x$with_$2" != xcheck && test "x$with_$2" != xyes],
  [mst_lib=$with_$2/lib
   AS_IF([test -d "$with_$2/lib64"],[mst_lib=$with_$2/lib64])
   $1_CFLAGS="-I$with_$2/include"
   $1_LIBS="-L$mst_lib -Wl,-rpath,$mst_lib $6"],
  [mst_found=no
   AS_IF([test -n "$PKG_CONFIG"],
     [for mst_module in $3; do
        AS_IF([$PKG_CONFIG --exists $mst_module 2>/dev/null],
          [$1_CFLAGS=`$PKG_CONFIG --cflags $mst_module`
           $1_LIBS=`$PKG_CONFIG --libs $mst_module`
           $1_VERSION=`$PKG_CONFIG --modversion $mst_module`
           mst_found=yes
           break])
      done])
   AS_IF([test $mst_found = no],[mst_try="$6"])])
AC_MSG_CHECKING([for $2])
mst_save_CPPFLAGS=$CPPFLAGS
mst_save_LIBS=$LIBS
CPPFLAGS="$CPPFLAGS $MPI_CFLAGS $$1_CFLAGS"
for mst_add in "" "$mst_try"; do
  LIBS="$$1_LIBS $mst_add $LAPACK_LIBS $BLAS_LIBS $MPI_LIBS $mst_save_LIBS"
  m4_ifval([$4],
    [AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
#include <$4>]],[[volatile const void *p = (const void *)(size_t)&$5; return p == 0;]])],
      [mst_ok=yes],[mst_ok=no])],
    [AC_LINK_IFELSE([AC_LANG_CALL([],[$5])],[mst_ok=yes],[mst_ok=no])])
  AS_IF([test $mst_ok = yes],[AS_IF([test -n "$mst_add"],[$1_LIBS=$mst_add]); break])
done
CPPFLAGS=$mst_save_CPPFLAGS
LIBS=$mst_save_LIBS
AS_IF([test $mst_ok = yes],
  [AS_IF([test -n "$$1_LIBS"],[AC_MSG_RESULT([$$1_LIBS])],[AC_MSG_RESULT([yes])])],
  [AC_MSG_RESULT([no])
   mst_missing="$mst_missing $7;"])
AC_SUBST([$1_CFLAGS])
AC_SUBST([$1_LIBS])
])
