"""Writes the settings as YAML with their comments: this is how tagger.yaml is made."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import yaml

from settings.schema import Settings
from settings.section import Section

_WIDTH = 120
_SCALAR_END = "...\n"
_HEAD = """\
All settings with their defaults. For one command: `--set section.key=value`, or with make SET="section.key=value".
Another file: --config FILE, or with make CONFIG=FILE; it needs only what differs.
"""


def render_settings(settings: Settings) -> str:
    """The whole of tagger.yaml, with these values."""
    lines = _comment(" ".join(_HEAD.split()), "")
    return "\n".join([*lines, *_keys(settings, "")]) + "\n"


def _keys(section: Section, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield ""
            yield from _comment(" ".join((type(value).__doc__ or "").split()), indent)
            yield f"{indent}{name}:"
            yield from _keys(value, f"{indent}  ")
            continue
        if not indent:
            yield ""
        yield from _comment(" ".join((field.description or "").split()), indent)
        value = section.model_dump(mode="json", include={name})[name]
        dumped = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
        yield f"{indent}{name}: {dumped.removesuffix(_SCALAR_END).rstrip()}"


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ", break_on_hyphens=False
    )
