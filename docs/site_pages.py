"""Pages of the site that are made from the code when it is built, and what other pages need to fit in.

A hook of mkdocs (``hooks`` of mkdocs.yml). Not here: the order of the pages (mkdocs.yml); API pages, which
mkdocstrings makes.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

PROJECT = Path(__file__).parents[1]
# A link to a file of the project that is no page: it works in the repository, not on the site.
TO_A_FILE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for place, text in (
        ("reference/commands.md", commands_page()),
        ("reference/configuration.md", configuration_page()),
    ):
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page without links out of the site."""
    return TO_A_FILE.sub(r"\1", markdown)


def commands_page() -> str:
    """Every command with its arguments and options, as ``--help`` tells them."""
    import typer
    from typer.cli import get_docs_for_click

    from lightloop.main import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="lightloop", title="Command line")
    return re.sub(r"\*\*Usage\*\*:\n", "**Usage**:\n", text)


def configuration_page() -> str:
    """Every key of the configuration with its default, section by section."""
    from configs.load import load_config

    lines = [
        "# Configuration",
        "",
        "A scenario file names what differs from these defaults; `--set section.key=value` overrides both. "
        "Every value is checked before anything is stored; a key that does not exist is refused.",
    ]
    config = load_config("latency-rsa", [])
    for name, section in config:
        if not (isinstance(section, BaseModel) or dataclasses.is_dataclass(section)):
            continue
        about = _about(type(section))
        lines += [
            "",
            f"## `{name}`",
            "",
            about.pop("", ""),
            "",
            "| key | default | meaning |",
            "|---|---|---|",
        ]
        lines += [
            f"| `{key}` | `{_shown(value)}` | {about.get(key, '')} |"
            for key, value in _leaves(section, about)
        ]
    return "\n".join(lines) + "\n"


def _leaves(section: Any, about: dict[str, str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    names = (
        type(section).model_fields
        if isinstance(section, BaseModel)
        else [field.name for field in dataclasses.fields(section)]
    )
    for name in names:
        value = getattr(section, name)
        if isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
            inner = {f"{name}.{key}": text for key, text in _about(type(value)).items() if key}
            about |= {f"{prefix}{key}": text for key, text in inner.items()}
            yield from _leaves(value, about, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _about(kind: type) -> dict[str, str]:
    """What a class says of its fields in docstrings and descriptions; its first line under ``""``."""
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__ == "builtins" or not base.__dict__.get("__doc__"):
            continue
        said[""] = base.__doc__.strip().splitlines()[0]
        for part in griffe.Docstring(base.__doc__).parse("google", warnings=False):
            if part.kind.value in ("parameters", "attributes"):
                said |= {item.name: " ".join(item.description.split()) for item in part.value}
    if issubclass(kind, BaseModel):
        said |= {name: field.description for name, field in kind.model_fields.items() if field.description}
    return {name: text.replace("|", r"\|") for name, text in said.items()}


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple) and value and isinstance(value[0], BaseModel):
        return ", ".join(str(item.model_dump(exclude_defaults=True)) for item in value)
    return html.escape(str(value)).replace("|", r"\|") or "empty"
