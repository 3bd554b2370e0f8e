"""Events of one camera."""
