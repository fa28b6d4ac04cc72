/* Stop rule: which metrics end a run, and from which side. */
#include "core/base/stop.h"

#include <math.h>

#include "tests/harness.h"

static bool reached(const char *name, double at, double value) {
  const mst_stop stop = {name, at};
  const mst_metric metric[] = {{"gradients", 1e9}, {name, value}, {"lr", -1e9}};
  return mst_stop_reached(&stop, 3, metric);
}

START_TEST(an_accuracy_stops_a_run_from_its_value_up) {
  ck_assert(!reached("accuracy", 0.9, 0.899));
  ck_assert(reached("accuracy", 0.9, 0.9));
  ck_assert(reached("client_accuracy_worst", 0.9, 0.95));
}
END_TEST

START_TEST(a_loss_stops_a_run_from_its_value_down) {
  ck_assert(!reached("train_loss", 0.5, 0.501));
  ck_assert(reached("train_loss", 0.5, 0.5));
  ck_assert(reached("loss", 0.5, 0.2));
}
END_TEST

START_TEST(nothing_stops_a_run_without_a_rule) {
  const mst_stop none = {.metric = NULL};
  ck_assert(!mst_stop_reached(&none, 1, &(mst_metric){"accuracy", 1}));
}
END_TEST

START_TEST(a_metric_of_which_nothing_is_known_stops_no_run) {
  const mst_stop stop = {"accuracy", 0.5};
  ck_assert(!mst_stop_reached(&stop, 1, &(mst_metric){"client_accuracy_mean", 1}));
  ck_assert(!mst_stop_reached(&stop, 0, NULL));
  ck_assert(!reached("accuracy", 0.5, NAN));
  ck_assert(!reached("loss", 0.5, NAN));
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("stop");
  TCase *c = tcase_create("stop");
  tcase_add_test(c, an_accuracy_stops_a_run_from_its_value_up);
  tcase_add_test(c, a_loss_stops_a_run_from_its_value_down);
  tcase_add_test(c, nothing_stops_a_run_without_a_rule);
  tcase_add_test(c, a_metric_of_which_nothing_is_known_stops_no_run);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
