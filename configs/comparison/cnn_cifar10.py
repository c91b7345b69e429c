"""The comparison's deep model: a small CNN on CIFAR-10, its settings.

Command: python launch/run.py configs/comparison/cnn_cifar10.py
Data: 50,000 training images, of which a pool of four fifths is left, as in the draft, which has the
rest for choosing hyper-parameters; 10,000 test images. `launch/prepare_data.py cifar10`.
Protocol: starts of ten labels, 15 % and 80 %; then 50 rounds of 250 labels, but 32 of them with the
last, which leaves no more to buy; weights go on from round to round. The draft leaves open how long
it trains and with what: here 5 epochs of Adam, learning rate 1e-3, in each round.
Not run: it needs a GPU.
"""

import dataclasses

from _scenarios import scenarios

from jal.experiment import CNN, Data, Experiment, Protocol


def get_config() -> list[Experiment]:
    """Three starts."""
    cnn = CNN(
        epochs=5,
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0.0,
        warm_start=True,
    )
    data, protocol = Data("tfds:cifar10", train_share=0.8), Protocol(seeds=5, rounds=50, batch=250)
    few, some, most = scenarios("comparison_cnn_cifar10", data, {"cnn": cnn}, protocol)
    rest = dataclasses.replace(most.protocol, rounds=32)
    return [few, some, dataclasses.replace(most, protocol=rest)]
