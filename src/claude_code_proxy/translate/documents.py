"""Images and documents as chat parts: pure rendering of what the request holds and of what was read for it outside.

A PDF goes out as a file where the backend takes files, else as the text of its pages, a page without text as a picture,
and where nothing can be read the model is told so in its place. What has to be fetched or read first is listed by
`wanted`; `documents_io` does it and hands the results back as `Target.resources`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text
from .dialect import Dialect
from .held_data import HEAD, cleaned, image_type, kind_of, text_of
from .parts import Block, Context, Page, Part, Resource, glued, is_text, key_of, text_part, words_of

PDF = "application/pdf"

_SHOWN = 200  # characters of an address in a note to the model
_DATA_URL = re.compile(r"data:([a-z]+/[a-z0-9.+-]+)(?:;[a-z0-9=._-]+)*;base64,", re.IGNORECASE)
_IMAGE = re.compile(r"image/[a-z0-9.+-]{1,60}")
_NO_DATA = "it was sent without data"
_NO_BASE64 = "its data is no base64"


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do outside: fetch `url`, or take `data` (base64); pages: read the pages if it is a PDF."""

    key: str
    url: str = ""
    data: str = ""
    pages: bool = False


def wanted(request: Mapping[str, Any], dialect: Dialect, vision: bool | None = None) -> list[Want]:
    """Return what must be fetched or read before the request can be translated for `dialect`, each thing once.

    vision: whether the model takes images, None unknown; the same as in `Target`.
    """
    wants: dict[str, Want] = {}
    for message in items(request.get("messages")):
        for block in _sourced(mapping(message).get("content")):
            want = _want(block, dialect)
            if want is not None and (vision is not False or block.get("type") != "image"):
                wants.setdefault(want.key, want)
    return list(wants.values())


def image_parts(block: Block, context: Context, path: str) -> list[Part]:
    """Return an image as a part, or a note to the model where it can't see it."""
    source = _inlined(block)
    if source.get("type") == "file":
        return _unknown_file(source, context, path)
    if not context.sees:
        return _unseen("the model has no vision", context, path)
    if source.get("type") == "url":
        return _image_at(source, context, path)
    data = cleaned(source.get("data"))
    if not data:
        return _unseen(_fault(source), context, path)
    media_type = _image_type(source, data)
    if media_type.startswith("image/svg") or kind_of("", data[:HEAD]) == "pdf":
        return _unseen("its format is none a model takes", context, path)
    return [_picture(f"data:{media_type};base64,{data}")]


def document_parts(block: Block, context: Context, path: str, inner: Callable[[object], list[Part]]) -> list[Part]:
    """Return a document as parts. inner: renders the blocks of a `content` source."""
    if mapping(block.get("citations")).get("enabled") is True:
        context.notes.add("citations-dropped", path)
    source = _inlined(block)
    kind = source.get("type")
    if kind == "file":
        return _unknown_file(source, context, path, text(block.get("title")), text(block.get("context")))
    if kind == "text":
        return _wrapped(block, [text_part(text(source.get("data")))])
    if kind == "content":
        return _wrapped(block, inner(source.get("content")))
    if kind == "url":
        return _document_at(block, source, context, path)
    data = cleaned(source.get("data"))
    if not data:
        return _unreadable(block, _fault(source), context, path)
    return _document_from(block, text(source.get("media_type")), data, context, path)


def search_result_parts(block: Block, context: Context, path: str, inner: Callable[[object], list[Part]]) -> list[Part]:
    """Return a search result as text with its source and title, and behind it what is no text."""
    if mapping(block.get("citations")).get("enabled") is True:
        context.notes.add("citations-dropped", path)
    parts = inner(block.get("content"))
    said = words_of(parts, "\n")
    heading = f'<search_result source="{_quoted(block.get("source"))}" title="{_quoted(block.get("title"))}">'
    whole = text_part(f"{heading}\n{_closed_by_us(said, 'search_result')}\n</search_result>")
    return [whole, *(part for part in parts if not is_text(part))]


