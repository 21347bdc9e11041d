"""Every metric of aimon: definitions, cumulative totals, exposition, and the Pushgateway."""
