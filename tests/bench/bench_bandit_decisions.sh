#!/bin/sh
# A decision of disjoint LinUCB on rows of a file, beside numpy, MABWiser and Vowpal Wabbit (bandit_peers.py).
#
#   bench_bandit_decisions.sh
#
# Environment: builddir, srcdir; BANDIT_PYTHON, a Python that has numpy and, if it shall be compared with them,
# mabwiser and vowpalwabbit. Without it one is made with pip in BUILDDIR/bandit-venv; where that cannot be had,
# there are no peers.
set -u
: "${builddir:=.}" "${srcdir:=.}"
python=${BANDIT_PYTHON:-$builddir/bandit-venv/bin/python}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
muster=$(cd "$builddir" && pwd)/muster

if [ -z "${BANDIT_PYTHON:-}" ] && ! "$python" -c 'import numpy' >/dev/null 2>&1; then
  echo "bandit: making a Python with numpy, mabwiser and vowpalwabbit in $builddir/bandit-venv"
  { python3 -m venv "$builddir/bandit-venv" && "$python" -m pip install -q numpy mabwiser vowpalwabbit; } >"$here/pip" 2>&1 ||
    tail -n 3 "$here/pip"
fi
if ! "$python" -c 'import numpy' >/dev/null 2>&1; then
  echo "bandit_decisions  ours (no numpy, mabwiser and vowpalwabbit to compare with: set BANDIT_PYTHON)"
  exit 0
fi
"$python" "$srcdir/doc/results/bandit_rows.py" --make "$here" &&
  "$muster" import npy "$here/x.npy" "$here/cost.npy" --task regression -o "$here/task.h5" >/dev/null &&
  OMP_NUM_THREADS=1 "$python" "$srcdir/tests/bench/bandit_peers.py" "$muster" "$here"
