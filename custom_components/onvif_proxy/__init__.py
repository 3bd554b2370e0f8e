"""Every channel of a video recorder as an ONVIF camera of its own."""
