"""The relay, with real sockets on both of its sides."""
