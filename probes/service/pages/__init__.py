"""The status page: templates, and the records of texts that they show."""
