"""Writes the table of hooks into plugins.md: ``python docs/hooks.py``. A test keeps the page and the hooks the same."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from caraval.core import hookspecs

PAGE = Path(__file__).with_name("plugins.md")
TABLE = re.compile(r"(?<=<!-- hooks: begin -->\n).*?(?=<!-- hooks: end -->)", re.DOTALL)


def table() -> str:
    """Return the table of all hooks: name, what it returns, and the first paragraph of its docstring."""
    hooks = [f for _, f in inspect.getmembers(hookspecs, inspect.isfunction) if hasattr(f, f"{hookspecs.PROJECT}_spec")]
    hooks.sort(key=lambda hook: inspect.getsourcelines(hook)[1])
    rows = ["| hook | returns | |", "|---|---|---|"]
    for hook in hooks:
        said = " ".join(inspect.getdoc(hook).partition("\n\n")[0].split()).replace("``", "`")
        rows.append(f"| `{hook.__name__}` | `{hook.__annotations__['return'].replace('|', chr(92) + '|')}` | {said} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """Return the page with the table as it is now."""
    return TABLE.sub(lambda _: table(), text)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
