"""Master keys, orders' keys, and what only they open."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.identifiers import owner_of_workflow
from ordersaga.privacy.ciphers import AlteredError, decrypt, encrypt, new_key
from ordersaga.privacy.key_ring import DataKey, KeyErasedError, KeyRing, WrappedKey
from ordersaga.privacy.master_keys import CloudMasterKeys, read_master_key_file, read_master_keys
from ordersaga.privacy.sealing import ERASED, opened, seal_all, seal_request, seal_text, subjects_in
from ordersaga.settings import SettingsError, read_settings
from tests.fakes.samples import order
from tests.privacy.keys import ONE, TWO, KeyService, MemoryKeys

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_what_is_encrypted_is_bound_to_its_place() -> None:
    """Another key, other words beside it, or one bit less, and it does not open."""
    key = new_key()
    sealed = encrypt(key, b"Ada", "k1", "o1")
    assert decrypt(key, sealed, "k1", "o1") == b"Ada"
    assert b"Ada" not in sealed
    for wrong in ((new_key(), sealed, "k1", "o1"), (key, sealed, "k1", "o2"), (key, sealed[:-1], "k1", "o1")):
        with pytest.raises(AlteredError):
            decrypt(*wrong)
    assert encrypt(key, b"Ada", "k1", "o1") != sealed


async def test_a_key_is_made_once_and_found_again() -> None:
    """The second process unwraps the first one's; one that is remembered is not read again, and few are."""
    store = MemoryKeys()
    first = KeyRing(store, read_master_keys(ONE), remembered=2)
    second = KeyRing(store, read_master_keys(ONE))
    key = await first.of("o1")
    assert await second.of("o1") == key
    reads = store.reads
    assert await first.of("o1") == key
    assert store.reads == reads
    await first.of("o2")
    await first.of("o3")
    await first.of("o1")
    assert store.reads > reads
    assert key.key not in (store.rows["o1"].wrapped or b"")
    assert key.key.hex() not in repr(key)


async def test_a_destroyed_key_is_not_made_anew() -> None:
    """Whoever asks hears that it was erased; who only looks finds none."""
    store = MemoryKeys()
    ring = KeyRing(store, read_master_keys(ONE))
    await ring.of("o1")
    store.destroy("o1")
    ring.forget("o1")
    with pytest.raises(KeyErasedError):
        await ring.of("o1")
    assert await ring.find(["o1", "o2"]) == {}


class SlowKeys(MemoryKeys):
    """Keys whose rows are on their way until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.read_them, self.go = asyncio.Event(), asyncio.Event()

    async def read(self, subjects: Sequence[str]) -> Mapping[str, WrappedKey]:
        """As they stood when they were asked for."""
        found = await super().read(subjects)
        self.read_them.set()
        await self.go.wait()
        return found


async def test_a_key_that_is_destroyed_while_it_is_read_is_not_remembered() -> None:
    """Who asked for it before still gets it; nobody after."""
    store = SlowKeys()
    store.rows["o1"] = (await KeyRing(store, read_master_keys(ONE)).new("o1"))[1]
    ring = KeyRing(store, read_master_keys(ONE))
    reading = asyncio.create_task(ring.of("o1"))
    await store.read_them.wait()
    store.destroy("o1")
    ring.forget("o1")
    store.go.set()
    assert (await reading).subject == "o1"
    with pytest.raises(KeyErasedError):
        await ring.of("o1")


async def test_the_first_master_key_wraps_and_all_unwrap() -> None:
    """A new one goes first; when everything is wrapped anew the old one may go, and not before."""
    store = MemoryKeys()
    old = KeyRing(store, read_master_keys(ONE))
    key = await old.of("o1")
    both = KeyRing(store, read_master_keys(f"{TWO},{ONE}"))
    assert await both.of("o1") == key
    assert (await both.new("o2"))[1].master == "two"
    with pytest.raises(OperatorError, match="master_key_missing"):
        await KeyRing(store, read_master_keys(TWO)).of("o1")
    store.rows["o1"] = await both.rewrapped(store.rows["o1"])
    assert await KeyRing(store, read_master_keys(TWO)).of("o1") == key


async def test_another_key_under_the_same_name_is_noticed() -> None:
    """It is refused, and nobody reads rubbish."""
    store = MemoryKeys()
    await KeyRing(store, read_master_keys(ONE)).of("o1")
    imposter = KeyRing(store, read_master_keys(ONE.split("=")[0] + "=" + TWO.split("=", 1)[1]))
    with pytest.raises(OperatorError, match="key_altered"):
        await imposter.of("o1")


async def test_master_keys_may_stay_in_a_clouds_key_service() -> None:
    """What it wraps under one order's id it does not unwrap under another's."""
    store = MemoryKeys()
    masters = CloudMasterKeys(KeyService(), ["alias/orders", "alias/older"])
    key = await KeyRing(store, masters).of("o1")
    assert await KeyRing(store, masters).of("o1") == key
    assert store.rows["o1"].master == "alias/orders"
    moved = store.rows["o1"].wrapped
    assert moved is not None
    with pytest.raises(AlteredError):
        await masters.unwrap("alias/orders", moved, key.key_id, "o2")
    with pytest.raises(OperatorError, match="master_key_missing"):
        await masters.unwrap("alias/gone", moved, key.key_id, "o1")


def test_master_keys_come_from_a_file(tmp_path: Path) -> None:
    """A line each, with comments; the first one wraps."""
    file = tmp_path / "keys"
    file.write_text(f"# since spring\n{TWO}\n{ONE}\n")
    assert read_master_key_file(file).current == "two"


@pytest.mark.parametrize("text", ["", "one", "one=AAAA", f"{ONE},{ONE}", "=" + ONE, "o ne=" + ONE.split("=", 1)[1]])
def test_a_wrong_master_key_is_refused_and_not_repeated(text: str) -> None:
    """The refusal says what form it takes."""
    with pytest.raises(ValueError, match="32 bytes in base64") as refusal:
        read_master_keys(text)
    assert ONE.split("=", 1)[1] not in str(refusal.value)


def test_settings_name_one_source_of_master_keys(tmp_path: Path) -> None:
    """Two are refused, and so is a file that is not there; the keys are not printed."""
    given: dict[str, Any] = {"_env_file": None, "encryption_keys": ONE}
    settings = read_settings(**given)
    masters = settings.master_keys()
    assert masters is not None
    assert masters.current == "one"
    assert ONE not in repr(settings)
    assert read_settings(_env_file=None).master_keys() is None
    with pytest.raises(SettingsError, match="one of them only"):
        read_settings(**given, encryption_keys_file=tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(_env_file=None, encryption_keys_file=tmp_path / "nothing")
    with pytest.raises(SettingsError, match="set both, or neither"):
        read_settings(_env_file=None, encryption_kms="a:b")


def test_a_key_service_is_named_in_settings() -> None:
    """A function of the deployment's own makes its client."""
    settings = read_settings(
        _env_file=None, encryption_kms="tests.privacy.keys:KeyService", encryption_kms_keys="alias/orders, alias/older"
    )
    masters = settings.master_keys()
    assert isinstance(masters, CloudMasterKeys)
    assert masters.current == "alias/orders"
    for nowhere in ("tests.privacy.keys:NoService", "no_module_of_ours:KeyService"):
        settings = read_settings(_env_file=None, encryption_kms=nowhere, encryption_kms_keys="alias/orders")
        with pytest.raises(OperatorError, match=f"ORDERSAGA_ENCRYPTION_KMS: {nowhere} is not here"):
            settings.master_keys()