def upload_parts(block: Block, context: Context, path: str) -> list[Part]:
    """Return a note in place of a file for a container that is not there."""
    return _unknown_file(block, context, path)


# -- what is needed from outside --------------------------------------------------------------------------------


def _sourced(content: object) -> Iterator[Block]:
    """Yield every block with a source, those inside results, sources and fetched pages too."""
    for item in [content] if isinstance(content, dict) else items(content):
        block = mapping(item)
        source, inside = block.get("source"), block.get("content")
        if source is not None:
            yield block
        if isinstance(inside, dict | list):
            yield from _sourced(inside)
        if isinstance(source, dict) and "content" in source:
            yield from _sourced(source["content"])


def _inlined(block: Block) -> Block:
    """Return the block's source; an address or data that is a data URL as the base64 it holds."""
    source = mapping(block.get("source"))
    held = _DATA_URL.match(text(source.get("url" if source.get("type") == "url" else "data")))
    return {"type": "base64", "media_type": held[1], "data": held.string[held.end() :]} if held else source


def _want(block: Block, dialect: Dialect) -> Want | None:
    source = _inlined(block)
    remote = source.get("type") == "url" and _is_web(text(source.get("url")))
    if block.get("type") == "image" and remote and dialect.images == "data":
        return Want(key=key_of(source), url=text(source.get("url")))
    if block.get("type") != "document":
        return None
    pages = dialect.documents == "text"
    if remote and dialect.documents == "url":
        return None
    if remote:
        return Want(key=key_of(source), url=text(source.get("url")), pages=pages)
    data = cleaned(source.get("data")) if pages and source.get("type") == "base64" else ""
    if is_pdf(text(source.get("media_type")), data):
        return Want(key=key_of(source), data=data, pages=True)
    return None


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def is_pdf(media_type: str, data: str) -> bool:
    """Whether base64 data is a PDF, by its bytes."""
    return bool(data) and kind_of(media_type, data) == "pdf"


# -- images -----------------------------------------------------------------------------------------------------


def _picture(url: str) -> Part:
    return {"type": "image_url", "image_url": {"url": url}}


def _image_type(source: Block, data: str) -> str:
    declared = text(source.get("media_type")).lower()
    return image_type(data) or (declared if _IMAGE.fullmatch(declared) else "image/png")


def _fault(source: Block) -> str:
    if source.get("type") != "base64":
        return "its source is of an unknown kind"
    return _NO_BASE64 if text(source.get("data")).strip() else _NO_DATA


def _image_at(source: Block, context: Context, path: str) -> list[Part]:
    url = text(source.get("url"))
    if _is_web(url) and context.dialect.images == "yes":
        return [_picture(url)]
    fetched = context.resources.get(key_of(source), Resource(error=_unfetched(source)))
    if not fetched.media_type.startswith("image/"):
        return _unseen(f"{url[:_SHOWN]}: {fetched.error or 'it is no image'}", context, path)
    context.notes.add("url-fetched", path)
    return [_picture(f"data:{fetched.media_type};base64,{fetched.data}")]


def _unfetched(source: Block) -> str:
    return "it was not fetched" if _is_web(text(source.get("url"))) else "only http and https addresses are fetched"


def _unseen(reason: str, context: Context, path: str) -> list[Part]:
    context.notes.add("image-omitted", path)
    return [text_part(f"[image omitted: {reason}]")]


# -- documents --------------------------------------------------------------------------------------------------


def _document_at(block: Block, source: Block, context: Context, path: str) -> list[Part]:
    if context.dialect.documents == "url" and _is_web(text(source.get("url"))):
        return _file(block, text(source.get("url")))
    fetched = context.resources.get(key_of(source), Resource(error=_unfetched(source)))
    if fetched.error:
        return _unreadable(block, f"{text(source.get('url'))[:_SHOWN]}: {fetched.error}", context, path)
    context.notes.add("url-fetched", path)
    if fetched.text:
        return _wrapped(block, [text_part(fetched.text)])
    return _document_from(block, fetched.media_type, fetched.data, context, path, read=fetched)


