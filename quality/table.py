"""The report as Markdown: one table of all cells, what stands out, and how it was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from quality.bootstrap import ACCURACY, MACRO_F1, NAMES, RESAMPLES, TAG_MACRO_F1, TAG_MICRO_F1
from quality.comparison import JUDGED, Difference, Figure, Row, Seeds
from quality.systems import BY_NAME, PRODUCT

MARGIN = 0.003
"""What the product may lie below a neighbour before it counts."""
ECE = "category_ece"
COVERAGE = "coverage_95"
HALVES = {"encoder": "encoder alone", "ngrams": "n-grams alone"}
NONE = "–"


def report(rows: Sequence[Row], systems: Sequence[str], facts: Mapping[str, Any]) -> str:
    """The whole of quality.md.

    Args:
        rows: of the table.
        systems: names of those that were asked for, in the order of the columns.
        facts: what `conditions` says of the run.
    """
    measured = [row for row in rows if row.any]
    lines = ["# Quality beside the neighbours", "", *_conditions(facts), ""]
    lines += [*summary(measured), ""]
    lines += ["## Accuracy and macro-F1", "", *_table(measured, systems, (ACCURACY, MACRO_F1)), ""]
    tagged = [row for row in measured if row.any and row.any.answers["tags"] and _has_tags(row)]
    if tagged:
        lines += ["## Tags: micro-F1 and macro-F1", "", *_table(tagged, systems, (TAG_MICRO_F1, TAG_MACRO_F1)), ""]
    lines += ["## The product minus its better neighbour", "", *_differences(measured), ""]
    lines += ["## Calibration, coverage and time", "", *_others(measured, systems), ""]
    failures = [(row, name, reason) for row in rows for name, reason in row.failures.items()]
    if failures:
        lines += ["## Not measured", "", *_failures(failures), ""]
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """The sentences that tell whether the product falls behind anywhere."""
    differences = {name: _of(rows, name) for name in JUDGED}
    compared = [row for row in rows if row.differences]
    if not compared:
        yield "Nothing is compared yet: it takes a result of the product and one of a neighbour in the same cell."
        return
    below = [row for row in compared if any(one.value < -MARGIN for one in row.differences.values())]
    yield (
        f"- In **{len(below)} of {len(compared)}** rows the product is more than {100 * MARGIN:.1f} points below its "
        f"better neighbour in a figure{': ' + ', '.join(_behind(row) for row in below) if below else ''}."
    )
    for name, values in differences.items():
        if values:
            worst = min(values, key=lambda one: one.value)
            yield (
                f"- {_capital(NAMES[name])}: median difference "
                f"**{_points(median(one.value for one in values))}** points over {len(values)} rows, "
                f"least {_points(worst.value)}."
            )
    unsure = [row for row in rows if PRODUCT in row.systems and _ece_above(row.systems[PRODUCT])]
    yield (
        f"- Calibration error of the product's category above {ECE_LIMIT:g} (with 100 labels {ECE_LIMIT_FEW:g}) in "
        + (f"{len(unsure)} rows: {', '.join(f'{row.task} {row.size}' for row in unsure)}." if unsure else "no row.")
    )


ECE_LIMIT, ECE_LIMIT_FEW, FEW_LABELS = 0.03, 0.06, 100


def _ece_above(seeds: Seeds) -> bool:
    figure = seeds.figure(ECE)
    labels = min(result.labels for result in seeds.results.values())
    return figure is not None and figure.median > (ECE_LIMIT_FEW if labels <= FEW_LABELS else ECE_LIMIT)


def _behind(row: Row) -> str:
    worst = min(row.differences.values(), key=lambda one: one.value)
    return f"{row.task} {row.size} ({NAMES[worst.figure]} {_points(worst.value)})"


def _of(rows: Sequence[Row], name: str) -> list[Difference]:
    return [row.differences[name] for row in rows if name in row.differences]


def _has_tags(row: Row) -> bool:
    return any(seeds.figure(TAG_MICRO_F1) is not None for seeds in row.systems.values())


def _conditions(facts: Mapping[str, Any]) -> Iterator[str]:
    machine = facts["machine"]
    yield (
        f"Made {facts['created']} from the results of `python -m quality` on {facts['data']}; "
        f"{machine['cores']} cores ({machine['processor']})."
    )
    yield ""
    yield (
        "Two numbers with a slash are accuracy / macro-F1, for tags micro-F1 / macro-F1. A figure is the median over "
        f"the seeds; in brackets is the 95 % interval of a bootstrap over the test products ({RESAMPLES:,} resamples). "
        "Behind it, where there are several seeds, are the least and the most of them. The best of a row is bold. "
        "All systems of a cell learn from the same products and are asked the same."
    )


def _table(rows: Sequence[Row], systems: Sequence[str], figures: tuple[str, str]) -> Iterator[str]:
    halves = list(HALVES) if any(_half(row, half, figures) for row in rows for half in HALVES) else []
    columns = [BY_NAME[name].title for name in systems] + [HALVES[half] for half in halves]
    yield f"| data | labels | categories | tags | tested on | seeds | {' | '.join(columns)} |"
    yield f"|---|---|---|---|---|---|{'---|' * len(columns)}"
    for row in rows:
        found = {name: row.systems[name] for name in systems if name in row.systems}
        best = {figure: _best(found, figure) for figure in figures}
        cells = [_cell(found.get(name), figures, best) for name in systems]
        cells += [_half(row, half, figures) or NONE for half in halves]
        yield f"| {_head(row)} | {' | '.join(cells)} |"


def _head(row: Row) -> str:
    one = row.any
    assert one is not None
    seeds = max(len(system.results) for system in row.systems.values())
    tested = one.answers["tested_on"]
    parts = (
        row.task,
        f"{one.labels:,}",
        f"{one.answers['categories']:,}",
        f"{one.answers['tags']:,}",
        f"{tested:,}",
        seeds,
    )
    return " | ".join(map(str, parts))


def _best(found: Mapping[str, Seeds], name: str) -> float | None:
    values = [figure.median for seeds in found.values() if (figure := seeds.figure(name))]
    return max(values) if len(values) > 1 else None


def _cell(seeds: Seeds | None, names: tuple[str, str], best: Mapping[str, float | None]) -> str:
    if seeds is None:
        return NONE
    told = []
    for name in names:
        figure = seeds.figure(name)
        if figure is None:
            return NONE
        told.append(_figure(figure, bold=best[name] is not None and figure.median >= (best[name] or 0.0)))
    return " / ".join(told)


def _figure(figure: Figure, *, bold: bool = False) -> str:
    words = f"**{figure.median:.3f}**" if bold else f"{figure.median:.3f}"
    if figure.low is not None and figure.high is not None:
        words += f" [{figure.low:.3f}–{figure.high:.3f}]"
    if figure.most > figure.least:
        words += f" {figure.least:.3f}…{figure.most:.3f}"
    return words


def _half(row: Row, half: str, figures: tuple[str, str]) -> str | None:
    product = row.systems.get(PRODUCT)
    values = [product.half(half, name) for name in figures] if product else []
    known = [value for value in values if value is not None]
    return " / ".join(f"{value:.3f}" for value in known) if known else None


def _differences(rows: Sequence[Row]) -> Iterator[str]:
    yield "In points (hundredths), with the 95 % interval of a bootstrap in which both are asked the same products."
    yield ""
    yield f"| data | labels | {' | '.join(NAMES[name] for name in JUDGED)} |"
    yield f"|---|---|{'---|' * len(JUDGED)}"
    for row in rows:
        if row.differences and row.any:
            cells = [_difference(row.differences.get(name)) for name in JUDGED]
            yield f"| {row.task} | {row.any.labels:,} | {' | '.join(cells)} |"


def _difference(one: Difference | None) -> str:
    if one is None:
        return NONE
    value = _points(one.value)
    told = f"**{value}**" if one.value < -MARGIN else value
    return f"{told} [{_points(one.low)}, {_points(one.high)}] {one.neighbour}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _others(rows: Sequence[Row], systems: Sequence[str]) -> Iterator[str]:
    yield (
        "Expected calibration error of the category; share of the test products that are answered where 95 % are to be "
        "right (the confidence is chosen on the validation part); seconds of learning by the clock. Medians over seeds."
    )
    yield ""
    yield f"| data | labels | {' | '.join(BY_NAME[name].title for name in systems)} |"
    yield f"|---|---|{'---|' * len(systems)}"
    for row in rows:
        cells = [_other(row.systems.get(name)) for name in systems]
        yield f"| {row.task} | {row.any.labels if row.any else 0:,} | {' | '.join(cells)} |"


def _other(seeds: Seeds | None) -> str:
    if seeds is None:
        return NONE
    ece, coverage = seeds.figure(ECE), seeds.figure(COVERAGE)
    seconds = median(result.seconds for result in seeds.results.values())
    return (
        f"ECE {ece.median:.3f}, {100 * coverage.median:.0f} %, {seconds:,.0f} s"
        if ece and coverage
        else f"{seconds:,.0f} s"
    )


def _failures(failures: Sequence[tuple[Row, str, str]]) -> Iterator[str]:
    for row, name, reason in failures:
        yield f"- {row.task}, {row.size} labels, {BY_NAME[name].title}: {reason}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
