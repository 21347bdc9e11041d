"""Request fields that make a server write exactly max_tokens tokens by ignoring the end of the text.

Inference servers accept such fields for benchmarks; many vendors answer 400 to unknown fields. So the style is a
quirk of the server (`Quirks.exact_output`), and a call is refused if no style is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.call.call import Call, Target

# The dialects in which the servers below read these fields.
DIALECTS: Final = ("openai-chat", "openai-completions")

STYLES: Final[Mapping[str, Callable[[int], dict[str, Any]]]] = {
    # vLLM, SGLang, TensorRT-LLM: `ignore_eos` ignores the end token, `min_tokens` also stop strings.
    "min_tokens": lambda tokens: {"min_tokens": tokens, "ignore_eos": True},
    # llama.cpp, LMDeploy, SambaStack
    "ignore_eos": lambda _: {"ignore_eos": True},
}


def check(target: Target) -> None:
    """Checks that the server of a target supports it.

    Raises:
        ValueError: no style is known for the server; says what to write.
    """
    if target.dialect not in DIALECTS:
        raise ValueError(f"{target.dialect} has no field for it: use it with {' or '.join(DIALECTS)}")
    if target.quirks.exact_output is None:
        raise ValueError(
            f"{target.provider} is not known to have min_tokens or ignore_eos, and may answer 400 to them: leave it "
            "out, take --preset vllm, or write quirks: {exact_output: min_tokens} at the endpoint if its server "
            "has them"
        )


def fields(call: Call) -> dict[str, Any]:
    """The body fields of a call with `exact_output`.

    Raises:
        ValueError: see `check`.
    """
    check(call.target)
    return STYLES[call.target.quirks.exact_output or ""](call.max_tokens)
