/* What holds for the server's step of every federated method, whatever its equations: it may be
 * made on shards, and settings that it cannot have are refused. */
#include "tests/core/test_method_federation.h"

/* A vector of several blocks, the last one not whole. */
enum {
  LONG = 3 * MST_OPTIM_BLOCK - 100
};

typedef struct server_state {
  float w[LONG], shared[LONG], server[2][LONG];
  double mean[2][LONG];
} server_state;

static void draw_server(server_state *s) {
  mst_stream stream = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < LONG; i++) {
    s->w[i] = (float)mst_stream_normal(&stream);
    s->shared[i] = (float)mst_stream_normal(&stream);
    s->server[0][i] = (float)mst_stream_normal(&stream);
    s->server[1][i] = (float)(mst_stream_uniform(&stream) * 0.01);
    for (int v = 0; v < 2; v++) s->mean[v][i] = 0.1 * mst_stream_normal(&stream);
  }
}

typedef struct server_part {
  float *w, *shared[1], *server[2];
  double *mean[2];
} server_part;

static server_part part_at(server_state *s, int64_t first) {
  return (server_part){.w = s->w + first,
                       .shared = {s->shared + first},
                       .server = {s->server[0] + first, s->server[1] + first},
                       .mean = {s->mean[0] + first, s->mean[1] + first}};
}

static void step_shards(const mst_method_ops *ops, const mst_method_spec *spec, server_state *s,
                        int64_t shard) {
  const mst_round_facts facts = {
      .round = 2, .clients = 10, .cohort = 4, .lr = 0.1, .steps = 7, .scalar_mean = {7}};
  double sum[MST_METHOD_SUMS] = {0};
  for (int64_t at = 0; ops->measure != NULL && at < LONG; at += MST_OPTIM_BLOCK) {
    server_part p = part_at(s, at);
    int64_t m = LONG - at < MST_OPTIM_BLOCK ? LONG - at : MST_OPTIM_BLOCK;
    ops->measure(spec, &facts, m, p.w, p.mean, p.shared, p.server, sum);
  }
  for (int64_t at = 0; at < LONG; at += shard) {
    server_part p = part_at(s, at);
    ops->step(spec, &facts, LONG - at < shard ? LONG - at : shard, p.w, p.mean, p.shared, p.server,
              sum);
  }
}

START_TEST(a_step_on_shards_is_the_step_on_the_whole) {
  server_state *whole = NULL, *cut = NULL, *before = NULL;
  ck_ok(mst_alloc(&whole, 1, sizeof *whole, "test"));
  ck_ok(mst_alloc(&cut, 1, sizeof *cut, "test"));
  ck_ok(mst_alloc(&before, 1, sizeof *before, "test"));
  draw_server(before);
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = method_defaults(mst_method_at(m)->name);
    memcpy(whole, before, sizeof *whole);
    memcpy(cut, before, sizeof *cut);
    step_shards(mst_method_at(m), &spec, whole, LONG);
    step_shards(mst_method_at(m), &spec, cut, MST_OPTIM_BLOCK);
    ck_assert_msg(memcmp(whole, cut, sizeof *cut) == 0, "%s", spec.name);
    ck_assert_msg(memcmp(whole->w, before->w, sizeof cut->w) != 0, "%s stands still", spec.name);
  }
  mst_free(whole);
  mst_free(cut);
  mst_free(before);
}
END_TEST

START_TEST(settings_out_of_range_are_refused_by_name) {
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec good = method_defaults(mst_method_at(m)->name);
    ck_ok(mst_method_check(&good));
    for (const mst_param *p = mst_method_at(m)->params; p->name != NULL; p++) {
      if (p->type != MST_PARAM_REAL) continue;
      mst_method_spec bad = good;
      double *field = (double *)(void *)((char *)&bad + p->offset);
      *field = -0.5;
      ck_refused(mst_method_check(&bad), MST_ERR_INPUT, p->name);
      *field = (double)NAN;
      ck_refused(mst_method_check(&bad), MST_ERR_INPUT, p->name);
      *field = (double)INFINITY;
      ck_refused(mst_method_check(&bad), MST_ERR_INPUT, p->name);
    }
  }
  mst_method_spec unknown = {.name = "fedmagic"}, none = {.name = NULL};
  ck_refused(mst_method_check(&unknown), MST_ERR_INPUT, "scaffold");
  ck_refused(mst_method_check(&none), MST_ERR_INPUT, "fedavg");
}
END_TEST

START_TEST(methods_with_vectors_of_clients_take_the_plain_mean) {
  int refused = 0;
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    mst_method_spec spec = method_defaults(mst_method_at(m)->name);
    spec.weighted = true;
    if (mst_method_at(m)->own > 0) {
      ck_refused(mst_method_check(&spec), MST_ERR_INPUT, "weighted");
      refused++;
    } else {
      ck_ok(mst_method_check(&spec));
    }
  }
  ck_assert_int_eq(refused, 5);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("method_steps");
  TCase *c = tcase_create("method_steps");
  tcase_add_test(c, a_step_on_shards_is_the_step_on_the_whole);
  tcase_add_test(c, settings_out_of_range_are_refused_by_name);
  tcase_add_test(c, methods_with_vectors_of_clients_take_the_plain_mean);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
