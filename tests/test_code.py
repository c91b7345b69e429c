"""The one rule: a registered name, package.module:attribute, or the thing itself."""

import json
import sys

import pytest

from jal.code import find, is_code, name_of, reference
from jal.types import InputError

REGISTRY = {"one": 1, "two": 2}


class Inner:
    """Found by a dotted attribute."""

    @staticmethod
    def deep():
        """Something."""


def written(folder, text, name="some_module"):
    """A module that is not imported yet."""
    (folder / f"{name}.py").write_text(text)
    return name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """On the path of modules; what is imported from it goes with it."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "so"),
    [
        ("package.module:attribute", True),
        ("module:Class.method", True),
        ("a:b", True),
        ("margin", False),
        ("tfds:fashion-mnist", False),
        ("npz:some/path.npz", False),
        ("module:", False),
        (":attribute", False),
        ("a:b:c", False),
        ("a b:c", False),
        ("<lambda>", False),
        (3, False),
        (None, False),
        (json.dumps, False),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_which_names_are_code(name, so):
    assert is_code(name) == so


def test_what_is_registered_and_what_is_given():
    assert find("thing", "one", REGISTRY, False) == 1
    assert find("thing", json.dumps, REGISTRY, False) is json.dumps
    assert find("thing", 3, REGISTRY, False) == 3


def test_a_registered_name_comes_before_code():
    assert find("thing", "json:dumps", {"json:dumps": 7}, False) == 7


def test_what_is_imported_already_takes_permission_too():
    """A folder that names os:system must not have it called."""
    for name in ("os:system", "json:dumps", f"{__name__}:Inner.deep"):
        with pytest.raises(InputError, match="is code that would be imported: add --allow-code"):
            find("thing", name, REGISTRY, False)
    assert find("thing", "json:dumps", REGISTRY, True) is json.dumps
    assert find("thing", f"{__name__}:Inner.deep", REGISTRY, True) is Inner.deep


def test_what_is_not_imported_takes_permission(folder):
    name = written(folder, "def f(): pass")
    with pytest.raises(InputError) as caught:
        find("strategy", f"{name}:f", REGISTRY, False)
    assert str(caught.value) == (
        "strategy some_module:f is code that would be imported: add --allow-code (in Python "
        "allow_code=True) if you trust it."
    )
    assert name not in sys.modules
    found = find("strategy", f"{name}:f", REGISTRY, True)
    assert found is sys.modules[name].f


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("three", "unknown thing 'three': known are one, two, or give package.module:attribute."),
        ("json:nothing", "thing json:nothing is not there: module json has no such attribute."),
        ("json:dumps.more", "thing json:dumps.more is not there: module json has no such attribu"),
        ("no_such:f", "thing no_such:f cannot be imported: No module named 'no_such'."),
        ("json.no_such:f", "thing json.no_such:f cannot be imported: No module named 'json.no_s"),
        ("failing:f", "thing failing:f cannot be imported: ZeroDivisionError: division by zero."),
        ("broken:f", "thing broken:f cannot be imported: SyntaxError: "),
        ("leaves:f", "thing leaves:f cannot be imported: SystemExit: enough."),
        ("wordy:f", "thing wordy:f cannot be imported: ValueError: one two."),
        ("wanting:f", "thing wanting:f cannot be imported: No module named 'no_such'."),
    ],
    ids=str,
)
def test_what_is_not_there(folder, given, says):
    written(folder, "1 / 0", "failing")
    written(folder, "def f(:", "broken")
    written(folder, "raise SystemExit('enough')", "leaves")
    written(folder, "raise ValueError('one\\ntwo')", "wordy")
    written(folder, "import no_such", "wanting")
    with pytest.raises(InputError) as caught:
        find("thing", given, REGISTRY, True)
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


def shadowed():
    """Another is called so below."""


FIRST = shadowed


def shadowed():
    """The second."""


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (json.dumps, "json:dumps"),
        (json.JSONDecoder, "json.decoder:JSONDecoder"),
        (Inner.deep, f"{__name__}:Inner.deep"),
        (Inner, f"{__name__}:Inner"),
        (shadowed, f"{__name__}:shadowed"),
        (FIRST, None),
        (lambda: 1, None),
        (Inner(), None),
        (3, None),
        ("json:dumps", None),
        (json, None),
    ],
    ids=range(11),
)
def test_references(thing, name):
    assert reference(thing) == name
    if name is not None:
        assert find("thing", name, {}, True) is thing


def test_what_is_within_a_function_has_no_reference():
    def local():
        """Cannot be found from outside."""

    assert reference(local) is None
    local.__module__ = "no_such"
    assert reference(local) is None


class Named:
    """Says what it is called."""

    def __init__(self, name="own"):
        self.name = name


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (json.dumps, "dumps"),
        (Inner, "Inner"),
        (Inner(), "Inner"),
        (Named(), "own"),
        (3, "int"),
        (Named("package.module:own"), "own"),
        (Named(""), "Named"),
        (Named(3), "Named"),
    ],
    ids=range(8),
)
def test_names(thing, name):
    assert name_of(thing) == name
