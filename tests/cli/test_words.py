"""What a command line calls by name, and how it is shown there."""

import dataclasses
import re

import pytest

from jal import learners
from jal.cli.words import learner_of, query_of, start_of, start_words, value_of_word, words_of
from jal.experiment import (
    MLP,
    SVC,
    Balanced,
    Chosen,
    Code,
    Indices,
    Learned,
    LogisticRegression,
    Query,
    Random,
    Twisted,
)
from jal.labels import balanced_start
from jal.types import InputError

QUERIES = {
    "bald": Query("bald", passes=50, batch=2),
    "margin_1": Query("margin", name="margin_1", batch=1),
    "agent": Learned("runs/agent", learners=("mlp",)),
}


@pytest.mark.parametrize(
    ("word", "name", "options"),
    [
        ("margin", "margin", {}),
        ("bald:passes=5", "bald", {"passes": 5}),
        ("bald:passes=5,name=b", "bald", {"passes": 5, "name": "b"}),
        ("vaal:hidden=[16,8],steps=3", "vaal", {"hidden": (16, 8), "steps": 3}),
        ("vaal:hidden=(16,8)", "vaal", {"hidden": (16, 8)}),
        ("pkg.mod:attr", "pkg.mod:attr", {}),
        ("pkg.mod:attr:opt=1", "pkg.mod:attr", {"opt": 1}),
        ("a:b:c=d=e", "a:b", {"c": "d=e"}),
        ("a:b=c:d", "a", {"b": "c:d"}),
        ("é∞:x=", "é∞", {"x": ""}),
        ("", "", {}),
    ],
)
def test_a_name_and_its_options(word, name, options):
    assert words_of(word) == (name, options)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("none", None),
        ("None", None),
        ("true", True),
        ("False", False),
        ("3", 3),
        ("-3", -3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("1.0", 1.0),
        ("adam", "adam"),
        ("", ""),
        ("[]", ()),
        ("()", ()),
        ("[8]", (8,)),
        ("(8,)", (8,)),
        ("[1,2.5,true,x]", (1, 2.5, True, "x")),
        ("[ 1, 2 ]", (1, 2)),
        ("[[1,2],[3]]", ((1, 2), (3,))),
        ("[1", "[1"),
    ],
)
def test_values(text, value):
    found = value_of_word(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("word", "query"),
    [
        ("margin", Query("margin")),
        ("margin:batch=1,name=one", Query("margin", batch=1, name="one")),
        ("margin:batch=[1,2]", Query("margin", batch=(1, 2))),
        ("margin:learners=mlp", Query("margin", learners=("mlp",))),
        ("margin:learners=[mlp,svc]", Query("margin", learners=("mlp", "svc"))),
        ("saal:maximum=true,rho=0.5", Query("saal", maximum=True, rho=0.5)),
        ("pkg.mod:make:opt=1", Query("pkg.mod:make", opt=1)),
        ("learned:runs/my_agent", Learned("runs/my_agent")),
        ("learned:/a/b:name=x", Learned("/a/b", name="x")),
        ("learned:a:b:name=x,batch=3", Learned("a:b", name="x", batch=3)),
        # Of the config, as they are there.
        ("bald", QUERIES["bald"]),
        ("margin_1", QUERIES["margin_1"]),
        ("agent", QUERIES["agent"]),
        # With other options; what is not said stays.
        ("bald:name=more", Query("bald", name="more", passes=50, batch=2)),
        ("bald:passes=5", Query("bald", passes=5, batch=2)),
        ("margin_1:batch=2", Query("margin", name="margin_1", batch=2)),
        ("agent:batch=2,name=a", Learned("runs/agent", name="a", batch=2, learners=("mlp",))),
    ],
)
def test_queries(word, query):
    assert query_of(word, QUERIES) == query


def test_a_query_of_code_is_called_as_its_attribute():
    assert query_of("pkg.mod:make:opt=1", {}).name == "make"


@dataclasses.dataclass(frozen=True)
class Own:
    """A learner's config that is not jal's."""

    width: int = 3
    widths: tuple[int, ...] = (1,)
    act: object = len

    def build(self, dataset, max_labels): ...


LEARNERS = {
    "mlp": MLP(epochs=7),
    "wide": Code("pkg.mod:wide", hidden=512),
    "own": Own(width=4),
}


@pytest.mark.parametrize(
    ("word", "name", "learner"),
    [
        ("svc", "svc", SVC()),
        ("svc:gamma=0.5", "svc", SVC(gamma=0.5)),
        ("svc:gamma=scale,name=s", "s", SVC()),
        ("logistic_regression:C=2", "logistic_regression", LogisticRegression(C=2)),
        ("pkg.mod:wide", "wide", Code("pkg.mod:wide")),
        ("pkg.mod:wide:hidden=5,name=w", "w", Code("pkg.mod:wide", hidden=5)),
        ("mlp", "mlp", MLP(epochs=7)),
        ("mlp:hidden=[8]", "mlp", MLP(epochs=7, hidden=(8,))),
        ("mlp:hidden=8", "mlp", MLP(epochs=7, hidden=(8,))),
        ("mlp:hidden=[8,4],name=small", "small", MLP(epochs=7, hidden=(8, 4))),
        ("mlp:augment=flip", "mlp", MLP(epochs=7, augment=("flip",))),
        ("mlp:class_weight=balanced", "mlp", MLP(epochs=7, class_weight="balanced")),
        ("wide:hidden=8,name=w", "w", Code("pkg.mod:wide", hidden=8)),
        ("own:width=5,widths=2", "own", Own(width=5, widths=(2,))),
    ],
)
def test_learners(word, name, learner):
    assert learner_of(word, LEARNERS) == (name, learner)


