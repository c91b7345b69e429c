"""Every field of every config can be overridden, and help says which."""

import dataclasses
import re
import typing
from typing import Any, Literal

import pytest

from jal.cli.configs import find_config
from jal.cli.fields import field_helps
from jal.cli.options import parse_options
from jal.experiment import (
    MLP,
    SVC,
    AbasRal,
    Balanced,
    Chosen,
    Code,
    Data,
    Experiment,
    Indices,
    LalRl,
    Learned,
    LogisticRegression,
    Parts,
    Protocol,
    Query,
    Random,
    Shown,
    SladeBranson,
    Training,
    Twisted,
)
from jal.experiment.config_file import load_config
from jal.experiment.learner_configs import learner_classes
from jal.types import InputError


@dataclasses.dataclass(frozen=True)
class Extra:
    """Options beside a config's."""

    out: str | None = None
    """Where."""


def parsed(config: Any, *arguments: str) -> Any:
    """The config with what the arguments change."""
    return parse_options(config, Extra, arguments, "jal run", "Runs.")[0]


LEARNERS = {name: kind() for name, kind in learner_classes().items()}
EVERYTHING = Experiment(learners=LEARNERS, data=Data(parts=Parts()))
AGENTS = [AbasRal(), LalRl(), SladeBranson()]

# Field -> words that say another value, and that value; others follow from the field's type.
SPECIAL = {
    "learners": (["svc", "mlp:epochs=3,name=m"], {"svc": SVC(), "m": MLP(epochs=3)}),
    "queries": (
        ["bald:passes=5", "learned:a", "random"],
        (Query("bald", passes=5), Learned("a"), Query("random")),
    ),
    "start": (["random:share=0.5"], Random(share=0.5)),
    "source": (["sklearn:iris"], "sklearn:iris"),
    "data.split": (["per_seed"], "per_seed"),  # the protocol's is a number
    "metrics": (["f1", "recall"], ("f1", "recall")),
    "learner": (["svc:C=2"], SVC(C=2.0)),
}
# Tables: for config files, and for the runs that data are given to. A start's Indices are another.
TABLES = ("data.arrays", "shown.reported")
FLAT = ("protocol", "execution", "shown")


def paths(config: Any, prefix: str = "") -> list[str]:
    """All fields of a config, and of what is in them."""
    if isinstance(config, dict):
        fields = dict(config)
    else:
        fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    found = []
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if path in TABLES:
            continue
        if name in ("learners", "learner"):
            found.append(path)
        inside = dataclasses.is_dataclass(value) or name == "learners"
        if inside and name != "start":
            found += paths(value, f"{path}.")
        else:
            found.append(path)
    return found


