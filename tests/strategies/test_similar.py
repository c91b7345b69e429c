import inspect

import pytest
from named_round import ROUND, given_to_selector

from jal import select
from jal.strategies import similar
from jal.types import InputError

MEMBERS = {member.name: member for member in similar.members}
POOL = (ROUND.logits, ROUND.features, ROUND.y, ROUND.labelled, 5)
OPTIONS = {
    "flqmi": {"eta": 2.0, "max_queries": 7},
    "fl1mi": {"eta": 2.0, "max_queries": 7, "sample": 9},
    "gcmi": {"max_queries": 7},
    "logdetmi": {"eta": 0.5, "max_queries": 7, "ridge": 3.0},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_reaches_the_selector(monkeypatch, name):
    assert inspect.signature(MEMBERS[name].make).parameters.keys() == OPTIONS[name].keys()
    args, options = given_to_selector(monkeypatch, name, MEMBERS[name], OPTIONS[name])
    assert args == (("key", *POOL) if name == "fl1mi" else POOL)
    assert options == OPTIONS[name] | ({} if name == "fl1mi" else {"key": "key"})


@pytest.mark.parametrize("name", OPTIONS)
def test_defaults_are_the_selectors(name):
    theirs = inspect.signature(getattr(select, name)).parameters
    for option, parameter in inspect.signature(MEMBERS[name].make).parameters.items():
        assert parameter.default == theirs[option].default


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("flqmi", {"eta": -1.0}),
        ("fl1mi", {"sample": 0}),
        ("gcmi", {"max_queries": 0}),
        ("logdetmi", {"eta": 1.5}),
        ("logdetmi", {"ridge": 0.0}),
    ],
)
def test_options_that_cannot_work(name, option):
    (value,) = option.values()
    with pytest.raises(InputError, match=f"{name} takes .*, got .*{value}"):
        MEMBERS[name](**option)
