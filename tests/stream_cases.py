"""Streams of backends, literally, and the events a client must get of each: the table behind test_stream.py.

Each line of a stream is an event; a line with an @ in front belongs to the event before it. A row may say its dialect and
what its plan differs in.
"""

from __future__ import annotations

from typing import Any

from tests.answers import THINKS_ALOUD

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "ST-01: a turn with only a call has no text block",
        """
        data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}
        data: {"choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"Bash","arguments":"{}"}}]}}]}
        data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use c1 Bash
        input_json_delta 0
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-02: text, a call, text: one block after the other",
        """
        data: {"choices":[{"index":0,"delta":{"content":"a"}}]}
        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"Bash","arguments":"{\\"command\\":\\"ls\\"}"}}]}}]}
        data: {"choices":[{"index":0,"delta":{"content":"b"}}]}
        data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "a"
        content_block_stop 0
        content_block_start 1 tool_use c1 Bash
        input_json_delta 1
        input_json_delta 1 {"command":"ls"}
        content_block_stop 1
        content_block_start 2 text
        text_delta 2 "b"
        content_block_stop 2
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-03: reasoning, then text, and one message_start",
        """
        data: {"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"hm"}}]}
        data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"}}]}
        data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "hm"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "hi"
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "ST-04: parallel calls that all have index 0",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Read","arguments":"{\\"p\\":1}"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"Read","arguments":"{\\"p\\":2}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Read
        input_json_delta 0
        input_json_delta 0 {"p":1}
        content_block_stop 0
        content_block_start 1 tool_use b Read
        input_json_delta 1
        input_json_delta 1 {"p":2}
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-05: parallel calls without index, in one chunk",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"Read","arguments":"{\\"p\\":1}"}},{"id":"b","function":{"name":"Read","arguments":"{\\"p\\":2}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Read
        input_json_delta 0
        input_json_delta 0 {"p":1}
        content_block_stop 0
        content_block_start 1 tool_use b Read
        input_json_delta 1
        input_json_delta 1 {"p":2}
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-06: the end of the first call comes after the start of the second",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Read","arguments":"{\\"p\\":1"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"Read","arguments":"{\\"p\\":2}"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Read
        input_json_delta 0
        input_json_delta 0 {
        input_json_delta 0 "p":1
        input_json_delta 0 }
        content_block_stop 0
        content_block_start 1 tool_use b Read
        input_json_delta 1
        input_json_delta 1 {"p":2}
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-07: the same id on each fragment",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Read","arguments":""}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Read","arguments":"{\\"p\\""}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Read","arguments":":1}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Read
        input_json_delta 0
        input_json_delta 0 {
        input_json_delta 0 "p":1
        input_json_delta 0 }
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-08: a call without id gets one, the same each time",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"Bash","arguments":"{}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use toolu_0123456789_0 Bash
        input_json_delta 0
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-09: the name after the first arguments",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{\\"a"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"Bash"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\":1}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        input_json_delta 0 {
        input_json_delta 0 "a":1
        input_json_delta 0 }
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-10: arguments only in the last chunk, in a whole message",
        """
        data: {"choices":[{"delta":{"content":"ok"}}]}
        data: {"choices":[{"message":{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"Bash","arguments":"{\\"a\\":1}"}}]},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "ok"
        content_block_stop 0
        content_block_start 1 tool_use a Bash
        input_json_delta 1
        input_json_delta 1 {"a":1}
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-11: an empty object first, then the arguments",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{}"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\""}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        input_json_delta 0 {"a":1}
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-12: a call that breaks off is never executed",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{\\"command\\":\\"ls"}}]}}]}
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        input_json_delta 0 {"command":"ls
        error api_error
        """,
        {},
    ),
    (
        "ST-12: a call cut at the token limit after it has begun",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{\\"command\\":\\"ls"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"length"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        input_json_delta 0 {"command":"ls
        content_block_stop 0
        message_delta max_tokens
        message_stop
        """,
        {},
    ),
    (
        "ST-12: a second call cut at the token limit before it was sent",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{\\"a\\":1}"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"Bash","arguments":"{"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"length"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        input_json_delta 0 {"a":1}
        content_block_stop 0
        message_delta max_tokens
        message_stop
        """,
        {},
    ),
    (
        "ST-13: finish_reason stop although a tool was called",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"stop"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-14: no finish_reason, but [DONE]",
        """
        data: {"choices":[{"delta":{"content":"hi"}}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "finish_reason, but no [DONE]",
        """
        data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "ST-15: an error object first",
        """
        data: {"error":{"code":502,"message":"Provider disconnected"},"choices":[]}
        """,
        """
        error api_error
        """,
        {},
    ),
    (
        "ST-15: an error object after text, and what follows it",
        """
        data: {"choices":[{"delta":{"content":"hi"}}]}
        data: {"error":{"code":503,"message":"Provider overloaded"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}
        data: {"choices":[{"delta":{"content":"more"}}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        error overloaded_error
        """,
        {},
    ),
    (
        "ST-16: nothing but [DONE]",
        """
        data: [DONE]
        """,
        """
        error api_error
        """,
        {},
    ),
    (
        "ST-17: text, then the end of the connection",
        """
        data: {"choices":[{"delta":{"content":"half a sen"}}]}
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "half a sen"
        error api_error
        """,
        {},
    ),
    (
        "ST-18: an event with the name error",
        """
        data: {"choices":[{"delta":{"content":"hi"}}]}
        event: error
        """.rstrip()
        + '\n@data: {"type":"error","message":"Overloaded","code":529}',
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        error overloaded_error
        """,
        {},
    ),
    (
        "ST-20: characters of many bytes",
        """
        data: {"choices":[{"delta":{"content":"北京 😀"}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{\\"a\\":\\"北"}}]}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"京\\\\ud83d\\\\ude00\\"}"}}]},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "北京 😀"
        content_block_stop 0
        content_block_start 1 tool_use a Bash
        input_json_delta 1
        input_json_delta 1 {"a":"北
        input_json_delta 1 京\\ud83d\\ude00
        input_json_delta 1 "}
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "ST-21: comments, no space after data:, U+2028 in a string",
        """
        : keepalive
        data:{"choices":[{"delta":{"content":"a\u2028b\u0085c"}}]}
        : OPENROUTER PROCESSING
        data:
        data: {"choices":[{"delta":{},"finish_reason":"stop"}]}
        data:[DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "a\u2028b\u0085c"
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "Azure: a first chunk without choices, filter results in between, empty content",
        """
        data: {"choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}
        data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null,"content_filter_results":{}}]}
        data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}
        data: {"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{}}]}
        data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "TO-11: a filter stops the answer in the middle: what was said stays",
        """
        data: {"choices":[{"delta":{"content":"First you"}}]}
        data: {"choices":[{"delta":{},"finish_reason":"content_filter"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "First you"
        content_block_stop 0
        message_delta refusal
        message_stop
        """,
        {},
    ),
    (
        "TO-11: a filter's error object in the middle: what was said stays",
        """
        data: {"choices":[{"delta":{"content":"First you"}}]}
        data: {"error":{"code":"content_filter","message":"The response was filtered."}}
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "First you"
        content_block_stop 0
        message_delta refusal
        message_stop
        """,
        {},
    ),
    (
        "TO-11: a filter stops a call in the middle",
        """
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{\\"command\\":\\"rm"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"content_filter"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use a Bash
        input_json_delta 0
        input_json_delta 0 {"command":"rm
        content_block_stop 0
        message_delta refusal
        message_stop
        """,
        {},
    ),
    (
        "TO-11: a refusal in words",
        """
        data: {"choices":[{"delta":{"role":"assistant","content":null,"refusal":""}}]}
        data: {"choices":[{"delta":{"refusal":"I can't"}}]}
        data: {"choices":[{"delta":{"refusal":" do that."}}]}
        data: {"choices":[{"delta":{},"finish_reason":"stop"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "I can't"
        text_delta 0 " do that."
        content_block_stop 0
        message_delta refusal
        message_stop
        """,
        {},
    ),
    (
        "Mistral: content as a list of thinking and text",
        """
        data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}
        data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}
        data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[],"signature":"sig"},{"type":"text","text":"hi"}]}}]}
        data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "hm"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "hi"
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "the function_call of old, in pieces",
        """
        data: {"choices":[{"delta":{"role":"assistant","content":null,"function_call":{"name":"Bash","arguments":""}}}]}
        data: {"choices":[{"delta":{"function_call":{"arguments":"{\\"a\\""}}}]}
        data: {"choices":[{"delta":{"function_call":{"arguments":":1}"}}}]}
        data: {"choices":[{"delta":{},"finish_reason":"function_call"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 tool_use toolu_0123456789_0 Bash
        input_json_delta 0
        input_json_delta 0 {
        input_json_delta 0 "a":1
        input_json_delta 0 }
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "think tags, split between chunks",
        """
        data: {"choices":[{"delta":{"content":"<th"}}]}
        data: {"choices":[{"delta":{"content":"ink>h"}}]}
        data: {"choices":[{"delta":{"content":"m</thi"}}]}
        data: {"choices":[{"delta":{"content":"nk>\\n\\n"}}]}
        data: {"choices":[{"delta":{"content":"hi"}}]}
        data: {"choices":[{"delta":{},"finish_reason":"stop"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "h"
        thinking_delta 0 "m"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "hi"
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
        {"dialect": THINKS_ALOUD},
    ),
    (
        "a stop sequence, split over three chunks, and a call behind it",
        """
        data: {"choices":[{"delta":{"content":"one EN"}}]}
        data: {"choices":[{"delta":{"content":"D"}}]}
        data: {"choices":[{"delta":{"content":"E two"}}]}
        data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{}"}}]}}]}
        data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "one "
        content_block_stop 0
        message_delta stop_sequence "ENDE"
        message_stop
        """,
        {"plan": {"scan_stops": ("ENDE",), "stops": ("ENDE",)}},
    ),
    (
        "a stop sequence at the very start",
        """
        data: {"choices":[{"delta":{"content":"END"}}]}
        data: {"choices":[{"delta":{"content":"two"}}]}
        """,
        """
        message_start
        message_delta stop_sequence "END"
        message_stop
        """,
        {"plan": {"scan_stops": ("END",), "stops": ("END",)}},
    ),
    (
        "an error behind a stop sequence does not matter any more",
        """
        data: {"choices":[{"delta":{"content":"oneEND"}}],"error":{"message":"no"}}
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "one"
        content_block_stop 0
        message_delta stop_sequence "END"
        message_stop
        """,
        {"plan": {"scan_stops": ("END",), "stops": ("END",)}},
    ),
    (
        "Gemini: whole calls in one chunk, index 0, a signature on the first, stop in every chunk",
        """
        data: {"choices":[{"delta":{"content":"ok","role":"assistant"},"finish_reason":"stop","index":0}]}
        data: {"choices":[{"delta":{"role":"assistant","tool_calls":[{"extra_content":{"google":{"thought_signature":"Cq=="}},"function":{"arguments":"{\\"p\\":1}","name":"Read"},"id":"function-call-1","type":"function"},{"function":{"arguments":"{\\"p\\":2}","name":"Read"},"id":"function-call-2","type":"function"}]},"finish_reason":"stop","index":0}]}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 text
        text_delta 0 "ok"
        content_block_stop 0
        content_block_start 1 thinking
        signature_delta 1
        content_block_stop 1
        content_block_start 2 tool_use function-call-1 Read
        input_json_delta 2
        input_json_delta 2 {"p":1}
        content_block_stop 2
        content_block_start 3 tool_use function-call-2 Read
        input_json_delta 3
        input_json_delta 3 {"p":2}
        content_block_stop 3
        message_delta tool_use
        message_stop
        """,
        {},
    ),
    (
        "OpenRouter: reasoning and reasoning_details for the same text, an error-free end, usage last",
        """
        : OPENROUTER PROCESSING
        data: {"id":"gen-1","provider":"X","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"h","reasoning_details":[{"type":"reasoning.text","text":"h","format":"anthropic-claude-v1","index":0}]},"finish_reason":null,"native_finish_reason":null}]}
        data: {"id":"gen-1","provider":"X","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"m","reasoning_details":[{"type":"reasoning.text","text":"m","format":"anthropic-claude-v1","index":0}]},"finish_reason":null,"native_finish_reason":null}]}
        data: {"id":"gen-1","provider":"X","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":null,"reasoning_details":[{"type":"reasoning.text","signature":"sig","format":"anthropic-claude-v1","index":0}]},"finish_reason":null,"native_finish_reason":null}]}
        data: {"id":"gen-1","provider":"X","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":"stop","native_finish_reason":"end_turn"}]}
        data: {"id":"gen-1","provider":"X","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.1}}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "h"
        thinking_delta 0 "m"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "hi"
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
        {},
    ),
    (
        "the worked example: reasoning, text, two calls interleaved",
        """
        data: {"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Need both files."}}]}
        data: {"choices":[{"index":0,"delta":{"content":"Reading."}}]}
        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"Read","arguments":""}}]}}]}
        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"Read","arguments":"{\\"p\\":"}}]}}]}
        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"p\\":\\"x\\"}"}}]}}]}
        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"\\"y\\"}"}}]},"finish_reason":"tool_calls"}]}
        data: {"choices":[],"usage":{"prompt_tokens":120,"completion_tokens":40,"total_tokens":160,"prompt_tokens_details":{"cached_tokens":100}}}
        data: [DONE]
        """,
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "Need both files."
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "Reading."
        content_block_stop 1
        content_block_start 2 tool_use call_a Read
        input_json_delta 2
        input_json_delta 2 {"p":"x"}
        content_block_stop 2
        content_block_start 3 tool_use call_b Read
        input_json_delta 3
        input_json_delta 3 {
        input_json_delta 3 "p":"y
        input_json_delta 3 "}
        content_block_stop 3
        message_delta tool_use
        message_stop
        """,
        {},
    ),
]
