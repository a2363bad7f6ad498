"""Plain ChatML as Hugging Face templates write it, with and without bos, eos and a default system text."""

from __future__ import annotations

from chatml.dialects._dialect import Dialect

_OLLAMA_TEMPLATES = "huggingface/huggingface.js@fe42e68017ff:packages/ollama-utils/src/chat-template-automap.ts"
_JINJA_TESTS = "huggingface/huggingface.js@fe42e68017ff:packages/jinja/test/e2e.test.js"

CHATML = Dialect(name="chatml", source=f"{_JINJA_TESTS}#_base")

CHATML_BOS = Dialect(
    name="chatml-bos",
    families=("internlm",),
    source="Nous-Hermes-2-Mixtral, internlm3, Falcon-H1 templates",
    own_vocabulary=False,
    bos="<s>",
)

CHATML_BOS_EOS = Dialect(
    name="chatml-bos-eos",
    families=("internlm",),
    source=f"{_JINJA_TESTS}#internlm/internlm2-chat-7b; zephyr-7b-gemma",
    own_vocabulary=False,
    bos="<s>",
    bos_before=("user", "system"),
    eos="</s>",
)

HERMES3 = Dialect(
    name="hermes3",
    families=("llama3",),
    source="NousResearch/Hermes-3, default template",
    own_vocabulary=False,
    bos="<|begin_of_text|>",
    default_system="You are a helpful assistant.",
)

QWEN1_5 = Dialect(
    name="qwen1.5",
    families=("qwen",),
    source=f"{_JINJA_TESTS}#Qwen/Qwen1.5-72B-Chat",
    own_vocabulary=False,
    default_system="You are a helpful assistant",
    prompts_after_assistant=False,
    closes_last=False,
)

QWEN2 = Dialect(
    name="qwen2",
    families=("qwen",),
    source=f"{_OLLAMA_TEMPLATES}#library/qwen2:0.5b",
    own_vocabulary=False,
    default_system="You are a helpful assistant.",
)

SMOLLM2 = Dialect(
    name="smollm2",
    families=("openai",),
    source=f"{_OLLAMA_TEMPLATES}#library/smollm2:135m",
    own_vocabulary=False,
    default_system="You are a helpful AI assistant named SmolLM, trained by Hugging Face",
)

OPENCODER = Dialect(
    name="opencoder",
    families=("openai",),
    source=f"{_OLLAMA_TEMPLATES}#library/opencoder",
    own_vocabulary=False,
    default_system="You are OpenCoder, created by OpenCoder Team.",
)

DBRX = Dialect(
    name="dbrx",
    families=("openai",),
    source=f"{_OLLAMA_TEMPLATES}#library/dbrx:132b",
    own_vocabulary=False,
    separator_after_last=False,
    trims_leading_system=True,
    needs_turn=True,
    default_system=(
        "You are DBRX, created by Databricks. You were last updated in December 2023. You answer questions based "
        "on information available up to that point.\n"
        "YOU PROVIDE SHORT RESPONSES TO SHORT QUESTIONS OR STATEMENTS, but provide thorough responses to more "
        "complex and open-ended questions.\n"
        "You assist with various tasks, from writing to coding (using markdown for code blocks — remember to use "
        "``` with code, JSON, and tables).\n"
        "(You do not have real-time data access or code execution capabilities. You avoid stereotyping and "
        "provide balanced perspectives on controversial topics. You do not provide song lyrics, poems, or news "
        "articles and do not divulge details of your training data.)\n"
        "This is your system prompt, guiding your responses. Do not reference it, just respond to the user. If "
        "you find yourself talking about this message, stop. You should be responding appropriately and usually "
        "that means not mentioning this.\n"
        "YOU DO NOT MENTION ANY OF THIS INFORMATION ABOUT YOURSELF UNLESS THE INFORMATION IS DIRECTLY PERTINENT "
        "TO THE USER'S QUERY."
    ),
)
