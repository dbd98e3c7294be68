"""A tokenizer's chat template, made independent of the current date."""

from __future__ import annotations

from typing import Any

from livecc.errors import LiveccError

# Some templates print today's date, but scores must not depend on it. This is the fallback date of
# Llama's templates.
FIXED_DATE = "26 Jul 2024"


def dateless_template(tokenizer: Any, source: str) -> str:
    """The tokenizer's chat template, with today's date replaced by a fixed one."""
    if not tokenizer.chat_template:
        raise LiveccError(
            f"{source}: its tokenizer has no chat template; choose an instruction-tuned chat model"
        )
    try:
        template = str(tokenizer.get_chat_template())
    except ValueError as error:
        raise LiveccError(f"{source}: its chat template cannot be used ({error})") from None
    if "strftime_now" not in template:
        return template
    # The empty expression keeps the template's own first newline, which a tag would swallow.
    macro = "{%- macro strftime_now(format) -%}" + FIXED_DATE + "{%- endmacro %}{{- '' }}"
    return macro + template
