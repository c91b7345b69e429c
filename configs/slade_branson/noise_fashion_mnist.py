"""Slade and Branson's agent with noise on the training images, Fashion-MNIST: as Figure 3, Table 1.

Command: python launch/prepare_data.py fashion_mnist
         python launch/run.py configs/slade_branson/noise_fashion_mnist.py
         python launch/run.py configs/slade_branson/noise_fashion_mnist.py \\
             --data.corruption.share .5
         python launch/run.py configs/slade_branson/noise_fashion_mnist.py \\
             --data.corruption.share 1
Data and protocol: as fashion_mnist.py, but 10 labels after one per class, five trainings, twenty
runs with each and 68 % intervals; zoom, rotation and noise on 10, 50 and 100 % of the images.
Took 4 to 5 min each on one CPU core, of which compilation half. Found (AUBC; 68 % intervals over
the trainings), on 10, 50 and 100 %: slade_branson_clock .514 +- .006, .491 +- .006, .474 +- .007;
margin .499 +- .004, .475 +- .004, .459 +- .006; random .493 +- .004, .474 +- .005, .458 +- .006;
slade_branson .493 +- .015, .468 +- .015, .454 +- .015; lal_rl .488 +- .010, .464 +- .011, .451 +-
.008; entropy .487 +- .006, .469 +- .007, .450 +- .009. So beside noise on a tenth of the images
noise on all costs each of them 3 to 4 points, on half about 2, and the agent with a clock stays the
best (with 50 % 1.7 +- .3 points above random).
"""

import dataclasses

import fashion_mnist

from jal.experiment import Corruption, Experiment, LalRl, SladeBranson, Training


def get_config() -> list[Training | Experiment]:
    """The trainings and the experiment."""
    paper = SladeBranson(epochs=30, candidates=30, budget=10, exploration=1.0, window=0)
    clock = dataclasses.replace(paper, clock=True, exponent=0.0, policy_candidates=30)
    lal_rl = LalRl(mode="fixed_horizon", horizon=10, epochs=30, candidates=30)
    return fashion_mnist.steps(
        "slade_branson_noise_fashion_mnist",
        dataclasses.replace(fashion_mnist.DATA, corruption=Corruption(share=0.1)),
        {"slade_branson": paper, "slade_branson_clock": clock, "lal_rl": lal_rl},
        trainings=5,
        seeds=100,
        rounds=10,
        confidence=0.68,
    )
