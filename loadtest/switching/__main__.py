"""`python -m loadtest.switching`: releases are switched and rolled back while clients ask, and no request may fail."""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from loadtest.errors import LoadtestError
from loadtest.memory import JUDGED_SECONDS, MINUTE, MemoryWatch, Sample
from loadtest.options import SwitchingOptions, make_parser, read_options
from loadtest.reports import conditions, write_json
from loadtest.switching.load import Expected, Outcome, Place
from loadtest.switching.run import Plan, switch_under_load
from loadtest.texts import describe, draw_texts
from serving.health import Endpoint
from serving.releases import current_release, find_release, list_releases
from serving.temporary import temporary_server
from settings import Settings, load_settings
from steps import run_command

TEXTS = 200
"""Different texts; each is asked of both releases beforehand."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and reports; returns the process's exit status."""
    parser = make_parser("loadtest.switching", __doc__, SwitchingOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, SwitchingOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options))


def _run(settings: Settings, options: SwitchingOptions) -> int:
    releases = settings.build_dir / "releases"
    served = current_release(releases).id
    other = _other(settings, served, options.other)
    texts = draw_texts(settings, options.catalog)[:TEXTS]
    plan = Plan(options.clients, options.requests, options.switches, options.seconds)
    with temporary_server(settings) as state:
        host = Endpoint(state.address, state.http_port).host
        ports = {way: state.grpc_port if way == "grpc" else state.http_port for way in options.ways}
        expected = Expected(Place(host, ports), texts)
        # The whole tree: the supervising process, the gateway, Triton and its models.
        with MemoryWatch(state.supervisor.pid) as memory:
            outcome = asyncio.run(switch_under_load(settings, expected, (served, other), plan))
    found = {**_figures(outcome), **_memory(memory.samples)}
    for line in _told(found):
        print(line)
    path = settings.build_dir / "reports" / "switching.json"
    facts = conditions(("nvidia-pytriton",), settings, options)
    write_json(path, {**facts, "releases": [served, other], "texts": describe(texts), **found})
    print(f"Written: {path}")
    bad = outcome.failed.total() + len(outcome.wrong)
    if bad:
        print(f"{bad:,} requests failed or were answered by neither release.", file=sys.stderr)
    return int(bad > 0)


def _other(settings: Settings, served: str, wanted: str | None) -> str:
    """The release to switch to.

    Raises:
        LoadtestError: There is only one.
        ServingError: There is none of the name that was given.
    """
    releases = settings.build_dir / "releases"
    if wanted is not None:
        return find_release(releases, wanted).id
    others = [release.id for release in list_releases(releases) if release.id != served]
    if not others:
        raise LoadtestError(f"There is only one release in {releases}. Make another: `make export FORCE=1`.")
    return others[-1]


def _figures(outcome: Outcome) -> dict[str, Any]:
    times = sorted(outcome.seconds)
    percentiles = statistics.quantiles(times, n=1000, method="inclusive") if len(times) > 1 else [0.0] * 999
    return {
        "requests": outcome.sent,
        "failed": dict(outcome.failed),
        "wrong": outcome.wrong,
        "p50_ms": round(1000 * percentiles[499], 2),
        "p99_ms": round(1000 * percentiles[989], 2),
        "longest_ms": round(1000 * times[-1], 2) if times else 0.0,
    }


def _memory(samples: Sequence[Sample]) -> dict[str, Any]:
    """Of the second and the last minute, where they don't touch; a median passes over the time of a switch."""
    if not samples or samples[-1].at - samples[0].at < JUDGED_SECONDS:
        return {}
    first, last = samples[0].at, samples[-1].at
    second = [one.judged_mib for one in samples if MINUTE <= one.at - first < 2 * MINUTE]
    final = [one.judged_mib for one in samples if last - one.at < MINUTE]
    return {
        "second_minute_mib": round(statistics.median(second), 1),
        "last_minute_mib": round(statistics.median(final), 1),
        "most_mib": round(max(one.judged_mib for one in samples), 1),
        "samples": [dataclasses.asdict(one) for one in samples],
    }


def _told(found: dict[str, Any]) -> list[str]:
    failed = sum(found["failed"].values())
    lines = [f"{found['requests']:,} requests: {failed:,} failed, {len(found['wrong']):,} kinds of wrong answers."]
    lines += [f"  {times:,} × {what}" for what, times in found["failed"].items()]
    lines += [f"  {what}" for what in found["wrong"]]
    lines.append(f"p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms, longest {found['longest_ms']} ms.")
    if "last_minute_mib" in found:
        lines.append(
            f"Memory: {found['second_minute_mib']} MiB in the second minute, {found['last_minute_mib']} MiB in the "
            f"last, {found['most_mib']} MiB at most."
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
