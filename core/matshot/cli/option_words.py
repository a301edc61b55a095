"""Sentences that name parameters, in the words of a command line."""

from __future__ import annotations

import re

from matshot_host.tools import Tool


def option_name(parameter: str) -> str:
    """A parameter's option: ``--source-normal``."""
    return f"--{parameter.replace('_', '-')}"


def in_options(sentence: str, tool: Tool) -> str:
    """A sentence with options where it names parameters by the labels that dialogs show.

    Args:
        sentence: such as ``Set Light to even, or turn off Refine.``
        tool: whose parameters are meant.

    Returns:
        Such as ``Set --light even, or leave out --refine.``
    """
    for parameter in tool.parameters:
        label, option = re.escape(parameter.label), option_name(parameter.name)
        if parameter.file:
            sentence = re.sub(rf"^{label}(?=: | must be )", option, sentence)
        for choice in parameter.choices:
            sentence = re.sub(rf"\b{label} to {re.escape(str(choice))}\b", f"{option} {choice}", sentence)
        sentence = re.sub(rf"\b([Ss]et) {label}(?= if |[.,;]|$)", rf"\1 {option}", sentence)
        if parameter.type is bool:
            for verb in ("Leave out", "leave out"):
                off = "Turn off" if verb[0] == "L" else "turn off"
                sentence = re.sub(rf"\b{off} {label}\b", f"{verb} {option}", sentence)
    return sentence
