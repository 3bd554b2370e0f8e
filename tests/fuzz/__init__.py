"""Parsers that eat what strangers send, fed with any bytes: real messages, changed, spliced and cut anywhere.

Each property is a test of the suite with a few examples, the same ones in every run; `scripts/fuzz` tries as many as wanted.
"""
