"""Tests of the config_set module and the transaction below it, run natively under a root of their own."""
