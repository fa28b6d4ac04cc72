#!/bin/sh
# Run the test programs and count what passed: one line a program and rank count as it ends, one closing
# line `N passed, N failed, N skipped`. Each rank count of each check counts as a test of its own.
#
#   tests/run.sh FILTER serial PROGRAM... ranks PROGRAM... shell SCRIPT...
#
# Several run side by side, in this order: scripts, which mostly wait, programs on ranks, serial programs.
# Environment: MPIRUN, RANKS, srcdir, builddir; TEST_TIMEOUT seconds a program, a third of a script's
# (default 240); TEST_WRAPPER a command that programs are started with, such as valgrind; TEST_LANES how many
# run side by side (default: the cores and two, but not more than 16).
set -u
filter=$1
shift
: "${MPIRUN:=mpirun}" "${RANKS:=1 2 3 4 7}" "${srcdir:=.}" "${builddir:=.}" "${TEST_TIMEOUT:=240}" "${TEST_WRAPPER:=}"
if [ -z "${TEST_LANES:-}" ]; then
  TEST_LANES=$(($(nproc 2>/dev/null || echo 1) + 2))
  [ "$TEST_LANES" -le 16 ] || TEST_LANES=16
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_odls_base_sigkill_timeout=0 # else mpirun sleeps a second or two behind every refusal
export OPENBLAS_NUM_THREADS=1 CK_FORK=no MPIRUN TEST_TIMEOUT TEST_WRAPPER srcdir builddir
srcdir=$(cd "$srcdir" && pwd)
builddir=$(cd "$builddir" && pwd)
export LSAN_OPTIONS="suppressions=$srcdir/tests/lsan.supp:fast_unwind_on_malloc=0:print_suppressions=0"

scratch=$(mktemp -d)
# Programs flush their files, and a disk makes them wait each time: theirs are in memory where there is room.
# Scripts' are not: they end runs in the middle, which that makes last.
room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
memory=$scratch
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || [ "${room:-0}" -lt 4000000 ] ||
  memory=$(mktemp -d /dev/shm/muster-check.XXXXXX)
export scratch memory
trap 'rm -rf "$scratch" "$memory"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0 skipped=0

# Count what is in the log of a test that took so many seconds: Check's "X%: Checks: n, Failures: f, Errors: e",
# or our own "n passed, f failed[, s skipped]".
count() { # name, log, exit code, seconds
  c=0 f=0 s=0
  line=$(grep -aE '^[0-9]+%: Checks: ' "$2" | tail -n 1)
  if [ -n "$line" ]; then
    c=$(echo "$line" | sed 's/.*Checks: \([0-9]*\).*/\1/')
    f=$(echo "$line" | sed 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/')
    # shellcheck disable=SC2004
    f=$(($f)) # a sum
    c=$((c - f))
  else
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$2" | tail -n 1)
    [ -z "$line" ] || { c=${line%% passed*}; f=${line#* passed, }; f=${f%% failed*}; }
    case "$line" in *skipped*) s=${line##*failed, }; s=${s%% skipped*};; esac
  fi
  [ "$3" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  [ "$c" -gt 0 ] || [ "$f" -gt 0 ] || [ "$s" -gt 0 ] || f=1
  passed=$((passed + c)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then
    [ "$3" -ne 124 ] || echo "(stopped after $4 s)" >>"$2"
    echo "FAIL $1 (exit code $3)"
    sed 's/^/  | /' "$2" | tail -n 40
  else
    echo "ok   $1: $c checks, $4 s"
    if [ "$s" -gt 0 ]; then grep -a '^skipped' "$2" | sed 's/^/  | /'; fi
  fi
}

# One test: NUMBER KIND NAME [RANKS]. Says "NUMBER CODE SECONDS NAME". Each has a folder of its own, and one for
# MPI, whose usual one all its programs share. Leaks are not looked for in scripts, which end processes that the
# search then misses.
# shellcheck disable=SC2016
one='
  started=$(date +%s) n=$1 limit=$TEST_TIMEOUT test=$builddir/$3
  TEST_SCRATCH=$memory/$n
  case $2 in
    serial) set -- "$3" $TEST_WRAPPER "$test";;
    ranks) set -- "$3 on $4" $MPIRUN --oversubscribe -np "$4" $TEST_WRAPPER "$test";;
    shell) limit=$((TEST_TIMEOUT * 3)) TEST_SCRATCH=$scratch/$n
      export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
      set -- "$3" sh "$srcdir/$3";;
  esac
  name=$1
  shift
  export TEST_SCRATCH TMPDIR="$TEST_SCRATCH.mpi"
  mkdir "$TEST_SCRATCH" "$TMPDIR"
  timeout "$limit" "$@" >"$scratch/$n.log" 2>&1 </dev/null
  code=$?
  rm -rf "$TEST_SCRATCH" "$TMPDIR"
  echo "$n $code $(($(date +%s) - started)) $name"'

# The tests whose names hold the filter, as "KIND NAME [RANKS]".
list() { # wanted kind, what this script is called with
  wanted=$1 kind=
  shift
  for t in "$@"; do
    case $t in serial|ranks|shell) kind=$t; continue;; esac
    case "$kind $t" in "$wanted "*"$filter"*) ;; *) continue;; esac
    if [ "$kind" = ranks ]; then for p in $RANKS; do echo "ranks $t $p"; done
    else echo "$kind $t"; fi
  done
}

# Data and run files in the folder that the tests are started in, which shall be as they were.
files() { find . -maxdepth 1 -name '*.h5*' | sort; }
files >"$scratch/before"
for kind in shell ranks serial; do list $kind "$@"; done | awk '{ print NR, $0 }' >"$scratch/list"
xargs -r -P "$TEST_LANES" -L 1 sh -c "$one" run <"$scratch/list" | {
  lost=$(wc -l <"$scratch/list")
  while read -r n code seconds name; do
    count "$name" "$scratch/$n.log" "$code" "$seconds"
    rm -f "$scratch/$n.log"
    lost=$((lost - 1))
  done
  [ "$lost" -eq 0 ] || echo "FAIL $lost tests that were not run to their end"
  failed=$((failed + lost))
  left=$(files | comm -13 "$scratch/before" - | tr '\n' ' ')
  [ -z "$left" ] || { echo "FAIL a test has left ${left}beside the build"; failed=$((failed + 1)); }
  if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"
  else echo "$passed passed, $failed failed"; fi
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
