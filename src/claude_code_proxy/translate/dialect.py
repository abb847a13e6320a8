"""One frozen record per backend: every quirk we know is a documented field here, and the defaults are OpenAI.

A dialect is data. It says what to send, what comes back and what the backend can't do; the code that acts on a field
knows no backend's name. `dialects/` holds one small file of dated facts per backend; what a backend teaches us
at run time (a learned repair) is the same record with a field replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .names import Letters

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"]
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What one backend (or one model family on it) speaks."""

    name: str

    # -- limits -------------------------------------------------------------------------------------------------
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
    """Where the output limit goes. Default: max_completion_tokens."""
    min_output: int = 1
    """The smallest output limit the backend accepts. Default: 1."""
    no_output: Mapping[str, Any] = field(default_factory=dict)
    """Fields that ask for no output at all, in place of a limit; none: the smallest is asked for, and left out."""

    truncates: bool = False
    """A prompt beyond the window is cut in silence: the proxy refuses it by its own count."""
    truncates_without: str = ""
    """The field of `extra_body` that keeps the backend from cutting; one that has learned to drop it is cut, too."""

    # -- roles and text -----------------------------------------------------------------------------------------
    system_role: Literal["system", "developer", "user"] = "system"
    """Role of the system prompt. Default: system (OpenAI treats it as developer where needed). user: the template has
    none (Gemma), so its text opens the first user message."""
    system_in_place: bool = True
    """A system message in mid-conversation keeps its place; else it becomes a `<system-reminder>` of a user turn."""
    merges_user_turns: bool = False
    """Adjacent user messages are joined, for backends that demand strict alternation."""
    assistant_after_tool: bool = False
    """After a tool message an assistant message must come before a user message (older Mistral)."""
    prefill: Literal["none", "plain", "prefix", "continue"] = "none"
    """A last assistant message: turned into an instruction (none), sent as is (plain), marked `prefix: true` (prefix),
    or sent with continue_final_message (continue)."""
    empty_tool_content: str = ""
    """What stands for an empty tool result. Default: the empty string."""
    tool_content: Literal["text", "parts"] = "text"
    """Tool messages carry a string (text) or may carry image parts (parts)."""

    null_content: bool = True
    """Beside calls without a word, `content` is null; else the empty string."""

    # -- content ------------------------------------------------------------------------------------------------
    images: Literal["yes", "data", "no"] = "yes"
    """Images: data and http URLs (yes), data URLs only (data), none (no)."""
    documents: Literal["url", "file", "text"] = "text"
    """PDFs: sent as a file part, whose data may be an address (url) or may not (file), or as extracted text (text)."""
    cache_markers: Literal["none", "cache_control", "breakpoint"] = "none"
    """Cache markers on content parts: dropped, Anthropic's cache_control, or OpenAI's prompt_cache_breakpoint."""

    # -- tools --------------------------------------------------------------------------------------------------
    tool_choices: frozenset[str] = frozenset({"auto", "none", "required", "named"})
    """The tool_choice forms understood. A missing `required` or `named` becomes auto and a sentence to the model."""
    parallel_flag: bool = True
    """`parallel_tool_calls` is understood."""
    strict_flag: bool = True
    """`strict` on functions is understood."""
    name_length: int = 64
    """Longest function name."""
    name_letters: Letters = "any"
    """Function names: letters, digits, `_` and `-` (any), no `-`, no digit first (word), no capitals either (lower)."""
    tool_limit: int = 128
    """Most tools in one request; 0: no limit."""
    id_style: Literal["any", "mistral9"] = "any"
    """Form of tool call ids the backend accepts."""
    id_length: int = 40
    """Longest tool call id in a history; 0: no limit. A longer one is sent under a hash."""
    drop_schema_keywords: frozenset[str] = frozenset()
    """JSON Schema keywords to leave out, and forms of some (`schemas.py`); their meaning moves into the description."""
    inline_refs: bool = False
    """`$ref` must be replaced by what it names."""
    object_root: bool = True
    """A tool's schema must be `type: object` at its root, without anyOf/oneOf/allOf beside it."""

    # -- reasoning ----------------------------------------------------------------------------------------------
    thinks: Literal["unknown", "never", "asked", "default", "always"] = "unknown"
    """When the model thinks: never, only when asked to, unless it is told not to (default), whatever it is told
    (always). A thought shares the output limit with the answer, and all that an `always` can be told is an effort."""
    efforts: tuple[str, ...] = ("minimal", "low", "medium", "high", "xhigh")
    """The effort words accepted, ascending; empty: effort is never sent. `none` listed: it switches reasoning off."""
    efforts_known: bool = True
    """False: `efforts` is what most servers take, and says nothing of this model."""
    effort_path: tuple[str, ...] = ("reasoning_effort",)
    """Where the effort goes: a path of keys into the body."""
    thinking_on: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the body when the client asks for thinking."""
    thinking_off: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the body when the client forbids thinking."""
    budget_path: tuple[str, ...] = ()
    """Where a thinking budget in tokens goes; empty: it becomes an effort word."""
    thinking_fields: tuple[str, ...] = ("reasoning_content", "reasoning", "thinking")
    """Fields of a delta or message that carry reasoning text, the first non-empty one is read."""
    replay: Literal[
        "none", "own", "reasoning_content", "reasoning", "reasoning_details", "think_tag", "thinking_parts"
    ] = "none"
    """Where the model's earlier reasoning goes back; `own`: in the field it came in, if this very backend sent it."""
    replay_required: Literal["never", "with_tools", "always"] = "never"
    """On which assistant turns the backend refuses a history without its reasoning."""
    replay_fallback: Literal["omit", "space", "disable", "signed"] = "omit"
    """When required reasoning was lost: leave it out, send one space, or switch thinking off for this request.
    signed: switch it off where no signed reasoning goes back, whatever `replay` is (Claude behind a gateway)."""
    call_signatures: bool = False
    """Tool calls carry `extra_content.google.thought_signature`, wanted back in the same place (Gemini)."""
    trusts_signatures: bool = True
    """What the backend signed in earlier turns goes back to it; else it is as if it were lost (for one request)."""
    think_tags: bool = False
    """`<think>...</think>` at the start of the text is reasoning."""
    think_opened: bool = False
    """The prompt ends with `<think>`, so that where no field carries it, reasoning is all up to `</think>`."""
    think_unparsed: bool = False
    """Such reasoning may reach us as text, from a server without a parser for it; elsewhere text waits for no tag."""

    # -- output -------------------------------------------------------------------------------------------------
    max_stops: int = 4
    """How many stop sequences may be sent; 0: the proxy looks for them itself."""
    stop_reported: bool = False
    """The backend names the stop that matched (`choices[].stop_reason`, `matched_stop`); else it is not told of them
    and the proxy looks."""
    json_schema: Literal["json_schema", "json_object", "none"] = "json_schema"
    """The strongest response_format understood."""
    format_whole: bool = False
    """A response_format is refused in streams: such an answer is asked for whole."""
    whole_only: bool = False
    """Streams are refused: the proxy asks for whole answers, and tells them as streams."""
    stream_options: bool = True
    """`stream_options.include_usage` is understood."""
    obfuscation_off: bool = False
    """`stream_options.include_obfuscation: false` is understood (OpenAI itself)."""
    stream_only: bool = False
    """Whole answers are refused: the proxy asks for a stream and assembles it."""
    text_tools: bool = False
    """Tool calls that come as text (`<tool_call>{...}`) are promoted to calls."""

    web_search: Literal["", "server_tool", "options", "builtin"] = ""
    """The backend searches the web: by a tool of its own (OpenRouter), by `web_search_options` (OpenAI, some models),
    or in any case (builtin). Empty: the answer says in the client's own block that nothing was searched."""

    # -- the rest -----------------------------------------------------------------------------------------------
    drop: frozenset[str] = frozenset()
    """Body fields the backend refuses."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Fields always sent."""
    user_field: Literal["", "user", "safety_identifier"] = ""
    """Where a hash of the client's user id goes; empty: nowhere."""
    cache_key_field: Literal["", "prompt_cache_key", "session_id"] = ""
    """Where a hash of the client's session goes; empty: nowhere."""
    top_k: bool = False
    """`top_k` is understood."""
    sampling: bool = True
    """temperature and top_p are understood (reasoning models refuse them)."""
    both_sampling: bool = True
    """temperature and top_p are taken together; else top_p is left out beside a temperature."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The least and the largest value of temperature, top_p or top_k the backend takes, where it is narrower."""
    service_tier: bool = False
    """`service_tier` is understood."""
    with_tools: Mapping[str, Any] = field(default_factory=dict)
    """Fields of this record that differ when a request declares tools (OpenAI's gpt-5.4 then takes no effort)."""
    with_forced_tool: Mapping[str, Any] = field(default_factory=dict)
    """Fields of this record that differ when tool_choice forces a call (DeepSeek refuses that while it thinks)."""
    when_visible: Mapping[str, Any] = field(default_factory=dict)
    """Fields of this record that differ when the client wants to see the model think (Gemini: include_thoughts)."""
    auth_header: Literal["authorization", "api-key"] = "authorization"
    """Header of the backend's key."""
    source: str = ""
    """Where the facts were read, and when."""

    @property
    def cuts(self) -> bool:
        """Whether a prompt that is sent as this record says may be cut in silence."""
        return self.truncates or (self.truncates_without in self.drop)

    def but(self, fields: Mapping[str, Any]) -> Dialect:
        """Return the record with fields replaced; `extra_body` is added to, since its keys are facts of their own.

        Whoever names the efforts knows them.
        """
        if "efforts" in fields:
            fields = {"efforts_known": True, **fields}
        if "extra_body" in fields:
            fields = {**fields, "extra_body": {**self.extra_body, **fields["extra_body"]}}
        return replace(self, **fields) if fields else self

    def for_request(self, *, tools: bool, forced: bool, visible: bool = False) -> Dialect:
        """Return what the backend speaks for one request.

        forced: its tool_choice is `any` or `tool`; visible: it wants thinking, and to see it.
        """
        dialect = self.but(self.when_visible) if visible else self
        dialect = dialect.but(self.with_tools) if tools else dialect
        return dialect.but(self.with_forced_tool) if tools and forced else dialect
