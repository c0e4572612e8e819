"""Write the pages of docs/rules from the rules themselves, so that they can say nothing else than the code.

.venv/bin/python -m tools.rules > docs/rules/README.md      the index
.venv/bin/python -m tools.rules --pages docs/rules          a page for each rule, and none else
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path
from textwrap import dedent

from lvs_model.rules import RULES, Rule

_MADE = "<!-- Written by tools/rules.py from lvs_model/rules; do not edit. -->"

HEAD = f"""\
# Rules

{_MADE}

What is right key by key can still be wrong as a whole. These rules are asked of every inventory before any
host is contacted. A broken one is reported as `path: what is wrong: what to do [rule-id]`, all of them at
once. An **error** ends the run; a **warning** is shown, and the run goes on: some clusters are meant so.
"""


def index() -> str:
    """The index of all rules by topic."""
    lines = [HEAD]
    rules = sorted(RULES.values(), key=lambda rule: (rule.topic, rule.id))
    for topic, group in groupby(rules, key=lambda rule: rule.topic):
        lines += [f"## {topic.capitalize()}", "", "| rule | | what is wrong |", "|---|---|---|"]
        lines += [f"| [{one.id}]({one.id}.md) | {one.severity} | {one.title} |" for one in group]
        lines.append("")
    return "\n".join(lines)


def page(rule: Rule) -> str:
    """A rule's page: what, why, a wrong example, how to mend it."""
    why, wrong, mend = parts(rule)
    return "\n".join(
        [
            f"# {rule.id}",
            "",
            _MADE,
            "",
            f"**{rule.title}.** ({rule.severity.capitalize()})",
            "",
            "## Why",
            "",
            why,
            "",
            "## Wrong",
            "",
            "```yaml",
            wrong,
            "```",
            "",
            "## How to mend it",
            "",
            mend,
            "",
        ]
    )


def parts(rule: Rule) -> tuple[str, str, str]:
    """The reason, the wrong example and the remedy in a rule's text; ValueError where one is missing."""
    why, found, rest = rule.reason.partition("\n\nWrong::\n\n")
    wrong, also, mend = rest.partition("\n\nMend: ")
    if not (found and also and why and wrong and mend):
        raise ValueError(f"rule {rule.id}: its docstring needs a reason, 'Wrong::' and 'Mend:'")
    return why, dedent(wrong), mend[0].upper() + mend[1:]


def main() -> int:
    """Print the index, or write the pages."""
    parser = argparse.ArgumentParser(description="Print the index of docs/rules, or write its pages.")
    parser.add_argument("--pages", type=Path, metavar="DIR", help="write the pages into this directory")
    folder = parser.parse_args().pages
    if folder is None:
        sys.stdout.write(index())
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in (*RULES, "README")}:
        stale.unlink()
    for rule in RULES.values():
        (folder / f"{rule.id}.md").write_text(page(rule))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
