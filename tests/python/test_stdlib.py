"""CPython's own tests of lists and mappings, run on lists and structures of a store."""

from typing import Any

import pytest

from structstore import StructStore, StructStoreList

list_tests = pytest.importorskip("test.list_tests", reason="this Python comes without its tests")
mapping_tests = pytest.importorskip("test.mapping_tests", reason="this Python comes without its tests")

# What a list of a store cannot do: its items are not the objects that were assigned, and it nests at most 128 levels deep.
OTHERWISE = {
    "test_repr": "it says of which class it is",
    "test_repr_deep": "it nests no deeper than a store",
    # These store an object that equals everything, which has to be the same object afterwards.
    "test_count": "it needs the identity of objects",
    "test_contains_fake": "it needs the identity of objects",
    "test_contains_order": "it needs the identity of objects",
    "test_remove": "it needs the identity of objects",
    "test_index": "it needs the identity of objects",
}


# A finaliser of the test uses a variable that is gone where a frame is kept for a report.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestLists(list_tests.CommonTest):  # type: ignore[misc]
    type2test = StructStoreList


for name, reason in OTHERWISE.items():
    setattr(TestLists, name, pytest.mark.skip(reason)(getattr(TestLists, name)))


class Truthful(StructStore):
    """True if there are fields, as dicts are."""

    def __bool__(self) -> bool:  # type: ignore[override]
        return len(self) > 0


class TestMappings(mapping_tests.BasicTestMappingProtocol):  # type: ignore[misc]
    type2test = Truthful

    def _reference(self) -> dict[str, Any]:
        # A tuple comes back as a list.
        return {"1": "2", "key1": "value1", "key2": [1, 2, 3]}
