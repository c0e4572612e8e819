"""heartbeat: what it needs to find out who owns the VIPs."""
