import json

from reference.make_defaults import TABLE, found


def test_no_default_changes_unseen():
    """Where one is to change: python tests/reference/make_defaults.py writes the new table."""
    table = json.loads(TABLE.read_text())
    assert json.dumps(found(), sort_keys=True) == json.dumps(table, sort_keys=True)  # 1 is not 1.0
