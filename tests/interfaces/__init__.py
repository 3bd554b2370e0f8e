"""Tests of the interfaces package that need no privilege."""
