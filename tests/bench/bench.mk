# benchmarks
noinst_HEADERS += tests/bench/bench.h
bench_libs = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) \
  $(core_libs)
EXTRA_PROGRAMS += tests/bench/bench_gram
tests_bench_bench_gram_LDADD = $(bench_libs)
EXTRA_PROGRAMS += tests/bench/bench_solve
tests_bench_bench_solve_LDADD = $(bench_libs)
EXTRA_PROGRAMS += tests/bench/bench_sum
tests_bench_bench_sum_LDADD = libmstcomm.la libmstcore.la $(comm_libs) $(core_libs)
EXTRA_PROGRAMS += tests/bench/bench_step
tests_bench_bench_step_LDADD = libmstcore.la $(core_libs)
EXTRA_DIST += tests/bench/step_torch.py
EXTRA_PROGRAMS += tests/bench/bench_federated
tests_bench_bench_federated_LDADD = $(bench_libs)
BENCH_SHELL += tests/bench/bench_federated.sh
EXTRA_DIST += tests/bench/bench_federated.sh tests/bench/federated_flower.py
EXTRA_PROGRAMS += tests/bench/bench_robust
tests_bench_bench_robust_LDADD = libmstcore.la $(core_libs)
