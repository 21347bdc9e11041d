"""English and Chinese texts; times, durations, shares and money as people read them."""
