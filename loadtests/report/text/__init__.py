"""A report in words: verdict, figures, tables; as Markdown, and as cells that pages and terminals draw."""
