"""Tests of the recorder drivers."""
