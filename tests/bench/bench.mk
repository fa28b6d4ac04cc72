# benchmarks
EXTRA_PROGRAMS += tests/bench/bench_gram
tests_bench_bench_gram_SOURCES = tests/bench/bench_gram.c
tests_bench_bench_gram_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) $(core_libs)
EXTRA_PROGRAMS += tests/bench/bench_solve
tests_bench_bench_solve_SOURCES = tests/bench/bench_solve.c
tests_bench_bench_solve_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) $(core_libs)
EXTRA_PROGRAMS += tests/bench/bench_sum
tests_bench_bench_sum_SOURCES = tests/bench/bench_sum.c
tests_bench_bench_sum_LDADD = libmstcomm.la libmstcore.la $(comm_libs) $(core_libs)
