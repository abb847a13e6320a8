"""Every kind of content block as chat parts: what a user, a tool or the system says.

Blocks nobody knows go out as their JSON text, with everything that looks like encoded bytes left out of it: base64 as
text costs a window and tells a model nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..wire.shapes import count, items, mapping, text
from .dialect import Dialect
from .documents import document_parts, image_parts, search_result_parts, upload_parts
from .parts import Block, Context, Part, text_part

_OF_ERRORS = frozenset({"type", "error_code", "error_message"})
_BYTES = re.compile(r"(?:data:[^,]{0,100},)?[A-Za-z0-9+/_=\s-]{256,}")
_SPACE = re.compile(r"\s")


def render_all(content: object, context: Context, path: str) -> list[Part]:
    """Return a string or a list of blocks as parts; blank texts in a list are left out, as they mean nothing."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [
        part
        for number, item in enumerate(items(content))
        for part in _render_item(item, context, f"{path}.{number}")
        if part.get("text", "a picture or file").strip()
    ]


def render(block: Block, context: Context, path: str) -> list[Part]:
    """Return a block as parts, the last of them with the block's cache marker if the backend understands one."""
    kind = block.get("type")
    writer = _WRITERS.get(kind, _unknown) if isinstance(kind, str) else _unknown
    parts = writer(block, context, path)
    if "cache_control" not in block:
        return parts
    marker = marker_of(block, context.dialect)
    return [*parts[:-1], {**parts[-1], **marker}] if marker and parts else parts


def marker_of(block: Block, dialect: Dialect) -> dict[str, Any]:
    """Return the part's field that says `cache_control` in the backend's words, {} when there is none."""
    control = mapping(block.get("cache_control"))
    if not control or dialect.cache_markers == "none":
        return {}
    if dialect.cache_markers == "breakpoint":
        return {"prompt_cache_breakpoint": {"mode": "explicit"}}
    ttl = {"ttl": control["ttl"]} if text(control.get("ttl")) else {}
    return {"cache_control": {"type": "ephemeral", **ttl}}


def _render_item(item: object, context: Context, path: str) -> list[Part]:
    return [text_part(item)] if isinstance(item, str) else render(mapping(item), context, path)


# -- one function per kind ------------------------------------------------------------------------------------------


def _text(block: Block, context: Context, path: str) -> list[Part]:
    if block.get("citations"):
        context.notes.add("citations-dropped", path)
    words = text(block.get("text"))
    return [text_part(words)] if words else []


def _document(block: Block, context: Context, path: str) -> list[Part]:
    return document_parts(block, context, path, lambda content: render_all(content, context, path))


def _search_result(block: Block, context: Context, path: str) -> list[Part]:
    return search_result_parts(block, context, path, lambda content: render_all(content, context, path))


def _tool_reference(block: Block, context: Context, _path: str) -> list[Part]:
    return [text_part(f"Loaded tool: {context.alias(text(block.get('tool_name')), '')}")]


def _found_tools(block: Block, context: Context, _path: str) -> list[Part]:
    names = [context.alias(text(mapping(item).get("tool_name")), "") for item in items(block.get("tool_references"))]
    return [text_part(f"Loaded tools: {', '.join(names)}" if names else "No tools found")]


def _browser_state(block: Block, _context: Context, _path: str) -> list[Part]:
    lines = ["Open tabs:", *(_tab(mapping(tab)) for tab in items(block.get("tabs")))]
    lines += [_change(mapping(change)) for change in items(block.get("state_changes"))]
    return [text_part("\n".join(lines))]


def _tab(tab: Block) -> str:
    active = " (active)" if tab.get("active") is True else ""
    rest = _others(tab, "tab_id", "title", "url", "active")
    return f"- {_line(tab, 'tab_id')}{active}: {_line(tab, 'title', 'url')}{rest}"


def _change(change: Block) -> str:
    names = ("tab_id", "download_id", "url", "path", "error")
    return f"{_line(change, 'type')}: {_line(change, *names)}{_others(change, 'type', *names)}"


def _web_search_result(block: Block, _context: Context, _path: str) -> list[Part]:
    return [text_part(_line(block, "title", "url", "page_age"))]


def _web_fetch_result(block: Block, context: Context, path: str) -> list[Part]:
    content = mapping(block.get("content"))
    return [text_part(_line(block, "url", "retrieved_at")), *(render(content, context, path) if content else [])]


