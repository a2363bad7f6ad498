"""Dialects that write the assistant's header right behind every user turn."""

from __future__ import annotations

from chatml.dialects._dialect import Dialect

PHI4 = Dialect(
    name="phi4",
    aliases=("phi-4",),
    source="huggingface/huggingface.js@fe42e68017ff:packages/ollama-utils/src/chat-template-automap.ts#library/phi4:14b",
    header_end="<|im_sep|>",
    separator="",
    roles=("system", "user", "assistant"),
    reply_header=True,
)

YI_CODER = Dialect(
    name="yi-coder",
    families=("yi",),
    source="huggingface/huggingface.js@fe42e68017ff:packages/ollama-utils/src/chat-template-automap.ts#library/yi-coder:1.5b",
    own_vocabulary=False,
    roles=("system", "user", "assistant"),
    system_first_only=True,
    reply_header=True,
)
