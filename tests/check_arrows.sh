#!/bin/sh
# The layer arrows (doc: jobs -> {parallel, io} -> comm -> core), read from the includes, the calls
# and, where the libraries are built, from their symbols. One line a violation, then one closing
# line `N passed, M failed[, S skipped]`. At the end it plants a violation of every rule in a small
# tree of its own and expects to find them all.
#
# Environment: srcdir, builddir (as tests/run.sh sets them).
set -u
: "${srcdir:=.}" "${builddir:=.}" "${NM:=nm}" "${ARROWS_PLANTED:=no}"
self=$0
case $self in /*) ;; *) self=$(pwd)/$self;; esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$srcdir" || exit 1

# Name of the rule, then the violations on standard input, one a line. Results go to a file, since
# the end of a pipe is a process of its own.
: >"$scratch/results"
report() {
  cat >"$scratch/found"
  if [ -s "$scratch/found" ]; then
    echo failed >>"$scratch/results"
    echo "broken: $1"
    sed 's/^/  /' "$scratch/found" | head -n 20
  else
    echo passed >>"$scratch/results"
  fi
}
skip() {
  echo skipped >>"$scratch/results"
  echo "skipped: $1"
}
count() { grep -c "^$1\$" "$scratch/results" || true; }

# The sources of a layer.
sources() { find "$1" -name '*.[ch]' -type f | sort; }

# Includes as "file:line: name", for the files on standard input.
includes() {
  while read -r f; do
    sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\).*/\1/;t hit
            b
            :hit
            =;p' "$f" | paste -d ' ' - - | sed "s|^\([0-9]*\) |$f:\1: |"
  done
}

# Source text without comments and without what is inside strings and character constants, as
# "file:line: text", for the files on standard input.
code() {
  while read -r f; do
    awk -v name="$f" '
      { out = ""; n = length($0)
        for (i = 1; i <= n; i++) {
          c = substr($0, i, 1); two = substr($0, i, 2)
          if (comment) { if (two == "*/") { comment = 0; i++ } }
          else if (quote != "") { if (c == "\\") i++; else if (c == quote) { out = out c; quote = "" } }
          else if (two == "/*") { comment = 1; i++; out = out " " }
          else if (two == "//") break
          else { if (c == "\"" || c == "\047") quote = c; out = out c }
        }
        quote = ""
        if (out ~ /[^ \t]/) print name ":" NR ": " out }' "$f"
  done
}

# Lines of code() that call one of the functions in the extended expression $1. Members of the
# same name (x.open(), x->open()) do not count.
calls() { grep -E "(^|[^A-Za-z0-9_.>])($1)[[:space:]]*\(" || true; }

files_functions='fopen|fopen64|freopen|fdopen|open|open64|openat|creat|popen|tmpfile|mkstemp|mkdtemp|opendir|shm_open|MPI_File_open|H5Fopen|H5Fcreate|gzopen|rename|remove|unlink'
print_functions='printf|vprintf|fprintf|vfprintf|dprintf|puts|putchar|fputs|fputc|putc|fwrite|perror|write'
end_functions='exit|_exit|_Exit|quick_exit|abort|MPI_Abort|longjmp'

# Included names of a layer that are not allowed: $1 layer, $2 allowed own folders, $3 refused
# system headers (extended expressions).
check_includes() {
  sources "$1" | includes >"$scratch/includes"
  grep '"' "$scratch/includes" | grep -vE "\"(($2)/[^\"]*|(config|commit)\.h)\"" |
    report "$1 includes only $2, config.h and commit.h"
  grep -E "<($3)>" "$scratch/includes" | report "$1 includes none of <$3>"
}

for layer in core comm io parallel; do
  [ -n "$(sources "$layer")" ] || echo "$layer: no sources below $srcdir" | report "$layer exists"
done

check_includes core 'core' 'mpi\.h|hdf5\.h|H5.*|yaml\.h|jansson\.h|zlib\.h|unistd\.h|fcntl\.h|dirent\.h|sys/(file|ioctl|socket|stat|statvfs|uio|utsname|wait)\.h'
check_includes comm 'comm|core' 'hdf5\.h|H5.*|yaml\.h|jansson\.h|zlib\.h|fcntl\.h|dirent\.h'
check_includes io 'io|comm|core' 'cblas\.h|fftw3\.h'
check_includes parallel 'parallel|comm|core' 'hdf5\.h|H5.*|yaml\.h|jansson\.h|zlib\.h|fcntl\.h|dirent\.h'

