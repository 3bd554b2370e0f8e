"""Tests of the simulated recorder itself: what the other tests rely on."""