def at(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = config[name] if isinstance(config, dict) else getattr(config, name)
    return config


def with_value(config: Any, path: str, value: Any) -> Any:
    first, _, rest = path.partition(".")
    if rest:
        value = with_value(at(config, first), rest, value)
    if isinstance(config, dict):
        return {**config, first: value}
    return dataclasses.replace(config, **{first: value})


def other(kind: Any, value: Any) -> Any:
    """A legal value of the type that is not this one."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return other(arguments[0], value)
    if origin is Literal:
        return next(one for one in arguments if one != value)
    if origin is tuple:
        if arguments[-1] is ...:
            return tuple(other(arguments[0], None) for _ in range(len(value or ()) + 2))
        return tuple(other(one, v) for one, v in zip(arguments, value, strict=True))
    if origin is not None:  # a union: of None something, of something another
        first = next(one for one in arguments if one is not type(None))
        return other(first, value)
    if kind is bool:
        return not value
    return (value or 0) + 3 if kind is int else {float: 0.375, str: "other"}[kind]


def words(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        before, _, last = flag.rpartition(".")
        no = f"{before}.no-{last}" if before else f"--no-{last.removeprefix('--')}"
        return [flag if value else no]
    return [flag, *map(str, value if isinstance(value, tuple) else (value,))]


def changes(config: Any, path: str) -> tuple[list[str], Any]:
    """Words that change the field, and what comes of it."""
    first, _, rest = path.partition(".")
    flag = f"--{rest if first in FLAT else path}".replace("_", "-")
    name = path.rpartition(".")[2]
    if name in SPECIAL or path in SPECIAL:
        given, value = SPECIAL[path if path in SPECIAL else name]
        return [flag, *given], with_value(config, path, value)
    owner = at(config, path.rpartition(".")[0]) if "." in path else config
    kind = typing.get_type_hints(type(owner))[name]
    value = other(kind, at(config, path))
    return words(flag, value), with_value(config, path, value)


TRAININGS = [Training(agent, name="t", learner=MLP()) for agent in AGENTS]


@pytest.mark.parametrize("config", [EVERYTHING, *TRAININGS], ids=lambda one: type(one).__name__)
def test_every_field(config):
    """All at once; then one by one those of which others depend."""
    arguments, wanted = [], config
    learners = [path for path in paths(config) if path in ("learners", "learner")]
    for path in paths(config):
        if path not in learners:
            said, _ = changes(config, path)
            arguments += said
            wanted = with_value(wanted, path, at(changes(config, path)[1], path))
            assert at(wanted, path) != at(config, path), path
    assert parsed(config, *arguments) == wanted
    (path,) = learners
    arguments, wanted = changes(config, path)
    assert wanted != config and parsed(config, *arguments) == wanted


@pytest.mark.parametrize("path", ["protocol.seeds", "data.features.kind", "learners.svc.gamma"])
def test_one_field_changes_no_other(path):
    arguments, wanted = changes(EVERYTHING, path)
    assert parsed(EVERYTHING, *arguments) == wanted


def test_every_field_was_tried():
    """So many as there are, and those of a few by name."""
    experiment = paths(EVERYTHING)
    assert len(experiment) == len(set(experiment)) > 110
    assert {"protocol.seeds", "data.features.kind", "learners.vit.epsilon"} <= set(experiment)
    assert {"data.parts.holdout", "queries", "learners", "protocol.start"} <= set(experiment)
    assert "agent.window" in paths(TRAININGS[2]) and "learner.epochs" in paths(TRAININGS[0])


@pytest.mark.parametrize("number", range(3))
def test_what_is_given_can_be_taken_back(number):
    """None, empty lists and defaults too."""
    training = Training(
        (AbasRal(hidden=(3,), state_size=4), LalRl(candidates=None), SladeBranson(clock=True))[
            number
        ],
        learner=MLP(augment=("flip",), class_weight="balanced"),
        data=Data(image_size=9, test_size=0.25, parts=Parts()),
    )
    given = (
        ["--agent.hidden", "--agent.state-size", "None"],
        ["--agent.candidates", "100"],
        ["--agent.no-clock"],
    )[number]
    found = parsed(
        training,
        *given,
        *("--learner.augment", "--learner.class-weight", "None"),
        *("--data.image-size", "None", "--data.test-size", "None"),
    )
    wanted = Training(type(AGENTS[number])(), learner=MLP(), data=Data(parts=Parts()))
    assert found == wanted


QUICK = Experiment(
    name="quick",
    learners={"logistic_regression": LogisticRegression(C=2.0), "mlp": MLP(hidden=(4,))},
    queries=("random", Query("bald", passes=50)),
)


def test_without_options_the_config_is_itself():
    for config in (QUICK, EVERYTHING, *TRAININGS, (TRAININGS[0], QUICK)):
        assert parsed(config) == config


@pytest.mark.parametrize(
    ("arguments", "learners"),
    [
        (["--learners", "mlp"], {"mlp": MLP(hidden=(4,))}),
        (["--learners=mlp"], {"mlp": MLP(hidden=(4,))}),
        (["--learners", "mlp:hidden=[8]"], {"mlp": MLP(hidden=(8,))}),
        (["--learners", "svc", "mlp"], {"svc": SVC(), "mlp": MLP(hidden=(4,))}),
        (
            ["--learners.mlp.learning-rate", "0.25"],
            QUICK.learners | {"mlp": MLP(hidden=(4,), learning_rate=0.25)},
        ),
        (
            ["--learners", "svc", "--learners.svc.C", "3", "--seeds", "32"],
            {"svc": SVC(C=3.0)},
        ),
        (["--seeds", "32", "--learners", "pkg.mod:net:n=3"], {"net": Code("pkg.mod:net", n=3)}),
    ],
)
def test_learners(arguments, learners):
    assert parsed(QUICK, *arguments) == dataclasses.replace(QUICK, learners=learners)


def test_options_of_strategies():
    """Those of the config's, and of ones that it does not name."""
    found = parsed(QUICK, "--queries", "bald", "saal:rho=0.5", "bald:passes=5,name=few", "margin")
    assert found.queries == (
        Query("bald", passes=50),
        Query("saal", rho=0.5),
        Query("bald", passes=5, name="few"),
        Query("margin"),
    )


def test_a_list_behind_the_steps_names():
    steps = (Training(AbasRal(), name="abas_ral"), Training(LalRl(), name="1 é"), QUICK)
    found = parsed(
        steps,
        *("--abas_ral.seeds", "4", "--quick.seeds", "40", "--abas-ral.agent.epochs", "7"),
        *("--abas_ral.learner", "mlp:hidden=[8]", "--1-é.data.parts.state", "0.2"),
        *("--quick.learners", "mlp", "--quick.queries", "random", "--quick.data.parts.state=0.2"),
    )
    assert found == (
        Training(AbasRal(epochs=7), name="abas_ral", seeds=4, learner=MLP(hidden=(8,))),
        Training(LalRl(), name="1 é", data=Data(parts=Parts(state=0.2))),
        dataclasses.replace(
            QUICK,
            data=Data(parts=Parts(state=0.2)),
            learners={"mlp": MLP(hidden=(4,))},
            queries=("random",),
            protocol=Protocol(seeds=40),
        ),
    )


@pytest.mark.parametrize("names", [("a b", "a_b"), ("", "b")])
def test_steps_that_cannot_be_told_apart(names):
    steps = tuple(Experiment(name=name) for name in names)
    with pytest.raises(InputError, match="cannot be told from others as an option"):
        parsed(steps, "--seeds", "3")


def test_steps_may_be_called_as_other_options():
    steps = (Experiment(name="extra"), Experiment(name="out"))
    found, extra = parse_options(
        steps, Extra, ["--extra.seeds", "3", "--out.seeds", "4", "--out", "x"], "jal run", ""
    )
    assert [one.protocol.seeds for one in found] == [3, 4] and extra == Extra("x")


def test_parts_of_a_config_that_has_none():
    found = parsed(QUICK, "--data.parts.train", "0.25")
    assert found == dataclasses.replace(QUICK, data=Data(parts=Parts(train=0.25)))
    given = dataclasses.replace(QUICK, data=Data(parts=Parts(state=0.2)))
    found = parsed(given, "--data.parts.train", "0.25")
    assert found.data.parts == Parts(state=0.2, train=0.25)


@dataclasses.dataclass(frozen=True)
class Own:
    """A learner's config that is not jal's."""

    width: int = 3
    """How wide."""
    rate: float = 1
    widths: tuple[int, ...] = ()
    mode: Literal["a", "b"] = "a"
    act: Any = len
    later: int = dataclasses.field(init=False, default=0)

    def __post_init__(self):
        if self.width > 99:
            raise ValueError(f"a width of {self.width} is too much")

    def build(self, dataset: Any, max_labels: int) -> Any: ...


def test_a_learner_of_ones_own():
    config = Experiment(learners={"my-own 1": Own(), "made": Code("pkg.mod:f", n=3, x=(1, 2))})
    found = parsed(
        config,
        *("--learners.my-own-1.width", "5", "--learners.my_own_1.widths", "1", "2"),
        *("--learners.my-own-1.rate", "0.5", "--learners.my-own-1.mode", "b"),
        *("--learners.made.n", "4", "--learners.made.x", "2.5"),
    )
    assert found.learners == {
        "my-own 1": Own(width=5, rate=0.5, widths=(1, 2), mode="b"),
        "made": Code("pkg.mod:f", n=4, x=(2.5,)),
    }
    with pytest.raises(InputError, match=r"^Own refuses its options: a width of 100 is too much"):
        parsed(config, "--learners.my-own-1.width", "100")


def test_what_no_option_changes_is_not_made_anew():
    """A class that is not jal's may count its objects, or be given another value by each."""
    config = Experiment(learners={"own": Own(widths=(1, 2), rate=0.5)})
    assert parsed(config, "--seeds", "3").learners["own"] is config.learners["own"]


def test_an_agent_of_ones_own():
    training = Training(Own())
    assert parsed(training, "--agent.width", "5").agent == Own(width=5)


def test_tables_of_config_files_stay(capsys):
    """Given indices, what a paper reports: no options, and kept beside other ones."""
    config = Experiment(
        protocol=Protocol(start=Indices(((1, 2), (3, 4))), seeds=2),
        shown=Shown(reported={"mlp/random": {"accuracy": 0.5}}),
    )
    assert parsed(config, "--rounds", "3").protocol.start == config.protocol.start
    assert parsed(config, "--rounds", "3").shown == config.shown
    with pytest.raises(SystemExit, match="2"):
        parsed(config, "--reported", "mlp/random", "accuracy", "0.25")
    assert "--reported" in capsys.readouterr().err


def test_what_a_paper_reports_goes_with_its_query_and_learner():
    """A name that was never there stays, and is refused as in the file."""
    numbers = {"mlp/random": {"accuracy": 0.5}, "mlp/bald": {"aubc": 0.25}}
    config = dataclasses.replace(QUICK, shown=Shown(reported=numbers))
    found = parsed(config, "--queries", "random")
    assert found.shown.reported == {"mlp/random": {"accuracy": 0.5}}
    found.check()
    assert parsed(config, "--learners", "logistic_regression").shown.reported == {}
    assert parsed(config, "--seeds", "3").shown == config.shown
    wrong = dataclasses.replace(QUICK, shown=Shown(reported={"mlp/bold": {"aubc": 0.25}}))
    with pytest.raises(InputError, match="unknown query 'bold'"):
        parsed(wrong, "--queries", "random").check()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--start", "rendom"],
            "unknown start 'rendom': known are balanced, random, twisted, chosen.",
        ),
        (["--start", "random:labels=x"], "start random.labels must be int or None, got 'x'."),
        (["--queries", "margin:batch=x"], "margin:batch=x.batch must be int or a list"),
        (["--learners", "mpl"], "unknown learner 'mpl': known are logistic_regression, mlp"),
        (["--learners", "mlp", "mlp:epochs=3"], "--learners takes different names, got mlp mlp:"),
        (["--learners"], "--learners takes one or more names."),
        (["--learners", "--seeds", "3"], "--learners takes one or more names."),
        (["--queries", "margin", "--queries", "random"], "--queries is given twice: give all"),
        (["--seeds=3", "--rounds", "2", "--seeds", "3"], "--seeds is given twice: give all of"),
        (["--first_seed", "3", "--first-seed", "4"], "--first-seed is given twice: give all"),
        (["--learners", "mlp", "--learners=svc"], "--learners is given twice: give all of it"),
    ],
)
def test_words_that_are_refused_in_a_sentence(arguments, says, capsys):
    with pytest.raises(InputError, match=re.escape(says)):
        parsed(QUICK, *arguments)
    assert capsys.readouterr() == ("", "")


