"""Users of all scenarios that ship, but for `mix`, in one file."""

from aimon.loadtests.scenarios import agent, chat, conversation, long_context, rag


class Asker(chat.Asker):
    """Asks short questions."""


class Reader(long_context.Reader):
    """Reads documents."""


class Partner(conversation.Partner):
    """Holds conversations."""


class Agent(agent.Agent):
    """Works with a tool."""


class Searcher(rag.Searcher):
    """Searches with vectors."""
