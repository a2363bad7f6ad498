"""OpenAI and Azure: two documented forms, and three wires inferred from what requests were billed."""

from __future__ import annotations

from chatml.dialects._dialect import Dialect

OPENAI = Dialect(
    name="openai",
    aliases=("openai-v0",),
    source="openai/openai-python@120d225b91a8:chatml.md",
    named_header="{role} name={name}",
    prompt_has_header_end=False,
)

AZURE = Dialect(
    name="azure",
    aliases=("azure-chatml",),
    source="MicrosoftDocs/azure-ai-docs@2b6ddc5c5976:articles/ai-services/openai/how-to/chat-markup-language.md",
    content_end="\n",
    separator_after_last=False,
)

OPENAI_0301 = Dialect(
    name="openai-0301",
    source="inferred from billed prompts of gpt-3.5-turbo-0301 (openai-cookbook, How_to_count_tokens_with_tiktoken)",
    named_header="{name}",
)

OPENAI_IM_SEP = Dialect(
    name="openai-im-sep",
    source="inferred from billed prompts of gpt-3.5-turbo-0613 and later, gpt-4, gpt-4o, gpt-4.1",
    encoding="o200k_im",
    header_end="<|im_sep|>",
    separator="",
    named_header="{role}:{name}",
)

OPENAI_HARMONY = Dialect(
    name="openai-harmony",
    source="inferred from billed prompts of o3, o4-mini and gpt-5: text messages only",
    encoding="o200k_harmony",
    start="<|start|>",
    header_end="<|message|>",
    end="<|end|>",
    separator="",
    assistant_channel="<|channel|>final",
    named_header="{role}:{name}",
    prompt_has_header_end=False,
)
