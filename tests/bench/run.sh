#!/bin/sh
# Run the benchmarks whose name holds FILTER, each at the rank counts it is meant for, and append
# their figures to bench.csv in the current folder. A benchmark prints one line a figure:
#
#   name  ours VALUE UNIT  peer|limit VALUE UNIT [(what)]  ratio N.Nx
#
# or, where there is nothing to compare with, "name  ours" and why.
#
#   tests/bench/run.sh FILTER PROGRAM...
#
# Environment: MPIRUN, builddir, srcdir; BENCH_RANKS overrides the rank counts; BENCH_TIMEOUT
# seconds a program (default 1200).
set -u
filter=$1
shift
: "${MPIRUN:=mpirun}" "${srcdir:=.}" "${builddir:=.}" "${BENCH_TIMEOUT:=1200}" "${BENCH_CSV:=bench.csv}"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OPENBLAS_NUM_THREADS=1 MPIRUN srcdir builddir

# The kernels that the command would choose on this CPU.
if [ -z "${OPENBLAS_CORETYPE:-}" ] && [ -x "$builddir/muster" ]; then
  OPENBLAS_CORETYPE=$("$builddir/muster" --version | sed -n 's/.*kernel \([A-Za-z0-9]*\).*/\1/p')
  [ -z "$OPENBLAS_CORETYPE" ] || export OPENBLAS_CORETYPE
fi

# Rank counts of a benchmark.
ranks_of() {
  case $1 in
    *bench_sum) echo 2 4;;
    *bench_robust.sh) getconf _NPROCESSORS_ONLN;;
    *bench_robust_calls) ;; # by bench_robust.sh
    *bench_gram) echo 1 2;;
    *bench_solve|*bench_federated.sh|*bench_analytic|*bench_analytic*.sh) echo 2;;
    *bench_federated) echo 1 2;;
    *) echo 1;;
  esac
}

date=$(date -u +%Y-%m-%dT%H:%M:%SZ)
cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1 | tr ',"' '  ')
commit=$(cd "$srcdir" && git rev-parse --verify --short HEAD 2>/dev/null)
[ -f "$BENCH_CSV" ] || echo 'date,cpu,commit,ranks,name,ours,peer,ratio' >"$BENCH_CSV"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0 ran=0
for program in "$@"; do
  case $program in *"$filter"*) ;; *) continue;; esac
  case $program,$filter in *_large.sh,*large*) ;; *_large.sh,*) continue;; esac # minutes: by its name alone
  ran=$((ran + 1))
  for p in ${BENCH_RANKS:-$(ranks_of "$program")}; do
    case $program in
      *.sh) timeout "$BENCH_TIMEOUT" sh "$srcdir/$program" "$p" >"$log" 2>&1 </dev/null;;
      *) timeout "$BENCH_TIMEOUT" $MPIRUN --oversubscribe -np "$p" "$builddir/$program" >"$log" 2>&1 </dev/null;;
    esac
    code=$?
    if [ $code -ne 0 ]; then
      failed=$((failed + 1))
      echo "FAIL $program on $p (exit code $code)"
      sed 's/^/  | /' "$log" | tail -n 20
    fi
    grep -E '^[a-zA-Z0-9_]+ +ours ' "$log"
    sed -nE "s/^([a-zA-Z0-9_]+) +ours +(.*[^ ]) +(peer|limit) +(.*[^ ]) +ratio +([0-9.]+)x *\$/$date,$cpu,$commit,$p,\1,\2,\4,\5/p" \
      "$log" >>"$BENCH_CSV"
  done
done
[ "$ran" -gt 0 ] || { echo "no benchmark is named '$filter'; there are: $*" >&2; exit 2; }
[ "$failed" -eq 0 ]
