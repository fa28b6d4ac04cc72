/* Free riding (Lin, Du, Liu 2019): without training, zeros or the last global change. Kind: over
 * columns. */
#include "core/robust/attack_member.h"

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)plan;
  const bool zero = strcmp(s->sends, "zero") == 0;
  for (int64_t i = 0; i < c->m; i++) out[i] = zero ? 0 : c->previous[i];
}

static int unneeded(const mst_attack_spec *s) {
  return strcmp(s->sends, "previous") == 0 ? 0 : MST_ATTACK_PREVIOUS;
}

static const mst_param params[] = {
    MST_ATTACK_WORD(sends, "zero", "zero|previous", "zeros, or the last global change"),
    {.name = NULL}};

const mst_attack_ops mst_attack_free_rider = {
    .name = "free_rider",
    .summary = "does not train: zeros, or the last global change",
    .params = params,
    .needs = MST_ATTACK_PREVIOUS,
    .unneeded = unneeded,
    .send = send,
};
