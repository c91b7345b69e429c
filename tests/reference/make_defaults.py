"""Makes defaults.json: each default that is a number or a word, of jal's public names.

A default is part of what a user's results rest on. Functions, None and what a factory makes are not
in the table; the options of each registered strategy are. Where one is changed on purpose, this
writes the new table, and the difference shows in the review:

    python tests/reference/make_defaults.py
"""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path
from typing import Any

import jal
from jal.strategies import registry

TABLE = Path(__file__).with_name("defaults.json")
_PLAIN = (bool, int, float, str, tuple)


def found() -> dict[str, dict[str, Any]]:
    """`{"jal.module.name": {"option": default}}`, of defaults that are numbers or words."""
    table = {f"registry[{name}]": _defaults(member.make) for name, member in registry.items()}
    table = {name: defaults for name, defaults in table.items() if defaults}
    for module in pkgutil.walk_packages(jal.__path__, "jal."):
        public = importlib.import_module(module.name)
        for name in getattr(public, "__all__", ()):
            value = getattr(public, name)
            if callable(value) and getattr(value, "__module__", None) == module.name:
                defaults = _defaults(value)
                table |= {f"{module.name}.{name}": defaults} if defaults else {}
    return json.loads(json.dumps(table))


def _defaults(value: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):  # a type, a protocol
        return {}
    return {p.name: p.default for p in parameters if type(p.default) in _PLAIN}


if __name__ == "__main__":
    rows = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(found().items())]
    TABLE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
