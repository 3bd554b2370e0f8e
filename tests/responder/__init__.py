"""Tests of the responder."""
