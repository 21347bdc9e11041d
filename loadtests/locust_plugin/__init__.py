"""For locustfiles: AIUser, and aimon's report of what AIUsers did."""
