"""What imports what, and how much `import jal` brings along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jal

PACKAGE = Path(jal.__file__).parent
# Each may import what stands before it, and itself.
TIERS = [
    {"types"},
    {"code", "extras", "files", "labels", "scores", "metrics"},
    {"select", "networks", "parallel", "memory", "report"},
    {"bral_t"},
    {"learners", "strategies", "data"},
    {"episode"},
    {"rl"},
    {"experiment", "testing"},
    {"cli"},
]
TIER = {name: tier for tier, names in enumerate(TIERS) for name in names}
ALONE = {"types": {"jax"}, "scores": {"jax"}, "select": {"jax"}, "bral_t": {"jax"}}


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, its own relative to `jal`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            if node.module == "jal":
                names |= {f"jal.{alias.name}" for alias in node.names}
            else:
                names.add(node.module)
    return names


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imported(path):
        root, _, rest = name.partition(".")
        if root != "jal":
            assert own not in ALONE or root in ALONE[own] | sys.stdlib_module_names, name
        elif rest:
            other = rest.split(".")[0]
            assert other == own or TIER[other] < TIER[own], f"{own} imports {other}"


def test_every_part_has_a_tier():
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert parts == TIER.keys() == set(jal.__all__)


def test_import_jal_is_light():
    heavy = ["jax", "flax", "optax", "tensorflow", "matplotlib", "pandas", "sklearn", "orbax"]
    code = f"import sys, jal; print([m for m in {heavy} if m in sys.modules])"
    assert run_python(code) == "[]"


def test_scores_selectors_and_bral_t_bring_only_jax():
    code = (
        "import sys, jax.numpy; before = set(sys.modules);"
        "import jal.scores, jal.select, jal.bral_t;"
        "print(sorted(n for n in set(sys.modules) - before if not n.startswith(('jal', 'jax'))))"
    )
    assert run_python(code) == "[]"


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        jal.nothing  # noqa: B018


def test_public_names():
    assert (PACKAGE / "py.typed").is_file()
    for name in jal.__all__:
        module = getattr(jal, name)
        assert all(hasattr(module, public) for public in module.__all__), name
