# tests: mirrors the tree. SERIAL_TESTS run once, RANK_TESTS at several rank counts, SHELL_TESTS
# are scripts that drive the command. `make check TESTS=word` runs those whose name holds word. A
# test tests/core/test_x is the file tests/core/test_x.c unless it lists its sources, and is linked
# with its layer and those below; headers that tests share are noinst_HEADERS.
noinst_HEADERS += tests/harness.h
include tests/slurm/tests.mk
include tests/core/tests.mk
include tests/comm/tests.mk
include tests/io/tests.mk
include tests/parallel/tests.mk
include tests/jobs/tests.mk
include tests/bench/bench.mk
check_PROGRAMS += $(SERIAL_TESTS) $(RANK_TESTS)
# Check's flags are for the programs that include it, not for muster.
checked_objects = $(SERIAL_TESTS:=.$(OBJEXT)) $(RANK_TESTS:=.$(OBJEXT))
$(checked_objects): AM_CPPFLAGS += $(CHECK_CFLAGS)
$(checked_objects): CFLAGS += $(TEST_CFLAGS)
dist_check_SCRIPTS += tests/run.sh $(SHELL_TESTS)
EXTRA_DIST += tests/lsan.supp

RANKS = 1 2 3 4 7
check-local:
	@MPIRUN='$(MPIRUN)' RANKS='$(RANKS)' srcdir='$(srcdir)' builddir='$(builddir)' \
	  $(SHELL) $(srcdir)/tests/run.sh '$(TESTS)' \
	  serial $(SERIAL_TESTS) ranks $(RANK_TESTS) shell $(SHELL_TESTS)
