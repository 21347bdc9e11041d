"""`aimon report`, and how results of load tests are drawn on a terminal."""
