"""Account balances: how providers report them, how long they last, and when to notify."""