def _output(block: Block, context: Context, path: str) -> list[Part]:
    """Return what a program printed, how it ended and the files it left."""
    if "encrypted_stdout" in block:
        context.notes.add("content-sealed", path, "encrypted_stdout")
    files = ", ".join(text(mapping(item).get("file_id")) for item in items(block.get("content")))
    lines = [
        text(block.get("stdout")),
        f"[stderr]\n{text(block.get('stderr'))}" if block.get("stderr") else "",
        f"[exit code {count(block.get('return_code'))}]" if count(block.get("return_code")) else "",
        f"[files: {files}]" if files else "",
    ]
    return [text_part("\n".join(line for line in lines if line) or "(no output)")]


def _viewed(block: Block, context: Context, path: str) -> list[Part]:
    """Return a file that was looked at: its text, under the lines it shows; pictures and PDFs come as base64."""
    content, kind = text(block.get("content")), block.get("file_type")
    if kind in {"image", "pdf"}:
        source = {"type": "base64", "media_type": "application/pdf" if kind == "pdf" else "", "data": content}
        return render({"type": "document" if kind == "pdf" else "image", "source": source}, context, path)
    first, shown, total = (count(block.get(name)) for name in ("start_line", "num_lines", "total_lines"))
    heading = f"[lines {first} to {first + shown - 1} of {total}]\n" if first and shown and total else ""
    return render_all(heading + (content or "(empty file)"), context, path)


def _created(block: Block, _context: Context, _path: str) -> list[Part]:
    return [text_part("File updated" if block.get("is_file_update") is True else "File created")]


def _replaced(block: Block, _context: Context, _path: str) -> list[Part]:
    places = [count(block.get(name)) for name in ("old_start", "old_lines", "new_start", "new_lines")]
    heading = ["@@ -{},{} +{},{} @@".format(*places)] if any(places) else []
    lines = [text(line) for line in items(block.get("lines"))]
    return [text_part("\n".join([*heading, *lines]) or "Text replaced")]


def _advice(block: Block, _context: Context, _path: str) -> list[Part]:
    return _said(text(block.get("text")))


def _hidden_advice(_block: Block, context: Context, path: str) -> list[Part]:
    context.notes.add("content-sealed", path, "advisor")
    return [text_part("[advice this model can't read]")]


def _compaction(block: Block, _context: Context, _path: str) -> list[Part]:
    return [text_part(f"<summary>\n{text(block.get('content'))}\n</summary>")]


def _nothing(_block: Block, _context: Context, _path: str) -> list[Part]:
    return []


def _unknown(block: Block, context: Context, path: str) -> list[Part]:
    kind = text(block.get("type"))
    if kind.endswith("_error") and block.keys() <= _OF_ERRORS:
        return [text_part(f"Error: {_line(block, 'error_code', 'error_message')}")]
    context.notes.add("block-unknown", path, kind[:64])
    return [text_part(msgspec.json.encode(_readable(block)).decode())]


_WRITERS: Mapping[str, Callable[[Block, Context, str], list[Part]]] = {
    "text": _text,
    "image": image_parts,
    "document": _document,
    "search_result": _search_result,
    "container_upload": upload_parts,
    "compaction": _compaction,
    "tool_reference": _tool_reference,
    "tool_search_tool_search_result": _found_tools,
    "browser_state": _browser_state,
    "web_search_result": _web_search_result,
    "web_fetch_result": _web_fetch_result,
    "code_execution_result": _output,
    "bash_code_execution_result": _output,
    "encrypted_code_execution_result": _output,
    "text_editor_code_execution_view_result": _viewed,
    "text_editor_code_execution_create_result": _created,
    "text_editor_code_execution_str_replace_result": _replaced,
    "advisor_result": _advice,
    "advisor_redacted_result": _hidden_advice,
    "tool_addition": _nothing,  # the tool list says it
    "tool_removal": _nothing,
}


def _said(words: str) -> list[Part]:
    return [text_part(words)] if words else []


def _line(block: Block, *names: str) -> str:
    return " ".join(filter(None, (_word(block.get(name)) for name in names)))


def _others(block: Block, *known: str) -> str:
    """Return what else a small object says, behind what is always said."""
    return "".join(f" {name}={word}" for name, value in block.items() if name not in known and (word := _word(value)))


def _word(value: object) -> str:
    if isinstance(value, str) or value is None:
        return value or ""
    return msgspec.json.encode(value).decode()


def _readable(value: Any) -> Any:
    """Return JSON with its encoded bytes replaced by their length."""
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, str) and _BYTES.fullmatch(value) and len(_SPACE.findall(value)) < len(value) // 40:
        return f"[{len(value)} characters of encoded data]"
    return value
