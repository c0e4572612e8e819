"""ldirectord: what its configuration cannot say."""
