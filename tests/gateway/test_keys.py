"""Keys: what the file holds of them, who is admitted, and how much."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.admission import KeyRing, Meter, require_keys, require_local
from gateway.errors import GatewayError, Problem
from gateway.keys import Key, add_key, read_keys, revoke_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where keys are kept."""
    return tmp_path / "keys.json"


@pytest.fixture
def ring(path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyRing:
    """Of a file with no keys yet, which is looked at with every question."""
    monkeypatch.setattr("gateway.admission.LOOKED_AT_S", 0.0)
    return KeyRing(path)


def refusal(ring: KeyRing, authorization: str | None) -> Problem:
    """Why a caller is refused."""
    with pytest.raises(Problem) as caught, ring.admitted(authorization):
        pass
    return caught.value


def test_a_key_is_admitted_until_it_is_revoked_and_only_its_hash_is_kept(path: Path, ring: KeyRing) -> None:
    assert not ring.is_needed()
    key, other = add_key(path, "shop"), add_key(path, "search")
    assert ring.is_needed() and key not in path.read_text() and other not in path.read_text()
    with ring.admitted(f"Bearer {key}") as admitted:
        assert admitted.name == "shop"
    revoke_key(path, "shop")
    assert refusal(ring, f"Bearer {key}").status == 401
    with ring.admitted(f"bearer  {other} ") as admitted:
        assert admitted.name == "search"
    revoke_key(path, "search")
    assert ring.is_needed() and refusal(ring, f"Bearer {other}").status == 401


@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer tagger_wrong", "Bearer \udcff"]
)
def test_what_is_no_key_is_refused_with_how_to_show_one(path: Path, ring: KeyRing, shown: str | None) -> None:
    add_key(path, "shop")
    problem = refusal(ring, shown)
    assert problem.status == 401 and problem.headers["www-authenticate"].startswith("Bearer ")


def test_an_expired_key_is_refused(path: Path, ring: KeyRing) -> None:
    key = add_key(path, "shop", days=1)
    with ring.admitted(f"Bearer {key}"):
        pass
    told = json.loads(path.read_text())
    path.write_text(json.dumps([{**told[0], "expires": "2020-01-01T00:00:00Z"}]))
    assert "expired" in refusal(ring, f"Bearer {key}").detail


def test_a_key_has_as_many_requests_in_flight_and_a_second_as_it_may() -> None:
    now = [100.0]
    key = Key.model_validate(
        {
            "name": "shop",
            "sha256": "0" * 64,
            "created": "2026-01-01T00:00:00Z",
            "requests_per_second": 2,
            "concurrency": 3,
        }
    )
    meter = Meter(lambda: now[0])

    def refused() -> Problem | None:
        try:
            with meter.request(key):
                return None
        except Problem as problem:
            return problem

    assert [refused(), refused()] == [None, None]
    late = refused()
    assert (
        late is not None and late.status == 429 and late.headers["retry-after"] == "1" and "2 requests" in late.detail
    )
    now[0] += 0.5
    assert refused() is None and refused() is not None
    now[0] += 1000
    with meter.request(key), meter.request(key):
        now[0] += 1
        with meter.request(key):
            many = refused()
            assert many is not None and many.status == 429 and "in flight" in many.detail
        assert meter.in_flight == 2


def test_a_damaged_file_leaves_the_keys_as_they_were_and_stops_a_start(path: Path, ring: KeyRing) -> None:
    key = add_key(path, "shop")
    with ring.admitted(f"Bearer {key}"):
        pass
    path.write_text('[{"name": "shop"}]')
    with ring.admitted(f"Bearer {key}"):
        pass
    with pytest.raises(GatewayError, match=r"`0\.sha256`"):
        KeyRing(path)
    os.unlink(path)
    assert ring.is_needed() and refusal(ring, f"Bearer {key}").status == 401


def test_other_machines_are_served_with_keys_only(path: Path) -> None:
    require_keys("127.0.0.1", KeyRing(path))
    require_keys("localhost", KeyRing(path))
    with pytest.raises(GatewayError, match="python -m gateway keys add NAME"):
        require_keys("0.0.0.0", KeyRing(path))
    add_key(path, "shop")
    require_keys("0.0.0.0", KeyRing(path))


@pytest.mark.parametrize(
    ("client", "host", "origin", "fetch_site"),
    [
        ("10.0.0.7", "127.0.0.1:8000", None, ""),
        ("127.0.0.1", "shop.example", None, ""),  # a name that leads to this machine
        ("127.0.0.1", "127.0.0.1:8000", "https://shop.example", ""),
        ("127.0.0.1", "127.0.0.1:8000", "null", ""),  # a page in a sandbox, or a file
        ("127.0.0.1", "127.0.0.1:8000", "http://127.0.0.1:3000", ""),  # another server of this machine
        ("127.0.0.1", "127.0.0.1:8000", None, "cross-site"),
        ("127.0.0.1", "localhost:8000", None, "same-site"),
    ],
)
def test_other_machines_and_pages_of_other_sites_are_refused(
    client: str, host: str, origin: str | None, fetch_site: str
) -> None:
    with pytest.raises(Problem) as caught:
        require_local(client, host, origin, fetch_site)
    assert caught.value.status == 403


def test_programs_and_the_gateways_own_page_are_served() -> None:
    require_local("127.0.0.1", "127.0.0.1:8000", None, "")
    require_local("::1", "[::1]:8000", None, "none")
    require_local("127.0.0.1", "localhost:8000", "http://localhost:8000", "same-origin")


def test_keys_are_made_listed_and_revoked_by_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--set", f"gateway.keys_file={path}"]
    assert main(["keys", "list", *options]) == 0 and "There are no keys" in capsys.readouterr().out
    assert main(["keys", "add", "shop", "--rate", "5", "--days", "30", *options]) == 0
    key = capsys.readouterr().out.strip()
    assert main(["keys", "add", "shop", *options]) == 1 and "already" in capsys.readouterr().err
    assert main(["keys", "add", "a b", *options]) == 1 and "name" in capsys.readouterr().err
    assert main(["keys", "add", "b", "--rate", "-1", *options]) == 1 and "more than 0" in capsys.readouterr().err
    assert main(["keys", "list", *options]) == 0
    told = capsys.readouterr().out
    assert "shop" in told and "5 requests a second" in told and key not in told and "expires" in told
    assert main(["keys", "revoke", "shop", *options]) == 0 and read_keys(path) == []
    assert main(["keys", "revoke", "shop", *options]) == 1
