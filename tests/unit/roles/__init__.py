"""Tests of what every role promises."""
