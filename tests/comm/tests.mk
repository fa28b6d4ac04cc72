# test programs of comm
comm_test_libs = libmstcomm.la libmstcore.la $(comm_libs) $(core_libs) $(CHECK_LIBS)
noinst_HEADERS += tests/comm/comm_test.h
RANK_TESTS += tests/comm/test_team tests/comm/test_sum tests/comm/test_scatter \
  tests/comm/test_gather tests/comm/test_exchange tests/comm/test_digest tests/comm/test_share \
  tests/comm/test_neighbours tests/comm/test_posted
tests_comm_test_team_LDADD = $(comm_test_libs)
tests_comm_test_sum_LDADD = $(comm_test_libs)
tests_comm_test_scatter_LDADD = $(comm_test_libs)
tests_comm_test_gather_LDADD = $(comm_test_libs)
tests_comm_test_exchange_LDADD = $(comm_test_libs)
tests_comm_test_digest_LDADD = $(comm_test_libs)
tests_comm_test_share_LDADD = $(comm_test_libs)
tests_comm_test_neighbours_LDADD = $(comm_test_libs)
tests_comm_test_posted_LDADD = $(comm_test_libs)
RANK_TESTS += tests/comm/test_measure
tests_comm_test_measure_LDADD = $(comm_test_libs)
