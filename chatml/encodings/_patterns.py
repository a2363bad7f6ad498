"""Split patterns: how text is cut into pieces before byte pairs are merged, each piece on its own.

The strings are tiktoken's and those of the models' tokenizer.json files, character for character: an encoding is its
vocabulary and its pattern. They are for tiktoken's engine; its Unicode tables differ from those of `re` and `regex`.
"""

from __future__ import annotations

# What `\s` matches in tiktoken: the 25 code points of Unicode's White_Space. `str.isspace` and `re` add U+001C-U+001F.
NEWLINES = "\n\r"
BLANKS = (
    "\t\v\f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
WHITESPACE = NEWLINES + BLANKS

# tiktoken_ext/openai_public.py of tiktoken 0.14.0
CL100K = "|".join(
    (
        r"'(?i:[sdmt]|ll|ve|re)",  # English contractions
        r"[^\r\n\p{L}\p{N}]?+\p{L}++",  # a word, with one character before it
        r"\p{N}{1,3}+",
        r" ?[^\s\p{L}\p{N}]++[\r\n]*+",  # punctuation takes the line ends after it
        r"\s++$",
        r"\s*[\r\n]",  # white space up to the last line end
        r"\s+(?!\S)",  # the rest of it, less the character before a word
        r"\s",
    )
)

# the same source
O200K = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)

# Llama 3 and other files converted from cl100k; Qwen's cuts numbers into single digits
_CONTRACTION_OR_WORD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_PUNCTUATION_OR_SPACE = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = _CONTRACTION_OR_WORD + r"\p{N}{1,3}" + _PUNCTUATION_OR_SPACE
QWEN2 = _CONTRACTION_OR_WORD + r"\p{N}" + _PUNCTUATION_OR_SPACE

# The pattern inside Hugging Face's ByteLevel pre-tokenizer (GPT-2's own)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# Names that `load_encoding` takes for a pattern, beside those of the encodings
NAMED_PATTERNS = {"gpt2": GPT2, "llama3": LLAMA3, "qwen2": QWEN2}

# For each known pattern the characters of which a run is one piece: the whole run at the end of the text, the run less
# its last character before a character that is no white space. A run that a line end follows is part of a longer piece
# (GPT-2's pattern gives line ends no part of their own).
RUN_CHARACTERS = {CL100K: BLANKS, O200K: BLANKS, LLAMA3: BLANKS, QWEN2: BLANKS, GPT2: WHITESPACE}
