"""A mix: most users ask short questions, some read long documents, at one endpoint or at two.

Endpoints: of the short questions, and of the documents (aimon loadtest --scenario mix FAST LARGE); one serves for both.
--set chat=8 --set long_context=2 (weights), and what these two scenarios take
"""

from aimon.loadtests import endpoints, setting
from aimon.loadtests.scenarios import chat, long_context

# The last endpoint serves what is left.
FAST, LARGE = (*endpoints(), *endpoints()[-1:], None, None)[:2]


class Asker(chat.Asker):
    """Asks short questions."""

    endpoint = FAST
    weight = setting("chat", 8)


class Reader(long_context.Reader):
    """Reads documents."""

    endpoint = LARGE
    weight = setting("long_context", 2)
