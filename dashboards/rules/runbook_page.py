"""The runbook as one page of HTML, which Prometheus itself can serve: `--web.user-assets` of the folder it is in.

So the links in alerts lead somewhere wherever Prometheus can be reached, on a phone too. Made when the rules are built.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from markdown_it import MarkdownIt

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>aimon: runbook</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 46rem; margin: 1rem auto; padding: 0 1rem; }}
code, pre {{ font-size: 90%; overflow-wrap: anywhere; white-space: pre-wrap; }}
h2 {{ border-top: 1px solid #999; padding-top: 1rem; }}
h2:target {{ background: #fe9; }}
</style>
</head>
<body>
{body}</body>
</html>
"""
# Pages that are not beside it.
_LINK: Final = re.compile(r"\[([^\]]+)\]\((?!https?:|#)[^)]+\)")


def page(markdown: str) -> str:
    """The page; each alert's entry has the alert's name in small letters as its anchor."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(_LINK.sub(r"\1", markdown))
    for token, text in itertools.pairwise(tokens):
        if (token.type, token.tag) == ("heading_open", "h2"):
            token.attrSet("id", text.content.lower())
    return _PAGE.format(body=parser.renderer.render(tokens, parser.options, {}))
