"""What backends really say when they refuse, and what is right to make of each: facts, one row a sentence.

A row is status, text (or the error object), and the verdict:

    Prompt(n, m)     the prompt is too long: n tokens for a window of m; 0 where nobody says
    Total(n, o, m)   prompt and output together: less output helps
    Output(c)        only so much output
    a word           the kind of failure (`translate/failure_kinds.py`), and nothing is repaired
    a dict           what is learned, and the request is made again

Sources: issues of the projects named, 2023 to 2026; the translation reference 3 and 6; docs of the backends. Where a text
is long, only the sentence that counts stands here; numbers and names are shortened.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Prompt(NamedTuple):
    """The prompt alone is too long."""

    prompt: int = 0
    window: int = 0


class Total(NamedTuple):
    """Prompt and output are too long together."""

    prompt: int
    output: int
    window: int


class Output(NamedTuple):
    """The output limit is above what the model takes."""

    limit: int


Verdict = Prompt | Total | Output | str | dict[str, Any]
Row = tuple[int, Any, Verdict]

SENT = 64_000  # max_tokens of the request all of these answer
OTHER_FIELD = {"max_tokens_field": "max_completion_tokens"}
NO_TEMPERATURE = {"drop": ["temperature"]}
BACK = {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"}
UNSIGNED = {"replay_fallback": "signed", "replay": "none"}
RESENT = {"trusts_signatures": False}
SHORT_NAMES = {"name_length": 32}
NO_PARALLEL = {"parallel_flag": False}
NO_SYSTEM = {"system_role": "user", "system_in_place": False}
STEP = {"max_output": 32_768}
SIGNED = {"call_signatures": True, "replay_required": "with_tools"}
WHOLE_ONLY = {"whole_only": True}
NO_NULL = {"null_content": False}
NO_MARKERS = {"cache_markers": "none"}
FREE_CHOICE = {"tool_choices": ["auto", "none"]}


def wrapped(said: Any) -> str:
    """Return an error as LiteLLM puts it into a sentence of its own."""
    return f"litellm.BadRequestError: OpenAIException - {json.dumps(said)}. Received Model Group=x\nFallbacks=None"


def without(*keywords: str) -> dict[str, Any]:
    """Schemas without these keywords."""
    return {"drop_schema_keywords": sorted(keywords)}


def limited(name: str, least: float, most: float) -> dict[str, Any]:
    """A sampling parameter within a range."""
    return {"ranges": {name: [least, most]}}


OVERFLOWS: dict[str, Row] = {
    "OpenAI": (400, "This model's maximum context length is 128000 tokens. However, your messages resulted in 204308 tokens. Please reduce the length of the messages.", Prompt(204308, 128000)),
    "OpenAI with tools": (400, "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens (129000 in the messages, 1000 in the functions).", Prompt(130000, 128000)),
    "OpenAI, sum": (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (5000 in the messages, 4000 in the completion). Please reduce the length of the messages or completion.", Total(5000, 4000, 8192)),
    "OpenAI, newer": (400, {"message": "Your input exceeds the context window of this model. Please adjust your input and try again.", "code": "context_length_exceeded"}, Prompt()),
    "OpenAI, configured": (400, "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 350000 tokens.", Prompt(350000, 272000)),
    "vLLM 0.16": (400, "This model's maximum context length is 262144 tokens. However, you requested 128000 output tokens and your prompt contains at least 134145 input tokens, for a total of at least 262145 tokens.", Total(134145, 128000, 262144)),
    "vLLM 0.11": (400, "'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length is 65536 tokens and your request has 5000 input tokens (64000 > 65536 - 5000).", Total(5000, 64000, 65536)),
    "vLLM engine": (400, "The decoder prompt (length 40000) is longer than the maximum model length of 32768. Make sure that `max_model_len` is no smaller.", Prompt(40000, 32768)),
    "SGLang": (400, "The input (210000 tokens) is longer than the model's context length (200000 tokens).", Prompt(210000, 200000)),
    "SGLang, sum": (400, "Requested token count exceeds the model's maximum context length of 262144 tokens. You requested a total of 270772 tokens: 206772 tokens from the input messages and 64000 tokens for the completion.", Total(206772, 64000, 262144)),
    "llama.cpp, 400": (400, {"message": "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 4390, "n_ctx": 4096}, Prompt(4390, 4096)),
    "llama.cpp, 500": (500, {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}, Prompt()),
    "llama.cpp, 503": (503, {"code": 503, "message": "Context size has been exceeded.", "type": "server_error"}, Prompt()),
    "llama.cpp, older": (500, {"code": 500, "message": "the request exceeds the available context size. try increasing the context size or enable context shift", "type": "exceed_context_size_error", "n_prompt_tokens": 1407, "n_ctx": 256}, Prompt(1407, 256)),
    "llama.cpp, old words": (429, "the request exceeds the available context size, try increasing it", Prompt()),
    "llama-cpp-python": (400, "This model's maximum context length is 2048 tokens, however you requested 2285 tokens (2185 in your prompt; 100 for the completion). Please reduce your prompt; or completion length.", Prompt(2185, 2048)),
    "llama-cpp-python, exception": (500, "Requested tokens (2285) exceed context window of 2048", Prompt(2285, 2048)),
    "LM Studio": (400, "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.", Prompt(9000, 4096)),
    "LM Studio, older": (400, "The number of tokens to keep from the initial prompt is greater than the context length.", Prompt()),
    "LM Studio, in words": (400, "Reached context length of 4096 tokens with model (arch: qwen2) that does not currently support mid-generation context overflow.", Prompt(0, 4096)),
    "Ollama": (400, "prompt too long; exceeded max context length by 12 tokens", Prompt()),
    "Ollama, input": (400, "input length exceeds maximum context length by 240 tokens", Prompt()),
    "Ollama, embeddings' words": (400, "the input length exceeds the context length", Prompt()),
    "TGI": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 65536. Given: 4000 `inputs` tokens and 64000 `max_new_tokens`", Total(4000, 64000, 65536)),
    "TGI, inputs": (422, "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000", Prompt(5000, 4095)),
    "Gemini": (400, [{"error": {"code": 400, "message": "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", "status": "INVALID_ARGUMENT"}}], Prompt(1196265, 1048575)),
    "Vertex": (400, "The input token count is 1200293 but model only supports up to 1048576.", Prompt(1200293, 1048576)),
    "xAI": (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", Prompt(537812, 131072)),
    "Groq": (400, {"message": "Please reduce the length of the messages or completion.", "code": "context_length_exceeded"}, Prompt()),
    "Cerebras": (400, "Please reduce the length of the messages or completion. Current length is 140000 while limit is 131072", Prompt(140000, 131072)),
    "Mistral": (400, "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length", Prompt(140000, 131072)),
    "Kimi": (400, "Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)", Prompt(300000, 262144)),
    "MiniMax": (400, "invalid params, context window exceeds limit (2013)", Prompt()),
    "DashScope": (400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]", Prompt(0, 129024)),
    "GLM": (400, {"code": "1261", "message": "Prompt exceeds max length"}, Prompt()),
    "Bedrock": (400, "prompt tokens (250000) exceed model maximum (200000)", Prompt(250000, 200000)),
    "Bedrock, Claude": (400, "Input is too long for requested model.", Prompt()),
    "GitHub Copilot": (400, {"message": "prompt token count of 130000 exceeds the limit of 128000", "code": "model_max_prompt_tokens_exceeded"}, Prompt(130000, 128000)),
    "GitHub Models": (413, {"code": "tokens_limit_reached", "message": "Request body too large for gpt-4.1 model. Max size: 8000 tokens."}, Prompt(0, 8000)),
    "Together": (422, "input too long: 9000 input tokens, limit is 8192", Prompt(9000, 8192)),
    "OpenRouter": (400, "This endpoint's maximum context length is 131072 tokens. However, you requested about 188000 tokens (120000 of text input, 4000 of tool input, 64000 in the output). Please reduce the length of either one, or use the context-compression plugin.", Total(124000, 64000, 131072)),
    "OpenRouter around a provider": (400, {"message": "Provider returned error", "code": 400, "metadata": {"raw": '{"error":{"message":"This model\'s maximum context length is 262144 tokens. However, your messages resulted in 262897 tokens."}}', "provider_name": "Nvidia"}}, Prompt(262897, 262144)),
    "Anthropic": (400, "prompt is too long: 208544 tokens > 200000 maximum", Prompt(208544, 200000)),
    "Anthropic, sum": (400, "input length and `max_tokens` exceed context limit: 195846 + 64000 > 204698, decrease input length or `max_tokens` and try again", Total(195846, 64000, 204698)),
    "TensorRT-LLM": (400, "The sum of prompt length (30000), query length (0) max_tokens (64000) should not exceed max_num_tokens (65536)", Total(30000, 64000, 65536)),
    "nobody's words": (400, "too many tokens in the prompt, reduce the context length", Prompt()),
    "nobody's words, with numbers": (400, "Context limit reached: the conversation has 41000 tokens, at most 32768 are supported", Prompt(41000, 32768)),
    "nobody's words, with the output": (400, "The prompt of 30000 tokens and max_tokens of 64000 exceed the context window of 65536 tokens", Total(30000, 64000, 65536)),
    "an output larger than the window": (400, "max_tokens (64000) exceeds the context window (32768)", Output(0)),
    "nobody's words, one number": (400, "max context length reached (32768)", Prompt(0, 32768)),
    "nobody's words, a slash": (400, "Context overflow: 50000/32768 tokens", Prompt(50000, 32768)),
    "a status in front": (400, "400 Bad Request: context window exceeded: 50000 tokens, 32768 allowed", Prompt(50000, 32768)),
    "vLLM, newest": (400, "Input length (50000) exceeds model's maximum context length (32768).", Prompt(50000, 32768)),
    "nobody's words, can only": (400, "Your prompt has 50000 tokens but this model can only take 32768", Prompt(50000, 32768)),
    "nobody's words, n_ctx": (400, "n_ctx (4096) too small for prompt of 5000 tokens", Prompt(5000, 4096)),
    "nobody's words, but given": (400, "This model's maximum context length is 32768 tokens, but 50000 tokens were given", Prompt(50000, 32768)),
    "nobody's words, of a request": (400, "The context length of this request (50000) is longer than 32768", Prompt(50000, 32768)),
    "nobody's words, a sum": (400, "The total tokens (prompt 30000 + max_tokens 64000 = 94000) exceed the context length 65536", Total(30000, 64000, 65536)),
    "nobody's words, a bound of the sum": (400, "inputs tokens + max_new_tokens must be <= 65536", Total(0, 64000, 65536)),
    "nobody's words, a word": (500, "ran out of context", Prompt()),
    "nobody's words, Anthropic's without numbers": (500, "prompt is too long", Prompt()),
    "OpenAI, sum with functions": (400, "This model's maximum context length is 128000 tokens. However, you requested 160100 tokens (95700 in the messages, 400 in the functions, and 64000 in the completion). Please reduce the length of the messages, functions, or completion.", Total(96100, 64000, 128000)),
    "OpenAI, functions that fill it": (400, "This model's maximum context length is 128000 tokens. However, you requested 192100 tokens (127700 in the messages, 400 in the functions, and 64000 in the completion).", Prompt(128100, 128000)),
    "LM Studio, n_keep": (400, "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)", Prompt(15028, 7424)),
    "LM Studio, older, with numbers": (400, "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 17352>= n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input.", Prompt(17352, 4096)),
    "SiliconFlow": (400, "length of prompt_tokens (57535) must be less than max_seq_len (32768)", Prompt(57535, 32768)),
    "SiliconFlow, sum": (400, "max_total_tokens (73000) must be less than or equal to max_seq_len (65536)", Total(9000, 64000, 65536)),
    "TensorRT-LLM, prompt": (400, "The sum of prompt length (9351.0), query length (0) should not exceed max_num_tokens (8192)", Prompt(9351, 8192)),
    "TensorRT-LLM, sequence": (400, "Prompt length (5056) exceeds maximum sequence length (2048)", Prompt(5056, 2048)),
    "Perplexity": (400, {"message": "Requested tokens exceed the maximum context length: 140000 > 127072", "type": "context_length"}, Prompt(140000, 127072)),
    "Cohere": (400, "too many tokens: size limit exceeded by 1000 tokens. Try using shorter or fewer inputs. The limit for this model is 128000 tokens.", Prompt(0, 128000)),
    "Cohere, without the limit": (400, "too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs, or setting prompt_truncation='AUTO'.", Prompt()),
    "llama.cpp behind OpenRouter": (400, {"message": "Provider returned error", "code": 400, "metadata": {"raw": '{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9412,"n_ctx":8192}}'}}, Prompt(9412, 8192)),
    "llama.cpp, numbers beside": (400, {"message": "the request exceeds the available context size", "detail": {"type": "exceed_context_size_error", "n_prompt_tokens": 9412, "n_ctx": 8192}}, Prompt(9412, 8192)),
    "Fireworks": (400, "The prompt is too long: 253897, model maximum context length: 163839", Prompt(253897, 163839)),
    "Mistral, newer": (400, "Prompt 262280 > 262144 maximum context length", Prompt(262280, 262144)),
    "Poolside": (400, {"code": 400, "message": "Input length 264373 exceeds the maximum allowed input length of 262112 tokens.", "type": "Bad Request"}, Prompt(264373, 262112)),
    "Volcengine Ark": (400, {"code": "OutofContextError", "message": "Total tokens of image and text exceed max message tokens. Request id: 0217", "type": "BadRequest", "param": ""}, Prompt()),
    "Volcengine Ark, older": (400, {"code": "InvalidParameter", "message": "Messages exceed max message tokens"}, Prompt()),
    "Bedrock, bytes": (400, {"message": "too many total text bytes: 9500000 > 9000000"}, Prompt()),
    "Bedrock, behind Databricks": (400, "Input is too long.", Prompt()),
    "SGLang-Omni": (400, "Request requires more tokens than the thinker KV cache can hold (input_tokens=10009, max_new_tokens=64000, required_tokens=74009, kv_capacity=32768).", Total(10009, 64000, 32768)),
    "SGLang-Omni, prompt": (400, "Request requires more tokens than the thinker KV cache can hold (input_tokens=40009, max_new_tokens=16, required_tokens=40025, kv_capacity=32768).", Prompt(40009, 32768)),
    "in Chinese": (400, "Prompt 超长", Prompt()),
    "in Chinese, a gateway's": (400, "输入内容过长，请精简后重试", Prompt()),
    "in Chinese, the window": (400, "上下文长度超过模型限制", Prompt()),
    "a code alone": (400, {"code": "context_length_exceeded", "message": "Bad request"}, Prompt()),
}  # fmt: skip

OUTPUT_LIMITS: dict[str, Row] = {
    "OpenAI": (400, "max_tokens is too large: 64000. This model supports at most 4096 completion tokens, whereas you provided 64000.", Output(4096)),
    "in words of its own": (400, "max_tokens (64000) exceeds the model's output token limit (2048)", Output(2048)),
    "a model's tag": (400, "max_tokens (64000) exceeds model's maximum output tokens (8192) for model deepseek-v4-flash:0731", Output(8192)),
    "output tokens": (400, "Requested output tokens 64000 exceed the model's limit of 2048 output tokens", Output(2048)),
    "a pair": (400, "max_tokens must be between 1 and 2048", Output(2048)),
    "Gemini, Vertex": (400, "Unable to submit request because it has a maxOutputTokens value of 64000 but the supported range is from 1 (inclusive) to 8193 (exclusive). Update the value and try again.", Output(8192)),
    "Gemini, just one over": (400, "Unable to submit request because it has a maxOutputTokens value of 64000 but the supported range is from 1 (inclusive) to 64000 (exclusive).", Output(63999)),
    "DashScope": (400, "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]", Output(8192)),
    "DeepSeek": (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", Output(8192)),
    "Groq": (400, {"message": "`max_tokens` must be less than or equal to `40960`, the maximum value for `max_tokens` is less than the `context_window` for this model", "param": "max_tokens"}, Output(40960)),
    "Groq, completion": (400, {"message": "`max_completion_tokens` must be less than or equal to `16384`, the maximum value for `max_completion_tokens` is less than the `context_window` for this model"}, Output(16384)),
    "Anthropic": (400, "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-haiku", Output(8192)),
    "Bedrock": (400, "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.", Output(4096)),
    "Fireworks": (400, "max_tokens cannot exceed 16384 for this model", Output(16384)),
    "a maximum": (400, "max_tokens: maximum value is 32,768", Output(32768)),
    "Pydantic": (422, [{"loc": ["body", "max_tokens"], "msg": "Input should be less than or equal to 8192", "type": "less_than_equal"}], Output(8192)),
    "not higher": (400, "max_completion_tokens may not be higher than 2048", Output(2048)),
    "less than": (400, "the value of max_tokens must be less than 2049", Output(2048)),
    "a bound in signs": (400, "max_new_tokens must be <= 4096", Output(4096)),
    "only the limit": (400, "This model's maximum output is 8192 tokens", Output(8192)),
    "max": (400, "max_tokens too high: got 64000, max 8192", Output(8192)),
    "greater": (400, "The requested max_tokens 64000 is greater than the maximum of 8192 allowed for this model", Output(8192)),
    "Pydantic, older": (422, "max_tokens: ensure this value is less than or equal to 8192", Output(8192)),
    "tokens of output": (400, "Requested 64000 tokens of output but the limit is 8,192", Output(8192)),
    "in camels": (400, "maxTokens must not exceed 8192", Output(8192)),
    "a dash": (400, "parameter max_tokens out of range (1-8192)", Output(8192)),
    "OpenAI, above": (400, {"message": "Invalid 'max_tokens': integer above maximum value. Expected a value <= 8192, but got 64000 instead.", "param": "max_tokens", "code": "integer_above_max_value"}, Output(8192)),
    "only param": (400, {"message": "Expected a value <= 8192, but got 64000 instead.", "param": "max_tokens"}, {"max_output": 8192}),
    "no number": (400, "max_tokens is too large", STEP),
    "no number but its own": (400, "max_completion_tokens is too large: 64000", STEP),
    "out of range": (400, "max_tokens out of range", STEP),
    "above": (400, "max_tokens is above the limit of this model", STEP),
    "invalid": (400, "Invalid value for max_tokens", STEP),
    "no number, too little": (400, "max_tokens must be greater than 0", "request"),
    "no whole number": (400, "Invalid max_tokens: must be a positive integer", "request"),
    "no number, exceeds": (400, "The requested max_tokens exceeds the model's limit", STEP),
    "a status in front": (400, "Error code: 400 - max_tokens is too large", STEP),
    "thousands": (400, "max_tokens is too large (max 8k)", Output(8000)),
    "thousands, at most": (400, "max_tokens must be at most 8K", Output(8000)),
    "thousands, both": (400, "output limit is 8k tokens, max_tokens was 64k", Output(8000)),
    "a status and a limit": (400, "Error code: 400 - max_tokens (64000) exceeds the output token limit (2048)", Output(2048)),
    "in Chinese": (400, "API 调用参数有误,max_tokens 取值范围为 [1, 8192]", Output(8192)),
    "in Chinese, at most": (400, "参数max_tokens不能超过 8192", Output(8192)),
    "LiteLLM, wrapped": (400, wrapped({"error": {"message": "max_tokens must be at most 4096"}}), Output(4096)),
    "LiteLLM, a model": (400, wrapped({"error": {"message": "max_tokens for `llama` must be less than or equal to 8000"}}), Output(8000)),
    "LiteLLM, Vertex": (400, wrapped([{"error": {"message": "Unable to submit request because it has a maxOutputTokens value of 64000 but the supported range is from 1 (inclusive) to 32769 (exclusive)."}}]), Output(32_768)),
    "LiteLLM, Pydantic": (400, wrapped({"detail": [{"loc": ["body", "max_tokens"], "msg": "Input should be less than or equal to 4096", "ctx": {"le": 4096}}]}), Output(4096)),
    "one-api, Pydantic": (400, '{"detail": [{"loc": ["body", "max_tokens"], "msg": "Input should be less than or equal to 4096"}]} (request id: 20261123)', Output(4096)),
}  # fmt: skip

LIMITS_OF_ACCOUNTS: dict[str, Row] = {
    "a month, as 400": (400, "You have exceeded your monthly token limit", "allowance"),
    "a month": (429, "You have exceeded your monthly quota (Request ID: F278)", "allowance"),
    "a day, as 400": (400, "Daily token limit exceeded. Used: 3056133, Limit: 3000000", "allowance"),
    "a day, as 402": (402, "Daily token limit exceeded Used: 3056133, Limit: 3000000", "allowance"),
    "a day, as 500": (500, "Token limit (500,000 per day) exceeded. Used: 508,311 tokens.", "allowance"),
    "a day, by its letters": (400, "TPD limit reached for this model", "allowance"),
    "a day that has a time": (429, "Rate limit reached for model `x` on tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 9m38s.", "rate"),
    "free requests of a day": (429, {"message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day", "code": 429}, "allowance"),
    "a usage limit": (400, "You have reached your specified API usage limits. Your usage limit has been reached.", "allowance"),
    "a week": (429, "You've hit your weekly usage limit", "allowance"),
    "a minute": (429, "Rate limit reached for gpt-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 4000. Please try again in 6s.", "rate"),
    "a minute, as 400": (400, "Rate limit exceeded: too many tokens per minute", "rate"),
    "a time frame": (429, "You have exceeded the maximum number of tokens allowed within a given time frame. Wait a bit and try again.", "rate"),
    "Groq, never": (413, {"message": "Request too large for model `x` on tokens per minute (TPM): Limit 8000, Requested 70000, please reduce your message size and try again.", "type": "tokens", "code": "rate_limit_exceeded"}, {"room": 2000}),
    "Groq, not by less output either": (413, {"message": "Request too large for model `x` on tokens per minute (TPM): Limit 12000, Requested 135000", "code": "rate_limit_exceeded"}, "oversized"),
    "OpenAI, never": (429, "Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested 342389. The input or output tokens must be reduced in order to run successfully.", "oversized"),
    "credits, as 400": (400, "You don't have enough credits. Your account has run out of credits.", "quota"),
    "credits": (402, "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only afford 3047.", "quota"),
    "Fireworks, suspended": (412, {"code": "precondition_failed", "message": "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices."}, "quota"),
    "xAI, no credits yet": (403, "Your newly created teams doesn't have any credits yet. You can purchase credits on https://console.x.ai", "quota"),
    "credits used up": (400, "Your credits have been exhausted", "quota"),
    "OpenAI, quota": (429, {"message": "You exceeded your current quota, please check your plan and billing details.", "code": "insufficient_quota"}, "quota"),
    "xAI": (429, "Your team has either used all available credits or reached its monthly spending limit.", "quota"),
    "DeepSeek": (402, "Insufficient Balance", "quota"),
    "LiteLLM, budget": (400, "Budget has been exceeded! Current cost: 1.2, Max budget: 1.0", "quota"),
    "Anthropic": (400, "Your credit balance is too low to access the API.", "quota"),
    "a gateway's word": (400, {"message": "You have exceeded your monthly token limit", "code": "token_limit_exceeded"}, "allowance"),
    "OpenRouter, key": (400, "Key limit exceeded (daily limit). Manage it at the settings page", "allowance"),
    "an account": (400, "Your account's token limit (1000000) has been exceeded", "allowance"),
    "an organisation": (400, "organization token limit reached for today", "allowance"),
    "a trial": (400, "Free trial token limit exceeded", "allowance"),
    "a project": (400, "Token quota exceeded for project x", "allowance"),
    "its letters, as 400": (400, "TPM limit exceeded", "rate"),
    "Vertex": (429, {"message": "Quota exceeded for online_prediction_requests_per_base_model", "status": "RESOURCE_EXHAUSTED"}, "rate"),
    "Gemini, free": (429, "You exceeded your current quota. Please retry in 23.5s.", "rate"),
}  # fmt: skip

NOT_OVERFLOWS: dict[str, Row] = {
    "in Chinese, a quota": (400, "tokens 用量已超出每日额度", "request"),
    "descriptions of tools": (400, "request is too large: tool descriptions exceed 65536 characters", "request"),
    "characters": (400, "The request is too large: input exceeds 1048576 characters", "request"),
    "an image": (400, "image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes", "request"),
    "a body": (413, "Request body too large: 41 MB, limit 32 MB", "large"),
    "too many tools": (400, "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 130 instead.", "request"),
    "a user": (400, "Invalid 'user': string too long. Expected a string with maximum length 64.", "request"),
    "the system prompt": (400, "system prompt exceeds 100000 characters", "request"),
    "a description": (400, "tools[3].function.description: string too long. Expected a string with maximum length 1024", "request"),
    "a budget": (400, "thinking budget 32000 exceeds limit 24576", "request"),
    "tokens of an image": (400, "Image too large: 9000 tokens", "request"),
    "ids": (400, "tool_use ids must be at most 64 characters long", "request"),
    "a thinking budget": (400, "`max_tokens` must be greater than `thinking.budget_tokens`", "request"),
    "a name": (404, "The model `long-context-128000` does not exist", "model"),
    "a template": (400, "Stream options can only be defined when `stream=True`", "request"),
    "no tokens at all": (400, "Invalid token in the JSON at position 4000", "request"),
    "a price": (400, "Unknown error 4000 of service 2048", "request"),
}  # fmt: skip

RENAMED: dict[str, Row] = {
    "OpenAI": (400, {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "param": "max_tokens", "code": "unsupported_parameter"}, OTHER_FIELD),
    "shorter": (400, "Use 'max_completion_tokens' instead of 'max_tokens'.", OTHER_FIELD),
    "shorter, with param": (400, {"message": "Use 'max_completion_tokens' instead of 'max_tokens'.", "param": "max_tokens"}, OTHER_FIELD),
    "no longer": (400, "max_tokens is no longer accepted; use max_completion_tokens", OTHER_FIELD),
    "deprecated": (400, "'max_tokens' is deprecated in favor of 'max_completion_tokens'", OTHER_FIELD),
    "Azure": (400, "Unrecognized request argument supplied: max_tokens", OTHER_FIELD),
    "Pydantic": (422, [{"loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}], OTHER_FIELD),
    "camelCase": (400, "Model grok-x does not support parameter maxTokens.", OTHER_FIELD),
}  # fmt: skip

SAMPLING: dict[str, Row] = {
    "OpenAI, a value": (400, {"message": "Unsupported value: 'temperature' does not support 0.16 with this model. Only the default (1) value is supported.", "param": "temperature"}, NO_TEMPERATURE),
    "OpenAI, at all": (400, {"message": "Unsupported parameter: 'temperature' is not supported with this model.", "param": "temperature"}, NO_TEMPERATURE),
    "Kimi": (400, "invalid temperature: only 1 is allowed for this model", NO_TEMPERATURE),
    "Kimi, off": (400, "invalid temperature: only 0.6 is allowed for this model", NO_TEMPERATURE),
    "one value": (400, "temperature must be 1 for this model", NO_TEMPERATURE),
    "Anthropic, thinking": (400, "`temperature` may only be set to 1 when thinking is enabled.", NO_TEMPERATURE),
    "Anthropic, newest": (400, "`temperature` is deprecated for this model.", NO_TEMPERATURE),
    "Bedrock, both": (400, "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. Please use only one.", {"both_sampling": False}),
    "Anthropic, both": (400, "temperature and top_p cannot both be specified for this model. Please use only one.", {"both_sampling": False}),
    "a range": (400, "temperature must be between 0 and 0.1", limited("temperature", 0, 0.1)),
    "a range in brackets": (400, {"message": "temperature must be in [0, 0.1]", "param": "temperature"}, limited("temperature", 0, 0.1)),
    "a range in signs": (400, "Invalid temperature: 0 <= temperature <= 0.1 expected", limited("temperature", 0, 0.1)),
    "Pydantic": (422, [{"loc": ["body", "temperature"], "msg": "Input should be less than or equal to 0.1"}], limited("temperature", 0, 0.1)),
    "TGI": (422, "Input validation error: `top_p` must be > 0.0 and < 0.5", limited("top_p", 0.01, 0.49)),
    "a least": (400, "temperature must be at least 0.5", limited("temperature", 0.5, 1)),
    "one value, in signs": (400, "Only temperature=1 is supported", NO_TEMPERATURE),
    "not configurable": (400, "temperature is not configurable", NO_TEMPERATURE),
    "not adjustable": (400, "temperature is not adjustable for this model", NO_TEMPERATURE),
    "required to be": (400, "This model requires temperature to be 1.0", NO_TEMPERATURE),
    "expected": (400, "Expected temperature 1", NO_TEMPERATURE),
    "expected to be": (400, "Expected temperature to be 1, got 0.16", NO_TEMPERATURE),
    "expected, behind the name": (400, "temperature: expected 1.0, received 0.16", NO_TEMPERATURE),
    "should be": (400, "temperature should be set to 1 for this model", NO_TEMPERATURE),
    "must equal": (400, "For this model temperature must equal 1", NO_TEMPERATURE),
    "locked": (400, "temperature is locked to 1", NO_TEMPERATURE),
    "cannot set": (400, "You cannot set temperature for this model", NO_TEMPERATURE),
    "cannot be changed": (400, "temperature cannot be changed for this model", NO_TEMPERATURE),
    "disabled": (400, "Setting temperature is disabled for this model", NO_TEMPERATURE),
    "one of two": (400, "You may only specify one of temperature or top_p", {"both_sampling": False}),
    "a value above": (400, "Invalid value for 'temperature': 0.16 is greater than the maximum of 0.1", limited("temperature", 0, 0.1)),
    "top_k": (400, "top_k must be between 1 and 20", limited("top_k", 1, 20)),
    "Cerebras": (422, "top_k: property 'top_k' is unsupported", {"drop": ["top_k"]}),
}  # fmt: skip

SCHEMAS: dict[str, Row] = {
    "one word": (400, "Unsupported JSON schema keyword: pattern", without("pattern")),
    "at a place": (400, "Invalid schema: unknown keyword minLength at $.properties.x", without("minLength")),
    "several": (400, "unsupported keyword(s): format, default", without("format", "default")),
    "several, and": (400, "JSON schema contains unsupported keywords: minimum, maximum and not", without("minimum", "maximum", "not")),
    "before the word": (400, "Invalid tool schema: the pattern keyword is not supported", without("pattern")),
    "as a subject": (400, "Invalid schema for function Look: format is not supported", without("format")),
    "in brackets": (400, "Tool schema has unsupported keywords [if, then, else]", without("if", "then", "else")),
    "Gemini": (400, "Invalid JSON payload received. Unknown name \"exclusiveMinimum\" at 'tools[0].function_declarations[0].parameters.properties[2].value': Cannot find field.", without("exclusiveMinimum")),
    "Gemini, two": (400, "Invalid JSON payload received. Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters': Cannot find field. Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[1].parameters.properties[1].value': Cannot find field.", without("$schema", "const")),
    "OpenAI": (400, {"message": "Invalid schema for function 'Look': In context=('properties', 'pattern'), 'minLength' is not permitted.", "param": "tools[0].function.parameters"}, without("minLength")),
    "OpenAI, a common word": (400, "Invalid schema for function 'Look': 'default' is not permitted.", without("default")),
    "Cerebras": (400, "Invalid fields for schema with types ['string']: {'pattern'}", without("pattern")),
    "Cerebras, limits": (400, "Invalid fields for schema with types ['array']: {'maxItems', 'minItems'}", without("maxItems", "minItems")),
    "Fireworks": (400, "JSON Schema not supported: could not understand the instance `{'propertyNames': {}}` in tool schema", without("propertyNames")),
    "llama.cpp": (400, "JSON schema conversion failed: Pattern must start with '^' and end with '$'", without("format", "pattern")),
    "LM Studio": (400, "failed to parse grammar", without("format", "pattern")),
    "llama.cpp, 500": (500, "failed to parse grammar", without("format", "pattern")),
    "a property of the client's": (400, "Invalid schema for function 'Warm': In context=('properties', 'temperature'), 'minimum' is not permitted.", without("minimum")),
    "a property with a name of ours": (400, "tools.0.function.parameters.properties.max_tokens.maximum: Extra inputs are not permitted", without("maximum")),
    "a format": (400, "Schema validation failed: format 'uri' is not supported", without("format")),
    "a list behind": (400, "The following JSON Schema keywords are not supported: pattern, format, minimum", without("pattern", "format", "minimum")),
    "in quotes": (400, 'Unsupported keywords in tool schema: "pattern", "not"', without("pattern", "not")),
    "a choice": (400, "oneOf is not supported in tool schema", without("oneOf")),
    "a choice, OpenAI": (400, "Invalid schema for function 'Look': In context=('properties', 'x'), 'anyOf' is not permitted.", without("anyOf")),
    "a choice, Gemini": (400, "reference to parameters.properties[x].any_of: schema didn't specify the schema type field. When using any_of, it must be the only field set", without("anyOf")),
    "choices": (400, "Unsupported JSON schema keywords: oneOf, anyOf and allOf", without("oneOf", "anyOf", "allOf")),
    "references": (400, "Tool schema uses $ref, which is unsupported", {"inline_refs": True}),
    "the schema of an answer": (400, {"message": "Invalid schema for response_format 'x': In context=(), 'minLength' is not permitted.", "param": "response_format"}, without("minLength")),
    "OpenAI, a format": (400, {"message": "Invalid schema for function 'git_remote': In context=('properties', 'url', 'type', '0'), 'uri' is not a valid format.", "code": "invalid_function_parameters"}, without("format")),
    "LiteLLM, Gemini": (400, wrapped([{"error": {"message": "Unknown name \"exclusiveMaximum\" at 'tools[0].function_declarations[0].parameters': Cannot find field."}}]), without("exclusiveMaximum")),
}  # fmt: skip

HISTORY: dict[str, Row] = {
    "DeepSeek": (400, "The `reasoning_content` in the thinking mode must be passed back to the API.", BACK),
    "DeepSeek, older": (400, "Missing `reasoning_content` field in the assistant message at message index 3.", BACK),
    "Kimi": (400, "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2", BACK),
    "SiliconFlow": (400, {"code": 20015, "message": "thinking is enabled but reasoning_content is missing in assistant tool call message at index 32", "data": None}, BACK),
    "Xiaomi": (400, {"code": "400", "message": "Param Incorrect", "param": "The reasoning_content in the thinking mode must be passed back to the API.", "type": ""}, BACK),
    "Gemini": (400, "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. Additional data, function call `default_api:Look` , position 2.", SIGNED),
    "Vertex": (400, "Unable to submit request because function call `default_api:Look` in the 2. content block is missing a `thought_signature`.", SIGNED),
    "Mistral, ids": (400, "Tool call id was call_0fypS1hVX but must be a-z, A-Z, 0-9, with a length of 9.", {"id_style": "mistral9"}),
    "OpenAI, ids": (400, "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 32, but got a string with length 40 instead.", {"id_length": 32}),
    "OpenAI, names": (400, "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 48, but got a string with length 60 instead.", {"name_length": 48}),
    "OpenAI, a pattern of names": (400, "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,32}$'.", SHORT_NAMES),
    "Pydantic, a pattern of names": (422, [{"loc": ["body", "tools", 0, "function", "name"], "msg": "String should match pattern '^[a-zA-Z0-9_-]{1,32}$'", "type": "string_pattern_mismatch"}], SHORT_NAMES),
    "Anthropic, a pattern of names": (400, "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,32}$'", SHORT_NAMES),
    "Anthropic, names": (400, "tools.0.custom.name: String should have at most 32 characters", SHORT_NAMES),
    "a pattern in two parts": (400, "Invalid function name: must match ^[a-zA-Z_][a-zA-Z0-9_-]{0,31}$", SHORT_NAMES),
    "names in plain words": (400, "Tool names must not be longer than 32 characters", SHORT_NAMES),
    "a name in plain words": (400, "name 'mcp__x' is too long: at most 32 characters", SHORT_NAMES),
    "a name that exceeds": (400, "The name of function 'mcp__a' exceeds 32 characters", SHORT_NAMES),
    "names of fewer": (400, "Function name 'mcp__a' must be 32 characters or fewer", SHORT_NAMES),
    "names that are shorter": (400, "tools[0].function.name: must be shorter than 33 characters", SHORT_NAMES),
    "one length above another": (400, "tool name length exceeds limit: 40 > 32", SHORT_NAMES),
    "Bedrock, names": (400, "The value at toolConfig.tools.0.toolSpec.name failed to satisfy constraint: Member must have length less than or equal to 32", SHORT_NAMES),
    "names as long as ours": (400, "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'", "request"),
    "a property's pattern": (400, "tools.0.input_schema.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,32}$'", "request"),
    "a name of a model": (400, "model name must be at most 32 characters", "request"),
    "Claude's thought": (400, "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).", {**UNSIGNED, "replay_required": "always"}),
    "Gemini, an invalid signature": (400, "Invalid thought signature", RESENT),
    "Gemini, a corrupted signature": (400, "Corrupted thought signature.", RESENT),
    "Vertex, a signature": (400, "Unable to submit request because Thought signature is not valid.", RESENT),
    "Gemini, a signature of another model": (400, "thought_signature mismatch", RESENT),
    "Gemini, no base64": (400, "Base64 decoding failed for thought_signature", RESENT),
    "Claude's signature": (400, "messages.1.content.0: Invalid `signature` in `thinking` block", RESENT),
    "OpenAI behind a gateway, its thoughts": (400, "The encrypted content gAAA... could not be verified. Reason: Encrypted content could not be decrypted or parsed.", RESENT),
    "Mistral, order": (400, "Expected last role User or Tool but got... Unexpected role 'user' after role 'tool'", {"assistant_after_tool": True}),
    "templates": (500, "Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...", {"merges_user_turns": True}),
    "Qwen on llama.cpp": (500, "While executing CallExpression at line 85: {{- raise_exception('System message must be at the beginning.') }} Error: Jinja Exception: System message must be at the beginning.", {"system_in_place": False}),
    "Qwen on vLLM": (400, "System message must be at the beginning.", {"system_in_place": False}),
    "system in the middle": (400, "messages.1.role: Input should be 'user' or 'assistant'", {"system_in_place": False}),
    "system in the middle, an enum": (400, 'Invalid option: expected one of "user"|"assistant" at "params.messages[2].role"', {"system_in_place": False}),
    "Mistral, system": (400, "Unexpected role 'system' after role 'user'", {"system_in_place": False}),
}  # fmt: skip

ABILITIES: dict[str, Row] = {
    "Ollama, tools": (400, {"message": "registry.ollama.ai/library/gemma3:4b does not support tools", "type": "api_error"}, "tools"),
    "OpenRouter, tools": (404, "No endpoints found that support tool use. To learn more about provider routing, visit the docs.", "tools"),
    "vLLM, tools": (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "tools"),
    "llama.cpp, tools": (500, "tools param requires --jinja flag", "tools"),
    "Groq, tools": (400, "`tools` are not supported with this model", "tools"),
    "function calling": (400, "Function calling is not supported for this model", "tools"),
    "DashScope, thinking": (400, "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being set to required or object in thinking mode", FREE_CHOICE),
    "DeepSeek, thinking": (400, "Thinking mode does not support this tool_choice", FREE_CHOICE),
    "Kimi, thinking": (400, "tool_choice 'required' is incompatible with thinking enabled", FREE_CHOICE),
    "GLM": (400, {"message": "Tool choice must be auto", "code": 400}, FREE_CHOICE),
    "only auto": (400, "tool_choice: only 'auto' is supported", {"tool_choices": ["auto"]}),
    "only auto and none": (400, "tool_choice only supports 'auto' and 'none'", FREE_CHOICE),
    "one form": (400, {"message": "tool_choice 'required' is not supported by this model", "param": "tool_choice"}, {"tool_choices": ["auto", "named", "none"]}),
    "OpenAI, parallel": (400, {"message": "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.", "param": "parallel_tool_calls"}, {"parallel_flag": False}),
    "a gateway, parallel": (400, "Validation error at body: Value error, parallel_tool_calls=False is not supported on this backend.", {"parallel_flag": False}),
    "parallel calls in words": (400, "This model does not support parallel tool calls", NO_PARALLEL),
    "parallel calls, the other way": (400, "Parallel tool calling is not supported by this model", NO_PARALLEL),
    "parallel functions": (400, "parallel function calling is not supported", NO_PARALLEL),
    "a gateway, stream_options": (400, {"message": "Unknown parameter: 'stream_options'. (request id: 2024)", "param": "stream_options"}, {"stream_options": False}),
    "Fireworks, stream_options": (400, "Extra inputs are not permitted, field: 'stream_options'", {"stream_options": False}),
    "Azure, stream_options": (400, "Extra parameters ['stream_options'] are not allowed when extra-parameters is not set or set to be 'error'.", {"stream_options": False}),
    "vLLM, stream_options": (400, {"message": "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted', 'input': {}}]", "type": "BadRequestError"}, {"stream_options": False}),
    "Mistral, stream_options": (422, [{"type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"], "msg": "Extra inputs are not permitted"}], {"stream_options": False}),
    "OpenAI, effort": (400, {"message": "Unsupported value: 'reasoning_effort' does not support 'high' with this model. Supported values are: 'low' and 'medium'.", "param": "reasoning_effort"}, {"efforts": ["low", "medium"]}),
    "a list in plain words": (500, "Unexpected reasoning effort high. Supported types are xhigh (default), medium, and low.", {"efforts": ["low", "medium", "xhigh"]}),
    "a list of levels": (400, 'level "high" not supported, valid levels: low, medium, xhigh', {"efforts": ["low", "medium", "xhigh"]}),
    "Gemini, effort": (400, "Invalid reasoning_effort: high. Valid values are: low, medium, none", {"efforts": ["none", "low", "medium"]}),
    "an enum": (400, "Validation error for `reasoning_effort`: expected one of `'low' | 'medium'`, received `'high'`", {"efforts": ["low", "medium"]}),
    "Cerebras, effort": (422, [{"loc": ["body", "reasoning_effort"], "msg": "Input should be 'none', 'low' or 'medium'"}], {"efforts": ["none", "low", "medium"]}),
    "Mistral, effort": (400, "reasoning_effort must be one of ['low', 'max'] for this model", {"efforts": ["low", "max"]}),
    "Groq, effort": (400, "`reasoning_effort` must be one of `none` or `default`", {"efforts": ["none"]}),
    "Copilot, effort": (400, "Reasoning effort 'high' is not supported for model 'claude-haiku-4.5'.", {"efforts": ["minimal", "low", "medium", "xhigh"]}),
    "efforts to use": (400, "reasoning_effort high not supported; use low or medium", {"efforts": ["low", "medium"]}),
    "a level": (400, "thinking level high is not supported for this model", {"efforts": ["minimal", "low", "medium", "xhigh"]}),
    "a level, through a gateway": (400, "litellm.BadRequestError: VertexAIException BadRequestError - Thinking level HIGH is not supported for this model. Please retry with other thinking level.. Received Model Group=g\nAvailable Model Group Fallbacks=None", {"efforts": ["minimal", "low", "medium", "xhigh"]}),
    "GLM, always": (400, {"code": "1210", "message": "This model always engages in thinking and cannot be disabled; please use low or max."}, {"thinks": "always", "efforts": ["low", "max"], "efforts_known": True}),
    "no thought at all": (400, "This model does not support reasoning", {"efforts": []}),
    "xAI, effort": (400, "Argument not supported on this model: reasoning_effort", {"efforts": []}),
    "Groq, no effort": (400, "`reasoning_effort` is not supported with this model", {"efforts": []}),
    "OpenAI, format": (400, {"message": "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", "param": "response_format"}, {"json_schema": "json_object"}),
    "DeepSeek, format": (400, "This response_format type is unavailable now", {"json_schema": "json_object"}),
    "Groq, format and tools": (400, "json mode cannot be combined with tool/function calling", {"with_tools": {"json_schema": "none"}}),
    "Gemini, format and tools": (400, "Function calling with a response mime type: 'application/json' is unsupported", {"with_tools": {"json_schema": "none"}}),
    "Groq, format and stream": (400, "response_format` does not support streaming", {"format_whole": True}),
    "Groq, metadata": (400, "property 'metadata' is unsupported", {"drop": ["metadata"]}),
    "Cerebras, metadata": (422, {"message": "metadata: property 'metadata' is unsupported", "param": "validation_error", "code": "wrong_api_format"}, {"drop": ["metadata"]}),
    "Azure, store": (400, "Unrecognized request argument supplied: store", {"drop": ["store"]}),
    "Mistral, store": (422, [{"type": "extra_forbidden", "loc": ["body", "store"], "msg": "Extra inputs are not permitted"}], {"drop": ["store"]}),
    "OpenAI, metadata": (400, "The 'metadata' parameter is only allowed when 'store' is enabled.", {"drop": ["metadata"]}),
    "Groq, user": (400, "property 'user' is unsupported", {"drop": ["user"]}),
    "Mistral, user": (422, [{"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra inputs are not permitted"}], {"drop": ["user"]}),
    "xAI, stop": (400, "Argument not supported on this model: stop", {"max_stops": 0}),
    "OpenAI, stop": (400, {"message": "Unsupported parameter: 'stop' is not supported with this model.", "param": "stop"}, {"max_stops": 0}),
    "a word in no quotes": (400, "user is not allowed", {"drop": ["user"]}),
    "a word that is somebody": (400, "user is not allowed to do this", "request"),
    "another word in no quotes": (400, "metadata: Extra inputs are not permitted", {"drop": ["metadata"]}),
    "several": (400, "The following parameters are not supported: temperature, top_p, user, metadata", {"drop": ["metadata", "temperature", "top_p", "user"]}),
    "several, and": (400, "Unknown parameters: 'user', 'metadata' and 'store'", {"drop": ["metadata", "store", "user"]}),
    "several, supplied": (400, "Unrecognized request arguments supplied: metadata, store", {"drop": ["metadata", "store"]}),
    "several, some with ways of their own": (400, "Unsupported parameters: reasoning_effort, parallel_tool_calls, stop, top_p", {"efforts": [], "parallel_flag": False, "max_stops": 0, "drop": ["top_p"]}),
    "several, in brackets": (400, "Extra parameters ['stream_options', 'parallel_tool_calls'] are not allowed", {"stream_options": False, "parallel_flag": False}),
    "several, LiteLLM": (400, "litellm.UnsupportedParamsError: bedrock does not support parameters: {'parallel_tool_calls': False, 'user': 'x'}, for model=m. To drop these, set `litellm.drop_params=True`", {"parallel_flag": False, "drop": ["user"]}),
    "several, semicolons": (400, "Unsupported parameters: temperature; top_p; user", {"drop": ["temperature", "top_p", "user"]}),
    "several, Pydantic": (422, [{"loc": ["body", "user"], "msg": "Extra inputs are not permitted"}, {"loc": ["body", "metadata"], "msg": "Extra inputs are not permitted"}], {"drop": ["metadata", "user"]}),
    "a field nobody sent": (400, "Unsupported parameter: 'logprobs' is not supported with this model.", "request"),
    "n nobody sent": (400, "Only one completion choice is allowed: n must be 1", "request"),
    "a price of a model": (404, "No endpoints found matching your data policy (Free model publication).", "access"),
    "parameters together": (404, "No endpoints found that can handle the requested parameters.", "request"),
    "no such model": (404, "No endpoints found for a/b.", "model"),
    "a wrong key": (400, "API key not valid. Please pass a valid API key.", "key"),
    "camelCase, effort": (400, "Model grok-4-latest does not support parameter reasoningEffort.", {"efforts": []}),
    "camelCase, an argument": (400, "Argument not supported on this model: reasoningEffort", {"efforts": []}),
    "camelCase, sampling": (400, "Model grok-x does not support parameter topP.", {"drop": ["top_p"]}),
    "camelCase, parallel": (400, "Argument not supported on this model: parallelToolCalls", NO_PARALLEL),
    "LiteLLM, a field": (400, wrapped({"error": {"message": "Unknown parameter: 'top_k'."}}), {"drop": ["top_k"]}),
    "no streams": (400, {"message": "Streaming is not supported for this model", "param": "stream", "code": "unsupported_value"}, WHOLE_ONLY),
    "no streams, a sentence": (400, "This model does not support streaming.", WHOLE_ONLY),
    "no streams, unverified": (400, {"message": "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings and click on Verify Organization.", "param": "stream", "code": "unsupported_value"}, WHOLE_ONLY),
    "no streams, a value": (400, {"message": "Unsupported value: 'stream' does not support true with this model.", "param": "stream", "code": "unsupported_value"}, WHOLE_ONLY),
    "no streams beside tools": (400, "Streaming is not supported with tools", {"with_tools": WHOLE_ONLY}),
}  # fmt: skip

SEEN: dict[str, Row] = {  # answers to a request with an image
    "OpenAI": (400, "Invalid content type. image_url is only supported by certain models.", {"images": "no"}),
    "DeepSeek": (400, "Failed to deserialize the JSON body: messages[0]: unknown variant `image_url`, expected `text`", {"images": "no"}),
    "OpenRouter": (404, "No endpoints found that support image input", {"images": "no"}),
    "OpenCode around OpenRouter": (400, "Error from provider (Console Go): Upstream request failed: [404] No endpoints found that support image input", {"images": "no"}),
    "llama.cpp": (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", {"images": "no"}),
    "Copilot": (400, "model does not support image input", {"images": "no"}),
    "vLLM": (400, "The model is not a multimodal model, image input is not supported.", {"images": "no"}),
    "vLLM, at most": (400, "At most 0 image(s) may be provided in one prompt.", {"images": "no"}),
    "Groq": (400, "'messages.0' : for 'role:user' the following must be satisfied[('messages.0.content' : value must be a string)]", {"images": "no"}),
    "one image too many": (400, "At most 1 image(s) may be provided in one prompt.", "request"),
    "a broken image": (400, "You uploaded an unsupported image: it can't be decoded.", {"images": "no"}),
}  # fmt: skip

WHOLE: dict[str, Row] = {  # answers to a request that is not streamed
    "DashScope": (400, "parameter.enable_thinking must be set to false for non-streaming calls", {"stream_only": True}),
    "DashScope, QwQ": (400, "This model only support stream mode, please enable the stream parameter to access the model.", {"stream_only": True}),
    "ModelScope": (400, "enable thinking can not be support when `stream=False`.", {"stream_only": True}),
    "a gateway": (400, "Stream must be set to true", {"stream_only": True}),
}  # fmt: skip

DEVELOPERS: dict[str, Row] = {  # answers to a request with a developer message
    "DashScope": (400, "developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.['0].role'", {"system_role": "system"}),
    "DeepSeek": (400, "Failed to deserialize the JSON body into the target type: messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`", {"system_role": "system"}),
    "Volcengine": (400, "The parameter `messages.role` specified in the request are not valid: invalid value: `developer`, supported values are: `system`, `assistant`, `user`, `tool`.", {"system_role": "system"}),
    "a gateway": (400, "invalid parameter 'messages[0].role': invalid role 'developer', must be one of: system, user, assistant, tool", {"system_role": "system"}),
}  # fmt: skip

PREFILLED: dict[str, Row] = {  # answers to a request that ends with the assistant's own words
    "Anthropic": (400, "This model does not support assistant message prefill. The conversation must end with a user message.", {"prefill": "none"}),
    "llama.cpp": (400, "Assistant response prefill is incompatible with enable_thinking.", {"prefill": "none"}),
    "vLLM": (400, "Cannot set `add_generation_prompt` to True when the last message is from the assistant.", {"prefill": "none"}),
    "DeepSeek": (400, "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on.", {"prefill": "none"}),
    "Mistral": (400, "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant", {"prefill": "none"}),
}  # fmt: skip

STRICT: dict[str, Row] = {  # answers to a request with strict functions
    "a gateway": (400, "tools.0.function.strict: extra fields not permitted", {"strict_flag": False}),
    "Groq": (400, "property 'tools[0].function.strict' is unsupported", {"strict_flag": False}),
    "OpenAI": (400, "Invalid schema for function 'Look': In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'path'.", {"strict_flag": False}),
    "OpenAI, closed": (400, "Invalid schema for function 'Look': In context=(), 'additionalProperties' is required to be supplied and to be false.", {"strict_flag": False}),
}  # fmt: skip

TEMPLATES: dict[str, Row] = {  # answers to a request with a system message and fields of templates
    "Gemma": (400, "System role not supported", NO_SYSTEM),
    "Gemma on llama.cpp": (500, "Jinja Exception: System role not supported", NO_SYSTEM),
    "Gemma at Google": (400, "Developer instruction is not enabled for models/gemma-3-27b-it", NO_SYSTEM),
    "in other words": (400, "this model does not support system messages", NO_SYSTEM),
    "Mistral's template": (400, "Only user and assistant roles are supported!", NO_SYSTEM),
    "no such role": (400, "`system` role is not available for this model", NO_SYSTEM),
    "a role in quotes": (400, "role 'system' is not supported", NO_SYSTEM),
    "at its place": (400, "messages[0].role: system is not allowed", NO_SYSTEM),
    "Pydantic": (422, [{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user' or 'assistant'"}], NO_SYSTEM),
    "a name": (400, "Unknown role: 'system'", NO_SYSTEM),
    "in the middle only": (400, "System message must be at the beginning.", "request"),
    "thinking": (400, "thinking is not allowed", {"drop": ["thinking"]}),
    "thinking, extra": (400, "thinking: Extra inputs are not permitted", {"drop": ["thinking"]}),
    "arguments of a template": (400, "chat_template_kwargs is not allowed", {"drop": ["chat_template_kwargs"]}),
}  # fmt: skip

CALLED: dict[str, Row] = {  # answers to a history with calls
    "Claude's thought": (400, "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.", {**UNSIGNED, "replay_required": "with_tools"}),
}  # fmt: skip

MARKED: dict[str, Row] = {  # answers to texts in lists, for the sake of cache markers
    "Groq": (400, "'messages.0' : for 'role:user' the following must be satisfied[('messages.0.content' : value must be a string)]", NO_MARKERS),
    "at its place": (400, "message[0].content must be a string", NO_MARKERS),
    "Pydantic": (422, [{"type": "string_type", "loc": ["body", "messages", 0, "content"], "msg": "Input should be a valid string"}], NO_MARKERS),
    "serde": (400, "Failed to deserialize the JSON body into the target type: messages[0]: invalid type: sequence, expected a string at line 1 column 100", NO_MARKERS),
    "a result": (400, "messages[2].content must be a string", {"tool_content": "text"}),
    "calls": (400, "messages[1].content must be a string", NO_NULL),
}  # fmt: skip

SILENT: dict[str, Row] = {  # answers to calls without a word
    "OpenAI's own": (400, {"message": "Invalid value for 'content': expected a string, got null.", "param": "messages.[1].content"}, NO_NULL),
    "Pydantic": (422, [{"type": "missing", "loc": ["body", "messages", 1, "content"], "msg": "Field required"}], NO_NULL),
    "a type": (422, [{"type": "string_type", "loc": ["body", "messages", 1, "content"], "msg": "Input should be a valid string"}], NO_NULL),
    "serde": (400, "messages[1]: invalid type: null, expected a string", NO_NULL),
}  # fmt: skip
