"""Clients of group robots and Alertmanager, shared by the bridge, the test alert and `aimon serve`."""
