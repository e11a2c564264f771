"""Parses XML that someone else wrote: no document types (hence no entities to blow up), no huge documents."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.parsers import expat

MAX_BYTES = 64 * 1024 * 1024


class UnsafeXmlError(ValueError):
    """XML that is malformed, or that asks for more than reading it."""


def parse_xml(data: bytes) -> ElementTree.Element:
    """The root element of a document.

    Every known XML bomb and file inclusion needs a document type declaration [1], so one is refused before
    the tree is built.

    Raises:
        UnsafeXmlError: malformed, with a document type declaration, or larger than ``MAX_BYTES``.

    [1] https://docs.python.org/3/library/xml.html#xml-security
    """
    if len(data) > MAX_BYTES:
        raise UnsafeXmlError(f"{len(data)} bytes of XML; at most {MAX_BYTES} are read")

    def refuse(*_: object) -> None:
        raise UnsafeXmlError("has a document type declaration (<!DOCTYPE ...>); remove it")

    scanner = expat.ParserCreate()
    scanner.StartDoctypeDeclHandler = refuse
    try:
        scanner.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise UnsafeXmlError(f"not well-formed XML: {error}") from None
    except (LookupError, ValueError) as error:  # an encoding that is not known
        if isinstance(error, UnsafeXmlError):
            raise
        raise UnsafeXmlError(f"not readable XML: {error}") from None


def local_name(element: ElementTree.Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: ElementTree.Element | None, *names: str) -> ElementTree.Element | None:
    """The first descendant along a path of local names, or None."""
    for name in names:
        if element is None:
            return None
        element = next((item for item in element if local_name(item) == name), None)
    return element


def children(element: ElementTree.Element | None, name: str) -> list[ElementTree.Element]:
    """The children of that local name."""
    return [] if element is None else [item for item in element if local_name(item) == name]


def text_of(element: ElementTree.Element | None, *names: str) -> str | None:
    """The stripped text of a descendant along a path, or None where it is missing or empty."""
    found = child(element, *names)
    return (found.text or "").strip() or None if found is not None else None
