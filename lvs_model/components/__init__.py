"""One module per component: from cluster and host to that component's part of the host's plan."""
