/* Audits of the local randomisers: the likelihood ratio between the two users who are furthest
 * apart stays below what is claimed, and is seen to come near it; half of the noise, a row that was
 * not shortened and a randomiser without its coin are caught. Keys are fixed. */
#include "core/privacy/audit.h"
#include "tests/core/local_sample.h"

enum {
  D = 4,
  RUNS = 40000,
  MOST = D * (D + 1) / 2 + D
};
#define CONFIDENCE 0.999

static double score[2][RUNS];

typedef enum fault {
  RIGHT,
  HALF_NOISE, /* calibrated as if a user could come or go, and not be another */
  NOT_SCALED, /* the row is twice as long as it may be                        */
  NO_COIN     /* Duchi's randomiser answers with the right half every time    */
} fault;

/* The two users who are furthest apart. */
static void user_of(const mst_ldp *m, int side, float *x, double *y) {
  const double r = m->spec.radius, a = pow(r * r / m->matrix_noise, 2),
               b = pow(r * m->spec.truncation / m->vector_noise, 2);
  const double c = m->matrix_noise > 0 ? b / (2 * a) : 1;
  memset(x, 0, D * sizeof *x);
  x[0] = (float)(side ? r * c : r);
  if (side) x[1] = (float)(r * sqrt(1 - c * c));
  *y = side ? -1e3 : 1e3;
}

static void message(const mst_ldp *m, const float *x, double y, uint64_t run, double *out) {
  const mst_noise noise = test_noise(run);
  double work[D];
  ck_ok(mst_ldp_message(m, &noise, x, y, work, out));
}

/* The message of a side without its noise, for a row that many times too long. */
static void signal_of(const mst_ldp *m, int side, float times, double *out) {
  const float zero[D] = {0};
  float x[D];
  double y, none[MOST];
  user_of(m, side, x, &y);
  mst_ldp_spec loose = m->spec;
  if (times > 1) loose.radius = 1e3;
  mst_ldp *by = local_create(&loose);
  for (int j = 0; j < D; j++) x[j] *= times;
  message(by, x, y, 1, out);
  message(by, zero, 0, 1, none);
  for (int64_t e = 0; e < m->entries; e++) out[e] -= none[e];
  mst_ldp_destroy(by);
}

/* One message of a side; what is wrong with it is put in here. */
static void say(const mst_ldp *m, fault f, const double *signal, int side, uint64_t run,
                double *out) {
  const float zero[D] = {0};
  float x[D];
  double y;
  user_of(m, side, x, &y);
  if (f == RIGHT || f == NO_COIN) {
    message(m, x, y, 2 * run + (uint64_t)side, out);
    return;
  }
  message(m, zero, 0, 2 * run + (uint64_t)side, out);
  for (int64_t e = 0; e < m->entries; e++)
    out[e] = signal[e] + out[e] * (f == HALF_NOISE ? 0.5 : 1);
}

/* The logarithm of the likelihood ratio of side 1 to side 0, up to what does not matter, is a
 * product with these weights: of Gaussian noise the difference of means over the variance; Duchi's
 * randomiser depends on the side of the vector alone. */
static void weigh(const mst_ldp *m, double signal[2][MOST], double *weight) {
  const int64_t packed = m->matrix_noise > 0 ? mst_ldp_packed(D) : 0;
  memset(weight, 0, MOST * sizeof *weight);
  if (m->ops->pure) {
    weight[0] = 1; /* the gradient is -y x */
    return;
  }
  for (int64_t e = 0; e < m->entries; e++) {
    const bool diagonal = e == 0 || e == 2 || e == 5 || e == 9;
    const double variance = e >= packed ? m->vector_noise * m->vector_noise
                                        : m->matrix_noise * m->matrix_noise * (diagonal ? 1 : 0.5);
    weight[e] = (signal[1][e] - signal[0][e]) / variance;
  }
}

static double audit(const char *method, fault f) {
  mst_ldp_spec s = local_spec(method, 1000, D);
  s.delta = 0.01;                   /* an audit of so few runs sees more of a larger one */
  if (f == NO_COIN) s.epsilon = 50; /* so that the other half never comes */
  mst_ldp *m = local_create(&s);
  const int64_t runs = m->ops->pure ? RUNS / 2 : RUNS;
  double signal[2][MOST], weight[MOST], out[MOST], epsilon;
  for (int side = 0; side < 2; side++) signal_of(m, side, f == NOT_SCALED ? 2 : 1, signal[side]);
  weigh(m, signal, weight);
  for (int side = 0; side < 2; side++)
    for (int64_t i = 0; i < runs; i++) {
      double sum = 0;
      say(m, f, signal[side], side, (uint64_t)i, out);
      for (int64_t e = 0; e < m->entries; e++) sum += weight[e] * out[e];
      score[side][i] = m->ops->pure ? sum > 0 : sum;
    }
  ck_ok(
      mst_audit_scores(runs, score[0], score[1], m->ops->pure ? 0 : s.delta, CONFIDENCE, &epsilon));
  mst_ldp_destroy(m);
  return epsilon;
}

START_TEST(messages_stay_below_their_claim) {
  const struct {
    const char *method;
    double seen; /* what the audit must see at least of the claim of 1 */
  } claim[] = {{"nldp", 0.5}, {"nldp_public", 0.5}, {"ldp_iht", 0.85}};
  for (int i = 0; i < 3; i++) {
    const double epsilon = audit(claim[i].method, RIGHT);
    ck_assert_msg(epsilon <= 1, "%s: %g", claim[i].method, epsilon);
    ck_assert_msg(epsilon >= claim[i].seen, "%s: the audit sees only %g", claim[i].method, epsilon);
  }
}
END_TEST

START_TEST(broken_randomisers_are_caught) {
  const struct {
    const char *method;
    fault what;
  } broken[] = {{"nldp", HALF_NOISE},
                {"nldp", NOT_SCALED},
                {"nldp_public", HALF_NOISE},
                {"ldp_iht", NO_COIN}};
  for (int i = 0; i < 4; i++) {
    const double epsilon = audit(broken[i].method, broken[i].what);
    ck_assert_msg(epsilon > 1, "%s, fault %d: only %g", broken[i].method, broken[i].what, epsilon);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("audits of local randomisers");
  TCase *c = tcase_create("audits");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, messages_stay_below_their_claim);
  tcase_add_test(c, broken_randomisers_are_caught);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
