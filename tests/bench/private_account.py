"""dp-accounting's privacy-loss distribution for the run of bench_private_account: seconds, epsilon."""
import time

import dp_accounting
from dp_accounting.pld import pld_privacy_accountant

event = dp_accounting.SelfComposedDpEvent(
    dp_accounting.PoissonSampledDpEvent(0.0043, dp_accounting.GaussianDpEvent(1.1)), 14040)
start = time.perf_counter()
accountant = pld_privacy_accountant.PLDAccountant()
accountant.compose(event)
epsilon = accountant.get_epsilon(1e-5)
print(time.perf_counter() - start, repr(float(epsilon)))
