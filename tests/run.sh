#!/bin/sh
# Run the test programs and count what passed: one line a program and rank count, one closing
# line `N passed, N failed, N skipped`. Each rank count of each check counts as a test of its own.
#
#   tests/run.sh FILTER serial PROGRAM... ranks PROGRAM... shell SCRIPT...
#
# Environment: MPIRUN, RANKS, srcdir, builddir; TEST_TIMEOUT seconds a program (default 240);
# TEST_WRAPPER a command that programs are started with, such as valgrind; TEST_LANES scripts that run side
# by side (default 3: most of their time they wait), which are told of when all have ended.
set -u
filter=$1
shift
: "${MPIRUN:=mpirun}" "${RANKS:=1 2 3 4 7}" "${srcdir:=.}" "${builddir:=.}" "${TEST_TIMEOUT:=240}" "${TEST_WRAPPER:=}"
: "${TEST_LANES:=3}"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_odls_base_sigkill_timeout=0 # else mpirun sleeps a second or two behind every refusal
export OPENBLAS_NUM_THREADS=1 CK_FORK=no MPIRUN srcdir builddir
srcdir=$(cd "$srcdir" && pwd)
builddir=$(cd "$builddir" && pwd)
export LSAN_OPTIONS="suppressions=$srcdir/tests/lsan.supp:fast_unwind_on_malloc=0:print_suppressions=0"
passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
log=$scratch/log scripts=
trap 'rm -rf "$scratch"' EXIT
export TEST_SCRATCH="$scratch" TEST_TIMEOUT

# Count what is in $log of a test that took so many seconds: Check's "X%: Checks: n, Failures: f, Errors: e", or our own "n passed, f failed[, s skipped]".
count() { # name, exit code, seconds
  c=0 f=0 s=0
  line=$(grep -aE '^[0-9]+%: Checks: ' "$log" | tail -n 1)
  if [ -n "$line" ]; then
    c=$(echo "$line" | sed 's/.*Checks: \([0-9]*\).*/\1/')
    f=$(echo "$line" | sed 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/')
    f=$(($f))
    c=$((c - f))
  else
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    [ -z "$line" ] || { c=${line%% passed*}; f=${line#* passed, }; f=${f%% failed*}; }
    case "$line" in *skipped*) s=${line##*failed, }; s=${s%% skipped*};; esac
  fi
  [ "$2" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  [ "$c" -gt 0 ] || [ "$f" -gt 0 ] || [ "$s" -gt 0 ] || f=1
  passed=$((passed + c)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then
    [ "$2" -ne 124 ] || echo "(stopped after $TEST_TIMEOUT s)" >>"$log"
    echo "FAIL $1 (exit code $2)"
    sed 's/^/  | /' "$log" | tail -n 40
  else
    echo "ok   $1: $c checks, $3 s"
    if [ "$s" -gt 0 ]; then grep -a '^skipped' "$log" | sed 's/^/  | /'; fi
  fi
}

# Run a command as the test of that name.
run() { # name, command
  name=$1
  shift
  started=$(date +%s)
  timeout "$TEST_TIMEOUT" "$@" >"$log" 2>&1 </dev/null
  count "$name" $? $(($(date +%s) - started))
}

kind=
for t in "$@"; do
  case $t in serial|ranks|shell) kind=$t; continue;; esac
  case $t in *"$filter"*) ;; *) continue;; esac
  case $kind in
    serial) run "$t" $TEST_WRAPPER "$builddir/$t";;
    ranks) for p in $RANKS; do
        run "$t on $p" $MPIRUN --oversubscribe -np "$p" $TEST_WRAPPER "$builddir/$t"
      done;;
    shell) scripts="$scripts $t";;
  esac
done

# Scripts leave a log and "CODE SECONDS" under their names. Leaks are looked for in the programs above:
# scripts end processes that the search then misses.
# shellcheck disable=SC2016,SC2086
[ -z "$scripts" ] || printf '%s\n' $scripts |
  ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" xargs -P "$TEST_LANES" -n 1 sh -c '
    started=$(date +%s) name=$TEST_SCRATCH/$(basename "$1")
    timeout $((TEST_TIMEOUT * 3)) sh "$srcdir/$1" >"$name.log" 2>&1 </dev/null
    echo $? $(($(date +%s) - started)) >"$name.end"' run
for t in $scripts; do
  log=$scratch/$(basename "$t").log
  read -r code seconds <"$scratch/$(basename "$t").end"
  count "$t" "$code" "$seconds"
done
if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"
else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
