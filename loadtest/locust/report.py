"""What a run found: sentences, a table, CSV files, and pictures of the latency and of the server's memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.locust.figures import Figures, Level
from loadtest.locust.limits import best_level, broken_at
from loadtest.memory import JUDGED_SECONDS, Sample
from loadtest.options import LoadOptions
from loadtest.plots import drawing, note, plain_log_scale
from loadtest.reports import write_csv
from product_tagger_client.terminal import aligned

NOT_READ = "The server's memory was not read: its processes are another machine's, container's or user's."


def progress(level: Level) -> Iterator[str]:
    """A line for each kind of request, when a level is over."""
    for one in level.kinds:
        errors = f", {one.errors} of {one.requests} failed" if one.errors else ""
        yield (
            f"{level.name}, {one.kind}: {one.texts_per_second:.0f} texts/s, p50 {_ms(one.p50_ms)} ms, "
            f"p99 {_ms(one.p99_ms)} ms{errors}"
        )


def table(levels: Sequence[Level], limits: LoadOptions) -> Iterator[str]:
    """The levels by load; those that break a limit are marked."""
    rows: list[tuple[str, ...]] = [
        ("load", "requests", "texts/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "errors", "late ms", "")
    ]
    for level in sorted(levels, key=lambda level: level.load):
        mark = "beyond the limits" if broken_at(level, limits) else ""
        for one in level.figures:
            times = (one.p50_ms, one.p90_ms, one.p99_ms, one.max_ms)
            cells = (*map(_ms, times), str(one.errors), _ms(one.sent_late_p99_ms))
            rows.append((level.name, one.kind, f"{one.texts_per_second:.0f}", *cells, mark))
    yield from aligned(rows, right=frozenset(range(2, 9)))


def verdict(levels: Sequence[Level], limits: LoadOptions) -> str:
    """What a ramp was for, or the best of the levels."""
    best = best_level(levels, limits)
    if best is None:
        return "No level was within the limits."
    speed = f"{best.figures[0].texts_per_second:.0f} texts/s, p99 {_ms(max(one.p99_ms for one in best.kinds))} ms"
    if limits.mode != "ramp":
        return f"Best level within the limits: {best.name}, {speed}."
    if not any(broken_at(level, limits) for level in levels):
        return f"No limit was reached: {best.name}, {speed}. Raise --ramp-start or --ramp-levels."
    return f"Highest rate with p99 under {limits.max_p99_ms:g} ms: {best.name}, {speed}."


def memory_sentences(levels: Sequence[Level], samples: Sequence[Sample]) -> Iterator[str]:
    """What is to be said of the memory, growth beyond the limit aside."""
    if not samples:
        yield NOT_READ
        return
    last = samples[-1]
    yield (
        f"Memory of the server's {last.processes} processes at the end: {last.pss_mib:.0f} MiB, parts that they share "
        f"counted once (PSS), {last.judged_mib:.0f} MiB of it no files; {last.rss_mib:.0f} MiB with every part counted "
        "for each process (RSS)."
    )
    for level in levels:
        if level.memory is not None:
            yield (
                f"At {level.name} it was {level.memory.second_minute_mib:.1f} MiB in the second minute and "
                f"{level.memory.last_minute_mib:.1f} MiB in the last (medians, no files): {level.memory.share:+.2%}."
            )
        elif level.seconds >= JUDGED_SECONDS:
            yield f"At {level.name} its growth can't be told: it was not read all the time. Did Triton start anew?"


def write_levels(path: Path, levels: Sequence[Level]) -> None:
    """A row for each level and kind of request; empty where nothing was answered."""
    rows = [
        (
            level.number, level.load, "requests per second" if level.open else "users", level.seconds,
            *dataclasses.astuple(one),
        )
        for level in levels
        for one in level.figures
    ]  # fmt: skip
    names = [field.name for field in dataclasses.fields(Figures)]
    write_csv(path, ["level", "load", "load_is", "seconds", *names], rows)


def write_memory(path: Path, levels: Sequence[Level], samples: Sequence[Sample]) -> None:
    """A row for each reading; `level` is the number of the one that was being measured, and empty between them."""
    rows = [
        (
            round(one.at - samples[0].at, 1),
            next((level.number for level in levels if level.begin <= one.at < level.begin + level.seconds), ""),
            one.judged_mib, one.pss_mib, one.rss_mib, one.processes,
        )
        for one in samples
    ]  # fmt: skip
    write_csv(path, ["seconds", "level", "own_mib", "pss_mib", "rss_mib", "processes"], rows)


def plot_levels(path: Path, levels: Sequence[Level], limits: LoadOptions, title: str) -> None:
    """Percentiles against texts a second, a panel for each kind of request; crosses are beyond the limits."""
    ordered = sorted(levels, key=lambda level: level.load)
    kinds = list(dict.fromkeys(one.kind for level in ordered for one in level.kinds))
    size = (max(7.5, 5.2 * len(kinds)), 4.6)
    with drawing(path, title, columns=len(kinds), figsize=size, sharey=True) as panels:
        for axes, kind in zip(panels[0], kinds, strict=True):
            points = [(level, one) for level in ordered for one in level.kinds if one.kind == kind]
            points = [(level, one) for level, one in points if math.isfinite(one.p99_ms)]
            for color, name in (("C0", "p50"), ("C1", "p90"), ("C3", "p99")):
                x = [one.texts_per_second for _, one in points]
                y = [getattr(one, f"{name}_ms") for _, one in points]
                axes.plot(x, y, color=color, label=name, linewidth=1.2)
                for (level, _), place, value in zip(points, x, y, strict=True):
                    axes.plot(place, value, "x" if broken_at(level, limits) else "o", color=color, markersize=5)
            marked = 0.0
            for level, one in points:
                # Levels of a search lie close together: only the first of those that would be written over each other.
                if not marked or abs(one.texts_per_second / marked - 1) > 0.1:
                    note(axes, level.name, one.texts_per_second, one.p99_ms, above=7)
                    marked = one.texts_per_second
            axes.axhline(limits.max_p99_ms, color="0.5", linestyle="--", linewidth=1, label="limit for p99")
            plain_log_scale(axes)
            axes.margins(x=0.12, y=0.12)
            axes.set_xlim(left=0)
            axes.set_xlabel("texts per second answered")
            axes.set_title(kind, fontsize=10)
        panels[0][0].set_ylabel("ms for one request (crosses: beyond the limits)", fontsize=9)
        panels[0][0].legend(frameon=False, fontsize=8)


def plot_memory(path: Path, levels: Sequence[Level], samples: Sequence[Sample], title: str) -> None:
    """Memory by minute, from the first reading on; grey is the measured time of the levels."""
    start = samples[0].at
    minutes = [(one.at - start) / 60 for one in samples]
    with drawing(path, title, figsize=(8.5, 4.2)) as panels:
        axes = panels[0][0]
        axes.plot(minutes, [one.rss_mib for one in samples], color="C1", linewidth=1.2, label="RSS")
        axes.plot(minutes, [one.pss_mib for one in samples], color="C0", linewidth=1.2, label="PSS: shared parts once")
        own = [one.judged_mib for one in samples]
        axes.plot(minutes, own, color="C2", linewidth=2, label="PSS without files: judged")
        top = 1.15 * max(one.rss_mib for one in samples)
        axes.set_ylim(0, top)
        for level in levels:
            begin, end = (level.begin - start) / 60, (level.begin + level.seconds - start) / 60
            axes.axvspan(begin, end, color="0.93", zorder=0)
            growth = "" if level.memory is None else f"\n{level.memory.share:+.2%}"
            note(axes, f"{level.name}{growth}", (begin + end) / 2, 0.92 * top)
        axes.set_xlabel("minutes")
        axes.set_ylabel("MiB, all processes of the server")
        axes.legend(fontsize=8, loc="lower right")


def _ms(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "-"
