"""The keys of the configuration file: types, sections, rules, JSON Schema."""
