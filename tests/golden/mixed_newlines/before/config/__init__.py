"""The clinic."""

VERSION = 1
