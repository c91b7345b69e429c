"""ALAMP on the digits: an SVM whose C is chosen in each round, and a small network.

Command: python launch/run.py configs/alamp/digits.py
Data: scikit-learn's digits, of which each seed draws 1,000 for the pool and 797 to test on.
Protocol: 20 labels at random, then 15 rounds of 20; 20 seeds. The SVM sees the pixels, which stand
for features, and C is chosen by cross-validation in each round, among four values and in three
folds, the paper's way but for their number; the network is trained anew in each round. Then the
switch from the SVM, of C = 10, to the network, by three folds too; it buys at random, since at the
switch margins of two learners would be compared.
Took 3 min on two CPU cores, of which compilation 1, before RIVALS; the network with them 103 s.
Found (points, 95 % intervals over the splits, uncorrected): AUBC less random's .920, SVM: k_center
+3.06 +- .46, margin_div +2.78 +- .50, margin +2.27 +- .48, alamp_div +.97 +- .61, alamp +.50 +-
.65, random_div +.04 +- .52; network, less .896: margin_div +3.50 +- .37, margin +3.42 +- .38, alamp
+3.42 +- .32, badge +3.35 +- .42, alamp_div +3.26 +- .38, k_center +3.19 +- .44, random_div +.51 +-
.59. Random labels, SVM less network: 20 labels -.52 +- 1.10, 60 +.88 +- .97, 80 +2.77 +- .55, 320
+2.69 +- .35.
"""

from _small_schemes import OF_FINE_TUNING, OF_SVM

from jal.experiment import MLP, SVC, Data, Experiment, Protocol, Random, Switch

DATA = Data("sklearn:digits", test_size=797, split="per_seed")
PROTOCOL = Protocol(seeds=20, rounds=15, batch=20, start=Random(labels=20))
SVM = SVC(C_grid=(0.1, 1.0, 10.0, 100.0), folds=3)
NETWORK = MLP(hidden=(128,), epochs=50, normalise="none")
RIVALS = ("margin", "k_center", "alamp_div", "random_div", "margin_div")  # trained fast enough
SWITCH = Switch(shallow=SVC(C=10.0), network=NETWORK, folds=3)


def get_config() -> list[Experiment]:
    """SVM, the network, and the switch from one to the other."""
    return [
        Experiment("alamp_digits_svm", DATA, {"svc": SVM}, OF_SVM, PROTOCOL),
        Experiment(
            "alamp_digits_network", DATA, {"mlp": NETWORK}, OF_FINE_TUNING + RIVALS, PROTOCOL
        ),
        Experiment("alamp_digits_switch", DATA, {"switch": SWITCH}, ("random",), PROTOCOL),
    ]
