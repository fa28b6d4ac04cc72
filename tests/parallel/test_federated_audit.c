/* Audits of private rounds as they are distributed: what a round releases tells no more of a client
 * than it claims, wherever its noise is added, and noise whose shares are too small is caught.
 *
 * The clients' changes are none, so a round releases its noise; with one client more, whose change
 * is the clip at one entry, the release is the same but for the clip there: so every entry is a run
 * of both neighbours. */
#define MST_TEST_MPI
#include "tests/parallel/federation.h"

#include "core/privacy/audit.h"

#define SIGMA 3.73063163481594 /* of epsilon 1 at delta 1e-5 */
#define DELTA 1e-5

enum {
  ROUNDS = 16,
  MOST = 1 << 16
};

typedef struct setting {
  bool hardened, shares;
  double divisor; /* of the deviation that each share must have; 1: right */
} setting;

static mst_status allow(void *context, int64_t round) {
  (void)context;
  (void)round;
  return MST_OK;
}

/* released(n) += the sums of ROUNDS rounds, one behind the other, in clips; n of them. */
static int64_t release(setting s, int side, double *released) {
  int64_t n = 0;
  for (int round = 0; round < ROUNDS; round++) {
    fixture f;
    mst_federated *loop = NULL;
    begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
    const mst_sampler_spec spec = {.kind = "full", .population = CLIENTS};
    mst_federated_privacy p = {.secret = mst_secret_test((uint64_t)(2 * round + side)),
                               .clip = 1,
                               .sigma = SIGMA / s.divisor,
                               .hardened = s.hardened,
                               .shares = s.shares,
                               .charge = allow};
    ck_ok(mst_sampler_create(&spec, &p.sampler));
    f.options.privacy = &p;
    f.options.bernoulli = true;
    f.options.participation = 1;
    f.options.cohort = 0;
    f.options.rounds = 1;
    f.options.method.weighted = false;
    f.options.evaluate_clients = f.options.evaluate_gradient = false;
    f.options.optimizer.lr = 1e30; /* clients diverge: their changes count as zero */
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    const int64_t m = f.model->parameters;
    ck_assert_int_le(n + m, MOST);
    for (int64_t i = 0; i < m; i++) released[n + i] = -(double)mst_federated_parameters(loop)[i];
    mst_observer nobody = {.context = NULL};
    ck_ok(mst_federated_run(loop, &no_test, &nobody));
    for (int64_t i = 0; i < m; i++)
      released[n + i] =
          CLIENTS * (released[n + i] + (double)mst_federated_parameters(loop)[i]) + side;
    n += m;
    mst_federated_destroy(loop);
    mst_sampler_destroy(p.sampler);
    end(&f);
  }
  return n;
}

static double bound(setting s) {
  static double released[2][MOST];
  double epsilon;
  const int64_t n = release(s, 0, released[0]);
  release(s, 1, released[1]);
  ck_ok(mst_audit_scores(n, released[0], released[1], DELTA, 0.999, &epsilon));
  return epsilon;
}

START_TEST(private_rounds_stay_below_their_claim_wherever_the_noise_is_added) {
  const setting way[] = {{false, false, 1}, {true, false, 1}, {false, true, 1}};
  for (int i = 0; i < 3; i++) {
    const double epsilon = bound(way[i]);
    ck_assert_msg(epsilon <= 1 && epsilon >= 0.1, "way %d: %g", i, epsilon);
  }
}
END_TEST

/* Each of the clients adds sigma / CLIENTS instead of sigma / sqrt(CLIENTS). */
START_TEST(shares_of_noise_divided_by_the_clients_and_not_their_root_are_caught) {
  const setting broken = {false, true, sqrt(CLIENTS)};
  const double epsilon = bound(broken);
  ck_assert_msg(epsilon > 1, "%g", epsilon);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("federated_audit");
  TCase *c = tcase_create("federated_audit");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, private_rounds_stay_below_their_claim_wherever_the_noise_is_added);
  tcase_add_test(c, shares_of_noise_divided_by_the_clients_and_not_their_root_are_caught);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
