"""What stands between Ansible and the model: its variables as plain data, and where they were written."""