def test_a_whole_number_stays_one(capsys):
    """Where a number may be any: what is not changed is not written anew, as 1.0."""
    config = Experiment(learners={"mlp": MLP(learning_rate=1, weight_decay=0)})
    found = parsed(config, "--learners.mlp.weight-decay", "0.0", "--seeds", "3").learners["mlp"]
    assert [repr(found.learning_rate), repr(found.weight_decay)] == ["1", "0"]
    text = of_boxes(shown_help(config, capsys, "--help-all"))
    assert "the step size. (default: 1.0)" in text
    assert (
        repr(parsed(config, "--learners.mlp.learning-rate", "2").learners["mlp"].learning_rate)
        == "2.0"
    )


def test_a_learner_of_a_training_is_one():
    for given in ([], ["svc", "mlp"]):
        with pytest.raises(InputError, match="--learner takes one name"):
            parsed(TRAININGS[0], "--learner", *given)


@pytest.mark.parametrize("arguments", [["--sedes", "3"], ["--seeds", "x"], ["--learners.svc.C=3"]])
def test_what_is_no_option(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        parsed(QUICK, *arguments)
    assert arguments[0].partition("=")[0] in capsys.readouterr().err


def shown_help(config: Any, capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit, match="0"):
        parsed(config, *arguments)
    return capsys.readouterr().out


def of_boxes(text: str) -> str:
    """The text in tyro's boxes without lines and line breaks."""
    return " ".join(text.replace("│", " ").split())


def test_help_is_two_screens_and_all_is_everything(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    config = load_config(find_config("quickstart"))
    text = shown_help(config, capsys, "--help")
    assert len(text.splitlines()) <= 100
    assert max(map(len, text.splitlines()[4:])) <= 80
    for flag in ("--seeds", "--learners", "--queries", "--start", "--data.source", "--metrics"):
        assert f"{flag} " in text
    for flag in ("first-seed", "split ", "image-size", "features", "learners.mlp", "target"):
        assert f"--{flag}" not in text and f"data.{flag}" not in text
    monkeypatch.setenv("COLUMNS", "200")
    whole = shown_help(config, capsys, "--help-all")
    missing = [
        path
        for path in paths(config)
        if f"--{path.partition('.')[2] if path.split('.')[0] in FLAT else path} ".replace("_", "-")
        not in whole.replace(",", " ")
    ]
    assert missing == ["data.parts"]  # where there are none: the options are --data.parts.state ...
    assert "Inverse regularisation strength." in whole and "--reported" not in whole


def test_help_shows_values_of_now(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    config = dataclasses.replace(QUICK, protocol=Protocol(start=Twisted(0.05, labels=20)))
    text = of_boxes(shown_help(config, capsys, "--help"))
    assert "(default: twisted:rare=0.05,labels=20)" in text
    assert "(default: random bald)" in text and "(default: logistic_regression mlp)" in text
    text = of_boxes(shown_help(QUICK, capsys, "--help"))
    assert "(default: balanced:per_class=1)" in text and QUICK.protocol.start == Balanced()


def test_every_help_can_be_read_alone():
    """A phrase that names its thing: not "Of pca."."""
    kinds = [Experiment, Protocol, Shown, Data, Parts, Training, *map(type, AGENTS)]
    kinds += [type(one) for one in (*LEARNERS.values(), Data().features, Data().corruption)]
    kinds += [
        type(Data().imbalance),
        type(Experiment().execution),
        Random,
        Twisted,
        Balanced,
        Chosen,
    ]
    tried = 0
    for kind in kinds:
        helps = field_helps(kind)
        for field in dataclasses.fields(kind):
            value = None if field.default is dataclasses.MISSING else field.default
            if field.name in ("data", "protocol", "execution", "shown"):
                continue  # groups, which their classes' docstrings explain
            if dataclasses.is_dataclass(value):
                continue
            text = helps[field.name]
            assert text.endswith((".", ")")) and "\n" not in text, (kind, field.name)
            assert text.split()[0] not in ("Of", "At", "In", "With", "To"), (kind, field.name)
            tried += 1
    assert tried > 150
