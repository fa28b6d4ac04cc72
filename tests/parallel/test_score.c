/* Scores and the training loss of rows whose losses are larger than any contribution may be. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "parallel/federated.h"
#include "tests/harness.h"
#include "tests/parallel/learning.h"

enum { ROWS = 1300, WIDTH = 12, CLASSES = 4, CLIENTS = 5 };

static mst_stage whole; /* a stage that does nothing, so that clients stay whole in the roster */

static mst_status keep(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                       double *vector) {
  (void)stage, (void)client, (void)round, (void)n, (void)vector;
  return MST_OK;
}

/* The mean loss of all rows, without blocks or ranks. */
static double plain_loss(const mst_model *m, const float *w, const toy *t) {
  mst_model_work *work = NULL;
  double loss = 0;
  ck_ok(mst_model_work_create(m, t->n, &work));
  mst_model_loss(m, w, &(mst_batch){.n = t->n, .x = t->x, .label = t->label}, work, &loss, NULL);
  mst_model_work_destroy(work);
  return loss / (double)t->n;
}

static mst_status take_loss(void *context, int64_t round, int n, const mst_metric *metric) {
  (void)round;
  double *found = context;
  for (int i = 0; i < n; i++) {
    if (strcmp(metric[i].name, "train_loss") == 0) found[0] = metric[i].value;
    if (strcmp(metric[i].name, "loss") == 0) found[1] = metric[i].value;
  }
  return MST_OK;
}

/* A round with next to no step: both losses are those of the first parameters. */
static void first_losses(mst_team *team, const mst_model *m, toy *t, double *found) {
  toy_run r, test;
  mst_clients *clients = NULL;
  mst_federated *loop = NULL;
  mst_pipeline single = mst_pipeline_sum(), sum = single;
  whole = (mst_stage){.name = "keep", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE, .apply = keep};
  ck_ok(mst_pipeline_put(&single, &whole));
  mst_partition_spec part = {.name = "quantity", .seed = 3, .clients = CLIENTS, .alpha = 2};
  toy_start(&r, team, t, &part, single, 1 << 20, 2);
  part.clients = 1;
  toy_start(&test, team, t, &part, sum, 1 << 20, 2);
  ck_ok(mst_clients_create(team, r.rows, r.roster, r.label, r.features, 0, 11, NULL, &clients));
  mst_federated_options o = {.seed = 11, .rounds = 1, .participation = 1, .bernoulli = true,
                             .local_epochs = 1, .method = {.name = "fedavg", .server_lr = 1},
                             .optimizer = mst_optim_defaults("sgd"),
                             .schedule = mst_schedule_defaults("constant")};
  o.optimizer.lr = 1e-36;
  mst_test_rows rows = {test.rows, test.roster, test.label, test.features};
  ck_ok(mst_federated_create(team, m, clients, &sum, &o, &loop));
  ck_ok(mst_federated_run(loop, &rows, &(mst_observer){.context = found, .on_round = take_loss}));
  mst_federated_destroy(loop);
  mst_clients_destroy(clients);
  toy_end(&test);
  toy_end(&r);
}

START_TEST(losses_of_any_size_have_their_mean) {
  static const float size[] = {1, 1e8f, 1e25f};
  for (int k = 0; k < 3; k++) {
    mst_team_options options = mst_team_defaults();
    mst_team *team = NULL;
    mst_model *m = NULL;
    float *w = NULL;
    double found[2] = {NAN, NAN};
    ck_ok(mst_team_create(MPI_COMM_WORLD, &options, &team));
    toy t = toy_make(ROWS, WIDTH, CLASSES);
    for (int64_t i = 0; i < t.n * t.d; i++) t.x[i] *= size[k];
    mst_model_spec spec = {.kind = "softmax", .init = "xavier"};
    mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
    ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &m));
    ck_ok(mst_alloc(&w, m->parameters, sizeof *w, "parameters"));
    mst_model_init(m, 11, 0, w);
    first_losses(team, m, &t, found);
    double want = plain_loss(m, w, &t);
    ck_assert_double_gt(want, 0.1 * (double)size[k]);
    ck_assert_msg(fabs(found[0] - want) <= 1e-6 * want, "train loss %g, not %g", found[0], want);
    ck_assert_msg(fabs(found[1] - want) <= 1e-6 * want, "loss %g, not %g", found[1], want);
    mst_free(w);
    mst_model_destroy(m);
    toy_free(&t);
    mst_team_destroy(team);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("score");
  TCase *c = tcase_create("score");
  tcase_add_test(c, losses_of_any_size_have_their_mean);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
