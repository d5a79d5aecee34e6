"""`make loadtest` as a person runs it: Locust's own process, on the real server and on one that stands still."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from loadtest.locust.__main__ import main
from loadtest.locust.run import LOCUSTFILE
from serving.state import running_servers
from serving.temporary import free_ports
from tests.loadtest.conftest import RELEASE, SOURCES, Workplace, command, read_until

ANY_TIME = ("--max-p99-ms", "100000", "--warm-up-s", "0.5", "--seconds", "1")


def levels(workplace: Workplace) -> dict[str, Any]:
    """What was written."""
    found: dict[str, Any] = json.loads((workplace.build / "reports" / "loadtest" / "levels.json").read_text())
    return found


def visible(folder: Path) -> list[str]:
    """What a folder has, but for lock files."""
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


def test_users_of_both_protocols_send_single_and_batched_requests_to_a_server_of_their_own(
    workplace: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = workplace.arguments(
        *ANY_TIME, "--users", "4", "8", "--protocols", "grpc", "http", "--batch-sizes", "1", "4"
    )
    assert main(arguments) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "Best level within the limits: " in printed and "Written: " in printed
    found = levels(workplace)
    assert [level["load"] for level in found["levels"]] == [4, 8]
    for level in found["levels"]:
        kinds = {one["kind"]: one for one in level["figures"]}
        assert set(kinds) == {"all", "gRPC, 1 text", "gRPC, 4 texts", "HTTP, 1 text", "HTTP, 4 texts"}
        assert all(one["errors"] == 0 and one["requests"] > 0 for one in kinds.values())
        four = kinds["gRPC, 4 texts"]
        assert four["texts_per_second"] == pytest.approx(4 * four["requests_per_second"])
    assert found["server"]["started_for_this_run"] and found["server"]["release"] == RELEASE
    assert found["server"]["response_cache"] == []
    assert found["texts"]["different"] == 20 and not found["stopped_early"]
    reports = workplace.build / "reports" / "loadtest"
    assert {"levels.csv", "levels.json", "levels.png", "locust.html", "locust_stats.csv", "locust.json"} <= {
        path.name for path in reports.iterdir()
    }
    assert "gRPC" not in (reports / "locust_failures.csv").read_text() and running_servers(workplace.build) == []


def test_workers_share_the_arrivals_on_the_server_that_runs(
    running: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    ((_, state),) = running_servers(running.build)
    (port,) = free_ports(1)
    arguments = running.arguments(*ANY_TIME, "--mode", "open", "--rates", "20", "--seconds", "2")
    more = ["--processes", "2", "--master-bind-port", str(port), "--master-port", str(port)]
    assert main([*arguments, "--", *more]) == 0, capsys.readouterr().err
    found = levels(running)
    (level,) = found["levels"]
    assert level["open"] and level["figures"][0]["requests"] == pytest.approx(40, abs=3)
    assert not found["server"]["started_for_this_run"] and found["server"]["release"] == RELEASE
    assert found["server"]["http_port"] == state.http_port
    assert len(running_servers(running.build)) == 1


class StandingStill(BaseHTTPRequestHandler):
    """A Triton of few words, which from the 60th text on keeps all waiting until the 80th has come."""

    protocol_version = "HTTP/1.1"
    server: StillServer

    def do_GET(self) -> None:
        self._answer(b'{"name": "triton", "version": "0"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keep_waiting()
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class StillServer(ThreadingHTTPServer):
    """Counts what comes; from the 60th text on it stands still until the 80th is there."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StandingStill)
        self._change = threading.Condition()
        self._count = 0

    def keep_waiting(self) -> None:
        """Waits where the text is one of those that have to."""
        with self._change:
            self._count += 1
            self._change.notify_all()
            if self._count >= 60:
                self._change.wait_for(lambda: self._count >= 80, timeout=30)


@contextmanager
def standing_still() -> Iterator[int]:
    """Such a server; its port."""
    server = StillServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_at_a_constant_rate_a_server_that_stands_still_shows_in_every_request_it_keeps_waiting(
    workplace: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing_still() as port:
        arguments = workplace.arguments(
            "--set", f"serving.http_port={port}", "--mode", "open", "--rates", "20", "--protocols", "http",
            "--host", "127.0.0.1", "--warm-up-s", "0", "--seconds", "4", "--max-p99-ms", "300",
        )  # fmt: skip
        assert main(arguments) == 1
    (level,) = levels(workplace)["levels"]
    (figures,) = level["figures"]
    # It stood still for 20 arrivals at 20 a second: the first waited a second, the next 50 ms less, and so on. Users
    # who wait for their answers would have met it once each, and seen nothing of it in the 90th percentile.
    assert figures["max_ms"] > 850 and figures["p90_ms"] > 400 and figures["errors"] == 0
    assert "At 20 requests/s (HTTP, 1 text) p99 is " in (told := capsys.readouterr().out)
    assert "ms, and --max-p99-ms is 300." in told


def test_ctrl_c_keeps_the_levels_that_were_measured_and_stops_the_server(workplace: Workplace) -> None:
    with command("loadtest.locust", workplace.arguments(*ANY_TIME, "--users", *["1"] * 100)) as process:
        read_until(process, "1 user, gRPC, 1 text: ")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert (
            process.stderr is not None and "the levels that were measured to theirs are kept" in process.stderr.read()
        )
    found = levels(workplace)
    assert found["stopped_early"] and 1 <= len(found["levels"]) < 100 and running_servers(workplace.build) == []


def test_ctrl_c_before_the_first_level_leaves_nothing(workplace: Workplace) -> None:
    with command("loadtest.locust", workplace.arguments(*ANY_TIME, "--seconds", "60")) as process:
        read_until(process, "levels, about")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
        assert process.stderr is not None and "Stopped; nothing was written." in process.stderr.read()
    assert visible(workplace.build / "reports") == [] and running_servers(workplace.build) == []


def test_locusts_own_command_works_with_its_web_page_and_its_exit_status_tells_of_the_limits(
    running: Workplace, tmp_path: Path
) -> None:
    words = running.arguments("--users", "2", "--seconds", "1", "--warm-up-s", "0", "--min-texts-per-second", "1e7")
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--web-host", "127.0.0.1"]
    command += ["--web-port", str(port), "--host", "http://127.0.0.1", "--autostart"]
    environment = {
        **os.environ,
        "TAGGER_LOADTEST": shlex.join(words),
        "PYTHONPATH": str(SOURCES),
    }
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            read_until(process, "2 users, gRPC, 1 text: ")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
                assert b"Locust" in page.read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 1
            assert process.stderr is not None and "and --min-texts-per-second is 1e+07." in process.stderr.read()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "127.0.0.1"], "No tagging server answers at 127.0.0.1:"),
        (["--catalog", "missing.csv"], "missing.csv"),
    ],
)
def test_what_stands_in_the_way_is_told_in_a_sentence(
    workplace: Workplace, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(workplace.arguments(*words)) == 1
    printed = capsys.readouterr().err
    assert "error: " in printed and told in printed and not (workplace.build / "reports").exists()
