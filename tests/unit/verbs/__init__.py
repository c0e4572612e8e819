"""The verbs' playbooks from start to end, on pretended hosts."""
