import pytest

from afmbatch.errors import CannotStart
from afmbatch.settings import read_settings
from afmbatch.storage.object_store import ObjectStore


def test_an_invalid_setting_is_named(monkeypatch):
    monkeypatch.setenv("AFMBATCH_PORT", "abc")
    monkeypatch.setenv("AFMBATCH_SHARD_TRIES", "0")
    with pytest.raises(CannotStart, match=r"AFMBATCH_PORT=abc: .*integer.*; AFMBATCH_SHARD_TRIES=0: .*greater than 0"):
        read_settings()


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///proc/nope", "no url"])
def test_a_store_that_can_not_be_opened_is_named(url):
    with pytest.raises(CannotStart, match=url):
        ObjectStore(url)
