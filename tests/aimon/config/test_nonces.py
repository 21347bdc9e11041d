"""Nonces: what makes every prompt one that no cache has."""

from __future__ import annotations

import re
import subprocess
import sys

from aimon.config.endpoint import new_nonce

# A child of each, in whose parent some are drawn already.
FORKED = """
import os
from aimon.config.endpoint import new_nonce
new_nonce()
for _ in range(2):
    if not os.fork():
        print(*[new_nonce() for _ in range(200)], flush=True)
        os._exit(0)
    os.wait()
print(*[new_nonce() for _ in range(200)])
"""


def test_a_nonce_is_eight_hex_digits_and_new() -> None:
    """Many in a row are of one form, and hardly two of them are alike."""
    nonces = [new_nonce() for _ in range(1000)]
    assert all(re.fullmatch("[0-9a-f]{8}", nonce) for nonce in nonces)
    assert len(set(nonces)) >= 998


def test_processes_that_were_forked_have_nonces_of_their_own() -> None:
    """A child does not use the ones that its parent has drawn in advance."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    nonces = done.stdout.split()
    assert len(nonces) == 600
    assert len(set(nonces)) >= 598
