# tests of the batch side: what is submitted, and what a real Slurm makes of it; the one that waits longest
# is the first to be started
SHELL_TESTS += tests/slurm/test_cluster.sh tests/slurm/test_submit.sh tests/slurm/test_script.sh
EXTRA_DIST += tests/slurm/cluster/start.sh tests/slurm/cluster/stop.sh tests/slurm/cluster/node.sh \
  tests/slurm/cluster/slurm.conf.in
