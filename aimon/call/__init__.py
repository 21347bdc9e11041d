"""What is asked, and how it went: Call, Result, Outcome, and what they are made of."""
