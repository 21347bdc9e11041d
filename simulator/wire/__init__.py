"""The wire shapes of the providers: one module a dialect, each a few functions in a `Wire` table entry."""
