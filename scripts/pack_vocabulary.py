"""Pack a vocabulary of tiktoken into the compact file that the package embeds.

    python scripts/pack_vocabulary.py cl100k_base.tiktoken chatml/encodings/data/cl100k_base.bin

The input must be one of the known files, told by its SHA-256; they come from
https://openaipublic.blob.core.windows.net/encodings/. The output is read back before it is written.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatml.encodings._embedded import ORIGINAL_SHA256, pack, unpack


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path, help="a .tiktoken file")
    parser.add_argument("output", type=Path, help="the .bin file to write")
    arguments = parser.parse_args()
    original = arguments.input.read_bytes()
    sha256 = hashlib.sha256(original).hexdigest()
    if sha256 not in ORIGINAL_SHA256.values():
        parser.error(f"{arguments.input} is not a known vocabulary, its SHA-256 is {sha256}")
    tokens = [base64.b64decode(line.split()[0]) for line in original.splitlines()]
    packed = pack(tokens, sha256)
    if original_file(unpack(packed)[0]) != original:
        parser.error(f"{arguments.input} cannot be rebuilt from its packed form")
    arguments.output.write_bytes(packed)
    print(f"{arguments.output}: {len(tokens)} tokens, {len(packed)} bytes")
    return 0


def original_file(tokens: Iterable[bytes]) -> bytes:
    """Rebuild the .tiktoken file."""
    return b"".join(b"%b %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))


if __name__ == "__main__":
    raise SystemExit(main())
