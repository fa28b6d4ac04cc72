#!/bin/sh
# Every rule and mixer of robust aggregation, on all cores, beside numpy and ByzFL in the same run
# (bench_robust_calls.c, robust_peers.py).
#
#   bench_robust.sh RANKS
#
# Environment: builddir, srcdir, MPIRUN; BENCH_DIMENSION (1000000); ROBUST_PYTHON, a Python that has
# numpy and, if it shall be compared with, byzfl. Without it one is made with pip in
# BUILDDIR/robust-venv; where that cannot be had, there are no peers.
set -u
ranks=${1:-2}
: "${builddir:=.}" "${srcdir:=.}" "${MPIRUN:=mpirun}" "${BENCH_DIMENSION:=1000000}"
python=${ROBUST_PYTHON:-$builddir/robust-venv/bin/python}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# ByzFL itself asks for PyTorch and more, which its aggregators of arrays do without.
if [ -z "${ROBUST_PYTHON:-}" ] && ! "$python" -c 'import numpy' >/dev/null 2>&1; then
  echo "robust: making a Python with numpy and byzfl in $builddir/robust-venv"
  { python3 -m venv --system-site-packages "$builddir/robust-venv" &&
    "$python" -m pip install -q numpy scipy && "$python" -m pip install -q --no-deps byzfl; } >"$here/pip" 2>&1 ||
    tail -n 3 "$here/pip"
fi
repeats=3
[ "$BENCH_DIMENSION" -le 2000000 ] || repeats=1
if "$python" -c 'import numpy' >/dev/null 2>&1; then
  OPENBLAS_NUM_THREADS=$ranks OMP_NUM_THREADS=$ranks "$python" "$srcdir/tests/bench/robust_peers.py" \
    "$BENCH_DIMENSION" $repeats >"$here/peers" 2>"$here/errors" </dev/null || tail -n 5 "$here/errors"
  sed 's/^/robust peer: /' "$here/errors"
else
  echo "robust: no numpy and no byzfl to compare with: set ROBUST_PYTHON"
fi
$MPIRUN --oversubscribe -np "$ranks" "$builddir/tests/bench/bench_robust_calls" "$BENCH_DIMENSION" "$here/peers" </dev/null
