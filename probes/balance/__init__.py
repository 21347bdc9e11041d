"""Account balances: what providers tell of them, how long they last, and when somebody has to be told."""
