"""What the README shows runs."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_one_scorer_alone():
    block = re.search(r"## One scorer alone.*?```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    lines = [line for line in block.group(1).splitlines() if line]
    assert len(lines) <= 5
    names: dict = {}
    exec("\n".join(lines), names)
    assert len(set(names["picks"].tolist())) == 5
