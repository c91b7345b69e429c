import json

from reference.make_defaults import TABLE, found


def test_no_default_changes_unseen():
    """Where one is to change: python tests/reference/make_defaults.py writes the new table."""
    assert found() == json.loads(TABLE.read_text())
