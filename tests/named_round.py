"""A Round of names in place of arrays, to see what a strategy hands to its selector."""

from jal import select
from jal.types import Round

ROUND = Round(*Round._fields)


def given_to_selector(monkeypatch, selector: str, make, options: dict, round_: Round = ROUND):
    """The arguments and the options with which `jal.select`'s selector is called for 5 picks."""
    calls = []

    def spy(*args, **given):
        calls.append((args, given))
        return "picks"

    monkeypatch.setattr(select, selector, spy)
    assert make(**options).select("key", (), round_, 5) == ("picks", ())
    (call,) = calls
    return call
