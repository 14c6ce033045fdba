"""Random operations on a structure and on a dict have equal results and equal errors."""

from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import structstore
from structstore import StructStore

# Few, so that operations meet; one that is a method's, and one too long to lie in its field.
NAMES = st.sampled_from(["a", "b", "c", "keys", "a name that does not fit the field itself"])
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=60)
VALUES = st.recursive(
    SCALARS | st.binary(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)

Mapping = MutableMapping[str, Any]


def plain(value: Any) -> Any:
    """What an operation has returned, as plain Python."""
    if isinstance(value, StructStore):
        return StructStore.to_dict(value)
    if isinstance(value, structstore.StructStoreList):
        return value.to_list()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: plain(item) for name, item in vars(value).items()}
    return value


class DictModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = StructStore()
        self.model: dict[str, Any] = {}

    def both(self, operation: Callable[[Mapping], Any]) -> None:
        outcomes = []
        for mapping in (self.store, self.model):
            try:
                found = operation(mapping)  # type: ignore[arg-type]
                outcomes.append((isinstance(found, bool), plain(found)))
            except (KeyError, TypeError, ValueError) as error:
                kinds = [cls for cls in (KeyError, TypeError, ValueError) if isinstance(error, cls)]
                outcomes.append(("raised", kinds))
        assert outcomes[0] == outcomes[1]

    @rule(name=NAMES, value=VALUES)
    def set(self, name: str, value: Any) -> None:
        self.both(lambda mapping: mapping.__setitem__(name, value))

    @rule(name=NAMES)
    def get(self, name: str) -> None:
        self.both(lambda mapping: mapping[name])
        self.both(lambda mapping: name in mapping)

    @rule(name=NAMES, default=SCALARS)
    def get_or_default(self, name: str, default: Any) -> None:
        get = (StructStore.get, dict.get)
        self.both(lambda mapping: get[mapping is self.model](mapping, name, default))  # type: ignore[operator]

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.both(lambda mapping: mapping.__delitem__(name))

    @rule(name=NAMES)
    def pop(self, name: str) -> None:
        self.both(lambda mapping: mapping.pop(name))

    @rule(name=NAMES, default=SCALARS)
    def pop_or_default(self, name: str, default: Any) -> None:
        self.both(lambda mapping: mapping.pop(name, default))

    @rule()
    def popitem(self) -> None:
        self.both(lambda mapping: mapping.popitem())

    @rule(name=NAMES, value=VALUES)
    def setdefault(self, name: str, value: Any) -> None:
        self.both(lambda mapping: mapping.setdefault(name, value))

    @rule(fields=FIELDS, more=st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2), pairs=st.booleans())
    def update(self, fields: dict[str, Any], more: dict[str, Any], pairs: bool) -> None:
        self.both(lambda mapping: mapping.update(list(fields.items()) if pairs else fields, **more))

    @rule(fields=FIELDS)
    def update_by_operator(self, fields: dict[str, Any]) -> None:
        def change(mapping: Any) -> None:
            mapping |= fields

        self.both(change)

    @rule(wrong=st.sampled_from([5, [1], [("a",)], "ab"]))
    def update_with_no_fields(self, wrong: Any) -> None:
        self.both(lambda mapping: mapping.update(wrong))

    @rule(wrong=st.sampled_from([{1: 2}, [("a", 1), (2, 3)], {"a": 1, "b": {1}}]))
    def update_with_what_is_not_stored(self, wrong: Any) -> None:
        before = StructStore.to_bytes(self.store)
        with pytest.raises(TypeError):
            self.store.update(wrong)
        assert StructStore.to_bytes(self.store) == before

    @rule()
    def clear(self) -> None:
        self.both(lambda mapping: mapping.clear())

    @rule(name=NAMES, new_name=NAMES)
    def rename(self, name: str, new_name: str) -> None:
        try:
            self.store.rename(name, new_name)
        except KeyError:
            assert name not in self.model
        except ValueError:
            assert new_name in self.model
        else:
            self.model = {new_name if key == name else key: value for key, value in self.model.items()}

    @rule()
    def move(self) -> None:
        self.store.from_bytes(StructStore.to_bytes(self.store))

    @invariant()
    def same(self) -> None:
        store, model = self.store, self.model
        assert StructStore.to_dict(store) == model and list(StructStore.to_dict(store)) == list(model)
        assert store == model and len(store) == len(model) and bool(store)
        assert list(store) == list(model) and list(reversed(store)) == list(reversed(model))
        assert plain(StructStore.items(store)) == plain(list(model.items()))
        assert plain(StructStore.values(store)) == list(model.values())

    def teardown(self) -> None:
        StructStore.check(self.store)


TestDictModel = DictModel.TestCase
TestDictModel.settings = settings(max_examples=60, deadline=None)
