"""Where people are told: group robots and Alertmanager. Shared by the bridge, the test alert and `aimon serve`."""
