"""A real Home Assistant with the integration, the simulated recorder behind it, and clients in front: demo and tests."""