def test_options_of_a_function_of_the_configs():
    known = {"own": learners.logistic_regression}
    assert learner_of("own:C=2,name=b", known) == ("b", Code(known["own"], C=2))
    assert learner_of("own", known) == ("own", known["own"])


def test_a_learner_that_the_config_has_not_has_its_defaults():
    assert learner_of("mlp:hidden=[8]", {}) == ("mlp", MLP(hidden=(8,)))


@pytest.mark.parametrize(
    ("word", "start"),
    [
        ("balanced", Balanced()),
        ("balanced:per_class=2", Balanced(2)),
        ("random:labels=20", Random(labels=20)),
        ("random:share=0.1", Random(share=0.1)),
        ("random:share=1", Random(share=1)),
        ("twisted:rare=0.05,labels=20", Twisted(rare=0.05, labels=20)),
        ("chosen:share=0.01", Chosen(share=0.01)),
        ("chosen:strategy=active_ft,labels=20", Chosen(labels=20, strategy="active_ft")),
        (
            "chosen:labels=20,strategy=mine:doubt,power=2,deltas=[0.1,0.2]",
            Chosen(labels=20, strategy="mine:doubt", power=2, deltas=(0.1, 0.2)),
        ),
    ],
)
def test_starts_are_read_and_shown(word, start):
    assert start_of(word) == start
    assert start_of(start_words(start)) == start


def test_how_starts_are_shown():
    assert start_words(Random(labels=20)) == "random:labels=20"
    assert start_words(Twisted(rare=0.05, share=0.1)) == "twisted:rare=0.05,share=0.1"
    assert start_words(Indices(((1, 2),))) == "indices"
    assert start_words(Chosen(labels=9)) == "chosen:labels=9"
    first = Chosen(share=0.01, strategy="active_ft", iterations=100)
    assert start_words(first) == "chosen:share=0.01,strategy=active_ft,iterations=100"
    named = start_words(Chosen(labels=9, strategy=balanced_start, power=2))
    assert named == "chosen:labels=9,strategy=jal.labels:balanced_start,power=2"


@pytest.mark.parametrize(
    ("read", "word", "says"),
    [
        (query_of, "margin:", "'margin:' must be NAME or NAME:OPTION=VALUE,..."),
        (query_of, "batch=1", "'batch=1' must be NAME or NAME:OPTION=VALUE,..."),
        (query_of, "margin:batch=1,x", "'x' in 'margin:batch=1,x' must be OPTION=VALUE"),
        (query_of, "margin:1=2", "'1=2' in 'margin:1=2' must be OPTION=VALUE"),
        (query_of, "margin:batch=1,batch=2", "'margin:batch=1,batch=2' gives batch twice"),
        (query_of, "margin:batch=many", "margin:batch=many.batch must be int or a list of int"),
        (query_of, "margin:name=3", "margin:name=3.name must be str"),
        (query_of, "agent:passes=3", "agent is a trained agent, which has no option 'passes'"),
        (query_of, "learned:a:passes=3", "unknown option 'passes' of Learned"),
        (learner_of, "mlpp", "unknown learner 'mlpp': known are mlp, wide, own, logistic_regress"),
        (learner_of, "mlp:depth=3", "unknown option 'depth' of MLP: known are epochs, batch_size"),
        (learner_of, "svc:loss=super", "unknown option 'loss' of SVC: known are C, C_grid"),
        (learner_of, "mlp:epochs=x", "learner mlp.epochs must be int, got 'x'"),
        (learner_of, "mlp:learning_rate=nan", "learner mlp.learning_rate must be finite"),
        (learner_of, "mlp:optimizer=sgd", "learner mlp.optimizer must be 'nesterov' or 'adam'"),
        (learner_of, "wide:rate=inf", "rate of wide must be finite, got inf"),
        (start_of, "rendom", "unknown start 'rendom': known are balanced, random, twisted"),
        (start_of, "random:initial=3", "unknown option 'initial' of Random: known are labels, sh"),
        (start_of, "random:labels=x", "start random.labels must be int or None, got 'x'"),
        (start_of, "twisted:labels=3", "start twisted needs the option rare"),
    ],
)
def test_what_is_refused(read, word, says):
    known = {query_of: (QUERIES,), learner_of: (LEARNERS,), start_of: ()}[read]
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        read(word, *known)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