# Headers that are installed, from the lists of the makefile's fragments; a program outside can include
# nothing else.
for layer in core comm io parallel; do
  [ ! -f "$layer/$layer.mk" ] || sed -En "/^(${layer}_headers|nobase_pkginclude_HEADERS) \+?= /,/[^\\\\]\$/p" "$layer/$layer.mk"
done | tr -s ' \\' '\n\n' | grep '\.h$' >"$scratch/installed"
includes <"$scratch/installed" | grep '"' | while read -r place name; do
  grep -qxF "$(echo "$name" | tr -d '"')" "$scratch/installed" || echo "$place $name"
done | report "installed headers include installed headers only"

for layer in core comm io parallel jobs; do
  [ -d "$layer" ] && sources "$layer" | code
done >"$scratch/code"

grep '^core/' "$scratch/code" | calls 'MPI_[A-Za-z_]+' | report "core calls no MPI"
grep '^core/' "$scratch/code" | calls 'getenv|secure_getenv|setenv|putenv' |
  report "core reads no environment"
grep '^core/' "$scratch/code" | calls "$print_functions" | report "core prints nothing"
grep -E '^(core|comm|parallel|jobs)/' "$scratch/code" | calls "$files_functions" |
  report "nothing outside io opens a file"
grep -E '^(comm|io|parallel)/' "$scratch/code" >"$scratch/libraries"
{ calls 'printf|vprintf|puts|putchar' <"$scratch/libraries"
  grep -E '[^A-Za-z0-9_](stdout|STDOUT_FILENO)[^A-Za-z0-9_]' "$scratch/libraries"; } |
  report "only jobs write to standard output"
grep -E '^(core|comm|io|parallel)/' "$scratch/code" | calls "$end_functions" |
  report "nothing below jobs ends the process"
grep -E '^(comm|io|parallel)/' "$scratch/code" | grep -E '[^A-Za-z0-9_]MPI_COMM_WORLD' |
  report "no library uses MPI_COMM_WORLD"

# comm calls MPI. So do the files of parallel that hold ScaLAPACK's context and the tile algorithms
# on its grid (panel.c and back_solve.c belong to cholesky.c); io passes communicators and hints to HDF5; the
# command's main starts and ends it.
grep '^parallel/' "$scratch/code" |
  grep -vE '^parallel/(grid|tiles|panel|cholesky|back_solve|scalapack|eigen)\.c:' | calls 'MPI_[A-Za-z_]+' |
  report "in parallel only the files of the tile grid call MPI"
grep '^io/' "$scratch/code" | calls 'MPI_[A-Za-z_]+' | grep -vE 'MPI_Info_[a-z]+[[:space:]]*\(' |
  report "io calls no MPI but MPI_Info_*"
grep '^jobs/' "$scratch/code" | calls 'MPI_[A-Za-z_]+' |
  grep -vE '^jobs/main\.c:.*MPI_(Init|Init_thread|Finalize|Initialized|Finalized)[[:space:]]*\(' |
  report "jobs call no MPI but MPI_Init and MPI_Finalize in main.c"

# The built archive of a layer, or nothing.
archive() {
  for a in "$builddir/.libs/libmst$1.a" "$builddir/libmst$1.a"; do
    [ ! -f "$a" ] || { echo "$a"; return; }
  done
}

# Sanitizers and coverage add symbols of their own.
foreign='^(__odr_asan|__asan_|__ubsan_|__tsan_|__gcov|_GLOBAL_|asan\.|tsan\.)'

