"""What can go wrong with interfaces; every message is a sentence for the person who asked."""


class InterfaceError(Exception):
    """Base of all."""


class RequestRefused(InterfaceError):
    """What was asked for cannot work on this host; nothing was changed."""


class KernelRefused(InterfaceError):
    """The kernel did not do a step, or did not answer."""