@pytest.mark.parametrize(
    ("workflow", "owner"),
    [
        ("order-o_1", "o_1"),
        ("return-o_1-2", "o_1"),
        ("order-o-1", None),
        ("return-o1", None),
        ("stop-20260301abc", None),
        ("reconciliation-20260301", None),
        ("", None),
    ],
)
def test_a_workflow_belongs_to_its_order(workflow: str, owner: str | None) -> None:
    """Sagas and returns do; all others use the deployment's key."""
    assert owner_of_workflow(workflow) == owner


@given(JSON)
def test_what_is_not_sealed_stays_as_it_is(value: Any) -> None:
    """Whatever a row holds."""
    assert list(subjects_in(value)) == []
    assert opened(value, {}) == value


@given(st.text(min_size=1))
def test_a_sealed_text_opens_with_its_key_only(text: str) -> None:
    """Without the key it is said to be erased; what is none of the key's stays as it is, and is refused as a part."""
    key = DataKey("o1", "k1", b"k" * 32)
    token = seal_text(key, text)
    assert list(subjects_in({"a": [token]})) == ["o1"]
    assert opened({"a": [token]}, {"o1": key}) == {"a": [text]}
    assert opened(token, {}) == ERASED
    other = {"o1": DataKey("o1", "k1", b"x" * 32)}
    assert opened(token, other) == token
    with pytest.raises(OperatorError, match="data_altered"):
        opened(seal_all(key, text), other)


def test_a_token_is_opened_in_a_row_of_its_own_order_only() -> None:
    """Copied to another's, a text stays shut and a part of an object is refused."""
    key = DataKey("o1", "k1", b"k" * 32)
    text, part = seal_text(key, "Ada"), seal_all(key, "Ada")
    assert opened([text, part], {"o1": key}, {"o1"}) == ["Ada", "Ada"]
    assert opened(text, {"o1": key}, {"o2", None}) == text
    for keys in ({"o1": key}, {}):
        with pytest.raises(OperatorError, match="data_altered"):
            opened(part, keys, {"o2", None})


@pytest.mark.parametrize("rest", ["", "abc", "o1:k1:", "o1:k1:!!!!", "o1:k1:QUJD", "o1:k1:QUJ", "a:b:c:d"])
def test_a_text_that_looks_like_a_token_stays_as_it_is(rest: str) -> None:
    """Whoever writes one keeps nobody from reading what stands beside it."""
    written = {"text": f"sealed:1:{rest}"}
    assert opened(written, {"o1": DataKey("o1", "k1", b"k" * 32)}, {"o1"}) == written


def test_an_order_is_sealed_but_for_where_it_goes() -> None:
    """Country and region stay; the rest is there with the key, and a placeholder without."""
    placed = order("o1", buyer="buyer_77").model_dump(mode="json")
    key = DataKey("o1", "k1", b"k" * 32)
    sealed = seal_request(key, placed)
    assert {name: value for name, value in sealed["ship_to"].items() if name != "sealed"} == {
        "country": "US",
        "region": "NY",
    }
    assert not any(word in repr(sealed) for word in ("Ada", "Main St", "10001", "buyer_77"))
    assert opened(sealed, {"o1": key}) == placed
    gone = opened(sealed, {})
    assert (gone["ship_to"]["name"], gone["ship_to"]["country"], gone.get("buyer")) == (ERASED, "US", None)
    assert type(order("o1")).model_validate(gone).ship_to.line1 == ERASED
