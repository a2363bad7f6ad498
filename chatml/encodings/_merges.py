"""Whether a merge list and a vocabulary by rank say the same.

Hugging Face merges a pair only if it is listed, the first listed pair first. tiktoken merges any two neighbours whose
joined bytes are a token, the lowest rank first. Both give the same ids for every text when the list is in the order of
the ranks of what it makes, and when for every token the pair is listed that tiktoken comes to when it has merged all it
can with lower ranks in the token's bytes. (Then no merge makes a pair of lower rank possible, and of the pairs that
join to a token no other ever stands side by side when the token's turn comes: both go through the same states.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_merges(ranks: dict[bytes, int], merges: Sequence[tuple[bytes, bytes]]) -> None:
    """Raise `EncodingError` unless merging by the list equals merging by rank. `ranks` holds all single bytes."""
    halves: dict[bytes, tuple[bytes, bytes]] = {}
    last = -1
    for number, (left, right) in enumerate(merges):
        token = left + right
        for part in (left, right, token):
            if part not in ranks:
                raise EncodingError(f"model.merges[{number}] needs {part!r}, which is not a token of model.vocab")
        rank = ranks[token]
        if rank < last:
            raise EncodingError(
                f"model.merges[{number}] makes the token {token!r} with id {rank} after one with id {last}",
                hint="tiktoken merges in the order of ids, so this vocabulary has no tiktoken form",
            )
        last = rank
        if token not in halves and is_last_pair(left, right, ranks, halves):
            halves[token] = left, right
    for token, rank in ranks.items():
        if len(token) > 1 and token not in halves:
            raise EncodingError(
                f"the token {token!r} with id {rank} is not what model.merges makes of its bytes",
                hint="tiktoken would use it where the file's own tokenizer does not",
            )


def is_last_pair(left: bytes, right: bytes, ranks: dict[bytes, int], halves: dict[bytes, tuple[bytes, bytes]]) -> bool:
    """Whether tiktoken, given `left + right` and only lower ranks than theirs joined, ends with just these two parts.

    `halves` holds the last pair of each token of lower rank. So each part on its own comes out whole, and what can go
    wrong is a merge across the point where they touch. Walk back through the parts that met there, undoing the younger
    one each time. The age of a part is its rank; of two with the same rank the left one is made first.
    """
    left_end = right_end = ranks[left + right]  # the rank at which the part becomes part of a longer one
    while True:
        across = ranks.get(left + right)
        if across is not None and across < left_end and across <= right_end:
            return False
        left_age = ranks[left] if len(left) > 1 else -1
        right_age = ranks[right] if len(right) > 1 else -1
        if left_age == right_age == -1:
            return True
        if left_age > right_age:
            if left not in halves:
                return False
            left_end, left = left_age, halves[left][1]
        else:
            if right not in halves:
                return False
            right_end, right = right_age, halves[right][0]