# Public symbols begin with mst_; what core needs from outside is not MPI, files, environment or
# printing, whatever the source looked like to the checks above.
for layer in core comm io parallel; do
  lib=$(archive "$layer")
  if [ -z "$lib" ] || ! command -v "$NM" >/dev/null 2>&1; then
    [ "$ARROWS_PLANTED" = yes ] || skip "symbols of $layer (no built library or no $NM)"
    continue
  fi
  "$NM" -g "$lib" 2>/dev/null | awk 'NF == 3 && $2 ~ /^[A-TV-Z]$/ { print $3 }' |
    grep -vE "$foreign" | grep -v '^mst_' | sort -u |
    report "public symbols of libmst$layer begin with mst_"
  "$NM" -g "$lib" 2>/dev/null | awk 'NF > 1 && $(NF - 1) == "U" { print $NF }' | sort -u >"$scratch/needs"
  case $layer in
    core) never="MPI_.*|H5.*|_?_?($print_functions|getenv|secure_getenv|$files_functions)(_chk|_2)?|$end_functions";;
    comm) never="H5.*|($files_functions)|$end_functions";;
    io) never="MPI_(Send|Recv|Isend|Irecv|Bcast|Reduce|Allreduce|Allgather.*|Alltoall.*|Gather.*|Scatter.*|Barrier|Win_.*)|$end_functions";;
    parallel) never="H5.*|($files_functions)|$end_functions";;
  esac
  grep -E "^($never)\$" "$scratch/needs" | report "libmst$layer needs nothing that its layer may not"
done

# Plant one violation of every rule that reads sources, and expect all of them to be reported.
plant() { mkdir -p "$scratch/planted/$(dirname "$1")" && printf '%s\n' "$2" >>"$scratch/planted/$1"; }
if [ "$ARROWS_PLANTED" = no ]; then
  plant core/a.c '#include "comm/team.h"'
  plant core/a.c '#include <mpi.h>'
  plant core/a.c 'int a(void) { return MPI_Barrier(0) + !getenv("X") + printf("x"); }'
  plant core/core.mk 'core_headers = core/a.h'
  plant core/a.h '#include "core/private.h"'
  plant comm/a.c '#include "io/dataset.h"'
  plant comm/a.c '#  include <hdf5.h>'
  plant comm/a.c 'void *a(void) { return (void *)fopen ("x", "r"); }'
  plant io/a.c '#include "parallel/gram.h"'
  plant io/a.c '#include <cblas.h>'
  plant io/a.c 'int a(void) { return puts("x") + MPI_Allreduce(0, 0, 0, 0, 0, MPI_COMM_WORLD); }'
  plant parallel/roster.c '#include "io/dataset.h"'
  plant parallel/roster.c '#include <hdf5.h>'
  plant parallel/roster.c 'void a(void) { MPI_Barrier(0); exit(1); }'
  plant jobs/run.c 'void a(void) { MPI_Barrier(0); }'
  ARROWS_PLANTED=yes srcdir="$scratch/planted" builddir="$scratch/none" sh "$self" >"$scratch/log" 2>&1
  tail -n 1 "$scratch/log" | grep -q '^0 passed' || cat "$scratch/log" >"$scratch/missed"
  touch "$scratch/missed"
  report "a planted violation of every rule is found" <"$scratch/missed"

  # What looks like a violation and is none.
  rm -rf "$scratch/planted"
  for layer in core comm io parallel jobs; do plant "$layer/a.c" "#include \"core/base/status.h\""; done
  plant core/a.c '/* #include <mpi.h> would be wrong, and so would'
  plant core/a.c '   fopen("x", "r") and exit(1). */'
  plant core/a.c 'const char *a = "cannot open(\"%s\"): printf() /* MPI_Send(x)"; // abort()'
  plant core/a.c 'int b(x *s) { return s->open(s) + s->file.remove(s) + mst_reopen(s) + snprintf(s, 0, "x"); }'
  plant comm/a.c 'void a(void) { MPI_Barrier(0); fputs("x", stderr); fprintf(stderr, "x"); }'
  plant io/a.c 'void a(void) { MPI_Info_create(0); fopen("x", "r"); }'
  plant parallel/grid.c 'void a(void) { MPI_Comm_split(0, 0, 0, 0); }'
  plant jobs/main.c 'int main(void) { MPI_Init(0, 0); printf("x"); exit(1); }'
  ARROWS_PLANTED=yes srcdir="$scratch/planted" builddir="$scratch/none" sh "$self" >"$scratch/log" 2>&1
  rm -f "$scratch/missed"
  tail -n 1 "$scratch/log" | grep -q ' passed, 0 failed' || cat "$scratch/log" >"$scratch/missed"
  touch "$scratch/missed"
  report "what only looks like a violation is let pass" <"$scratch/missed"
fi

closing="$(count passed) passed, $(count failed) failed"
[ "$(count skipped)" -eq 0 ] || closing="$closing, $(count skipped) skipped"
echo "$closing"
[ "$(count failed)" -eq 0 ]
