# The private step of bench_private_step in Opacus: gradients of 2,048 rows, each clipped, in blocks of 64,
# then noise and the optimizer's step, on one thread. Prints the CPU milliseconds of a step, the median of
# repeats.
#
#   private_opacus.py softmax|mlp|lenet
import os
import statistics
import sys
import time
import warnings

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.simplefilter("ignore")

import torch
import torch.nn as nn
from opacus.grad_sample import GradSampleModule
from opacus.optimizers import DPOptimizer

torch.set_num_threads(1)
torch.manual_seed(1)
ROWS, BLOCK = 2048, 64


def network(kind):
    if kind == "softmax":
        return nn.Linear(784, 10)
    if kind == "mlp":
        return nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10))
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 16, 5, bias=False), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, bias=False), nn.GroupNorm(4, 32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


model = GradSampleModule(network(sys.argv[1]))
x, y = torch.rand(ROWS, 784), torch.randint(0, 10, (ROWS,))
optimizer = DPOptimizer(torch.optim.SGD(model.parameters(), lr=0.01), noise_multiplier=1.1,
                        max_grad_norm=0.1, expected_batch_size=ROWS)
loss = nn.CrossEntropyLoss()


def step():
    start = time.process_time()
    for i in range(0, ROWS, BLOCK):
        optimizer.signal_skip_step(i + BLOCK < ROWS)
        loss(model(x[i:i + BLOCK]), y[i:i + BLOCK]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return 1e3 * (time.process_time() - start)


step()
print("%.3f" % statistics.median(step() for _ in range(5)))
