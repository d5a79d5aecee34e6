"""The server's memory during a run: sentences, a CSV file, and a picture with the levels."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.locust.figures import Level
from loadtest.memory import JUDGED_SECONDS, Sample

CSV, PICTURE = "memory.csv", "memory.png"
NOT_READ = "The server's memory was not read: its processes are another machine's, container's or user's."


def told(levels: Sequence[Level], samples: Sequence[Sample]) -> Iterator[str]:
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


def write_csv(path: Path, levels: Sequence[Level], samples: Sequence[Sample]) -> None:
    """A row for each reading; `level` is the number of the one that was being measured, and empty between them."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["seconds", "level", "own_mib", "pss_mib", "rss_mib", "processes"])
        for one in samples:
            number = next((level.number for level in levels if _in(one.at, level)), "")
            seconds = round(one.at - samples[0].at, 1)
            sizes = [round(value, 2) for value in (one.judged_mib, one.pss_mib, one.rss_mib)]
            writer.writerow([seconds, number, *sizes, one.processes])


def plot(path: Path, levels: Sequence[Level], samples: Sequence[Sample], title: str) -> None:
    """Memory by minute, from the first reading on; grey is the measured time of the levels."""
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot

    start = samples[0].at
    minutes = [(one.at - start) / 60 for one in samples]
    figure, axes = pyplot.subplots(figsize=(8.5, 4.2), layout="constrained")
    axes.plot(minutes, [one.rss_mib for one in samples], color="C1", linewidth=1.2, label="RSS")
    axes.plot(minutes, [one.pss_mib for one in samples], color="C0", linewidth=1.2, label="PSS: shared parts once")
    axes.plot(minutes, [one.judged_mib for one in samples], color="C2", linewidth=2, label="PSS without files: judged")
    axes.set_ylim(0, 1.15 * max(one.rss_mib for one in samples))
    for level in levels:
        begin, end = (level.begin - start) / 60, (level.begin + level.seconds - start) / 60
        axes.axvspan(begin, end, color="0.93", zorder=0)
        growth = "" if level.memory is None else f"\n{level.memory.share:+.2%}"
        axes.annotate(
            f"{level.name}{growth}", ((begin + end) / 2, 0.98), xycoords=("data", "axes fraction"), ha="center",
            va="top", fontsize=8,
        )  # fmt: skip
    axes.set_xlabel("minutes")
    axes.set_ylabel("MiB, all processes of the server")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, loc="lower right")
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _in(moment: float, level: Level) -> bool:
    return level.begin <= moment < level.begin + level.seconds
