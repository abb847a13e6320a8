"""What a translation changed or lost: the only way to drop something is to leave a note.

A note has a code from `CODES`, the path of what it concerns, and a detail for the log. Codes go to the client in
the `x-proxy-notes` header as far as they are known before it goes out, all notes to the record of the request (log,
`show`, live page), and the table makes docs/compatibility.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """One row of docs/compatibility.md: the feature, what the proxy does with it, what is lost by that."""

    feature: str
    happens: str
    lost: str


class Note(NamedTuple):
    """One thing changed or lost. path: where in the request or answer, Anthropic's form; detail: never content."""

    code: str
    path: str = ""
    detail: str = ""


CODES: Mapping[str, Meaning] = {
    # of a request, its history
    "history-empty": Meaning(
        "Empty content blocks and messages",
        "left out; a last user message says that it is empty",
        "nothing: they carry nothing",
    ),
    "history-role": Meaning("Unknown message roles", "sent as user messages", "the role's name"),
    "history-unanswered": Meaning(
        "tool_use without a tool_result", "answered with a short 'no result' text", "nothing"
    ),
    "history-orphan": Meaning("tool_result without its tool_use", "sent as user text", "its place as a tool message"),
    "history-duplicate": Meaning("Two results for one call", "the last one is sent", "the earlier result"),
    "history-renamed": Meaning("Tool call ids used twice", "the later pair is renamed consistently", "nothing"),
    "history-order": Meaning(
        "Results split or after other content", "gathered right behind their calls", "the client's order"
    ),
    "history-prefill": Meaning(
        "An assistant message at the end (prefill)",
        "sent as an instruction to continue from it",
        "the exact prefill on backends without the feature",
    ),
    "compaction-applied": Meaning(
        "Messages before a compaction block", "left out, as the real API does", "nothing: the block sums them up"
    ),
    "system-inlined": Meaning(
        "System messages between turns",
        "sent as a <system-reminder> of the user turn",
        "the system role, on backends that refuse it there",
    ),
    "system-moved": Meaning(
        "The system prompt, where a model's template has none",
        "sent at the head of the first user message",
        "the system role",
    ),
    "context-edited": Meaning(
        "context_management: clear_tool_uses, clear_thinking",
        "done by the proxy, and told in the answer's applied_edits",
        "what the client wants cleared; tokens are the proxy's own count",
    ),
    "attribution-dropped": Meaning(
        "Claude Code's billing line in the system prompt",
        "left out, so that prefix caches live",
        "nothing a model needs",
    ),
    # of a request, its thinking
    "thinking-foreign": Meaning(
        "Thinking blocks signed by another provider",
        "left out of the history; their text is kept where the backend refuses a turn without reasoning",
        "that reasoning",
    ),
    "thinking-only": Meaning(
        "Assistant messages of nothing but thinking",
        "left out: no backend takes a message without words",
        "that reasoning",
    ),
    "thinking-redacted": Meaning("redacted_thinking of another provider", "left out of the history", "that reasoning"),
    "thinking-edited": Meaning(
        "A thinking block whose text no longer fits its signature",
        "left out of the history; its text is kept where the backend refuses a turn without reasoning",
        "that reasoning",
    ),
    "thinking-other-model": Meaning(
        "Thinking of another model after a switch",
        "its state is left out, its text kept where the backend wants one",
        "that state",
    ),
    "thinking-refused": Meaning(
        "Thinking whose signature its own backend refuses, as gateways do that changed their route",
        "this request is made again without its state, its text kept where the backend wants one",
        "that state, for this request",
    ),
    "thinking-lost": Meaning(
        "Reasoning the backend requires and the client lost",
        "the backend's own fallback (space, or thinking off)",
        "that reasoning",
    ),
    "thinking-unsupported": Meaning(
        "thinking / effort", "not sent: the backend has no such control", "the control, not the thinking"
    ),
    "thinking-kept": Meaning(
        "thinking disabled, for a model that thinks whatever it is told",
        "its lowest effort where it has efforts, a higher max_tokens; its thoughts are left out",
        "the time and tokens of its thoughts",
    ),
    "thinking-open": Meaning(
        "thinking of a type nobody knows, or enabled without budget_tokens",
        "the first as if it were left out; the second is asked for without a bound",
        "what the type means; nothing of the second",
    ),
    "thinking-off": Meaning(
        "thinking where it can't be: beside tools or a forced call on some backends, and between_tools",
        "thinking is switched off for this request",
        "its thoughts; the notes between tool calls",
    ),
    "effort-clamped": Meaning(
        "output_config.effort beyond the backend's levels, or beside disabled thinking",
        "the nearest level the backend has; none beside disabled thinking",
        "the difference",
    ),
    "budget-as-effort": Meaning(
        "thinking.budget_tokens", "sent as an effort level; an effort beside it counts instead", "the exact number"
    ),
    "budget-lowered": Meaning(
        "thinking.budget_tokens near max_tokens", "lowered, so that the answer has room", "the difference"
    ),
    "effort-as-budget": Meaning(
        "output_config.effort on backends that count tokens", "sent as a thinking budget", "nothing"
    ),
    # of a request, its content
    "cache-marker": Meaning(
        "cache_control on the request, the system prompt and messages",
        "left out where the backend takes none, and beyond its four",
        "nothing where a backend caches prefixes by itself, as most do; else that cache. The ttl in any case",
    ),
    "content-sealed": Meaning(
        "Content only its provider can read: encrypted_content of search results and compactions, encrypted output",
        "left out; titles, addresses and readable parts are sent",
        "the sealed text",
    ),
    "half-character": Meaning(
        "Half of a surrogate pair in a text", "sent as a question mark", "half a character, which no text can hold"
    ),
    "citations-dropped": Meaning(
        "Citations in the history and citation requests", "the text stays, the marks do not", "the marks"
    ),
    "document-text": Meaning(
        "PDF documents on backends without file input", "sent as extracted text", "layout and pictures"
    ),
    "document-pages": Meaning("Scanned PDF documents", "sent as page images", "nothing readable"),
    "document-cut": Meaning(
        "PDF documents beyond 600 pages, 2 million characters or 20 page images",
        "the model is told how many pages it did not get",
        "those pages",
    ),
    "document-unreadable": Meaning(
        "Documents nothing can be read from", "a note to the model in their place", "the document"
    ),
    "image-omitted": Meaning("Images for a model without vision", "a note to the model in their place", "the image"),
    "image-moved": Meaning("Images inside tool results", "sent in a user message right behind the results", "nothing"),
    "file-unknown": Meaning(
        "file_id sources and container_upload", "a note to the model in their place", "the file: the proxy keeps none"
    ),
    "block-unknown": Meaning("Content blocks of unknown type", "sent as their JSON text", "their meaning"),
    "url-fetched": Meaning(
        "URL sources on backends that take none", "fetched by the proxy and sent as data", "nothing"
    ),
    # of a request, its tools
    "tool-renamed": Meaning(
        "Tool names over the backend's limit or charset, invented ones in the history too",
        "sent under an alias, restored in the answer",
        "nothing",
    ),
    "tool-deferred": Meaning("defer_loading tools", "left out until a tool_reference names them", "nothing"),
    "tool-search": Meaning(
        "Deferred tools that only Anthropic's tool search could find",
        "all sent at once: no backend searches its tools",
        "the room their definitions take",
    ),
    "tool-unresolved": Meaning(
        "tool_reference and tool_addition of tools nobody declared, those of MCP servers among them",
        "a result says the name; nothing is loaded",
        "the tool",
    ),
    "tool-placeholder": Meaning("Placeholder tools", "left out", "nothing"),
    "tool-duplicate": Meaning("Two tools of one name", "the first one is sent", "the second"),
    "tool-callers": Meaning("Tools only code execution may call (allowed_callers)", "left out", "the tool"),
    "tool-removed": Meaning("tool_removal", "the tool is no longer sent", "nothing"),
    "tool-limit": Meaning("More tools than the backend takes", "the first ones are sent", "the tools named in the log"),
    "tool-shape": Meaning(
        "Anthropic-defined client tools (bash, text editor, memory, computer)",
        "sent as functions with their schema",
        "the model's special training",
    ),
    "tool-server": Meaning(
        "Server tools nothing serves (web_search, code_execution, ...)",
        "left out; a call of one, forced or made all the same, is answered with the tool's error block",
        "the tool",
    ),
    "search-hosted": Meaning(
        "web_search on backends that search the web themselves",
        "done by the backend; its pages are the result block, behind the text where they are named late",
        "the pages' own text, and the model's exact query",
    ),
    "search-limits": Meaning(
        "max_uses, domains or location of a web_search",
        "left out where the backend's search has no such control",
        "that limit",
    ),
    "tool-choice": Meaning(
        "tool_choice the backend does not know, or of a type nobody knows",
        "auto, and a sentence to the model where there is one to say",
        "the guarantee",
    ),
    "call-named": Meaning(
        "Tool calls without a name, or with white space around it",
        "an answer's is that of the only tool, or of the one tool_choice names; one of the history is called `unknown`",
        "nothing: they had none",
    ),
    "tool-strict": Meaning(
        "strict tools", "strict is left out where the backend or schema does not fit it", "the guarantee"
    ),
    "tool-cache-marker": Meaning(
        "cache_control on tools", "left out: no backend takes one there", "a cache that ends behind the tools"
    ),
    "tool-examples": Meaning("input_examples", "appended to the description", "nothing"),
    "schema-cleaned": Meaning(
        "JSON Schema keywords the backend refuses", "moved into descriptions", "the check by the backend"
    ),
    # of a request, its parameters
    "max-tokens-clamped": Meaning("max_tokens above the model's limit", "lowered to the limit", "the difference"),
    "max-tokens-lifted": Meaning(
        "max_tokens below MIN_TOKENS_LIMIT or the backend's minimum, 0 too",
        "lifted; the text ends where the client's own limit is, but for a MIN_TOKENS_LIMIT that somebody has set",
        "nothing; of 0 no word is shown",
    ),
    "sampling-dropped": Meaning("temperature, top_p, top_k", "left out where the backend refuses them", "the control"),
    "sampling-clamped": Meaning(
        "temperature, top_p, top_k beyond what the backend takes", "the nearest value it takes", "the difference"
    ),
    "stops-local": Meaning(
        "stop_sequences the backend can't take or report",
        "not sent: found by the proxy in the text, which ends a stream",
        "nothing of the answer; one that is not streamed is written to its end by the backend, and paid for",
    ),
    "format-weakened": Meaning(
        "output_config.format", "json_object, or an instruction, where schemas are not understood", "the guarantee"
    ),
    "format-cut": Meaning("Words around the JSON that output_config.format asks for", "left out", "those words"),
    "user-id": Meaning("metadata.user_id", "left out where the backend has no field for a hash of it", "who asked"),
    "parameter-ignored": Meaning(
        "Parameters and fields without a counterpart (context_management's compaction, container, speed, "
        "image.transformations, what a later version adds, ...)",
        "accepted, not sent",
        "their effect",
    ),
    "compaction-reminded": Meaning(
        "Claude Code's request to summarize the conversation", "gets a reminder of its form at its end", "nothing"
    ),
    "compaction-repaired": Meaning(
        "A summary of the conversation whose tags a model forgot",
        "gets them; all of it is sent at its end",
        "nothing",
    ),
    "tools-trimmed": Meaning(
        "TOOL_SUBSET, TOOL_DESCRIPTIONS; PROMPT_COMPRESSION in a small window",
        "tools are left out, descriptions shortened",
        "what was left out",
    ),
    "prompt-compressed": Meaning(
        "PROMPT_COMPRESSION", "sections of the system prompt are shortened", "what the log lists"
    ),
    "failed-over": Meaning(
        "A backend or a key that failed before its answer began",
        "the next one of the chain answers (`x-proxy-failover` says who failed, and how)",
        "nothing; thinking that only the first one can read is not sent to the next",
    ),
    "backend-learned": Meaning(
        "A field the backend refuses", "sent as the backend takes it, now and from now on (doctor shows it)", "nothing"
    ),
    # of an answer
    "arguments-repaired": Meaning(
        "Tool arguments that are not valid JSON", "repaired where only one reading fits", "nothing"
    ),
    "arguments-broken": Meaning(
        "Tool arguments that can't be read",
        "kept as text under `_raw`, members that were streamed before become null: the tool's own check answers",
        "nothing",
    ),
    "call-dropped": Meaning(
        "Tool calls without a name, beyond disable_parallel_tool_use, or cut off by a limit",
        "left out; what was streamed of one that is cut off stays without its end, and the stop reason says why",
        "that call",
    ),
    "call-forbidden": Meaning(
        "Tool calls although tool_choice is none",
        "left out, so that no agent runs what it forbade; an answer of nothing else is asked for again, then fails",
        "that call",
    ),
    "choice-unmet": Meaning(
        "An answer without the call that tool_choice any or tool demands, or with others; without the demanded search",
        "passed on as it is",
        "the guarantee",
    ),
    "call-clipped": Meaning("Tool names no tool can have", "clipped to a legal name", "the rest of the name"),
    "call-late": Meaning("Fragments of a tool call that is already complete", "left out", "that fragment"),
    "thinking-hidden": Meaning("Reasoning although thinking is disabled", "left out", "that reasoning"),
    "thinking-as-text": Meaning(
        "An answer that is nothing but reasoning although thinking is disabled",
        "given as text",
        "what it was marked as",
    ),
    "think-unopened": Meaning(
        "Text with a `</think>` that no `<think>` began, of a model whose prompt may open it",
        "stays text; of models known for it (docs/dialects.md) text waits for the tag, and all before it is thinking",
        "the border between reasoning and answer; a parser on the server (vLLM: --reasoning-parser) keeps it",
    ),
    "finish-missing": Meaning("An answer without a finish reason", "one is derived from its content", "nothing"),
    "prompt-cut": Meaning(
        "A prompt the backend cut to its window in silence (its token counts show it)",
        "told in the log, with the remedy; the client's counts are of the whole prompt, and the next one beyond that "
        "window is refused as too long",
        "the conversation's beginning, for the model",
    ),
    "usage-estimated": Meaning("An answer without token counts", "counted by the proxy", "exactness"),
    "stop-unknown": Meaning("Finish reasons nobody documented", "end_turn", "the word"),
    "text-tool-call": Meaning("Tool calls written as text", "promoted to tool_use", "nothing"),
    "chunk-ignored": Meaning("Parts of an answer nobody documented (audio, second choices)", "left out", "that part"),
}


class Notes:
    """The notes of one exchange, each code and path once."""

    def __init__(self, first: Iterable[Note] = ()) -> None:
        self._notes: dict[tuple[str, str], Note] = {note[:2]: note for note in first}

    def add(self, code: str, path: str = "", detail: str = "") -> None:
        """Remember a note. The code must stand in `CODES`: an undocumented loss is a bug."""
        if code not in CODES:
            raise KeyError(code)
        self._notes.setdefault((code, path), Note(code, path, detail))

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())

    def __len__(self) -> int:
        return len(self._notes)

    def codes(self) -> list[str]:
        """Return the distinct codes in the order they were first noted."""
        return list(dict.fromkeys(note.code for note in self))
