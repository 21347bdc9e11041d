"""What the service says of itself, of incidents, notifications, programs and balances, as metrics."""