def _document_from(
    block: Block, media_type: str, data: str, context: Context, path: str, *, read: Resource | None = None
) -> list[Part]:
    """Return the parts of a document whose bytes are `data`."""
    kind = kind_of(media_type, data)
    if kind == "image" or (media_type.startswith("image/") and kind != "pdf"):
        return image_parts({"source": {"type": "base64", "media_type": media_type, "data": data}}, context, path)
    if kind == "text":
        return _wrapped(block, [text_part(text_of(media_type, data))])
    if kind != "pdf":
        return _unreadable(block, "it is damaged" if media_type == PDF else "unknown format", context, path)
    if context.dialect.documents != "text":
        return _file(block, f"data:{PDF};base64,{data}")
    read = read or context.resources.get(key_of(_inlined(block)), Resource(error="it was not read"))
    return _paged(block, read, context, path)


def _file(block: Block, data: str) -> list[Part]:
    """Return a PDF as a file part. data: a data URL, or an address."""
    title, said = text(block.get("title")), text(block.get("context"))
    name = title if title.lower().endswith(".pdf") else f"{title or 'document'}.pdf"
    part: Part = {"type": "file", "file": {"filename": name, "file_data": data}}
    return [text_part(f'<document title="{_quoted(name)}" context="{_quoted(said)}"/>'), part] if said else [part]


def _paged(block: Block, read: Resource, context: Context, path: str) -> list[Part]:
    if not any(page.text or page.image for page in read.pages):
        return _unreadable(block, read.error or "it has no text", context, path)
    pictures = any(page.image for page in read.pages)
    context.notes.add("document-pages" if pictures else "document-text", path)
    parts = [part for page in read.pages for part in _page(page, context, path)]
    if read.unread:
        context.notes.add("document-cut", path, f"{read.unread} pages")
        parts.append(text_part(f"[{read.unread} more pages were not read]"))
    return _wrapped(block, parts)


def _page(page: Page, context: Context, path: str) -> list[Part]:
    parts = [text_part(f"[page {page.number}]")]
    if page.text:
        parts.append(text_part(page.text))
    if page.image:
        parts += [_picture(page.image)] if context.sees else _unseen("the model has no vision", context, path)
    return parts if len(parts) > 1 else [*parts, text_part("[this page could not be read]")]


def _wrapped(block: Block, parts: list[Part]) -> list[Part]:
    said = "".join(f' {name}="{_quoted(block.get(name))}"' for name in ("title", "context") if text(block.get(name)))
    safe = [text_part(_closed_by_us(part["text"], "document")) if part["type"] == "text" else part for part in parts]
    return glued([text_part(f"<document{said}>"), *safe, text_part("</document>")])


def _unreadable(block: Block, reason: str, context: Context, path: str) -> list[Part]:
    context.notes.add("document-unreadable", path)
    name = f'"{text(block.get("title"))}" ' if block.get("title") else ""
    said = f" Its description: {text(block.get('context'))}" if block.get("context") else ""
    return [text_part(f"[document {name}could not be read: {reason}.{said}]")]


def _unknown_file(source: Block, context: Context, path: str, title: str = "", described: str = "") -> list[Part]:
    context.notes.add("file-unknown", path)
    name = f' "{title}"' if title else ""
    said = f". Its description: {described}" if described else ""
    return [text_part(f"[file {text(source.get('file_id'))}{name}: not available here{said}]")]


def _quoted(value: object) -> str:
    return text(value).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _closed_by_us(said: str, tag: str) -> str:
    """Return the text with its own closing tags made harmless: only we end the wrapper."""
    return said.replace(f"</{tag}", f"<\\/{tag}")
