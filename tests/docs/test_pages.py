"""The code of README and of the pages runs; their commands can be given."""

import importlib
import re
import shlex
import sys
import types
from pathlib import Path

import matplotlib
import pytest

from jal.cli import command
from jal.cli import pretrain as cli_pretrain
from jal.cli import run as cli_run
from jal.cli.main import _VERBS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
PYTHON = re.compile(r"^```python(?: title=\"(?P<title>[\w.]+)\")?\n(?P<code>.*?)^```", re.M | re.S)
SHELL = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)


def blocks(page: Path) -> list[tuple[str | None, str]]:
    found = PYTHON.finditer(page.read_text(encoding="utf-8"))
    return [(block["title"], block["code"]) for block in found]


def commands(page: Path) -> list[list[str]]:
    """The verbs and arguments of `jal`, by its name or by launch/."""
    found = []
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        for line in re.split(r"\n| && ", block.replace("\\\n", " ")):
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"\w+=\S*", words[0]):
                words = words[1:]
            if words[:1] in (["jal"], [".venv/bin/jal"]):
                found.append(words[1:])
            elif len(words) > 1 and re.fullmatch(r"launch/(run|sweep|pretrain)\.py", words[1]):
                found.append([Path(words[1]).stem, *words[2:]])
    return found


def shown_at(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_block_of_python_is_found():
    """By its first line as by the whole of it."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(re.findall(r"^ *```py", text, re.M)) == len(blocks(page)), page
    assert sum(len(blocks(page)) for page in PAGES) > 25


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=shown_at)
def test_the_code_runs(page, tmp_path, monkeypatch):
    """One block after another, as a module of its own, in an empty folder."""
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for number, (title, code) in enumerate(blocks(page)):
        if title:
            (tmp_path / title).write_text(code)
        exec(compile(code, f"{page.name}, block {number}", "exec"), vars(module))
    for name, config in vars(module).items():
        if name == "experiment":
            config.check()
        if name == "says":
            assert config.count(".") >= 1


GIVEN = [(page, words) for page in PAGES for words in commands(page)]


class GivenError(Exception):
    """Instead of a run."""


@pytest.mark.parametrize("page, words", GIVEN, ids=lambda one: str(one)[-60:])
def test_the_command_can_be_given(page, words, tmp_path, monkeypatch):
    """Verb, config and options are there; nothing is computed."""
    assert words[0] in _VERBS
    runs = words[0] in ("run", "train", "sweep", "pretrain")
    if not runs or "--resume" in words or "--help" in words:
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for title, code in blocks(page):
        if title:
            (tmp_path / title).write_text(code)

    def instead(config, *_, **__):
        for one in config if isinstance(config, tuple) else (config,):
            one.check()
        raise GivenError

    monkeypatch.setattr(cli_run, "run", instead)
    monkeypatch.setattr(cli_pretrain, "pretrain", instead)
    with pytest.raises(GivenError):
        command(words[0])(words[1:])


def test_pages_are_in_the_nav():
    nav = (ROOT / "docs" / "mkdocs.yml").read_text().partition("nav:")[2]
    for page in PAGES[1:]:
        assert str(page.relative_to(ROOT / "docs" / "pages")) in nav


def test_links_of_readme_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert link.startswith("https://") or (ROOT / link).exists(), link


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert 120 <= len(lines) <= 160


API = [page.stem for page in PAGES if page.parent.name == "api" and page.stem != "index"]


@pytest.mark.parametrize("name", API)
def test_the_api_has_what_is_exported(name):
    """A name that is also a module's hides behind it, and needs a line of its own."""
    text = (ROOT / "docs" / "pages" / "api" / f"{name}.md").read_text()
    assert re.search(rf"^::: jal\.{name}$", text, re.M)
    package = importlib.import_module(f"jal.{name}")
    for one in package.__all__:
        if hasattr(package, "__path__") and (Path(package.__path__[0]) / f"{one}.py").exists():
            assert re.search(rf"^::: jal\.{name}\.\w+\.{one}$", text, re.M), one
